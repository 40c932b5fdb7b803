"""`mes bench ingest`: MQTT QoS 1 from a publisher to stored rows, each once.

    run(settings, seconds=20)      settings name a durable database server and a broker; both are left as they were

Two measurements in one run. *End to end*: publisher (`simulators load`), broker, collector and database share this
machine; the collector is a process of its own. *Writer stage*: the same rows packed and stored by the collector's own
code in this process, beside the shortest loop psycopg allows (COPY into a staging table, insert what is new).
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import psycopg
from psycopg import sql

from collectors.batch import Packer
from collectors.depot import Depot
from collectors.sieve import Rule
from collectors.source import Delivery, Heard
from mes.actions.plant import apply
from mes.actions.record import Deed
from mes.bench import node_red
from mes.bench.peer import installed
from mes.bench.result import Measure, Result, cpu_s, of_times, rss_mb
from mes.clock import mono, wall
from mes.domain.plant import Plant
from mes.domain.sample import sample_hash
from mes.errors import InputError, SetupError
from mes.formats.plant_file import document_of, plant_from, read_plant
from mes.settings import Settings
from mes.store import migrate
from mes.store.plant import number_tags
from mes.store.sample import micros
from mes.store.source import take_source

TAGS = 200
SIGNAL_TAGS = 2
RATE = 25_000
LATENCY_RATE = 5_000
ROWS_PER_S_MIN, CPU_US_PER_ROW_MAX, STORED_P99_MS_MAX = 20_000, 12.0, 300.0
WRITER_VS_RAW_MAX, NODE_RED_VS_OURS_MIN = 1.5, 2.5
"""What must be true of the collector (docs/promises.md); CPU compared in the same run."""
STAGE_ROWS = 100_000
STAGE_BATCH = 2_000
STEADY_S = 10.0
READY_S_MAX = 60.0
DRAIN_S_MAX = 60.0


def run(settings: Settings, *, seconds: float = 20.0, seed: int = 1, peers: Collection[str] = ()) -> Result:
    """Measure. Raises SetupError when the servers are not fit for it, or a peer cannot run here."""
    result = Result("ingest", seconds, seed)
    if unknown := set(peers) - {"node-red"}:
        raise InputError(f"There is no peer {', '.join(sorted(unknown))}", remedy="Say --peer node-red.")
    if "node-red" in peers:
        installed("node-red", settings.cache)  # before minutes are spent on measuring
    with scratch_database(settings.database_url) as url, TemporaryDirectory(prefix="takt-bench-") as home:
        result.versions = _versions(url)
        _writer_stage(url, result)
        _end_to_end(settings, url, Path(home), seconds, result)
        if "node-red" in peers:
            _beside_node_red(settings, url, seconds, result)
    _judge(result)
    if not peers:
        result.notes.append("node-red is measured with --peer node-red")
    return result


def _judge(result: Result) -> None:
    """Each bar and whether it was met."""
    measures, ratios = result.measures, result.ratios
    result.judge("rows_per_s", measures["rows_per_s"].value, at_least=ROWS_PER_S_MIN)
    result.judge("cpu_us_per_row", measures["cpu_us_per_row"].value, at_most=CPU_US_PER_ROW_MAX)
    result.judge("writer_vs_raw_copy_cpu", round(ratios["writer_vs_raw_copy_cpu"], 2), at_most=WRITER_VS_RAW_MAX)
    result.judge("lost", measures["lost"].value, at_most=0)
    result.judge("duplicated", measures["duplicated"].value, at_most=0)
    if (p99 := measures["stored_ms"].p99) is not None:
        result.judge("stored_ms p99", p99, at_most=STORED_P99_MS_MAX)
    if (ratio := ratios.get("node_red_vs_ours_cpu")) is not None:
        result.judge("node_red_vs_ours_cpu", round(ratio, 2), at_least=NODE_RED_VS_OURS_MIN)


def _beside_node_red(settings: Settings, url: str, seconds: float, result: Result) -> None:
    """Node-RED at the rate of the latency measurement, which it can follow; ours at that rate is measured there too."""

    def offer(for_s: float) -> dict[str, Any]:
        return _publish(settings.mqtt_url, LATENCY_RATE, for_s)

    peer = node_red.measured(settings, url, offer, seconds=min(seconds, STEADY_S))
    result.peers["node_red"] = peer
    result.ratios["node_red_vs_ours_cpu"] = peer["cpu_us_per_row"] / result.measures["steady_cpu_us_per_row"].value


@contextmanager
def scratch_database(server_url: str) -> Iterator[str]:
    """A migrated database of its own, dropped afterwards."""
    name = f"takt_bench_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    url = psycopg.conninfo.make_conninfo(server_url, dbname=name)
    uri = server_url.rpartition("/")[0] + f"/{name}" if server_url.startswith("postgres") else url
    try:
        migrate.upgrade(uri)
        yield uri
    finally:
        with psycopg.connect(server_url, autocommit=True) as conn:
            conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _versions(url: str) -> dict[str, str]:
    with psycopg.connect(url) as conn:
        row = conn.execute(
            "select current_setting('server_version'), extversion, current_setting('fsync')"
            " from pg_extension where extname = 'timescaledb'"
        ).fetchone()
    assert row is not None
    return {"postgresql": row[0], "timescaledb": row[1], "fsync": row[2]}


# --- the writer's stage, and the shortest loop there is


def _writer_stage(url: str, result: Result) -> None:
    with psycopg.connect(url) as conn:
        numbers = number_tags(conn, [f"B{n}/value:v" for n in range(TAGS)])
        lease = take_source(conn, "bench", "bench", lease_s=3600)
    assert lease is not None
    tags = sorted(numbers.values())
    start = wall() - timedelta(hours=2)
    ours = _stored_by_us(url, tags, start, lease.epoch)
    raw = _stored_raw(url, tags, start - timedelta(hours=2))
    result.measures["writer_cpu_us_per_row"] = Measure(round(ours, 2), "µs", STAGE_ROWS)
    result.measures["raw_copy_cpu_us_per_row"] = Measure(round(raw, 2), "µs", STAGE_ROWS)
    result.ratios["writer_vs_raw_copy_cpu"] = ours / raw


def _stored_by_us(url: str, tags: Sequence[int], start: datetime, epoch: int) -> float:
    """CPU µs a row from heard sample to commit."""
    packer = Packer({tag: Rule("B/value:v", is_value=True) for tag in tags}, on_count=lambda _s, _w, _n: None)
    depot = Depot(url, name="takt bench", owner="bench", machines=lambda _source, _tag: ())
    depot.open()
    at = micros(start)
    deliveries = [
        Delivery(
            "bench",
            epoch,
            micros(wall()),
            [_heard(tags, at, n) for n in range(first, first + STAGE_BATCH)],
        )
        for first in range(0, STAGE_ROWS, STAGE_BATCH)
    ]
    before = time.process_time()
    for delivery in deliveries:
        depot.store(packer.pack([delivery]), fence=True)
    used = time.process_time() - before
    depot.close()
    return used / STAGE_ROWS * 1e6


def _heard(tags: Sequence[int], at: int, n: int) -> Heard:
    return Heard(tags[n % TAGS], at + n, n, 0, n, at + n)


def _stored_raw(url: str, tags: Sequence[int], start: datetime) -> float:
    """The same rows, with the hash that finds doubles, through `copy.write_row` and one insert a batch."""
    types = ["int4", "timestamptz", "int4", "float8", "int8", "text", "int2", *["timestamptz"] * 3]
    received = wall()
    with psycopg.connect(url) as conn:
        conn.execute("create temp table staged_raw (like value_sample) on commit delete rows")
        conn.commit()
        before = time.process_time()
        for first in range(0, STAGE_ROWS, STAGE_BATCH):
            with conn.cursor().copy("copy staged_raw from stdin (format binary)") as copy:
                copy.set_types(types)
                for n in range(first, first + STAGE_BATCH):
                    copy.write_row(_tuple(tags, start, received, n))
            conn.execute("insert into value_sample select * from staged_raw on conflict do nothing")
            conn.commit()
        return (time.process_time() - before) / STAGE_ROWS * 1e6


def _tuple(tags: Sequence[int], start: datetime, received: datetime, n: int) -> tuple[Any, ...]:
    at = start + timedelta(microseconds=n)
    return tags[n % TAGS], at, sample_hash(n, 0, n), None, n, None, 0, at, None, received


# --- end to end


def load_plant(mqtt_url: str) -> Plant:
    """The publisher's own plant; all but a few of its tags as process values, as in a real one."""
    argv = [sys.executable, "-m", "simulators", "load-plant", "--mqtt-url", mqtt_url, "--tags", str(TAGS)]
    told = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    document = document_of(read_plant(told))
    for tag in document["tag"][SIGNAL_TAGS:]:
        tag["signal"] = "value:v"
    return plant_from(document)


