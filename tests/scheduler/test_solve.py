"""The whole planner: every plan obeys the rules, small ones are best, the same question has the same answer."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scheduler.check import check
from scheduler.plan import Plan, write_plan
from scheduler.problem import Component, Problem, Product, Receipt, Stock, Substitute, write_problem
from scheduler.shop import compile_shop
from scheduler.solve import CHOOSING, ROUNDS, Params, Progress, solve
from tests.scheduler.bruteforce import best_cost
from tests.scheduler.problems import any_problem, at, changed, line, order, problem, product, stage, tiny_problem

ROOT = Path(__file__).parents[2]
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # shrinking a plant takes minutes


@settings(deadline=None, max_examples=12, phases=PHASES)
@given(st.randoms(use_true_random=False))
def test_every_plan_obeys_every_rule(random: Random) -> None:
    """Whatever a plant has, also once a plan is published, the checker finds nothing and reasons add up."""
    asked = any_problem(random)
    plan = solve(asked, Params(work=60))
    assert check(asked, plan) == []
    _reasons_add_up(asked, plan)
    after = changed(random, asked, plan)
    plan = solve(after, Params(work=60))
    assert check(after, plan) == []
    _reasons_add_up(after, plan)


def _reasons_add_up(asked: Problem, plan: Plan) -> None:
    for row in plan.orders:
        if row.reasons and row.completed_at is not None:
            minutes = sum(reason.minutes for reason in row.reasons if reason.cause != "overdue")
            assert minutes == (row.completed_at - asked.now).total_seconds() / 60


@settings(deadline=None, max_examples=30, phases=PHASES)
@given(st.integers(0, 1_000_000))
def test_small_plans_are_as_good_as_trying_everything(seed: int) -> None:
    """Whatever a tiny plant has, no sequence, no wait for a component and no line costs less than the planner's."""
    asked = tiny_problem(Random(seed))
    if len(compile_shop(asked).lots) > 3:
        return
    plan, best = solve(asked, Params(work=3000)), best_cost(asked)
    assert check(asked, plan) == []
    if any(lot.substitutes for lot in plan.lots):
        assert plan.objective.total <= best + 1e-6  # brute force makes no lot from two items
    else:
        assert plan.objective.total == pytest.approx(best)


def fingerprint(data: bytes) -> str:
    """A short name for bytes."""
    return hashlib.sha256(data).hexdigest()


def test_the_same_question_has_the_same_answer_everywhere(tmp_path: Path) -> None:
    """Seed and work decide the plan: neither hash seed nor the number of processes changes a byte."""
    asked = tmp_path / "problem.json"
    asked.write_bytes(write_problem(any_problem(Random(7))))
    program = (
        "import sys; from pathlib import Path; from scheduler.problem import read_problem;"
        "from scheduler.solve import Params, solve; from scheduler.plan import Plan, write_plan;"
        "problem = read_problem(Path(sys.argv[1]).read_bytes());"
        "plan = solve(problem, Params(work=30_000, seed=3, workers=int(sys.argv[2])));"
        "sys.stdout.buffer.write(write_plan(plan))"
    )
    answers = {
        fingerprint(
            subprocess.run(
                [sys.executable, "-c", program, str(asked), workers],
                env=os.environ | {"PYTHONHASHSEED": hash_seed},
                cwd=ROOT,
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
        )
        for hash_seed, workers in (("0", "1"), ("1", "2"), ("4711", "1"))
    }
    assert len(answers) == 1


def test_a_pass_may_change_its_rounds_after_the_first() -> None:
    """Both ways to spend a pass begin alike and are as long, so that the one may be left for the other."""
    assert ROUNDS[0] == CHOOSING[0]
    assert sum(each.share for each in ROUNDS) == sum(each.share for each in CHOOSING)


def test_another_seed_is_another_search() -> None:
    """The seed matters: the log tells which one it was."""
    assert solve(any_problem(Random(7)), Params(work=300, seed=5)).log.seed == 5


def test_progress_hears_falling_cost_and_publishable_plans() -> None:
    """Every plan told of obeys the rules, also while material is still taken as no matter."""
    asked = any_problem(Random(11))
    told: list[Progress] = []
    solve(asked, Params(time_limit_s=1.5), told.append)
    assert told
    assert all(check(asked, one.best()) == [] for one in (told[0], told[-1]))
    totals = [one.objective.total for one in told if one.phase == "search"]
    assert totals == sorted(totals, reverse=True)


def test_a_run_that_is_stopped_answers_with_what_it_has() -> None:
    """Stopping at the first word gives a plan that obeys the rules."""
    asked = any_problem(Random(3))
    plan = solve(asked, Params(time_limit_s=100), lambda _: True)
    assert check(asked, plan) == []


def test_nothing_to_do_is_an_empty_plan() -> None:
    """No orders, no lots, no cost; also no lines."""
    assert solve(problem([line("L1")], [product()], []), Params(work=100)).lots == ()
    assert solve(problem([], [], []), Params(work=100)).objective.total == 0


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (product("P", stage(10, lines="")), "no_line"),
        (product("P", stage(10, 10_000)), "horizon"),
        (product("P", stage(10, 600, uninterrupted=True)), "uninterrupted"),
        (product("P", bom=(Component("C", Decimal(1)),)), "material"),
    ],
)
def test_what_cannot_be_made_is_left_out_with_its_reason(made: Product, reason: str) -> None:
    """No order makes a problem infeasible: it is unplanned, the others are planned."""
    asked = problem([line("L1", (0, 5), (6, 9))], [made, product("Q")], [order("A", 3, 9), order("B", 3, 9, "Q")])
    plan = solve(asked, Params(work=200))
    assert [(row.order, row.qty, row.reason) for row in plan.unplanned] == [("A", 3, reason)]
    assert [lot.order for lot in plan.lots] == ["B"]
    assert check(asked, plan) == []


