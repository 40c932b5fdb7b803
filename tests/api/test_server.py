"""The api as the process it is: `mes serve`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from mes.actions import access, plant
from mes.formats.plant_file import read_plant
from mes.host.processes import free_port
from tests.api.callers import AT, PLANT

PATIENCE_S = 60


@pytest.fixture
def address(database_url: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A serving process on a free port, and its address."""
    with psycopg.connect(database_url) as conn:
        plant.apply(conn, AT, read_plant(PLANT))
    port = free_port()
    environment = os.environ | {"MES_DATABASE_URL": database_url, "MES_HTTP_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "mes", "serve"], env=environment, stderr=subprocess.DEVNULL)
    yield f"http://127.0.0.1:{port}", process
    process.kill()
    process.wait()


def wait_for(url: str) -> None:
    """Until it answers."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            httpx.get(f"{url}/health/ready", trust_env=False, timeout=60).raise_for_status()
            return
        except httpx.HTTPError:
            assert time.monotonic() < until
            time.sleep(0.1)


def test_the_process_serves_and_drains(address: tuple[str, subprocess.Popen[bytes]], database_url: str) -> None:
    """It serves until SIGTERM, ends its streams then, and is gone with exit code 0 within its time."""
    url, process = address
    wait_for(url)
    with psycopg.connect(database_url) as conn:
        key = access.add_key(conn, AT, system="erp", scopes=["tracking:read"])
    headers = {"Authorization": f"Bearer {key}"}
    stream = httpx.stream("GET", f"{url}/api/v1/stream?topics=wall", headers=headers, trust_env=False, timeout=60)
    with stream as reply:
        assert reply.status_code == 200
        pieces = reply.iter_raw()
        assert next(pieces)
        process.send_signal(signal.SIGTERM)
        for _ in pieces:
            pass
    assert process.wait(PATIENCE_S) == 0
