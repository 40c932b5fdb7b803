"""A collector for half an hour, and through an outage of the database: nothing is lost, memory stays flat.

`TAKT_SOAK_SHARE=0.05 make soak` runs a twentieth of the time. The short form of both, within every test run, are
`test_steadily_and_through_an_outage_in_short` here and the outages in `tests/collectors/test_writer.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mes.actions.plant import apply
from mes.actions.record import Deed
from mes.clock import real_clock
from mes.formats.plant_file import document_of, plant_from, read_plant
from tests.collectors.conftest import Plant, Proxy, eventually
from tests.collectors.process import CollectorProcess

SHARE = float(os.environ.get("TAKT_SOAK_SHARE", "1"))
STEADY_S, SETTLING_S = 30 * 60 * SHARE, 5 * 60 * SHARE
OUTAGE_S, AROUND_S = 10 * 60 * SHARE, 30.0
PER_S, TAGS = 2_000, 200
RSS_MB_PER_MIN_MAX = 1.0
DRAIN_TIMES_MIN = 3.0
WITHIN_S = 120.0


class Site:
    """A collector behind a line to its database that can be cut, and a publisher."""

    def __init__(self, plant: Plant, database: tuple[Proxy, str], mqtt_url: str, home: Path) -> None:
        self.plant, self.mqtt_url = plant, mqtt_url
        self.line, _conninfo = database
        given = urlsplit(plant.url)
        who = given.netloc.rpartition("@")[0]
        url = given._replace(netloc=f"{who}@127.0.0.1:{self.line.port}").geturl()
        self._prefix = f"soak{time.monotonic_ns()}"
        told = _simulators("load-plant", "--mqtt-url", mqtt_url, "--tags", str(TAGS), "--prefix", self._prefix)
        document = document_of(read_plant(told.communicate()[0]))
        for tag in document["tag"][2:]:
            tag["signal"] = "value:v"
        for source in document["source"]:
            source["client_id"] = self._prefix
        with plant.conn.transaction():
            apply(plant.conn, Deed("test", real_clock().now()), plant_from(document))
        self.collector = CollectorProcess(url, home)
        assert eventually(lambda: plant.rows("select from source_lease where state = 'running'"), within_s=WITHIN_S)

    def publish(self, seconds: float, per_s: int = PER_S) -> subprocess.Popen[str]:
        options = {"--mqtt-url": self.mqtt_url, "--rate": per_s, "--seconds": seconds, "--tags": TAGS}
        words = [str(word) for pair in options.items() for word in pair]
        return _simulators("load", "--prefix", self._prefix, *words)

    def rows(self) -> int:
        query = "select (select count(*) from signal_sample) + (select count(*) from value_sample)"
        return int(self.plant.rows(query)[0][0])

    def spooled(self) -> int:
        found = self.plant.rows("select (health ->> 'spool_rows')::int8 from source_lease")
        return int(found[0][0] or 0)


def _simulators(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "simulators", *words], stdout=subprocess.PIPE, text=True)


def sent_by(publisher: subprocess.Popen[str]) -> int:
    told: dict[str, Any] = json.loads(publisher.communicate()[0])
    return int(told["sent"])


@pytest.fixture
def site(plant: Plant, database_proxy: tuple[Proxy, str], mqtt_url: str, tmp_path: Path) -> Iterator[Site]:
    site = Site(plant, database_proxy, mqtt_url, tmp_path / "home")
    yield site
    site.line.set("pass")
    assert site.collector.end() == 0


def slope_per_min(points: list[tuple[float, float]]) -> float:
    """Least squares over (seconds, value)."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return 60 * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def watched(site: Site, publisher: subprocess.Popen[str], every_s: float) -> list[tuple[float, float]]:
    """(seconds, memory) while the publisher runs."""
    began, points = time.monotonic(), []
    while publisher.poll() is None:
        points.append((time.monotonic() - began, site.collector.rss_mb))
        time.sleep(every_s)
    return points


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_memory_stays_flat(site: Site) -> None:
    """At 2,000 values a second: after it has settled the collector grows by less than 1 MB a minute."""
    publisher = site.publish(STEADY_S)
    points = [(x, y) for x, y in watched(site, publisher, 2.0) if x > SETTLING_S]
    sent = sent_by(publisher)
    assert eventually(lambda: site.rows() == sent, within_s=WITHIN_S)
    print(f"{slope_per_min(points):.3f} MB/min over {len(points)} points, last {points[-1][1]:.0f} MB, {sent} rows")
    assert slope_per_min(points) < RSS_MB_PER_MIN_MAX


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_long_outage_is_made_good_three_times_as_fast_as_it_came(site: Site) -> None:
    """Ten minutes without a database at 2,000/s: nothing lost, nothing doubled, drained beside the live rate."""
    publisher = site.publish(AROUND_S + OUTAGE_S + AROUND_S + 4 * OUTAGE_S / DRAIN_TIMES_MIN)
    assert eventually(lambda: site.rows() > PER_S, within_s=WITHIN_S)
    site.line.set("cut")
    time.sleep(OUTAGE_S)
    before = site.rows()
    site.line.set("pass")
    began = time.monotonic()
    assert eventually(lambda: site.rows() > before and site.spooled() > 0, within_s=WITHIN_S)
    assert eventually(lambda: site.spooled() == 0, within_s=OUTAGE_S + WITHIN_S)
    took = time.monotonic() - began
    drained = site.rows() - before
    sent = sent_by(publisher)
    assert eventually(lambda: site.rows() == sent, within_s=WITHIN_S)
    rate = sent / (AROUND_S + OUTAGE_S + AROUND_S + 4 * OUTAGE_S / DRAIN_TIMES_MIN)
    print(f"{drained} rows in {took:.1f} s: {drained / took / rate:.2f} times the live rate of {rate:.0f}/s")
    assert drained / took >= DRAIN_TIMES_MIN * rate


def test_steadily_and_through_an_outage_in_short(site: Site) -> None:
    """Some seconds at a lower rate with the database away in between: every row is stored, once."""
    publisher = site.publish(6, 500)
    assert eventually(lambda: site.rows() > 100, within_s=WITHIN_S)
    site.line.set("cut")
    time.sleep(3)
    site.line.set("pass")
    sent = sent_by(publisher)
    assert eventually(lambda: site.rows() == sent, within_s=WITHIN_S)
    assert site.plant.rows("select count(*) - count(distinct (tag_id, at, int)) from value_sample") == [(0,)]
