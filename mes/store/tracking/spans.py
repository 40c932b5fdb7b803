"""State spans and stops as booked. Only the tracker comes here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mes.domain.tracking.felt import Standstill
from mes.domain.tracking.fold import Span
from mes.domain.tracking.stops import Stop
from mes.store.pool import Connection
from mes.store.tracking.arrays import instants, texts, truths, wholes
from mes.store.tracking.raw import Ranges, spread

SpanKey = tuple[str, int]


def load_spans(conn: Connection, ranges: Ranges) -> dict[str, list[Span]]:
    """The spans of posts that begin within ranges of time, in order."""
    return _spans(
        conn,
        """
        select s.machine, micros(s.from_at), micros(s.to_at), s.state, s.cause, s.stop_code, s.job_id, s.phase,
               coalesce(s.shift_day::text, ''), s.shift
        from unnest(%(codes)s::text[], %(froms)s::int8[], %(tos)s::int8[]) as w (code, from_us, to_us)
        join state_span s on s.machine = w.code and s.from_at >= instant(w.from_us) and s.from_at < instant(w.to_us)
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
        from unnest(%(codes)s::text[], %(froms)s::int8[], %(tos)s::int8[]) as w (code, from_us, to_us)
        cross join lateral (
            select coalesce(max(from_at), '-infinity') as from_at from (
                select from_at from state_span where machine = w.code and from_at <= instant(w.from_us)
                order by from_at desc limit 1) b
        ) first
        join state_span s on s.machine = w.code and s.from_at >= first.from_at and s.from_at < instant(w.to_us)
        where coalesce(s.to_at, 'infinity') > instant(w.from_us)
        order by s.machine, s.from_at
        """,
        ranges,
    )


def _spans(conn: Connection, query: str, ranges: Ranges) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {code: [] for code in ranges}
    for code, *row in conn.execute(query, spread(ranges)).fetchall():
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
        select machine, instant(from_us), instant(to_us), state, cause, stop_code, job_id, order_id, phase, shift_day,
               shift
        from unnest(
            %(machine)s::text[], %(from_us)s::int8[], %(to_us)s::int8[], %(state)s::text[], %(cause)s::text[],
            %(stop_code)s::text[], %(job)s::int8[], %(order)s::int8[], %(phase)s::text[], %(shift_day)s::date[],
            %(shift)s::text[])
            as w (machine, from_us, to_us, state, cause, stop_code, job_id, order_id, phase, shift_day, shift)
        on conflict (machine, from_at) do update
        set to_at = excluded.to_at, state = excluded.state, cause = excluded.cause, stop_code = excluded.stop_code,
            job_id = excluded.job_id, order_id = excluded.order_id, phase = excluded.phase,
            shift_day = excluded.shift_day, shift = excluded.shift
        """,
        {
            "machine": texts(code for code, _ in put),
            "from_us": instants(span.from_at for _, span in put),
            "to_us": instants(span.to_at for _, span in put),
            "state": texts(span.state for _, span in put),
            "cause": texts(span.cause for _, span in put),
            "stop_code": texts(span.stop_code for _, span in put),
            "job": wholes(span.job for _, span in put),
            "order": wholes(orders.get(span.job, 0) for _, span in put),
            "phase": texts(span.phase for _, span in put),
            "shift_day": texts(span.shift_day or None for _, span in put),
            "shift": texts(span.shift for _, span in put),
        },
    )


def _delete_spans(conn: Connection, gone: Sequence[SpanKey]) -> None:
    if gone:
        conn.execute(
            """
            delete from state_span s using unnest(%(codes)s::text[], %(froms)s::int8[]) as w (code, from_us)
            where s.machine = w.code and s.from_at = instant(w.from_us)
            """,
            {"codes": texts(code for code, _ in gone), "froms": instants(at for _, at in gone)},
        )


def last_running(conn: Connection, before: Mapping[str, int]) -> dict[str, int]:
    """When each post's last running span before an instant began; posts that did not run by then are left out."""
    rows = conn.execute(
        """
        select w.code, micros(s.from_at)
        from unnest(%(codes)s::text[], %(befores)s::int8[]) as w (code, before_us)
        cross join lateral (
            select from_at from state_span
            where machine = w.code and from_at < instant(w.before_us) and state = 'running'
            order by from_at desc limit 1) s
        """,
        {"codes": texts(before), "befores": instants(before.values())},
    )
    return dict(rows.fetchall())