def test_an_order_that_starts_after_the_horizon_is_left_out() -> None:
    """Its reason is its earliest start."""
    asked = problem([line("L1")], [product()], [order("A", 3, 9, earliest_start_at=at(5000))])
    assert [row.reason for row in solve(asked, Params(work=100)).unplanned] == ["earliest_start"]


def test_scarce_components_go_where_they_matter_most() -> None:
    """Of two orders that want the last stock the heavier one gets it, whatever the dates of their starts."""
    short = Component("C", Decimal(1))
    asked = problem(
        [line("L1"), line("L2", (3, 900))],
        [product("P", stage(10, lines="L1"), bom=(short,)), product("Q", stage(10, lines="L2"), bom=(short,))],
        [order("light", 10, 1), order("heavy", 10, 4, "Q", weight=9)],
        stock=(Stock("C", Decimal(10)),),
        receipts=(Receipt("C", Decimal(10), at(48), "PO1"),),
    )
    plan = solve(asked, Params(work=500))
    assert {row.code: row.tardy_minutes for row in plan.orders} == {"light": 48 * 60 + 10 - 60, "heavy": 0}
    assert check(asked, plan) == []


def test_shortages_name_who_misses_what_until_when() -> None:
    """A component that comes too late is a shortage with its receipt; one that never comes has none."""
    bom = (Component("C", Decimal(2)), Component("B", Decimal(1)))
    asked = problem(
        [line("L1")],
        [product("P", stage(10, max_lot=10), bom=bom)],
        [order("A", 10, 1), order("B", 10, 1.5)],
        stock=(Stock("C", Decimal(25)), Stock("B", Decimal(15))),
        receipts=(Receipt("C", Decimal(100), at(10), "PO7"),),
    )
    plan = solve(asked, Params(work=500))
    rows = {row.item: row for row in plan.shortages}
    assert (rows["B"].qty, rows["B"].receipt, rows["B"].revision) == (5, None, "A")
    assert [row.reason for row in plan.unplanned] == ["material"]
    assert all(lot.wanted_at is not None for lot in plan.lots)
    covered = replace(asked, stock=(Stock("C", Decimal(25)), Stock("B", Decimal(50))))
    late = solve(covered, Params(work=500)).shortages
    assert [(row.item, row.qty, row.receipt and row.receipt.ref) for row in late] == [("C", 15, "PO7")]
    assert [(one.qty, one.added_minutes > 0) for one in late[0].orders] == [(15, True)]


def test_a_substitute_is_named_on_its_lot() -> None:
    """What a lot takes instead of its component is in the plan, so that it can be checked."""
    bom = (Component("C", Decimal(1), None, (Substitute("S", Decimal(2)),)),)
    asked = problem(
        [line("L1")],
        [product("P", bom=bom)],
        [order("A", 10, 1)],
        stock=(Stock("C", Decimal(4)), Stock("S", Decimal(30))),
    )
    plan = solve(asked, Params(work=100))
    assert [(u.item, u.used, u.qty) for u in plan.lots[0].substitutes] == [("C", "S", Decimal(12))]
    assert check(asked, plan) == []


def test_the_plan_is_written_the_same_twice() -> None:
    """Two runs in one process give the same bytes."""
    asked = any_problem(Random(21))
    assert write_plan(solve(asked, Params(work=400))) == write_plan(solve(asked, Params(work=400)))
