"""What becomes of batches when the database goes, hangs, refuses rows, or nobody takes anything."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import psycopg
import pytest
from structlog.testing import capture_logs

from collectors.batch import Part
from collectors.blobs import blobs_of, part_of, taken_apart
from collectors.depot import AwayError, BadRowsError, Depot, Door, FencedError
from collectors.source import GapNote
from mes.store.plant import number_tags
from mes.store.sample import Rows, SetAside, instant, row
from mes.store.source import take_source
from tests.collectors.conftest import Plant, Proxy, Start, counts, eventually, say

US = 1_767_571_200_000_000


def test_an_outage_of_the_database_loses_nothing(
    plant: Plant, collect: Start, mqtt_url: str, device: paho.Client, database_proxy: tuple[Proxy, str]
) -> None:
    """While it is away samples are spooled and acknowledged; afterwards everything is there, once."""
    proxy, url = database_proxy
    plant.apply(counts(mqtt_url, "w/away"))
    collect(database_url=url)
    assert eventually(lambda: plant.state("b1") == "running")
    now = time.time()
    say(device, "w/away", {"good": 0, "t": 1.5, "ts": now})
    assert eventually(lambda: plant.values("M1/good_total") == [0])
    proxy.set("cut")
    for n in range(1, 200):
        say(device, "w/away", {"good": n, "t": n / 2, "ts": now + n / 1000})
    time.sleep(1)
    assert plant.values("M1/good_total") == [0]
    proxy.set("pass")
    assert eventually(lambda: len(plant.values("M1/good_total")) == 200)
    assert plant.values("M1/good_total") == list(range(200))
    assert eventually(lambda: len(plant.values("M1/value:t", "value_sample")) == 200)
    say(device, "w/away", {"good": 500, "ts": time.time()})
    assert eventually(lambda: 500 in plant.values("M1/good_total"))
    assert plant.rows("select count(*) from source_lease where state = 'running'") == [(1,)]


def test_a_hanging_database_is_cut_off(
    plant: Plant,
    collect: Start,
    mqtt_url: str,
    device: paho.Client,
    database_proxy: tuple[Proxy, str],
) -> None:
    """A statement that never returns does not hold samples up: they go into the spool."""
    proxy, url = database_proxy
    plant.apply(counts(mqtt_url, "w/hang"))
    collector = collect(database_url=url)
    collector._writer._depot.hangs_s_max = 1.0
    assert eventually(lambda: plant.state("b1") == "running")
    proxy.set("black_hole")
    say(device, "w/hang", {"good": 7, "ts": time.time()})
    assert eventually(lambda: collector._writer.figures.spooled >= 1)
    proxy.set("pass")
    assert eventually(lambda: plant.values("M1/good_total") == [7])


def test_spooled_samples_survive_a_restart(
    plant: Plant, collect: Start, mqtt_url: str, device: paho.Client, database_proxy: tuple[Proxy, str]
) -> None:
    """What was acknowledged while the database was away is stored by the next process."""
    proxy, url = database_proxy
    plant.apply(counts(mqtt_url, "w/restart"))
    first = collect(database_url=url)
    assert eventually(lambda: plant.state("b1") == "running")
    proxy.set("cut")
    say(device, "w/restart", {"good": 3, "ts": time.time()})
    assert eventually(lambda: first._writer.figures.spooled >= 1)
    first.stop()
    assert eventually(lambda: not first._writer._thread.is_alive())
    assert plant.values("M1/good_total") == []
    collect()
    assert eventually(lambda: plant.values("M1/good_total") == [3])


def test_nobody_is_thanked_when_nothing_takes_samples(
    plant: Plant,
    collect: Start,
    mqtt_url: str,
    device: paho.Client,
    database_proxy: tuple[Proxy, str],
) -> None:
    """With the database away and the spool full messages stay unacknowledged, and are stored when either is back."""
    proxy, url = database_proxy
    plant.apply(counts(mqtt_url, "w/full"))
    collector = collect(database_url=url)
    for spool in collector._drainer._spools:
        spool._disk_free_bytes_min = 1 << 60
    assert eventually(lambda: plant.state("b1") == "running")
    proxy.set("cut")
    say(device, "w/full", {"good": 9, "ts": time.time()})
    assert eventually(lambda: collector._writer.figures.is_stuck)
    proxy.set("pass")
    assert eventually(lambda: plant.values("M1/good_total") == [9])
    assert not collector._writer.figures.is_stuck


@pytest.fixture
def depot(database_url: str) -> Depot:
    return Depot(database_url, name="test", owner="me", machines=lambda _source, _tag: ("M1",))


@pytest.fixture
def part(conn: psycopg.Connection) -> Part:
    """A part of source `s`, which `me` owns."""
    tag = number_tags(conn, ["M1/state"])["M1/state"]
    lease = take_source(conn, "s", "me")
    conn.commit()
    assert lease is not None
    rows = [row(tag, US + n, "RUN", 0, None, None, None, US) for n in range(5)]
    return Part("s", lease.epoch, rows=Rows(signals=rows), first_at=US, last_at=US + 4, received_at=US)


def stored(conn: psycopg.Connection) -> int:
    conn.rollback()
    return conn.execute("select count(*) from signal_sample").fetchone()[0]  # type: ignore[index]


def test_live_batches_are_fenced_but_spooled_ones_are_not(conn: psycopg.Connection, depot: Depot, part: Part) -> None:
    """After a take-over the old owner's live batch is refused whole; what lies in its spool still counts."""
    conn.execute("update source_lease set owner = 'other', epoch = epoch + 1")
    conn.commit()
    with pytest.raises(FencedError) as refused:
        depot.store([part], fence=True)
    assert refused.value.sources == {"s"}
    assert stored(conn) == 0
    assert depot.store([part], fence=False).signals == 5
    depot.close()


