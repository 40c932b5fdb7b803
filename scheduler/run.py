"""One plan run: what is read for it, how it is answered, what is written.

`read` and `write` are called in a transaction each; `answer` runs between them with nothing open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from mes.actions.plan import publish, request_run, save_plan
from mes.actions.plant import plant_at
from mes.actions.record import Deed
from mes.domain.exchange import plain
from mes.domain.plan import Change, ChangeCalendar, ChangeOrder, PlanBody, RunReason, Tentative
from mes.domain.plan_diff import LinePolicy, Obstacle, PlanDiff, diff, first_plan_obstacles, replan_obstacles
from mes.domain.plant import Plant
from mes.errors import InputError, MesError
from mes.store import demand
from mes.store import plan as store
from mes.store.bell import ring
from mes.store.planned import disturbed_at, load_body
from mes.store.pool import Connection
from mes.store.product import effective_revision
from mes.store.wished import load_down
from scheduler.changes import changed, impossible_moves, rearranged, tentative
from scheduler.check import check
from scheduler.child import Child, Look, Task
from scheduler.keep import body_of, with_wants_of
from scheduler.load import Basis, Question, question_of, whole_minute
from scheduler.plan import Plan
from scheduler.solve import Params

TAKT = "takt"
"""Who publishes without a person."""
LINE_DOWN = "line_down"
"""Why a line is closed that has a fault."""
TIME_LIMIT_S = {"edit": 0.5, "promise": 0.5, "scenario": 5.0, "replan": 4.0}
TIME_LIMIT_S_MAX = 600.0
REPAIRED = ("edit", "promise")
"""Kinds of runs that leave everything in its order but for what they put elsewhere."""
NO_SUPPLY = ("quarantine",)
JOBS_BACK = timedelta(days=3)
VIOLATIONS_TOLD_MAX = 5
_CHANGES: TypeAdapter[tuple[Change, ...]] = TypeAdapter(tuple[Change, ...])


class StaleBaseError(MesError):
    """Another plan was published while this one was worked on."""


@dataclass(frozen=True)
class Given:
    """What a run is answered from, read in one snapshot."""

    run: store.PlanRun
    changes: tuple[Change, ...]
    basis: Basis
    base_id: int | None
    before: PlanBody | None
    published_id: int | None
    disturbed_at: Mapping[str, datetime]
    down: tuple[ChangeCalendar, ...] = ()
    """Lines that have had a fault for so long that it is counted on, closed for as long again."""

    @property
    def versions(self) -> dict[str, int]:
        """The orders there are, with their versions; tentative ones are none."""
        return {row.order: row.version for row in self.basis.orders if row.version}

    @property
    def tentative(self) -> tuple[Tentative, ...]:
        """The orders that nobody has placed yet."""
        return tuple(
            Tentative(change.order, change.item, change.quantity, change.due_at)
            for change in self.changes
            if isinstance(change, ChangeOrder) and change.item is not None and change.quantity is not None
        )

    @property
    def policies(self) -> list[LinePolicy]:
        """How each line lets itself be planned."""
        return [
            LinePolicy(
                line.code,
                line.planning,
                line.replan.moved_max,
                line.replan.newly_late_max,
                timedelta(minutes=line.replan.every_minutes),
            )
            for line in self.basis.plant.line
        ]

    def ask_again(self, conn: Connection, at: datetime) -> int:
        """Ask for the same plan on the ground as it is now; the new run's id."""
        reasons = [RunReason(**reason) for reason in self.run.reasons]
        return request_run(
            conn, Deed(TAKT, at), kind="replan", automatic=True, reasons=reasons, changes=self.changes, not_before=at
        )


@dataclass(frozen=True)
class Found:
    """An answer: the plan, as it is kept, against the base plan, and against carrying on with that as it is."""

    question: Question
    plan: Plan
    body: PlanBody
    change: PlanDiff | None
    effect: PlanDiff | None