def load_stops(conn: Connection, ranges: Ranges) -> list[Stop]:
    """The stops of scopes (posts and lines) that last into or begin within ranges of time."""
    rows = conn.execute(
        """
        select s.scope, micros(s.from_at), micros(s.to_at), s.line, s.machine, s.root_machine, s.root_state, s.state,
               s.cause, s.stop_code, s.reason, s.reason_by, s.micro, s.loss_us, s.job_id,
               coalesce(s.shift_day::text, ''), s.shift, s.again
        from unnest(%(codes)s::text[], %(froms)s::int8[], %(tos)s::int8[]) as w (code, from_us, to_us)
        cross join lateral (
            select coalesce(max(from_at), '-infinity') as from_at from (
                select from_at from stop where scope = w.code and from_at <= instant(w.from_us)
                order by from_at desc limit 1) b
        ) first
        join stop s on s.scope = w.code and s.from_at >= first.from_at and s.from_at < instant(w.to_us)
        where coalesce(s.to_at, 'infinity') > instant(w.from_us)
        order by s.scope, s.from_at
        """,
        spread(ranges),
    ).fetchall()
    return [Stop(*row) for row in rows]


def load_standstills(conn: Connection, ranges: Ranges) -> dict[str, list[Standstill]]:
    """The standstills of lines that overlap ranges of time and had another machine's stop as root, in order."""
    found: dict[str, list[Standstill]] = {line: [] for line in ranges}
    for line, *row in conn.execute(
        """
        select s.scope, micros(s.from_at), micros(s.to_at), s.root_machine, s.root_state, s.again
        from unnest(%(codes)s::text[], %(froms)s::int8[], %(tos)s::int8[]) as w (code, from_us, to_us)
        cross join lateral (
            select coalesce(max(from_at), '-infinity') as from_at from (
                select from_at from stop where scope = w.code and from_at <= instant(w.from_us)
                order by from_at desc limit 1) b
        ) first
        join stop s on s.scope = w.code and s.from_at >= first.from_at and s.from_at < instant(w.to_us)
        where coalesce(s.to_at, 'infinity') > instant(w.from_us) and s.root_state not in ('', s.state)
        order by s.scope, s.from_at
        """,
        spread(ranges),
    ).fetchall():
        found[line].append(Standstill(*row))
    return found


def save_stops(conn: Connection, gone: Sequence[SpanKey], put: Sequence[Stop]) -> None:
    """Take stops away and put others."""
    if gone:
        conn.execute(
            """
            delete from stop s using unnest(%(codes)s::text[], %(froms)s::int8[]) as w (code, from_us)
            where s.scope = w.code and s.from_at = instant(w.from_us)
            """,
            {"codes": texts(code for code, _ in gone), "froms": instants(at for _, at in gone)},
        )
    if put:
        conn.execute(
            """
            insert into stop (scope, from_at, to_at, line, machine, root_machine, root_state, state, cause, stop_code,
                              reason, reason_by, micro, loss_us, job_id, shift_day, shift, again)
            select scope, instant(from_us), instant(to_us), line, machine, root_machine, root_state, state, cause,
                   stop_code, reason, reason_by, micro, loss_us, job_id, shift_day, shift, again
            from unnest(
                %(scope)s::text[], %(from_at)s::int8[], %(to_at)s::int8[], %(line)s::text[], %(machine)s::text[],
                %(root_machine)s::text[], %(root_state)s::text[], %(state)s::text[], %(cause)s::text[],
                %(stop_code)s::text[], %(reason)s::text[], %(reason_by)s::text[], %(micro)s::boolean[],
                %(loss_us)s::int8[], %(job)s::int8[], %(shift_day)s::date[], %(shift)s::text[], %(again)s::boolean[])
                as w (scope, from_us, to_us, line, machine, root_machine, root_state, state, cause, stop_code, reason,
                      reason_by, micro, loss_us, job_id, shift_day, shift, again)
            on conflict (scope, from_at) do update
            set to_at = excluded.to_at, line = excluded.line, machine = excluded.machine,
                root_machine = excluded.root_machine, root_state = excluded.root_state, state = excluded.state,
                cause = excluded.cause, stop_code = excluded.stop_code, reason = excluded.reason,
                reason_by = excluded.reason_by,
                micro = excluded.micro, loss_us = excluded.loss_us, job_id = excluded.job_id,
                shift_day = excluded.shift_day, shift = excluded.shift, again = excluded.again
            """,
            _stop_columns(put),
        )


def _stop_columns(put: Sequence[Stop]) -> dict[str, str]:
    names = (
        "scope", "line", "machine", "root_machine", "root_state", "state", "cause", "stop_code", "reason", "reason_by",
        "shift",
    )  # fmt: skip
    return {name: texts(getattr(stop, name) for stop in put) for name in names} | {
        "from_at": instants(stop.from_at for stop in put),
        "to_at": instants(stop.to_at for stop in put),
        "micro": truths(stop.micro for stop in put),
        "again": truths(stop.again for stop in put),
        "loss_us": wholes(stop.loss_us for stop in put),
        "job": wholes(stop.job for stop in put),
        "shift_day": texts(stop.shift_day or None for stop in put),
    }
