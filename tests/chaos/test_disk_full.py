"""P14: a real small disk fills under the database: values stop in time, counts go on, the database never meets the end.

The short form, within every test run, is `tests/collectors/test_ration.py`.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.chaos.disk import Disk
from tests.chaos.test_kills import Device, Site
from tests.collectors.conftest import eventually

SIZE_MB = 1200
WITHIN_S = 120.0


@pytest.fixture
def disk() -> Iterator[Disk]:
    folder = Path(tempfile.mkdtemp(prefix="takt-full-"))
    folder.chmod(0o711)
    disk = Disk(folder, size_mb=SIZE_MB)
    yield disk
    disk.remove()


class Figures:
    """What the plant's database holds, and whether it ever fell."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.started_at = self._one("select pg_postmaster_start_time()::text")

    def _one(self, query: str) -> str:
        with psycopg.connect(self._url) as conn:
            return str(conn.execute(query).fetchone()[0])  # type: ignore[index]

    def counts(self) -> int:
        return int(self._one("select count(*) from signal_sample"))

    def values(self) -> int:
        return int(self._one("select count(*) from value_sample"))

    def percent(self) -> float:
        return float(self._one("select coalesce(max((health ->> 'disk_used_percent')::float), 0) from source_lease"))

    def gaps(self) -> int:
        return int(self._one("select count(*) from gap where why = 'disk' and to_at is not null"))

    def never_fell(self) -> bool:
        return self._one("select pg_postmaster_start_time()::text") == self.started_at


class Furnace(Device):
    """Says a temperature with each count."""

    def body(self) -> str:
        return json.dumps({"good": self.said, "t": self.said / 10, "ts": time.time()})


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_a_disk_that_fills_stops_values_and_nothing_else(disk: Disk, tmp_path: Path) -> None:
    """At 85 % all is stored, at 92 % counts alone, with room again all; every count is stored and the hole is said."""
    site = Site(disk.path / "plant", tmp_path / "home")
    site.collect()
    assert eventually(lambda: site.state() == "running", within_s=WITHIN_S)
    figures, furnace = Figures(site.url), Furnace(site.broker.port)
    try:
        disk.fill(85)
        assert eventually(lambda: figures.percent() >= 80, within_s=WITHIN_S)
        _goes_on(figures.values)
        disk.fill(92)
        assert eventually(lambda: figures.percent() >= 90, within_s=WITHIN_S)
        time.sleep(3)  # what was under way when it was noticed
        before = figures.values()
        _goes_on(figures.counts)
        assert figures.values() == before
        assert disk.used_percent() < 99
        disk.lighten()
        _goes_on(figures.values)
    finally:
        furnace.stop()
    assert eventually(lambda: site.stored() == list(range(furnace.said)), within_s=WITHIN_S)
    furnace.leave()
    assert eventually(lambda: figures.gaps() >= 1, within_s=WITHIN_S)
    assert figures.never_fell()
    print(f"{furnace.said} counts stored, {figures.values()} values, {figures.gaps()} gaps say what is missing")
    site.end()


def _goes_on(count: Callable[[], int]) -> None:
    enough = count() + 1000
    assert eventually(lambda: count() > enough, within_s=WITHIN_S)
