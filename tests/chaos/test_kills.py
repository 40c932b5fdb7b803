"""P1: whatever a collector has acknowledged is in the database, although everything was killed, and together."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from mes.actions.plant import apply
from mes.actions.record import Deed
from mes.clock import real_clock
from mes.formats.plant_file import plant_from
from mes.host import processes, timescale
from mes.settings import load_settings
from mes.store import migrate
from tests.chaos.tap import Tap
from tests.collectors.broker import KEEPING, Broker
from tests.collectors.conftest import counts, eventually
from tests.collectors.process import CollectorProcess

ROUNDS = 3
PER_S = 400
WITHIN_S = 120.0


class Site:
    """A durable database, a broker, a tap, and a collector in a process of its own."""

    def __init__(self, folder: Path, home: Path) -> None:
        folder.mkdir(mode=0o755)
        self.cluster = timescale.Cluster(folder / "db", load_settings().cache)
        timescale.start(self.cluster, leash=True)
        timescale.ensure_database(self.cluster, "chaos")
        self.url = timescale.url(self.cluster, "chaos")
        migrate.upgrade(self.url)
        self.broker = Broker(folder / "broker", *KEEPING, "max_queued_messages 0", "max_inflight_messages 0")
        self.tap = Tap(("127.0.0.1", self.broker.port))
        self._home = home
        self.collector: CollectorProcess | None = None
        with psycopg.connect(self.url) as conn:
            document = counts(f"mqtt://127.0.0.1:{self.tap.port}?version=3.1.1", "chaos")
            apply(conn, Deed("test", real_clock().now()), plant_from(document))

    def collect(self) -> None:
        self.collector = CollectorProcess(self.url, self._home)

    def kill_collector(self) -> None:
        if self.collector is not None:
            self.collector.kill()

    def kill_database(self) -> None:
        pid = int((self.cluster.data / "postmaster.pid").read_text().split("\n")[0])
        os.kill(pid, signal.SIGKILL)
        assert processes.wait_gone(pid, within_s=30)

    def state(self) -> str:
        with psycopg.connect(self.url) as conn:
            found = conn.execute("select state from source_lease").fetchone()
        return found[0] if found else ""

    def stored(self) -> list[int]:
        query = "select int from signal_sample join tag on tag.id = tag_id where address = 'M1/good_total' order by int"
        with psycopg.connect(self.url) as conn:
            return [row[0] for row in conn.execute(query)]

    def end(self) -> None:
        self.kill_collector()
        self.tap.close()
        self.broker.kill()
        timescale.stop(self.cluster)


@pytest.fixture
def site(servers_home: Path, tmp_path: Path) -> Iterator[Site]:
    folder = servers_home / f"chaos-{secrets.token_hex(4)}"
    site = Site(folder, tmp_path / "home")
    yield site
    site.end()


class Device:
    """Counts for ever; what the broker does not take it says again."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="chaos-device", clean_session=False)
        self._client.max_inflight_messages_set(1000)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._stop = threading.Event()
        self.said = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            for _ in range(int(PER_S * 0.02)):
                self._client.publish("chaos", self.body(), qos=1)
                self.said += 1

    def body(self) -> str:
        """What it says next."""
        return json.dumps({"good": self.said, "ts": time.time()})

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_what_was_acknowledged_is_stored_although_everything_was_killed(site: Site) -> None:
    """Database, then broker and collector, all by kill -9, again and again; each accepted count is stored, once."""
    seed = secrets.randbelow(1 << 32)
    draw = random.Random(seed)
    site.collect()
    assert eventually(lambda: site.state() == "running", within_s=WITHIN_S)
    device = Device(site.broker.port)
    try:
        for _round in range(ROUNDS):
            before = len(site.tap.accepted)
            assert eventually(lambda enough=before + PER_S: len(site.tap.accepted) > enough, within_s=WITHIN_S)
            pauses = [draw.uniform(0, 3), draw.uniform(0, 0.2), draw.uniform(0, 2)]
            print(f"seed {seed}: database, {pauses[0]:.2f} s, broker, {pauses[1]:.2f} s, collector")
            site.kill_database()
            time.sleep(pauses[0])
            site.broker.kill()
            time.sleep(pauses[1])
            site.kill_collector()
            time.sleep(pauses[2])
            site.broker.start()
            site.collect()
            timescale.start(site.cluster, leash=True)
    finally:
        device.stop()

    def accepted() -> set[int]:
        return {json.loads(body)["good"] for body in set(site.tap.accepted)}

    assert eventually(lambda: site.state() == "running", within_s=WITHIN_S)
    assert eventually(lambda: accepted() <= set(site.stored()), within_s=WITHIN_S), f"seed {seed}"
    device.leave()
    stored = site.stored()
    assert len(accepted()) > ROUNDS * PER_S
    assert len(stored) == len(set(stored)), f"seed {seed}"
