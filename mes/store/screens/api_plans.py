"""What the api says of the published plan: its lines, shift by shift."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row

from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class PlanLine:
    """What a line is to make of an order in one shift, as its `sequence`-th, in the published plan."""

    id: int
    plan_id: int
    plan_version: int
    system: str
    number: str
    item: str
    operation_seq: int
    line: str
    shift_day: date
    shift: str
    sequence: int
    quantity: int
    start_at: datetime
    end_at: datetime


def list_plan_lines(
    conn: Connection,
    *,
    line: str | None,
    lines: Collection[str] | None,
    from_at: datetime | None,
    to_at: datetime | None,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[PlanLine]:
    """Lines of the published plan that overlap a stretch, by start. `lines`: only of these (None: all)."""
    after_at, after_id = after or (None, None)
    with conn.cursor(row_factory=class_row(PlanLine)) as cur:
        return cur.execute(
            """
            select l.id, p.id as plan_id, p.version as plan_version, o.system, o.number, o.item, l.operation_seq,
                   l.line, l.shift_day, l.shift, l.sequence, l.quantity, l.start_at, l.end_at
            from plan p join plan_line l on l.plan_id = p.id join production_order o on o.id = l.order_id
            where p.state = 'published'
              and (%(line)s::text is null or l.line = %(line)s)
              and (%(lines)s::text[] is null or l.line = any(%(lines)s))
              and (%(from_at)s::timestamptz is null or l.end_at > %(from_at)s)
              and (%(to_at)s::timestamptz is null or l.start_at < %(to_at)s)
              and (%(after_at)s::timestamptz is null or (l.start_at, l.id) > (%(after_at)s, %(after_id)s))
            order by l.start_at, l.id limit %(limit)s
            """,
            {
                "line": line,
                "lines": None if lines is None else sorted(lines),
                "from_at": from_at,
                "to_at": to_at,
                "after_at": after_at,
                "after_id": after_id,
                "limit": limit,
            },
        ).fetchall()
