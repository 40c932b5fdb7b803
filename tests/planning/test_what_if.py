"""What-ifs: promises, scenarios and what publishing one does, on a real database."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mes.actions import plant as plants
from mes.actions.plan import publish
from mes.domain.calendar import open_intervals
from mes.domain.plan import ChangeCalendar, ChangeOrder, MoveLot
from mes.domain.plan_diff import diff
from mes.errors import ConflictError
from mes.store.plan import published_id
from mes.store.planned import load_body, load_lots
from tests.planning.small_plant import NOW, PLANNER, at


def test_a_promise_changes_nothing(planner):
    """Asked when an order could be, the answer is a date; nothing is kept but the answer."""
    planner.site.order("1", "P1", 660, at(20))
    planner.replan()
    before = planner.rows("select count(*) from plan")
    run = planner.plan(kind="promise", changes=[ChangeOrder("?/1", item="P2", quantity=Decimal(60))])
    (promise,) = run.result["promises"]
    assert run.error is None
    assert NOW.isoformat() < promise["completed_at"] <= at(20).isoformat()
    assert run.plan_id is None
    assert planner.rows("select count(*) from plan") == before


def test_a_scenario_keeps_the_lots_of_its_new_order(planner):
    """A what-if with an order nobody has placed yet has its date, and its lots in the plan and in what changes."""
    planner.site.order("1", "P1", 660, at(20))
    base = planner.replan().plan_id
    run = planner.plan(kind="scenario", changes=[ChangeOrder("?/1", item="P2", quantity=Decimal(60), due_at=at(20))])
    assert run.error is None
    assert [promise["order"] for promise in run.result["promises"]] == ["?/1"]
    plan = load_body(planner.site.conn, run.plan_id)
    assert [(one.order, one.item, one.quantity) for one in plan.tentative] == [("?/1", "P2", Decimal(60))]
    assert sum(lot.quantity for lot in plan.lots if lot.order == "?/1") == 60
    assert {row.order for row in plan.lines} == {"ERP1/1", "?/1"}
    change = diff(load_body(planner.site.conn, base), plan)
    assert [(move.order, move.from_line) for move in change.moves if move.order == "?/1"] == [("?/1", None)]
    assert [one.completed_before for one in change.orders if one.order == "?/1"] == [None]


def test_what_nobody_ordered_is_not_published(planner):
    """A plan with a tentative order names it and says that it has to be placed first; without a date it is not late."""
    planner.site.order("1", "P1", 660, at(20))
    base = planner.replan().plan_id
    run = planner.plan(kind="scenario", changes=[ChangeOrder("?/1", item="P2", quantity=Decimal(60))])
    plan = load_body(planner.site.conn, run.plan_id)
    assert [one.late_minutes for one in plan.orders if one.order == "?/1"] == [0]
    with pytest.raises(ConflictError, match=r"Order \?/1 of this plan is not placed yet"):
        publish(planner.site.conn, PLANNER, run.plan_id, base)
    assert published_id(planner.site.conn) == base


def evening(line: str, *, is_open: bool = True) -> ChangeCalendar:
    """Two hours after Monday's shift."""
    return ChangeCalendar(line, is_open, at(20), at(22), "overtime")


def opened(planner, line):
    """When a line works on Monday evening, by the plant model in force."""
    plant = plants.plant_at(planner.site.conn, NOW)
    return open_intervals(plant, line, at(19), at(30))


def test_published_overtime_is_known_to_the_next_plan(planner):
    """The plan and its hours are published in one go: planned again nothing moves; the contrary takes them back."""
    for number in range(4):
        planner.site.order(str(number), f"P{number % 2 + 1}", 420, at(22))
    base = planner.replan().plan_id
    run = planner.plan(kind="scenario", changes=[evening("L01"), evening("L02")])
    assert any(lot.end_at > at(20) and lot.start_at < at(22) for lot in load_lots(planner.site.conn, run.plan_id))
    assert opened(planner, "L01") == [(at(19), at(20))]
    publish(planner.site.conn, PLANNER, run.plan_id, base)
    planner.site.conn.commit()
    assert opened(planner, "L01") == opened(planner, "L02") == [(at(19), at(22))]
    ((by, why),) = planner.rows("select actor, action from audit where action = 'plant.apply' order by id desc limit 1")
    assert (by, why) == (PLANNER.by, "plant.apply")
    assert planner.replan().result["summary"]["lots_moved"] == 0
    back = planner.plan(kind="scenario", changes=[evening("L01", is_open=False)])
    publish(planner.site.conn, PLANNER, back.plan_id, published_id(planner.site.conn))
    assert opened(planner, "L01") == [(at(19), at(20))]


def test_a_drag_on_a_scenario_keeps_what_it_supposes(planner):
    """A lot moved in a plan with overtime stays in the overtime, and publishing that plan keeps it."""
    order = planner.site.order("1", "P1", 60, at(22))
    base = planner.replan().plan_id
    tried = planner.plan(kind="scenario", changes=[evening("L01")]).plan_id
    (put,) = load_lots(planner.site.conn, tried)
    edit = planner.plan(kind="edit", base_plan_id=tried, changes=[MoveLot(put.lot_no, "L01", at(20.5))])
    assert [(lot.order, lot.line, lot.start_at) for lot in load_lots(planner.site.conn, edit.plan_id)] == [
        (order, "L01", at(20.5))
    ]
    publish(planner.site.conn, PLANNER, edit.plan_id, base)
    assert opened(planner, "L01") == [(at(19), at(22))]


def test_an_order_is_not_tried_twice(planner):
    """A what-if order with the name of one that is there is refused in a sentence."""
    planner.site.order("1", "P1", 660, at(20))
    planner.replan()
    run = planner.plan(kind="scenario", changes=[ChangeOrder("ERP1/1", item="P2", quantity=Decimal(60))])
    assert "ERP1/1 is placed already" in run.error
