"""Counts as booked: by minute, by shift, jobs at stations, the time ledger; and how far booking stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from mes.domain.tracking.fold import Checkpoint, JobSpan, MinuteCount
from mes.store.pool import Connection
from mes.store.tracking.arrays import instants, texts, truths, wholes
from mes.store.tracking.raw import Ranges, spread


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
        from unnest(%(codes)s::text[], %(froms)s::int8[], %(tos)s::int8[]) as w (code, from_us, to_us)
        join minute_count c on c.station = w.code and c.minute >= instant(w.from_us) and c.minute < instant(w.to_us)
        """,
        spread(ranges),
    ).fetchall()
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
            using unnest(%(station)s::text[], %(minute)s::int8[], %(job)s::int8[], %(phase)s::text[])
                  as w (station, minute, job_id, phase)
            where (c.station, c.minute, c.job_id, c.phase) = (w.station, instant(w.minute), w.job_id, w.phase)
            """,
            {
                "station": texts(key[0] for key in gone),
                "minute": instants(key[1] for key in gone),
                "job": wholes(key[2] for key in gone),
                "phase": texts(key[3] for key in gone),
            },
        )
    if put:
        facts = [jobs.get(row.job, NOBODY) for row in put]
        conn.execute(
            """
            insert into minute_count (station, minute, job_id, order_id, operation_seq, phase, good, reject, rework,
                                      scrap, entered, flags)
            select station, instant(minute), job_id, order_id, operation_seq, phase, good, reject, rework, scrap,
                   entered, flags
            from unnest(
                %(station)s::text[], %(minute)s::int8[], %(job)s::int8[], %(order_id)s::int8[],
                %(operation_seq)s::int4[], %(phase)s::text[], %(good)s::int8[], %(reject)s::int8[], %(rework)s::int8[],
                %(scrap)s::int8[], %(entered)s::int8[], %(flags)s::int4[])
                as w (station, minute, job_id, order_id, operation_seq, phase, good, reject, rework, scrap, entered,
                      flags)
            on conflict (station, minute, job_id, phase) do update
            set good = excluded.good, reject = excluded.reject, rework = excluded.rework, scrap = excluded.scrap,
                entered = excluded.entered, flags = excluded.flags
            """,
            {
                "station": texts(row.station for row in put),
                "minute": instants(row.minute for row in put),
                "job": wholes(row.job for row in put),
                "phase": texts(row.phase for row in put),
                "good": wholes(row.good for row in put),
                "reject": wholes(row.reject for row in put),
                "rework": wholes(row.rework for row in put),
                "scrap": wholes(row.scrap for row in put),
                "entered": wholes(row.entered for row in put),
                "flags": wholes(int(row.flags) for row in put),
                "order_id": wholes(fact.order_id for fact in facts),
                "operation_seq": wholes(fact.operation_seq for fact in facts),
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
            delete from checkpoint c using unnest(%(codes)s::text[], %(minutes)s::int8[]) as w (code, minute)
            where c.station = w.code and c.minute = instant(w.minute)
            """,
            {"codes": texts(code for code, _ in gone), "minutes": instants(minute for _, minute in gone)},
        )
    if put:
        conn.execute(
            """
            insert into checkpoint (station, minute, state)
            select code, instant(minute), state
            from unnest(%(codes)s::text[], %(minutes)s::int8[], %(states)s::jsonb[]) as w (code, minute, state)
            on conflict (station, minute) do update set state = excluded.state
            """,
            {
                "codes": texts(code for code, _, _ in put),
                "minutes": instants(minute for _, minute, _ in put),
                "states": texts(json.dumps(state) for _, _, state in put),
            },
        )


def save_frontiers(conn: Connection, through: Mapping[str, int]) -> None:
    """Say how far the rows of posts reach now; never less far than before."""
    if through:
        conn.execute(
            """
            insert into frontier (station, through_at)
            select code, instant(through)
            from unnest(%(codes)s::text[], %(throughs)s::int8[]) as w (code, through)
            on conflict (station) do update set through_at = excluded.through_at
            where frontier.through_at < excluded.through_at
            """,
            {"codes": texts(through), "throughs": instants(through.values())},
        )


# --- jobs at stations


