"""One owner per source: stand-by, take-over, and what a stopped owner finds when it wakes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from collectors.lease import is_ours
from collectors.silence import Silence
from collectors.source import GapNote
from mes.settings import Settings
from tests.collectors.conftest import Plant, Start, counts, eventually, say


def owner(plant: Plant) -> tuple[str, int]:
    found = plant.rows("select owner, epoch from source_lease where source = 'b1'")
    return found[0] if found else ("", 0)


def test_a_stand_by_takes_over_when_the_owner_leaves(
    plant: Plant, collect: Start, mqtt_url: str, device: paho.Client, tmp_path: Path
) -> None:
    """Of two collectors one hears a source; when it stops the other goes on, with a higher epoch and no loss."""
    plant.apply(counts(mqtt_url, "l/standby"))
    first = collect()
    assert eventually(lambda: plant.state("b1") == "running")
    before = owner(plant)
    collect(home=tmp_path / "second")
    time.sleep(2.5)
    assert owner(plant) == before
    first.stop()
    say(device, "l/standby", {"good": 1, "ts": time.time()})
    assert eventually(lambda: owner(plant)[1] == before[1] + 1)
    assert eventually(lambda: plant.values("M1/good_total") == [1])


@pytest.fixture
def process(settings: Settings, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A collector as a process of its own, that may be stopped and killed."""
    environment = {**os.environ, "MES_HOME": str(tmp_path / "process"), "MES_DATABASE_URL": settings.database_url}
    code = "from collectors.supervisor import main; from mes.settings import load_settings; main(load_settings())"
    child = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL)
    yield child
    if child.poll() is None:
        child.send_signal(signal.SIGKILL)
    child.communicate()


def test_a_stopped_owner_is_fenced_when_it_wakes(
    plant: Plant, collect: Start, process: subprocess.Popen[bytes], mqtt_url: str, device: paho.Client
) -> None:
    """SIGSTOP, take-over, SIGCONT: the new owner keeps the source, the old stands by, samples are stored once."""
    plant.apply(counts(mqtt_url, "l/stopped"))
    assert eventually(lambda: plant.state("b1") == "running")
    before = owner(plant)
    process.send_signal(signal.SIGSTOP)
    collect()
    assert eventually(lambda: owner(plant)[0] != before[0])
    taken = owner(plant)
    say(device, "l/stopped", {"good": 1, "ts": time.time()})
    assert eventually(lambda: plant.values("M1/good_total") == [1])
    process.send_signal(signal.SIGCONT)
    time.sleep(3)
    say(device, "l/stopped", {"good": 2, "ts": time.time()})
    assert eventually(lambda: plant.values("M1/good_total") == [1, 2])
    assert owner(plant) == taken
    assert eventually(lambda: plant.state("b1") == "running")


def test_a_killed_collector_leaves_no_hole(
    plant: Plant, collect: Start, process: subprocess.Popen[bytes], mqtt_url: str, device: paho.Client
) -> None:
    """kill -9 between hearing and storing: what was not acknowledged is said again to the next owner."""
    plant.apply(counts(mqtt_url, "l/killed"))
    assert eventually(lambda: plant.state("b1") == "running")
    now = time.time()
    for n in range(300):
        device.publish("l/killed", f'{{"good": {n}, "ts": {now + n / 1000}}}', qos=1)
        if n == 150:
            process.send_signal(signal.SIGKILL)
    collect()
    assert eventually(lambda: len(plant.values("M1/good_total")) == 300)
    assert plant.values("M1/good_total") == list(range(300))


def test_sigterm_drains_and_gives_back(plant: Plant, process: subprocess.Popen[bytes], mqtt_url: str) -> None:
    """SIGTERM ends the process by itself, and the lease is free at once."""
    plant.apply(counts(mqtt_url, "l/term"))
    assert eventually(lambda: plant.state("b1") == "running")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert plant.rows("select expires_at <= now() from source_lease") == [(True,)]


def test_shards_divide_the_sources() -> None:
    """Every source belongs to exactly one shard."""
    for source in ("plc-1", "broker-1", "产线", "x"):
        assert [is_ours(source, (i, 3)) for i in (1, 2, 3)].count(True) == 1


@pytest.mark.parametrize(
    ("kept_all", "notes"),
    [(False, [GapNote(100, 200, "collector", "nobody collected")]), (True, [])],
)
def test_an_absence_is_one_whole_gap(kept_all: bool, notes: list[GapNote]) -> None:
    """A returning collector writes its own absence from when anybody last heard, unless all was kept for it."""
    assert Silence(absent_since=100, is_open=False).ended(200, kept_all=kept_all) == notes


def test_a_silence_is_said_once_and_ended_once() -> None:
    """It begins when the source was last heard; kept samples shrink it to nothing; the first is never heard of."""
    silence = Silence(absent_since=None, is_open=False)
    assert silence.ended(5, kept_all=False) == []
    silence.began(10, "network", "cut")
    assert silence.announce() == [GapNote(10, None, "network", "cut")]
    assert silence.announce() == []
    assert silence.ended(30, kept_all=True) == [GapNote(None, 10, "network")]
    silence.began(40, "session", "gone")
    assert silence.ended(50, kept_all=False) == [GapNote(40, 50, "session", "gone")]
