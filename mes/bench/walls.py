"""A wall that changes as often as screens may be told: an api of its own on ten lines that all count.

    with changing_wall(settings) as wall: wall.http_url, wall.api_pid, wall.database_url

The rows are those booking leaves, written by this process instead of by a tracker, so that how often screens are told
hangs on nothing but the api. A day of history lies behind them.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psycopg

from mes.bench.ingest import scratch_database
from mes.bench.query import NOW, fill, furnish, plant
from mes.clock import Clock, mono, wall
from mes.errors import SetupError
from mes.settings import Settings
from mes.store.bell import ring
from mes.store.house import save_clock, take_lease
from mes.store.pool import connect

CHANGE_S = 0.25
READY_S_MAX = 60.0
LOOK_EVERY_S = 0.2
STOP_S_MAX = 30.0
LEASE_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Wall:
    """Where the api is, its process, and its database."""

    database_url: str
    http_url: str
    api_pid: int


@contextmanager
def changing_wall(settings: Settings) -> Iterator[Wall]:
    """Serve it, and keep it changing. Raises SetupError when the api does not come up."""
    with scratch_database(settings.database_url) as url, TemporaryDirectory(prefix="takt-wall-") as home:
        with psycopg.connect(url, options="-c timezone=UTC") as conn:
            furnish(conn, plant())
            fill(conn, NOW - timedelta(days=1), NOW)
            save_clock(conn, Clock(plant_at=NOW, wall_at=wall()))
            take_lease(conn, "tracker", "bench", lease_s=LEASE_S)
        with _served(url, Path(home)) as served, _changing(url):
            yield served


@contextmanager
def _served(url: str, home: Path) -> Iterator[Wall]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MES_")}
    own = {"MES_DATABASE_URL": url, "MES_HOME": str(home), "MES_DEMO": "true"}
    with (home / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mes", "serve", "--port", str(port)], env=kept | own, stdout=log, stderr=log
        )
        try:
            base = f"http://127.0.0.1:{port}"
            _wait_for(base, process, home / "serve.log")
            yield Wall(url, base, process.pid)
        finally:
            process.terminate()
            process.wait(STOP_S_MAX)


def _wait_for(base: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = mono() + READY_S_MAX
    with httpx.Client(trust_env=False) as client:
        while mono() < deadline and process.poll() is None:
            try:
                if client.get(f"{base}/health/live").is_success:
                    return
            except httpx.TransportError:
                threading.Event().wait(LOOK_EVERY_S)
    raise SetupError(f"The api did not come up.\n{log.read_text('utf-8')}", remedy="Read why above.")


@contextmanager
def _changing(url: str) -> Iterator[None]:
    """Every line has one piece more, and the bell rings, four times a second."""
    ended = threading.Event()

    def go_on() -> None:
        with connect(url, name="takt bench") as conn:
            conn.autocommit = True
            while not ended.wait(CHANGE_S):
                with conn.transaction():
                    conn.execute(
                        "update shift_count set good = good + 1 where leaves and shift_day = %s", (NOW.date(),)
                    )
                    ring(conn, "booked")

    thread = threading.Thread(target=go_on, name="bench counting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(STOP_S_MAX)
