"""Lots cut where supply ends."""

from __future__ import annotations

from decimal import Decimal

import pytest

from scheduler.check import check
from scheduler.problem import Component, Problem, Receipt, Stock
from scheduler.shop import Shop, compile_shop
from scheduler.solve import Params, solve
from tests.scheduler.problems import at, line, order, problem, product, stage

BOM = (Component("C", Decimal(1)),)


def asked(stock: int, *receipts: tuple[int, float], least: int = 1, stages: int = 1) -> Problem:
    """One order of a hundred pieces, in one lot if supply allows."""
    route = [stage(10 * (k + 1), 1, "L1", min_lot=least) for k in range(stages)]
    return problem(
        [line("L1")],
        [product("P", *route, bom=BOM)],
        [order("A", 100, 24)],
        stock=(Stock("C", Decimal(stock)),),
        receipts=tuple(Receipt("C", Decimal(qty), at(hours), f"PO{k}") for k, (qty, hours) in enumerate(receipts)),
    )


def sizes(shop: Shop) -> list[list[int]]:
    """Lot sizes by stage of the one order."""
    return [[shop.lots[lot].qty for lot in lots] for lots in shop.stage_lots[0]]


def test_ample_supply_cuts_nothing() -> None:
    """An order with all its components stays whole."""
    assert sizes(compile_shop(asked(100))) == [[100]]


def test_lots_end_where_supply_does() -> None:
    """What is covered now, later and never are lots of their own, also at the stages after."""
    assert sizes(compile_shop(asked(40, (30, 9), stages=2))) == [[40, 30, 30], [40, 30, 30]]


def test_too_small_a_piece_is_not_cut_off() -> None:
    """A cut that would undercut min_lot is made sooner, so that what is missing keeps no more than min_lot back."""
    assert sizes(compile_shop(asked(95, least=10, stages=2))) == [[90, 10], [90, 10]]
    assert sizes(compile_shop(asked(5, least=10))) == [[100]]
    assert sizes(compile_shop(asked(15, least=60))) == [[100]]


@pytest.mark.parametrize(("least", "left_out"), [(1, 1), (30, 30)])
def test_one_missing_piece_leaves_out_no_more_than_it_must(least: int, left_out: int) -> None:
    """Of a hundred pieces with one component missing for good, one is left out, or the smallest lot there may be."""
    short = asked(99, least=least)
    plan = solve(short, Params(work=300))
    assert [(row.qty, row.reason, row.detail) for row in plan.unplanned] == [(left_out, "material", "C")]
    assert sum(lot.qty for lot in plan.lots) == 100 - left_out
    assert check(short, plan) == []


def test_only_what_has_no_components_is_left_out() -> None:
    """Of an order that is partly covered the covered pieces are planned."""
    short = asked(40, (30, 9))
    plan = solve(short, Params(work=300))
    assert [(row.qty, row.reason, row.detail) for row in plan.unplanned] == [(30, "material", "C")]
    assert [(lot.qty, lot.start_at) for lot in plan.lots] == [(40, at(0)), (30, at(9))]
    assert check(short, plan) == []
    assert [fix.kind for fix in plan.orders[0].fixes] == ["receipt_added"]
