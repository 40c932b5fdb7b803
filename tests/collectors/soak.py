"""What a soak is made of: how long it lasts, the collector it watches, and the figures it prints at the end.

Everything that may be set is read here: `TAKT_SOAK_STEADY_MIN` (30), `TAKT_SOAK_AWAY_MIN` (10), `TAKT_SOAK_PER_S`
(2000) and `TAKT_SOAK_TAGS` (200). The hour of the promises is
`TAKT_SOAK_AWAY_MIN=60 TAKT_SOAK_PER_S=5000 make soak ARGS="-k outage"`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families

from mes.actions.plant import apply
from mes.actions.record import Deed
from mes.clock import mono, real_clock
from mes.formats.plant_file import document_of, plant_from, read_plant
from mes.host.processes import free_port
from tests.collectors.conftest import Plant, Proxy, eventually
from tests.collectors.process import CollectorProcess

WITHIN_S = 120.0
AROUND_S = 20.0
DRAIN_TIMES_MIN = 3.0
LIVE_AGAIN_S_MAX = 5.0
RSS_MB_PER_MIN_MAX = 1.0
SLOPE_JUDGED_S_MIN = 120.0


@dataclass(frozen=True, slots=True)
class Length:
    """How long, and how much. The first sixth of the steady run is for settling and not counted."""

    steady_s: float
    away_s: float
    per_s: float
    tags: int

    @classmethod
    def told(cls) -> Length:
        """By the environment, else as promised."""

        def number(name: str, otherwise: float) -> float:
            return float(os.environ.get(f"TAKT_SOAK_{name}") or otherwise)

        steady_s, away_s = 60 * number("STEADY_MIN", 30), 60 * number("AWAY_MIN", 10)
        return cls(steady_s, away_s, number("PER_S", 2_000), int(number("TAGS", 200)))

    @property
    def settling_s(self) -> float:
        return self.steady_s / 6


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured; `bar` ("<= 5") is what was promised, `holds` whether it is so."""

    run: str
    name: str
    value: float
    unit: str
    bar: str = ""
    holds: bool = True


@dataclass(slots=True)
class Figures:
    """What a run found out, among the figures of all runs."""

    run: str
    kept: list[Figure]

    @property
    def _own(self) -> list[Figure]:
        return [one for one in self.kept if one.run == self.run]

    def note(self, name: str, value: float, unit: str, *, at_most: float | None = None) -> None:
        """With its bar, if it has one."""
        bar = "" if at_most is None else f"<= {at_most:g}"
        self.kept.append(Figure(self.run, name, round(value, 3), unit, bar, at_most is None or value <= at_most))

    def note_at_least(self, name: str, value: float, unit: str, least: float) -> None:
        """Where more is better."""
        self.kept.append(Figure(self.run, name, round(value, 3), unit, f">= {least:g}", value >= least))

    def note_slope(self, name: str, points: list[tuple[float, float]]) -> None:
        """Of memory, by (seconds, MB); a stretch of less than two minutes shows chance and is not judged."""
        is_long = points[-1][0] - points[0][0] >= SLOPE_JUDGED_S_MIN
        self.note(name, slope_per_min(points), "MB/min", at_most=RSS_MB_PER_MIN_MAX if is_long else None)

    def value(self, name: str) -> float:
        """What was noted under this name."""
        return next(one.value for one in self._own if one.name == name)

    @property
    def missed(self) -> list[str]:
        """The promises that did not hold."""
        return [f"{one.name}: {one.value:g} {one.unit}, not {one.bar}" for one in self._own if not one.holds]


def printed(figures: list[Figure]) -> Iterator[str]:
    """For people, then the same for programs: a line of JSON each."""
    for one in figures:
        mark = "" if not one.bar else f"  {one.bar:>8}  {'holds' if one.holds else 'MISSED'}"
        yield f"{one.run:<8} {one.name:<34} {one.value:>14,.3f} {one.unit:<12}{mark}"
    for one in figures:
        yield json.dumps({"bench": "soak", **asdict(one)})


