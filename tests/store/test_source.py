"""Sources in the database: one owner, gaps opened and closed once, gateways by what they last said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg

from mes.store import source
from mes.store.touched import take_touched

AT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def test_a_lease_has_one_owner_and_its_epoch_rises(conn: psycopg.Connection) -> None:
    """Nobody else gets a held source; the next owner's epoch is higher and the old owner's beats are refused."""
    mine = source.take_source(conn, "plc-1", "a")
    assert mine is not None
    assert source.take_source(conn, "plc-1", "b") is None
    beat = source.Beat("plc-1", mine.epoch, "running", AT, AT, {})
    assert source.renew_sources(conn, "a", [beat]) == {"plc-1"}
    source.release_sources(conn, "a", ["plc-1"])
    conn.commit()
    theirs = source.take_source(conn, "plc-1", "b")
    assert theirs is not None
    assert theirs.epoch == mine.epoch + 1
    assert theirs.heard_at == AT
    assert source.renew_sources(conn, "a", [beat]) == frozenset()
    assert source.owned_sources(conn, "a", {"plc-1": mine.epoch}) == frozenset()
    assert source.owned_sources(conn, "b", {"plc-1": theirs.epoch}) == {"plc-1"}


def test_a_gap_is_opened_once_and_closed_once(conn: psycopg.Connection) -> None:
    """A second opening changes nothing; closing ends it not before it began; its machines are booked again."""
    lease = source.take_source(conn, "plc-1", "a")
    assert lease is not None
    gap = source.Gap("plc-1", AT, "network")
    assert source.insert_gap(conn, gap, epoch=lease.epoch, machines=["M1"])
    assert not source.insert_gap(conn, gap, epoch=lease.epoch, machines=["M1"])
    assert source.close_gap(conn, "plc-1", to_at=AT - timedelta(seconds=5), epoch=lease.epoch, machines=["M1"])
    assert not source.close_gap(conn, "plc-1", to_at=AT, epoch=lease.epoch, machines=["M1"])
    assert conn.execute("select from_at, to_at, why from gap").fetchall() == [(AT, AT, "network")]
    assert [t.why for t in take_touched(conn)] == ["gap network", "gap closed"]


def test_an_old_owner_writes_no_gap(conn: psycopg.Connection) -> None:
    """Gap rows are fenced by the epoch."""
    lease = source.take_source(conn, "plc-1", "a")
    assert lease is not None
    assert not source.insert_gap(conn, source.Gap("plc-1", AT, "network"), epoch=lease.epoch - 1, machines=["M1"])
    assert take_touched(conn) == []


def test_a_gateway_is_known_by_its_last_message(conn: psycopg.Connection) -> None:
    """Counters add up, the message number never falls, and what it said before is told."""
    assert source.note_gateway(conn, "gw", 5, AT, {"heard": 2}, owned_s=60) is None
    later = AT + timedelta(seconds=9)
    assert source.note_gateway(conn, "gw", 4, later, {"heard": 1, "repeated": 1}, owned_s=60) == source.GatewayWord(
        5, AT
    )
    health, heard_at, since_at = conn.execute("select health, heard_at, since_at from source_lease").fetchone() or ()
    assert (health["sequence"], health["counts"]) == (5, {"heard": 3, "repeated": 1})
    assert (heard_at, since_at) == (later, AT)
