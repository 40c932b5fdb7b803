"""`/schedule`: the published plan and what is proposed instead, on the lines' open hours."""

from __future__ import annotations

from dataclasses import dataclass

from mes.domain.plant import Name
from mes.store.screens.plant import SiteImage


@dataclass(frozen=True, slots=True)
class LotImage:
    """A bar: pieces of one order on one line, `setup` from when its changeover takes the line. Epoch ms."""

    order: str
    operation_seq: int
    line: str
    quantity: int
    start: int
    end: int
    setup_minutes: int
    pinned: bool


@dataclass(frozen=True, slots=True)
class WhyImage:
    """One cause of lateness with its minutes, or one fix with the minutes it saves; `detail` names what is meant."""

    cause: str
    minutes: int
    detail: dict[str, str]


@dataclass(frozen=True, slots=True)
class PlannedOrderImage:
    """How an order comes out in a plan; `late_minutes` 0 when it is in time."""

    end: int
    late_minutes: int
    causes: tuple[WhyImage, ...] = ()
    fixes: tuple[WhyImage, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanLackImage:
    """A component the plan has to wait for: how much is missing, from when, and which orders it holds."""

    item: str
    name: Name
    quantity: str
    needed_by: int
    orders: tuple[str, ...]
    receipt: str | None = None
    receipt_at: int | None = None


@dataclass(frozen=True, slots=True)
class PlanImage:
    """One version of the plan. `objective` are the cost parts; lots and orders are keyed by lot number and order."""

    id: str
    state: str
    now: int
    objective: dict[str, int]
    lots: dict[str, LotImage]
    orders: dict[str, PlannedOrderImage]
    lacks: tuple[PlanLackImage, ...]
    unplanned: dict[str, str]
    version: int | None = None
    base: str | None = None
    published_at: int | None = None
    published_by: str | None = None
    created_at: int | None = None


@dataclass(frozen=True, slots=True)
class RowImage:
    """A line's row: open intervals over the horizon, and until when its published lots are frozen."""

    name: Name
    planning: str
    frozen_until: int
    open: tuple[tuple[int, int], ...]
    closed: tuple[tuple[int, int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BoardOrderImage:
    """What the board says of an order, whatever plan it is in. `done` is good so far over its last operation."""

    number: str
    system: str
    item: str
    name: Name
    family: str
    quantity: int
    due: int
    priority: int
    status: str
    done: int


@dataclass(frozen=True, slots=True)
class RunImage:
    """The plan run that is waiting, running or was last to end."""

    id: str
    kind: str
    state: str
    automatic: bool
    requested_by: str
    requested_at: int
    reasons: tuple[str, ...]
    cost: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class BoardImage:
    """Everything `/schedule` shows. `lines` gives the order of `rows`; `proposal` is newer than `published`."""

    site: SiteImage
    lines: tuple[str, ...]
    rows: dict[str, RowImage]
    orders: dict[str, BoardOrderImage]
    published: PlanImage | None = None
    proposal: PlanImage | None = None
    run: RunImage | None = None
