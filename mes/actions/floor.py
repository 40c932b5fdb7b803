"""What may be done on the shop floor: say what happened, mark jobs, call for help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

from mes.actions.material import Done
from mes.actions.product import refuse
from mes.actions.record import Deed, Touch, record
from mes.domain.exchange import Event, EventType, quantity_text
from mes.domain.floor import (
    AndonDocument,
    EntryDocument,
    JobMark,
    Mark,
    StopReason,
    place_of,
    reason_fault,
    time_fault,
)
from mes.domain.gate import GateKind
from mes.domain.plant import Plant
from mes.errors import ConflictError, Fault, NotFoundError
from mes.store import floor as store
from mes.store.pool import Connection
from mes.store.readiness import closed_gates

OFFLINE_FROM = timedelta(minutes=5)
"""A mark older than this was kept by a terminal that was cut off: it says what happened, whatever is allowed now."""

Verb = Literal["start", "pause", "finish", "switch", "confirm"]


# ------------------------------------------------------------------ entries
def enter(
    conn: Connection,
    deed: Deed,
    entry: EntryDocument,
    plant: Plant,
    *,
    client_id: UUID,
    let_through_by: str = "",
) -> Done:
    """Keep what somebody said, and have what it concerns booked again. Said twice under one client id, heard once.

    `let_through_by`: the line lead who lets a job start before a closed gate. Raises InputError naming each field,
    ConflictError when the reversed entry was taken back before, or when a job to be started may not start.
    """
    job = store.load_job(conn, entry.job_id) if entry.job_id else None
    line = _line_of(entry, plant, job)
    at = entry.effective_at or deed.at
    faults = [*entry.faults(), *_faults_in_time(entry, at, deed.at)]
    if fault := reason_fault(entry, plant.reasons):
        faults.append(fault)
    if entry.job_id and job is None:
        faults.append(Fault("/job_id", "unknown", f"there is no job {entry.job_id}"))
    elif job and job.line != line:
        faults.append(Fault("/job_id", "elsewhere", f"job {job.id} is for line {job.line}"))
    undone, undo_faults = _undone(conn, entry, line, client_id)
    refuse("This entry", [*faults, *undo_faults])
    row = _row(entry, line=line, at=at, client_id=client_id, let_through_by=let_through_by)
    known = store.insert_entry(conn, row, timed=entry.effective_at is not None, entered_at=deed.at, entered_by=deed.by)
    if known is None:
        return Done(store.entry_id(conn, client_id) or 0, repeated=True)
    if job and entry.mark in ("start", "switch") and at > deed.at - OFFLINE_FROM:
        _require_startable(job)
        if not let_through_by and entry.phase in (None, "production"):
            _require_open_gates(conn, plant, job)
    record(
        conn,
        deed,
        action=f"entry.{entry.kind}" if entry.mark is None else f"job.{entry.mark}",
        subject=f"entry/{known}",
        detail=asdict(row) | {"client_id": str(client_id)},
        touches=_touches(row, undone, job),
        rooms=("floor",),
    )
    return Done(known, repeated=False)


def mark_job(
    conn: Connection,
    deed: Deed,
    job_id: int,
    verb: Verb,
    *,
    said: JobMark,
    plant: Plant,
    client_id: UUID,
    let_through_by: str = "",
) -> Done:
    """Start, pause, finish, switch to or confirm a job: an entry. Raises NotFoundError for the job."""
    job = store.load_job(conn, job_id)
    if job is None:
        raise NotFoundError(f"There is no job {job_id}")
    mark: Mark | None = None if verb == "confirm" else verb
    entry = EntryDocument(
        kind="confirm" if mark is None else "mark",
        mark=mark,
        job_id=job_id,
        line=job.line,
        station=said.station,
        machine=said.machine,
        effective_at=said.effective_at,
        phase=said.phase,
        person=said.person,
        note=said.note,
    )
    return enter(conn, deed, entry, plant, client_id=client_id, let_through_by=let_through_by)


def explain_stops(conn: Connection, deed: Deed, said: StopReason, plant: Plant, *, client_id: UUID) -> list[Done]:
    """Give stops of many machines and lines one reason: an entry each. All of them or none.

    Raises InputError when it names no machine and no line, or names one that is not there.
    """
    entries = said.entries()
    if not entries:
        refuse("This reason", [Fault("/machines", "missing", "name machines or lines")])
    return [
        enter(conn, deed, entry, plant, client_id=uuid5(client_id, entry.machine or entry.line)) for entry in entries
    ]


def _line_of(entry: EntryDocument, plant: Plant, job: store.JobHead | None) -> str:
    line = entry.line or (job.line if job and not (entry.station or entry.machine) else "")
    found, faults = place_of(plant, line=line, station=entry.station, machine=entry.machine)
    refuse("This entry", faults)
    return found


def _faults_in_time(entry: EntryDocument, at: datetime, now: datetime) -> list[Fault]:
    found = [time_fault(at, now)]
    if entry.from_at is not None:
        found.append(time_fault(entry.from_at, now, "/from_at"))
    return [fault for fault in found if fault]


def _undone(
    conn: Connection, entry: EntryDocument, line: str, client_id: UUID
) -> tuple[store.EntryRow | None, list[Fault]]:
    """The entry that is taken back, and why it cannot be."""
    if entry.reverses is None:
        return None, []
    undone = store.find_entry(conn, entry_id=entry.reverses)
    if undone is None:
        return None, [Fault("/reverses", "unknown", f"there is no entry {entry.reverses}")]
    if undone.line != line:
        return undone, [Fault("/reverses", "elsewhere", f"entry {entry.reverses} is of line {undone.line}")]
    by = store.reversed_by(conn, entry.reverses)
    if by is not None and by != store.entry_id(conn, client_id):
        raise ConflictError(
            f"Entry {entry.reverses} was taken back already", facts={"reversed_by": by}, code="reversed"
        )
    return undone, []


def _row(entry: EntryDocument, *, line: str, at: datetime, client_id: UUID, let_through_by: str) -> store.EntryRow:
    share = None if entry.share is None else quantity_text(entry.share)
    detail = {
        "person": entry.person, "share": share, "leaves": entry.leaves, "note": entry.note, "ext": entry.ext,
        "let_through_by": let_through_by,
    }  # fmt: skip
    return store.EntryRow(
        client_id=client_id,
        kind=entry.kind,
        mark=entry.mark,
        line=line,
        station=entry.station or None,
        machine=entry.machine or None,
        job_id=entry.job_id,
        phase=entry.phase,
        effective_at=at,
        from_at=entry.from_at,
        quantity=entry.quantity,
        reason=entry.reason or None,
        serial=entry.serial or None,
        reverses=entry.reverses,
        detail={key: value for key, value in detail.items() if value},
    )


def _touches(row: store.EntryRow, undone: store.EntryRow | None, job: store.JobHead | None) -> list[Touch]:
    """What has to be booked again: the stretch the entry is about, and that of the one it takes back."""
    touches = [_stretch(said) for said in (row, undone) if said is not None]
    if row.kind == "confirm" and job is not None:
        touches.append(Touch("order", (str(job.order_id),), "confirmed"))
    return touches


def _stretch(said: store.EntryRow) -> Touch:
    keys = [code for code in (said.station, said.machine) if code]
    from_at = min(said.from_at or said.effective_at, said.effective_at)
    return Touch("station" if keys else "line", keys or [said.line], said.kind, from_at, said.effective_at)


def _require_startable(job: store.JobHead) -> None:
    if job.order_status != "released":
        raise ConflictError(f"Order {job.order_subject} is {job.order_status}", code="not_released")
    if job.withdrawn_at is not None:
        raise ConflictError(f"Job {job.id} is no longer planned", remedy="Start the line's next job.", code="withdrawn")


_GATE_WORDS: dict[GateKind, tuple[str, str]] = {
    "first_article": ("its first article", "Count a good piece in phase first_article"),
    "document": ("its drawing", "Send the revision's documents"),
}


def _require_open_gates(conn: Connection, plant: Plant, job: store.JobHead) -> None:
    closed = closed_gates(conn, plant, job.line, job.id)
    if closed:
        what, how = _GATE_WORDS[closed[0]]
        raise ConflictError(
            f"Job {job.id} waits for {what}",
            remedy=f"{how}, or have a line lead let it start.",
            facts={"gates": list(closed)},
            code="gate",
        )


# ------------------------------------------------------------------ andon
def raise_call(conn: Connection, deed: Deed, call: AndonDocument, plant: Plant, *, client_id: UUID) -> Done:
    """Call for help. Raises InputError naming each field."""
    line, faults = place_of(plant, line=call.line, station=call.station, machine=call.machine)
    at = call.at or deed.at
    if fault := time_fault(at, deed.at, "/at"):
        faults.append(fault)
    refuse("This call", faults)
    raised = store.insert_call(
        conn,
        client_id=client_id,
        line=line,
        station=call.station or None,
        machine=call.machine or None,
        kind=call.kind,
        note=call.note,
        at=at,
        by=deed.by,
    )
    if raised is None:
        known = store.find_call(conn, client_id=client_id)
        return Done(known.id if known else 0, repeated=True)
    _tell(conn, deed, "raised", raised, _said(call, line))
    return Done(raised, repeated=False)


def take_call(conn: Connection, deed: Deed, call_id: int) -> store.AndonCall:
    """Say that one comes. Taking it again changes nothing; somebody else's is a ConflictError."""
    call = _open_call(conn, call_id)
    if call.taken_by is None:
        store.take_call(conn, call_id, at=deed.at, by=deed.by)
        _tell(conn, deed, "taken", call_id, {})
    elif call.taken_by != deed.by:
        raise ConflictError(f"{call.taken_by} is on the way", facts={"taken_by": call.taken_by}, code="taken")
    return store.find_call(conn, call_id=call_id) or call


