"""`/station/{code}`: what an operator works on, what to count it with, and what the station needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg.rows import class_row

from mes.domain.calendar import Calendar, ShiftWindow, instant, micros
from mes.domain.material.shortage import advance
from mes.domain.plant import Line, Name, Plant, Station
from mes.domain.tracking.jobs import YIELD_PHASES
from mes.store.pool import Connection
from mes.store.screens.api_shift import list_presence
from mes.store.screens.hours import HourImage, load_hours
from mes.store.screens.plant import ShiftImage, SiteImage, post_of, shift_image, site_image
from mes.store.screens.readiness import HindranceImage, show_readiness
from mes.store.screens.strip import load_slow, load_strips
from mes.store.screens.wall import CallImage, show_calls
from mes.store.screens.wire import ms, ms_or_none, name_of, quantity

JOBS_AHEAD = timedelta(hours=16)
SAID_SHOWN_MAX = 20
STOPS_SHOWN_MAX = 12
LASTS_AHEAD = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class DocumentImage:
    """A drawing or instruction of the job's revision."""

    kind: str
    code: str
    revision: str
    url: str


@dataclass(frozen=True, slots=True)
class PartImage:
    """A component this station uses: what is left at the line and until when it lasts (absent: not monitored)."""

    item: str
    name: Name
    unit: str
    per_piece: str
    at_line: str | None = None
    lasts_until: int | None = None
    called: bool = False


@dataclass(frozen=True, slots=True)
class StationJobImage:
    """A job of the line, in sequence; good, reject and operation are this station's."""

    order: str
    item: str
    name: Name
    revision: str
    operation_seq: int
    operation: Name
    quantity: int
    good: int
    reject: int
    state: str
    sequence: int
    planned_start: int
    planned_end: int
    documents: tuple[DocumentImage, ...] = ()
    parts: tuple[PartImage, ...] = ()
    hindrances: tuple[HindranceImage, ...] = ()
    can_make: int = 0
    """Pieces that could be made now with what is there; of a job that is done 0, and nothing hinders it."""


@dataclass(frozen=True, slots=True)
class ReasonImage:
    """A reason to tap."""

    code: str
    name: Name
    fault: str = ""


@dataclass(frozen=True, slots=True)
class StopImage:
    """A stop without a reason, long enough to ask for one."""

    machine: str
    from_at: int
    state: str
    to_at: int | None = None


@dataclass(frozen=True, slots=True)
class SaidImage:
    """An entry made here this shift, newest first; what may still be taken back."""

    id: str
    kind: str
    quantity: str
    at: int
    by: str
    reason: str | None = None
    from_at: int | None = None


@dataclass(frozen=True, slots=True)
class PersonImage:
    """Somebody who is on here (`here`), or on the whole line."""

    code: str
    name: str
    since: int
    here: bool


@dataclass(frozen=True, slots=True)
class StationImage:
    """Everything `/station/{code}` shows. `good` and `reject` are this shift's, `unassigned` of them nobody's yet.

    `hours`: epoch second at which each began. `rate`: the share of its rated pace at which a slow station runs.
    """

    site: SiteImage
    code: str
    name: Name
    line: str
    line_name: Name
    counts_by: str
    manual: bool
    status: str
    since: int
    good: int
    reject: int
    unassigned: int
    jobs: dict[str, StationJobImage]
    reject_reasons: tuple[ReasonImage, ...]
    stop_reasons: tuple[ReasonImage, ...]
    stops: tuple[StopImage, ...]
    said: tuple[SaidImage, ...]
    calls: dict[str, CallImage]
    hours: dict[str, HourImage]
    people: tuple[PersonImage, ...]
    badge_prefix: str
    components: tuple[str, ...]
    """Item codes that are components of something: scanned where the job does not use them, they are the wrong part."""
    shift: ShiftImage | None = None
    job: str | None = None
    phase: str | None = None
    rate: float | None = None
    hour_from: int | None = None
    """Where the next hourly entry begins (the end of the last one, else the start of shift or job)."""


