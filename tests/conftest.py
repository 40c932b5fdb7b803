"""What every test may ask for: a database of its own, and a broker. Real ones, private to this test process.

`database_url` is a fresh, migrated database, cloned from a template in under 0.1 s and dropped afterwards; `conn` is a
connection to it (not in autocommit; rolled back at the end). `mqtt_url` is the address of a running mosquitto without
any state a test relies on: use topics and client ids of your own. Each xdist worker has its own servers. They end
with the process that started them, however it ends. `MES_DATABASE_URL` makes the tests use that server instead.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from mes.host import mosquitto, processes, timescale
from mes.host.files import free_mb
from mes.settings import load_settings

LONG_ROOMS = ("e2e", "tracker", "scheduler", "browser")
"""Whose files begin first when several workers share the run: none of them shall be what everybody waits for."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long rooms first, else as collected."""
    order = {room: n for n, room in enumerate(LONG_ROOMS)}
    tests = Path(__file__).parent
    items.sort(key=lambda item: order.get(item.path.relative_to(tests).parts[0], len(order)))


def _run(server_url: str, statement: str, *names: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))


def _quickest_disk() -> Path | None:
    """Memory where there is enough of it: on it a database is cloned ten times as fast (0.03 s against 0.6 s)."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and os.access(memory, os.W_OK) and free_mb(memory) > 2000 else None


def _sweep(disk: Path) -> None:
    """Remove what killed test runs left: each folder bears the pid of its run."""
    for left in disk.glob("takt-test-*-*"):
        pid = left.name.split("-")[2]
        if pid.isdigit() and not processes.alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


@pytest.fixture(scope="session")
def servers_home() -> Iterator[Path]:
    """A folder the servers' own user can reach (pytest's are closed to others), removed at the end."""
    disk = _quickest_disk() or Path(tempfile.gettempdir())
    _sweep(disk)
    home = Path(tempfile.mkdtemp(prefix=f"takt-test-{os.getpid()}-", dir=disk))
    home.chmod(0o711)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def server_url(servers_home: Path) -> Iterator[str]:
    """Connection string of a server on which databases may be created; its database `postgres` stays empty."""
    given = os.environ.get("MES_DATABASE_URL")
    if given:
        yield given
        return
    cluster = timescale.Cluster(servers_home / "db", load_settings().cache, profile="fast")
    timescale.start(cluster, leash=True)
    yield timescale.url(cluster, "postgres")
    timescale.stop(cluster)


@pytest.fixture(scope="session")
def template_database(server_url: str) -> Iterator[str]:
    """Name of a migrated database nobody is connected to."""
    from mes.store import migrate

    name = f"takt_template_{secrets.token_hex(4)}"
    _run(server_url, "create database {}", name)
    migrate.upgrade(timescale.with_database(server_url, name))
    yield name
    _run(server_url, "drop database {} with (force)", name)


@pytest.fixture
def database_url(server_url: str, template_database: str) -> Iterator[str]:
    """Connection string of a fresh, migrated database."""
    name = f"takt_test_{secrets.token_hex(6)}"
    _run(server_url, "create database {} template {} strategy file_copy", name, template_database)
    yield timescale.with_database(server_url, name)
    _run(server_url, "drop database {} with (force)", name)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection to the fresh database; what a test does not commit is gone afterwards."""
    connection = psycopg.connect(database_url)
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def mqtt_url(servers_home: Path) -> Iterator[str]:
    """Address of a private MQTT broker, for example `mqtt://127.0.0.1:40123`."""
    broker = mosquitto.Broker(servers_home / "broker", load_settings().cache)
    mosquitto.start(broker, leash=True)
    yield mosquitto.url(broker)
    mosquitto.stop(broker)
