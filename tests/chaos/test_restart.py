"""P10: after kill -9 of everything, starting again is all it takes, and nothing that was stored is gone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from mes.host import processes, timescale
from mes.settings import Settings

PLANT = Path(__file__).parents[2] / "simulators" / "demo" / "plant.toml"
READY_S_MAX = 60.0
ENDED_S_MAX = 60.0


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="takt up "))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def _mes(home: Path, port: int, *words: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MES_")}
    return subprocess.Popen(
        [sys.executable, "-m", "mes", *words],
        env={**environment, "MES_HOME": str(home), "MES_HTTP_PORT": str(port)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def _wait_ready(running: subprocess.Popen[str]) -> None:
    assert running.stdout is not None
    said = ""
    for line in running.stdout:
        said += line
        if "ready: http" in line:
            return
    raise AssertionError(said)


def _pids(home: Path) -> list[int]:
    """Everything that runs for this home: named on its command line or in its surroundings."""
    mark, found = os.fsencode(home), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if mark in said and processes.alive(int(process.name)):
            found.append(int(process.name))
    return found


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _versions(home: Path) -> int:
    with psycopg.connect(timescale.url(timescale.cluster_of(Settings(home=home)), "mes")) as conn:
        row = conn.execute("select count(*) from plant_version").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_a_plant_that_was_killed_is_live_again_without_a_hand(home: Path) -> None:
    """Database, broker and every process die at one moment; `mes up`, as an init system would call it, is enough."""
    port = processes.free_port()
    with _mes(home, port, "up") as first:
        _wait_ready(first)
        with _mes(home, port, "plant", "apply", str(PLANT)) as applied:
            said, _ = applied.communicate(timeout=60)
        assert applied.returncode == 0, said
        for pid in _pids(home):
            os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    with _mes(home, port, "up") as second:
        _wait_ready(second)
        took_s = time.monotonic() - began
        assert _versions(home) == 1
        second.send_signal(signal.SIGTERM)
        second.communicate(timeout=ENDED_S_MAX)
    print(f"live again after {took_s:.1f} s")
    assert took_s < READY_S_MAX
    assert _pids(home) == []


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_a_plant_whose_database_was_killed_is_live_again_by_itself(home: Path) -> None:
    """The database alone dies: nobody does anything, and within a minute everything is ready at the same address."""
    port = processes.free_port()
    with _mes(home, port, "up") as running:
        _wait_ready(running)
        killed = timescale.status(timescale.cluster_of(Settings(home=home))).pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        began = time.monotonic()
        assert processes.wait_gone(killed, READY_S_MAX)
        while not _is_ready(port):
            assert time.monotonic() - began < READY_S_MAX
            time.sleep(0.2)
        print(f"ready again after {time.monotonic() - began:.1f} s")
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=ENDED_S_MAX)
    assert _pids(home) == []
