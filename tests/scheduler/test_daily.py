"""Lots into day rows."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.daily import daily
from scheduler.plan import PlanLot
from scheduler.problem import Problem
from scheduler.solve import Params, solve
from tests.scheduler.problems import DAY, NOW, any_problem, at, line, order, problem, product


def rows(asked: Problem, *lots: PlanLot) -> list[tuple[int, str | None, int, str, int]]:
    """(days after now's, shift, sequence, order, qty) of the day rows."""
    return [((row.day - NOW.date()).days, row.shift, row.sequence, row.order, row.qty) for row in daily(asked, lots)]


def asked(*spans: tuple[float, float]) -> Problem:
    """One line, two orders."""
    return problem([line("L1", *spans)], [product()], [order("A", 100, 9), order("B", 100, 9)])


def test_a_lot_over_midnight_is_two_rows() -> None:
    """Without shifts a lot is cut at UTC's midnight; parts are rounded on the running sum."""
    lot = PlanLot("A", 10, "L1", at(15), at(18), 100)
    assert rows(asked((0, 100)), lot) == [(0, None, 1, "A", 33), (1, None, 1, "A", 67)]


def test_closed_time_makes_nothing() -> None:
    """Pieces fall to a shift by its open minutes, not by the clock."""
    lot = PlanLot("A", 10, "L1", at(6), at(25), 60)
    assert rows(asked((0, 8), (24, 32)), lot) == [(0, None, 1, "A", 40), (1, None, 1, "A", 20)]


def test_neighbours_of_one_order_are_one_row() -> None:
    """Lots of an order after one another are one row of the shift; sequence counts rows."""
    lots = [
        PlanLot("A", 10, "L1", at(0), at(1), 60),
        PlanLot("A", 10, "L1", at(1), at(1.5), 30),
        PlanLot("B", 10, "L1", at(2), at(3), 60),
    ]
    assert rows(asked((0, 100)), *lots) == [(0, None, 1, "A", 90), (0, None, 2, "B", 60)]


def test_shifts_name_the_day() -> None:
    """A night shift's pieces after midnight belong to the day the shift began."""
    made = asked((0, 100))
    night = ("N", NOW.date(), at(12), at(24))
    day = ("D", (NOW + DAY).date(), at(24), at(36))
    shifts = replace(made, lines=(replace(made.lines[0], shifts=(night, day)),))
    lot = PlanLot("A", 10, "L1", at(13), at(25), 720)
    assert rows(shifts, lot) == [(0, "N", 1, "A", 660), (1, "D", 1, "A", 60)]


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1_000_000))
def test_day_rows_add_up_to_the_lots(seed: int) -> None:
    """Whatever the calendar, no piece is lost or made twice."""
    problem = any_problem(Random(seed))
    plan = solve(problem, Params(work=40))
    made: dict[tuple[str | None, str, int], int] = {}
    for lot in plan.lots:
        key = lot.line, lot.order, lot.stage
        made[key] = made.get(key, 0) + lot.qty * (lot.line is not None)
    for row in plan.daily:
        made[row.line, row.order, row.stage] -= row.qty
    assert set(made.values()) <= {0}
    assert all(row.qty > 0 for row in plan.daily)
