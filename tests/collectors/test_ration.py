"""A disk that fills: signals go on, process values stop in time, and the hole is said."""

from __future__ import annotations

import time
from pathlib import Path

import paho.mqtt.client as paho

from collectors.batch import Part
from collectors.ration import NOTE_US, Ration, used_percent
from collectors.source import GapNote
from mes.store.sample import Rows
from tests.collectors.conftest import Plant, Start, counts, eventually, say


class Disk:
    """A disk as full as it is told to be."""

    def __init__(self) -> None:
        self.percent = 10.0
        self.ration = Ration(lambda: self.percent)

    def fill(self, percent: float) -> Ration:
        self.percent = percent
        self.ration.look()
        return self.ration


def part(at: int) -> Part:
    return Part("s", 1, rows=Rows(signals=[b"s"], values=[b"v", b"w"]), received_at=at)


def test_values_stop_at_ninety_percent_and_go_on_below_eighty_eight() -> None:
    """Neither at 89 on the way up nor at 89 on the way down does anything change."""
    disk = Disk()
    assert [disk.fill(p).is_short for p in (79, 85, 89, 90, 95, 89, 87, 89)] == [
        False, False, False, True, True, True, False, False,
    ]  # fmt: skip


def test_signals_pass_and_the_hole_is_written_when_it_ends() -> None:
    """What was not stored is one gap with its count once there is room again."""
    disk = Disk()
    disk.fill(91)
    first, second, third = part(1_000), part(2_000), part(3_000)
    disk.ration.apply([first])
    disk.ration.apply([second])
    assert [(p.rows.signals, p.rows.values, p.gaps) for p in (first, second)] == [([b"s"], [], [])] * 2
    disk.fill(50)
    disk.ration.apply([third])
    assert third.rows.values == [b"v", b"w"]
    assert third.gaps == [GapNote(1_000, 2_000, "disk", "the disk is nearly full: 4 process values were not stored")]


def test_a_hole_that_lasts_is_written_piece_by_piece() -> None:
    """Nobody has to wait for the end to see it."""
    disk = Disk()
    disk.fill(91)
    parts = [part(0), part(NOTE_US), part(NOTE_US + 5)]
    for one in parts:
        disk.ration.apply([one])
    assert [[(g.from_at, g.to_at) for g in p.gaps] for p in parts] == [[], [(0, NOTE_US)], []]


def test_the_fullest_disk_counts(tmp_path: Path) -> None:
    """A folder that is not on this machine is passed over."""
    assert 0 < used_percent([tmp_path, Path("/nowhere/at/all")]) < 100
    assert used_percent([Path("/nowhere/at/all")]) == 0


def test_a_running_collector_keeps_counting_on_a_full_disk(
    plant: Plant, collect: Start, mqtt_url: str, device: paho.Client
) -> None:
    """Counts are stored, process values are not, and a gap of kind `disk` says so afterwards."""
    plant.apply(counts(mqtt_url, "r/full"))
    collector = collect()
    assert eventually(lambda: plant.state("b1") == "running")
    measure, collector._ration._measure = collector._ration._measure, lambda: 95.0
    assert eventually(lambda: collector._ration.is_short)
    say(device, "r/full", {"good": 1, "t": 1.5, "ts": time.time()})
    assert eventually(lambda: plant.values("M1/good_total") == [1])
    assert eventually(lambda: plant.health("b1").get("disk_used_percent") == 95)
    collector._ration._measure = measure
    assert eventually(lambda: not collector._ration.is_short)
    say(device, "r/full", {"good": 2, "t": 2.5, "ts": time.time()})
    assert eventually(lambda: plant.values("M1/value:t", "value_sample") == [2.5])
    assert eventually(lambda: plant.rows("select why from gap where why = 'disk'") == [("disk",)])
    assert plant.values("M1/good_total") == [1, 2]
