"""Jobs as the floor meets them: what runs on a line, what comes next, which job an order means there. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from mes.store.pool import Connection


class RunningJob(NamedTuple):
    """The job a station works on, and good pieces counted for it there."""

    station: str
    job_id: int
    line: str
    quantity: int
    good: int


def running_jobs(conn: Connection, stations: Sequence[str]) -> list[RunningJob]:
    """What stations work on now."""
    rows = conn.execute(
        """
        select s.station, s.job_id, s.line, j.quantity,
               coalesce((select sum(good) from shift_count
                         where station = s.station and job_id = s.job_id
                           and phase in ('production', 'first_article')), 0)::int8
        from unnest(%(stations)s::text[]) as w (station)
        cross join lateral (
            select station, job_id, line, to_at from job_span where station = w.station order by from_at desc limit 1) s
        join job j on j.id = s.job_id
        where s.to_at is null
        """,
        {"stations": list(stations)},
    ).fetchall()
    return [RunningJob(*row) for row in rows]


class OpenJob(NamedTuple):
    """A job that may still be worked on."""

    job_id: int
    order_id: int
    number: str
    shift_day: date
    sequence: int
    state: str


def open_jobs(conn: Connection, line: str) -> list[OpenJob]:
    """A line's jobs that are running, paused or ready, in their sequence."""
    rows = conn.execute(
        """
        select j.job_id, j.order_id, o.number, j.shift_day, j.sequence, j.state
        from job_state j join production_order o on o.id = j.order_id
        where j.line = %(line)s and j.state in ('running', 'paused', 'ready') and j.withdrawn_at is null
        order by j.shift_day, j.sequence, j.job_id
        """,
        {"line": line},
    ).fetchall()
    return [OpenJob(*row) for row in rows]


class GoodMinute(NamedTuple):
    """Good pieces of a job in a minute, and of all minutes up to it."""

    minute: datetime
    good: int
    by_then: int


def minute_reaching(conn: Connection, station: str, job_id: int, quantity: int) -> GoodMinute | None:
    """The minute in which a job's good pieces at a station reached a quantity."""
    row = conn.execute(
        """
        select minute, good, by_then from (
            select minute, sum(good)::int8 as good, (sum(sum(good)) over (order by minute))::int8 as by_then
            from minute_count
            where station = %(station)s and job_id = %(job)s and phase in ('production', 'first_article')
            group by minute
        ) m where by_then >= %(quantity)s order by minute limit 1
        """,
        {"station": station, "job": job_id, "quantity": quantity},
    ).fetchone()
    return None if row is None else GoodMinute(*row)
