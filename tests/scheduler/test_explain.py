"""Why orders are late, and what would help."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from mes.errors import NotFoundError
from scheduler.explain import explain
from scheduler.problem import Component, Problem, Receipt, Setup, Stock
from scheduler.solve import Params, solve
from tests.scheduler.problems import at, line, order, problem, product, stage


def causes(asked: Problem, code: str) -> dict[tuple[str, str], int]:
    """Minutes by (cause, detail) of an order in the best plan."""
    row = explain(asked, solve(asked, Params(work=300)), code, tries=0)
    return {(reason.cause, reason.detail): reason.minutes for reason in row.reasons}


def test_a_line_busy_with_others_and_changing_over() -> None:
    """The order that comes second names the first, the changeover and its own work."""
    asked = problem(
        [line("L1")],
        [product("P", family="F0"), product("Q", family="F1")],
        [order("A", 60, 1, weight=9), order("B", 30, 1, "Q")],
        setups=(Setup(None, "F0", "F1", 20),),
    )
    assert causes(asked, "B") == {("line_busy", "A"): 60, ("own_work", "10"): 30, ("changeover", "F0 > F1"): 20}


def test_a_late_component_names_its_receipt() -> None:
    """Waiting for material names component and receipt."""
    asked = problem(
        [line("L1")],
        [product("P", stage(10, min_lot=30), bom=(Component("C", Decimal(1)),))],
        [order("A", 30, 1)],
        stock=(Stock("C", Decimal(5)),),
        receipts=(Receipt("C", Decimal(99), at(5), "PO7"),),
    )
    assert causes(asked, "A") == {("material", "C PO7"): 300, ("own_work", "10"): 30}


def test_a_closed_line_says_why() -> None:
    """Closed time is told by the closure's word, else as closed."""
    closed = replace(line("L1", (2, 3), (5, 9)), closures=((at(3), at(5), "maintenance"),))
    asked = problem([closed], [product()], [order("A", 90, 1)])
    assert causes(asked, "A") == {("closed", "L1"): 120, ("maintenance", "L1"): 120, ("own_work", "10"): 90}


def test_stages_are_walked_back() -> None:
    """Work of every stage, transfers and outside time are part of the chain."""
    two = product("P", stage(10, lines="L1", transfer_minutes=15), stage(20, 2, "L2"))
    asked = problem([line("L1"), line("L2")], [two], [order("A", 30, 1)])
    assert causes(asked, "A") == {("own_work", "20"): 60, ("own_work", "10"): 30, ("transfer", ""): 15}


def test_an_order_due_before_now_was_late_already() -> None:
    """The minutes since its due date stand apart."""
    asked = problem([line("L1")], [product()], [order("A", 30, -2)])
    assert causes(asked, "A") == {("overdue", ""): 120, ("own_work", "10"): 30}


def day_shifts(code: str) -> object:
    """A line open eight hours a day for ten days."""
    return line(code, *((24 * day, 24 * day + 8) for day in range(10)))


def test_overtime_is_found_and_measured() -> None:
    """Two hours after the shift bring the order in time, and the fix says so."""
    asked = problem([day_shifts("L1")], [product()], [order("A", 300, 7, weight=9), order("B", 240, 10)])  # type: ignore[list-item]
    plan = solve(asked, Params(work=1000))
    late = {row.code: row for row in plan.orders}["B"]
    assert late.tardy_minutes == (24 + 1 - 10) * 60
    fix = late.fixes[0]
    assert (fix.kind, fix.target, fix.minutes, fix.tardy_minutes, fix.on_time_orders) == ("overtime", "L1", 120, 0, 1)
    assert (fix.from_at, fix.to_at) == (at(8), at(10))
    assert fix.total == -late.tardy_minutes


def test_an_earlier_receipt_is_found() -> None:
    """The receipt an order waits for, so many days earlier, with its effect."""
    asked = problem(
        [line("L1")],
        [product("P", bom=(Component("C", Decimal(1)),))],
        [order("A", 30, 30)],
        stock=(),
        receipts=(Receipt("C", Decimal(99), at(48), "PO7"),),
    )
    fixes = solve(asked, Params(work=1000)).orders[0].fixes
    assert [(fix.kind, fix.target, fix.minutes, fix.tardy_minutes) for fix in fixes] == [
        ("receipt_earlier", "PO7", 1440, 0)
    ]


def test_what_never_comes_would_help_if_it_came() -> None:
    """A missing component received when it is needed plans the pieces left out."""
    asked = problem([line("L1")], [product("P", bom=(Component("C", Decimal(1)),))], [order("A", 30, 30)])
    fixes = solve(asked, Params(work=1000)).orders[0].fixes
    assert [(fix.kind, fix.target, fix.short_qty, fix.on_time_orders) for fix in fixes] == [
        ("receipt_added", "C", 0, 1)
    ]


def test_a_lifted_closure_is_found() -> None:
    """Maintenance moved elsewhere is a fix."""
    closed = replace(line("L1", (2, 9)), closures=((at(0), at(2), "maintenance"),))
    asked = problem([closed], [product()], [order("A", 30, 1)])
    fixes = solve(asked, Params(work=1000)).orders[0].fixes
    assert [(fix.kind, fix.target, fix.minutes, fix.tardy_minutes) for fix in fixes] == [("reopen", "L1", 120, 0)]


def test_orders_on_time_have_reasons_only_when_asked() -> None:
    """A plan explains what is late; explain tells of any order, and refuses unknown ones."""
    asked = problem([line("L1")], [product()], [order("A", 30, 9)])
    plan = solve(asked, Params(work=100))
    assert plan.orders[0].reasons == ()
    assert explain(asked, plan, "A").reasons[0].cause == "own_work"
    with pytest.raises(NotFoundError):
        explain(asked, plan, "Z")
    assert plan.daily[0].day == date(2026, 1, 5)


def test_fixes_differ_in_kind_or_target() -> None:
    """Of several hours that might be worked on one line, the one that helps most is told."""
    asked = problem([line("L1", *((24 * day, 24 * day + 8) for day in range(9)))], [product()], [order("A", 2000, 30)])
    (row,) = solve(asked, Params(work=2000)).orders
    told = [(fix.kind, fix.target) for fix in row.fixes]
    assert ("overtime", "L1") in told
    assert len(set(told)) == len(told)
