"""What is kept how long, and how small: the only place where samples are forgotten, whole chunks at a time."""

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


def compress_next(conn: Connection, table: str, before: datetime) -> str | None:
    """Compress the oldest chunk of a sample table that ends before an instant; its name, None when none is left.

    Only the community edition of TimescaleDB can: the other is asked and left alone. One chunk a transaction, so that
    nobody waits long for it; what is late is still stored in it. Rows take about a fourteenth.
    """
    if table not in SAMPLE_TABLES:
        raise ValueError(f"{table} is no sample table")
    if edition(conn) != "timescale":
        return None
    conn.execute("set local lock_timeout = '2s'")
    _make_compressible(conn, table)
    found = conn.execute(
        """
        select format('%%I.%%I', chunk_schema, chunk_name) from timescaledb_information.chunks
        where hypertable_schema = current_schema() and hypertable_name = %(table)s
          and not is_compressed and range_end < %(before)s
        order by range_start limit 1
        """,
        {"table": table, "before": before},
    ).fetchone()
    if found is None:
        return None
    conn.execute("select compress_chunk(%(chunk)s::regclass)", {"chunk": found[0]})
    return str(found[0])


def edition(conn: Connection) -> str:
    """What this server's TimescaleDB may do: `apache` or `timescale`."""
    row = conn.execute("select current_setting('timescaledb.license', true)").fetchone()
    return str(row[0]) if row and row[0] else "apache"


def _make_compressible(conn: Connection, table: str) -> None:
    """Once: by tag, in the order samples are read in."""
    query = "select compression_enabled from timescaledb_information.hypertables where hypertable_name = %(table)s"
    row = conn.execute(query, {"table": table}).fetchone()
    if row is None or row[0]:
        return
    statement = sql.SQL(
        """
        alter table {} set (timescaledb.compress, timescaledb.compress_segmentby = 'tag_id',
                            timescaledb.compress_orderby = 'at, h')
        """
    )
    conn.execute(statement.format(sql.Identifier(table)))
