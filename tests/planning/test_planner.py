"""The planner on a real database: what it reads, solves, keeps, publishes, and survives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from mes.actions.plan import publish, request_run, save_plan
from mes.actions.record import Deed
from mes.clock import Clock, mono, wall
from mes.domain.plan import ChangeOrder, MoveLot, PinLot, RunReason
from mes.store.house import save_clock
from mes.store.plan import load_run, published_id
from mes.store.planned import load_body, load_lots
from scheduler.child import Outcome
from tests.planning.small_plant import NOW, PLANNER, at, body, lot

TRACKER = Deed("takt", NOW)
WAIT_S = 60.0


def test_the_first_plan_is_published_by_itself(planner):
    """An assisted plant without a plan gets its first one published, with its jobs; there was nothing to disturb."""
    planner.site.order("1", "P1", 120, at(20))
    planner.site.order("2", "P2", 60, at(20))
    run = planner.replan()
    assert (run.state, run.result["published"]) == ("done", 1)
    assert sorted(planner.rows("select quantity from job")) == [(60,), (120,)]
    plan = load_body(planner.site.conn, run.plan_id)
    assert [order.late_minutes for order in plan.orders] == [0, 0]
    assert {row.shift for row in plan.lines} == {"D"}


def test_lines_planned_by_hand_wait_even_for_their_first_plan(planner):
    """Manual planning means that a person publishes."""
    planner.planning("manual")
    planner.site.order("1", "P1", 120, at(20))
    run = planner.replan()
    assert run.result["published"] is None
    assert {one["code"] for one in run.result["waits_for"]} == {"manual"}


def test_the_same_input_moves_nothing(planner):
    """Planned again without a cause, no lot moves."""
    for number in range(6):
        planner.site.order(str(number), f"P{number % 2 + 1}", 200, at(20, number // 2))
    planner.replan()
    again = planner.replan()
    assert again.result["summary"]["lots_moved"] == 0
    assert again.result["published"] == 2


def test_an_assisted_line_gets_a_proposal(planner):
    """A new order on assisted lines is proposed, and the newer proposal takes the older one's place."""
    planner.site.order("1", "P1", 120, at(20))
    planner.replan()
    planner.site.order("2", "P1", 120, at(20))
    first = planner.replan(reasons=[RunReason("order", "ERP1/2")])
    assert first.result["published"] is None
    assert {one["code"] for one in first.result["waits_for"]} == {"assisted"}
    planner.site.order("3", "P1", 120, at(20))
    planner.replan()
    assert planner.rows("select state from plan order by id") == [("published",), ("superseded",), ("proposed",)]


def test_an_automatic_line_publishes_inside_its_limits(planner):
    """A new order on automatic lines is published with the reasons it was asked for."""
    planner.planning("automatic")
    planner.site.order("1", "P1", 120, at(20))
    planner.replan()
    planner.site.order("2", "P1", 120, at(20))
    run = planner.replan(reasons=[RunReason("order", "ERP1/2")])
    assert run.result["published"] == 2
    ((event,),) = planner.rows("select body from outbox where type = 'mes.plan.published' and body ->> 'version' = '2'")
    assert [(reason["kind"], reason["subject"]) for reason in event["reasons"]] == [("order", "ERP1/2")]
    assert event["diff"]["lots_new"] >= 1


def test_a_shortage_is_planned_around(planner):
    """Orders that would be late either way keep no re-plan back; what can be made goes first, and when the lot wanted
    its components stays known."""
    planner.planning("automatic")
    planner.site.stock("CMP", 120)
    short = planner.site.order("1", "P1", 120, at(11))
    other = planner.site.order("2", "P2", 600, at(20))
    first = load_body(planner.site.conn, planner.replan().plan_id)
    planner.site.stock("CMP", 60, at(8.01))
    planner.site.receipt("PO", "CMP", 60, at(12, 1))
    run = planner.replan(reasons=[RunReason("shortage", "CMP")])
    assert run.result["published"] == 2
    assert run.result["breaks"] == []
    plan = load_body(planner.site.conn, run.plan_id)
    late = {order.order: order.late_minutes for order in plan.orders}
    assert late[short] > 0
    assert late[other] == 0
    lots = sorted((lot for lot in plan.lots if lot.order == short), key=lambda lot: lot.start_at)
    assert [lot.quantity for lot in lots] == [60, 60]
    assert lots[1].start_at >= at(12, 1)
    assert [lot.wanted_at for lot in lots] == [lot.start_at for lot in first.lots if lot.order == short] * 2
    assert [row["item"] for row in plan.shortages] == ["CMP"]
    assert any(reason.cause == "material" for reason in plan.reasons if reason.order == short)