# ------------------------------------------------------------------ read
def read(conn: Connection, run: store.PlanRun, now: datetime) -> Given:
    """Everything the run is answered from, of one instant. Must begin its transaction.

    Raises NotFoundError without a plant model, InputError for a tentative order nobody knows how to make.
    """
    demand.take_snapshot(conn)
    changes = _CHANGES.validate_python(run.changes)
    published = store.published_id(conn)
    base = run.base_plan_id if run.base_plan_id is not None and not run.automatic else published
    before = None if base is None else load_body(conn, base)
    plant = plant_at(conn, now)
    return Given(
        run=run,
        changes=changes,
        basis=_basis(conn, plant, now, changes, before),
        base_id=base,
        before=before,
        published_id=published,
        disturbed_at=disturbed_at(conn, by=TAKT),
        down=tuple(_closed(conn, plant, now)),
    )


def _closed(conn: Connection, plant: Plant, now: datetime) -> Iterable[ChangeCalendar]:
    for down in load_down(conn, sorted(plant.lines), now=now, since=now):
        limit = timedelta(minutes=plant.lines[down.line].replan.down_minutes)
        if down.is_known(now, limit):
            from_at, to_at = whole_minute(now), whole_minute(down.expected_until(now, limit))
            yield ChangeCalendar(down.line, False, from_at, to_at + timedelta(minutes=1), LINE_DOWN)


def _basis(conn: Connection, plant: Plant, now: datetime, changes: Sequence[Change], before: PlanBody | None) -> Basis:
    asked_for = [c for c in changes if isinstance(c, ChangeOrder) and c.item is not None]
    placed = demand.load_orders(conn)
    if twice := {row.order for row in placed} & {change.order for change in asked_for}:
        raise InputError(f"Order {min(twice)} is placed already; leave out its item to change it")
    orders = [*placed, *(_tentative(conn, change, now) for change in asked_for)]
    revisions = sorted({(row.item, row.revision) for row in orders})
    return Basis(
        now=now,
        plant=plant,
        orders=orders,
        deliveries=demand.load_deliveries(conn),
        routes=demand.load_routes(conn, revisions),
        components=demand.load_components(conn, revisions),
        progress=demand.load_progress(conn),
        jobs=demand.load_jobs(conn, from_day=(now - JOBS_BACK).date()),
        stock=demand.load_stock(conn, [place.code for place in plant.location if place.kind not in NO_SUPPLY]),
        receipts=demand.load_receipts(conn),
        family_now=demand.load_families_now(conn, [line.counts_at for line in plant.line]),
        base=rearranged(before.lots if before else (), changes),
    )


def _tentative(conn: Connection, change: ChangeOrder, now: datetime) -> demand.OpenOrder:
    assert change.item is not None
    revision = change.revision or effective_revision(conn, change.item, now)
    if revision is None:
        raise InputError(f"Nobody has released {change.item}, so it cannot be planned")
    family = demand.load_families(conn, [change.item]).get(change.item, "")
    return tentative(change, revision, family, now)


# ------------------------------------------------------------------ answer
def answer(given: Given, child: Child, look: Look) -> Found:
    """Solve what is asked in the child; a plan that breaks a rule is refused. Raises MesError with the reasons."""
    question, as_it_is = _questions(given)
    outcome = child.work(_task(given, question, as_it_is), look)
    if outcome.plan is None:
        raise MesError(outcome.error or "The solver found no plan in time")
    violations = check(question.problem, outcome.plan)
    if violations:
        told = "; ".join(str(one) for one in violations[:VIOLATIONS_TOLD_MAX])
        raise MesError(f"The plan found breaks {len(violations)} rules and is not kept: {told}")
    body = body_of(question, outcome.plan, given.versions, given.tentative)
    if given.before is None:
        return Found(question, outcome.plan, body, None, None)
    if given.run.kind in REPAIRED:
        body = with_wants_of(body, given.before)
    change = diff(given.before, body)
    carry_on = None if outcome.carry_on is None else body_of(as_it_is, outcome.carry_on, given.versions)
    return Found(question, outcome.plan, body, change, change if carry_on is None else diff(carry_on, body))


def _questions(given: Given) -> tuple[Question, Question]:
    """What is asked, and the same without anything put elsewhere or tried."""
    by_hand = frozenset(line.code for line in given.basis.plant.line if line.planning == "manual")
    held = by_hand if given.run.automatic else frozenset[str]()
    question = question_of(given.basis, name=f"run {given.run.id}", held_lines=held)
    if refused := list(impossible_moves(question.problem, given.basis.base, given.changes)):
        raise InputError("A lot cannot go there", faults=tuple(refused))
    asked = replace(question, problem=changed(question.problem, (*given.down, *given.changes)))
    if not given.changes or given.run.automatic:
        return asked, asked
    orders = [row for row in given.basis.orders if row.version]
    lots = given.before.lots if given.before else ()
    as_it_is = question_of(replace(given.basis, orders=orders, base=lots), name="as it is", held_lines=held)
    return asked, replace(as_it_is, problem=changed(as_it_is.problem, given.down))


