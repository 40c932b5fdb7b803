"""Production orders as their owners sent them, and how far they are. Quantities are in the item's base unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString

from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb

from mes.domain.exchange import plain
from mes.domain.order_document import CustomerOrder, Delivery, Made, ProductionOrder
from mes.store.pool import Connection
from mes.store.product import bom_line_of, bom_row, operation_of, operation_row


@dataclass(frozen=True, slots=True)
class KeptOrder:
    """An order as it is kept. `id` is our own number for it, `sha256` the hash of the document as it was sent."""

    id: int
    order: ProductionOrder
    sha256: str
    version: int
    accepted_at: datetime
    changed_at: datetime


# ------------------------------------------------------------------ documents
def load_order(conn: Connection, system: str, number: str) -> KeptOrder | None:
    """One order by its owner's number."""
    with conn.cursor(row_factory=dict_row) as cur:
        row = cur.execute(
            "select * from production_order where system = %(system)s and number = %(number)s",
            {"system": system, "number": number},
        ).fetchone()
    return None if row is None else _kept_orders(conn, [row])[0]


def load_orders(conn: Connection, order_ids: Sequence[int]) -> list[KeptOrder]:
    """Orders by our own numbers, in that order."""
    with conn.cursor(row_factory=dict_row) as cur:
        rows = cur.execute(
            "select * from production_order where id = any(%(ids)s) order by id", {"ids": list(order_ids)}
        ).fetchall()
    return _kept_orders(conn, rows)


def _kept_orders(conn: Connection, rows: Sequence[DictRow]) -> list[KeptOrder]:
    ids = {"ids": [row["id"] for row in rows]}
    parts: dict[str, dict[int, list[DictRow]]] = {}
    with conn.cursor(row_factory=dict_row) as cur:
        for table, statement in _PARTS.items():
            found = parts[table] = defaultdict(list)
            for part in cur.execute(statement, ids):
                found[part["order_id"]].append(part)
    return [
        _kept_order(row, parts["component"][row["id"]], parts["operation"][row["id"]], parts["delivery"][row["id"]])
        for row in rows
    ]


_PARTS: dict[str, LiteralString] = {
    "component": "select * from order_component where order_id = any(%(ids)s) order by order_id, line_no",
    "operation": "select * from order_operation where order_id = any(%(ids)s) order by order_id, seq",
    "delivery": "select * from order_delivery where order_id = any(%(ids)s) order by order_id, line_no",
}


def _kept_order(
    row: DictRow, components: Sequence[DictRow], operations: Sequence[DictRow], deliveries: Sequence[DictRow]
) -> KeptOrder:
    order = ProductionOrder(
        system=row["system"],
        number=row["number"],
        item=row["item"],
        revision=row["revision"],
        quantity=row["quantity"],
        unit=row["unit"],
        earliest_start_at=row["earliest_start_at"],
        due_at=row["due_at"],
        priority=row["priority"],
        status=row["status"],
        customer_order=customer_order_of(row["customer_order"]),
        system_version=row["system_version"],
        components=tuple(bom_line_of(line) for line in components),
        operations=tuple(operation_of(step) for step in operations),
        deliveries=tuple(
            Delivery(part["quantity"], part["due_at"], customer_order_of(part["sales_order"])) for part in deliveries
        ),
        ext=row["ext"],
    )
    return KeptOrder(row["id"], order, row["sha256"], row["version"], row["accepted_at"], row["changed_at"])


def customer_order_of(document: dict[str, Any] | None) -> CustomerOrder | None:
    """A customer's order from its stored document."""
    if document is None:
        return None
    promised = document.get("promised_at")
    return CustomerOrder(**document | {"promised_at": None if promised is None else datetime.fromisoformat(promised)})


