"""Connections, and the one `transaction()`: what an edge opens, everything below only uses.

Store functions take a `Connection` and never commit. The edges (architecture, section 4) are the only callers of
`transaction`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from mes.errors import UnavailableError

Connection = psycopg.Connection[Any]
Pool = ConnectionPool[Connection]

CONNECT_TIMEOUT_S = 5
TCP_USER_TIMEOUT_MS = 10_000
RETRYABLE = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure, psycopg.errors.LockNotAvailable)
AWAY = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
"""What is raised when the database is away rather than displeased."""


def _options(name: str) -> dict[str, Any]:
    return {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": name,
        "tcp_user_timeout": TCP_USER_TIMEOUT_MS,
        "options": "-c timezone=UTC",
    }


def open_pool(url: str, *, name: str, size_max: int = 4) -> Pool:
    """A pool of connections for one process; close it with `pool.close()`."""
    return ConnectionPool(url, min_size=1, max_size=size_max, kwargs=_options(name), open=True, name=name, timeout=10)


def connect(url: str, *, name: str) -> Connection:
    """One connection of one's own. Raises UnavailableError when the database does not answer."""
    try:
        return psycopg.connect(url, **_options(name))
    except psycopg.OperationalError as error:
        raise away(str(error)) from error


def ping(conn: Connection) -> None:
    """Have the server say one word. Raises one of `AWAY` when it does not."""
    conn.execute("select 1")


def away(said: str) -> UnavailableError:
    """The sentence for a connection that was not made: a server that is away is another thing than one that refuses."""
    reason = (said.strip() or "no reason given").splitlines()[0]
    _, refused, why = reason.partition("FATAL:")
    if refused and "database system is" not in why:
        return UnavailableError(
            f"The database refuses the connection: {why.strip()}",
            remedy="Correct MES_DATABASE_URL, or unset it to use the private database.",
        )
    return UnavailableError(
        f"The database does not answer: {reason}", remedy="Start it with `mes db start` or set MES_DATABASE_URL."
    )


@contextmanager
def transaction(pool: Pool) -> Iterator[Connection]:
    """One connection in one transaction: committed at the end, rolled back when anything is raised."""
    with pool.connection() as conn, conn.transaction():
        yield conn


@contextmanager
def snapshot(pool: Pool) -> Iterator[Connection]:
    """One connection that sees one instant of the database and writes nothing."""
    with pool.connection() as conn:
        conn.read_only, conn.isolation_level = True, psycopg.IsolationLevel.REPEATABLE_READ
        try:
            with conn.transaction():
                yield conn
        finally:
            if not conn.closed:
                conn.read_only, conn.isolation_level = None, None
