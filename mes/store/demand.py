"""What a plan is made from, read in one snapshot: open orders and how far they are, how they are made, what is running.

Rows as they stand; `scheduler.load` makes the question of them. Quantities are in base units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from psycopg.rows import class_row

from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """A released order; `deliveries` are [quantity, due_at] by due date."""

    id: int
    order: str
    version: int
    item: str
    revision: str
    family: str
    quantity: Decimal
    due_at: datetime
    earliest_start_at: datetime | None
    priority: int
    has_components: bool
    has_operations: bool


@dataclass(frozen=True, slots=True)
class OrderDelivery:
    """A part of an order with its own due date."""

    order_id: int
    quantity: Decimal
    due_at: datetime


@dataclass(frozen=True, slots=True)
class RouteStep:
    """An operation of a revision (`order_id` 0) or of one order alone."""

    order_id: int
    item: str
    revision: str
    seq: int
    lines: list[str]
    seconds_per_piece: Decimal | None
    seconds_by_line: dict[str, str]
    yield_rate: Decimal
    lot_min: int
    lot_max: int | None
    transfer_minutes: int
    uninterrupted: bool
    resources: list[str]
    external: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ComponentLine:
    """A component of a revision (`order_id` 0) or of one order alone."""

    order_id: int
    item: str
    revision: str
    component: str
    quantity_per: Decimal
    scrap_fraction: Decimal
    operation_seq: int
    substitutes: list[str]


@dataclass(frozen=True, slots=True)
class Progress:
    """Pieces an order's operation is done with: all of them, and the good ones."""

    order_id: int
    operation_seq: int
    done: int
    good: int


@dataclass(frozen=True, slots=True)
class JobProgress:
    """A job with the pieces it is done with, good or not; `running`: some station works on it now."""

    job_id: int
    order: str
    operation_seq: int
    line: str
    shift_day: date
    shift: str
    quantity: int
    started_at: datetime | None
    running: bool
    done: int


@dataclass(frozen=True, slots=True)
class ExpectedReceipt:
    """What suppliers or other plants have announced and nobody has received yet; `ref` system/number/line_no."""

    ref: str
    item: str
    quantity: Decimal
    expected_at: datetime


def take_snapshot(conn: Connection) -> None:
    """Let everything this transaction reads be of one instant; must be its first statement."""
    conn.execute("set transaction isolation level repeatable read, read only")


def load_orders(conn: Connection) -> list[OpenOrder]:
    """The released orders, most urgent first."""
    with conn.cursor(row_factory=class_row(OpenOrder)) as cur:
        return cur.execute(
            """
            select o.id, o.system || '/' || o.number as "order", o.version, o.item, o.revision, i.family, o.quantity,
                   o.due_at, o.earliest_start_at, o.priority,
                   exists (select from order_component c where c.order_id = o.id) as has_components,
                   exists (select from order_operation p where p.order_id = o.id) as has_operations
            from production_order o join item i on i.code = o.item
            where o.status = 'released'
            order by o.due_at, o.priority, o.id
            """
        ).fetchall()


def load_families(conn: Connection, items: Sequence[str]) -> dict[str, str]:
    """The changeover family of items."""
    rows = conn.execute("select code, family from item where code = any(%(items)s)", {"items": list(items)})
    return dict(rows.fetchall())


def load_families_now(conn: Connection, counting: Sequence[str]) -> dict[str, str]:
    """The family each line was last set up for, line -> family, seen from the stations that count its output."""
    rows = conn.execute(
        """
        select s.line, i.family from unnest(%(counting)s::text[]) as t (station)
        cross join lateral (
            select line, order_id from job_span where station = t.station and order_id <> 0
            order by from_at desc limit 1) s
        join production_order o on o.id = s.order_id join item i on i.code = o.item
        """,
        {"counting": list(counting)},
    )
    return dict(rows.fetchall())


def load_deliveries(conn: Connection) -> list[OrderDelivery]:
    """The partial deliveries of released orders, in the order they are due."""
    with conn.cursor(row_factory=class_row(OrderDelivery)) as cur:
        return cur.execute(
            """
            select d.order_id, d.quantity, d.due_at from order_delivery d
            join production_order o on o.id = d.order_id and o.status = 'released'
            order by d.order_id, d.due_at, d.line_no
            """
        ).fetchall()


