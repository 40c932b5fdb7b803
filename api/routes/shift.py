"""A line lead's work: who is on, reasons for many stops, counts that are nobody's, what it cost, handing over."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Path, Query

from api.badges import known_person
from api.deps import Calling, Door
from api.routes.floor import Heard, LineFilter
from api.routes.session import Secret
from api.security.guard import needs
from api.wire import Cursor, Id, Limit, Page, cursor_key, page_of
from mes.actions import floor as actions
from mes.actions import handover as handing
from mes.actions.plant import plant_if_any
from mes.domain.calendar import Calendar
from mes.domain.fields import ClientId, Code, CodeOrNone, Instant, Quantity
from mes.domain.floor import EntryDocument, StopReason, place_of
from mes.domain.handover import HandoverDocument, Restated, restated
from mes.errors import Fault, InputError, NotFoundError
from mes.store import handover as store
from mes.store.handover import Handover
from mes.store.kpis import Loss, stop_pareto
from mes.store.screens import api_shift
from mes.store.screens.api_shift import BottleneckLine, LaborLine, PresenceLine, UnassignedLine

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["shift"])
STRETCH_DAYS_MAX = 93
HOUR = timedelta(hours=1)
From = Annotated[Instant, Query(alias="from")]
To = Annotated[Instant, Query(alias="to")]


# ------------------------------------------------------------------ who is on
@dataclass(frozen=True)
class SignOn:
    """Somebody begins (or, with `leaves`, ends) work at a station or line: by badge, or by code and PIN.

    Without either it is the caller. `share`: of what is made there meanwhile (absent: people share equally).
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    station: CodeOrNone = ""
    line: CodeOrNone = ""
    badge: CodeOrNone = ""
    person: CodeOrNone = ""
    pin: Secret | None = None
    share: Quantity | None = None
    leaves: bool = False
    at: Instant | None = None
    client_id: ClientId | None = None


@dataclass(frozen=True, slots=True)
class SignedOn:
    """Who is on now; `id` of the entry that says so."""

    id: int
    repeated: bool
    person: str
    name: str


@router.post("/sign-ons", status_code=201, **needs("entries:write"))
def post_sign_on(body: SignOn, call: Calling) -> SignedOn:
    """上岗: badge in at a station, or out of it."""
    plant = call.plant()
    line, _ = place_of(plant, line=body.line, station=body.station, machine="")
    if line:
        call.require_line(line, body.station or body.line)
    who = known_person(call, badge=body.badge, person=body.person, pin=body.pin)
    entry = EntryDocument(
        kind="who", line=body.line, station=body.station, person=who.code, share=body.share, leaves=body.leaves,
        effective_at=body.at,
    )  # fmt: skip
    done = actions.enter(call.conn, call.deed, entry, plant, client_id=body.client_id or uuid4())
    return SignedOn(done.id, done.repeated, who.code, who.name)


@router.get("/presence", **needs("tracking:read"))
def list_presence(
    call: Calling, *, line: LineFilter = None, at: Annotated[Instant | None, Query(description="absent: now")] = None
) -> list[PresenceLine]:
    """Who is on, by line and station."""
    return api_shift.list_presence(call.conn, at or call.at, line=line, lines=call.lines)


@router.get("/labor", **needs("tracking:read"))
def list_labor(call: Calling, *, line: LineFilter = None, from_at: From, to_at: To) -> list[LaborLine]:
    """Who worked on which job, from .. to, for what share: what piece-rate wages are reckoned from."""
    _check_stretch(from_at, to_at)
    return api_shift.list_labor(call.conn, from_at, min(to_at, call.at), line=line, lines=call.lines)


# ------------------------------------------------------------------ counts and stops to be explained
@router.get("/unassigned-counts", **needs("tracking:read"))
def list_unassigned_counts(call: Calling, *, line: LineFilter = None, from_at: From, to_at: To) -> list[UnassignedLine]:
    """未归属产量: counts that are nobody's, by station and stretch. `POST /entries` of kind assign gives them a job."""
    _check_stretch(from_at, to_at)
    stations = {
        station.code: station.line
        for station in call.plant().stations.values()
        if call.sees(station.line) and line in {None, station.line}
    }
    return api_shift.list_unassigned(call.conn, stations, from_at, to_at)


@router.post("/stop-reasons", status_code=201, **needs("entries:write"))
def post_stop_reason(body: StopReason, call: Calling) -> list[Heard]:
    """One reason for many machines or lines at once, or for a part of a stop (split, joined, re-timed)."""
    plant = call.plant()
    for code in body.machines:
        machine = plant.machines.get(code)
        if machine is not None:
            call.require_line(machine.line, code)
    for code in body.lines:
        call.require_line(code, f"line {code}")
    done = actions.explain_stops(call.conn, call.deed, body, plant, client_id=body.client_id or uuid4())
    return [Heard(one.id, one.repeated) for one in done]