def _end_to_end(settings: Settings, url: str, home: Path, seconds: float, result: Result) -> None:
    with psycopg.connect(url) as conn:
        apply(conn, Deed("bench", wall()), load_plant(settings.mqtt_url))
    with _collector(settings, url, home) as collector:
        before, begun = cpu_s(collector), mono()
        sent = _publish(settings.mqtt_url, RATE, seconds)
        stored = _drained(url, sent["sent"])
        took, used = mono() - begun, cpu_s(collector) - before
        result.measures |= {
            "rows_per_s": Measure(round(stored / took, 1), "rows/s", stored),
            "cpu_us_per_row": Measure(round(used / max(1, stored) * 1e6, 2), "µs", stored),
            "lost": Measure(sent["sent"] - stored, "rows", sent["sent"]),
            "duplicated": Measure(_doubles(url), "rows", stored),
            "offered_per_s": Measure(sent["per_s"], "messages/s", sent["sent"]),
        }
        before, had = cpu_s(collector), _total(url)
        result.measures["stored_ms"] = _latency(settings.mqtt_url, url, min(seconds, STEADY_S))
        steady = _total(url) - had
        used = (cpu_s(collector) - before) / max(1, steady)
        result.measures["steady_cpu_us_per_row"] = Measure(round(used * 1e6, 2), "µs", steady)
        result.measures["rss_mb"] = Measure(rss_mb(collector), "MB", 1)


