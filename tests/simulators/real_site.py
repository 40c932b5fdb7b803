"""The real product around a database: API, worker, tracker and planner as threads of the test, the demo's plant."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from api import app
from mes.actions import access, plant
from mes.actions.record import Deed
from mes.clock import Clock
from mes.domain.access import GRANTS
from mes.formats.plant_file import read_plant
from mes.settings import Settings
from mes.store.house import save_clock
from mes.store.pool import open_pool
from mes.tracker import tracker
from mes.work import Worker
from scheduler.planner import BACKGROUND, INTERACTIVE, Desk
from simulators import plantfile, world
from simulators.instants import Anchor, to_ms

DEMO = Path("simulators/demo")
PLANT = plantfile.read(DEMO / "plant.toml")
WORLD = world.read(DEMO / "world.toml")
MONDAY = datetime(2026, 1, 5, 0, 0, tzinfo=UTC)
"""08:00 in the plant."""


@dataclass
class Site:
    """A running product: where it listens, its database, its plant time, the simulators' keys."""

    url: str
    database_url: str
    anchor: Anchor
    erp_key: str
    people_key: str
    stack: ExitStack = field(default_factory=ExitStack)

    def work(self) -> None:
        """Number events and dispatch jobs, from now on."""
        stop = threading.Event()
        pool = self.stack.enter_context(open_pool(self.database_url, name="work", size_max=2))
        self._run(lambda: Worker(self.database_url, pool).run(stop), stop)

    def track(self) -> None:
        """Book what is heard, from now on."""
        stop = threading.Event()
        self._run(lambda: tracker.run(self.database_url, stop), stop)

    def plan(self) -> None:
        """Answer plan runs, from now on."""
        stop = threading.Event()
        pool = self.stack.enter_context(open_pool(self.database_url, name="planner", size_max=4))
        for kinds in (INTERACTIVE, BACKGROUND):
            self._run(Desk(self.database_url, pool, kinds, stop).run, stop)

    def _run(self, deed: Callable[[], None], stop: threading.Event) -> None:
        thread = threading.Thread(target=deed)
        thread.start()
        self.stack.callback(thread.join, 20)
        self.stack.callback(stop.set)

    def query(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Rows of the database."""
        with psycopg.connect(self.database_url) as conn:
            return conn.execute(statement, values).fetchall()


@contextmanager
def running(database_url: str, speed: float) -> Iterator[Site]:
    """The API serving; it is Monday 07:50 in the plant."""
    clock = Clock(plant_at=MONDAY - timedelta(minutes=10), wall_at=datetime.now(UTC), speed=speed)
    deed = Deed("cli", clock.plant_at)
    with psycopg.connect(database_url) as conn:
        save_clock(conn, clock)
        plant.apply(conn, deed, read_plant((DEMO / "plant.toml").read_text(encoding="utf-8")))
        erp = access.add_key(conn, deed, system="ERP1", scopes=["erp"])
        people = access.add_key(conn, deed, system="people", scopes=sorted(GRANTS["line_lead"] | GRANTS["planner"]))
    server = app.server(app.create(Settings(database_url=database_url)), host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    anchor = Anchor(to_ms(clock.plant_at), clock.wall_at.timestamp(), speed)
    site = Site(f"http://127.0.0.1:{port}", database_url, anchor, erp, people)
    with site.stack:
        yield site
    server.should_exit = True
    thread.join(15)


def wait(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.05)