def test_what_runs_goes_on_where_it_is(planner):
    """What is made is not planned again; the running job keeps its line and its quantity, and comes first there."""
    site, order = planner.site, planner.site.order("1", "P1", 120, at(20))
    planner.site.order("2", "P2", 60, at(11))
    planner.replan()
    ((job, line, order_id, quantity),) = planner.rows(
        "select j.id, line, order_id, j.quantity from job j join production_order o on o.id = order_id"
        " where o.number = '1'"
    )
    site.conn.execute(
        "insert into job_span (station, from_at, line, job_id, order_id, operation_seq, phase)"
        " values (%s, %s, %s, %s, %s, 20, 'production')",
        (f"{line}-S2", NOW, line, job, order_id),
    )
    site.conn.execute(
        "insert into shift_count (station, shift_day, shift, job_id, phase, line, order_id, operation_seq, good,"
        " reject, rework, scrap, entered, enters, leaves)"
        " values (%s, '2026-01-05', 'D', %s, 'production', %s, %s, 20, 30, 5, 0, 0, 35, false, true)",
        (f"{line}-S2", job, line, order_id),
    )
    save_clock(site.conn, Clock(at(8.59), wall(), 1))
    run = planner.replan()
    first = min((lot for lot in load_lots(site.conn, run.plan_id) if lot.line == line), key=lambda lot: lot.start_at)
    assert (first.order, first.start_at) == (order, at(8.6))
    lots = [lot for lot in load_lots(site.conn, run.plan_id) if lot.order == order]
    assert sum(lot.quantity for lot in lots) == 90
    assert run.result["summary"]["lots_moved"] == 0
    assert planner.rows("select quantity from job where id = %s", job) == [(quantity + 5,)]


def test_a_drag_keeps_when_components_are_wanted(planner):
    """Moving another lot does not make it look as if a starved one wanted its components later."""
    planner.site.stock("CMP", 60)
    planner.site.receipt("PO", "CMP", 60, at(12, 1))
    short, other = planner.site.order("1", "P1", 120, at(11)), planner.site.order("2", "P2", 60, at(20))
    base = planner.replan().plan_id
    dragged = next(lot for lot in load_lots(planner.site.conn, base) if lot.order == other)
    run = planner.plan(kind="edit", changes=[MoveLot(dragged.lot_no, start_at=at(15))])
    wanted = {lot.order: lot.wanted_at for lot in load_lots(planner.site.conn, run.plan_id)}
    assert wanted[short] < at(11)
    assert wanted[other] >= at(15)


def test_a_drag_is_a_proposal_with_its_verdict(planner):
    """A moved lot goes where it was put, the verdict says what that does, and the published plan stands."""
    planner.site.order("1", "P1", 120, at(20))
    planner.site.order("2", "P2", 60, at(20))
    base = planner.replan().plan_id
    dragged = load_lots(planner.site.conn, base)[0]
    other = {"L01": "L02", "L02": "L01"}[dragged.line]
    run = planner.plan(kind="edit", changes=[MoveLot(dragged.lot_no, line=other, start_at=at(15))])
    assert run.error is None
    (put,) = [one for one in load_lots(planner.site.conn, run.plan_id) if one.order == dragged.order]
    assert (put.line, put.pinned) == (other, True)
    assert put.start_at >= at(15)
    assert run.result["summary"]["lots_moved"] >= 1
    assert dragged.order in [one["order"] for one in run.result["pushed"]]
    assert published_id(planner.site.conn) == base


def test_a_drag_that_breaks_a_promise_says_so(planner):
    """Put so late that its order misses its date, the verdict names the order."""
    order = planner.site.order("1", "P1", 60, at(12))
    base = planner.replan().plan_id
    (dragged,) = load_lots(planner.site.conn, base)
    run = planner.plan(kind="edit", changes=[MoveLot(dragged.lot_no, start_at=at(18))])
    assert run.result["breaks"] == [order]


def test_an_impossible_drag_is_refused_with_its_reason(planner):
    """A lot cannot go to a line that does not make it, nor can one that is not there."""
    planner.site.order("1", "P1", 60, at(12))
    planner.replan()
    run = planner.plan(kind="edit", changes=[MoveLot(1, line="L09")])
    assert run.state == "failed"
    assert "/changes/0" in run.error
    assert planner.plan(kind="edit", changes=[PinLot(77)]).state == "failed"


