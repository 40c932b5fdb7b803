"""Plans as they were saved, read back: heads for lists, bodies to compare and to plan on from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from pydantic import TypeAdapter

from mes.domain.plan import DayLine, Lot, PlanBody, PlannedOrder, PlanReason, PlanState, Tentative
from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class PlanHead:
    """What a list of plans shows; `automatic` when Takt asked for it itself."""

    id: int
    run_id: int | None
    base_plan_id: int | None
    version: int | None
    state: PlanState
    name: str
    now_at: datetime
    horizon_end_at: datetime
    objective: dict[str, Any]
    created_at: datetime
    published_at: datetime | None
    published_by: str | None
    kind: str | None
    automatic: bool
    reasons: list[dict[str, Any]]


def list_plans(conn: Connection, *, before_id: int | None = None, limit: int = 50) -> list[PlanHead]:
    """Plans, newest first, those older than `before_id`."""
    with conn.cursor(row_factory=class_row(PlanHead)) as cur:
        return cur.execute(
            """
            select p.id, p.run_id, p.base_plan_id, p.version, p.state, p.name, p.now_at, p.horizon_end_at,
                   p.objective, p.created_at, p.published_at, p.published_by, r.kind,
                   coalesce(r.automatic, false) as automatic, coalesce(r.reasons, '[]') as reasons
            from plan p left join plan_run r on r.id = p.run_id
            where %(before_id)s::int8 is null or p.id < %(before_id)s
            order by p.id desc limit %(limit)s
            """,
            {"before_id": before_id, "limit": limit},
        ).fetchall()


def load_head(conn: Connection, plan_id: int) -> PlanHead | None:
    """A plan's head."""
    heads = list_plans(conn, before_id=plan_id + 1, limit=1)
    return heads[0] if heads and heads[0].id == plan_id else None


@dataclass(frozen=True, slots=True)
class TentativePart:
    """What a scenario plans of orders nobody has placed yet: kept in the plan's own row, for they have no number."""

    orders: tuple[Tentative, ...] = ()
    lots: tuple[Lot, ...] = ()
    lines: tuple[DayLine, ...] = ()
    outcomes: tuple[PlannedOrder, ...] = ()
    reasons: tuple[PlanReason, ...] = ()


_TENTATIVE: TypeAdapter[TentativePart] = TypeAdapter(TentativePart)


def parted(body: PlanBody) -> tuple[PlanBody, TentativePart]:
    """A plan of the orders there are, and what it makes of those nobody has placed yet."""
    codes = {one.order for one in body.tentative}
    if not codes:
        return body, TentativePart()
    part = TentativePart(
        orders=body.tentative,
        lots=tuple(x for x in body.lots if x.order in codes),
        lines=tuple(x for x in body.lines if x.order in codes),
        outcomes=tuple(x for x in body.orders if x.order in codes),
        reasons=tuple(x for x in body.reasons if x.order in codes),
    )
    placed = replace(
        body,
        lots=tuple(x for x in body.lots if x.order not in codes),
        lines=tuple(x for x in body.lines if x.order not in codes),
        orders=tuple(x for x in body.orders if x.order not in codes),
        reasons=tuple(x for x in body.reasons if x.order not in codes),
    )
    return placed, part


@dataclass(frozen=True, slots=True)
class _PlanRow:
    now_at: datetime
    horizon_end_at: datetime
    objective: dict[str, Any]
    shortages: list[dict[str, Any]]
    unplanned: list[dict[str, Any]]
    tentative: dict[str, Any]
    log: dict[str, Any]


def load_body(conn: Connection, plan_id: int) -> PlanBody | None:
    """A plan whole, its lots and lines in order of line and start; None when there is no such plan."""
    with conn.cursor(row_factory=class_row(_PlanRow)) as cur:
        row = cur.execute(
            """
            select now_at, horizon_end_at, objective, shortages, unplanned, tentative, log from plan where id = %(id)s
            """,
            {"id": plan_id},
        ).fetchone()
    if row is None:
        return None
    part = _TENTATIVE.validate_python(row.tentative)
    lots = [*load_lots(conn, plan_id), *part.lots]
    lines = [*load_lines(conn, plan_id), *part.lines]
    return PlanBody(
        now_at=row.now_at,
        horizon_end_at=row.horizon_end_at,
        objective=row.objective,
        lots=tuple(sorted(lots, key=lambda x: (x.line, x.start_at, x.lot_no))),
        lines=tuple(sorted(lines, key=lambda x: (x.line, x.shift_day, x.start_at, x.sequence))),
        orders=(*load_orders(conn, plan_id), *part.outcomes),
        reasons=(*load_reasons(conn, plan_id), *part.reasons),
        shortages=tuple(row.shortages),
        unplanned=tuple(row.unplanned),
        tentative=part.orders,
        log=row.log,
    )


