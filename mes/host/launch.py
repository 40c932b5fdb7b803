"""A demonstration as a child of this process: for benches and tests that need the whole product running.

    with launched(home, Demo(speed=240, planning="automatic")) as stack:
        stack.connect(); stack.http_url; stack.door("machines")

It begins when everything answers and ends as Ctrl-C would end it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from mes.clock import mono
from mes.errors import SetupError
from mes.host.demo import Demo
from mes.host.files import make_folder
from mes.host.here import RUNNING
from mes.host.processes import free_port
from mes.store.pool import Connection, connect

READY_S_MAX = 180.0
STOP_S_MAX = 60.0
LOOK_EVERY_S = 0.2
SAID = "demo.log"
_RUN = """
import json, sys
from mes.host.demo import Demo
from mes.settings import load_settings
Demo(**json.loads(sys.argv[1])).run(load_settings(), say=lambda text: print(text, flush=True))
"""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running demonstration, and where it keeps what it knows."""

    home: Path
    database_url: str
    http_url: str
    process: subprocess.Popen[bytes]

    def connect(self) -> Connection:
        """A connection to its database."""
        return connect(self.database_url, name="takt launch")

    def door(self, simulator: str) -> str:
        """Address of the HTTP door of a simulator (machines, people or erp), once it is open."""
        log = self.home / "log" / f"sim-{simulator}.log"
        deadline = mono() + READY_S_MAX
        while mono() < deadline:
            self.require_running()
            for line in log.read_text("utf-8").splitlines() if log.exists() else ():
                if line.startswith('{"ready"'):
                    return str(json.loads(line)["control"])
            time.sleep(LOOK_EVERY_S)
        raise SetupError(f"The simulator of the {simulator} did not come up.\n{self.said()}", remedy="Read why above.")

    def require_running(self) -> None:
        """Raises SetupError with the last lines of every log when it fell."""
        if self.process.poll() is not None:
            raise SetupError(f"The demonstration fell.\n{self.said()}", remedy="Read why above.")

    def said(self) -> str:
        """The last lines of every log."""
        logs = sorted((self.home / "log").glob("*.log"))
        return "\n".join(f"== {log.name}\n" + "\n".join(log.read_text("utf-8").splitlines()[-8:]) for log in logs)


@contextmanager
def launched(home: Path, demo: Demo, environment: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Start a demonstration in `home` (MES_HOME of its own) and wait for it; `environment` adds settings (MES_...)."""
    settings = {"MES_HOME": str(make_folder(home)), "MES_HTTP_PORT": str(free_port()), **(environment or {})}
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("MES_") or name == "MES_CACHE"}
    with (home / SAID).open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _RUN, json.dumps(asdict(demo))],
            env=inherited | settings, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield _ready(process, home)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(STOP_S_MAX)


def _ready(process: subprocess.Popen[bytes], home: Path) -> Stack:
    deadline = mono() + READY_S_MAX
    while "Takt is ready" not in (said := (home / SAID).read_text("utf-8")):
        if process.poll() is not None or mono() > deadline:
            raise SetupError(f"The demonstration did not come up.\n{said}", remedy="Read why above.")
        time.sleep(LOOK_EVERY_S)
    running = json.loads((home / RUNNING).read_text("utf-8"))
    url = f"http://{running['host']}:{running['port']}"
    return Stack(Path(running["home"]), running["database_url"], url, process)
