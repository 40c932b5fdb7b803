"""Plans as they are kept: runs that ask for one, the changes they try, the lots and lines that answer.

A *plan run* is a base plan and changes to the world (a drag, a what-if, a promise, nothing at all); its answer is a
plan. Orders are named `system/number`, as everywhere outside the database. Comparing plans: `plan_diff.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from mes.domain.fields import Code, Instant, Positive, Quantity, Text

RunKind = Literal["replan", "edit", "scenario", "promise"]
RunState = Literal["waiting", "running", "done", "failed", "superseded"]
PlanState = Literal["proposed", "published", "superseded", "discarded"]


@dataclass(frozen=True, slots=True)
class RunReason:
    """Why a run is asked for: `kind` one word (order, shortage, line_down, ...), `subject` what it is about."""

    kind: str
    subject: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


# ------------------------------------------------------------------ changes of a run
@dataclass(frozen=True, slots=True)
class MoveLot:
    """A lot of the base plan goes to another line or starts at another instant; either may be left as it is."""

    lot_no: int
    line: Code | None = None
    start_at: Instant | None = None
    op: Literal["move"] = "move"

    def __post_init__(self) -> None:
        if self.line is None and self.start_at is None:
            raise ValueError("a move names a line or a start")


@dataclass(frozen=True, slots=True)
class PinLot:
    """A lot of the base plan stays where it is, or no longer does."""

    lot_no: int
    pinned: bool = True
    op: Literal["pin"] = "pin"


@dataclass(frozen=True, slots=True)
class ChangeOrder:
    """An order that is there, with other figures or left out; or, with an `item`, one that is not there yet."""

    order: Text
    item: Code | None = None
    revision: Code | None = None
    quantity: Positive | None = None
    due_at: Instant | None = None
    earliest_start_at: Instant | None = None
    priority: Annotated[int, Ge(1), Le(9)] | None = None
    left_out: bool = False
    op: Literal["order"] = "order"

    def __post_init__(self) -> None:
        if self.item is not None and self.quantity is None:
            raise ValueError("an order that is not there yet names its quantity")


@dataclass(frozen=True, slots=True)
class ChangeCalendar:
    """A line works (overtime, another shift) or stands still (maintenance, a breakdown) from .. to."""

    line: Code
    is_open: bool
    from_at: Instant
    to_at: Instant
    why: Text = ""
    op: Literal["calendar"] = "calendar"

    def __post_init__(self) -> None:
        if self.to_at <= self.from_at:
            raise ValueError("a span ends after it begins")


@dataclass(frozen=True, slots=True)
class ChangeReceipt:
    """A receipt (`ref` system/number/line_no) comes at another time or in another quantity; an unknown ref is new."""

    ref: Text
    item: Code | None = None
    quantity: Quantity | None = None
    expected_at: Instant | None = None
    op: Literal["receipt"] = "receipt"


Change = MoveLot | PinLot | ChangeOrder | ChangeCalendar | ChangeReceipt


# ------------------------------------------------------------------ the answer
@dataclass(frozen=True, slots=True)
class Lot:
    """Pieces of an operation that go over a line in one go. `wanted_at`: its start if material were no matter.

    `quantity` counts pieces that are started: the good ones and those the yield will cost.
    """

    lot_no: int
    order: str
    operation_seq: int
    line: str
    quantity: int
    setup_minutes: int
    start_at: datetime
    end_at: datetime
    wanted_at: datetime
    shift_day: date
    shift: str
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class DayLine:
    """What a line is still to make of an order in one shift, as its `sequence`-th; `made` pieces were made before."""

    order: str
    operation_seq: int
    line: str
    shift_day: date
    shift: str
    sequence: int
    quantity: int
    start_at: datetime
    end_at: datetime
    made: int = 0


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """When a plan finishes an order (None: it does not), how late that is, and what the plan took the order to be."""

    order: str
    order_version: int
    completed_at: datetime | None
    late_minutes: int
    unplanned_quantity: int = 0


@dataclass(frozen=True, slots=True)
class PlanReason:
    """A cause of lateness, or a fix that was tried: `detail` holds what a screen needs to say it."""

    order: str
    kind: Literal["cause", "fix"]
    cause: str
    detail: dict[str, Any]
    minutes: int


@dataclass(frozen=True, slots=True)
class Tentative:
    """An order of a scenario that nobody has placed yet; without `due_at` it was wanted at once, and is never late."""

    order: str
    item: str
    quantity: Decimal
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlanBody:
    """A plan whole, as it is saved and compared. `tentative` orders have lots like any other, but no jobs ever."""

    now_at: datetime
    horizon_end_at: datetime
    objective: dict[str, Any]
    lots: tuple[Lot, ...]
    lines: tuple[DayLine, ...]
    orders: tuple[PlannedOrder, ...]
    reasons: tuple[PlanReason, ...] = ()
    shortages: tuple[dict[str, Any], ...] = ()
    unplanned: tuple[dict[str, Any], ...] = ()
    tentative: tuple[Tentative, ...] = ()
    log: dict[str, Any] = field(default_factory=dict)
