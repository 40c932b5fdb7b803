"""Everything of `mes demo` as a child of a test: database, broker, simulators and all of Takt's processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from mes.host.processes import free_port
from mes.store.house import load_clock
from mes.store.pool import Connection, connect

LAUNCH = """
import sys
from mes.host.demo import Demo
from mes.settings import load_settings
Demo(speed=float(sys.argv[1]), seed=int(sys.argv[2]), planning="automatic", lead_s=float(sys.argv[3])).run(
    load_settings(), say=lambda text: print(text, flush=True)
)
"""
READY_S_MAX = 180.0
STOP_S_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Stack:
    """A running demonstration, and where it keeps what it knows."""

    home: Path
    database_url: str
    process: subprocess.Popen[str]

    def connect(self) -> Connection:
        """A connection to its database."""
        return connect(self.database_url, name="takt test")

    def wait_until(self, at: datetime, wait_s_max: float = 300.0) -> None:
        """Until plant time reaches `at`."""
        with self.connect() as conn:
            plant = load_clock(conn)
        deadline = time.monotonic() + wait_s_max
        while plant.now() < at:
            assert self.process.poll() is None, f"the demo fell:\n{self.said()}"
            assert time.monotonic() < deadline, f"plant time stands at {plant.now()}"
            time.sleep(0.2)

    def said(self) -> str:
        """The last lines of every log."""
        logs = sorted((self.home / "log").glob("*.log"))
        return "\n".join(f"== {log.name}\n" + "\n".join(log.read_text("utf-8").splitlines()[-8:]) for log in logs)


@contextmanager
def demo(home: Path, *, speed: float, seed: int, lead_s: float) -> Iterator[Stack]:
    """A demonstration with automatic lines, stopped at the end as Ctrl-C would; it begins `lead_s` before 08:00."""
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("MES_")},
        "MES_HOME": str(home),
        "MES_HTTP_PORT": str(free_port()),
    }
    with (home / "demo.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(speed), str(seed), str(lead_s)],
            env=environment, stdout=log, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            yield _ready(process, home)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(STOP_S_MAX)


def _ready(process: subprocess.Popen[str], home: Path) -> Stack:
    deadline = time.monotonic() + READY_S_MAX
    while "Takt is ready" not in (said := (home / "demo.log").read_text("utf-8")):
        assert process.poll() is None, f"the demo fell:\n{said}"
        assert time.monotonic() < deadline, f"the demo did not come up:\n{said}"
        time.sleep(0.2)
    running = json.loads((home / "running.json").read_text("utf-8"))
    return Stack(Path(running["home"]), running["database_url"], process)


def settled(conn: psycopg.Connection[object]) -> bool:
    """Whether nothing waits to be booked."""
    row = conn.execute("select count(*) from touched").fetchone()
    conn.rollback()
    return row is not None and row[0] == 0
