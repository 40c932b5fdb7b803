"""Orders cut into lots, and which lot waits for which."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.lots import Flow, Lot, Splitter, pegs, split
from scheduler.plan import PlanLot
from scheduler.problem import Done, UnderWay
from tests.scheduler.problems import at, line, order, problem, product, stage


@given(st.integers(1, 500), st.integers(1, 200), st.integers(1, 40), st.none() | st.integers(1, 200))
def test_lots_keep_their_limits_and_make_enough(need: int, target: int, least: int, most: int | None) -> None:
    """Lots add up to the need, or barely more where the limits allow no exact split, and keep min and max."""
    most = None if most is None else max(most, least)
    sizes = split(need, target, least, most)
    assert sum(sizes) >= need
    assert sum(sizes) - need < max(least * len(sizes), 1)
    assert all(size <= (most or size) for size in sizes)
    assert all(size >= least for size in sizes) or sizes == [need]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("yield_rate", "first", "second"),
    [("1", 100, 100), ("0.9", 112, 100), ("0.95", 106, 100)],
)
def test_yield_runs_backwards(yield_rate: str, first: int, second: int) -> None:
    """A stage makes what the next one takes, divided by its yield, rounded up."""
    made = product("P", stage(10, lines="L1", yield_rate=Decimal(yield_rate)), stage(20, lines="L1"))
    flows = Splitter(problem([line("L1")], [made], [order("MO1", 100, 24)])).flows(0)
    assert [sum(lot.qty for lot in flow.lots) for flow in flows] == [first, second]


def test_pieces_done_need_not_be_made_again() -> None:
    """What is done at each stage, and what lies between stages, is taken off."""
    made = product("P", stage(10, lines="L1"), stage(20, lines="L1"))
    done = (Done(10, 70, 68), Done(20, 30))
    flows = Splitter(problem([line("L1")], [made], [order("MO1", 100, 24, done=done)])).flows(0)
    assert [sum(lot.qty for lot in flow.lots) for flow in flows] == [32, 70]


def test_work_under_way_is_one_lot_of_what_remains() -> None:
    """Called work keeps its line, with its remaining pieces; the rest of the order is free."""
    work = UnderWay("MO1", 10, "L1", at(-1), 60, 12)
    asked = problem([line("L1")], [product()], [order("MO1", 100, 24)], under_way=(work,))
    lots = Splitter(asked).flows(0)[0].lots
    assert [(lot.qty, lot.hold, lot.line) for lot in lots] == [(48, "under_way", "L1"), (40, "", None)]


def test_pieces_running_late_in_a_route_have_passed_the_stages_before() -> None:
    """Without a word on what was done, work under way at the last stage implies it."""
    made = product("P", stage(10, lines="L1"), stage(20, lines="L1"))
    work = UnderWay("MO1", 20, "L1", at(-1), 60, 12)
    asked = problem([line("L1")], [made], [order("MO1", 100, 24)], under_way=(work,))
    assert [sum(lot.qty for lot in flow.lots) for flow in Splitter(asked).flows(0)] == [40, 88]


def test_lots_of_the_previous_plan_keep_their_size() -> None:
    """A plan made again is cut as before, so that lots have counterparts."""
    previous = tuple(PlanLot("MO1", 10, "L1", at(k), at(k + 1), qty) for k, qty in enumerate((10, 70, 20)))
    asked = problem([line("L1")], [product()], [order("MO1", 100, 24)], previous=previous)
    assert [lot.qty for lot in Splitter(asked).flows(0)[0].lots] == [10, 70, 20]
    less = replace(asked, orders=(order("MO1", 85, 24),))
    assert [lot.qty for lot in Splitter(less).flows(0)[0].lots] == [65, 20]


def test_full_yield_pegs_piece_by_piece() -> None:
    """With full yield a lot waits only for the lots its pieces come from."""
    before = Flow(lots=[Lot(0, 0, 30), Lot(0, 0, 30), Lot(0, 0, 30)])
    after = Flow(lots=[Lot(0, 1, 45), Lot(0, 1, 45)])
    assert pegs(after, before) == [(0, 1), (1, 2)]


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=6),
    st.integers(1, 6),
    st.sampled_from(["1", "0.9", "0.5"]),
    st.data(),
)
def test_pegs_never_start_a_piece_before_it_is_good(
    sizes: list[int], count: int, yield_rate: str, data: st.DataObject
) -> None:
    """Whichever lots have ended, the lots whose pegs they satisfy take no more than the good pieces there are."""
    before = Flow(yield_rate=Fraction(yield_rate), lots=[Lot(0, 0, qty) for qty in sizes])
    need = before.good(sum(sizes))
    after = Flow(lots=[Lot(0, 1, qty) for qty in split(need, -(-need // count), 1, None)] if need else [])
    needed = pegs(after, before)
    ended = data.draw(st.sets(st.sampled_from(range(len(sizes)))))
    started = sum(lot.qty for lot, pegged in zip(after.lots, needed, strict=True) if ended.issuperset(pegged))
    assert started <= before.good(sum(sizes[k] for k in ended))
