"""Windows solved exactly."""

from __future__ import annotations

from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scheduler.problem import Setup
from scheduler.shared import shares_anything
from scheduler.shop import compile_shop
from scheduler.state import Desk, State
from scheduler.supply import supply_of
from scheduler.windows import choose, improve
from tests.scheduler.problems import any_problem, line, order, problem, product
from tests.scheduler.test_decode import start_of


def test_a_window_finds_the_best_order() -> None:
    """Six lots in the worst order for changeovers and dates come out in the best one."""
    asked = problem(
        [line("L1")],
        [product("P", family="F0"), product("Q", family="F1")],
        [order(f"A{k}", 60, 99, "PQ"[k % 2]) for k in range(5)] + [order("urgent", 60, 1)],
        setups=(Setup(None, "F0", "F1", 30), Setup(None, "F1", "F0", 30)),
    )
    desk = Desk(compile_shop(asked))
    assert desk.load(State([[0, 1, 2, 3, 4, 5]])) > 300
    assert improve(desk, {0: (0, 6)}, 1.0, 1)
    assert desk.board.costs.total == 300
    assert desk.board.sequences[0][0] in {0, 2, 4, 5}
    assert not improve(desk, {0: (0, 6)}, 1.0, 1)


@settings(deadline=None, max_examples=12, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.integers(0, 1_000_000))
def test_a_window_never_makes_a_plan_worse(seed: int) -> None:
    """Whatever the plant, a window is kept only if the exact times say that it costs less."""
    shop = compile_shop(any_problem(Random(seed), small=True))
    if shares_anything(shop.problem):
        return
    desk, random = Desk(shop, supply_of(shop)), Random(seed)
    cost = desk.load(start_of(shop))
    for number in range(3):
        window = choose(desk, random)
        if window is None:
            return
        found = improve(desk, window, 0.05, number)
        assert desk.board.costs.total < cost if found else desk.board.costs.total == cost
        cost = desk.board.costs.total
        assert Desk(shop, desk.supply).load(desk.state()) == cost
