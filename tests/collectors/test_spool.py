"""The spool: durable, bounded, signals before values, taken over from the dead."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from collectors.spool import Blob, Spool, SpoolFullError, open_spools


def blob(kind: str, body: bytes = b"x" * 10, source: str = "plc-1", rows: int = 1, at: int = 0) -> Blob:
    return Blob(kind, 1, source, 1, rows, at, at, body)  # type: ignore[arg-type]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "1.sqlite", disk_free_bytes_min=0)


def test_signals_are_drained_before_values_and_oldest_first(spool: Spool) -> None:
    """Draining takes signals in the order they came, then process values."""
    spool.append([blob("value", b"v1"), blob("signal", b"s1")])
    spool.append([blob("signal", b"s2"), blob("value", b"v2")])
    drained = []
    while blobs := spool.oldest(rows_max=1):
        drained += [b.body for b in blobs]
        spool.remove(blobs)
    assert drained == [b"s1", b"s2", b"v1", b"v2"]
    assert (spool.rows, spool.bytes) == (0, 0)


def test_what_was_appended_survives_reopening(tmp_path: Path) -> None:
    """A blob is whole and counted again after the process that wrote it is gone."""
    first = Spool(tmp_path / "1.sqlite", disk_free_bytes_min=0)
    first.append([blob("signal", b"\x00\xff", rows=7, at=5)])
    first.close()
    again = Spool(tmp_path / "1.sqlite", disk_free_bytes_min=0)
    (found,) = again.oldest(rows_max=100)
    assert (found.body, found.rows, found.from_at, again.rows, again.bytes) == (b"\x00\xff", 7, 5, 7, 2)


def test_values_go_first_when_it_is_full_and_are_said(tmp_path: Path) -> None:
    """At the bound the oldest process values are dropped for signals, with their source and time."""
    spool = Spool(tmp_path / "1.sqlite", bytes_max=35, disk_free_bytes_min=0)
    spool.append([blob("signal"), blob("value", source="a", rows=3, at=11), blob("value", source="b", at=12)])
    spool.append([blob("signal")])
    dropped = spool.take_dropped()
    assert [(d.source, d.rows, d.from_at) for d in dropped] == [("a", 3, 11), ("b", 1, 12)]
    assert spool.take_dropped() == []
    assert [b.kind for b in spool.oldest(rows_max=9)] == ["signal", "signal"]


def test_it_refuses_when_only_signals_are_left(tmp_path: Path) -> None:
    """Signals are never dropped: a spool full of them refuses, and takes again once drained."""
    spool = Spool(tmp_path / "1.sqlite", bytes_max=25, disk_free_bytes_min=0)
    spool.append([blob("signal"), blob("signal")])
    with pytest.raises(SpoolFullError):
        spool.append([blob("signal"), blob("value", source="late")])
    assert [d.source for d in spool.take_dropped()] == ["late"]
    spool.remove(spool.oldest(rows_max=1))
    spool.append([blob("signal")])
    assert spool.rows == 2


def test_it_leaves_the_disk_some_room(tmp_path: Path) -> None:
    """It refuses long before the disk is full, whatever its own bound."""
    spool = Spool(tmp_path / "1.sqlite", disk_free_bytes_min=1 << 60)
    with pytest.raises(SpoolFullError):
        spool.append([blob("signal")])


def test_an_emptied_spool_gives_its_space_back(spool: Spool) -> None:
    """After draining, the file is small again."""
    for _ in range(8):
        spool.append([blob("value", os.urandom(500_000))])
    grown = spool.path.stat().st_size
    while blobs := spool.oldest(rows_max=3):
        spool.remove(blobs)
    assert spool.path.stat().st_size < grown / 20


def test_a_spool_has_one_process(tmp_path: Path) -> None:
    """A second process gets a spool of its own."""
    first, second = open_spools(tmp_path), open_spools(tmp_path)
    assert [s.path.name for s in (*first, *second)] == ["1.sqlite", "2.sqlite"]


def test_spools_of_the_dead_are_taken_over(tmp_path: Path) -> None:
    """What a process left behind when it was killed is among the spools of the next, locked or not before."""
    code = (
        "import sys, time; from pathlib import Path; from collectors.spool import *\n"
        "s = open_spools(Path(sys.argv[1]))[0]; s.append([Blob('signal', 1, 'plc-1', 1, 1, 0, 0, b'kept')])\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    alive = open_spools(tmp_path)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    after = open_spools(tmp_path)
    assert [b.body for s in after for b in s.oldest(rows_max=9)] == [b"kept"]
    assert [b.body for s in alive for b in s.oldest(rows_max=9)] == []


def test_appends_are_fsynced(spool: Spool) -> None:
    """The journal mode and the fsync level are those that survive a power cut."""
    spool.append([blob("signal")])
    db = sqlite3.connect(spool.path)
    assert db.execute("pragma journal_mode").fetchone() == ("wal",)
    assert spool._db.execute("pragma synchronous").fetchone() == (2,)
    db.close()