class Site:
    """A collector behind a line to its database that can be cut, and a publisher."""

    def __init__(self, plant: Plant, line: Proxy, mqtt_url: str, home: Path, *, tags: int) -> None:
        self.plant, self.mqtt_url, self.line, self._tags = plant, mqtt_url, line, tags
        given = urlsplit(plant.url)
        who = given.netloc.rpartition("@")[0]
        url = given._replace(netloc=f"{who}@127.0.0.1:{line.port}").geturl()
        self._prefix = f"soak{time.monotonic_ns()}"
        self._apply()
        self._port = free_port()
        self.collector = CollectorProcess(url, home, collect_metrics_port=self._port)
        assert eventually(lambda: plant.rows("select from source_lease where state = 'running'"), within_s=WITHIN_S)
        self._one_tag = plant.rows("select max(id) from tag")[0][0]

    def _apply(self) -> None:
        words = ("--mqtt-url", self.mqtt_url, "--tags", str(self._tags), "--prefix", self._prefix)
        document = document_of(read_plant(_simulators("load-plant", *words).communicate()[0]))
        for tag in document["tag"][2:]:
            tag["signal"] = "value:v"
        for source in document["source"]:
            source["client_id"] = self._prefix
        with self.plant.conn.transaction():
            apply(self.plant.conn, Deed("test", real_clock().now()), plant_from(document))

    def publish(self, seconds: float, per_s: float) -> subprocess.Popen[str]:
        """Every tag counts from 1, for so long."""
        options = {"--mqtt-url": self.mqtt_url, "--rate": per_s, "--seconds": seconds, "--tags": self._tags}
        words = [str(word) for pair in options.items() for word in pair]
        return _simulators("load", "--prefix", self._prefix, *words)

    def rows(self) -> int:
        query = "select (select count(*) from signal_sample) + (select count(*) from value_sample)"
        return int(self.plant.rows(query)[0][0])

    def odd_tags(self) -> int:
        """Tags that are not exactly 1, 2, 3 ... without a hole and without a double."""
        query = """
            select count(*) from (
                select from (select tag_id, int from signal_sample union all select tag_id, int from value_sample) s
                group by tag_id
                having count(*) <> max(int) or sum(int) <> max(int) * (max(int) + 1) / 2
            ) odd"""
        return int(self.plant.rows(query)[0][0])

    def newest_at_s(self) -> float:
        """The device time of the last value stored of one tag, in seconds since 1970."""
        query = "select coalesce(extract(epoch from max(at)), 0) from value_sample where tag_id = %s"
        return float(self.plant.rows(query, self._one_tag)[0][0])

    def spooled(self) -> int:
        """Rows in the collector's spool, by its own word: not by the database, which may be away."""
        text = httpx.get(f"http://127.0.0.1:{self._port}/metrics", timeout=30, trust_env=False).text
        families = {family.name: family for family in text_string_to_metric_families(text)}
        return int(families["takt_collector_spool_rows"].samples[0].value)


def _simulators(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "simulators", *words], stdout=subprocess.PIPE, text=True)


def sent_by(publisher: subprocess.Popen[str]) -> tuple[int, float]:
    """What it sent, and how many a second."""
    told: dict[str, Any] = json.loads(publisher.communicate()[0])
    return int(told["sent"]), float(told["per_s"])


def slope_per_min(points: list[tuple[float, float]]) -> float:
    """Least squares over (seconds, value)."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return 60 * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def memory(site: Site, *, until: Callable[[], bool], every_s: float = 2.0) -> list[tuple[float, float]]:
    """(seconds, MB in use by the collector) until then."""
    began, points = mono(), []
    while not until():
        points.append((mono() - began, site.collector.rss_mb))
        time.sleep(every_s)
    return points
