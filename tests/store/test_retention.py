"""What is kept how long, and how small."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from mes.store import retention
from mes.store.plant import number_tags
from mes.store.sample import Rows, micros, row, store_batch

NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)


@pytest.fixture
def days(conn: psycopg.Connection) -> psycopg.Connection:
    """A signal and a value on each of ten days."""
    tag = number_tags(conn, ["M1/state"])["M1/state"]
    at = [micros(NOW - timedelta(days=n)) for n in range(10)]
    rows = [row(tag, one, n, 0, None, one, None, one) for n, one in enumerate(at)]
    store_batch(conn, Rows(signals=rows, values=rows))
    return conn


def _count(conn: psycopg.Connection, table: str) -> int:
    query = sql.SQL("select count(*) from {}").format(sql.Identifier(table))
    return conn.execute(query).fetchone()[0]  # type: ignore[index]


def test_what_is_older_than_the_window_is_dropped_in_whole_chunks(days: psycopg.Connection) -> None:
    """Signals by the day, values by two hours; what lies in a chunk that reaches into the window stays."""
    assert retention.drop_samples(days, "value_sample", NOW - timedelta(days=7)) == 2
    assert retention.drop_samples(days, "signal_sample", NOW - timedelta(days=7)) == 2
    assert (_count(days, "value_sample"), _count(days, "signal_sample")) == (8, 8)
    assert retention.drop_samples(days, "value_sample", NOW - timedelta(days=7)) == 0


def test_no_other_table_is_touched(conn: psycopg.Connection) -> None:
    """A name that is no sample table is refused."""
    for forget in (retention.drop_samples, retention.compress_next):
        with pytest.raises(ValueError, match="no sample table"):
            forget(conn, "audit", NOW)


def test_an_edition_that_cannot_compress_is_left_alone(days: psycopg.Connection) -> None:
    """The server is asked what it may do; the Apache edition keeps its rows as they are."""
    assert retention.edition(days) == "apache"
    assert retention.compress_next(days, "value_sample", NOW) is None
    assert _count(days, "value_sample") == 10


@pytest.mark.parametrize("table", retention.SAMPLE_TABLES)
def test_an_edition_that_can_is_told_how(days: psycopg.Connection, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """This server understands what it is told, down to its own word that its licence does not allow it."""
    monkeypatch.setattr(retention, "edition", lambda _conn: "timescale")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match='not supported under the current "apache" license'):
        retention.compress_next(days, table, NOW)