def test_what_was_there_already_is_counted_for_its_source(
    conn: psycopg.Connection, database_url: str, part: Part
) -> None:
    """Of a batch of two sources each is told its own; of a batch of one, without asking which tags they were."""
    counted: list[tuple[str, str, int]] = []
    known = number_tags(conn, ["M2/value:t", "M2/value:u"])
    numbers = [known["M2/value:t"], known["M2/value:u"]]
    conn.commit()
    other = Part("z", 1, received_at=US)
    other.rows.values += [row(number, US, 1.5, 0, None, US, None, US) for number in numbers]
    depot = Depot(
        database_url,
        name="test",
        owner="me",
        machines=lambda _source, _tag: (),
        source_of=lambda tag_id: "z" if tag_id in numbers else "s",
        counted=lambda *what: counted.append(what),
    )
    depot.store([part, other], fence=False)
    assert counted == []
    depot.store([other, part], fence=False)
    assert sorted(counted) == [("s", "repeated", 5), ("z", "repeated", 2)]
    depot.store([other], fence=False)
    assert counted[2:] == [("z", "repeated", 2)]
    depot.close()


def test_an_insert_that_waits_too_long_is_ended_by_the_server(
    conn: psycopg.Connection, depot: Depot, part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a lock nobody gives up: the database counts as away, nothing goes on there, and the next try is stored."""
    monkeypatch.setattr("collectors.depot.STATEMENT_MS_MAX", 200)
    conn.execute("lock table signal_sample in exclusive mode")
    with pytest.raises(AwayError, match="statement timeout"):
        depot.store([part], fence=True)
    waiting = conn.execute(
        """
        select from pg_locks join pg_database on pg_database.oid = database and datname = current_database()
        where relation = 'signal_sample'::regclass and not granted
        """
    )
    assert waiting.fetchall() == []
    conn.rollback()
    monkeypatch.undo()
    depot.store([part], fence=True)
    assert stored(conn) == 5
    depot.close()


def test_rows_the_database_refuses_are_set_aside(conn: psycopg.Connection, depot: Depot, part: Part) -> None:
    """One bad row among many: it is quarantined with the reason, the rest is stored."""
    bad = part.rows.signals[2].replace(b"RUN", b"R\0N")
    part.rows.signals[2] = bad
    with pytest.raises(BadRowsError):
        depot.store([part], fence=True)
    good = depot.without_bad(part, "zero byte")
    assert depot.store([good], fence=True).signals == 4
    assert conn.execute("select source, why, payload from quarantine").fetchall() == [("s", "database", bad)]
    depot.close()


def test_blobs_are_parts_again(conn: psycopg.Connection, depot: Depot, part: Part) -> None:
    """Signals, values, pulses, quarantine and gaps come out of the spool as they went in."""
    tag = number_tags(conn, ["M1/state"])["M1/state"]
    part.rows.values.append(row(tag, US, 1.5, 0, None, None, None, US))
    part.rows.pulses.append((tag, 7, row(tag, US + 9, 1, 0, 7, None, None, US)))
    part.set_aside.append(SetAside("s", instant(US), "json", "broken", "t", b"\xff", {"at": 1}))
    part.gaps.append(GapNote(US, US + 1, "overflow", "x", tag))
    blobs = blobs_of(part)
    parts = [taken_apart(part_of(blob)) for blob in blobs]
    assert [b.kind for b in blobs] == ["signal", "pulse", "value", "note"]
    assert [row for p in parts for row in p.rows.signals] == part.rows.signals
    assert parts[1].rows.pulses == part.rows.pulses
    assert parts[2].rows.values == part.rows.values
    assert (parts[3].set_aside, parts[3].gaps) == (part.set_aside, part.gaps)
    assert depot.store(parts, fence=False).signals == 6
    depot.close()


def test_away_is_another_word_than_refused() -> None:
    """A database that does not answer is away."""
    depot = Depot("postgresql://nobody@127.0.0.1:1/none", name="t", owner="me", machines=lambda _s, _t: ())
    with pytest.raises(AwayError):
        depot.store([Part("s", 1)], fence=False)


def test_the_database_is_said_to_be_lost_once_and_back_once() -> None:
    """However many batches find it away meanwhile, and however many find it back."""
    door = Door()
    with capture_logs() as said:
        for _ in range(100):
            door.lost(AwayError("no answer"))
        for _ in range(100):
            door.back()
    assert [line["event"] for line in said] == ["database lost; samples go into the spool", "database back"]


def test_two_collectors_have_two_spools(collect: Start, settings: Any, tmp_path: Path) -> None:
    """Collectors in one home do not share a spool file."""
    first, second = collect(), collect()
    paths = {collector._drainer._spools[0].path.name for collector in (first, second)}
    assert paths == {"1.sqlite", "2.sqlite"}