def load_routes(conn: Connection, revisions: Sequence[tuple[str, str]]) -> list[RouteStep]:
    """The operations of revisions (item, revision), and those that released orders have of their own."""
    with conn.cursor(row_factory=class_row(RouteStep)) as cur:
        return cur.execute(
            """
            select 0::int8 as order_id, p.item, p.revision, p.seq, p.lines, p.seconds_per_piece, p.seconds_by_line,
                   p.yield_rate, p.lot_min, p.lot_max, p.transfer_minutes, p.uninterrupted, p.resources, p.external
            from operation p
            join unnest(%(items)s::text[], %(revisions)s::text[]) as w (item, revision) using (item, revision)
            union all
            select p.order_id, o.item, o.revision, p.seq, p.lines, p.seconds_per_piece, p.seconds_by_line,
                   p.yield_rate, p.lot_min, p.lot_max, p.transfer_minutes, p.uninterrupted, p.resources, p.external
            from order_operation p join production_order o on o.id = p.order_id and o.status = 'released'
            order by order_id, item, revision, seq
            """,
            {"items": [item for item, _ in revisions], "revisions": [revision for _, revision in revisions]},
        ).fetchall()


def load_components(conn: Connection, revisions: Sequence[tuple[str, str]]) -> list[ComponentLine]:
    """The components of revisions (item, revision), and those that released orders have of their own."""
    with conn.cursor(row_factory=class_row(ComponentLine)) as cur:
        return cur.execute(
            """
            select 0::int8 as order_id, b.item, b.revision, b.component, b.quantity_per, b.scrap_fraction,
                   b.operation_seq, b.substitutes
            from bom_line b
            join unnest(%(items)s::text[], %(revisions)s::text[]) as w (item, revision) using (item, revision)
            union all
            select c.order_id, o.item, o.revision, c.component, c.quantity_per, c.scrap_fraction, c.operation_seq,
                   c.substitutes
            from order_component c join production_order o on o.id = c.order_id and o.status = 'released'
            order by order_id, item, revision, operation_seq, component
            """,
            {"items": [item for item, _ in revisions], "revisions": [revision for _, revision in revisions]},
        ).fetchall()


def load_progress(conn: Connection) -> list[Progress]:
    """How far the released orders are, by operation."""
    with conn.cursor(row_factory=class_row(Progress)) as cur:
        return cur.execute(
            """
            select p.order_id, p.operation_seq, p.good + p.reject as done, p.good
            from order_progress p join production_order o on o.id = p.order_id and o.status = 'released'
            order by p.order_id, p.operation_seq
            """
        ).fetchall()


def load_jobs(conn: Connection, *, from_day: date) -> list[JobProgress]:
    """Jobs of shift-days since `from_day`, and whatever older job a station works on now."""
    with conn.cursor(row_factory=class_row(JobProgress)) as cur:
        return cur.execute(
            """
            select s.job_id, o.system || '/' || o.number as "order", s.operation_seq, s.line, s.shift_day, s.shift,
                   s.quantity, s.started_at, s.state = 'running' as running, s.good + s.reject as done
            from job_state s join production_order o on o.id = s.order_id
            where s.shift_day >= %(from_day)s or s.job_id in (select job_id from job_span where to_at is null)
            order by s.line, s.shift_day, s.sequence, s.job_id
            """,
            {"from_day": from_day},
        ).fetchall()


def load_receipts(conn: Connection) -> list[ExpectedReceipt]:
    """What is still expected."""
    with conn.cursor(row_factory=class_row(ExpectedReceipt)) as cur:
        return cur.execute(
            """
            select system || '/' || number || '/' || line_no as ref, item, quantity, expected_at
            from expected_receipt where quantity > 0 order by expected_at, system, number, line_no
            """
        ).fetchall()


def load_stock(conn: Connection, locations: Sequence[str]) -> dict[str, Decimal]:
    """What lies in these places of items that somebody ever stated or counted, together."""
    rows = conn.execute(
        "select item, sum(quantity) from balance where location = any(%(locations)s) group by item order by item",
        {"locations": list(locations)},
    )
    return dict(rows.fetchall())
