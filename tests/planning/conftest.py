"""The small plant of `small_plant.py`, in a database of its own."""

from __future__ import annotations

import psycopg
import pytest

from mes.actions import plant as plants
from mes.actions.plan import request_run
from mes.actions.record import Deed
from mes.clock import Clock, wall
from mes.store.house import save_clock
from mes.store.plan import load_run
from mes.store.pool import open_pool
from scheduler.child import Child
from scheduler.planner import BACKGROUND, INTERACTIVE, Desk
from tests.planning.small_plant import NOW, PLANNER, Site1, line, plant_of

TRACKER = Deed("takt", NOW)


@pytest.fixture
def site(conn: psycopg.Connection) -> Site1:
    """Two assisted lines, two products, nothing ordered."""
    plant = plant_of(line("L01"), line("L02"))
    plants.apply(conn, PLANNER, plant)
    made = Site1(conn, plant)
    made.products()
    return made


@pytest.fixture(scope="module")
def warm():
    """One solver process for all tests of this file."""
    child = Child()
    child.warm()
    yield child
    child.close()


@pytest.fixture
def pool(database_url):
    with open_pool(database_url, name="test planner", size_max=4) as pool:
        yield pool


@pytest.fixture
def planner(site, database_url, pool, warm):
    """Asks for a run as `by`, has it answered at a desk, gives the run as it ended."""
    save_clock(site.conn, Clock(NOW, wall(), 1))
    site.conn.commit()
    return Planner(site, Desk(database_url, pool, INTERACTIVE + BACKGROUND, child=warm))


class Planner:
    def __init__(self, site, desk):
        self.site, self.desk = site, desk

    def ask(self, deed=PLANNER, **wish):
        if wish.get("automatic"):
            wish.setdefault("not_before", NOW)
        run_id = request_run(self.site.conn, deed, time_limit_s=0.3, **wish)
        self.site.conn.commit()
        return run_id

    def plan(self, deed=PLANNER, **wish):
        run_id = self.ask(deed, **wish)
        assert self.desk.work_once()
        self.site.conn.rollback()
        return load_run(self.site.conn, run_id)

    def replan(self, **wish):
        run = self.plan(TRACKER, kind="replan", automatic=True, **wish)
        assert run.error is None
        return run

    def rows(self, sql, *args):
        return self.site.conn.execute(sql, args).fetchall()

    def planning(self, planning, **more):
        site = self.site
        site.plant = plant_of(*(line(code, planning, **more) for code in ("L01", "L02")))
        plants.apply(site.conn, PLANNER, site.plant)
