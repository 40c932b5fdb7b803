"""What people on the shop floor say: entries, job marks, calls for help."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Annotated, Literal
from uuid import uuid4

from fastapi import APIRouter, Path, Query, Response

from api.badges import require_lead
from api.deps import Call, Calling, Door
from api.routes.session import Secret
from api.security.guard import needs
from api.wire import Cursor, Id, Limit, Page, cursor_key, instant_of, page_of
from mes.actions import floor as actions
from mes.domain.access import Permission
from mes.domain.andon import CallRole, rule_for
from mes.domain.fields import CodeOrNone, Instant
from mes.domain.floor import AndonDocument, EntryDocument, EntryKind, JobMark, place_of
from mes.domain.plant import Plant
from mes.errors import ForbiddenError, NotFoundError
from mes.formats.job_card import svg_of
from mes.store import floor as store
from mes.store.floor import AndonCall
from mes.store.screens import api_floor
from mes.store.screens.api_floor import EntryLine, JobLine
from mes.store.screens.job_card import load_job_card
from mes.store.screens.readiness import ReadyLine, list_readiness

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["floor"])
JobId = Annotated[Id, Path()]
CallId = Annotated[Id, Path()]
ENTRY_NEEDS: dict[str, Permission] = {"mark": "jobs:run", "confirm": "jobs:confirm"}
"""What an entry needs that is said about a job, here as at the job's own address."""
LineFilter = Annotated[str | None, Query(description="only of this line")]


