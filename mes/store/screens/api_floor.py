"""What the api says of the shop floor: entries, jobs with their state, calls for help."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row

from mes.domain.fields import Quantity
from mes.store.floor import AndonCall
from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class EntryLine:
    """An entry as it was said; `reversed_by` names the entry that took it back."""

    id: int
    kind: str
    mark: str | None
    line: str
    station: str | None
    machine: str | None
    job_id: int | None
    phase: str | None
    effective_at: datetime
    from_at: datetime | None
    quantity: Quantity | None
    reason: str | None
    serial: str | None
    reverses: int | None
    reversed_by: int | None
    detail: dict[str, Any]
    entered_at: datetime
    entered_by: str
    taken_back_at: datetime | None
    taken_back_by: str | None


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job: what a line is to make of an order in a shift, how it stands, and what was counted under it."""

    id: int
    system: str
    number: str
    item: str
    operation_seq: int
    line: str
    shift_day: date
    shift: str
    sequence: int
    quantity: int
    planned_start_at: datetime
    planned_end_at: datetime
    plan_id: int
    state: str
    running_since: datetime | None
    started_at: datetime | None
    marked_at: datetime | None
    confirmed_at: datetime | None
    good: int
    reject: int
    entered: int


def list_entries(
    conn: Connection,
    *,
    line: str | None,
    station: str | None,
    lines: Collection[str] | None,
    from_at: datetime | None,
    to_at: datetime | None,
    after: int | None,
    limit: int,
    kind: str | None = None,
) -> list[EntryLine]:
    """Entries effective in a stretch, in the order they were entered. `lines`: only of these (None: all)."""
    with conn.cursor(row_factory=class_row(EntryLine)) as cur:
        return cur.execute(
            """
            select e.id, e.kind, e.mark, e.line, e.station, e.machine, e.job_id, e.phase, e.effective_at, e.from_at,
                   e.quantity, e.reason, e.serial, e.reverses, r.id as reversed_by, e.detail, e.entered_at,
                   e.entered_by, r.entered_at as taken_back_at, r.entered_by as taken_back_by
            from entry e left join entry r on r.reverses = e.id
            where (%(line)s::text is null or e.line = %(line)s)
              and (%(station)s::text is null or e.station = %(station)s)
              and (%(kind)s::text is null or e.kind = %(kind)s)
              and (%(lines)s::text[] is null or e.line = any(%(lines)s))
              and (%(from_at)s::timestamptz is null or e.effective_at >= %(from_at)s)
              and (%(to_at)s::timestamptz is null or e.effective_at < %(to_at)s)
              and (%(after)s::int8 is null or e.id > %(after)s)
            order by e.id limit %(limit)s
            """,
            {
                "line": line,
                "station": station,
                "kind": kind,
                "lines": None if lines is None else sorted(lines),
                "from_at": from_at,
                "to_at": to_at,
                "after": after,
                "limit": limit,
            },
        ).fetchall()


def list_jobs(
    conn: Connection,
    *,
    line: str | None = None,
    states: Sequence[str] | None = None,
    lines: Collection[str] | None = None,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
    after: tuple[datetime, int] | None = None,
    ids: Sequence[int] | None = None,
    limit: int = 1000,
) -> list[JobLine]:
    """Jobs planned in a stretch, by planned start; withdrawn ones only by `ids`. `lines`: only of these (None: all)."""
    after_at, after_id = after or (None, None)
    with conn.cursor(row_factory=class_row(JobLine)) as cur:
        return cur.execute(
            """
            select j.id, o.system, o.number, o.item, j.operation_seq, j.line, j.shift_day, j.shift, j.sequence,
                   j.quantity, j.planned_start_at, j.planned_end_at, j.plan_id, s.state, s.running_since, s.started_at,
                   s.marked_at, s.confirmed_at, s.good, s.reject, s.entered
            from job j
            join production_order o on o.id = j.order_id
            join job_state s on s.job_id = j.id
            where (%(ids)s::int8[] is null or j.id = any(%(ids)s))
              and (j.withdrawn_at is null or s.state = 'running' or %(ids)s::int8[] is not null)
              and (%(line)s::text is null or j.line = %(line)s)
              and (%(lines)s::text[] is null or j.line = any(%(lines)s))
              and (%(states)s::text[] is null or s.state = any(%(states)s))
              and (%(from_at)s::timestamptz is null or j.planned_end_at > %(from_at)s)
              and (%(to_at)s::timestamptz is null or j.planned_start_at < %(to_at)s)
              and (%(after_at)s::timestamptz is null or (j.planned_start_at, j.id) > (%(after_at)s, %(after_id)s))
            order by j.planned_start_at, j.id limit %(limit)s
            """,
            {
                "ids": None if ids is None else list(ids),
                "line": line,
                "lines": None if lines is None else sorted(lines),
                "states": None if states is None else list(states),
                "from_at": from_at,
                "to_at": to_at,
                "after_at": after_at,
                "after_id": after_id,
                "limit": limit,
            },
        ).fetchall()


def list_calls(
    conn: Connection,
    *,
    line: str | None,
    lines: Collection[str] | None,
    is_open: bool | None,
    after: int | None,
    limit: int,
    from_at: datetime | None = None,
) -> list[AndonCall]:
    """Calls for help, oldest first. `lines`: only of these (None: all)."""
    with conn.cursor(row_factory=class_row(AndonCall)) as cur:
        return cur.execute(
            """
            select id, client_id, line, station, machine, kind, note, raised_at, raised_by, level, escalated_at,
                   taken_at, taken_by, resolved_at, resolved_by
            from andon_call
            where (%(line)s::text is null or line = %(line)s)
              and (%(lines)s::text[] is null or line = any(%(lines)s))
              and (%(is_open)s::boolean is null or (resolved_at is null) = %(is_open)s)
              and (%(from_at)s::timestamptz is null or raised_at >= %(from_at)s)
              and (%(after)s::int8 is null or id > %(after)s)
            order by id limit %(limit)s
            """,
            {
                "line": line,
                "lines": None if lines is None else sorted(lines),
                "is_open": is_open,
                "from_at": from_at,
                "after": after,
                "limit": limit,
            },
        ).fetchall()