def show_station(conn: Connection, calendar: Calendar, at: datetime, code: str) -> StationImage:
    """A station that is in the plant, at an instant of plant time."""
    plant = calendar.plant
    station = plant.stations[code]
    line = plant.lines[station.line]
    window = calendar.at(line.code, at)
    post = post_of(plant, code)
    status, since = load_strips(conn, calendar, at, {post: line.code}).now(post)
    rate = load_slow(conn, plant, at, [code]).get(code) if status == "running" else None
    running, phase = _running(conn, code)
    good, reject, unassigned = _counted(conn, code, window)
    said = _said(conn, code, window.from_at if window else at - JOBS_AHEAD)
    return StationImage(
        site=site_image(plant),
        code=code,
        name=_name(plant, station),
        line=line.code,
        line_name=line.name,
        counts_by=station.counts_by,
        manual=not station.machine,
        status=status if rate is None else "slow",
        since=ms(since),
        good=good,
        reject=reject,
        unassigned=unassigned,
        jobs=_jobs(conn, calendar, at, station, line),
        reject_reasons=_reasons(plant, "reject"),
        stop_reasons=_reasons(plant, "stop"),
        stops=_stops(conn, line, post, window.from_at if window else at - JOBS_AHEAD, at),
        said=said,
        calls=show_calls(conn, [line.code]),
        hours=load_hours(conn, window, code, [code]) if window else {},
        people=_people(conn, at, station),
        badge_prefix=plant.site.badge_prefix,
        components=tuple(row[0] for row in conn.execute("select distinct component from bom_line order by 1")),
        shift=shift_image(plant, window) if window else None,
        job=running,
        phase=phase,
        rate=rate,
        hour_from=_hour_from(said, window),
    )


def _name(plant: Plant, station: Station) -> Name:
    machine = plant.machines.get(station.machine)
    return station.name or (machine.name if machine and machine.name else None) or Name(station.code, station.code)


def _reasons(plant: Plant, kind: str) -> tuple[ReasonImage, ...]:
    """Reasons one can give: those without others below them."""
    parents = {reason.parent for reason in plant.reason}
    return tuple(
        ReasonImage(code=reason.code, name=reason.name, fault=reason.fault)
        for reason in plant.reason
        if reason.kind == kind and reason.code not in parents
    )


def _people(conn: Connection, at: datetime, station: Station) -> tuple[PersonImage, ...]:
    """Who is on at this station, and who on its whole line."""
    found = list_presence(conn, at, line=station.line, lines=None)
    here = [one for one in found if one.station in ("", station.code)]
    return tuple(PersonImage(one.person, one.name, ms(one.since), one.station == station.code) for one in here)


def _hour_from(said: Sequence[SaidImage], window: ShiftWindow | None) -> int | None:
    last = next((one.at for one in said if one.kind == "count"), None)
    begins = ms(window.from_at) if window else None
    return max((at for at in (last, begins) if at is not None), default=None)


def _running(conn: Connection, station: str) -> tuple[str | None, str | None]:
    """The job that runs here and its phase."""
    row = conn.execute(
        "select job_id, phase, to_at from job_span where station = %(station)s order by from_at desc limit 1",
        {"station": station},
    ).fetchone()
    if row is None or row[2] is not None or row[0] == 0:
        return None, None
    return str(row[0]), row[1] or None