def _task(given: Given, question: Question, as_it_is: Question) -> Task:
    carry_on = as_it_is.problem if given.before is not None else None
    repair = given.run.kind in REPAIRED and bool(question.problem.previous)
    return Task(question.problem, _params(given.run), repair=repair, carry_on=carry_on)


def _params(run: store.PlanRun) -> Params:
    """The time a run has, and its own number as seed: asked again, it answers alike."""
    return Params(time_limit_s=min(run.time_limit_s or TIME_LIMIT_S[run.kind], TIME_LIMIT_S_MAX), seed=run.id)


# ------------------------------------------------------------------ write
def write(conn: Connection, given: Given, found: Found, *, owner: str, at: datetime) -> bool:
    """Keep the answer and end the run; False when the run is no longer ours, and then nothing may be committed.

    A re-plan that needs nobody's consent is published in the same transaction. Raises StaleBaseError when an automatic
    run's ground is gone.
    """
    deed = Deed(TAKT, at)
    if given.run.kind == "promise":
        return _end(conn, given, owner, at, result=promise_of(given, found))
    current = store.lock_published(conn)
    if given.run.automatic and current != given.published_id:
        raise StaleBaseError
    plan_id = save_plan(
        conn, deed, found.body, run_id=given.run.id, base_plan_id=given.base_id, known_at=given.basis.now
    )
    if given.run.automatic:
        store.supersede_proposals(conn, but=plan_id)
    waits_for = _obstacles(given, found) if given.run.kind == "replan" else None
    version = publish(conn, deed, plan_id, current) if waits_for == () else None
    result = promise_of(given, found) | {
        "published": version,
        "waits_for": plain([asdict(one) for one in waits_for or ()]),
    }
    return _end(conn, given, owner, at, plan_id=plan_id, result=result)


def _end(
    conn: Connection, given: Given, owner: str, at: datetime, *, result: dict[str, Any], plan_id: int | None = None
) -> bool:
    ring(conn, "plan")
    return store.finish_run(conn, given.run.id, owner, state="done", at=at, plan_id=plan_id, result=result)


def _obstacles(given: Given, found: Found) -> tuple[Obstacle, ...]:
    """What keeps a re-plan from being published without a person."""
    if found.change is None or found.effect is None:
        return first_plan_obstacles(found.body, given.policies)
    return replan_obstacles(
        found.body,
        found.change,
        given.policies,
        effect=found.effect,
        disturbed_at=given.disturbed_at,
    )


def verdict_of(found: Found) -> dict[str, Any]:
    """What a plan would do: lots moved; orders pushed and promises broken, against carrying on as it is."""
    if found.change is None or found.effect is None:
        return {"summary": None, "pushed": [], "breaks": []}
    pushed = [
        {"order": one.order, "minutes": int((one.completed_after - one.completed_before).total_seconds() // 60)}
        for one in found.effect.orders
        if one.completed_before and one.completed_after and one.completed_after > one.completed_before
    ]
    unplaced = {one.order for one in found.body.tentative}
    breaks = [order for order in found.effect.newly_late if order not in unplaced]
    return {"summary": found.change.summary(), "pushed": pushed, "breaks": breaks}


def promise_of(given: Given, found: Found) -> dict[str, Any]:
    """When each tentative order could be finished, and whom that would make late."""
    asked = {one.order for one in given.tentative}
    left_out = {row.order: row for row in found.plan.unplanned}
    promises = [
        {
            "order": one.code,
            "completed_at": one.completed_at,
            "late_minutes": one.tardy_minutes,
            "unplanned": left_out[one.code].qty if one.code in left_out else 0,
            "reason": left_out[one.code].reason if one.code in left_out else "",
        }
        for one in found.plan.orders
        if one.code in asked
    ]
    return {"promises": plain(promises)} | verdict_of(found)
