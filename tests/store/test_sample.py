"""Samples in the database: stored once, in the right columns, with what has to be booked again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from mes.domain.sample import sample_hash
from mes.store import sample as store
from mes.store.plant import number_tags
from mes.store.touched import take_touched

AT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
US = store.micros(AT)


@pytest.fixture
def tag(conn: psycopg.Connection) -> int:
    return number_tags(conn, ["L/01-M1/good_total"])["L/01-M1/good_total"]


def row(tag: int, value: object, at: int = US, quality: int = 0, **times: int | None) -> bytes:
    given = {"identity": None, "source_at": at, "server_at": None, "received_at": at, **times}
    return store.row(tag, at, value, quality, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (5, (None, 5, None)),
        (True, (None, 1, None)),
        (-(2**63), (None, -(2**63), None)),
        (2**63, (None, None, str(2**63))),
        (1.5, (1.5, None, None)),
        (float("inf"), (float("inf"), None, None)),
        ("运行", (None, None, "运行")),
        ("", (None, None, "")),
        (None, (None, None, None)),
    ],
)
@pytest.mark.parametrize("times", [(US, None), (US, US + 5), (None, US), (None, None)])
def test_a_value_keeps_its_type(conn: psycopg.Connection, tag: int, value: object, stored: tuple, times: tuple) -> None:
    """Each kind of value lands in its column, each time in its own, with the hash the domain gives."""
    source_at, server_at = times
    packed = row(tag, value, quality=2, source_at=source_at, server_at=server_at, received_at=US + 7)
    store.store_batch(conn, store.Rows(signals=[packed]))
    found = conn.execute("select num, int, txt, quality, h, at, source_at, server_at, received_at from signal_sample")
    num, whole, txt, quality, h, *instants = found.fetchone() or ()
    assert (num, whole, txt) == stored
    assert (quality, h) == (2, sample_hash(value, 2))  # type: ignore[arg-type]
    expected = [US, source_at, server_at, US + 7]
    assert instants == [None if t is None else store.instant(t) for t in expected]


def test_the_same_sample_is_stored_once(conn: psycopg.Connection, tag: int) -> None:
    """A replay of a batch, or a double inside one, changes nothing and touches nothing."""
    rows = store.Rows(signals=[row(tag, 1), row(tag, 1), row(tag, 2)], values=[row(tag, 1.5), row(tag, 1.5)])
    first = store.store_batch(conn, rows)
    conn.commit()
    again = store.store_batch(conn, rows)
    assert (first.signals, first.values, first.repeated) == (2, 1, {tag: 2})
    assert (again.signals, again.values, again.machines, again.repeated) == (0, 0, (), {tag: 5})
    assert len(take_touched(conn)) == 1
    conn.commit()
    assert store.store_batch(conn, store.Rows(values=[row(tag, 1.5), row(tag, 2.5)]), by_tag=False).values == 1


def test_touched_names_machines_and_their_stretch(conn: psycopg.Connection, tag: int) -> None:
    """What has to be booked again reaches from the first to the last new sample; codes may hold a slash."""
    store.store_batch(conn, store.Rows(signals=[row(tag, 1)]))
    take_touched(conn)
    store.store_batch(conn, store.Rows(signals=[row(tag, 1), row(tag, 3, US + 60_000_000), row(tag, 2, US + 1)]))
    (touched,) = take_touched(conn)
    assert (touched.kind, touched.keys) == ("station", ["L/01-M1"])
    assert (touched.from_at, touched.to_at) == (AT + timedelta(microseconds=1), AT + timedelta(seconds=60))


def test_process_values_touch_nothing(conn: psycopg.Connection, tag: int) -> None:
    """Booking never reads process values."""
    store.store_batch(conn, store.Rows(values=[row(tag, 20.5)]))
    assert take_touched(conn) == []


def test_pulses_without_time_go_by_their_sequence(conn: psycopg.Connection, tag: int) -> None:
    """A pulse whose sequence is not above the last stored one is a repetition, across transactions."""
    pulses = [(tag, n, row(tag, 1, US + n, identity=n)) for n in (7, 6)]
    assert store.store_batch(conn, store.Rows(pulses=pulses)).signals == 2
    conn.commit()
    late = [(tag, 7, row(tag, 1, US + 900, identity=7)), (tag, 8, row(tag, 1, US + 900, identity=8))]
    stored = store.store_batch(conn, store.Rows(pulses=late))
    assert (stored.signals, stored.repeated) == (1, {tag: 1})


@pytest.mark.parametrize("table", ["signal", "value"])
def test_a_batch_is_stored_without_looking_through_what_is_there(conn: psycopg.Connection, table: str) -> None:
    """The plan reads the staged rows once and asks the unique index for each: no join, no scan of any chunk."""
    store.make_staging(conn)
    query = f"explain insert into {table}_sample select * from staged_{table} on conflict do nothing"
    plan = [line for (line,) in conn.execute(query).fetchall()]
    nodes = [line.strip().removeprefix("->").strip().partition("  (")[0] for line in plan]
    ours = {"Custom Scan (HypertableModify)", "Custom Scan (ChunkDispatch)", f"Insert on {table}_sample"}
    assert [node for node in nodes if node not in ours] == [
        "Conflict Resolution: NOTHING",
        f"Seq Scan on staged_{table}",
    ]
