"""Customers' orders as their owners sent them, with the production orders that serve them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from mes.domain.sales_order import SalesOrder, ServingOrder
from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class KeptSalesOrder:
    """A sales order and how often it was changed; `id` is our own number for it."""

    id: int
    order: SalesOrder
    version: int


def find_sales_order(conn: Connection, system: str, number: str, line_no: int) -> KeptSalesOrder | None:
    """One line of a customer's order."""
    return next(iter(_select(conn, system=system, number=number, line_no=line_no)), None)


def list_sales_orders(
    conn: Connection, *, system: str | None, number: str | None, after: int | None, limit: int
) -> list[KeptSalesOrder]:
    """Customers' orders in the order they were taken in."""
    return _select(conn, system=system, number=number, after=after, limit=limit)


def _select(
    conn: Connection,
    *,
    system: str | None,
    number: str | None,
    line_no: int | None = None,
    after: int | None = None,
    limit: int = 1,
) -> list[KeptSalesOrder]:
    with conn.cursor(row_factory=dict_row) as cur:
        rows = cur.execute(
            """
            select id, version, system, number, line_no, item, quantity, unit, due_at, promised_at, customer, priority,
                   ext
            from sales_order
            where (%(system)s::text is null or system = %(system)s)
              and (%(number)s::text is null or number = %(number)s)
              and (%(line_no)s::int is null or line_no = %(line_no)s)
              and (%(after)s::int8 is null or id > %(after)s)
            order by id limit %(limit)s
            """,
            {"system": system, "number": number, "line_no": line_no, "after": after, "limit": limit},
        ).fetchall()
    return [KeptSalesOrder(row.pop("id"), version=row.pop("version"), order=SalesOrder(**row)) for row in rows]


def save_sales_order(conn: Connection, order: SalesOrder, *, at: datetime) -> int:
    """Store a sales order as it now is; its version."""
    row = conn.execute(
        """
        insert into sales_order as s
            (system, number, line_no, item, quantity, unit, due_at, promised_at, customer, priority, ext, changed_at)
        values (%(system)s, %(number)s, %(line_no)s, %(item)s, %(quantity)s, %(unit)s, %(due_at)s, %(promised_at)s,
                %(customer)s, %(priority)s, %(ext)s, %(at)s)
        on conflict (system, number, line_no) do update
        set item = excluded.item, quantity = excluded.quantity, unit = excluded.unit, due_at = excluded.due_at,
            promised_at = excluded.promised_at, customer = excluded.customer, priority = excluded.priority,
            ext = excluded.ext, version = s.version + 1, changed_at = excluded.changed_at
        returning version
        """,
        asdict(order) | {"ext": Jsonb(order.ext), "at": at},
    ).fetchone()
    assert row is not None
    return int(row[0])


def serving_orders(conn: Connection, ids: Sequence[int]) -> dict[int, tuple[ServingOrder, ...]]:
    """The production orders that name each sales order, as a whole or in a delivery.

    A name without system means the production order's own; one without line means every line.
    """
    found: dict[int, list[ServingOrder]] = defaultdict(list)
    for sales_id, *order in conn.execute(
        """
        with named as (
            select id, system, customer_order as name from production_order where customer_order is not null
            union
            select o.id, o.system, d.sales_order from order_delivery d join production_order o on o.id = d.order_id
            where d.sales_order is not null
        )
        select distinct s.id, o.system, o.number, o.status, o.quantity, coalesce(p.good, 0)::numeric, e.eta_at
        from sales_order s
        join named n on n.name ->> 'number' = s.number
                    and coalesce(nullif(n.name ->> 'system', ''), n.system) = s.system
                    and coalesce((n.name ->> 'line_no')::int, s.line_no) = s.line_no
        join production_order o on o.id = n.id
        left join lateral (
            select good from order_progress where order_id = o.id order by operation_seq desc limit 1
        ) p on true
        left join lateral (select eta_at from order_eta where order_id = o.id order by id desc limit 1) e on true
        where s.id = any(%(ids)s) order by s.id, o.system, o.number
        """,
        {"ids": list(ids)},
    ):
        found[sales_id].append(ServingOrder(*order))
    return {sales_id: tuple(found[sales_id]) for sales_id in ids}
