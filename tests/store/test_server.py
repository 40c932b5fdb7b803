"""What is asked of a database server."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from mes.errors import SetupError
from mes.store.pool import connect
from mes.store.server import require_keeping


def _set(url: str, name: str, value: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        database = sql.Identifier(conn.info.dbname)
        conn.execute(sql.SQL("alter database {} set {} = {}").format(database, sql.SQL(name), sql.Literal(value)))


def test_a_server_that_may_lose_commits_is_refused_unless_it_is_a_tests(database_url: str) -> None:
    """No device is thanked on the word of a careless server; a test's says of itself that it is one."""
    _set(database_url, "synchronous_commit", "off")
    _set(database_url, "takt.profile", "fast")
    with connect(database_url, name="test") as conn:
        require_keeping(conn)
    _set(database_url, "takt.profile", "durable")
    with connect(database_url, name="test") as conn, pytest.raises(SetupError, match="may lose") as caught:
        require_keeping(conn)
    assert "synchronous_commit" in caught.value.remedy
