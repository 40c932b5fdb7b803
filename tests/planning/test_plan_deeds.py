"""Asking for plans, keeping, publishing and dispatching them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from mes.actions.plan import (
    PlanOvertakenError,
    discard,
    dispatch,
    publish,
    request_run,
    save_plan,
    withdraw_request,
)
from mes.actions.record import Deed
from mes.clock import Clock, wall
from mes.domain.plan import ChangeReceipt, MoveLot, RunReason
from mes.errors import ConflictError, InputError, NotFoundError
from mes.store.house import save_clock
from mes.store.plan import claim_run, finish_run, load_run, renew_run
from mes.store.planned import load_body, orders_off_plan
from tests.planning.small_plant import NOW, PLANNER, at, body, line, lot, plant_of

TRACKER = Deed("takt", NOW)


def rows(conn, sql, *args):
    return conn.execute(sql, args).fetchall()


def test_automatic_wishes_become_one_run(site):
    """Ten messages in a row make one plan: a wish while another waits adds its reasons and changes to it."""
    first = request_run(site.conn, TRACKER, kind="replan", automatic=True, reasons=[RunReason("order", "ERP1/1")])
    again = request_run(
        site.conn,
        TRACKER,
        kind="replan",
        automatic=True,
        reasons=[RunReason("order", "ERP1/1"), RunReason("shortage", "CMP")],
        changes=[ChangeReceipt("ERP1/PO/1", "CMP", None, at(9))],
    )
    assert again == first
    run = load_run(site.conn, first)
    assert [(reason["kind"], reason["subject"]) for reason in run.reasons] == [("order", "ERP1/1"), ("shortage", "CMP")]
    assert [change["op"] for change in run.changes] == ["receipt"]


def test_an_automatic_wish_waits_in_machine_time(site):
    """The debounce is seconds of the machine, however fast plant time runs."""
    save_clock(site.conn, Clock(NOW, wall(), speed=60))
    run = load_run(site.conn, request_run(site.conn, TRACKER, kind="replan", automatic=True))
    assert run.not_before == NOW + timedelta(seconds=120)


def test_a_first_plan_waits_until_nothing_joins_it(site):
    """While orders still come in the wish waits on, but not for ever."""
    for seconds in (0, 1, 2, 3, 30):
        deed = Deed("takt", NOW + timedelta(seconds=seconds))
        request_run(site.conn, deed, kind="replan", automatic=True, settling=True)
        ((waits,),) = rows(site.conn, "select not_before from plan_run")
        assert waits == NOW + timedelta(seconds=min(seconds + 2, 20))


def test_a_wish_taken_back_is_not_worked_on(site):
    """When the cause is gone before the run began, nothing is planned."""
    request_run(site.conn, TRACKER, kind="replan", automatic=True, not_before=NOW)
    assert withdraw_request(site.conn, TRACKER)
    assert claim_run(site.conn, "p1", kinds=["replan"], plant_now=at(20)) is None
    assert not withdraw_request(site.conn, TRACKER)


def test_interactive_runs_go_first(site):
    """An edit overtakes re-plans that were asked for before it, a person's re-plan an automatic one."""
    plan_id = save_plan(site.conn, PLANNER, body())
    automatic = request_run(site.conn, TRACKER, kind="replan", automatic=True, not_before=NOW)
    asked = request_run(site.conn, PLANNER, kind="replan")
    edit = request_run(site.conn, PLANNER, kind="edit", base_plan_id=plan_id, changes=[MoveLot(1, "L02")])
    claimed = [claim_run(site.conn, "p1", kinds=["edit", "replan"], plant_now=NOW).id for _ in range(3)]
    assert claimed == [edit, asked, automatic]


def test_a_run_not_yet_due_is_left(site):
    """A run is not begun before its time in plant time."""
    request_run(site.conn, PLANNER, kind="replan", not_before=at(9))
    assert claim_run(site.conn, "p1", kinds=["replan"], plant_now=at(8.9)) is None
    assert claim_run(site.conn, "p1", kinds=["replan"], plant_now=at(9)) is not None


def test_a_silent_planners_run_is_taken_over(site):
    """A run whose lease ran out is claimed by another planner, and the first one may no longer end it."""
    run_id = request_run(site.conn, PLANNER, kind="replan")
    claim_run(site.conn, "p1", kinds=["replan"], plant_now=NOW)
    assert claim_run(site.conn, "p2", kinds=["replan"], plant_now=NOW) is None
    site.conn.execute("update plan_run set claimed_until = now() - interval '1 second'")
    assert claim_run(site.conn, "p2", kinds=["replan"], plant_now=NOW).tries == 2
    assert not renew_run(site.conn, run_id, "p1", progress=None)
    assert not finish_run(site.conn, run_id, "p1", state="done", at=NOW)
    assert finish_run(site.conn, run_id, "p2", state="done", at=NOW)