@dataclass(frozen=True, slots=True)
class CallLine(AndonCall):
    """A call for help, and whom it is for: the roles it has reached."""

    roles: tuple[CallRole, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said is kept under this number; `repeated`: it had been said before and is heard once."""

    id: int
    repeated: bool


def _require_place(call: Call, plant: Plant, *, line: str, station: str, machine: str) -> None:
    """Another line's stations are not there for the caller."""
    found, _ = place_of(plant, line=line, station=station, machine=machine)
    if found and not call.sees(found):
        raise NotFoundError(f"There is no {station or machine or line}")


# ------------------------------------------------------------------ entries
@router.post("/entries", status_code=201, **needs("entries:write"))
def post_entry(body: EntryDocument, call: Calling) -> Heard:
    """Say what happened: a count, reject, rework, scrap, reason, mark, assignment, who is on, a note."""
    plant = call.plant()
    if needed := ENTRY_NEEDS.get(body.kind):
        call = replace(call, permission=needed)
        if not call.caller.may(needed):
            raise ForbiddenError(f"An entry of kind {body.kind} needs {needed}")
    _require_place(call, plant, line=body.line, station=body.station, machine=body.machine)
    done = actions.enter(call.conn, call.deed, body, plant, client_id=body.client_id or uuid4())
    return Heard(done.id, done.repeated)


@router.get("/entries", **needs("tracking:read"))
def list_entries(
    call: Calling,
    *,
    line: LineFilter = None,
    station: Annotated[str | None, Query(description="only of this station")] = None,
    kind: Annotated[EntryKind | None, Query(description="only of this kind")] = None,
    from_at: Annotated[Instant | None, Query(alias="from")] = None,
    to_at: Annotated[Instant | None, Query(alias="to")] = None,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> Page[EntryLine]:
    """What was said, in the order in which it was entered."""
    key = cursor_key(cursor, int)
    rows = api_floor.list_entries(
        call.conn,
        line=line,
        station=station,
        kind=kind,
        lines=call.lines,
        from_at=from_at,
        to_at=to_at,
        after=None if key is None else key[0],
        limit=limit + 1,
    )
    return page_of(rows, limit, lambda row: (row.id,))


# ------------------------------------------------------------------ jobs
@dataclass(frozen=True)
class LetThrough:
    """A line lead lets a job start before a closed gate: by badge, by code and PIN, or (neither) the caller."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    badge: CodeOrNone = ""
    person: CodeOrNone = ""
    pin: Secret | None = None


@dataclass(frozen=True)
class JobStart(JobMark):
    """Start or switch to a job; `let_through`: before a gate (first article, missing drawing) that is closed."""

    let_through: LetThrough | None = None


@router.get("/jobs", **needs("plans:read"))
def list_jobs(
    call: Calling,
    *,
    line: LineFilter = None,
    state: Annotated[str | None, Query(description="only in this state; several with commas")] = None,
    from_at: Annotated[Instant | None, Query(alias="from", description="planned to end after")] = None,
    to_at: Annotated[Instant | None, Query(alias="to", description="planned to start before")] = None,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> Page[JobLine]:
    """Jobs by planned start, with their state and counts."""
    key = cursor_key(cursor, str, int)
    rows = api_floor.list_jobs(
        call.conn,
        line=line,
        states=state.split(",") if state else None,
        lines=call.lines,
        from_at=from_at,
        to_at=to_at,
        after=None if key is None else (instant_of(key[0]), key[1]),
        limit=limit + 1,
    )
    return page_of(rows, limit, lambda row: (row.planned_start_at, row.id))


@router.get("/job-readiness", **needs("plans:read"))
def list_job_readiness(
    call: Calling,
    *,
    line: LineFilter = None,
    can_run: Annotated[bool | None, Query(description="only those that can run now (true), or cannot")] = None,
) -> list[ReadyLine]:
    """What can run now, by line and planned start; what cannot says why. Jobs planned to begin within 36 hours."""
    rows = list_readiness(call.conn, call.plant(), call.at, line=line, lines=call.lines)
    return [row for row in rows if can_run in {None, row.can_run}]


@router.get("/jobs/{job_id}", **needs("plans:read"))
def get_job(job_id: JobId, call: Calling) -> JobLine:
    """One job."""
    _require_job(call, job_id)
    return api_floor.list_jobs(call.conn, ids=[job_id])[0]


@router.get("/jobs/{job_id}/card", response_class=Response, **needs("plans:read"))
def get_job_card(job_id: JobId, call: Calling) -> Response:
    """派工单: a sheet to print, with a QR code that a station's reader takes as this job (SVG, A5)."""
    _require_job(call, job_id)
    card = load_job_card(call.conn, call.plant(), job_id)
    if card is None:
        raise NotFoundError(f"There is no job {job_id}")
    return Response(svg_of(card), media_type="image/svg+xml")


@router.post("/jobs/{job_id}/start", status_code=201, **needs("jobs:run"))
def start_job(job_id: JobId, body: JobStart, call: Calling) -> Heard:
    """开工: from now on what the station (or the whole line) counts is this job's."""
    return _mark(call, job_id, "start", body)


@router.post("/jobs/{job_id}/pause", status_code=201, **needs("jobs:run"))
def pause_job(job_id: JobId, body: JobMark, call: Calling) -> Heard:
    """暂停: what is counted from now on is nobody's until a job runs again."""
    return _mark(call, job_id, "pause", body)


@router.post("/jobs/{job_id}/finish", status_code=201, **needs("jobs:run"))
def finish_job(job_id: JobId, body: JobMark, call: Calling) -> Heard:
    """完工: the job is done here."""
    return _mark(call, job_id, "finish", body)


@router.post("/jobs/{job_id}/switch", status_code=201, **needs("jobs:run"))
def switch_job(job_id: JobId, body: JobStart, call: Calling) -> Heard:
    """换线: from the job that runs to this one."""
    return _mark(call, job_id, "switch", body)


@router.post("/jobs/{job_id}/confirm", status_code=201, **needs("jobs:confirm"))
def confirm_job(job_id: JobId, body: JobMark, call: Calling) -> Heard:
    """报工确认: what was counted is right; the production report goes out."""
    return _mark(call, job_id, "confirm", body)


def _mark(
    call: Call, job_id: int, verb: Literal["start", "pause", "finish", "switch", "confirm"], said: JobMark
) -> Heard:
    line = _require_job(call, job_id)
    lead = said.let_through if isinstance(said, JobStart) else None
    by = require_lead(call, line, badge=lead.badge, person=lead.person, pin=lead.pin) if lead else ""
    done = actions.mark_job(
        call.conn,
        call.deed,
        job_id,
        verb,
        said=said,
        plant=call.plant(),
        client_id=said.client_id or uuid4(),
        let_through_by=by,
    )
    return Heard(done.id, done.repeated)


def _require_job(call: Call, job_id: int) -> str:
    """The job's line; another line's job is not there. Raises NotFoundError."""
    job = store.load_job(call.conn, job_id)
    if job is None or not call.sees(job.line):
        raise NotFoundError(f"There is no job {job_id}")
    return job.line


# ------------------------------------------------------------------ andon
@router.post("/andon-calls", status_code=201, **needs("andon:raise"))
def post_andon_call(body: AndonDocument, call: Calling) -> Heard:
    """Call for help."""
    plant = call.plant()
    _require_place(call, plant, line=body.line, station=body.station, machine=body.machine)
    done = actions.raise_call(call.conn, call.deed, body, plant, client_id=body.client_id or uuid4())
    return Heard(done.id, done.repeated)


@router.get("/andon-calls", **needs("tracking:read"))
def list_andon_calls(
    call: Calling,
    *,
    line: LineFilter = None,
    is_open: Annotated[bool | None, Query(alias="open", description="only open ones (true) or resolved ones")] = None,
    role: Annotated[CallRole | None, Query(description="only those that have reached this role by now")] = None,
    from_at: Annotated[Instant | None, Query(alias="from", description="raised since")] = None,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> Page[CallLine]:
    """Calls for help, oldest first, with whom each is for by its kind, line and level (a page may hold fewer)."""
    key = cursor_key(cursor, int)
    rows = api_floor.list_calls(
        call.conn,
        line=line,
        lines=call.lines,
        is_open=is_open,
        from_at=from_at,
        after=None if key is None else key[0],
        limit=limit + 1,
    )
    rules = call.plant().andon
    told = [CallLine(**asdict(row), roles=rule_for(rules, row.kind, row.line).told(row.level)) for row in rows]
    page = page_of(told, limit, lambda row: (row.id,))
    page.items = [row for row in page.items if role is None or role in row.roles]
    return page


@router.post("/andon-calls/{call_id}/take", **needs("andon:answer"))
def take_andon_call(call_id: CallId, call: Calling) -> AndonCall:
    """I come."""
    _require_call(call, call_id)
    return actions.take_call(call.conn, call.deed, call_id)


@router.post("/andon-calls/{call_id}/resolve", **needs("andon:answer"))
def resolve_andon_call(call_id: CallId, call: Calling) -> AndonCall:
    """The trouble is over."""
    _require_call(call, call_id)
    return actions.resolve_call(call.conn, call.deed, call_id)


def _require_call(call: Call, call_id: int) -> None:
    found = store.find_call(call.conn, call_id=call_id)
    if found is None:
        raise NotFoundError(f"There is no call {call_id}")
    call.require_line(found.line, f"call {call_id}")