def load_job_spans(conn: Connection, ranges: Ranges) -> dict[str, list[JobSpan]]:
    """The job spans of stations that begin within ranges of time."""
    found: dict[str, list[JobSpan]] = {code: [] for code in ranges}
    rows = conn.execute(
        """
        select s.station, micros(s.from_at), micros(s.to_at), s.job_id, s.phase
        from unnest(%(codes)s::text[], %(froms)s::int8[], %(tos)s::int8[]) as w (code, from_us, to_us)
        join job_span s on s.station = w.code and s.from_at >= instant(w.from_us) and s.from_at < instant(w.to_us)
        """,
        spread(ranges),
    ).fetchall()
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
            delete from job_span s using unnest(%(codes)s::text[], %(froms)s::int8[]) as w (code, from_us)
            where s.station = w.code and s.from_at = instant(w.from_us)
            """,
            {"codes": texts(code for code, _ in gone), "froms": instants(at for _, at in gone)},
        )
    if put:
        facts = [jobs.get(span.job, NOBODY) for span in put]
        conn.execute(
            """
            insert into job_span (station, from_at, to_at, line, job_id, order_id, operation_seq, phase)
            select station, instant(from_us), instant(to_us), line, job_id, order_id, operation_seq, phase
            from unnest(
                %(station)s::text[], %(from_us)s::int8[], %(to_us)s::int8[], %(line)s::text[], %(job)s::int8[],
                %(order_id)s::int8[], %(operation_seq)s::int4[], %(phase)s::text[])
                as w (station, from_us, to_us, line, job_id, order_id, operation_seq, phase)
            on conflict (station, from_at) do update
            set to_at = excluded.to_at, line = excluded.line, job_id = excluded.job_id, order_id = excluded.order_id,
                operation_seq = excluded.operation_seq, phase = excluded.phase
            """,
            {
                "station": texts(span.station for span in put),
                "from_us": instants(span.from_at for span in put),
                "to_us": instants(span.to_at for span in put),
                "line": texts(fact.line for fact in facts),
                "job": wholes(span.job for span in put),
                "order_id": wholes(fact.order_id for fact in facts),
                "operation_seq": wholes(fact.operation_seq for fact in facts),
                "phase": texts(span.phase for span in put),
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
        from unnest(%(no)s::int4[], %(station)s::text[], %(from_us)s::int8[], %(to_us)s::int8[])
             as w (no, station, from_us, to_us)
        join minute_count c on c.station = w.station and c.minute >= instant(w.from_us)
                           and c.minute < instant(w.to_us)
        group by w.no, w.station, c.job_id, c.phase
        """,
        {
            "no": wholes(no for no, _, _, _ in questions),
            "station": texts(station for _, station, _, _ in questions),
            "from_us": instants(start for _, _, start, _ in questions),
            "to_us": instants(end for _, _, _, end in questions),
        },
    ).fetchall()
    return [Sum(*row) for row in rows]


def key_arrays(keys: Sequence[ShiftKey]) -> dict[str, str]:
    """Keys as the arrays `station`, `shift_day`, `shift`."""
    return {
        "station": texts(key.station for key in keys),
        "shift_day": texts(key.shift_day for key in keys),
        "shift": texts(key.shift for key in keys),
    }


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
    ).fetchall()
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
            {
                **key_arrays([ShiftKey(*row[:3]) for row in gone]),
                "job": wholes(row.job for row in gone),
                "phase": texts(row.phase for row in gone),
            },
        )
    if put:
        facts = [jobs.get(row.job, NOBODY) for row in put]
        conn.execute(
            """
            insert into shift_count (station, shift_day, shift, job_id, phase, line, order_id, operation_seq, enters,
                                     leaves, good, reject, rework, scrap, entered, first_at, last_at)
            select station, shift_day, shift, job_id, phase, line, order_id, operation_seq, enters, leaves, good,
                   reject, rework, scrap, entered, instant(first_us), instant(last_us)
            from unnest(
                %(station)s::text[], %(shift_day)s::date[], %(shift)s::text[], %(job)s::int8[], %(phase)s::text[],
                %(line)s::text[], %(order_id)s::int8[], %(operation_seq)s::int4[], %(enters)s::boolean[],
                %(leaves)s::boolean[], %(good)s::int8[], %(reject)s::int8[], %(rework)s::int8[], %(scrap)s::int8[],
                %(entered)s::int8[], %(first_us)s::int8[], %(last_us)s::int8[])
                as w (station, shift_day, shift, job_id, phase, line, order_id, operation_seq, enters, leaves, good,
                      reject, rework, scrap, entered, first_us, last_us)
            on conflict (station, shift_day, shift, job_id, phase) do update
            set line = excluded.line, enters = excluded.enters, leaves = excluded.leaves, good = excluded.good,
                reject = excluded.reject, rework = excluded.rework, scrap = excluded.scrap,
                entered = excluded.entered, first_at = excluded.first_at, last_at = excluded.last_at
            """,
            {
                **key_arrays([ShiftKey(*row[:3]) for row in put]),
                "job": wholes(row.job for row in put),
                "phase": texts(row.phase for row in put),
                "line": texts(row.line for row in put),
                "order_id": wholes(fact.order_id for fact in facts),
                "operation_seq": wholes(fact.operation_seq for fact in facts),
                "enters": truths(row.enters for row in put),
                "leaves": truths(row.leaves for row in put),
                "good": wholes(row.good for row in put),
                "reject": wholes(row.reject for row in put),
                "rework": wholes(row.rework for row in put),
                "scrap": wholes(row.scrap for row in put),
                "entered": wholes(row.entered for row in put),
                "first_us": instants(row.first_at for row in put),
                "last_us": instants(row.last_at for row in put),
            },
        )
