"""What may be done with plans: ask for one, save it, publish it, dispatch its jobs, lay it aside.

A plan is published by compare-and-set: whoever publishes says which plan they saw published. Publishing turns the plan
lines that start inside each line's dispatch window into jobs; `dispatch` does so again as the window moves. What the
plan counts on of the lines' hours becomes part of the plant model with it; what it supposed of orders and receipts is
the ERP's to say, and holds until the next plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from mes.actions.plant import apply as apply_plant
from mes.actions.plant import plant_at
from mes.actions.record import Deed, Touch, record
from mes.domain.calendar_change import with_changes
from mes.domain.exchange import Event, plain
from mes.domain.plan import Change, ChangeCalendar, DayLine, MoveLot, PinLot, PlanBody, RunKind, RunReason
from mes.domain.plan_diff import PlanDiff, diff, moved_lines
from mes.domain.plant import Plant
from mes.errors import ConflictError, InputError, NotFoundError, StaleError
from mes.store import plan as store
from mes.store.house import load_clock
from mes.store.planned import PlanHead, load_body, load_head
from mes.store.pool import Connection

DEBOUNCE_S = 2.0
"""Machine time an automatic wish waits for others, so that ten messages in a row make one plan."""
_CHANGES: TypeAdapter[tuple[Change, ...]] = TypeAdapter(tuple[Change, ...])


class PlanOvertakenError(StaleError):
    """Another plan was published meanwhile; `diff` says what this one would change against it."""

    code = "plan_overtaken"

    def __init__(self, current: int | None, change: PlanDiff | None) -> None:
        super().__init__(
            f"Plan {current} is the published one now" if current else "No plan is published now",
            remedy="Look at the difference and publish again against the current plan.",
        )
        self.current = current
        self.diff: dict[str, Any] | None = None if change is None else plain(asdict(change)) | change.summary()


def request_run(
    conn: Connection,
    deed: Deed,
    *,
    kind: RunKind,
    automatic: bool = False,
    reasons: Sequence[RunReason] = (),
    base_plan_id: int | None = None,
    changes: Sequence[Change] = (),
    time_limit_s: float | None = None,
    not_before: datetime | None = None,
    client_id: UUID | None = None,
    settling: bool = False,
) -> int:
    """Ask for a plan; the run's id.

    At most one automatic wish waits: a further one adds its reasons and changes to it. It waits `DEBOUNCE_S` unless
    `not_before` (plant time) says otherwise; `settling`: since the last one joined, so that a plant's first plan has
    all its orders. A person's newer edit takes the place of the older.
    What a proposal named as base was made with holds for what is asked of it, too.
    Raises NotFoundError for a base plan that is not there, InputError for changes without one.
    """
    base = _base(conn, kind, base_plan_id, changes)
    changes = (*_supposed(conn, base_plan_id), *changes)
    run_id = store.insert_run(
        conn,
        kind=kind,
        automatic=automatic,
        reasons=[plain(asdict(reason)) for reason in reasons],
        base_plan_id=base,
        changes=[plain(asdict(change)) for change in changes],
        time_limit_s=time_limit_s,
        requested_by=deed.by,
        requested_at=deed.at,
        not_before=not_before or (deed.at + _debounce(conn) if automatic else deed.at),
        client_id=client_id,
        settling=settling,
    )
    if kind == "edit":
        store.supersede_runs(conn, kind=kind, requested_by=deed.by, before_id=run_id, at=deed.at)
    record(
        conn,
        deed,
        action="plan.request",
        subject=f"run/{run_id}",
        detail={"kind": kind, "automatic": automatic, "reasons": [asdict(reason) for reason in reasons]},
        rooms=("plan",),
    )
    return run_id


def _base(conn: Connection, kind: RunKind, base_plan_id: int | None, changes: Sequence[Change]) -> int | None:
    """The plan a run starts from: the one named, else the published one."""
    if base_plan_id is None:
        base_plan_id = store.published_id(conn)
        if base_plan_id is None and (kind == "edit" or any(change.op in ("move", "pin") for change in changes)):
            raise InputError("There is no plan yet whose lots could be moved", remedy="Ask for a plan first.")
    elif load_head(conn, base_plan_id) is None:
        raise NotFoundError(f"There is no plan {base_plan_id}")
    return base_plan_id


def _supposed(conn: Connection, base_plan_id: int | None) -> Sequence[Change]:
    """What a proposal that is gone on from was made with: without its overtime its lots would not fit."""
    head = None if base_plan_id is None else load_head(conn, base_plan_id)
    if head is None or head.state != "proposed" or head.run_id is None:
        return ()
    run = store.load_run(conn, head.run_id)
    changes = () if run is None else _CHANGES.validate_python(run.changes)
    return [change for change in changes if not isinstance(change, MoveLot | PinLot)]


def _debounce(conn: Connection) -> timedelta:
    return timedelta(seconds=DEBOUNCE_S * load_clock(conn).speed)


def withdraw_request(conn: Connection, deed: Deed) -> bool:
    """Take back the automatic wish that still waits, because what asked for it is gone; False when none waits."""
    if not store.withdraw_automatic(conn, at=deed.at):
        return False
    record(conn, deed, action="plan.request_withdrawn", subject="run", detail={}, rooms=("plan",))
    return True


def save_plan(
    conn: Connection,
    deed: Deed,
    body: PlanBody,
    *,
    run_id: int | None = None,
    base_plan_id: int | None = None,
    name: str = "",
    known_at: datetime | None = None,
) -> int:
    """Keep a plan as a proposal; its id. Whoever calls this has checked it.

    `known_at`: when what it is made from was read; absent, its `now_at`.
    """
    plan_id = store.insert_plan(
        conn,
        body,
        run_id=run_id,
        base_plan_id=base_plan_id,
        name=name,
        known_at=known_at or body.now_at,
        created_at=deed.at,
    )
    record(
        conn,
        deed,
        action="plan.save",
        subject=f"plan/{plan_id}",
        detail={"run_id": run_id, "base_plan_id": base_plan_id, "objective": body.objective, "lots": len(body.lots)},
        touches=[Touch("plan", (str(plan_id),), "proposed")],
        rooms=("plan",),
    )
    return plan_id


def publish(conn: Connection, deed: Deed, plan_id: int, expected_current: int | None) -> int:
    """Make a plan the published one if `expected_current` still is; its version.

    In one go: state, number, jobs, event, audit, touched. Raises PlanOvertakenError (a ConflictError with the diff)
    when another plan is published, NotFoundError, ConflictError for a plan that is no proposal or that makes an order
    nobody has placed: its lots left out, the others would wait for nothing. Overtime and stops the plan was made with
    become calendar exceptions, so that the next plan knows them, too.
    """
    current = store.lock_published(conn)
    head, body = load_head(conn, plan_id), load_body(conn, plan_id)
    if head is None or body is None:
        raise NotFoundError(f"There is no plan {plan_id}")
    if current == plan_id:
        raise ConflictError(f"Plan {plan_id} is published already")
    if head.state != "proposed":
        raise ConflictError(f"Plan {plan_id} is {head.state} and cannot be published", remedy="Ask for a new plan.")
    if body.tentative:
        raise ConflictError(
            f"Order {body.tentative[0].order} of this plan is not placed yet, so nobody could make it",
            remedy="Place it in the ERP first; the next plan has it.",
        )
    before = None if current is None else load_body(conn, current)
    change = None if before is None else diff(before, body)
    if current != expected_current:
        raise PlanOvertakenError(current, change)
    version = store.publish_plan(
        conn, plan_id, at=deed.at, by=deed.by, moved_lines=() if change is None else moved_lines(change)
    )
    _keep_hours(conn, deed, head)
    _tell(conn, deed, head, body, version=version, change=change)
    dispatch(conn, deed, plant_at(conn, deed.at), deed.at)
    return version


def _keep_hours(conn: Connection, deed: Deed, head: PlanHead) -> None:
    """Put what the plan supposed of the lines' hours into the plant model, as a version that may be taken back."""
    run = None if head.run_id is None else store.load_run(conn, head.run_id)
    changes = [] if run is None else _CHANGES.validate_python(run.changes)
    hours = [change for change in changes if isinstance(change, ChangeCalendar) and change.to_at > deed.at]
    if hours:
        plant = plant_at(conn, deed.at)
        apply_plant(conn, deed, with_changes(plant, hours))


