"""Lots put where they cost least, and the previous plan as a start."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from scheduler.insert import from_previous, insert_best
from scheduler.problem import Setup, Weights
from scheduler.shop import FAR, compile_shop
from scheduler.solve import Params, solve
from scheduler.state import Desk, State
from scheduler.supply import supply_of
from tests.scheduler.problems import any_problem, line, order, problem, product, stage


def test_a_lot_goes_beside_its_family() -> None:
    """A lot without urgency stands where it needs no changeover."""
    asked = problem(
        [line("L1")],
        [product("P", family="F0"), product("Q", family="F1")],
        [order("A", 60, 99), order("B", 60, 99, "Q"), order("new", 60, 99)],
        setups=(Setup(None, "F0", "F1", 30), Setup(None, "F1", "F0", 30)),
    )
    desk = Desk(compile_shop(asked))
    desk.load(State([[0, 1]]))
    insert_best(desk, [2])
    assert desk.board.sequences[0].index(2) < 2


def test_a_gap_is_filled_before_anybody_is_pushed() -> None:
    """Where it costs nothing either way, the place that delays least is taken."""
    asked = problem(
        [line("L1")],
        [product()],
        [order("A", 60, 99), order("B", 60, 99, earliest_start_at=line("L1", (5, 6)).open[0][0]), order("new", 60, 99)],
    )
    desk = Desk(compile_shop(asked))
    desk.load(State([[0, 1]]))
    insert_best(desk, [2])
    assert desk.board.sequences[0] == [0, 2, 1]


def test_long_lines_are_searched_around_the_best_sample() -> None:
    """The best of a hundred places is found although not all are tried."""
    orders = [order(f"MO{k:03}", 60, k + 1) for k in range(100)]
    asked = problem([line("L1")], [product()], [*orders, order("new", 60, 43, weight=9)])
    desk = Desk(compile_shop(asked))
    desk.load(State([list(range(100))]))
    insert_best(desk, [100])
    assert desk.board.sequences[0].index(100) == 42
    assert desk.board.costs.total == 60 * 58


def test_the_previous_plan_is_a_start() -> None:
    """A plan handed back comes out as it was, every lot in its place."""
    for seed in range(6):
        asked = any_problem(Random(seed))
        plan = solve(asked, Params(work=100))
        shop = compile_shop(replace(asked, previous=plan.lots))
        desk = Desk(shop, supply_of(shop))
        from_previous(desk)
        planned = sum(end != FAR for end in desk.board.end)
        assert planned >= len(plan.lots) * 0.9


def test_new_orders_enter_the_previous_plan() -> None:
    """Lots without a counterpart are inserted; those with one stay on line and day."""
    asked = problem(
        [line("L1"), line("L2")],
        [product("P", stage(10, 1, "L1 L2"))],
        [order(code, 60, 9) for code in "ABCD"],
        weights=Weights(),
    )
    plan = solve(asked, Params(work=200))
    more = replace(asked, orders=(*asked.orders, order("E", 60, 2)), previous=plan.lots)
    again = solve(more, Params(work=400))
    assert again.objective.moves == 0
    assert {row.code: row.tardy_minutes for row in again.orders}["E"] == 0
