"""`mes demo`: everything comes up, prints one address, and is gone when it is told to go, or killed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from mes.clock import Clock, wall
from mes.formats.plant_file import read_plant
from mes.host import demo, processes, timescale
from mes.store.house import load_clock

SECONDS_AT_MOST = 240


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="takt demo "))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def _begin(home: Path, port: int) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MES_")}
    return subprocess.Popen(
        [sys.executable, "-m", "mes", "demo", "--speed", "60"],
        env={**environment, "MES_HOME": str(home), "MES_HTTP_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _read_until_ready(running: subprocess.Popen[str]) -> list[str]:
    assert running.stdout is not None
    lines: list[str] = []
    for line in running.stdout:
        lines.append(line)
        if "ready: http" in line:
            return lines
    raise AssertionError("".join(lines))


def _of(home: Path) -> list[str]:
    """Command lines of all running processes that belong to this home."""
    mark, found = os.fsencode(home), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if mark in said and processes.alive(int(process.name)):
            found.append(said.split(b"MES_")[0].replace(b"\0", b" ").decode(errors="replace"))
    return found


def _until(happened: Callable[[], bool], told: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS_AT_MOST
    while not happened():
        assert time.monotonic() < deadline, told()
        time.sleep(0.1)


@pytest.mark.timeout(2 * SECONDS_AT_MOST)
def test_comes_up_twice_and_leaves_nothing_behind(home: Path) -> None:
    """One address is printed and answers; SIGTERM ends all cleanly; a second start, killed, ends as well."""
    port = processes.free_port()
    with _begin(home, port) as first:
        lines = _read_until_ready(first)
        assert re.findall(r"https?://\S+", "".join(lines)) == [f"http://127.0.0.1:{port}"]
        assert "<html" in httpx.get(f"http://127.0.0.1:{port}/wall", trust_env=False).text
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=SECONDS_AT_MOST)
    assert first.returncode == 0
    assert _of(home) == []
    assert (home / "log" / "database.log").read_text().rstrip().endswith("database system is shut down")

    with _begin(home, port) as second:
        _read_until_ready(second)
        assert httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False).status_code == 200
        second.kill()
    _until(lambda: not _of(home), lambda: _of(home))


def test_a_taken_port_is_one_sentence_with_a_remedy(home: Path) -> None:
    """Before anything is started, a port in use is named, and the variable that chooses another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        running = _begin(home, taken.getsockname()[1])
        told, _ = running.communicate(timeout=SECONDS_AT_MOST)
    assert running.returncode == 1
    assert re.fullmatch(r"Port \d+ of 127\.0\.0\.1 is taken by another program\. .*MES_HTTP_PORT=\d+\.\n", told)
    assert not (home / "db").exists()


def test_the_plant_file_gets_addresses_that_are_free_here(tmp_path: Path) -> None:
    """The published file is kept but for its ports, and remains a valid plant."""
    moved = demo.moved_plant("mqtt://127.0.0.1:2222", tmp_path / "plant.toml")
    sources = {source.code: source.url for source in read_plant(moved.read_text("utf-8")).source}
    assert sources["broker-1"] == sources["spb-1"] == "mqtt://127.0.0.1:2222"
    assert len({sources["plc-1"], sources["plc-2"], "opc.tcp://127.0.0.1:4840", "opc.tcp://127.0.0.1:4841"}) == 4


def test_each_start_has_a_fresh_database_of_its_own(server_url: str, tmp_path: Path) -> None:
    """The demo's database is another than the plant's, begins on Monday at 08:00, and is thrown away next time."""
    plant_url = timescale.with_database(server_url, "someplant")
    anchor = Clock(plant_at=demo.MONDAY, wall_at=wall(), speed=60)
    plant = demo.moved_plant("mqtt://127.0.0.1:1883", tmp_path / "plant.toml")
    for _ in range(2):
        url = demo.fresh_database(plant_url)
        with psycopg.connect(url) as conn:
            assert conn.execute("select count(*) from plant_version").fetchone() == (0,)
        keys = demo.furnish(url, plant, anchor)
        with psycopg.connect(url) as conn:
            assert load_clock(conn) == anchor
            assert conn.execute("select count(*) from plant_version").fetchone() == (1,)
            assert conn.execute("select count(*) from api_key").fetchone() == (2,)
    assert url.endswith("/someplant_demo")
    assert keys["erp"] != keys["people"]
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute("drop database someplant_demo with (force)")