def test_a_newer_edit_takes_the_place_of_the_older(site):
    """Who drags on is not interested in the verdict of the drag before."""
    plan_id = save_plan(site.conn, PLANNER, body())
    older = request_run(site.conn, PLANNER, kind="edit", base_plan_id=plan_id, changes=[MoveLot(1, "L02")])
    newer = request_run(site.conn, PLANNER, kind="edit", base_plan_id=plan_id, changes=[MoveLot(1, "L01")])
    assert load_run(site.conn, older).state == "superseded"
    assert load_run(site.conn, newer).state == "waiting"


def test_a_request_sent_twice_is_one_run(site):
    """The client's own id makes a repeated request the same run."""
    client_id = uuid4()
    first = request_run(site.conn, PLANNER, kind="replan", client_id=client_id)
    assert request_run(site.conn, PLANNER, kind="replan", client_id=client_id) == first


def test_nothing_can_be_moved_without_a_plan(site):
    """An edit needs a base plan, and one that is there."""
    with pytest.raises(InputError):
        request_run(site.conn, PLANNER, kind="edit", changes=[MoveLot(1, "L02")])
    with pytest.raises(NotFoundError):
        request_run(site.conn, PLANNER, kind="scenario", base_plan_id=99)


def test_a_plan_reads_back_as_it_was_saved(site):
    """Lots, lines and orders come back as they were."""
    order = site.order("1", "P1", 120, at(20))
    saved = body(lot(1, order, "L01", at(8), at(9)), lot(2, order, "L02", at(8), at(9), pinned=True), made=3)
    assert load_body(site.conn, save_plan(site.conn, PLANNER, saved)) == saved


def publish_first(site, *lots, **more):
    plan_id = save_plan(site.conn, PLANNER, body(*lots, **more))
    publish(site.conn, PLANNER, plan_id, None)
    return plan_id


def test_publishing_tells_everybody(site):
    """A published plan has the next version, an event with its lines, and touches what booking knows of plans."""
    order = site.order("1", "P1", 60, at(20))
    plan_id = publish_first(site, lot(1, order, "L01", at(8), at(9)))
    ((version, by),) = rows(site.conn, "select version, published_by from plan where state = 'published'")
    assert (version, by) == (1, "person:anna")
    ((event,),) = rows(site.conn, "select body from outbox where type = 'mes.plan.published'")
    assert event["version"] == 1
    assert event["lines"] == [
        {
            "line": "L01", "shift_day": "2026-01-05", "shift": "D", "sequence": 1,
            "order": {"system": "ERP1", "number": "1"}, "operation_seq": 20, "quantity": 60,
            "start_at": "2026-01-05T00:00:00Z", "end_at": "2026-01-05T01:00:00Z",
        }
    ]  # fmt: skip
    touched = rows(site.conn, "select keys, why from touched where kind = 'plan' order by id")
    assert touched == [([str(plan_id)], "proposed"), ([str(plan_id)], "published")]


def test_publishing_against_another_plan_is_refused_with_the_difference(site):
    """Compare-and-set: who did not see the current plan gets what theirs would change against it."""
    order = site.order("1", "P1", 60, at(20))
    one = lot(1, order, "L01", at(8), at(9))
    current = publish_first(site, one)
    other = save_plan(site.conn, PLANNER, body(replace(one, line="L02")))
    with pytest.raises(PlanOvertakenError) as refused:
        publish(site.conn, PLANNER, other, None)
    assert isinstance(refused.value, ConflictError)
    assert refused.value.current == current
    assert refused.value.diff["lots_moved"] == 1
    assert publish(site.conn, PLANNER, other, current) == 2
    assert rows(site.conn, "select state from plan where id = %s", current) == [("superseded",)]


def test_only_a_proposal_is_published_or_discarded(site):
    """A discarded plan stays discarded, a published one cannot be laid aside."""
    plan_id = save_plan(site.conn, PLANNER, body())
    discard(site.conn, PLANNER, plan_id)
    with pytest.raises(ConflictError):
        publish(site.conn, PLANNER, plan_id, None)
    published = publish_first(site)
    with pytest.raises(ConflictError):
        discard(site.conn, PLANNER, published)
    with pytest.raises(NotFoundError):
        discard(site.conn, PLANNER, 99)


def jobs(site, *, withdrawn=False):
    return rows(
        site.conn,
        """select line, shift_day::text, quantity, sequence from job
           where (withdrawn_at is not null) = %s order by line, planned_start_at""",
        withdrawn,
    )


