"""What is asked: lines, products, orders, supply and people, as frozen values, and their JSON file.

`read_problem` and `write_problem` are the file; a `Problem` built any other way is checked by the same rules
(`faults.py`). Instants count in whole minutes: what may begin rounds up, what must end rounds down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from mes.errors import InputError
from scheduler.faults import faults_of
from scheduler.files import NUMBER, Number, dump, read
from scheduler.plan import PlanLot

ONE = Decimal(1)
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its open intervals (shifts less breaks and closures), sorted and apart.

    `shifts` are (shift, shift-day, from, to) and only name the day of a lot; `closures` (from, to, why) only explain.
    """

    code: str
    open: tuple[Span, ...]
    family_now: str | None = None
    shifts: tuple[tuple[str, date, datetime, datetime], ...] = ()
    closures: tuple[tuple[datetime, datetime, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Setup:
    """Changeover minutes of open time from one family to another; line None: on every line."""

    line: str | None
    from_family: str = field(metadata={"json": "from"})
    to_family: str = field(metadata={"json": "to"})
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class StageLine:
    """A line that can make a stage, and its pace."""

    line: str
    seconds_per_piece: Decimal = field(metadata=NUMBER)


@dataclass(frozen=True, slots=True)
class External:
    """A stage done elsewhere: pieces are back this many minutes after they left."""

    lead_minutes: int


@dataclass(frozen=True, slots=True)
class Stage:
    """One or more operations made on one line: where, how fast, in which lots."""

    seq: int
    lines: tuple[StageLine, ...] = ()
    yield_rate: Decimal = field(default=ONE, metadata=NUMBER)
    min_lot: int = 1
    max_lot: int | None = None
    transfer_minutes: int = 0
    uninterrupted: bool = False
    resources: tuple[str, ...] = ()
    external: External | None = None


@dataclass(frozen=True, slots=True)
class Substitute:
    """An item that may stand in for a component, and how much of it a piece takes (None: as much)."""

    WRITTEN_AS: ClassVar[str] = "item"

    item: str
    qty_per: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """What a piece takes at the start of a stage (None: the first)."""

    item: str
    qty_per: Decimal
    stage: int | None = None
    substitutes: tuple[Substitute, ...] = ()

    def choices(self) -> list[tuple[str, Decimal]]:
        """The item and what may stand in for it, each with its quantity per piece."""
        return [(self.item, self.qty_per), *((s.item, s.qty_per or self.qty_per) for s in self.substitutes)]


@dataclass(frozen=True, slots=True)
class Product:
    """A revision of an item: its setup family, its stages in order, its components."""

    code: str
    stages: tuple[Stage, ...]
    revision: str | None = None
    family: str | None = None
    bom: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A part of an order with its own due date."""

    qty: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """Pieces of a stage finished before now, and how many of them are good (None: by the yield)."""

    stage: int
    qty: int
    good: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A production order: whole pieces of a product by an instant; `components` replace the product's."""

    code: str
    product: str
    qty: int
    due_at: datetime
    weight: Number = 1
    earliest_start_at: datetime | None = None
    components: tuple[Component, ...] | None = None
    deliveries: tuple[Delivery, ...] = ()
    done: tuple[Done, ...] = ()


@dataclass(frozen=True, slots=True)
class Stock:
    """What is there now; several rows of one item add up."""

    item: str
    qty: Decimal


@dataclass(frozen=True, slots=True)
class Receipt:
    """What will come, and when."""

    item: str
    qty: Decimal
    at: datetime
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Crew:
    """People shared by lines: how many a running line takes, and how many there are from each instant on."""

    code: str
    lines: dict[str, int]
    size: tuple[tuple[datetime, int], ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """Moulds or fixtures of one kind: how many, minutes to change one in, spans when none is there."""

    code: str
    count: int = 1
    change_minutes: int = 0
    unavailable: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Work called, set up or running: keeps its line, may slide right, is never moved otherwise."""

    order: str
    stage: int
    line: str
    start_at: datetime
    qty: int
    done_qty: int = 0


@dataclass(frozen=True, slots=True)
class Weights:
    """What a piece left out, a minute late, a minute of changeover, a moved lot and a minute early cost."""

    unplanned: Number = 1_000_000
    tardy_minute: Number = 1
    setup_minute: Number = 10
    move: Number = 300
    earliness_minute: Number = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything a plan depends on. Raises InputError with every fault, each with its JSON pointer."""

    name: str
    now: datetime
    horizon_end: datetime
    lines: tuple[Line, ...]
    products: tuple[Product, ...]
    orders: tuple[Order, ...]
    frozen_until: datetime | None = None
    setups: tuple[Setup, ...] = ()
    stock: tuple[Stock, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    crews: tuple[Crew, ...] = ()
    resources: tuple[Resource, ...] = ()
    under_way: tuple[UnderWay, ...] = ()
    previous: tuple[PlanLot, ...] = ()
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        faults = tuple(faults_of(self))
        if faults:
            raise InputError("The problem is not valid", faults=faults)


def read_problem(data: bytes) -> Problem:
    """The problem in a JSON file; raises InputError naming every fault by its JSON pointer."""
    return read(Problem, data)


def write_problem(problem: Problem) -> bytes:
    """The problem as its JSON file."""
    return dump(problem)
