"""Node-RED at the same load: MQTT in, JSON, every 100 ms one INSERT of what came, as those write it who care for speed.

    measured(settings, url, offer, seconds=10)      url: the scratch database

It acknowledges on receipt and finds no doubles: it promises less than our collector does, for the sake of comparison.
Needs Node.js; npm fetches Node-RED once, into the cache (`mes.bench.peer`).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from mes.bench.peer import installed
from mes.bench.result import cpu_s
from mes.clock import mono
from mes.errors import SetupError
from mes.settings import Settings

READY_S_MAX = 120.0
DRAIN_S_MAX = 60.0
WARM_S = 2.0
TABLE = "create table node_red_sample (tag int4 not null, at int8 not null, value int8, seq int8)"
INDEX = "create index on node_red_sample (tag, at)"
Offer = Callable[[float], dict[str, Any]]
"""Publishes for so many seconds; what `simulators load` says it sent."""


def measured(settings: Settings, url: str, offer: Offer, *, seconds: float) -> dict[str, Any]:
    """Rows stored and the CPU of Node-RED's process a row. Raises SetupError when it cannot run here."""
    folder = installed("node-red", settings.cache)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(TABLE)
        conn.execute(INDEX)
        with _running(folder, settings, url) as pid:
            _wait_heard(conn, offer)
            conn.execute("truncate node_red_sample")
            before, began = cpu_s(pid), mono()
            sent = offer(seconds)["sent"]
            stored = _drained(conn, sent)
            used, took = cpu_s(pid) - before, mono() - began
    return {
        "rows": stored,
        "lost": sent - stored,
        "rows_per_s": round(stored / took, 1),
        "cpu_us_per_row": round(used / max(1, stored) * 1e6, 2),
    }


def _flow(folder: Path, mqtt_url: str) -> list[dict[str, Any]]:
    parts = urlsplit(mqtt_url)
    broker = {"id": "broker", "type": "mqtt-broker", "broker": parts.hostname, "port": str(parts.port or 1883)}
    settings = {"clientid": "node-red-bench", "protocolVersion": "4", "keepalive": "60", "cleansession": True}
    heard = {"id": "in", "type": "mqtt in", "z": "tab", "topic": "load/+", "qos": "1", "datatype": "json"}
    store = {"id": "store", "type": "function", "z": "tab", "outputs": 0, "wires": []}
    return [
        {"id": "tab", "type": "tab", "label": "bench"},
        {**broker, **settings},
        {**heard, "broker": "broker", "wires": [["store"]]},
        {**store, "func": (folder / "collect.js").read_text(), "initialize": (folder / "start.js").read_text()},
    ]


@contextmanager
def _running(folder: Path, settings: Settings, url: str) -> Iterator[int]:
    """A Node-RED with the flow; its pid."""
    home = settings.home / "node-red"
    home.mkdir(parents=True)
    (home / "flows.json").write_text(json.dumps(_flow(folder, settings.mqtt_url)))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    variables = {**os.environ, "DATABASE_URL": url, "HTTP_PORT": str(port), "NODE_PATH": str(folder / "node_modules")}
    argv = ["node", str(folder / "node_modules/node-red/red.js"), "-s", str(folder / "settings.js"), "-u", str(home)]
    with (home / "log").open("wb") as log:
        child = subprocess.Popen(argv, cwd=folder, env=variables, stdout=log, stderr=log)
        try:
            yield child.pid
        finally:
            child.terminate()
            child.wait(20)


def _wait_heard(conn: psycopg.Connection[Any], offer: Offer) -> None:
    """Offer once, to warm it up, until it hears."""
    until = mono() + READY_S_MAX
    while mono() < until:
        offer(WARM_S)
        if _count(conn):
            _drained(conn, _count(conn) + 1, within_s=3.0)
            return
    raise SetupError("Node-RED does not hear the broker", remedy="Look into its log in MES_HOME.")


def _drained(conn: psycopg.Connection[Any], sent: int, within_s: float = DRAIN_S_MAX) -> int:
    until = mono() + within_s
    while (stored := _count(conn)) < sent and mono() < until:
        time.sleep(0.1)
    return stored


def _count(conn: psycopg.Connection[Any]) -> int:
    row = conn.execute("select count(*) from node_red_sample").fetchone()
    assert row is not None
    return int(row[0])
