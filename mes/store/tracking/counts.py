"""Counts as booked: by minute, by shift, jobs at stations, the time ledger; and how far booking stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from psycopg.types.json import Jsonb

from mes.domain.tracking.fold import Checkpoint, JobSpan, MinuteCount
from mes.store.pool import Connection
from mes.store.tracking.raw import Ranges, spread, timestamp


class JobFacts(NamedTuple):
    """What never changes of a job."""

    id: int
    order_id: int
    operation_seq: int
    line: str


NOBODY = JobFacts(0, 0, 0, "")
"""The job of pieces that are nobody's yet."""


def load_jobs(conn: Connection, ids: Iterable[int]) -> dict[int, JobFacts]:
    """Jobs by number; 0 is nobody's."""
    wanted = sorted(set(ids) - {0})
    rows = conn.execute("select id, order_id, operation_seq, line from job where id = any(%(ids)s)", {"ids": wanted})
    return {0: NOBODY, **{row[0]: JobFacts(*row) for row in rows}} if wanted else {0: NOBODY}


# --- minutes


def load_minutes(conn: Connection, ranges: Ranges) -> dict[str, list[MinuteCount]]:
    """The minute counts of stations within ranges of time."""
    found: dict[str, list[MinuteCount]] = {code: [] for code in ranges}
    rows = conn.execute(
        """
        select c.station, micros(c.minute), c.job_id, c.phase, c.good, c.reject, c.rework, c.scrap, c.entered, c.flags
        from unnest(%(codes)s::text[], %(froms)s::timestamptz[], %(tos)s::timestamptz[]) as w (code, from_at, to_at)
        join minute_count c on c.station = w.code and c.minute >= w.from_at and c.minute < w.to_at
        """,
        spread(ranges),
    )
    for row in rows:
        found[row[0]].append(MinuteCount(*row))
    return found


MinuteKey = tuple[str, int, int, str]
"""Station, minute, job, phase."""


def save_minutes(
    conn: Connection, gone: Sequence[MinuteKey], put: Sequence[MinuteCount], jobs: Mapping[int, JobFacts]
) -> None:
    """Take minute counts away and put others."""
    if gone:
        conn.execute(
            """
            delete from minute_count c
            using unnest(%(station)s::text[], %(minute)s::timestamptz[], %(job)s::int8[], %(phase)s::text[])
                  as w (station, minute, job_id, phase)
            where (c.station, c.minute, c.job_id, c.phase) = (w.station, w.minute, w.job_id, w.phase)
            """,
            {
                "station": [key[0] for key in gone],
                "minute": [timestamp(key[1]) for key in gone],
                "job": [key[2] for key in gone],
                "phase": [key[3] for key in gone],
            },
        )
    if put:
        facts = [jobs.get(row.job, NOBODY) for row in put]
        conn.execute(
            """
            insert into minute_count (station, minute, job_id, order_id, operation_seq, phase, good, reject, rework,
                                      scrap, entered, flags)
            select * from unnest(
                %(station)s::text[], %(minute)s::timestamptz[], %(job)s::int8[], %(order_id)s::int8[],
                %(operation_seq)s::int4[], %(phase)s::text[], %(good)s::int8[], %(reject)s::int8[], %(rework)s::int8[],
                %(scrap)s::int8[], %(entered)s::int8[], %(flags)s::int4[])
            on conflict (station, minute, job_id, phase) do update
            set good = excluded.good, reject = excluded.reject, rework = excluded.rework, scrap = excluded.scrap,
                entered = excluded.entered, flags = excluded.flags
            """,
            {name: [getattr(row, name) for row in put] for name in MinuteCount._fields}
            | {
                "minute": [timestamp(row.minute) for row in put],
                "flags": [int(row.flags) for row in put],
                "order_id": [fact.order_id for fact in facts],
                "operation_seq": [fact.operation_seq for fact in facts],
            },
        )


# --- checkpoints


def save_checkpoints(
    conn: Connection, gone: Sequence[tuple[str, int]], put: Sequence[tuple[str, int, Checkpoint]]
) -> None:
    """Take checkpoints away and put others."""
    if gone:
        conn.execute(
            """
            delete from checkpoint c using unnest(%(codes)s::text[], %(minutes)s::timestamptz[]) as w (code, minute)
            where c.station = w.code and c.minute = w.minute
            """,
            {"codes": [code for code, _ in gone], "minutes": [timestamp(minute) for _, minute in gone]},
        )
    if put:
        conn.execute(
            """
            insert into checkpoint (station, minute, state)
            select * from unnest(%(codes)s::text[], %(minutes)s::timestamptz[], %(states)s::jsonb[])
            on conflict (station, minute) do update set state = excluded.state
            """,
            {
                "codes": [code for code, _, _ in put],
                "minutes": [timestamp(minute) for _, minute, _ in put],
                "states": [Jsonb(state) for _, _, state in put],
            },
        )


