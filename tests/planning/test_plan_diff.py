"""Two plans compared, and what may be published without asking."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from mes.domain.plan_diff import LinePolicy, diff, first_plan_obstacles, moved_lines, replan_obstacles
from tests.planning.small_plant import at, body, lot

ONE = lot(1, "ERP1/1", "L01", at(8), at(10))
TWO = lot(2, "ERP1/1", "L01", at(10), at(12))
OTHER = lot(3, "ERP1/2", "L01", at(14), at(16))
LATER = at(13)


def policies(planning="automatic", **more):
    settings = {"moved_max": 0.5, "newly_late_max": 0} | more
    return [LinePolicy(line, planning, **settings) for line in ("L01", "L02")]


def test_the_same_plan_is_no_change():
    """A plan against itself moves nothing."""
    change = diff(body(ONE, TWO, OTHER), body(ONE, TWO, OTHER))
    assert (change.compared, change.moves, change.orders, change.days) == (3, (), (), ())


def test_another_line_or_day_is_a_move():
    """A lot moves when it stands on another line or shift-day; an hour later on its line is none."""
    day_after = replace(OTHER, start_at=at(14, 1), end_at=at(16, 1), shift_day=OTHER.shift_day + timedelta(days=1))
    change = diff(body(ONE, TWO, OTHER), body(replace(ONE, line="L02"), replace(TWO, start_at=at(11)), day_after))
    assert [(move.order, move.from_line, move.to_line) for move in change.moves] == [
        ("ERP1/1", "L01", "L02"),
        ("ERP1/2", "L01", "L01"),
    ]
    assert moved_lines(change) == ("L01", "L02")


def test_finished_work_is_no_change():
    """Lots made between the two plans are neither gone nor do they shift the others' counterparts."""
    change = diff(body(ONE, TWO, OTHER), body(replace(TWO, quantity=25), OTHER, now=LATER))
    assert (change.compared, change.moves) == (2, ())


def test_a_begun_lot_may_go_on_the_next_day():
    """The rest of a lot that had begun is on its line and on another day without having been moved."""
    rest = replace(ONE, quantity=20, start_at=at(8, 1), end_at=at(9, 1), shift_day=at(8, 1).date())
    assert diff(body(ONE), body(rest, now=at(8, 1))).moves == ()


def test_new_and_gone_lots_are_told_apart():
    """A lot without a counterpart comes or goes; it did not move."""
    change = diff(body(ONE, OTHER), body(ONE, TWO))
    assert [(move.from_line, move.to_line) for move in change.moves] == [(None, "L01"), ("L01", None)]
    assert change.moved == 0
    assert change.summary()["lots_new"] == change.summary()["lots_gone"] == 1


def test_orders_that_become_late_are_named():
    """Newly late is who was in time before; who was late already is not."""
    before = body(ONE, OTHER, late={"ERP1/2": 10})
    after = body(ONE, OTHER, late={"ERP1/1": 5, "ERP1/2": 20})
    change = diff(before, after)
    assert change.newly_late == ("ERP1/1",)
    assert (change.before.late_minutes, change.after.late_minutes) == (10, 25)
    assert diff(after, before).newly_on_time == ("ERP1/1",)


def test_the_first_plan_waits_only_for_lines_planned_by_hand():
    """There is nothing a first plan could disturb."""
    assert first_plan_obstacles(body(ONE), policies("assisted")) == ()
    assert [o.code for o in first_plan_obstacles(body(ONE), policies("manual"))] == ["manual"]


def test_assisted_lines_leave_a_proposal():
    """A re-plan that touches a line whose planner wants to see it waits for them, another does not."""
    plan = body(replace(ONE, line="L02"))
    change = diff(body(ONE), plan)
    assert {o.code for o in replan_obstacles(plan, change, policies("assisted"), effect=change)} == {"assisted"}
    same = diff(body(ONE), body(ONE))
    assert replan_obstacles(body(ONE), same, policies("assisted"), effect=same) == ()


def test_automatic_lines_publish_inside_their_limits():
    """Too many lots moved, or an order made late, keeps a re-plan from being published by itself."""
    before = body(ONE, TWO, OTHER, replace(OTHER, lot_no=4, order="ERP1/3"))
    after = body(ONE, TWO, replace(OTHER, line="L02"), replace(OTHER, lot_no=4, order="ERP1/3"))
    change = diff(before, after)
    assert replan_obstacles(after, change, policies(moved_max=1.0), effect=change) == ()
    assert {(o.code, o.line) for o in replan_obstacles(after, change, policies(moved_max=0.2), effect=change)} == {
        ("moved", "L01"),
        ("moved", "L02"),
    }
    late = replace(after, orders=(replace(after.orders[0], late_minutes=10), *after.orders[1:]))
    worse = diff(before, late)
    obstacles = replan_obstacles(late, worse, policies(moved_max=1.0), effect=worse)
    assert [(o.code, o.line) for o in obstacles] == [("newly_late", "L01")]
    assert replan_obstacles(late, worse, policies(moved_max=1.0, newly_late_max=1), effect=worse) == ()


def test_what_cannot_stay_where_it_is_is_not_counted():
    """A lot that goes where it would end up anyway keeps no re-plan back, however many they are, however soon."""
    after = body(replace(ONE, line="L02"), TWO, now=at(8))
    change = diff(body(ONE, TWO), after)
    strict = policies(moved_max=0.0, every=timedelta(hours=2))
    assert replan_obstacles(after, change, strict, effect=diff(after, after), disturbed_at={"L01": at(7)}) == ()
    codes = {o.code for o in replan_obstacles(after, change, strict, effect=change, disturbed_at={"L01": at(7)})}
    assert codes == {"moved", "recent"}


def test_a_line_is_not_moved_again_and_again():
    """Within the span between two automatic publications a line's lots are not moved by themselves."""
    plan = body(replace(ONE, line="L02"), now=at(8))
    change = diff(body(ONE), plan)
    often = policies(moved_max=1.0, every=timedelta(hours=2))
    assert replan_obstacles(plan, change, often, effect=change, disturbed_at={"L01": at(5)}) == ()
    assert [o.code for o in replan_obstacles(plan, change, often, effect=change, disturbed_at={"L01": at(7)})] == [
        "recent"
    ]
