"""The schema: any number of starters bring it up once, a fresh one is the one committed, a foreign one is refused."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from mes.errors import SetupError, UnavailableError
from mes.host import debian, processes, timescale
from mes.settings import load_settings
from mes.store import migrate, schema
from mes.store.pool import connect

SNAPSHOT = Path(__file__).with_name("schema.sql")
UPDATE = "TAKT_UPDATE_EXPECTED"
NOT_SCHEMA = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*|\s*)$")


@pytest.fixture
def empty_url(server_url: str) -> Iterator[str]:
    """A database with nothing in it."""
    name = f"takt_empty_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield timescale.with_database(server_url, name)
        conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _files() -> list[str]:
    return sorted(path.name for path in schema.MIGRATIONS.glob("[0-9]*.sql"))


def _dumped(url: str) -> str:
    """The schema as PostgreSQL's own pg_dump writes it, without comments, session settings and empty lines."""
    cache = load_settings().cache
    debian.ensure([timescale.POSTGRESQL], cache)
    argv = [timescale.POSTGRESQL.program(cache, "pg_dump"), "--schema-only", "--no-owner", "--no-privileges", url]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return "".join(f"{line}\n" for line in done.stdout.splitlines() if not NOT_SCHEMA.match(line))


def test_a_fresh_database_has_the_committed_schema(database_url: str) -> None:
    """What the numbered files make is `schema.sql`, so that a change of the schema is read as a diff."""
    dumped = _dumped(database_url)
    if os.environ.get(UPDATE):
        SNAPSHOT.write_text(dumped, "utf-8")
    assert dumped == SNAPSHOT.read_text("utf-8"), f"run with {UPDATE}=1 and look at the diff"


def test_starters_at_the_same_moment_apply_each_file_once(empty_url: str) -> None:
    """Of several that start on an empty database one applies all files, and all return with the schema in place."""
    with ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(migrate.upgrade, [empty_url] * 4))
    assert sorted(applied, key=len) == [[], [], [], _files()]
    with connect(empty_url, name="test") as conn:
        assert schema.pending(conn) == []
        schema.require_current(conn)


def test_an_older_schema_is_named_with_the_command_that_brings_it_up(empty_url: str) -> None:
    """What is not applied yet is listed, and `upgrade` applies just that."""
    with connect(empty_url, name="test") as conn:
        assert schema.pending(conn) == _files()
        with pytest.raises(SetupError, match=rf"older than this Takt .*{_files()[0]}") as caught:
            schema.require_current(conn)
    assert "mes db upgrade" in caught.value.remedy
    assert migrate.upgrade(empty_url) == _files()
    assert migrate.upgrade(empty_url) == []


def test_a_newer_schema_is_left_alone(database_url: str) -> None:
    """A database that a newer Takt has upgraded is refused in one sentence, by whoever asks."""
    with connect(database_url, name="test") as conn:
        conn.execute("update alembic_version set version_num = '9999'")
        conn.commit()
        for ask in (lambda: migrate.upgrade(database_url), lambda: schema.require_current(conn)):
            with pytest.raises(SetupError, match=r"9999.* is newer than this Takt") as caught:
                ask()
            assert "\n" not in str(caught.value)


def test_a_database_that_holds_something_else_is_refused_whole(empty_url: str) -> None:
    """What cannot be made is named with what it needs, and nothing half-made is left."""
    with psycopg.connect(empty_url) as conn:
        conn.execute("create table lease (car text)")
    with pytest.raises(SetupError, match=r'cannot be made .relation "lease" already exists') as caught:
        migrate.upgrade(empty_url)
    assert "TimescaleDB" in caught.value.remedy
    with connect(empty_url, name="test") as conn:
        assert schema.current(conn) is None
        assert conn.execute("select to_regclass('clock')").fetchone() == (None,)


def test_a_database_that_is_away_is_one_sentence() -> None:
    """Nobody meets the driver's own error."""
    with pytest.raises(UnavailableError, match="does not answer") as caught:
        migrate.upgrade(f"postgresql://mes@127.0.0.1:{processes.free_port()}/mes")
    assert "\n" not in str(caught.value)
