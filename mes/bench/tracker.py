"""`mes bench tracker`: what booking costs while a whole plant counts.

    run(settings, seconds=20)       a scratch database is filled and dropped; the server is left as it was

200 machines on 40 lines say 10,000 samples a second, stored as the collector stores them, at their pace; the tracker
is a process of its own. Beside it, in the same run: what psycopg takes to do no more than read those rows once
(the ceiling). Afterwards every piece must be booked. The tracker rests so as never to take more than a quarter of a
core for long, so the share alone proves little: `drain_s` says how far it was behind when the last sample was stored.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg

from mes.actions.plant import apply
from mes.actions.record import Deed
from mes.bench.ingest import scratch_database
from mes.bench.result import Measure, Result, cpu_s, rss_mb
from mes.clock import mono, wall
from mes.domain.plant import Plant
from mes.errors import SetupError
from mes.formats.plant_file import plant_from
from mes.settings import Settings
from mes.store.plant import number_tags
from mes.store.sample import Rows, micros, row, store_batch

LINES, MACHINES_A_LINE = 40, 5
RATE = 10_000
BATCH_S = 0.2
REJECT_EVERY, STATE_EVERY = 10, 500
SETTLE_S = 3.0
SHARE_MAX = 0.25
READY_S_MAX = DRAIN_S_MAX = 120.0
LOOK_EVERY_S = 0.1


def run(settings: Settings, *, seconds: float = 20.0, rate: int = RATE) -> Result:
    """Measure. Raises SetupError when a piece was not booked."""
    began, result = mono(), Result("tracker", 0.0)
    with scratch_database(settings.database_url) as url, psycopg.connect(url, options="-c timezone=UTC") as conn:
        plant = _plant()
        apply(conn, Deed("bench", wall()), plant)
        machines = _Machines(plant, number_tags(conn, [tag.address for tag in plant.tag]), rate)
        conn.commit()
        with _tracker(url) as process:
            _until(conn, "select 1 from lease where name = 'tracker'", "The tracker did not begin", READY_S_MAX)
            machines.tell(conn, SETTLE_S)
            before, since, said = cpu_s(process.pid), mono(), machines.said
            machines.tell(conn, seconds)
            stored_at = mono()
            share = (cpu_s(process.pid) - before) / (stored_at - since)
            told = machines.said - said
            booked = "select 1 where coalesce((select sum(good + reject) from minute_count), 0) >= %s"
            _until(conn, booked, "Not every piece was booked", DRAIN_S_MAX, machines.pieces)
            result.measures = {
                "core_share": Measure(round(share, 4), "of a core", 1),
                "cpu_us_per_sample": Measure(round((cpu_s(process.pid) - before) / told * 1e6, 2), "us", told),
                "samples_per_s": Measure(round(told / (stored_at - since)), "1/s", told),
                "drain_s": Measure(round(mono() - stored_at, 2), "s", 1),
                "rss_mb": Measure(rss_mb(process.pid), "MB", 1),
            }
        ceiling = _read_once(conn)
    result.peers["cpu_us_per_sample"] = {"read_once": round(ceiling, 2)}
    result.ratios["tracker_vs_read_once_cpu"] = result.measures["cpu_us_per_sample"].value / ceiling
    met = "met" if share <= SHARE_MAX else "MISSED"
    result.notes.append(f"bar: core_share {share:.3f} <= {SHARE_MAX} at {RATE:,} samples/s {met}; every piece booked")
    result.seconds = mono() - began
    return result


def _plant() -> Plant:
    name = {"zh": "", "en": ""}
    lines = [f"L{n:02d}" for n in range(LINES)]
    machines = [(line, place) for line in lines for place in range(1, MACHINES_A_LINE + 1)]
    states = {"states": {"run": "running", "idle": "idle"}}
    signals: dict[str, dict[str, Any]] = {"good_total": {}, "reject_total": {}, "state": states}
    return plant_from(
        {
            "site": {"code": "B", "name": name, "time_zone": "UTC"},
            "shift": [
                {"code": "D", "starts_at": "06:00", "ends_at": "18:00"},
                {"code": "N", "starts_at": "18:00", "ends_at": "06:00"},
            ],
            "line": [{"code": line, "name": name, "shifts": ["D", "N"], "counts_at": f"{line}-S5"} for line in lines],
            "machine": [{"code": f"{line}-M{place}", "line": line, "position": place} for line, place in machines],
            "station": [
                {"code": f"{line}-S{place}", "line": line, "position": place, "machine": f"{line}-M{place}"}
                for line, place in machines
            ],
            "source": [{"code": "plc", "kind": "opcua", "url": "opc.tcp://127.0.0.1:4840"}],
            "tag": [
                {"machine": f"{line}-M{place}", "signal": signal, "source": "plc", "node": f"s={line}{place}{signal}"}
                | more
                for line, place in machines
                for signal, more in signals.items()
            ],
        }
    )


class _Machines:
    """Counts that only rise, now and then a reject or another state; `pieces` is what must be booked."""

    def __init__(self, plant: Plant, tags: dict[str, int], rate: int) -> None:
        self.codes = [machine.code for machine in plant.machine]
        self.tags, self.rate = tags, rate
        self.said = 0
        self._good = self._rejects = 0

    @property
    def pieces(self) -> int:
        """Made since each counter's first word, which is where counting begins."""
        return (max(self._good - 1, 0) + max(self._rejects - 1, 0)) * len(self.codes)

    def tell(self, conn: psycopg.Connection[Any], seconds: float) -> None:
        """Store batches at the pace at which machines speak."""
        each = max(round(self.rate * BATCH_S / len(self.codes)), 1)
        due = mono()
        end = due + seconds
        while due < end:
            due += BATCH_S
            time.sleep(max(0.0, due - mono()))
            self._batch(conn, wall(), each)

    def _batch(self, conn: psycopg.Connection[Any], at: datetime, each: int) -> None:
        rows, received = Rows(), micros(at)
        for step in range(each):
            us = received - round((each - step) * BATCH_S / each * 1e6)
            signal, value = self._next()
            for code in self.codes:
                rows.signals.append(row(self.tags[f"{code}/{signal}"], us, value, 0, None, us, None, received))
        store_batch(conn, rows)
        conn.commit()

    def _next(self) -> tuple[str, int | str]:
        self.said += len(self.codes)
        word = self.said // len(self.codes)
        if word % STATE_EVERY == 1:
            return "state", "run" if word // STATE_EVERY % 2 == 0 else "idle"
        if word % REJECT_EVERY == 0:
            self._rejects += 1
            return "reject_total", self._rejects
        self._good += 1
        return "good_total", self._good


@contextmanager
def _tracker(url: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        name: text for name, text in os.environ.items() if not name.startswith("MES_") or name == "MES_CACHE"
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "mes", "track"],
        env=environment | {"MES_DATABASE_URL": url}, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _until(conn: psycopg.Connection[Any], query: str, missed: str, within_s: float, *values: object) -> None:
    deadline = mono() + within_s
    while conn.execute(query, values).fetchone() is None:
        conn.rollback()
        if mono() > deadline:
            raise SetupError(missed, remedy="Run `mes track` on such a database and read what it says.")
        time.sleep(LOOK_EVERY_S)
    conn.rollback()


def _read_once(conn: psycopg.Connection[Any]) -> float:
    """CPU (µs a row) of reading every row once, in batches as the tracker gets them, and doing nothing with it."""
    began, rows = time.process_time(), 0
    with conn.cursor("every") as cur:
        cur.itersize = round(RATE * BATCH_S)
        cur.execute("select tag_id, micros(at), int, txt from signal_sample order by at")
        for _ in cur:
            rows += 1
    return (time.process_time() - began) / max(rows, 1) * 1e6
