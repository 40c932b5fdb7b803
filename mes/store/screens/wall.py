"""`/wall`: every line at a glance, and what is open, oldest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row

from mes.domain.calendar import Calendar, ShiftWindow
from mes.domain.pace import Portion, pace
from mes.domain.plant import Line, Name, Plant
from mes.domain.tracking.jobs import YIELD_PHASES
from mes.store.pool import Connection
from mes.store.screens.plant import ShiftImage, SiteImage, post_of, shift_image, site_image
from mes.store.screens.strip import CausedStop, Strips, as_caused, load_caused, load_slow, load_strips
from mes.store.screens.wire import ms, ms_or_none, name_of, quantity


@dataclass(frozen=True, slots=True)
class TileImage:
    """One line. Instants are epoch ms.

    `status` is what the tile says and `since` since when. `pace` is what the plan of this shift wants by when:
    (instant, pieces) knots, straight between them, flat over breaks and changeovers. `strip` is the last eight hours:
    epoch second -> status from then on, empty where nothing is known. `machine` is where a standstill began. `rate` is
    the share of the rated pace at which a slow line runs.
    """

    name: Name
    area: str
    manual: bool
    status: str
    since: int
    good: int
    reject: int
    planned: int
    pace: tuple[tuple[int, float], ...]
    strip: dict[str, str]
    shift: ShiftImage | None = None
    order: str | None = None
    item: str | None = None
    product: Name | None = None
    machine: str | None = None
    reason: Name | None = None
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class CallImage:
    """An open andon call."""

    line: str
    kind: str
    raised_at: int
    level: int
    station: str | None = None
    note: str | None = None
    taken_at: int | None = None
    taken_by: str | None = None
    escalated_at: int | None = None


@dataclass(frozen=True, slots=True)
class LackImage:
    """An open shortage or call-off as the wall names it; `needed_by` is when the line stops for it."""

    kind: str
    item: str
    name: Name
    quantity: str
    unit: str
    since: int
    needed_by: int
    state: str
    line: str | None = None


@dataclass(frozen=True, slots=True)
class WallImage:
    """Everything `/wall` shows. `lines` gives the order of `tiles`."""

    site: SiteImage
    lines: tuple[str, ...]
    tiles: dict[str, TileImage]
    calls: dict[str, CallImage]
    lacks: dict[str, LackImage]


def show_wall(conn: Connection, calendar: Calendar, at: datetime, lines: frozenset[str] | None = None) -> WallImage:
    """The wall at an instant of plant time, cut down to `lines` where only those may be seen."""
    shown = tuple(line for line in calendar.plant.line if lines is None or line.code in lines)
    codes = [line.code for line in shown]
    return WallImage(
        site=site_image(calendar.plant),
        lines=tuple(codes),
        tiles=show_tiles(conn, calendar, at, shown),
        calls=show_calls(conn, codes),
        lacks=_lacks(conn, codes, whole=lines is None),
    )


# --------------------------------------------------------------------- tiles


def show_tiles(conn: Connection, calendar: Calendar, at: datetime, lines: Sequence[Line]) -> dict[str, TileImage]:
    """A tile for each line, from one query per kind of row."""
    plant = calendar.plant
    posts = {line.code: post_of(plant, line.counts_at) for line in lines}
    windows = {line.code: calendar.at(line.code, at) for line in lines}
    strips = load_strips(conn, calendar, at, {post: line for line, post in posts.items()})
    stops = _line_stops(conn, posts)
    caused = load_caused(conn, list(posts), at)
    counts = _counts(conn, plant, windows)
    slow = load_slow(conn, plant, at, [line.counts_at for line in lines])
    jobs = _jobs(conn, [line.counts_at for line in lines])
    portions = _portions(conn, windows)
    return {
        line.code: _tile(
            calendar,
            line,
            window=windows[line.code],
            strips=strips,
            post=posts[line.code],
            stop=stops.get(line.code),
            caused=caused.get(line.code, ()),
            rate=slow.get(line.counts_at),
            counted=counts[line.code],
            job=jobs.get(line.counts_at),
            portions=portions[line.code],
        )
        for line in lines
    }


def _tile(
    calendar: Calendar,
    line: Line,
    *,
    window: ShiftWindow | None,
    strips: Strips,
    post: str,
    stop: _StopRow | None,
    caused: Sequence[CausedStop],
    rate: float | None,
    counted: tuple[int, int],
    job: _JobRow | None,
    portions: Sequence[Portion],
) -> TileImage:
    plant = calendar.plant
    status, since = strips.now(post)
    standing = stop is not None and status not in ("running", "slow", "planned_stop", "offline", "setup")
    if stop is not None and standing:
        status, since = stop.root_state or stop.state, min(since, stop.from_at)
    if status == "running" and rate is not None:
        status = "slow"
    knots = pace(portions, window.open if window else ())
    return TileImage(
        name=line.name,
        area=line.area,
        manual=plant.is_manual(line.code),
        status=status,
        since=ms(since),
        good=counted[0],
        reject=counted[1],
        planned=sum(portion.quantity + portion.made for portion in portions),
        pace=tuple((ms(at), pieces) for at, pieces in knots),
        strip=as_caused(strips.of(post), caused),
        shift=shift_image(plant, window) if window else None,
        order=job.number if job else None,
        item=job.item if job else None,
        product=name_of(job.name, job.item) if job else None,
        machine=stop.root_machine or None if stop and standing else None,
        reason=_reason(plant, stop.reason) if stop and standing else None,
        rate=rate if status == "slow" else None,
    )


def _reason(plant: Plant, code: str) -> Name | None:
    reason = plant.reasons.get(code)
    return reason.name if reason else None


@dataclass(frozen=True, slots=True)
class _StopRow:
    line: str
    from_at: datetime
    state: str
    root_machine: str
    root_state: str
    reason: str


def _line_stops(conn: Connection, posts: dict[str, str]) -> dict[str, _StopRow]:
    """The open standstill of each line; reason and `root_state` are those of the stop it comes from."""
    with conn.cursor(row_factory=class_row(_StopRow)) as cur:
        rows = cur.execute(
            """
            select s.scope as line, s.from_at, s.state, s.root_machine, s.root_state, s.reason
            from unnest(%(lines)s::text[]) as w (line)
            cross join lateral (select * from stop where scope = w.line order by from_at desc limit 1) s
            where s.to_at is null
            """,
            {"lines": list(posts)},
        ).fetchall()
    return {row.line: row for row in rows}


def _counts(conn: Connection, plant: Plant, windows: dict[str, ShiftWindow | None]) -> dict[str, tuple[int, int]]:
    """Good at the line's counting station and reject at all of its stations, in the shift that is on."""
    there = [(code, window.shift_day, window.shift) for code, window in windows.items() if window]
    rows = conn.execute(
        """
        select c.line, coalesce(sum(c.good) filter (where c.leaves and c.phase = any(%(phases)s)), 0)::int8,
               coalesce(sum(c.reject), 0)::int8
        from shift_count c
        join unnest(%(lines)s::text[], %(days)s::date[], %(shifts)s::text[]) as w (line, shift_day, shift)
          using (line, shift_day, shift)
        group by c.line
        """,
        {
            "phases": list(YIELD_PHASES),
            "lines": [code for code, _, _ in there],
            "days": [day for _, day, _ in there],
            "shifts": [shift for _, _, shift in there],
        },
    )
    found = {line: (good, reject) for line, good, reject in rows}
    return {code: found.get(code, (0, 0)) for code in windows}


