"""The demo's door to its own processes: they are ended as by a crash, and come back."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from mes.host import processes
from mes.host.mishaps import mishap_door
from mes.host.supervisor import Program, Supervisor

SECONDS_AT_MOST = 60


def _until(happened: Callable[[], bool], children: Supervisor) -> None:
    deadline = time.monotonic() + SECONDS_AT_MOST
    while not happened():
        assert time.monotonic() < deadline, "did not happen"
        children.look()
        time.sleep(0.02)


def test_a_killed_program_comes_back(tmp_path: Path) -> None:
    """It is gone at once, without a farewell, and another one runs in its place."""
    port = processes.free_port()
    program = Program("collect", (sys.executable, "-c", "import time; time.sleep(600)"))
    with (
        Supervisor(tmp_path, os.environ) as children,
        mishap_door(port, {"collect": lambda: children.kill("collect")}),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as door,
    ):
        first = children.start(program)
        assert door.post("/kill", json={"program": "collect"}).json() == {"pid": first}
        assert processes.wait_gone(first, SECONDS_AT_MOST)
        _until(lambda: first not in children.pids().values() and bool(children.pids()), children)


def test_the_door_ends_nothing_else(tmp_path: Path) -> None:
    """Other names, other paths, what does not run and what is no JSON are refused with a sentence."""
    port = processes.free_port()
    with (
        mishap_door(port, {"broker": lambda: None}),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as door,
    ):
        replies = [
            door.post("/kill", json={"program": "broker"}),
            door.post("/kill", json={"program": "database"}),
            door.post("/other", json={"program": "broker"}),
            door.post("/kill", content=b"1"),
        ]
    assert [reply.status_code for reply in replies] == [409, 404, 404, 400]
    assert replies[0].json() == {"error": "broker does not run just now"}