def test_jobs_are_made_as_the_window_moves(site):
    """A plan line becomes a job when its start comes within its line's dispatch window, and only once."""
    order = site.order("1", "P1", 180, at(20))
    near, far = lot(1, order, "L01", at(8), at(9)), lot(2, order, "L01", at(9, 2), at(10, 2), 120)
    publish_first(site, near, far)
    assert jobs(site) == [("L01", "2026-01-05", 60, 1)]
    assert dispatch(site.conn, TRACKER, site.plant, at(8.9, 1)) == 0
    assert dispatch(site.conn, TRACKER, site.plant, at(9.1, 1)) == 1
    assert dispatch(site.conn, TRACKER, site.plant, at(9.1, 1)) == 0
    assert jobs(site) == [("L01", "2026-01-05", 60, 1), ("L01", "2026-01-07", 120, 2)]


def test_each_line_has_its_own_window(site):
    """A line that dispatches an hour ahead gets its job an hour ahead."""
    plant = plant_of(line("L01", dispatch_minutes=60), line("L02"))
    order = site.order("1", "P1", 120, at(20))
    publish_first(site, lot(1, order, "L01", at(15), at(16)), lot(2, order, "L02", at(15), at(16)))
    site.conn.execute("delete from job")
    dispatch(site.conn, TRACKER, plant, at(8))
    assert [job[0] for job in jobs(site)] == ["L02"]
    dispatch(site.conn, TRACKER, plant, at(14.1))
    assert [job[0] for job in jobs(site)] == ["L01", "L02"]


def start_job(site, line):
    site.conn.execute(
        """insert into entry (client_id, kind, mark, line, job_id, effective_at, entered_at, entered_by)
           select gen_random_uuid(), 'mark', 'start', line, id, %s, %s, 'test' from job where line = %s""",
        (NOW, NOW, line),
    )


def test_jobs_no_longer_planned_are_withdrawn_unless_begun(site):
    """A new plan takes back what nobody began; a begun job stays; planned again, it is taken up again."""
    first, second = site.order("1", "P1", 60, at(20)), site.order("2", "P2", 60, at(20))
    one, two = lot(1, first, "L01", at(8), at(9)), lot(2, second, "L02", at(8), at(9))
    current = publish_first(site, one, two)
    start_job(site, "L01")
    empty = save_plan(site.conn, PLANNER, body())
    publish(site.conn, PLANNER, empty, current)
    assert [job[0] for job in jobs(site)] == ["L01"]
    assert [job[0] for job in jobs(site, withdrawn=True)] == ["L02"]
    again = save_plan(site.conn, PLANNER, body(one, two))
    publish(site.conn, PLANNER, again, empty)
    assert [job[0] for job in jobs(site)] == ["L01", "L02"]


def test_a_job_begun_while_it_was_withdrawn_is_taken_up(site):
    """Whoever started a job in the moment it was withdrawn keeps it."""
    order = site.order("1", "P1", 60, at(20))
    current = publish_first(site, lot(1, order, "L01", at(8), at(9)))
    publish(site.conn, PLANNER, save_plan(site.conn, PLANNER, body()), current)
    assert jobs(site) == []
    start_job(site, "L01")
    assert dispatch(site.conn, TRACKER, site.plant, NOW) == 1
    assert [job[0] for job in jobs(site)] == ["L01"]


def test_a_replanned_job_keeps_what_is_made(site):
    """A job's quantity is what is still planned and what was made before; two lots of a shift are one job."""
    order = site.order("1", "P1", 120, at(20))
    current = publish_first(site, lot(1, order, "L01", at(8), at(9)), lot(2, order, "L01", at(10), at(11)))
    ((job_id, quantity),) = rows(site.conn, "select id, quantity from job")
    assert quantity == 120
    later = body(lot(1, order, "L01", at(9), at(10), 40), lot(2, order, "L01", at(10), at(11)), made=20)
    publish(site.conn, PLANNER, save_plan(site.conn, PLANNER, later), current)
    assert rows(site.conn, "select id, quantity from job") == [(job_id, 120)]


def test_orders_off_plan_are_found(site):
    """An order the newest plan does not know, knows differently or knows although it is gone."""
    known = site.order("1", "P1", 60, at(20))
    publish_first(site, lot(1, known, "L01", at(8), at(9)))
    assert orders_off_plan(site.conn) == []
    fresh = site.order("2", "P2", 60, at(20))
    site.order("1", "P1", 80, at(20))
    assert [(row.order, row.why) for row in orders_off_plan(site.conn)] == [(known, "changed"), (fresh, "new")]
    site.order("1", "P1", 80, at(20), status="cancelled")
    assert [(row.order, row.why) for row in orders_off_plan(site.conn)] == [(known, "gone"), (fresh, "new")]