def load_lots(conn: Connection, plan_id: int) -> list[Lot]:
    """A plan's lots by line and start, tentative orders' apart."""
    with conn.cursor(row_factory=class_row(Lot)) as cur:
        return cur.execute(
            """
            select l.lot_no, o.system || '/' || o.number as "order", l.operation_seq, l.line, l.quantity,
                   l.setup_minutes, l.start_at, l.end_at, l.wanted_at, l.shift_day, l.shift, l.pinned
            from plan_lot l join production_order o on o.id = l.order_id
            where l.plan_id = %(plan_id)s order by l.line, l.start_at, l.lot_no
            """,
            {"plan_id": plan_id},
        ).fetchall()


def load_lines(conn: Connection, plan_id: int) -> list[DayLine]:
    """A plan's lines by line, shift-day and start."""
    with conn.cursor(row_factory=class_row(DayLine)) as cur:
        return cur.execute(
            """
            select o.system || '/' || o.number as "order", l.operation_seq, l.line, l.shift_day, l.shift, l.sequence,
                   l.quantity, l.start_at, l.end_at, l.made
            from plan_line l join production_order o on o.id = l.order_id
            where l.plan_id = %(plan_id)s order by l.line, l.shift_day, l.start_at, l.sequence
            """,
            {"plan_id": plan_id},
        ).fetchall()


def load_orders(conn: Connection, plan_id: int) -> list[PlannedOrder]:
    """How each order comes out in a plan."""
    with conn.cursor(row_factory=class_row(PlannedOrder)) as cur:
        return cur.execute(
            """
            select o.system || '/' || o.number as "order", p.order_version, p.completed_at, p.late_minutes,
                   p.unplanned_quantity
            from plan_order p join production_order o on o.id = p.order_id
            where p.plan_id = %(plan_id)s order by o.id
            """,
            {"plan_id": plan_id},
        ).fetchall()


def load_reasons(conn: Connection, plan_id: int) -> list[PlanReason]:
    """Why orders are late or short in a plan, weightiest first, and what would help."""
    with conn.cursor(row_factory=class_row(PlanReason)) as cur:
        return cur.execute(
            """
            select o.system || '/' || o.number as "order", r.kind, r.cause, r.detail, r.minutes
            from plan_reason r join production_order o on o.id = r.order_id
            where r.plan_id = %(plan_id)s order by o.id, r.kind, r.no
            """,
            {"plan_id": plan_id},
        ).fetchall()


def disturbed_at(conn: Connection, *, by: str) -> dict[str, datetime]:
    """When each line's lots were last moved by a plan that `by` published, line -> instant."""
    rows = conn.execute(
        """
        select line, max(p.published_at) from plan p, unnest(p.moved_lines) as line
        where p.published_by = %(by)s group by line
        """,
        {"by": by},
    )
    return dict(rows.fetchall())


@dataclass(frozen=True, slots=True)
class OffPlan:
    """An order the newest plan is not about as it is now: `why` new | changed | gone."""

    order: str
    why: str


def orders_off_plan(conn: Connection) -> list[OffPlan]:
    """Orders that differ from what the newest plan took them to be, be it published, proposed or laid aside."""
    with conn.cursor(row_factory=class_row(OffPlan)) as cur:
        return cur.execute(
            """
            with newest as (
                select max(p.id) as id from plan p left join plan_run r on r.id = p.run_id
                where p.state = 'published' or r.kind = 'replan'
            ), planned as (
                select order_id, order_version from plan_order where plan_id = (select id from newest)
            )
            select o.system || '/' || o.number as "order",
                   case when p.order_id is null then 'new'
                        when o.status = 'released' then 'changed'
                        else 'gone' end as why
            from production_order o left join planned p on p.order_id = o.id
            where p.order_id is null and o.status = 'released'
               or p.order_id is not null and p.order_version <> o.version
            order by o.id
            """
        ).fetchall()
