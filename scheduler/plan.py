"""What is answered: lots with their times, day rows, orders with reasons, shortages, and the plan's JSON file."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from scheduler.files import Number, dump, read


@dataclass(frozen=True, slots=True)
class Used:
    """Pieces of a lot made with a substitute: instead of which item, with which, how much of it."""

    item: str
    used: str
    qty: Decimal


@dataclass(frozen=True, slots=True)
class PlanLot:
    """Pieces of one stage of an order made in one go on a line (None: outside the plant).

    `setup_minutes` of open time lie before `start_at`. `wanted_at` is the start if material were no matter. `pinned`
    lots, when handed back as `previous`, keep line and start.
    """

    order: str
    stage: int
    line: str | None
    start_at: datetime
    end_at: datetime
    qty: int
    setup_minutes: int = 0
    wanted_at: datetime | None = None
    pinned: bool = False
    substitutes: tuple[Used, ...] = ()


@dataclass(frozen=True, slots=True)
class Objective:
    """What a plan costs, each part weighted; `total` is their sum."""

    total: Number = 0
    tardiness: Number = 0
    setup: Number = 0
    moves: Number = 0
    unplanned: Number = 0
    earliness: Number = 0


@dataclass(frozen=True, slots=True)
class DayRow:
    """Pieces of an order a line makes in one shift (None: no shifts given, the day is UTC's)."""

    line: str
    day: date
    shift: str | None
    sequence: int
    order: str
    stage: int
    qty: int
    start_at: datetime | None = None
    end_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Minutes an order waited for one cause, and for what: an order, a changeover, a component, a line."""

    cause: str
    detail: str
    minutes: int


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that was tried by solving again, and what it did.

    `kind` is overtime, receipt_earlier, receipt_added, reopen or first; `target` the line, receipt or order; `minutes`
    how much; `tardy_minutes` and `short_qty` are the order's then; `on_time_orders` more are on time; `total` is the
    change of cost.
    """

    kind: str
    target: str
    minutes: int
    tardy_minutes: int
    short_qty: int
    on_time_orders: int
    total: Number
    from_at: datetime | None = None
    to_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """When an order's last planned piece is finished, how late that is, why, and what would help."""

    code: str
    completed_at: datetime | None
    tardy_minutes: int
    reasons: tuple[Reason, ...] = ()
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True, slots=True)
class ShortOrder:
    """An order that misses `qty` of a component, and the minutes that adds to its tardiness."""

    order: str
    qty: Decimal
    added_minutes: int
    revision: str | None


@dataclass(frozen=True, slots=True)
class CoveringReceipt:
    """The receipt that ends a shortage."""

    ref: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Shortage:
    """A component that supply does not cover when the lines could use it; `receipt` None: nothing covers it."""

    item: str
    qty: Decimal
    needed_by: datetime
    receipt: CoveringReceipt | None
    revision: str | None
    orders: tuple[ShortOrder, ...]


@dataclass(frozen=True, slots=True)
class Unplanned:
    """Pieces of an order that no line makes in this plan, and why."""

    order: str
    qty: int
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Log:
    """How the plan came about: starts and their cost, cost over seconds (or work), versions."""

    seed: int = 0
    seconds: float = 0.0
    starts: dict[str, Number] = field(default_factory=dict)
    history: tuple[tuple[Number, Number], ...] = ()
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """An answer: every order is in it, planned or unplanned with its reason."""

    status: str
    objective: Objective
    lots: tuple[PlanLot, ...] = ()
    daily: tuple[DayRow, ...] = ()
    orders: tuple[PlannedOrder, ...] = ()
    shortages: tuple[Shortage, ...] = ()
    unplanned: tuple[Unplanned, ...] = ()
    log: Log = field(default_factory=Log)


def read_plan(data: bytes) -> Plan:
    """The plan in a JSON file; raises InputError naming every fault by its JSON pointer."""
    return read(Plan, data)


def write_plan(plan: Plan) -> bytes:
    """The plan as its JSON file."""
    return dump(plan)
