"""Two plans compared."""

from __future__ import annotations

from dataclasses import replace

from scheduler.diff import diff, shown
from scheduler.solve import Params, solve
from tests.scheduler.problems import at, line, order, problem, product, stage


def asked(due: float = 9) -> object:
    """Two orders that either line can make."""
    return problem(
        [line("L1"), line("L2")], [product("P", stage(10, 1, "L1 L2"))], [order("A", 60, due), order("B", 60, 9)]
    )


def test_a_plan_does_not_differ_from_itself() -> None:
    """Nothing is listed, figures are equal."""
    plan = solve(asked(), Params(work=100))  # type: ignore[arg-type]
    found = diff(plan, plan)
    assert (found.lots, found.orders, found.lines, found.days) == ((), (), (), ())
    assert all(before == after for before, after in found.figures.values())
    assert shown(found) == ""


def test_what_moved_is_listed_by_lot_order_line_and_day() -> None:
    """A lot on another line and day changes its order, both lines and both days."""
    plan = solve(asked(), Params(work=100))  # type: ignore[arg-type]
    lot = next(lot for lot in plan.lots if lot.order == "A")
    other = "L2" if lot.line == "L1" else "L1"
    moved = replace(lot, line=other, start_at=at(20), end_at=at(21))
    lots = tuple(moved if each is lot else each for each in plan.lots)
    late = tuple(
        replace(row, completed_at=at(21), tardy_minutes=720) if row.code == "A" else row for row in plan.orders
    )
    rows = tuple(replace(row, line=other, day=at(20).date()) if row.order == "A" else row for row in plan.daily)
    after = replace(plan, lots=lots, orders=late, daily=rows)
    found = diff(plan, after)
    assert [(c.order, c.kind) for c in found.lots] == [("A", "line")]
    assert [(c.order, c.tardy_before, c.tardy_after) for c in found.orders] == [("A", 0, 720)]
    assert {(c.line, c.busy_after - c.busy_before) for c in found.lines} == {(lot.line, -60), (other, 60)}
    assert {(c.line, c.after - c.before) for c in found.days} == {(lot.line, -60), (other, 60)}
    assert found.figures["late"] == (0, 1)
    assert shown(found).splitlines()[:2] == ["on_time: 2 -> 1", "late: 0 -> 1"]


def test_lots_that_come_and_go_are_told() -> None:
    """A lot only one plan has is new or gone."""
    plan = solve(asked(), Params(work=100))  # type: ignore[arg-type]
    less = replace(plan, lots=plan.lots[1:])
    assert [change.kind for change in diff(plan, less).lots] == ["gone"]
    assert [change.kind for change in diff(less, plan).lots] == ["new"]
