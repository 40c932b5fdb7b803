"""A small change of a plan at once: a lot dragged or pinned, an order tried; everything else stays in its order.

What is dragged keeps its new line and does not start before its new time; the other lots keep line and sequence and
slide as far as they must, or earlier where they can. Then a few moves are tried that pay for themselves although every
lot that leaves its line or day counts against them. Well under a second for plants of a thousand lots.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from mes.errors import NotFoundError
from scheduler.answer import plan_of
from scheduler.insert import from_previous
from scheduler.plan import Log, Plan, PlanLot, PlannedOrder
from scheduler.problem import Order, Problem
from scheduler.search import anneal, natural_heat
from scheduler.shared import shares_anything
from scheduler.shop import compile_shop
from scheduler.state import Desk
from scheduler.supply import supply_of

TRIES = 512
TRIES_SHARED = 128  # where lines share people or moulds, whose every try costs more


@dataclass(frozen=True, slots=True)
class LotEdit:
    """What happens to one lot, the `rank`-th (from 0, by start) of its order and stage in the plan.

    `line` and `start_at` None: as they are. A lot that is unpinned is free again.
    """

    order: str
    stage: int
    rank: int = 0
    line: str | None = None
    start_at: datetime | None = None
    pinned: bool = True


@dataclass(frozen=True, slots=True)
class Edit:
    """A proposal: lots dragged or pinned, orders that are not there yet. `tries` 0: nothing else changes its place.

    At most `tries` changes are tried, fewer where lines share something.
    """

    lots: tuple[LotEdit, ...] = ()
    orders: tuple[Order, ...] = ()
    tries: int = TRIES


def repair(problem: Problem, plan: Plan, edit: Edit) -> Plan:
    """`plan` with the edit, changed as little as may be; `moves` in its cost counts what moved beyond the edit.

    Raises NotFoundError for a lot the plan does not have, InputError for a line that cannot make it.
    """
    desk = desk_of(asked(problem, plan, edit))
    tries = min(edit.tries, TRIES_SHARED) if shares_anything(problem) else edit.tries
    if tries:
        heat = natural_heat(desk.shop)
        cold = replace(heat, start=heat.end)
        _, better = anneal(desk, Random("repair"), cold, lambda done, _cost, _state: done / tries)
        desk.load(better)
    return plan_of(desk, Log())


def asked(problem: Problem, plan: Plan, edit: Edit) -> Problem:
    """The problem the edit of a plan poses: the plan as edited is the previous one, what was dragged is pinned."""
    previous = list(plan.lots)
    for change in edit.lots:
        index = _index(plan, change)
        previous[index] = _edited(previous[index], change)
    return replace(problem, previous=tuple(previous), orders=problem.orders + edit.orders)


def promise(problem: Problem, plan: Plan, order: Order) -> PlannedOrder:
    """When an order that is not there yet could be done, in the best gap of `plan`; nothing is changed."""
    answer = repair(problem, plan, Edit(orders=(order,), tries=0))
    return next(row for row in answer.orders if row.code == order.code)


def desk_of(problem: Problem) -> Desk:
    """A desk with the problem's previous plan on it, what is new inserted where it costs least."""
    shop = compile_shop(problem)
    desk = Desk(shop, supply_of(shop))
    from_previous(desk)
    return desk


def planned_desk(problem: Problem, plan: Plan) -> Desk:
    """A desk with `plan` on it, to be looked at."""
    return desk_of(replace(problem, previous=plan.lots))


def _index(plan: Plan, change: LotEdit) -> int:
    ranked = [k for k, lot in enumerate(plan.lots) if (lot.order, lot.stage) == (change.order, change.stage)]
    ranked.sort(key=lambda k: (plan.lots[k].start_at, k))
    if change.rank >= len(ranked):
        raise NotFoundError(f"The plan has no lot {change.rank} of {change.order}/{change.stage}")
    return ranked[change.rank]


def _edited(lot: PlanLot, change: LotEdit) -> PlanLot:
    start = change.start_at or lot.start_at
    moved = start - lot.start_at
    line = change.line or lot.line
    return replace(lot, line=line, start_at=start, end_at=lot.end_at + moved, pinned=change.pinned)
