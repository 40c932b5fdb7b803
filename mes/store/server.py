"""What the database server says about itself; read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from mes.errors import SetupError
from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Versions, edition (`apache` or `timescale`), durability, size; `timescaledb` is empty where it is missing.

    `for_tests`: it says itself that it is a test's, and so may lose what was committed.
    """

    version: str
    timescaledb: str
    edition: str
    fsync: bool
    full_page_writes: bool
    synchronous_commit: bool
    size_mb: int
    knows_zones: bool
    for_tests: bool

    @property
    def profile(self) -> str:
        """`durable` when a commit survives a power cut, else `fast`."""
        return "durable" if self.fsync and self.full_page_writes and self.synchronous_commit else "fast"


def server_facts(conn: Connection) -> ServerFacts:
    """What this server is."""
    with conn.cursor(row_factory=class_row(ServerFacts)) as cur:
        facts = cur.execute(
            """
            select current_setting('server_version') as version,
                   coalesce((select extversion from pg_extension where extname = 'timescaledb'), '') as timescaledb,
                   coalesce(current_setting('timescaledb.license', true), '') as edition,
                   current_setting('fsync') = 'on' as fsync,
                   current_setting('full_page_writes') = 'on' as full_page_writes,
                   current_setting('synchronous_commit') <> 'off' as synchronous_commit,
                   (pg_database_size(current_database()) / 1000000)::int as size_mb,
                   exists (select from pg_timezone_names where name = 'Asia/Shanghai') as knows_zones,
                   coalesce(current_setting('takt.profile', true), '') = 'fast' as for_tests
            """
        ).fetchone()
    assert facts is not None
    return facts


def require_keeping(conn: Connection) -> None:
    """Raises SetupError for a server that may lose what it has committed, unless it is a test's."""
    facts = server_facts(conn)
    if not (facts.for_tests or (facts.fsync and facts.synchronous_commit)):
        raise SetupError(
            "The database may lose what it has committed, so no device is thanked on its word",
            remedy="Set fsync and synchronous_commit to on at the database server.",
        )


def connected_programs(conn: Connection) -> frozenset[str]:
    """What others connected to this database call themselves."""
    rows = conn.execute(
        "select application_name from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    ).fetchall()
    return frozenset(str(row[0]) for row in rows)


def server_time(conn: Connection) -> datetime:
    """What the server's clock says; housekeeping, never plant time."""
    row = conn.execute("select clock_timestamp()").fetchone()
    assert row is not None
    at: datetime = row[0]
    return at