@pytest.mark.parametrize(("stands", "from_minute", "to_minute"), [(40, 40, 50), (10, 0, 10)])
def test_a_line_with_a_long_fault_is_planned_around(planner, stands, from_minute, to_minute):
    """What has stood for forty minutes is taken to stand for forty more; a fault of ten minutes is no matter."""
    planner.site.order("1", "P1", 120, at(20))
    for code in ("L01", "L02"):
        planner.site.conn.execute(
            "insert into stop (scope, from_at, line, machine, root_machine, state, cause, stop_code, reason, reason_by,"
            " micro, job_id, shift) values (%s, %s, %s, '', '', 'fault', '', '', '', '', false, 0, 'D')",
            (code, NOW - timedelta(minutes=stands), code),
        )
    begins = min(lot.start_at for lot in load_lots(planner.site.conn, planner.replan().plan_id))
    assert NOW + timedelta(minutes=from_minute) <= begins <= NOW + timedelta(minutes=to_minute)


def test_what_nobody_can_make_is_told(planner):
    """An order without a released route is refused as a promise and unplanned in a plan."""
    planner.site.item("P9")
    run = planner.plan(kind="promise", changes=[ChangeOrder("?/1", item="P9", quantity=Decimal(60))])
    assert (run.state, "P9" in run.error) == ("failed", True)


def test_an_order_that_cannot_be_planned_says_why(planner):
    """Without a route, or with components that never come: its pieces are named as unplanned, with the cause."""
    planner.site.item("P9")
    planner.site.release("P9")
    lost = planner.site.order("1", "P9", 40, at(20))
    planner.site.conn.execute("delete from operation where item = 'P9'")
    planner.site.stock("CMP", 0)
    short = planner.site.order("2", "P1", 60, at(20))
    plan = load_body(planner.site.conn, planner.replan().plan_id)
    assert {one.order: one.unplanned_quantity for one in plan.orders} == {lost: 40, short: 60}
    assert {one.order: one.cause for one in plan.reasons if one.kind == "cause"} == {
        lost: "no_route",
        short: "material",
    }


def test_a_plan_is_made_for_finished_orders_too(planner):
    """With nothing left to make there is an empty plan that knows the orders it was made for."""
    assert planner.replan().result["published"] == 1


class Stand_in:
    """A solver that answers what a test wants it to."""

    def __init__(self, child, answer):
        self.child, self.change = child, answer

    def warm(self):
        self.child.warm()

    def work(self, task, look):
        return self.change(self.child.work(task, look))

    def close(self):
        """The real one goes on."""


def test_a_plan_that_breaks_a_rule_is_not_kept(planner, warm):
    """Whatever the solver says, the checker has the last word: the run fails with the reasons, nothing is saved."""
    planner.site.order("1", "P1", 120, at(20))

    def in_the_past(outcome):
        early = [replace(one, start_at=one.start_at - timedelta(days=1)) for one in outcome.plan.lots]
        return Outcome(replace(outcome.plan, lots=tuple(early)), complete=True)

    planner.desk.child = Stand_in(warm, in_the_past)
    run = planner.plan(kind="replan")
    assert run.state == "failed"
    assert "is not kept" in run.error
    assert planner.rows("select count(*) from plan") == [(0,)]


def test_a_solver_without_an_answer_fails_the_run(planner, warm):
    """No plan in time is an error with its reason."""
    planner.site.order("1", "P1", 120, at(20))
    planner.desk.child = Stand_in(warm, lambda _: Outcome(None, complete=False, error="It ended"))
    assert planner.plan(kind="replan").error.startswith("It ended")


def test_an_answer_on_gone_ground_is_asked_for_again(planner, warm):
    """When somebody publishes while an automatic run is worked on, it ends superseded and is asked for anew."""
    order = planner.site.order("1", "P1", 120, at(20))

    def meanwhile(outcome):
        saved = save_plan(planner.site.conn, PLANNER, body(lot(1, order, "L01", at(9), at(11), 120)))
        publish(planner.site.conn, PLANNER, saved, None)
        planner.site.conn.commit()
        return outcome

    planner.desk.child = Stand_in(warm, meanwhile)
    run = planner.replan(reasons=[RunReason("shortage", "CMP")])
    assert run.state == "superseded"
    ((again, reasons),) = planner.rows("select id, reasons from plan_run where state = 'waiting'")
    assert [reason["kind"] for reason in reasons] == ["shortage"]
    planner.desk.child = warm
    assert planner.desk.work_once()
    planner.site.conn.rollback()
    assert load_run(planner.site.conn, again).state == "done"


