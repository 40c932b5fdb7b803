"""What lies ahead: the published plan's lots, how far its orders are, what is in stock and on its way. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg.rows import class_row

from mes.store.pool import Connection


class PlannedLot(NamedTuple):
    """A lot of the published plan; instants in µs."""

    order_id: int
    operation_seq: int
    line: str
    quantity: int
    setup_minutes: int
    start_us: int
    end_us: int
    wanted_us: int


def published_plan(conn: Connection) -> int | None:
    """The number of the published plan."""
    row = conn.execute("select id from plan where state = 'published'").fetchone()
    return None if row is None else int(row[0])


def load_planned_lots(conn: Connection, plan_id: int) -> list[PlannedLot]:
    """A plan's lots by line and start."""
    rows = conn.execute(
        """
        select order_id, operation_seq, line, quantity, setup_minutes, micros(start_at), micros(end_at),
               micros(wanted_at)
        from plan_lot where plan_id = %(plan_id)s order by line, start_at, lot_no
        """,
        {"plan_id": plan_id},
    )
    return [PlannedLot(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class OrderHead:
    """What is told of an order, and what it wants. `planned_at`: its end in the published plan."""

    id: int
    system: str
    number: str
    item: str
    unit: str
    quantity: Decimal
    due_at: datetime
    status: str
    version: int
    planned_at: datetime | None
    planned_late_minutes: int | None

    @property
    def subject(self) -> str:
        """How events name it."""
        return f"{self.system}/{self.number}"


def load_order_heads(conn: Connection, ids: Sequence[int]) -> dict[int, OrderHead]:
    """Orders by number."""
    with conn.cursor(row_factory=class_row(OrderHead)) as cur:
        rows = cur.execute(
            """
            select o.id, o.system, o.number, o.item, o.unit, o.quantity, o.due_at, o.status, o.version,
                   p.completed_at as planned_at, p.late_minutes as planned_late_minutes
            from production_order o
            left join plan_order p on p.order_id = o.id and p.plan_id = (select id from plan where state = 'published')
            where o.id = any(%(ids)s)
            """,
            {"ids": list(ids)},
        ).fetchall()
    return {row.id: row for row in rows}


class StationCount(NamedTuple):
    """Pieces of an order's operation that went through a station; `passed`: good in rework."""

    order_id: int
    operation_seq: int
    line: str
    station: str
    enters: bool
    leaves: bool
    entered: int
    good: int
    reject: int


def load_station_counts(conn: Connection, ids: Sequence[int]) -> list[StationCount]:
    """How far orders are, station by station; a reject that passed rework is good."""
    rows = conn.execute(
        """
        select order_id, operation_seq, line, station, bool_or(enters), bool_or(leaves), sum(entered)::int8,
               (coalesce(sum(good) filter (where phase in ('production', 'first_article')), 0)
                + least(coalesce(sum(good) filter (where phase = 'rework'), 0) + sum(rework),
                        coalesce(sum(reject) filter (where phase in ('production', 'first_article')), 0)))::int8,
               (coalesce(sum(reject) filter (where phase in ('production', 'first_article')), 0)
                - least(coalesce(sum(good) filter (where phase = 'rework'), 0) + sum(rework),
                        coalesce(sum(reject) filter (where phase in ('production', 'first_article')), 0)))::int8
        from shift_count where order_id = any(%(ids)s)
        group by order_id, operation_seq, line, station
        """,
        {"ids": list(ids)},
    )
    return [StationCount(*row) for row in rows]


class Balance(NamedTuple):
    """What lies at a place of a monitored item; `stated` False: the place was never stated itself."""

    location: str
    item: str
    quantity: Decimal
    stated: bool


def load_balances(conn: Connection, items: Sequence[str]) -> list[Balance]:
    """What lies where of items somebody ever stated or counted."""
    rows = conn.execute(
        "select location, item, quantity, stated from balance where item = any(%(items)s) order by item, location",
        {"items": list(items)},
    )
    return [Balance(*row) for row in rows]


class Announced(NamedTuple):
    """An expected receipt; `ref` system/number/line_no, `at` in µs."""

    item: str
    ref: str
    quantity: Decimal
    at: int


def load_announced(conn: Connection, items: Sequence[str]) -> list[Announced]:
    """What is announced of items and not yet received."""
    rows = conn.execute(
        """
        select item, system || '/' || number || '/' || line_no, quantity, micros(expected_at) from expected_receipt
        where item = any(%(items)s) and quantity > 0 order by item, expected_at, system, number, line_no
        """,
        {"items": list(items)},
    )
    return [Announced(*row) for row in rows]


def load_causes(conn: Connection, plan_id: int, ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Why orders are late in a plan, weightiest first, as `{cause, minutes, detail}`."""
    found: dict[int, list[dict[str, Any]]] = {}
    for order_id, cause, minutes, detail in conn.execute(
        """
        select order_id, cause, minutes, detail from plan_reason
        where plan_id = %(plan_id)s and kind = 'cause' and order_id = any(%(ids)s) order by order_id, no
        """,
        {"plan_id": plan_id, "ids": list(ids)},
    ):
        found.setdefault(order_id, []).append({"cause": cause, "minutes": minutes, "detail": detail})
    return found


def load_replans(conn: Connection, plan_id: int, told_at: Mapping[int, datetime]) -> dict[int, dict[str, Any]]:
    """Orders a plan ends later than the one published when their ETA was told, as `{cause, minutes, detail}`.

    `detail`: the plan's version, who published it, and the reasons it was made for.
    """
    rows = conn.execute(
        """
        select t.order_id, floor(extract(epoch from n.completed_at - o.completed_at) / 60)::int, p.version,
               p.published_by, coalesce(r.reasons, '[]')
        from unnest(%(ids)s::int8[], %(told_at)s::timestamptz[]) as t (order_id, at)
        join plan p on p.id = %(plan_id)s
        left join plan_run r on r.id = p.run_id
        join plan_order n on n.plan_id = p.id and n.order_id = t.order_id
        cross join lateral (
            select id from plan where published_at <= t.at order by version desc limit 1) as then_published
        join plan_order o on o.plan_id = then_published.id and o.order_id = t.order_id
        where n.completed_at > o.completed_at
        """,
        {"ids": list(told_at), "told_at": list(told_at.values()), "plan_id": plan_id},
    )
    return {
        order_id: {
            "cause": "replanned",
            "minutes": minutes,
            "detail": {"version": version, "by": by, "because": [_named(reason) for reason in reasons]},
        }
        for order_id, minutes, version, by, reasons in rows
    }


def _named(reason: dict[str, Any]) -> str:
    return f"{reason['kind']} {reason.get('subject', '')}".strip()


def item_units(conn: Connection, items: Sequence[str]) -> dict[str, str]:
    """The base unit of items."""
    rows = conn.execute("select code, unit from item where code = any(%(items)s)", {"items": list(items)})
    return dict(rows.fetchall())