def _counted(conn: Connection, station: str, window: ShiftWindow | None) -> tuple[int, int, int]:
    """Good, reject and unassigned pieces of the shift that is on."""
    if window is None:
        return 0, 0, 0
    row = conn.execute(
        """
        select coalesce(sum(good) filter (where phase = any(%(phases)s)), 0)::int8, coalesce(sum(reject), 0)::int8,
               coalesce(sum(good + reject) filter (where job_id = 0), 0)::int8
        from shift_count where (station, shift_day, shift) = (%(station)s, %(day)s, %(shift)s)
        """,
        {"station": station, "day": window.shift_day, "shift": window.shift, "phases": list(YIELD_PHASES)},
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


# --------------------------------------------------------------------- jobs and their parts


@dataclass(frozen=True, slots=True)
class _JobRow:
    id: int
    number: str
    item: str
    name: dict[str, Any]
    revision: str
    operation_seq: int
    operation_name: dict[str, Any] | None
    quantity: int
    good: int
    reject: int
    state: str
    sequence: int
    planned_start_at: datetime
    planned_end_at: datetime
    documents: list[dict[str, Any]]


def _jobs(
    conn: Connection, calendar: Calendar, at: datetime, station: Station, line: Line
) -> dict[str, StationJobImage]:
    """What the line is to do next, what it does, and what waits to be confirmed; counts are this station's."""
    with conn.cursor(row_factory=class_row(_JobRow)) as cur:
        rows = cur.execute(
            """
            select j.job_id as id, o.number, o.item, i.name, o.revision,
                   coalesce(p.seq, j.operation_seq) as operation_seq, p.name as operation_name, j.quantity,
                   coalesce(c.good, 0)::int8 as good, coalesce(c.reject, 0)::int8 as reject, j.state, j.sequence,
                   d.planned_start_at, d.planned_end_at, coalesce(r.documents, '[]') as documents
            from job_state j
            join job d on d.id = j.job_id
            join production_order o on o.id = j.order_id
            join item i on i.code = o.item
            left join release r on (r.item, r.revision) = (o.item, o.revision)
            left join lateral (
                select seq, name from (
                    select seq, name from order_operation where order_id = o.id
                    union all
                    select seq, name from operation where (item, revision) = (o.item, o.revision)
                      and not exists (select from order_operation where order_id = o.id)
                ) routing
                where seq = any(%(operations)s::int[]) or seq = j.operation_seq
                order by seq = any(%(operations)s::int[]) desc, seq desc limit 1
            ) p on true
            left join lateral (
                select sum(good) filter (where phase = any(%(phases)s)) as good, sum(reject) as reject
                from shift_count where job_id = j.job_id and station = %(station)s
            ) c on true
            where j.line = %(line)s and j.withdrawn_at is null
              and (j.state in ('running', 'paused', 'completed')
                   or j.state not in ('closed', 'aborted') and d.planned_start_at < %(until)s
                      and d.planned_end_at > %(since)s)
            order by d.planned_start_at, j.job_id
            """,
            {
                "line": line.code,
                "station": station.code,
                "operations": list(station.operations),
                "phases": list(YIELD_PHASES),
                "until": at + JOBS_AHEAD,
                "since": at - JOBS_AHEAD,
            },
        ).fetchall()
    parts = _parts(conn, calendar, at, station=station, line=line, jobs=rows)
    open_jobs = [row.id for row in rows if row.state != "completed"]
    ready = show_readiness(conn, calendar.plant, line.code, open_jobs)
    return {str(row.id): _job(row, tuple(parts[row.id]), *ready.get(row.id, (0, ()))) for row in rows}


def _job(
    row: _JobRow, parts: tuple[PartImage, ...], can_make: int, hindrances: tuple[HindranceImage, ...]
) -> StationJobImage:
    return StationJobImage(
        hindrances=hindrances,
        can_make=can_make,
        order=row.number,
        item=row.item,
        name=name_of(row.name, row.item),
        revision=row.revision,
        operation_seq=row.operation_seq,
        operation=name_of(row.operation_name, str(row.operation_seq)),
        quantity=row.quantity,
        good=row.good,
        reject=row.reject,
        state=row.state,
        sequence=row.sequence,
        planned_start=ms(row.planned_start_at),
        planned_end=ms(row.planned_end_at),
        documents=tuple(
            DocumentImage(
                kind=str(d.get("kind", "")),
                code=str(d.get("code", "")),
                revision=str(d.get("revision", "")),
                url=str(d.get("url", "")),
            )
            for d in row.documents
        ),
        parts=parts,
    )


@dataclass(frozen=True, slots=True)
class _PartRow:
    job_id: int
    item: str
    name: dict[str, Any]
    unit: str
    per_piece: Decimal
    at_line: Decimal | None
    called: bool


def _parts(
    conn: Connection, calendar: Calendar, at: datetime, *, station: Station, line: Line, jobs: Sequence[_JobRow]
) -> dict[int, list[PartImage]]:
    """Components of each job used at this station: those of its operations, all where it names none."""
    with conn.cursor(row_factory=class_row(_PartRow)) as cur:
        rows = cur.execute(
            """
            with part as (
                select j.id as job_id, c.component as item, c.unit, sum(c.quantity_per) as per_piece
                from job j join production_order o on o.id = j.order_id
                cross join lateral (
                    select component, unit, quantity_per, operation_seq from order_component where order_id = o.id
                    union all
                    select component, unit, quantity_per, operation_seq from bom_line
                    where (item, revision) = (o.item, o.revision)
                      and not exists (select from order_component where order_id = o.id)
                ) c
                where j.id = any(%(ids)s)
                  and (cardinality(%(operations)s::int[]) = 0 or c.operation_seq = any(%(operations)s))
                group by j.id, c.component, c.unit
            )
            select p.job_id, p.item, i.name, p.unit, p.per_piece, b.quantity as at_line,
                   exists (select from call_off k where (k.location, k.item) = (%(location)s, p.item)
                           and k.delivered_at is null and k.cancelled_at is null) as called
            from part p join item i on i.code = p.item
            left join balance b on (b.location, b.item) = (%(location)s, p.item)
            order by p.job_id, p.item
            """,
            {
                "ids": [job.id for job in jobs],
                "operations": list(station.operations),
                "location": line.location,
            },
        ).fetchall()
    by_id = {job.id: job for job in jobs}
    found: dict[int, list[PartImage]] = defaultdict(list)
    for row in rows:
        lasts = _lasts_until(calendar, at, line.code, by_id[row.job_id], row)
        found[row.job_id].append(
            PartImage(
                item=row.item,
                name=name_of(row.name, row.item),
                unit=row.unit,
                per_piece=quantity(row.per_piece),
                at_line=None if row.at_line is None else quantity(row.at_line),
                lasts_until=ms_or_none(lasts),
                called=row.called,
            )
        )
    return found


def _lasts_until(calendar: Calendar, at: datetime, line: str, job: _JobRow, part: _PartRow) -> datetime | None:
    """When the line-side stock of a part is used up at the job's planned pace, on the line's working hours."""
    if part.at_line is None or not job.quantity:
        return None
    if part.at_line < part.per_piece:
        return at
    opened = calendar.open_intervals(line, job.planned_start_at, job.planned_end_at)
    working_us = sum(micros(b) - micros(a) for a, b in opened)
    pieces = int(part.at_line / part.per_piece)
    ahead = [(micros(a), micros(b)) for a, b in calendar.open_intervals(line, at, at + LASTS_AHEAD)]
    reached = advance(ahead, micros(at), working_us * pieces // job.quantity)
    return instant(reached) if ahead and reached <= ahead[-1][1] else None


# --------------------------------------------------------------------- what was said, what has no reason


def _said(conn: Connection, station: str, since: datetime) -> tuple[SaidImage, ...]:
    """Counts of this station that nobody took back, newest first."""
    rows = conn.execute(
        """
        select id, kind, coalesce(quantity, 1), effective_at, entered_by, reason, from_at from entry e
        where station = %(station)s and effective_at >= %(since)s and kind in ('count', 'reject', 'rework', 'scrap')
          and not exists (select from entry r where r.reverses = e.id)
        order by effective_at desc, id desc limit %(limit)s
        """,
        {"station": station, "since": since, "limit": SAID_SHOWN_MAX},
    )
    return tuple(
        SaidImage(
            id=str(number),
            kind=kind,
            quantity=quantity(amount),
            at=ms(effective),
            by=by,
            reason=reason or None,
            from_at=ms_or_none(begun),
        )
        for number, kind, amount, effective, by, reason, begun in rows
    )


def _stops(conn: Connection, line: Line, post: str, since: datetime, at: datetime) -> tuple[StopImage, ...]:
    """Stops of this post that are long enough to ask for a reason and have none, newest first."""
    rows = conn.execute(
        """
        select machine, from_at, state, to_at from stop
        where scope = %(post)s and from_at >= %(since)s and reason = ''
          and coalesce(to_at, %(at)s) - from_at >= %(asked_from)s and coalesce(loss_us, 1) > 0
        order by from_at desc limit %(limit)s
        """,
        {
            "post": post,
            "since": since,
            "at": at,
            "asked_from": timedelta(seconds=line.reason_from_s),
            "limit": STOPS_SHOWN_MAX,
        },
    )
    return tuple(
        StopImage(machine=machine or post, from_at=ms(begun), state=state, to_at=ms_or_none(ended))
        for machine, begun, state, ended in rows
    )