@contextmanager
def _collector(settings: Settings, url: str, home: Path) -> Iterator[int]:
    """A collector process that hears the publisher's topics; its pid."""
    changed = settings.model_copy(update={"database_url": url, "home": home})
    log = (home / "collect.log").open("wb")
    argv = [sys.executable, "-m", "mes", "collect"]
    child = subprocess.Popen(argv, env={**_environment(), **changed.environment()}, stderr=log)
    try:
        _wait_running(url, child, home)
        yield child.pid
    finally:
        child.terminate()
        child.wait(20)
        log.close()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MES_")}


def _wait_running(url: str, child: subprocess.Popen[bytes], home: Path) -> None:
    until = mono() + READY_S_MAX
    with psycopg.connect(url, autocommit=True) as conn:
        while conn.execute("select from source_lease where state = 'running'").fetchone() is None:
            if child.poll() is not None or mono() > until:
                said = (home / "collect.log").read_text(errors="replace").strip().splitlines()
                raise SetupError(f"The collector does not start: {said[-1] if said else 'it said nothing'}")
            time.sleep(0.05)


def _publish(mqtt_url: str, rate: float, seconds: float) -> dict[str, Any]:
    options = {"--mqtt-url": mqtt_url, "--rate": rate, "--seconds": seconds, "--tags": TAGS}
    argv = [sys.executable, "-m", "simulators", "load", *(str(word) for pair in options.items() for word in pair)]
    sent: dict[str, Any] = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    return sent


def _drained(url: str, sent: int) -> int:
    """Wait until everything sent is stored; how many rows there are of what the publisher sent."""
    until = mono() + DRAIN_S_MAX
    with psycopg.connect(url, autocommit=True) as conn:
        while (stored := _count(conn)) < sent and mono() < until:
            time.sleep(0.1)
    return stored


def _count(conn: psycopg.Connection[Any]) -> int:
    row = conn.execute(
        "select (select count(*) from signal_sample) +"
        " (select count(*) from value_sample join tag on tag.id = tag_id where address like 'LOAD-%')"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _total(url: str) -> int:
    """Rows of the publisher's once everything that is under way has come."""
    with psycopg.connect(url, autocommit=True) as conn:
        before = -1
        while (now := _count(conn)) != before:
            before = now
            time.sleep(0.5)
    return before


def _doubles(url: str) -> int:
    """Rows of the same tag and counter."""
    with psycopg.connect(url) as conn:
        row = conn.execute(
            "select count(*) - count(distinct (tag_id, int)) from value_sample"
            " join tag on tag.id = tag_id where address like 'LOAD-%'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def _latency(mqtt_url: str, url: str, seconds: float) -> Measure:
    """From the device's time until the row is visible to others, at a steady rate: a reader looks every few ms."""
    query = (
        "select max(at) from value_sample where tag_id = (select id from tag where address = %(tag)s) and at > %(at)s"
    )
    publisher = Thread(target=_publish, args=(mqtt_url, LATENCY_RATE, seconds))
    waits: list[float] = []
    last = wall()
    publisher.start()
    with psycopg.connect(url, autocommit=True) as conn:
        while publisher.is_alive():
            row = conn.execute(query, {"tag": f"LOAD-{TAGS - 1}/value:v", "at": last}).fetchone()
            if row is not None and row[0] is not None:
                last = row[0]
                waits.append((wall() - last).total_seconds())
            time.sleep(0.005)
    publisher.join()
    return of_times(waits)
