"""The solver's answer as it is kept and compared (pure: `Plan` in, `PlanBody` out)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from mes.domain.plan import DayLine, Lot, PlanBody, PlannedOrder, PlanReason, Tentative
from mes.domain.plan_diff import counterparts
from scheduler.axis import Days, minute_down
from scheduler.files import plain
from scheduler.load import Question
from scheduler.plan import Fix, Plan, PlanLot, Reason
from scheduler.plan import PlannedOrder as Outlook

NO_ROUTE = "no_route"
OUTSIDE = ""
"""The line of work done elsewhere."""


def body_of(
    question: Question, plan: Plan, versions: Mapping[str, int], tentative: tuple[Tentative, ...] = ()
) -> PlanBody:
    """A plan as it is kept. `versions` are the orders there are; `tentative` ones have none, others are left out."""
    wanted_at_once = {one.order for one in tentative if one.due_at is None}
    versions = {**versions, **{one.order: 0 for one in tentative}}
    plan = replace(plan, orders=tuple(_never_late(one) if one.code in wanted_at_once else one for one in plan.orders))
    return PlanBody(
        now_at=question.problem.now,
        horizon_end_at=question.problem.horizon_end,
        objective=plain(plan.objective),
        lots=tuple(_lots(question, plan, versions)),
        lines=tuple(_lines(question, plan, versions)),
        orders=tuple(_orders(question, plan, versions)),
        reasons=(
            *(row for one in plan.orders if one.code in versions for row in _reasons(one)),
            *_why_left_out(question, plan, versions),
        ),
        shortages=tuple(plain(shortage) for shortage in plan.shortages),
        unplanned=(
            *(plain(row) for row in plan.unplanned),
            *(
                {"order": code, "qty": pieces, "reason": NO_ROUTE, "detail": ""}
                for code, pieces in question.routeless.items()
            ),
        ),
        tentative=tentative,
        log=_log(question, plan),
    )


def _never_late(one: Outlook) -> Outlook:
    """An order without a due date ends when it ends."""
    return replace(one, tardy_minutes=0, reasons=(), fixes=())


def _lots(question: Question, plan: Plan, versions: Mapping[str, int]) -> Iterable[Lot]:
    days = {line.code: Days(question.problem.now, line) for line in question.problem.lines}
    starved = _starved(question)
    known = [lot for lot in plan.lots if lot.order in versions]
    for no, lot in enumerate(sorted(known, key=lambda lot: lot.start_at), 1):
        wanted, pieces = starved.get((lot.order, lot.stage), (lot.start_at, 0))
        yield _lot(no, lot, question, days, wanted if pieces > 0 else lot.start_at)
        starved[lot.order, lot.stage] = wanted, pieces - lot.qty


def _starved(question: Question) -> dict[tuple[str, int], tuple[datetime, int]]:
    """When each starved lot wanted its components, and its pieces: what it is cut into wants them then, too."""
    pieces = {(lot.order, lot.stage, lot.wanted_at): lot.qty for lot in question.problem.previous}
    return {key: (at, pieces.get((*key, at), 1)) for key, at in question.starved.items()}


def _lot(no: int, lot: PlanLot, question: Question, days: Mapping[str, Days], wanted: datetime) -> Lot:
    shift, day = _shift(lot, question.problem.now, days)
    return Lot(
        lot_no=no,
        order=lot.order,
        operation_seq=lot.stage,
        line=lot.line or OUTSIDE,
        quantity=lot.qty,
        setup_minutes=lot.setup_minutes,
        start_at=lot.start_at,
        end_at=lot.end_at,
        wanted_at=min(wanted, lot.wanted_at or lot.start_at),
        shift_day=day,
        shift=shift or "",
        pinned=lot.pinned and (lot.order, lot.stage, lot.line) in question.pins,
    )


def _shift(lot: PlanLot, now: datetime, days: Mapping[str, Days]) -> tuple[str | None, date]:
    known = days.get(lot.line or OUTSIDE)
    return (None, lot.start_at.date()) if known is None else known.at(minute_down(now, lot.start_at))


def _lines(question: Question, plan: Plan, versions: Mapping[str, int]) -> Iterable[DayLine]:
    for row in plan.daily:
        if row.order in versions and row.start_at is not None and row.end_at is not None:
            shift = row.shift or ""
            yield DayLine(
                order=row.order,
                operation_seq=row.stage,
                line=row.line,
                shift_day=row.day,
                shift=shift,
                sequence=row.sequence,
                quantity=row.qty,
                start_at=row.start_at,
                end_at=row.end_at,
                made=question.made.get((row.order, row.stage, row.line, row.day, shift), 0),
            )


def _orders(question: Question, plan: Plan, versions: Mapping[str, int]) -> Iterable[PlannedOrder]:
    """Every order the plan was made for, finished ones and those nobody can make among them."""
    left_out: dict[str, int] = {}
    for row in plan.unplanned:
        left_out[row.order] = left_out.get(row.order, 0) + row.qty
    for one in plan.orders:
        if one.code in versions:
            yield PlannedOrder(
                one.code, versions[one.code], one.completed_at, one.tardy_minutes, left_out.get(one.code, 0)
            )
    yield from (PlannedOrder(code, versions[code], None, 0) for code in question.finished)
    yield from (PlannedOrder(code, versions[code], None, 0, pieces) for code, pieces in question.routeless.items())


def _why_left_out(question: Question, plan: Plan, versions: Mapping[str, int]) -> Iterable[PlanReason]:
    """Why pieces are in no lot, of orders that say nothing else: they come never, which is no minutes."""
    told = {one.code for one in plan.orders if one.reasons}
    for row in plan.unplanned:
        if row.order in versions and row.order not in told:
            told.add(row.order)
            yield PlanReason(row.order, "cause", row.reason, {"detail": row.detail}, 0)
    for code in question.routeless:
        yield PlanReason(code, "cause", NO_ROUTE, {"detail": ""}, 0)


def _reasons(one: Outlook) -> Iterable[PlanReason]:
    yield from (_cause(one.code, reason) for reason in one.reasons)
    yield from (_fix(one, fix) for fix in one.fixes)


def _cause(code: str, reason: Reason) -> PlanReason:
    return PlanReason(code, "cause", reason.cause, {"detail": reason.detail}, reason.minutes)


def _fix(one: Outlook, fix: Fix) -> PlanReason:
    """A fix; its minutes are those it saves the order."""
    detail = {key: value for key, value in plain(fix).items() if value is not None}
    return PlanReason(one.code, "fix", fix.kind, detail, one.tardy_minutes - fix.tardy_minutes)


def _log(question: Question, plan: Plan) -> dict[str, Any]:
    log: dict[str, Any] = plain(plan.log)
    return log | {"unpaced": [list(one) for one in question.unpaced]} if question.unpaced else log


def with_wants_of(body: PlanBody, before: PlanBody) -> PlanBody:
    """A repaired plan whose lots want their components when they did before; one that a person put somewhere, then."""
    wanted = {
        new.lot_no: min(new.start_at, old.wanted_at)
        for old, new in counterparts(before, body)
        if old is not None and new is not None and not new.pinned
    }
    return replace(body, lots=tuple(replace(lot, wanted_at=wanted.get(lot.lot_no, lot.wanted_at)) for lot in body.lots))
