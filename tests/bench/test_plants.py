"""Plants made from seeds: always the same, and around hidden plans whose cost is proved."""

from __future__ import annotations

import pytest

from mes.bench.plants import plant, planted
from mes.bench.rivals import best_rule
from scheduler.problem import write_problem
from scheduler.shop import compile_shop
from scheduler.starts import Rule, dispatched
from scheduler.state import Desk, State


def test_the_same_seed_is_the_same_plant() -> None:
    """Another seed is another one."""
    assert write_problem(plant("sme", 7)) == write_problem(plant("sme", 7))
    assert write_problem(plant("sme", 7)) != write_problem(plant("sme", 8))


@pytest.mark.parametrize(("seed", "lots", "cost"), [(1, 78, 39_356), (2, 98, 121_888), (3, 97, 67_759)])
def test_plants_are_those_of_the_bars(seed: int, lots: int, cost: int) -> None:
    """Going by due date costs what it cost when the bars were set, and the best rule less."""
    shop = compile_shop(plant("sme", seed))
    [(_, by_due)] = dispatched(shop, shop.release, (Rule("edd"),))
    assert len(shop.lots) == lots
    assert Desk(shop).load(State(by_due)) == cost
    assert best_rule(shop)[0] < cost


@pytest.mark.parametrize(("seed", "optimum"), [(1, 1250), (2, 1250), (3, 1110)])
def test_a_hidden_plan_costs_what_is_proved(seed: int, optimum: int) -> None:
    """Covers are those that were proved when the bars were set."""
    problem, cost = planted("sme", seed)
    assert cost == optimum
    assert len(compile_shop(problem).lots) == len(problem.orders)