def save_frontiers(conn: Connection, through: Mapping[str, int]) -> None:
    """Say how far the rows of posts reach now; never less far than before."""
    if through:
        conn.execute(
            """
            insert into frontier (station, through_at)
            select * from unnest(%(codes)s::text[], %(throughs)s::timestamptz[])
            on conflict (station) do update set through_at = excluded.through_at
            where frontier.through_at < excluded.through_at
            """,
            {"codes": list(through), "throughs": [timestamp(us) for us in through.values()]},
        )


# --- jobs at stations


def load_job_spans(conn: Connection, ranges: Ranges) -> dict[str, list[JobSpan]]:
    """The job spans of stations that begin within ranges of time."""
    found: dict[str, list[JobSpan]] = {code: [] for code in ranges}
    rows = conn.execute(
        """
        select s.station, micros(s.from_at), micros(s.to_at), s.job_id, s.phase
        from unnest(%(codes)s::text[], %(froms)s::timestamptz[], %(tos)s::timestamptz[]) as w (code, from_at, to_at)
        join job_span s on s.station = w.code and s.from_at >= w.from_at and s.from_at < w.to_at
        """,
        spread(ranges),
    )
    for row in rows:
        found[row[0]].append(JobSpan(*row))
    return found


def save_job_spans(
    conn: Connection, gone: Sequence[tuple[str, int]], put: Sequence[JobSpan], jobs: Mapping[int, JobFacts]
) -> None:
    """Take job spans away and put others."""
    if gone:
        conn.execute(
            """
            delete from job_span s using unnest(%(codes)s::text[], %(froms)s::timestamptz[]) as w (code, from_at)
            where s.station = w.code and s.from_at = w.from_at
            """,
            {"codes": [code for code, _ in gone], "froms": [timestamp(at) for _, at in gone]},
        )
    if put:
        facts = [jobs.get(span.job, NOBODY) for span in put]
        conn.execute(
            """
            insert into job_span (station, from_at, to_at, line, job_id, order_id, operation_seq, phase)
            select * from unnest(
                %(station)s::text[], %(from_at)s::timestamptz[], %(to_at)s::timestamptz[], %(line)s::text[],
                %(job)s::int8[], %(order_id)s::int8[], %(operation_seq)s::int4[], %(phase)s::text[])
            on conflict (station, from_at) do update
            set to_at = excluded.to_at, line = excluded.line, job_id = excluded.job_id, order_id = excluded.order_id,
                operation_seq = excluded.operation_seq, phase = excluded.phase
            """,
            {
                "station": [span.station for span in put],
                "from_at": [timestamp(span.from_at) for span in put],
                "to_at": [None if span.to_at is None else timestamp(span.to_at) for span in put],
                "line": [fact.line for fact in facts],
                "job": [span.job for span in put],
                "order_id": [fact.order_id for fact in facts],
                "operation_seq": [fact.operation_seq for fact in facts],
                "phase": [span.phase for span in put],
            },
        )


# --- shifts


class ShiftKey(NamedTuple):
    """A station's shift: `shift_day` ISO; `shift` empty with the local date outside every shift."""

    station: str
    shift_day: str
    shift: str


class ShiftCount(NamedTuple):
    """A shift's counts at a station, by job and phase; `first_at`, `last_at`: minutes of the first and last piece."""

    station: str
    shift_day: str
    shift: str
    job: int
    phase: str
    line: str
    enters: bool
    leaves: bool
    good: int
    reject: int
    rework: int
    scrap: int
    entered: int
    first_at: int | None
    last_at: int | None


class Sum(NamedTuple):
    """Minute counts added up for question `no`; `first_at`, `last_at`: minutes of the first and last piece."""

    no: int
    station: str
    job: int
    phase: str
    good: int
    reject: int
    rework: int
    scrap: int
    entered: int
    first_at: int | None
    last_at: int | None