@router.get("/losses", **needs("tracking:read"))
def list_losses(
    call: Calling,
    *,
    machine: Annotated[str | None, Query(description="of this machine")] = None,
    line: LineFilter = None,
    area: Annotated[str | None, Query(description="of this area's lines together")] = None,
    from_at: From,
    to_at: To,
) -> list[Loss]:
    """What stops that began in a stretch cost, by reason, dearest first; without a reason by state: unexplained."""
    _check_stretch(from_at, to_at, days_max=400)
    plant = call.plant()
    if machine is not None:
        stands = plant.machines.get(machine)
        codes = [machine] if stands and call.sees(stands.line) else []
    else:
        codes = [
            one.code
            for one in plant.line
            if line in {None, one.code} and area in {None, one.area} and call.sees(one.code)
        ]
    if not codes:
        raise NotFoundError(f"There is no {machine or line or area or 'line'}")
    return stop_pareto(call.conn, codes, from_at, to_at)


@router.get("/bottlenecks", **needs("tracking:read"))
def list_bottlenecks(
    call: Calling, *, line: Annotated[Code, Query(description="of this line")], from_at: From, to_at: To
) -> list[BottleneckLine]:
    """瓶颈: which machine set a line's pace, hour by hour, and when it moved to another."""
    _check_stretch(from_at, to_at, days_max=31)
    plant = call.plant()
    if line not in plant.lines:
        raise NotFoundError(f"There is no line {line}")
    call.require_line(line, f"line {line}")
    begin = from_at.replace(minute=0, second=0, microsecond=0)
    hours = [begin + n * HOUR for n in range(-(-(to_at - begin) // HOUR))]
    windows = [(start, start + HOUR) for start in hours]
    return api_shift.list_bottlenecks(call.conn, Calendar(plant), line, windows)


# ------------------------------------------------------------------ handing over
@dataclass(frozen=True, slots=True)
class HandoverLine:
    """A hand-over as it was kept. `figures`: what was booked then of `from_at` .. `through_at`."""

    id: int
    line: str
    shift_day: str
    shift: str
    at: datetime
    by: str
    note: str
    from_at: datetime
    through_at: datetime
    figures: dict[str, Any]


@dataclass(frozen=True, slots=True)
class HandoverNow:
    """A hand-over, and which of its figures later data restated; the hand-over itself never changes."""

    handover: HandoverLine
    restated: list[Restated]


@router.post("/handovers", status_code=201, **needs("jobs:confirm"))
def post_handover(body: HandoverDocument, call: Calling) -> Heard:
    """交接班: keep a line's shift as it stands now."""
    call.require_line(body.line, f"line {body.line}")
    done = handing.hand_over(call.conn, call.deed, body, call.plant(), client_id=body.client_id or uuid4())
    return Heard(done.id, done.repeated)


@router.get("/handovers", **needs("tracking:read"))
def list_handovers(
    call: Calling, *, line: LineFilter = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[HandoverLine]:
    """Hand-overs, newest first."""
    key = cursor_key(cursor, int)
    lines = None if call.lines is None else sorted(call.lines)
    rows = store.list_handovers(
        call.conn, line=line, lines=lines, after=None if key is None else key[0], limit=limit + 1
    )
    return page_of([_line(row) for row in rows], limit, lambda row: (row.id,))


@router.get("/handovers/{handover_id}", **needs("tracking:read"))
def get_handover(handover_id: Annotated[Id, Path()], call: Calling) -> HandoverNow:
    """One hand-over beside what its stretch is booked as now."""
    found = store.list_handovers(call.conn, ids=[handover_id])
    if not found or not call.sees(found[0].line):
        raise NotFoundError(f"There is no hand-over {handover_id}")
    (kept,) = found
    calendar = Calendar(plant_if_any(call.conn, kept.through_at) or call.plant())
    now = store.figures_of(call.conn, calendar, kept.line, kept.from_at, kept.through_at)
    return HandoverNow(_line(kept), restated(kept.figures, now))


def _line(row: Handover) -> HandoverLine:
    said = {name: value for name, value in asdict(row).items() if name != "client_id"}
    return HandoverLine(**said | {"shift_day": row.shift_day.isoformat()})


def _check_stretch(from_at: datetime, to_at: datetime, *, days_max: int = STRETCH_DAYS_MAX) -> None:
    """Raises InputError for a stretch that ends before it begins, or is too long."""
    if not timedelta(0) <= to_at - from_at <= timedelta(days=days_max):
        fault = Fault("query/to", "length", f"lies 0 to {days_max} days after from")
        raise InputError("That stretch cannot be shown", faults=(fault,))