@dataclass(frozen=True, slots=True)
class _JobRow:
    station: str
    number: str
    item: str
    name: dict[str, Any]


def _jobs(conn: Connection, stations: Sequence[str]) -> dict[str, _JobRow]:
    """What runs at each station now."""
    with conn.cursor(row_factory=class_row(_JobRow)) as cur:
        rows = cur.execute(
            """
            select s.station, o.number, o.item, i.name
            from unnest(%(stations)s::text[]) as w (station)
            join lateral (select * from job_span where station = w.station order by from_at desc limit 1) s on true
            join production_order o on o.id = s.order_id
            join item i on i.code = o.item
            where s.to_at is null and s.job_id <> 0
            """,
            {"stations": list(stations)},
        ).fetchall()
    return {row.station: row for row in rows}


@dataclass(frozen=True, slots=True)
class _PortionRow:
    line: str
    start_at: datetime
    end_at: datetime
    quantity: int
    made: int


def _portions(conn: Connection, windows: dict[str, ShiftWindow | None]) -> dict[str, list[Portion]]:
    """What the plan wants of each line in its shift: the plan in force as the shift began, else the first one after."""
    there: list[tuple[str, date, str, datetime]] = [
        (code, window.shift_day, window.shift, window.from_at) for code, window in windows.items() if window
    ]
    with conn.cursor(row_factory=class_row(_PortionRow)) as cur:
        rows = cur.execute(
            """
            select l.line, l.start_at, l.end_at, l.quantity, l.made
            from unnest(%(lines)s::text[], %(days)s::date[], %(shifts)s::text[], %(begins)s::timestamptz[])
                 as w (line, shift_day, shift, from_at)
            cross join lateral (
                select id from plan where published_at is not null
                order by published_at <= w.from_at desc,
                         case when published_at <= w.from_at then -version else version end limit 1
            ) p
            join plan_line l on (l.plan_id, l.line, l.shift_day, l.shift) = (p.id, w.line, w.shift_day, w.shift)
            order by l.line, l.sequence
            """,
            {
                "lines": [code for code, _, _, _ in there],
                "days": [day for _, day, _, _ in there],
                "shifts": [shift for _, _, shift, _ in there],
                "begins": [begins for _, _, _, begins in there],
            },
        ).fetchall()
    found: dict[str, list[Portion]] = defaultdict(list)
    for row in rows:
        found[row.line].append(Portion(row.start_at, row.end_at, row.quantity, row.made))
    return found


