"""The checker: sound plans pass, every kind of broken plan is caught by its rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from scheduler.check import check
from scheduler.plan import Plan, PlanLot
from scheduler.problem import Component, Crew, Delivery, Problem, Resource, Setup, Stock, UnderWay
from scheduler.solve import Params, solve
from tests.scheduler.problems import at, line, order, problem, product, stage

HOUR = timedelta(hours=1)


def plant() -> Problem:
    """Two stages on two lines with everything that can be broken."""
    two = product(
        "P",
        stage(10, 1, "L1 L2", max_lot=60, transfer_minutes=10, resources=("M",)),
        stage(20, 1, "L2", max_lot=60, uninterrupted=True),
        family="F0",
        bom=(Component("C", Decimal(1)),),
    )
    return problem(
        [line("L1", (0, 4), (5, 90), family_now="F1"), line("L2", (0, 4), (5, 90))],
        [two, product("Q", stage(10, 1, "L1"), family="F1")],
        [
            order("A", 120, 6, deliveries=(Delivery(60, at(3)),)),
            order("B", 60, 9, "Q", earliest_start_at=at(2)),
            order("C", 30, 9, "Q"),
        ],
        setups=(Setup(None, "F1", "F0", 15), Setup(None, "F0", "F1", 25)),
        stock=(Stock("C", Decimal(119)),),
        receipts=(),
        crews=(Crew("K", {"L1": 2, "L2": 2}, ((at(0), 4),)),),
        resources=(Resource("M", 2, 5, ((at(80), at(81)),)),),
        under_way=(UnderWay("C", 10, "L1", at(-1), 30, 10),),
    )


@pytest.fixture(scope="module")
def asked() -> Problem:
    """The plant, with enough of C."""
    return replace(plant(), stock=(Stock("C", Decimal(120)),))


@pytest.fixture(scope="module")
def plan(asked: Problem) -> Plan:
    """A sound plan of it."""
    found = solve(asked, Params(work=400))
    assert check(asked, found) == []
    assert {(lot.order, lot.stage) for lot in found.lots} == {("A", 10), ("A", 20), ("B", 10), ("C", 10)}
    return found


def lot_of(plan: Plan, order: str, stage: int, rank: int = 0) -> PlanLot:
    """The rank-th lot of an order and stage."""
    return [lot for lot in plan.lots if (lot.order, lot.stage) == (order, stage)][rank]


def changed(plan: Plan, order: str, stage: int, rank: int = 0, /, **change: object) -> Plan:
    """The plan with one lot changed."""
    old = lot_of(plan, order, stage, rank)
    return replace(plan, lots=tuple(replace(x, **change) if x is old else x for x in plan.lots))  # type: ignore[arg-type]


def shifted(plan: Plan, order: str, stage: int, by: timedelta, rank: int = 0) -> Plan:
    """The plan with one lot at another time."""
    old = lot_of(plan, order, stage, rank)
    return changed(plan, order, stage, rank, start_at=old.start_at + by, end_at=old.end_at + by)


Break = Callable[[Plan], Plan]


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (lambda p: changed(p, "B", 10, order="Z"), "known"),
        (lambda p: changed(p, "B", 10, stage=20), "known"),
        (lambda p: changed(p, "B", 10, line="L2"), "line"),
        (lambda p: changed(p, "B", 10, line=None), "line"),
        (lambda p: changed(p, "B", 10, qty=0), "shape"),
        (lambda p: changed(p, "B", 10, start_at=at(5) + timedelta(seconds=1)), "shape"),
        (lambda p: shifted(p, "C", 10, -HOUR), "now"),
        (lambda p: shifted(p, "B", 10, 2000 * HOUR), "horizon"),
        (lambda p: shifted(p, "B", 10, at(1) - lot_of(p, "B", 10).start_at), "earliest_start"),
        (lambda p: changed(p, "B", 10, end_at=lot_of(p, "B", 10).end_at + HOUR), "duration"),
        (lambda p: changed(p, "A", 20, start_at=at(3.5), end_at=at(5.5)), "uninterrupted"),
        (lambda p: shifted(p, "B", 10, lot_of(p, "C", 10).start_at - lot_of(p, "B", 10).start_at), "overlap"),
        (lambda p: changed(p, "B", 10, setup_minutes=lot_of(p, "B", 10).setup_minutes + 999), "setup"),
        (lambda p: changed(p, "A", 10, qty=50), "quantity"),
        (lambda p: changed(p, "A", 10, qty=70), "lot_size"),
        (lambda p: shifted(p, "A", 20, at(0) - lot_of(p, "A", 20).start_at), "precedence"),
        (lambda p: shifted(p, "C", 10, 30 * HOUR), "under_way"),
        (lambda p: replace(p, objective=replace(p.objective, setup=p.objective.setup + 10)), "objective"),
        (lambda p: replace(p, objective=replace(p.objective, total=p.objective.total + 10)), "objective"),
        (lambda p: replace(p, orders=p.orders[1:]), "orders"),
        (lambda p: replace(p, orders=(replace(p.orders[0], tardy_minutes=5), *p.orders[1:])), "orders"),
        (lambda p: replace(p, daily=p.daily[1:]), "daily"),
        (lambda p: replace(p, lots=p.lots[1:]), "quantity"),
    ],
)
def test_a_broken_plan_is_caught(asked: Problem, plan: Plan, broken: Break, rule: str) -> None:
    """A plan with one thing changed breaks the rule that thing is under."""
    assert rule in {violation.rule for violation in check(asked, broken(plan))}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"stock": (Stock("C", Decimal(119)),)}, "material"),
        ({"crews": (Crew("K", {"L1": 2, "L2": 2}, ((at(0), 3),)),)}, "crew"),
        ({"crews": (Crew("K", {"L1": 2, "L2": 2}, ()),)}, "crew"),
        ({"resources": (Resource("M", 0, 5),)}, "resource"),
        ({"resources": (Resource("M", 2, 5, ((at(0), at(90)),)),)}, "resource"),
        ({"setups": (Setup(None, "F1", "F1", 10),)}, "setup"),
        ({"frozen_until": at(300)}, "frozen"),
        ({"previous": (PlanLot("B", 10, "L1", at(50), at(51), 60, pinned=True),)}, "pinned"),
    ],
)
def test_a_plan_for_another_plant_is_caught(asked: Problem, plan: Plan, change: dict[str, object], rule: str) -> None:
    """A sound plan breaks the rule of what the plant no longer has."""
    other = replace(asked, **change)  # type: ignore[arg-type]
    assert rule in {violation.rule for violation in check(other, plan)}


def test_published_lots_keep_their_turn() -> None:
    """Two frozen lots that changed places are caught."""
    previous = (PlanLot("A", 10, "L1", at(0), at(1), 60), PlanLot("B", 10, "L1", at(1), at(2), 60))
    asked = problem(
        [line("L1")], [product()], [order("A", 60, 9), order("B", 60, 9)], previous=previous, frozen_until=at(3)
    )
    plan = solve(asked, Params(work=200))
    assert [lot.order for lot in plan.lots] == ["A", "B"]
    swapped = replace(plan, lots=tuple(replace(lot, order="B" if lot.order == "A" else "A") for lot in plan.lots))
    assert "frozen" in {violation.rule for violation in check(asked, swapped)}


def test_a_violation_reads_as_a_sentence(asked: Problem, plan: Plan) -> None:
    """A violation names rule, place and what is wrong."""
    found = check(asked, replace(plan, lots=plan.lots[1:]))
    assert str(found[0]).startswith(f"{found[0].rule}: {found[0].where}: ")
