"""State spans and stops as booked. Only the tracker comes here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mes.domain.tracking.fold import Span
from mes.domain.tracking.stops import Stop
from mes.store.pool import Connection
from mes.store.tracking.raw import Ranges, spread, timestamp

SpanKey = tuple[str, int]


def load_spans(conn: Connection, ranges: Ranges) -> dict[str, list[Span]]:
    """The spans of posts that begin within ranges of time, in order."""
    return _spans(
        conn,
        """
        select s.machine, micros(s.from_at), micros(s.to_at), s.state, s.cause, s.stop_code, s.job_id, s.phase,
               coalesce(s.shift_day::text, ''), s.shift
        from unnest(%(codes)s::text[], %(froms)s::timestamptz[], %(tos)s::timestamptz[]) as w (code, from_at, to_at)
        join state_span s on s.machine = w.code and s.from_at >= w.from_at and s.from_at < w.to_at
        order by s.machine, s.from_at
        """,
        ranges,
    )


def load_spans_over(conn: Connection, ranges: Ranges) -> dict[str, list[Span]]:
    """The spans of posts that overlap ranges of time, in order; whole, as they stand."""
    return _spans(
        conn,
        """
        select s.machine, micros(s.from_at), micros(s.to_at), s.state, s.cause, s.stop_code, s.job_id, s.phase,
               coalesce(s.shift_day::text, ''), s.shift
        from unnest(%(codes)s::text[], %(froms)s::timestamptz[], %(tos)s::timestamptz[]) as w (code, from_at, to_at)
        cross join lateral (
            select coalesce(max(from_at), '-infinity') as from_at from (
                select from_at from state_span where machine = w.code and from_at <= w.from_at
                order by from_at desc limit 1) b
        ) first
        join state_span s on s.machine = w.code and s.from_at >= first.from_at and s.from_at < w.to_at
        where coalesce(s.to_at, 'infinity') > w.from_at
        order by s.machine, s.from_at
        """,
        ranges,
    )


def _spans(conn: Connection, query: str, ranges: Ranges) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {code: [] for code in ranges}
    for code, *row in conn.execute(query, spread(ranges)):
        found[code].append(Span(*row))
    return found


def save_spans(
    conn: Connection, gone: Iterable[SpanKey], put: Sequence[tuple[str, Span]], orders: Mapping[int, int]
) -> None:
    """Take spans away and put others; `orders` is the order of each job."""
    _delete_spans(conn, list(gone))
    if not put:
        return
    conn.execute(
        """
        insert into state_span (machine, from_at, to_at, state, cause, stop_code, job_id, order_id, phase, shift_day,
                                shift)
        select * from unnest(
            %(machine)s::text[], %(from_at)s::timestamptz[], %(to_at)s::timestamptz[], %(state)s::text[],
            %(cause)s::text[], %(stop_code)s::text[], %(job)s::int8[], %(order)s::int8[], %(phase)s::text[],
            %(shift_day)s::date[], %(shift)s::text[])
        on conflict (machine, from_at) do update
        set to_at = excluded.to_at, state = excluded.state, cause = excluded.cause, stop_code = excluded.stop_code,
            job_id = excluded.job_id, order_id = excluded.order_id, phase = excluded.phase,
            shift_day = excluded.shift_day, shift = excluded.shift
        """,
        {
            "machine": [code for code, _ in put],
            "from_at": [timestamp(span.from_at) for _, span in put],
            "to_at": [None if span.to_at is None else timestamp(span.to_at) for _, span in put],
            "state": [span.state for _, span in put],
            "cause": [span.cause for _, span in put],
            "stop_code": [span.stop_code for _, span in put],
            "job": [span.job for _, span in put],
            "order": [orders.get(span.job, 0) for _, span in put],
            "phase": [span.phase for _, span in put],
            "shift_day": [span.shift_day or None for _, span in put],
            "shift": [span.shift for _, span in put],
        },
    )


def _delete_spans(conn: Connection, gone: Sequence[SpanKey]) -> None:
    if gone:
        conn.execute(
            """
            delete from state_span s using unnest(%(codes)s::text[], %(froms)s::timestamptz[]) as w (code, from_at)
            where s.machine = w.code and s.from_at = w.from_at
            """,
            {"codes": [code for code, _ in gone], "froms": [timestamp(at) for _, at in gone]},
        )


def last_running(conn: Connection, before: Mapping[str, int]) -> dict[str, int]:
    """When each post's last running span at or before an instant began; posts that did not run by then are left out."""
    rows = conn.execute(
        """
        select w.code, micros(s.from_at)
        from unnest(%(codes)s::text[], %(befores)s::timestamptz[]) as w (code, before_at)
        cross join lateral (
            select from_at from state_span
            where machine = w.code and from_at <= w.before_at and state = 'running'
            order by from_at desc limit 1) s
        """,
        {"codes": list(before), "befores": [timestamp(us) for us in before.values()]},
    )
    return dict(rows.fetchall())


