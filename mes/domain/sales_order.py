"""A line of a customer's order, as the system that talks to the customer (CRM, ERP) sends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from annotated_types import Ge, Le

from mes.domain.fields import Code, CodeOrNone, Instant, Number, Quantity, SystemCode


@dataclass(frozen=True)
class SalesOrder:
    """What a customer wants, and what was promised; quantity 0 when it is no longer wanted.

    `unit` absent: the item's base unit. Production orders (and their deliveries) name it as their `customer_order`.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    item: Code
    quantity: Quantity
    due_at: Instant
    unit: CodeOrNone = ""
    system: SystemCode = ""
    number: CodeOrNone = ""
    line_no: Number = 0
    promised_at: Instant | None = None
    customer: CodeOrNone = ""
    priority: Annotated[int, Ge(1), Le(9)] = 5
    ext: dict[str, Any] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """How addresses and the audit name it."""
        return f"{self.system}/{self.number}/{self.line_no}"


@dataclass(frozen=True, slots=True)
class ServingOrder:
    """A production order that makes (some of) a sales order, and when it was last told to be done."""

    system: str
    number: str
    status: str
    quantity: Decimal
    made: Decimal
    eta_at: datetime | None


def outlook_of(wanted_by: datetime, orders: tuple[ServingOrder, ...]) -> tuple[datetime | None, int | None]:
    """When everything that serves a sales order is done, and how many minutes after `wanted_by` that is.

    Nobody knows (None, None) while nothing serves it or one of its orders has no such date; what was cancelled serves
    nothing.
    """
    serving = [order for order in orders if order.status != "cancelled"]
    ends = [order.eta_at for order in serving if order.eta_at is not None]
    if not serving or len(ends) < len(serving):
        return None, None
    last = max(ends)
    return last, max(0, round((last - wanted_by).total_seconds() / 60))
