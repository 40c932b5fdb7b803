"""Who failed to sign in, and until when they have to wait. Runs on machine time; names are kept as hashes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class Failures:
    """How often somebody failed, when last, and until when nothing of theirs is looked at."""

    count: int
    failed_at: datetime
    wait_until: datetime


def find_failures(conn: Connection, who_sha256: str) -> Failures | None:
    """What is held against somebody; None is nothing."""
    with conn.cursor(row_factory=class_row(Failures)) as cur:
        return cur.execute(
            "select count, failed_at, wait_until from sign_in_failure where who_sha256 = %(who)s", {"who": who_sha256}
        ).fetchone()


def save_failures(conn: Connection, who_sha256: str, failures: Failures) -> None:
    """Hold this against somebody from now on."""
    conn.execute(
        """
        insert into sign_in_failure (who_sha256, count, failed_at, wait_until)
        values (%(who)s, %(count)s, %(failed_at)s, %(wait_until)s)
        on conflict (who_sha256) do update
        set count = excluded.count, failed_at = excluded.failed_at, wait_until = excluded.wait_until
        """,
        {
            "who": who_sha256,
            "count": failures.count,
            "failed_at": failures.failed_at,
            "wait_until": failures.wait_until,
        },
    )


def drop_failures(conn: Connection, *, who_sha256: str | None = None, before: datetime | None = None) -> int:
    """Forget what is held against somebody, or all that is older; how much."""
    return conn.execute(
        "delete from sign_in_failure where who_sha256 = %(who)s or failed_at < %(before)s",
        {"who": who_sha256, "before": before},
    ).rowcount
