"""What the api says of orders: how far each operation is, what was told of the completion."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg.rows import class_row

from mes.domain.fields import Quantity, Signed
from mes.domain.order_document import ProductionOrder
from mes.store.order import KeptOrder, load_orders
from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class OperationProgress:
    """Pieces of one operation (or of a stage of operations, under its last). `wip` waits before the next one.

    `reworked` were rejected and became good, and are among the good.
    """

    operation_seq: int
    entered: int
    good: int
    reject: int
    reworked: int
    scrap: int
    wip: int


@dataclass(frozen=True, slots=True)
class OrderEta:
    """When an order will be done, as it was told last; `eta_at` null: not within the plan. Reasons weightiest first."""

    id: int
    system: str
    number: str
    at: datetime
    eta_at: datetime | None
    due_at: datetime
    late_minutes: int
    reasons: list[Any]


@dataclass(frozen=True)
class OrderProgress(ProductionOrder):
    """An order as it is kept, and how far it is. `made`: good pieces of the last operation. Base units."""

    id: int = 0
    version: int = 0
    made: Quantity = Decimal(0)
    progress: tuple[OperationProgress, ...] = ()
    yield_rate: Signed | None = None
    """Good among what became good or rejected, over all operations; null before the first piece."""
    eta_at: datetime | None = None
    late_minutes: int | None = None
    reasons: tuple[Any, ...] = ()


def list_orders(
    conn: Connection, *, status: str | None, item: str | None, after: int | None, limit: int
) -> list[KeptOrder]:
    """Orders in the order they were taken in."""
    ids = [
        row[0]
        for row in conn.execute(
            """
            select id from production_order
            where (%(status)s::text is null or status = %(status)s) and (%(item)s::text is null or item = %(item)s)
              and (%(after)s::int8 is null or id > %(after)s)
            order by id limit %(limit)s
            """,
            {"status": status, "item": item, "after": after, "limit": limit},
        )
    ]
    return load_orders(conn, ids)


def progress_of(conn: Connection, kept: Sequence[KeptOrder]) -> list[OrderProgress]:
    """Each order with how far it is."""
    ids = [row.id for row in kept]
    steps = _steps(conn, ids)
    last = _last_operations(conn, ids)
    etas = {eta.id: eta for eta in list_etas(conn, order_ids=ids, after=None, limit=len(ids))}
    return [_progress(row, steps[row.id], last.get(row.id), etas.get(row.id)) for row in kept]


def _progress(
    kept: KeptOrder, steps: Sequence[OperationProgress], last_seq: int | None, eta: OrderEta | None
) -> OrderProgress:
    good, reject = sum(step.good for step in steps), sum(step.reject for step in steps)
    return OrderProgress(
        **{field.name: getattr(kept.order, field.name) for field in fields(ProductionOrder)},
        id=kept.id,
        version=kept.version,
        made=Decimal(next((step.good for step in steps if step.operation_seq == last_seq), 0)),
        progress=tuple(steps),
        yield_rate=Decimal(good) / Decimal(good + reject) if good + reject else None,
        eta_at=eta.eta_at if eta else None,
        late_minutes=eta.late_minutes if eta else None,
        reasons=tuple(eta.reasons) if eta else (),
    )


def _steps(conn: Connection, order_ids: Sequence[int]) -> dict[int, list[OperationProgress]]:
    rows = conn.execute(
        """
        select order_id, operation_seq, entered, good, reject, reworked, scrap from order_progress
        where order_id = any(%(ids)s) order by order_id, operation_seq
        """,
        {"ids": list(order_ids)},
    ).fetchall()
    found: dict[int, list[OperationProgress]] = defaultdict(list)
    for index, (order_id, seq, entered, good, reject, reworked, scrap) in enumerate(rows):
        following = rows[index + 1] if index + 1 < len(rows) and rows[index + 1][0] == order_id else None
        wip = max(0, good - following[2]) if following else 0
        found[order_id].append(OperationProgress(seq, entered, good, reject, reworked, scrap, wip))
    return found


def _last_operations(conn: Connection, order_ids: Sequence[int]) -> dict[int, int]:
    rows = conn.execute(
        """
        select o.id, coalesce((select max(seq) from order_operation where order_id = o.id),
                              (select max(seq) from operation p where p.item = o.item and p.revision = o.revision))
        from production_order o where o.id = any(%(ids)s)
        """,
        {"ids": list(order_ids)},
    )
    return {order_id: seq for order_id, seq in rows if seq is not None}


def list_etas(
    conn: Connection, *, order_ids: Sequence[int] | None = None, after: int | None, limit: int
) -> list[OrderEta]:
    """What was told last of each order, in order of our own number (`id`)."""
    with conn.cursor(row_factory=class_row(OrderEta)) as cur:
        return cur.execute(
            """
            select o.id, o.system, o.number, e.at, e.eta_at, e.due_at, e.late_minutes, e.reasons
            from production_order o
            join lateral (select at, eta_at, due_at, late_minutes, reasons from order_eta
                          where order_id = o.id order by id desc limit 1) e on true
            where (%(ids)s::int8[] is null or o.id = any(%(ids)s)) and (%(after)s::int8 is null or o.id > %(after)s)
            order by o.id limit %(limit)s
            """,
            {"ids": None if order_ids is None else list(order_ids), "after": after, "limit": limit},
        ).fetchall()
