"""The orders of `/orders` as rows of a table: the same figures as on the screen, without what a row opens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mes.domain.calendar import Calendar
from mes.store.pool import Connection
from mes.store.screens.orders import OrderImage, show_orders

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OrderName:
    """A product's name in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class OrderRow:
    """How far one order is; pieces. `forecast` null: not within the plan. `kit_rate` 0..1."""

    system: str
    number: str
    customer: str
    item: str
    name: OrderName
    revision: str
    unit: str
    status: str
    priority: int
    quantity: int
    good: int
    reject: int
    scrap: int
    wip: int
    due: datetime
    forecast: datetime | None
    late_minutes: int
    kit_rate: float | None
    short_of: str
    lines: str

    def is_meant(self, only: str | None, text: str) -> bool:
        """Whether the page would show it under one of its filters and with something sought."""
        kept = {"running": self.status == "running", "late": self.late_minutes > 0, "short": bool(self.short_of)}
        said = f"{self.system}/{self.number} {self.item} {self.name.zh} {self.name.en} {self.customer}".lower()
        return (only is None or kept[only]) and text.strip().lower() in said


def order_rows(conn: Connection, calendar: Calendar, at: datetime, lines: frozenset[str] | None) -> list[OrderRow]:
    """Orders that are open or were closed lately, late ones first, then by due date. `lines`: as `show_orders`."""
    rows = [_row(order) for order in show_orders(conn, calendar, at, lines).orders.values()]
    return sorted(rows, key=lambda row: (row.late_minutes <= 0, row.due))


def _row(order: OrderImage) -> OrderRow:
    return OrderRow(
        system=order.system,
        number=order.number,
        customer=order.customer or "",
        item=order.item,
        name=OrderName(order.name.zh, order.name.en),
        revision=order.revision,
        unit=order.unit,
        status=order.status,
        priority=order.priority,
        quantity=order.quantity,
        good=order.good,
        reject=order.reject,
        scrap=order.scrap,
        wip=order.wip,
        due=_instant(order.due),
        forecast=None if order.forecast is None else _instant(order.forecast),
        late_minutes=order.late_minutes,
        kit_rate=order.kit_rate,
        short_of=" ".join(order.short_of),
        lines=" ".join(order.lines),
    )


def _instant(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)
