"""What a line lead works with: who is on, counts that are nobody's, what stands cost, where the bottleneck lies."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from psycopg.rows import class_row

from mes.domain.calendar import Calendar
from mes.domain.fields import Quantity
from mes.domain.kpi import Elements, bottleneck
from mes.store.kpis import window_elements
from mes.store.pool import Connection

APART = timedelta(minutes=15)
"""Unassigned counts further apart than this are two stretches."""


@dataclass(frozen=True, slots=True)
class PresenceLine:
    """Somebody is on: at a station, or (`station` empty) on the whole line."""

    person: str
    name: str
    line: str
    station: str
    since: datetime
    share: Quantity | None


@dataclass(frozen=True, slots=True)
class LaborLine:
    """Somebody worked on a job, from .. to, for a share of what was made meanwhile."""

    person: str
    line: str
    station: str
    system: str
    number: str
    job_id: int
    operation_seq: int
    phase: str
    from_at: datetime
    to_at: datetime
    share: Quantity
    seconds: float


@dataclass(frozen=True, slots=True)
class UnassignedLine:
    """Counts of a station that are nobody's: an entry of kind assign, `from_at` .. `to_at`, makes them a job's."""

    line: str
    station: str
    from_at: datetime
    to_at: datetime
    good: int
    reject: int
    rework: int
    scrap: int
    job_before: int | None
    job_after: int | None


@dataclass(frozen=True, slots=True)
class BottleneckLine:
    """The machine that set a line's pace in a stretch (null: nothing ran), and the share each machine waited.

    `moved`: another than in the last stretch in which one could be told.
    """

    from_at: datetime
    to_at: datetime
    machine: str | None
    moved: bool
    waits: dict[str, float]


def list_presence(
    conn: Connection, at: datetime, *, line: str | None, lines: Collection[str] | None
) -> list[PresenceLine]:
    """Who is on at an instant. `lines`: only on these (None: all)."""
    with conn.cursor(row_factory=class_row(PresenceLine)) as cur:
        return cur.execute(
            """
            select p.person, coalesce(n.name, p.person) as name, p.line, p.station, p.from_at as since, p.share
            from presence p left join person n on n.code = p.person
            where p.from_at <= %(at)s and p.to_at > %(at)s
              and (%(line)s::text is null or p.line = %(line)s)
              and (%(lines)s::text[] is null or p.line = any(%(lines)s))
            order by p.line, p.station, p.person
            """,
            {"at": at, "line": line, "lines": None if lines is None else sorted(lines)},
        ).fetchall()


def list_labor(
    conn: Connection, from_at: datetime, to_at: datetime, *, line: str | None, lines: Collection[str] | None
) -> list[LaborLine]:
    """Who worked on what within a stretch, cut to it. `lines`: only on these (None: all)."""
    with conn.cursor(row_factory=class_row(LaborLine)) as cur:
        return cur.execute(
            """
            select person, line, station, system, number, job_id, operation_seq, phase,
                   greatest(from_at, %(from_at)s) as from_at, least(to_at, %(to_at)s) as to_at, share,
                   extract(epoch from least(to_at, %(to_at)s) - greatest(from_at, %(from_at)s))::float8 as seconds
            from report.labor
            where from_at < %(to_at)s and to_at > %(from_at)s
              and (%(line)s::text is null or line = %(line)s)
              and (%(lines)s::text[] is null or line = any(%(lines)s))
            order by line, station, from_at, person, job_id
            """,
            {"from_at": from_at, "to_at": to_at, "line": line, "lines": None if lines is None else sorted(lines)},
        ).fetchall()


def list_unassigned(
    conn: Connection, stations: dict[str, str], from_at: datetime, to_at: datetime
) -> list[UnassignedLine]:
    """Counts nobody's of stations (station -> line) in a stretch; each with the job before and the one after it."""
    with conn.cursor(row_factory=class_row(UnassignedLine)) as cur:
        return cur.execute(
            """
            with counted as (
                select station, minute, good, reject, rework, scrap,
                       minute - lag(minute) over (partition by station order by minute, phase) > %(apart)s as is_new
                from minute_count
                where job_id = 0 and station = any(%(stations)s) and minute >= %(from_at)s and minute < %(to_at)s
                  and good + reject + rework + scrap <> 0
            ), island as (
                select *, count(*) filter (where is_new) over (partition by station order by minute) as no from counted
            ), stretch as (
                select station, min(minute) as from_at, max(minute) + interval '59.999999 seconds' as to_at,
                       sum(good)::int8 as good, sum(reject)::int8 as reject, sum(rework)::int8 as rework,
                       sum(scrap)::int8 as scrap
                from island group by station, no
            )
            select w.line, s.*, before.job_id as job_before, after.job_id as job_after
            from stretch s
            join unnest(%(stations)s::text[], %(lines)s::text[]) as w (station, line) using (station)
            left join lateral (
                select job_id from job_span j where j.station = s.station and j.from_at < s.from_at and j.job_id <> 0
                order by from_at desc limit 1) before on true
            left join lateral (
                select job_id from job_span j where j.station = s.station and j.from_at >= s.from_at and j.job_id <> 0
                order by from_at limit 1) after on true
            order by s.from_at, s.station
            """,
            {
                "apart": APART,
                "stations": list(stations),
                "lines": list(stations.values()),
                "from_at": from_at,
                "to_at": to_at,
            },
        ).fetchall()


def list_bottlenecks(
    conn: Connection, calendar: Calendar, line: str, windows: Sequence[tuple[datetime, datetime]]
) -> list[BottleneckLine]:
    """Which machine of a line set its pace in each window, and when that moved from one to another."""
    machines = [machine.code for machine in calendar.plant.machine if machine.line == line]
    spent = {machine: window_elements(conn, calendar, machine, windows) for machine in machines}
    found: list[BottleneckLine] = []
    for no, (start, end) in enumerate(windows):
        times = {machine: elements[no] for machine, elements in spent.items()}
        if any(one.calendar_us for one in times.values()):
            found.append(BottleneckLine(start, end, bottleneck(times), False, _waits(times)))
    return _with_moves(found)


def _waits(times: dict[str, Elements]) -> dict[str, float]:
    return {machine: round(one.adet_us / one.pbt_us, 6) for machine, one in times.items() if one.pbt_us}


def _with_moves(found: Sequence[BottleneckLine]) -> list[BottleneckLine]:
    told = [one for one in found if one.machine is not None]
    moved = {id(after) for before, after in pairwise(told) if before.machine != after.machine}
    return [BottleneckLine(one.from_at, one.to_at, one.machine, id(one) in moved, one.waits) for one in found]