def test_a_run_that_fells_planners_is_given_up(planner):
    """After three tries a run is failed instead of felling planners for ever."""
    planner.site.order("1", "P1", 120, at(20))
    run_id = planner.ask(kind="replan")
    planner.site.conn.execute("update plan_run set tries = 3")
    planner.site.conn.commit()
    planner.desk.work_once()
    planner.site.conn.rollback()
    assert "fell 3 times" in load_run(planner.site.conn, run_id).error


# ---- the process
PROGRAM = """
import sys
from mes.settings import Settings
from scheduler.planner import main
main(Settings(database_url=sys.argv[1]))
"""


@pytest.fixture
def start(database_url):
    """Starts planner processes; what still runs at the end is stopped."""
    running = []

    def start():
        running.append(subprocess.Popen([sys.executable, "-c", PROGRAM, database_url]))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


def until(true, what):
    deadline = mono() + WAIT_S
    while not (found := true()):
        assert mono() < deadline, what
        threading.Event().wait(0.05)
    return found


def state_of(conn, run_id):
    conn.rollback()
    return load_run(conn, run_id).state


def children_of(pid):
    """The solvers of a planner."""
    try:
        found = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:  # a thread that ended meanwhile
        return []
    return [int(one) for text in found for one in text.split()]


def is_gone(pid):
    """Whether a process has ended, though its parent may not have heard of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_the_process_answers_and_drains(planner, start):
    """`mes plan serve` makes one plan of wishes that come together, answers an edit also after its solvers were
    killed, and ends by itself on SIGTERM."""
    planner.site.order("1", "P1", 120, at(20))
    causes = [RunReason("shortage", "CMP"), RunReason("line_down", "L01"), RunReason("drift", "L02")]
    first, *others = [planner.ask(TRACKER, kind="replan", automatic=True, reasons=[one]) for one in causes]
    assert others == [first, first]
    process = start()
    until(lambda: state_of(planner.site.conn, first) == "done", "the re-plan is answered")
    assert [one["kind"] for one in load_run(planner.site.conn, first).reasons] == ["shortage", "line_down", "drift"]
    solvers = until(lambda: children_of(process.pid), "it has solvers")
    for solver in solvers:
        os.kill(solver, signal.SIGKILL)
    until(lambda: all(is_gone(solver) for solver in solvers), "its solvers are gone")
    edit = planner.ask(kind="edit", changes=[PinLot(1)])
    until(lambda: state_of(planner.site.conn, edit) == "done", "the edit is answered")
    process.terminate()
    assert process.wait(WAIT_S) == 0


def test_a_desk_that_falls_ends_the_process(planner, start):
    """A schema the planner does not understand ends it, instead of leaving a process that does nothing."""
    planner.site.conn.execute("alter table plan_run rename to plan_run_of_tomorrow")
    planner.site.conn.commit()
    assert start().wait(WAIT_S) == 1


def test_a_killed_planner_leaves_the_published_plan(planner, start):
    """kill -9 while it plans, and another's in the middle of publishing: readers see the plan that was published,
    nothing half is left, and a third planner publishes the next version once."""
    conn = planner.site.conn
    planner.planning("automatic")
    planner.site.order("1", "P1", 120, at(20))
    published = planner.replan().plan_id
    for number in range(2, 12):
        planner.site.order(str(number), f"P{number % 2 + 1}", 100 + number, at(20, number % 4))
    run_id = request_run(conn, TRACKER, kind="replan", automatic=True, time_limit_s=30.0, not_before=NOW)
    conn.commit()
    killed(start(), until(lambda: load_progress(conn, run_id), "it plans"))
    assert standing(planner) == (published, [(1,)])
    conn.execute("update plan_run set time_limit_s = 0.3")
    conn.commit()
    conn.execute("lock table job in share mode")
    process = start()
    until(lambda: publishing(conn), "it publishes, up to the jobs")
    assert standing(planner) == (published, [(1,)])
    killed(process)
    conn.rollback()
    start()
    until(lambda: state_of(conn, run_id) == "done", "another planner answers")
    assert standing(planner) == (load_run(conn, run_id).plan_id, [(1,), (2,)])
    told = planner.rows("select body ->> 'version' from outbox where type = 'mes.plan.published' order by seq")
    assert told == [("1",), ("2",)]


def killed(process, *_):
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def publishing(conn):
    """Whether somebody waits to write jobs."""
    return conn.execute("select 1 from pg_locks where relation = 'job'::regclass and not granted").fetchone()


def standing(planner):
    """The published plan's id, and the versions there are."""
    return published_id(planner.site.conn), planner.rows("select version from plan order by id")


def load_progress(conn, run_id):
    conn.rollback()
    return load_run(conn, run_id).progress
