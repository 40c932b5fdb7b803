"""Hand-overs of shifts: written once, never changed; and the figures of a line's stretch, for then and for now."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from mes.domain.calendar import FOREVER, Calendar, Reign, floor_minute, instant, micros, stretches
from mes.domain.tracking.jobs import YIELD_PHASES
from mes.domain.tracking.stops import lost
from mes.store.kpis import booked_through, window_elements
from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class Handover:
    """A line's shift as it was handed over. `figures` hold for `from_at` to `through_at`, the last minute booked."""

    id: int
    client_id: UUID
    line: str
    shift_day: date
    shift: str
    at: datetime
    by: str
    note: str
    from_at: datetime
    through_at: datetime
    figures: dict[str, Any]


def insert_handover(
    conn: Connection, *, client_id: UUID, line: str, shift_day: date, shift: str, at: datetime, by: str, note: str,
    from_at: datetime, through_at: datetime, figures: dict[str, Any],
) -> int | None:  # fmt: skip
    """Keep a hand-over; its id, None when this client id was heard before."""
    row = conn.execute(
        """
        insert into handover (client_id, line, shift_day, shift, at, by, note, from_at, through_at, figures)
        values (%(client_id)s, %(line)s, %(shift_day)s, %(shift)s, %(at)s, %(by)s, %(note)s, %(from_at)s,
                %(through_at)s, %(figures)s)
        on conflict (client_id) do nothing returning id
        """,
        {
            "client_id": client_id, "line": line, "shift_day": shift_day, "shift": shift, "at": at, "by": by,
            "note": note, "from_at": from_at, "through_at": through_at, "figures": Jsonb(figures),
        },
    ).fetchone()  # fmt: skip
    return None if row is None else int(row[0])


def list_handovers(
    conn: Connection,
    *,
    line: str | None = None,
    lines: list[str] | None = None,
    ids: list[int] | None = None,
    client_id: UUID | None = None,
    after: int | None = None,
    limit: int = 1,
) -> list[Handover]:
    """Hand-overs, newest first. `lines`: only of these (None: all); `after`: older than this one."""
    with conn.cursor(row_factory=class_row(Handover)) as cur:
        return cur.execute(
            """
            select id, client_id, line, shift_day, shift, at, by, note, from_at, through_at, figures from handover
            where (%(line)s::text is null or line = %(line)s)
              and (%(lines)s::text[] is null or line = any(%(lines)s))
              and (%(ids)s::int8[] is null or id = any(%(ids)s))
              and (%(client_id)s::uuid is null or client_id = %(client_id)s)
              and (%(after)s::int8 is null or id < %(after)s)
            order by id desc limit %(limit)s
            """,
            {"line": line, "lines": lines, "ids": ids, "client_id": client_id, "after": after, "limit": limit},
        ).fetchall()


# ------------------------------------------------------------------ figures of a stretch
def through_of(conn: Connection, calendar: Calendar, line: str, at: datetime) -> datetime:
    """How far a line is booked, in whole minutes, but not beyond an instant."""
    return instant(min(floor_minute(micros(at)), booked_through(conn, calendar.plant, line)))


def figures_of(
    conn: Connection, calendar: Calendar, line: str, from_at: datetime, through_at: datetime
) -> dict[str, Any]:
    """A line's figures from..to as they are booked now, as plain JSON: totals, times, jobs, stops by reason."""
    (elements,) = window_elements(conn, calendar, line, [(from_at, through_at)])
    jobs, unassigned = _jobs(conn, calendar, line, from_at, through_at)
    return {
        "elements": asdict(elements),
        "unassigned": unassigned,
        "jobs": jobs,
        "stops": _stops(conn, calendar, line, from_at, through_at),
    }


def _jobs(
    conn: Connection, calendar: Calendar, line: str, from_at: datetime, through_at: datetime
) -> tuple[dict[str, Any], int]:
    """Good and reject of each job; and the pieces that are nobody's."""
    plant = calendar.plant
    rows = conn.execute(
        """
        select c.job_id, o.system || '/' || o.number,
               coalesce(sum(c.good) filter (where c.station = %(counts_at)s and c.phase = any(%(phases)s)), 0)::int8,
               coalesce(sum(c.reject) filter (where c.phase = any(%(phases)s)), 0)::int8,
               sum(c.good + c.reject)::int8
        from minute_count c left join production_order o on o.id = c.order_id
        where c.station = any(%(stations)s) and c.minute >= %(from_at)s and c.minute < %(through_at)s
        group by c.job_id, 2 order by c.job_id
        """,
        {
            "counts_at": plant.lines[line].counts_at,
            "phases": list(YIELD_PHASES),
            "stations": [station.code for station in plant.stations_of(line)],
            "from_at": from_at,
            "through_at": through_at,
        },
    ).fetchall()
    jobs = {str(job): {"order": order, "good": good, "reject": reject} for job, order, good, reject, _ in rows if job}
    return jobs, sum(pieces for job, _, _, _, pieces in rows if not job)


def _stops(conn: Connection, calendar: Calendar, line: str, from_at: datetime, through_at: datetime) -> dict[str, Any]:
    """How often and for how much working time (µs) the line stood, by reason; "" is what nobody explained."""
    rows = conn.execute(
        """
        select micros(from_at), micros(coalesce(to_at, %(through_at)s)), reason from stop
        where scope = %(line)s and from_at < %(through_at)s and coalesce(to_at, 'infinity') > %(from_at)s
          and from_at >= coalesce((
              select max(from_at) from stop where scope = %(line)s and from_at <= %(from_at)s), '-infinity')
        """,
        {"line": line, "from_at": from_at, "through_at": through_at},
    ).fetchall()
    start, end = micros(from_at), micros(through_at)
    parts = stretches([Reign(0, FOREVER, calendar)], line, start, end) if end > start else []
    found: dict[str, dict[str, int]] = defaultdict(lambda: {"stops": 0, "lost_us": 0})
    for begun, ended, reason in rows:
        found[reason]["stops"] += 1
        found[reason]["lost_us"] += lost(parts, max(begun, start), min(ended, end))
    return dict(sorted(found.items()))