def resolve_call(conn: Connection, deed: Deed, call_id: int) -> store.AndonCall:
    """Say that the trouble is over. Saying it again changes nothing."""
    call = _call(conn, call_id)
    if call.resolved_at is None:
        store.resolve_call(conn, call_id, at=deed.at, by=deed.by)
        _tell(conn, deed, "resolved", call_id, {"line": call.line, "kind": call.kind, "raised_at": call.raised_at})
    return store.find_call(conn, call_id=call_id) or call


def escalate_call(conn: Connection, deed: Deed, call: store.AndonCall, level: int, roles: Sequence[str]) -> None:
    """Say that nobody came, and who is told now."""
    store.escalate_call(conn, call.id, level=level, at=deed.at)
    _tell(conn, deed, "escalated", call.id, {"line": call.line, "kind": call.kind, "level": level, "roles": [*roles]})


def _call(conn: Connection, call_id: int) -> store.AndonCall:
    call = store.find_call(conn, call_id=call_id)
    if call is None:
        raise NotFoundError(f"There is no call {call_id}")
    return call


def _open_call(conn: Connection, call_id: int) -> store.AndonCall:
    call = _call(conn, call_id)
    if call.resolved_at is not None:
        raise ConflictError(f"Call {call_id} is resolved already", code="closed")
    return call


def _said(call: AndonDocument, line: str) -> dict[str, object]:
    return {"line": line, "station": call.station, "machine": call.machine, "kind": call.kind, "note": call.note}


def _tell(conn: Connection, deed: Deed, what: str, call_id: int, detail: dict[str, object]) -> None:
    subject = f"andon/{call_id}"
    told: dict[str, EventType] = {"raised": "mes.andon.raised", "resolved": "mes.andon.resolved"}
    events = [Event(told[what], subject, {"id": call_id, **detail})] if what in told else []
    record(conn, deed, action=f"andon.{what}", subject=subject, detail=detail, events=events, rooms=("floor",))
