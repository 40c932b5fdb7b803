"""The production order as its owner sends it, and what a change of it means to what is already made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from mes.domain.exchange import content_sha256
from mes.domain.fields import Code, CodeOrNone, Instant, Number, Positive, SystemCode
from mes.domain.product import BomLine, Operation, bom_faults, routing_faults
from mes.errors import Fault

OrderStatus = Literal["forecast", "released", "held", "cancelled", "closed"]


@dataclass(frozen=True, slots=True)
class CustomerOrder:
    """The customer's order behind a production order or one of its deliveries."""

    number: Code
    system: CodeOrNone = ""
    line_no: Number | None = None
    customer: CodeOrNone = ""
    promised_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A part of an order that is due by itself."""

    quantity: Positive
    due_at: Instant
    sales_order: CustomerOrder | None = None


@dataclass(frozen=True)
class ProductionOrder:
    """What is to be made, how much, by when. `system` and `number` are filled in from the address it was put at.

    `components` and `operations`, where given, win over those of the revision. Without a revision the item's released
    one is taken; with components of its own and no revision, their hash is the revision.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    item: Code
    quantity: Positive
    unit: Code
    due_at: Instant
    system: SystemCode = ""
    number: CodeOrNone = ""
    revision: Code | None = None
    components: tuple[BomLine, ...] = ()
    operations: tuple[Operation, ...] = ()
    earliest_start_at: Instant | None = None
    deliveries: tuple[Delivery, ...] = ()
    priority: Annotated[int, Ge(1), Le(9)] = 5
    status: OrderStatus = "released"
    customer_order: CustomerOrder | None = None
    system_version: CodeOrNone | None = None
    ext: dict[str, Any] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """How events and addresses name it."""
        return f"{self.system}/{self.number}"

    @property
    def sha256(self) -> str:
        """The hash of what it says."""
        return content_sha256(asdict(self))

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the document by itself."""
        yield from routing_faults(self.operations, "/operations")
        yield from bom_faults(self.components, self.operations, "/components")
        if sum((part.quantity for part in self.deliveries), Decimal(0)) > self.quantity:
            yield Fault("/deliveries", "quantity", "the deliveries are more than the order's quantity")


@dataclass(frozen=True, slots=True)
class Made:
    """How far an order is: good pieces of its last operation, and pieces begun but not finished."""

    good: Decimal
    in_progress: Decimal

    @property
    def begun(self) -> bool:
        return bool(self.good or self.in_progress)


def life_after(wanted: OrderStatus, made: Made) -> OrderStatus:
    """What an order becomes: what is cancelled after pieces were made is closed at what was made."""
    return "closed" if wanted == "cancelled" and made.begun else wanted


def content_revision(components: tuple[BomLine, ...], operations: tuple[Operation, ...]) -> str:
    """The revision of an order that names none: the hash of its own component list and operations."""
    return "#" + content_sha256([[asdict(line) for line in components], [asdict(op) for op in operations]])[:12]
