"""`/shortages`: what will stop which line and when, who was told, and what they answered; call-offs beside it."""

from __future__ import annotations

from dataclasses import dataclass

from mes.domain.plant import Name
from mes.store.screens.plant import SiteImage


@dataclass(frozen=True, slots=True)
class AnswerImage:
    """What a system or person answered to a shortage."""

    at: int
    by: str
    answer: str
    ref: str | None = None
    quantity: str | None = None
    expected_at: int | None = None


@dataclass(frozen=True, slots=True)
class ReceiptImage:
    """A quantity that is on order."""

    number: str
    quantity: str
    expected_at: int


@dataclass(frozen=True, slots=True)
class ShortOrderImage:
    """An order the missing part holds up."""

    number: str
    quantity: str


@dataclass(frozen=True, slots=True)
class ShortageImage:
    """A shortage: need = on hand + on order in time + short. `told_at`: when its event stood in the feed."""

    item: str
    name: Name
    unit: str
    state: str
    cause: str
    short: str
    on_hand: str
    on_order: str
    need: str
    needed_by: int
    opened_at: int
    orders: tuple[ShortOrderImage, ...]
    receipts: tuple[ReceiptImage, ...]
    line: str | None = None
    told_at: int | None = None
    answer: AnswerImage | None = None
    covered_by: str | None = None
    counted_at: int | None = None


@dataclass(frozen=True, slots=True)
class ClosedImage:
    """A shortage of the last day that is over, and why."""

    item: str
    name: Name
    opened_at: int
    closed_at: int
    cause: str


@dataclass(frozen=True, slots=True)
class CallOffImage:
    """The line runs out, the plant has it: to be brought by `needed_at`. `at_line` and `in_store` are balances."""

    line: str
    location: str
    item: str
    name: Name
    unit: str
    quantity: str
    needed_at: int
    called_at: int
    called_by: str
    at_line: str
    in_store: str
    store: str | None = None


@dataclass(frozen=True, slots=True)
class ShortagesImage:
    """Everything `/shortages` shows."""

    site: SiteImage
    shortages: dict[str, ShortageImage]
    call_offs: dict[str, CallOffImage]
    closed: dict[str, ClosedImage]
