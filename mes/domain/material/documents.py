"""What is said of material: statements of stock, expected receipts, movements, call-offs, answers to shortages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from mes.domain.fields import ClientId, Code, CodeOrNone, Count, Instant, Number, Positive, Quantity, SystemCode, Text
from mes.errors import Fault

MovementKind = Literal["receive", "issue", "return", "transfer", "adjust", "component_reject", "count"]


@dataclass(frozen=True, slots=True)
class StockLine:
    """What lies there of one item (and lot)."""

    item: Code
    on_hand: Quantity
    unit: Code
    lot: CodeOrNone = ""
    reserved: Quantity = Decimal(0)


@dataclass(frozen=True)
class StockStatement:
    """What a system says lies at a location at `as_of`. It speaks only of the items it lists.

    `applied_through`: the feed cursor up to which production reports are included (absent: what this key had read by
    `as_of`).
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    as_of: Instant
    lines: tuple[StockLine, ...]
    location: CodeOrNone = ""
    applied_through: Number | None = None

    def faults(self) -> Iterator[Fault]:
        """Items stated twice."""
        times = Counter((line.item, line.lot) for line in self.lines)
        for index, line in enumerate(self.lines):
            if times[line.item, line.lot] > 1:
                yield Fault(f"/lines/{index}/item", "duplicate", f"{line.item} is stated more than once")


@dataclass(frozen=True)
class ExpectedReceipt:
    """Goods on their way; quantity 0 when they are no longer (arrived, cancelled)."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    item: Code
    quantity: Quantity
    unit: Code
    expected_at: Instant
    system: SystemCode = ""
    number: CodeOrNone = ""
    line_no: Number = 0
    ext: dict[str, Any] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        return f"{self.system}/{self.number}/{self.line_no}"


@dataclass(frozen=True)
class Movement:
    """Material moved by somebody: from a location, to one, or both. A `count` says what lies at `to_location`.

    `unit` absent: the item's base unit. `at` absent: now.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    kind: MovementKind
    item: Code
    quantity: Quantity
    client_id: ClientId | None = None
    unit: CodeOrNone = ""
    lot: CodeOrNone = ""
    from_location: CodeOrNone = ""
    to_location: CodeOrNone = ""
    at: Instant | None = None
    job_id: Count | None = None
    note: Text = ""

    def faults(self) -> Iterator[Fault]:
        """Ends that its kind needs and it lacks, or has and may not."""
        needs = {"transfer": (True, True), "receive": (False, True), "count": (False, True), "issue": (True, False)}
        for key, code, needed in zip(
            ("from_location", "to_location"),
            (self.from_location, self.to_location),
            needs.get(self.kind, (False, False)),
            strict=True,
        ):
            if needed and not code:
                yield Fault(f"/{key}", "missing", f"{self.kind} names its {key}")
        if not (self.from_location or self.to_location):
            yield Fault("/from_location", "missing", "a movement comes from or goes to a location")
        if self.from_location and self.from_location == self.to_location:
            yield Fault("/to_location", "same", "a movement ends elsewhere than it begins")
        if self.kind == "count" and self.from_location:
            yield Fault("/from_location", "misplaced", "a count is made at its to_location")
        if self.kind != "count" and not self.quantity:
            yield Fault("/quantity", "zero", "a movement moves something")


@dataclass(frozen=True)
class CallOffDocument:
    """A line asks for material the plant has (叫料). `location` absent: the line's own."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    line: Code
    item: Code
    quantity: Positive
    client_id: ClientId | None = None
    unit: CodeOrNone = ""
    location: CodeOrNone = ""
    needed_at: Instant | None = None


@dataclass(frozen=True)
class DeliveryDocument:
    """A call-off was brought: how much (absent: what was called), from where (absent: the plant's first store)."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    client_id: ClientId | None = None
    quantity: Positive | None = None
    from_location: CodeOrNone = ""
    at: Instant | None = None
    lot: CodeOrNone = ""


@dataclass(frozen=True)
class AnswerDocument:
    """What whoever buys answers to a shortage."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    answer: Text
    client_id: ClientId | None = None
    ref: CodeOrNone = ""
    quantity: Positive | None = None
    expected_at: Instant | None = None