def sum_minutes(conn: Connection, questions: Sequence[tuple[int, str, int, int]]) -> list[Sum]:
    """Minute counts added up by job and phase. A question (no, station, from, to) may come in several parts."""
    rows = conn.execute(
        """
        select w.no, w.station, c.job_id, c.phase, sum(c.good)::int8, sum(c.reject)::int8, sum(c.rework)::int8,
               sum(c.scrap)::int8, sum(c.entered)::int8,
               micros(min(c.minute) filter (where c.entered <> 0 or c.rework <> 0)),
               micros(max(c.minute) filter (where c.entered <> 0 or c.rework <> 0))
        from unnest(%(no)s::int4[], %(station)s::text[], %(from_at)s::timestamptz[], %(to_at)s::timestamptz[])
             as w (no, station, from_at, to_at)
        join minute_count c on c.station = w.station and c.minute >= w.from_at and c.minute < w.to_at
        group by w.no, w.station, c.job_id, c.phase
        """,
        {
            "no": [no for no, _, _, _ in questions],
            "station": [station for _, station, _, _ in questions],
            "from_at": [timestamp(start) for _, _, start, _ in questions],
            "to_at": [timestamp(end) for _, _, _, end in questions],
        },
    )
    return [Sum(*row) for row in rows]


def key_arrays(keys: Sequence[ShiftKey]) -> dict[str, list[str]]:
    """Keys as the arrays `station`, `shift_day`, `shift`."""
    return {name: [getattr(key, name) for key in keys] for name in ShiftKey._fields}


def load_shift_counts(conn: Connection, keys: Sequence[ShiftKey]) -> list[ShiftCount]:
    """The shift counts of stations and shifts."""
    rows = conn.execute(
        """
        select c.station, c.shift_day::text, c.shift, c.job_id, c.phase, c.line, c.enters, c.leaves, c.good, c.reject,
               c.rework, c.scrap, c.entered, micros(c.first_at), micros(c.last_at)
        from unnest(%(station)s::text[], %(shift_day)s::date[], %(shift)s::text[]) as w (station, shift_day, shift)
        join shift_count c using (station, shift_day, shift)
        """,
        key_arrays(keys),
    )
    return [ShiftCount(*row) for row in rows]


def save_shift_counts(
    conn: Connection, gone: Sequence[ShiftCount], put: Sequence[ShiftCount], jobs: Mapping[int, JobFacts]
) -> None:
    """Take shift counts away and put others."""
    if gone:
        conn.execute(
            """
            delete from shift_count c
            using unnest(%(station)s::text[], %(shift_day)s::date[], %(shift)s::text[], %(job)s::int8[],
                         %(phase)s::text[]) as w (station, shift_day, shift, job_id, phase)
            where (c.station, c.shift_day, c.shift, c.job_id, c.phase)
                = (w.station, w.shift_day, w.shift, w.job_id, w.phase)
            """,
            {name: [getattr(row, name) for row in gone] for name in ("station", "shift_day", "shift", "job", "phase")},
        )
    if put:
        facts = [jobs.get(row.job, NOBODY) for row in put]
        conn.execute(
            """
            insert into shift_count (station, shift_day, shift, job_id, phase, line, order_id, operation_seq, enters,
                                     leaves, good, reject, rework, scrap, entered, first_at, last_at)
            select * from unnest(
                %(station)s::text[], %(shift_day)s::date[], %(shift)s::text[], %(job)s::int8[], %(phase)s::text[],
                %(line)s::text[], %(order_id)s::int8[], %(operation_seq)s::int4[], %(enters)s::boolean[],
                %(leaves)s::boolean[], %(good)s::int8[], %(reject)s::int8[], %(rework)s::int8[], %(scrap)s::int8[],
                %(entered)s::int8[], %(first_at)s::timestamptz[], %(last_at)s::timestamptz[])
            on conflict (station, shift_day, shift, job_id, phase) do update
            set line = excluded.line, enters = excluded.enters, leaves = excluded.leaves, good = excluded.good,
                reject = excluded.reject, rework = excluded.rework, scrap = excluded.scrap,
                entered = excluded.entered, first_at = excluded.first_at, last_at = excluded.last_at
            """,
            {name: [getattr(row, name) for row in put] for name in ShiftCount._fields}
            | {
                "first_at": [None if row.first_at is None else timestamp(row.first_at) for row in put],
                "last_at": [None if row.last_at is None else timestamp(row.last_at) for row in put],
                "order_id": [fact.order_id for fact in facts],
                "operation_seq": [fact.operation_seq for fact in facts],
            },
        )
