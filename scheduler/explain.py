"""Why an order of a plan ends when it does, and what would help: computed on the final plan, with its pegs."""

from __future__ import annotations

from dataclasses import replace

from mes.errors import NotFoundError
from scheduler.answer import planned_order
from scheduler.fixes import Effort, find_fixes
from scheduler.plan import Plan, PlannedOrder
from scheduler.problem import Problem
from scheduler.repair import planned_desk
from scheduler.trace import reasons

TRIES = 1500


def explain(problem: Problem, plan: Plan, order: str, *, tries: int = TRIES) -> PlannedOrder:
    """The order's row with its reasons (also when it is on time) and up to three fixes, found by solving again.

    `tries` is the search each fix is given; 0: no fixes are looked for. Raises NotFoundError for an unknown order.
    """
    codes = [each.code for each in problem.orders]
    if order not in codes:
        raise NotFoundError(f"The problem has no order {order}")
    desk = planned_desk(problem, plan)
    number = codes.index(order)
    row = replace(planned_order(desk, number), reasons=reasons(desk, number))
    if not tries:
        return row
    fixes = find_fixes(desk, plan.shortages, Effort(tries, 0, orders=(number,)))
    return replace(row, fixes=fixes.get(number, ()))