def _tell(
    conn: Connection, deed: Deed, head: PlanHead, body: PlanBody, *, version: int, change: PlanDiff | None
) -> None:
    summary = None if change is None else change.summary()
    published = {
        "version": version,
        "plan": str(head.id),
        "replaces": None if head.base_plan_id is None else str(head.base_plan_id),
        "lines": [_line_document(line) for line in body.lines],
        "reasons": head.reasons,
        "diff": summary,
    }
    record(
        conn,
        deed,
        action="plan.publish",
        subject=f"plan/{head.id}",
        detail={"version": version, "diff": summary},
        events=[Event("mes.plan.published", "plan", published)],
        touches=[Touch("plan", (str(head.id),), "published")],
        rooms=("plan",),
    )


def _line_document(line: DayLine) -> dict[str, Any]:
    system, number = line.order.split("/", 1)
    return {
        "line": line.line,
        "shift_day": line.shift_day,
        "shift": line.shift,
        "sequence": line.sequence,
        "order": {"system": system, "number": number},
        "operation_seq": line.operation_seq,
        "quantity": line.quantity,
        "start_at": line.start_at,
        "end_at": line.end_at,
    }


def dispatch(conn: Connection, deed: Deed, plant: Plant, now: datetime) -> int:
    """Turn the published plan's lines that start inside each line's dispatch window into jobs; how many jobs changed.

    Known jobs follow the plan; jobs it no longer has are withdrawn unless somebody began them. Doing it again changes
    nothing.
    """
    plan_id = store.lock_published(conn)
    if plan_id is None:
        return 0
    due_by = {line.code: now + timedelta(minutes=line.dispatch_minutes) for line in plant.line}
    changes = store.upsert_jobs(conn, plan_id, due_by=due_by, at=now)
    changes += store.settle_unplanned_jobs(conn, plan_id, at=now)
    if changes:
        record(
            conn,
            deed,
            action="job.dispatch",
            subject=f"plan/{plan_id}",
            detail={what: sorted(c.id for c in changes if c.what == what) for what in {c.what for c in changes}},
            touches=[Touch("line", sorted({change.line for change in changes}), "jobs dispatched")],
            rooms=("floor",),
        )
    return len(changes)


def discard(conn: Connection, deed: Deed, plan_id: int) -> None:
    """Lay a proposal aside. Raises NotFoundError, ConflictError for a plan that is no proposal."""
    head = load_head(conn, plan_id)
    if head is None:
        raise NotFoundError(f"There is no plan {plan_id}")
    if not store.discard_plan(conn, plan_id):
        raise ConflictError(f"Plan {plan_id} is {head.state}; only a proposal can be laid aside")
    record(conn, deed, action="plan.discard", subject=f"plan/{plan_id}", detail={}, rooms=("plan",))