def save_order(conn: Connection, order: ProductionOrder, *, sha256: str, at: datetime) -> tuple[int, int]:
    """Store an order as it now is, its lines with it; its id and version."""
    row = conn.execute(
        """
        insert into production_order as o (system, number, item, revision, quantity, unit, earliest_start_at, due_at,
            priority, status, customer_order, system_version, ext, sha256, accepted_at, changed_at)
        values (%(system)s, %(number)s, %(item)s, %(revision)s, %(quantity)s, %(unit)s, %(earliest_start_at)s,
            %(due_at)s, %(priority)s, %(status)s, %(customer_order)s, %(system_version)s, %(ext)s, %(sha256)s,
            %(at)s, %(at)s)
        on conflict (system, number) do update
        set item = excluded.item, revision = excluded.revision, quantity = excluded.quantity, unit = excluded.unit,
            earliest_start_at = excluded.earliest_start_at, due_at = excluded.due_at, priority = excluded.priority,
            status = excluded.status, customer_order = excluded.customer_order,
            system_version = excluded.system_version, ext = excluded.ext, sha256 = excluded.sha256,
            version = o.version + 1, changed_at = excluded.changed_at
        returning id, version
        """,
        {
            "system": order.system,
            "number": order.number,
            "item": order.item,
            "revision": order.revision,
            "quantity": order.quantity,
            "unit": order.unit,
            "earliest_start_at": order.earliest_start_at,
            "due_at": order.due_at,
            "priority": order.priority,
            "status": order.status,
            "customer_order": _document(order.customer_order),
            "system_version": order.system_version,
            "ext": Jsonb(order.ext),
            "sha256": sha256,
            "at": at,
        },
    ).fetchone()
    assert row is not None
    order_id, version = int(row[0]), int(row[1])
    if version > 1:
        _drop_lines(conn, order_id)
    _save_lines(conn, order_id, order)
    return order_id, version


def _document(customer_order: CustomerOrder | None) -> Jsonb | None:
    return None if customer_order is None else Jsonb(plain(asdict(customer_order)))


def _drop_lines(conn: Connection, order_id: int) -> None:
    key = {"order_id": order_id}
    conn.execute("delete from order_component where order_id = %(order_id)s", key)
    conn.execute("delete from order_operation where order_id = %(order_id)s", key)
    conn.execute("delete from order_delivery where order_id = %(order_id)s", key)


def _save_lines(conn: Connection, order_id: int, order: ProductionOrder) -> None:
    """The order's own lines. Most orders have none, and then nothing is asked of the database."""
    if not (order.components or order.operations or order.deliveries):
        return
    key = {"order_id": order_id}
    with conn.cursor() as cur:
        cur.executemany(
            """
            insert into order_component (order_id, line_no, component, quantity_per, unit, scrap_fraction,
                                         operation_seq, substitutes)
            values (%(order_id)s, %(line_no)s, %(component)s, %(quantity_per)s, %(unit)s, %(scrap_fraction)s,
                    %(operation_seq)s, %(substitutes)s)
            """,
            [key | bom_row(line) for line in order.components],
        )
        cur.executemany(
            """
            insert into order_operation (order_id, seq, code, name, lines, seconds_per_piece, seconds_by_line,
                                         yield_rate, lot_min, lot_max, transfer_minutes, uninterrupted, resources,
                                         external)
            values (%(order_id)s, %(seq)s, %(code)s, %(name)s, %(lines)s, %(seconds_per_piece)s, %(seconds_by_line)s,
                    %(yield_rate)s, %(lot_min)s, %(lot_max)s, %(transfer_minutes)s, %(uninterrupted)s, %(resources)s,
                    %(external)s)
            """,
            [key | operation_row(step) for step in order.operations],
        )
        cur.executemany(
            """
            insert into order_delivery (order_id, line_no, sales_order, quantity, due_at)
            values (%(order_id)s, %(line_no)s, %(sales_order)s, %(quantity)s, %(due_at)s)
            """,
            [
                key
                | {
                    "line_no": line_no,
                    "sales_order": _document(part.sales_order),
                    "quantity": part.quantity,
                    "due_at": part.due_at,
                }
                for line_no, part in enumerate(order.deliveries, 1)
            ],
        )


# ------------------------------------------------------------------ how far an order is
def load_made(conn: Connection, order_id: int) -> Made:
    """How far an order is: good pieces of its last operation; in progress is what began and is neither good nor reject.

    What is in progress is told by the operation that most pieces entered.
    """
    row = conn.execute(
        """
        select coalesce(max(p.good) filter (where p.operation_seq = last.seq), 0),
               coalesce(max(p.entered), 0) - coalesce(sum(p.reject), 0)
        from production_order o
        cross join lateral (
            select coalesce((select max(seq) from order_operation where order_id = o.id),
                            (select max(seq) from operation where item = o.item and revision = o.revision)) as seq
        ) last
        left join order_progress p on p.order_id = o.id
        where o.id = %(id)s
        """,
        {"id": order_id},
    ).fetchone()
    good, through = (Decimal(row[0]), Decimal(row[1])) if row else (Decimal(0), Decimal(0))
    return Made(good=good, in_progress=max(Decimal(0), through - good))
