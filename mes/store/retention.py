"""What is kept how long: the only place where samples are forgotten, whole chunks at a time."""

from __future__ import annotations

from datetime import datetime

from psycopg import sql

from mes.store.pool import Connection

SAMPLE_TABLES = ("signal_sample", "value_sample")


def drop_samples(conn: Connection, table: str, before: datetime) -> int:
    """Drop the chunks of a sample table that end before an instant of plant time; how many chunks went."""
    if table not in SAMPLE_TABLES:
        raise ValueError(f"{table} is no sample table")
    statement = sql.SQL("select count(*) from drop_chunks({}::regclass, older_than => %(before)s)")
    row = conn.execute(statement.format(sql.Literal(table)), {"before": before}).fetchone()
    assert row is not None
    return int(row[0])