_STOP_COLUMNS: dict[str, str] = {
    "scope": "text", "from_at": "timestamptz", "to_at": "timestamptz", "line": "text", "machine": "text",
    "root_machine": "text", "state": "text", "cause": "text", "stop_code": "text", "reason": "text",
    "reason_by": "text", "micro": "boolean", "loss_us": "int8", "job": "int8", "shift_day": "date", "shift": "text",
}  # fmt: skip


def load_stops(conn: Connection, ranges: Ranges) -> list[Stop]:
    """The stops of scopes (posts and lines) that begin within ranges of time."""
    rows = conn.execute(
        """
        select s.scope, micros(s.from_at), micros(s.to_at), s.line, s.machine, s.root_machine, s.state, s.cause,
               s.stop_code, s.reason, s.reason_by, s.micro, s.loss_us, s.job_id, coalesce(s.shift_day::text, ''),
               s.shift
        from unnest(%(codes)s::text[], %(froms)s::timestamptz[], %(tos)s::timestamptz[]) as w (code, from_at, to_at)
        join stop s on s.scope = w.code and s.from_at >= w.from_at and s.from_at < w.to_at
        """,
        spread(ranges),
    )
    return [Stop(*row) for row in rows]


def save_stops(conn: Connection, gone: Sequence[SpanKey], put: Sequence[Stop]) -> None:
    """Take stops away and put others."""
    if gone:
        conn.execute(
            """
            delete from stop s using unnest(%(codes)s::text[], %(froms)s::timestamptz[]) as w (code, from_at)
            where s.scope = w.code and s.from_at = w.from_at
            """,
            {"codes": [code for code, _ in gone], "froms": [timestamp(at) for _, at in gone]},
        )
    if put:
        conn.execute(
            """
            insert into stop (scope, from_at, to_at, line, machine, root_machine, state, cause, stop_code, reason,
                              reason_by, micro, loss_us, job_id, shift_day, shift)
            select * from unnest(
                %(scope)s::text[], %(from_at)s::timestamptz[], %(to_at)s::timestamptz[], %(line)s::text[],
                %(machine)s::text[], %(root_machine)s::text[], %(state)s::text[], %(cause)s::text[],
                %(stop_code)s::text[], %(reason)s::text[], %(reason_by)s::text[], %(micro)s::boolean[],
                %(loss_us)s::int8[], %(job)s::int8[], %(shift_day)s::date[], %(shift)s::text[])
            on conflict (scope, from_at) do update
            set to_at = excluded.to_at, line = excluded.line, machine = excluded.machine,
                root_machine = excluded.root_machine, state = excluded.state, cause = excluded.cause,
                stop_code = excluded.stop_code, reason = excluded.reason, reason_by = excluded.reason_by,
                micro = excluded.micro, loss_us = excluded.loss_us, job_id = excluded.job_id,
                shift_day = excluded.shift_day, shift = excluded.shift
            """,
            _stop_columns(put),
        )


def _stop_columns(put: Sequence[Stop]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [getattr(stop, name) for stop in put] for name in _STOP_COLUMNS}
    columns["from_at"] = [timestamp(stop.from_at) for stop in put]
    columns["to_at"] = [None if stop.to_at is None else timestamp(stop.to_at) for stop in put]
    columns["shift_day"] = [stop.shift_day or None for stop in put]
    return columns
