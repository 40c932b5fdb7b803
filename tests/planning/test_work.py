"""Background work: the feed's order, jobs in time, nothing kept too long, one holder of the duty."""

from __future__ import annotations

import threading
from datetime import timedelta

import psycopg
import pytest

from mes.actions.plan import publish, save_plan
from mes.clock import Clock, mono, wall
from mes.domain.exchange import Event
from mes.formats.plant_file import plant_from
from mes.store.access import KeptAnswer, keep_answer
from mes.store.bell import ring
from mes.store.exchange import insert_event, list_events
from mes.store.house import save_clock
from mes.store.pool import open_pool
from mes.work import Worker, _days_kept
from tests.collectors.conftest import plant_document
from tests.planning.small_plant import NOW, PLANNER, at, body, lot

WAIT_S = 20.0


@pytest.fixture
def pool(database_url):
    with open_pool(database_url, name="test work", size_max=3) as pool:
        yield pool


@pytest.fixture
def run(database_url, pool):
    """Runs workers until the test ends."""
    stopping, threads = threading.Event(), []

    def start():
        worker = Worker(database_url, pool)
        threads.append(threading.Thread(target=worker.run, args=(stopping,)))
        threads[-1].start()
        return worker

    yield start
    stopping.set()
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()


def until(true, what):
    deadline = mono() + WAIT_S
    while not true():
        assert mono() < deadline, what
        threading.Event().wait(0.005)


def say(database_url, subject):
    with psycopg.connect(database_url) as conn:
        insert_event(conn, Event("mes.order.accepted", subject, {}), at=NOW, wall_at=wall())
        ring(conn, "exchange")


def feed(database_url):
    with psycopg.connect(database_url) as conn:
        return [event.subject for event in list_events(conn, after=0, types=None, limit=100)]


def test_committed_events_reach_the_feed_when_the_bell_rings(database_url, run):
    """What was committed is numbered by one holder of the duty, in order, without anybody asking."""
    run()
    for number in range(3):
        say(database_url, f"ERP1/{number}")
        until(lambda: len(feed(database_url)) == number + 1, "the event is in the feed")  # noqa: B023
    assert feed(database_url) == ["ERP1/0", "ERP1/1", "ERP1/2"]


def test_only_one_holds_the_duty(database_url, pool):
    """A second worker does nothing until the first has let go."""
    first, second = Worker(database_url, pool), Worker(database_url, pool)
    first.look()
    say(database_url, "ERP1/1")
    second.look(frozenset({"exchange"}))
    assert feed(database_url) == []
    first._let_go()
    second.look(frozenset({"exchange"}))
    assert feed(database_url) == ["ERP1/1"]


def test_the_audit_is_chained(database_url, pool, site):
    """Deeds are chained after they are committed."""
    site.conn.commit()
    Worker(database_url, pool).look()
    unchained = site.conn.execute("select count(*) from audit where seq is null or chain_sha256 is null").fetchone()[0]
    assert unchained == 0
    assert site.conn.execute("select count(*) from audit").fetchone()[0] > 0


def test_jobs_appear_as_plant_time_moves(database_url, pool, site):
    """A plan line becomes a job when plant time brings it into the dispatch window."""
    order = site.order("1", "P1", 60, at(20, 5))
    publish(site.conn, PLANNER, save_plan(site.conn, PLANNER, body(lot(1, order, "L01", at(8, 2), at(9, 2)))), None)
    save_clock(site.conn, Clock(at(8), wall(), 1))
    site.conn.commit()
    worker = Worker(database_url, pool)
    worker.look()
    assert site.conn.execute("select count(*) from job").fetchone()[0] == 0
    save_clock(site.conn, Clock(at(8, 1.5), wall(), 1))
    site.conn.commit()
    worker.look(frozenset({"plant"}))
    assert site.conn.execute("select count(*) from job").fetchone()[0] == 1


def test_old_samples_and_answers_are_forgotten(database_url, pool, conn):
    """Signals go after 90 days, values after 7, kept answers after 48 hours; what is younger stays."""
    save_clock(conn, Clock(NOW, wall(), 1))
    for table, days in (("signal_sample", (100, 80)), ("value_sample", (9, 5))):
        for age in days:
            moment = NOW - timedelta(days=age)
            conn.execute(
                f"insert into {table} (tag_id, at, h, num, quality, received_at) values (1, %s, 0, 1, 0, %s)",
                (moment, moment),
            )
    for hours in (50, 40):
        keep_answer(conn, "key:erp", str(hours), KeptAnswer("x", 200, {}, b""), wall() - timedelta(hours=hours))
    conn.commit()
    Worker(database_url, pool).look()
    assert conn.execute("select (%s - at) from signal_sample", (NOW,)).fetchall() == [(timedelta(days=80),)]
    assert conn.execute("select (%s - at) from value_sample", (NOW,)).fetchall() == [(timedelta(days=5),)]
    assert conn.execute("select key from idempotency_key").fetchall() == [("40",)]


def test_samples_are_kept_as_long_as_the_tag_that_wants_it_longest():
    """Each of the two tables by its own tags, and never shorter than the house's rule."""
    tags = [
        {"machine": "M1", "signal": "good_total", "topic": "t", "keep_days": 400},
        {"machine": "M1", "signal": "state", "topic": "t", "keep_days": 5},
        {"machine": "M1", "signal": "value:t", "topic": "t", "keep_days": 2},
    ]
    source = {"code": "b1", "kind": "mqtt", "url": "mqtt://127.0.0.1:1", "client_id": "c"}
    assert _days_kept(None) == (90, 7)
    assert _days_kept(plant_from(plant_document(source, tags))) == (400, 7)


def test_old_plans_are_forgotten(database_url, pool, site):
    """Proposals go after 14 days, published plans after a year; the published one and the one before it stay."""
    order = site.order("1", "P1", 60, at(20, 5))
    plans = []
    for days, is_published in ((800, True), (700, True), (600, True), (20, False), (5, False)):
        plans.append(save_plan(site.conn, PLANNER, body(lot(1, order, "L01", at(8, 9), at(9, 9)))))
        if is_published:
            publish(site.conn, PLANNER, plans[-1], plans[-2] if len(plans) > 1 else None)
        site.conn.execute(
            "update plan set created_at = %(at)s, published_at = case when version is null then null else %(at)s end"
            " where id = %(id)s",
            {"at": NOW - timedelta(days=days), "id": plans[-1]},
        )
    save_clock(site.conn, Clock(NOW, wall(), 1))
    site.conn.commit()
    Worker(database_url, pool).look()
    left = [plan_id for (plan_id,) in site.conn.execute("select id from plan order by id")]
    assert left == [plans[1], plans[2], plans[4]]
    assert site.conn.execute("select count(*) from plan_lot").fetchone()[0] == 3


def test_a_failing_step_does_not_stop_the_others(database_url, pool, conn):
    """A plant document that cannot be read keeps jobs from being dispatched, and nothing else."""
    conn.execute(
        """insert into plant_version (in_force_from, applied_at, applied_by, sha256, document)
           values ('2000-01-01', '2000-01-01', 'test', 'x', '{"site": 1}')"""
    )
    conn.commit()
    say(database_url, "ERP1/1")
    Worker(database_url, pool).look()
    assert feed(database_url) == ["ERP1/1"]
