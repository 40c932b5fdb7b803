"""P13: somebody sets the collector's clock by two hours, forth and back: nothing is lost, nothing changes places.

The collector runs under libfaketime, fetched by this machine's own apt. Its short form, within every test run, is
`tests/collectors/test_post.py::test_a_step_of_the_machines_clock_is_not_followed_at_once`.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from tests.collectors.conftest import Plant, eventually, plant_document, say
from tests.collectors.process import CollectorProcess

SLEEP = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds)
"""
"""libfaketime 0.9.10 breaks `clock_nanosleep` with a deadline, by which Python sleeps since 3.11."""
STEPS = ("+0", "+2h", "+0", "-2h", "+0")
SAID_MIN = 100
DEVICE_BEHIND_S = 8
WITHIN_S = 120.0


@pytest.fixture(scope="module")
def faketime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that lies about the time."""
    folder = tmp_path_factory.mktemp("faketime")
    subprocess.run(["apt-get", "download", "libfaketime"], cwd=folder, check=True, capture_output=True)
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", package, folder], check=True, capture_output=True)
    return next(folder.rglob("libfaketimeMT.so.1"))


class Clock:
    """The clock of the collector's machine."""

    def __init__(self, folder: Path, library: Path) -> None:
        self._said = folder / "clock"
        self.set("+0")
        (folder / "sitecustomize.py").write_text(SLEEP)
        self.surroundings = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._said),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(folder),
        }

    def set(self, step: str) -> None:
        new = self._said.with_suffix(".new")
        new.write_text(f"{step}\n")
        new.replace(self._said)


@pytest.fixture
def clock(tmp_path: Path, faketime: Path) -> Clock:
    return Clock(tmp_path, faketime)


def document(mqtt_url: str) -> dict[str, Any]:
    """A machine with a clock, one without, and one whose clock is 8 s behind."""
    tags = [
        {"machine": "M1", "signal": "good_total", "topic": "clock/own", "path": "good", "time_path": "ts"},
        {"machine": "M2", "signal": "good_total", "topic": "clock/none", "path": "good"},
        {"machine": "M3", "signal": "good_total", "topic": "clock/behind", "path": "good", "time_path": "ts"},
    ]
    sources = [{"code": f"b{n}", "kind": "mqtt", "url": mqtt_url, "client_id": f"takt-clock-{n}"} for n in (1, 2, 3)]
    told = plant_document(sources[0], tags, *sources[1:])
    told["tag"] = [{**tag, "source": source["code"]} for tag, source in zip(tags, sources, strict=True)]
    return told


class Talk:
    """Devices that count, ten times a second."""

    def __init__(self, device: paho.Client) -> None:
        self.said = 0
        self._device, self._stop = device, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            self.said += 1
            say(self._device, "clock/own", {"good": self.said, "ts": time.time()})
            say(self._device, "clock/none", {"good": self.said})
            say(self._device, "clock/behind", {"good": self.said, "ts": time.time() - DEVICE_BEHIND_S})

    def stop(self) -> int:
        self._stop.set()
        self._thread.join()
        return self.said


@pytest.fixture
def collector(plant: Plant, mqtt_url: str, clock: Clock, tmp_path: Path) -> Iterator[CollectorProcess]:
    plant.apply(document(mqtt_url))
    process = CollectorProcess(plant.url, tmp_path / "home", surroundings=clock.surroundings)
    assert eventually(lambda: [plant.state(f"b{n}") for n in (1, 2, 3)] == ["running"] * 3, within_s=WITHIN_S)
    yield process
    assert process.end() == 0


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_a_stepped_clock_loses_nothing_and_changes_no_order(
    plant: Plant, device: paho.Client, clock: Clock, collector: CollectorProcess
) -> None:
    """Two hours forward, back, two hours back, and right again, while three devices count."""
    talk = Talk(device)
    try:
        for step in STEPS:
            clock.set(step)
            enough = talk.said + SAID_MIN
            assert eventually(lambda enough=enough: talk.said > enough, within_s=WITHIN_S)
            print(f"clock {step}: {talk.said} said")
    finally:
        said = talk.stop()
    expected = list(range(1, said + 1))
    for machine in ("M1", "M2", "M3"):
        assert eventually(lambda m=machine: len(plant.values(f"{m}/good_total")) == said, within_s=WITHIN_S)
        assert plant.values(f"{machine}/good_total") == expected
    assert plant.rows("select count(*) from quarantine") == [(0,)]
    assert plant.rows("select count(*) from signal_sample where abs(extract(epoch from at - now())) > 900") == [(0,)]
    assert eventually(lambda: plant.health("b3").get("is_skewed"), within_s=WITHIN_S)
    assert not plant.health("b1").get("is_skewed")
