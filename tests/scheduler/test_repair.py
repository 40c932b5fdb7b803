"""Small changes of a plan at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mes.errors import InputError, NotFoundError
from scheduler.check import check
from scheduler.plan import Plan
from scheduler.problem import Problem, Weights
from scheduler.repair import Edit, LotEdit, asked, promise, repair
from scheduler.solve import Params, solve
from tests.scheduler.problems import any_problem, at, line, order, problem, product, stage


def plant() -> Problem:
    """Two lines, four orders of one hour, no changeovers."""
    return problem(
        [line("L1"), line("L2")],
        [product("P", stage(10, 1, "L1 L2"))],
        [order(code, 60, 1 + k) for k, code in enumerate("ABCD")],
        weights=Weights(),
    )


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The plan everything is dragged in."""
    return solve(plant(), Params(work=500))


def place(plan: Plan, code: str) -> tuple[str | None, float]:
    """Line and start hour of an order's lot."""
    lot = next(lot for lot in plan.lots if lot.order == code)
    return lot.line, (lot.start_at - at(0)) / timedelta(hours=1)


def test_a_dragged_lot_goes_where_it_was_put(plan: Plan) -> None:
    """The lot keeps its new line and start; what was there slides."""
    first = next(lot.order for lot in plan.lots if place(plan, lot.order) == ("L1", 0))
    last = next(lot.order for lot in plan.lots if place(plan, lot.order) == ("L2", 1))
    edit = Edit((LotEdit(last, 10, line="L1", start_at=at(0)),), tries=0)
    after = repair(plant(), plan, edit)
    assert place(after, last) == ("L1", 0)
    assert place(after, first) == ("L1", 1)
    assert check(asked(plant(), plan, edit), after) == []


def test_a_lot_put_later_leaves_room_for_others(plan: Plan) -> None:
    """A lot anchored later holds its time; those behind it move up where they can."""
    first = next(lot.order for lot in plan.lots if place(plan, lot.order) == ("L1", 0))
    after = repair(plant(), plan, Edit((LotEdit(first, 10, start_at=at(5)),)))
    assert place(after, first) == ("L1", 5)
    assert all(place(after, code)[1] < 2 for code in "ABCD" if code != first)


def test_an_order_that_is_not_there_yet_gets_a_date_and_moves_nobody(plan: Plan) -> None:
    """A promise is the end in the best gap; the plan stays as it is."""
    told = promise(plant(), plan, order("NEW", 60, 48))
    assert told.completed_at == at(3)
    assert told.tardy_minutes == 0


def test_an_urgent_order_goes_first(plan: Plan) -> None:
    """Where it matters more than what it delays, a tentative order is put before others."""
    told = promise(plant(), plan, order("NEW", 60, 1, weight=9))
    assert told.completed_at == at(1)


def test_what_is_not_there_cannot_be_dragged(plan: Plan) -> None:
    """An unknown lot and a line that cannot make it are refused."""
    with pytest.raises(NotFoundError):
        repair(plant(), plan, Edit((LotEdit("A", 10, 7),)))
    with pytest.raises(InputError):
        repair(plant(), plan, Edit((LotEdit("A", 10, line="L9"),)))


@settings(deadline=None, max_examples=15, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.integers(0, 1_000_000))
def test_any_edit_of_any_plan_obeys_the_rules(seed: int) -> None:
    """Whatever is dragged wherever it can be made, the repaired plan passes the checker."""
    random = Random(seed)
    given_problem = any_problem(random)
    before = solve(given_problem, Params(work=60))
    lots = [lot for lot in before.lots if lot.line is not None]
    if not lots:
        return
    lot = random.choice(lots)
    rank = [each for each in before.lots if (each.order, each.stage) == (lot.order, lot.stage)].index(lot)
    start = max(given_problem.now, lot.start_at + timedelta(hours=random.randint(-20, 20)))
    edit = Edit((LotEdit(lot.order, lot.stage, rank, lot.line, start),), tries=64)
    posed = asked(given_problem, before, edit)
    assert check(posed, repair(given_problem, before, edit)) == []


def test_the_same_question_moves_nothing() -> None:
    """A plan made again from the same problem and itself as previous plan keeps every lot."""
    first = solve(plant(), Params(work=500))
    again = solve(replace(plant(), previous=first.lots), Params(work=500))
    assert again.objective.moves == 0
    assert [(lot.order, lot.line) for lot in again.lots] == [(lot.order, lot.line) for lot in first.lots]