# --------------------------------------------------------------------- what is open


@dataclass(frozen=True, slots=True)
class _CallRow:
    id: int
    line: str
    station: str | None
    kind: str
    note: str
    raised_at: datetime
    level: int
    taken_at: datetime | None
    taken_by: str | None
    escalated_at: datetime | None


def show_calls(conn: Connection, lines: Sequence[str]) -> dict[str, CallImage]:
    """Open andon calls on some lines, by id."""
    with conn.cursor(row_factory=class_row(_CallRow)) as cur:
        rows = cur.execute(
            """
            select id, line, station, kind, note, raised_at, level, taken_at, taken_by, escalated_at from andon_call
            where resolved_at is null and line = any(%(lines)s) order by raised_at, id
            """,
            {"lines": list(lines)},
        ).fetchall()
    return {
        str(row.id): CallImage(
            line=row.line,
            kind=row.kind,
            raised_at=ms(row.raised_at),
            level=row.level,
            station=row.station,
            note=row.note or None,
            taken_at=ms_or_none(row.taken_at),
            taken_by=row.taken_by,
            escalated_at=ms_or_none(row.escalated_at),
        )
        for row in rows
    }


@dataclass(frozen=True, slots=True)
class _LackRow:
    key: str
    kind: str
    item: str
    name: dict[str, Any]
    quantity: Any
    unit: str
    since: datetime
    needed_by: datetime
    state: str
    line: str | None


def _lacks(conn: Connection, lines: Sequence[str], *, whole: bool) -> dict[str, LackImage]:
    """Open shortages that are not covered, and open call-offs. A shortage without a line is the whole plant's."""
    with conn.cursor(row_factory=class_row(_LackRow)) as cur:
        rows = cur.execute(
            """
            select 's' || s.id as key, 'shortage' as kind, s.item, i.name, s.short_quantity as quantity, i.unit,
                   s.opened_at as since, s.needed_by, t.state, s.line
            from shortage s join shortage_state t using (id) join item i on i.code = s.item
            where s.closed_at is null and t.state <> 'covered'
              and (s.line = any(%(lines)s) or (%(whole)s and s.line is null))
            union all
            select 'c' || c.id, 'call_off', c.item, i.name, c.quantity, i.unit, c.called_at, c.needed_at, 'open', c.line
            from call_off c join item i on i.code = c.item
            where c.delivered_at is null and c.cancelled_at is null and c.line = any(%(lines)s)
            order by since, key
            """,
            {"lines": list(lines), "whole": whole},
        ).fetchall()
    return {
        row.key: LackImage(
            kind=row.kind,
            item=row.item,
            name=name_of(row.name, row.item),
            quantity=quantity(row.quantity),
            unit=row.unit,
            since=ms(row.since),
            needed_by=ms(row.needed_by),
            state=row.state,
            line=row.line,
        )
        for row in rows
    }
