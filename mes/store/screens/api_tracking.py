"""What the api says of what was booked and told: spans, stops, production reports."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row

from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class SpanLine:
    """A machine (or a station where people count) was in one state, from .. to; `to_at` null: it lasts."""

    machine: str
    from_at: datetime
    to_at: datetime | None
    state: str
    cause: str
    stop_code: str
    job_id: int | None
    order_id: int | None
    phase: str
    shift_day: date | None
    shift: str


@dataclass(frozen=True, slots=True)
class StopLine:
    """A machine or line stood still; `loss_s`: working time lost, null while it lasts.

    It began at `root_machine`; a line's `reason` is that of the stop there, which is a `root_state`.
    """

    scope: str
    from_at: datetime
    to_at: datetime | None
    line: str
    machine: str
    root_machine: str
    root_state: str
    state: str
    cause: str
    stop_code: str
    reason: str
    reason_by: str
    micro: bool
    loss_s: float | None
    job_id: int | None
    shift_day: date | None
    shift: str


@dataclass(frozen=True, slots=True)
class ReportLine:
    """A production report: what one job made in one shift, and of what."""

    id: int
    system: str
    number: str
    order_report_no: int
    job_id: int
    item: str
    unit: str
    operation_seq: int
    is_final: bool
    line: str
    shift_day: date
    shift: str
    good: int
    reject: int
    rework: int
    scrap: int
    started_at: datetime | None
    ended_at: datetime | None
    posting_on: date
    consumption: Any
    cumulative: Any
    reverses: int | None
    reported_at: datetime
    reported_by: str


def list_spans(
    conn: Connection,
    *,
    machines: Sequence[str],
    from_at: datetime,
    to_at: datetime,
    after: tuple[str, datetime] | None,
    limit: int,
) -> list[SpanLine]:
    """Spans that overlap a stretch, by machine and start. None of a machine overlap: the index finds the first."""
    after_machine, after_at = after or (None, None)
    with conn.cursor(row_factory=class_row(SpanLine)) as cur:
        return cur.execute(
            """
            select s.machine, s.from_at, s.to_at, s.state, s.cause, s.stop_code, nullif(s.job_id, 0) as job_id,
                   nullif(s.order_id, 0) as order_id, s.phase, s.shift_day, s.shift
            from unnest(%(machines)s::text[]) as w (machine)
            cross join lateral (
                select max(from_at) as from_at from state_span
                where machine = w.machine and from_at <= %(from_at)s) first
            cross join lateral (
                select * from state_span
                where machine = w.machine and from_at >= coalesce(first.from_at, '-infinity') and from_at < %(to_at)s
                  and (to_at is null or to_at > %(from_at)s)
                  and (w.machine is distinct from %(after_machine)s or from_at > %(after_at)s)
                order by from_at limit %(limit)s) s
            where w.machine >= coalesce(%(after_machine)s, '')
            order by w.machine, s.from_at limit %(limit)s
            """,
            {
                "machines": list(machines),
                "from_at": from_at,
                "to_at": to_at,
                "after_machine": after_machine,
                "after_at": after_at,
                "limit": limit,
            },
        ).fetchall()


def list_stops(
    conn: Connection,
    *,
    scope: str | None,
    line: str | None,
    lines: Collection[str] | None,
    from_at: datetime,
    to_at: datetime,
    unexplained: bool = False,
    after: tuple[str, datetime] | None,
    limit: int,
) -> list[StopLine]:
    """Stops that overlap a stretch, by scope and start. `lines`: only of these (None: all).

    `unexplained`: only those nobody gave a reason, without micro stops. The index leads from scope to scope, and in
    each to the stop that lasts as the stretch begins: nothing older is read.
    """
    after_scope, after_at = after or (None, None)
    with conn.cursor(row_factory=class_row(StopLine)) as cur:
        return cur.execute(
            """
            with recursive scopes as (
                select coalesce(%(scope)s, (select min(scope) from stop)) as scope
                union all
                select (select min(t.scope) from stop t where t.scope > s.scope) from scopes s
                where s.scope is not null and %(scope)s::text is null
            )
            select s.scope, s.from_at, s.to_at, s.line, s.machine, s.root_machine, s.root_state, s.state, s.cause,
                   s.stop_code, s.reason, s.reason_by, s.micro, s.loss_us / 1000000.0::float8 as loss_s,
                   nullif(s.job_id, 0) as job_id, s.shift_day, s.shift
            from scopes w
            cross join lateral (
                select max(from_at) as from_at from stop where scope = w.scope and from_at <= %(from_at)s) first
            cross join lateral (
                select * from stop
                where scope = w.scope and from_at >= coalesce(first.from_at, '-infinity') and from_at < %(to_at)s
                  and (to_at is null or to_at > %(from_at)s)
                  and (%(line)s::text is null or line = %(line)s)
                  and (%(lines)s::text[] is null or line = any(%(lines)s))
                  and (not %(unexplained)s or (reason = '' and not micro))
                  and (w.scope is distinct from %(after_scope)s or from_at > %(after_at)s)
                order by from_at limit %(limit)s) s
            where w.scope >= coalesce(%(after_scope)s, '')
            order by w.scope, s.from_at limit %(limit)s
            """,
            {
                "scope": scope,
                "line": line,
                "lines": None if lines is None else sorted(lines),
                "from_at": from_at,
                "to_at": to_at,
                "unexplained": unexplained,
                "after_scope": after_scope,
                "after_at": after_at,
                "limit": limit,
            },
        ).fetchall()


def list_reports(
    conn: Connection,
    *,
    system: str | None,
    number: str | None,
    line: str | None,
    lines: Collection[str] | None,
    after: int | None,
    limit: int,
) -> list[ReportLine]:
    """Production reports in the order they were told. `lines`: only of these (None: all)."""
    with conn.cursor(row_factory=class_row(ReportLine)) as cur:
        return cur.execute(
            """
            select r.id, o.system, o.number, r.order_report_no, r.job_id, o.item, o.unit, r.operation_seq, r.is_final,
                   r.line, r.shift_day, r.shift, r.good, r.reject, r.rework, r.scrap, r.started_at, r.ended_at,
                   r.posting_on, r.consumption, r.cumulative, r.reverses, r.reported_at, r.reported_by
            from production_report r join production_order o on o.id = r.order_id
            where (%(system)s::text is null or o.system = %(system)s)
              and (%(number)s::text is null or o.number = %(number)s)
              and (%(line)s::text is null or r.line = %(line)s)
              and (%(lines)s::text[] is null or r.line = any(%(lines)s))
              and (%(after)s::int8 is null or r.id > %(after)s)
            order by r.id limit %(limit)s
            """,
            {
                "system": system,
                "number": number,
                "line": line,
                "lines": None if lines is None else sorted(lines),
                "after": after,
                "limit": limit,
            },
        ).fetchall()
