"""A collector as a test needs it: in a thread of its own, on a database of its own, with a plant of the test's."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from collectors.supervisor import Collector
from mes.actions.plant import apply
from mes.actions.record import Deed
from mes.clock import mono, real_clock
from mes.formats.plant_file import plant_from
from mes.settings import Settings
from simulators.faults import Address, Fault, Route

HANG_S = 60.0
NAME = {"zh": "厂", "en": "Plant"}


def plant_document(source: dict[str, Any], tags: list[dict[str, Any]], *more: dict[str, Any]) -> dict[str, Any]:
    """A plant of one line with the machines the tags name, and these sources."""
    machines = sorted({tag["machine"] for tag in tags} | {"M1"})
    return {
        "site": {"code": "T", "name": NAME, "time_zone": "Asia/Shanghai"},
        "shift": [{"code": "D", "starts_at": "08:00", "ends_at": "20:00"}],
        "line": [{"code": "L1", "name": NAME, "shifts": ["D"], "counts_at": "S1"}],
        "machine": [{"code": code, "line": "L1", "position": n} for n, code in enumerate(machines, 1)],
        "station": [{"code": "S1", "line": "L1", "machine": "M1"}],
        "source": [source, *more],
        "tag": [{"source": source["code"], **tag} for tag in tags],
    }


class Plant:
    """The database of a plant, as a test sees and changes it."""

    def __init__(self, database_url: str) -> None:
        self.url = database_url
        self.conn = psycopg.connect(database_url, autocommit=True)

    def apply(self, document: dict[str, Any]) -> None:
        """Put a plant model in force now."""
        with self.conn.transaction():
            apply(self.conn, Deed("test", real_clock().now()), plant_from(document))

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.conn.execute(query, parameters).fetchall()

    def values(self, address: str, table: str = "signal_sample") -> list[Any]:
        """What is stored of a tag, in order."""
        query = f"select num, int, txt from {table} join tag on tag.id = tag_id where address = %s order by at, h"
        return [next((v for v in row if v is not None), None) for row in self.rows(query, address)]

    def state(self, source: str) -> str:
        found = self.rows("select state from source_lease where source = %s", source)
        return found[0][0] if found else ""

    def health(self, source: str) -> dict[str, Any]:
        """What the collector last said of a source."""
        health: dict[str, Any] = self.rows("select health from source_lease where source = %s", source)[0][0]
        return {"detail": "", "bad_tags": {}, "counts": {}, **health}


def eventually(condition: Callable[[], Any], *, within_s: float = HANG_S) -> Any:
    """Wait until `condition` gives something true; what it gave last when it never did."""
    deadline = mono() + within_s
    while not (found := condition()) and mono() < deadline:
        time.sleep(0.02)
    return found


@pytest.fixture
def plant(database_url: str) -> Iterator[Plant]:
    plant = Plant(database_url)
    yield plant
    plant.conn.close()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", database_url=database_url)


Start = Callable[..., Collector]


@pytest.fixture
def collect(settings: Settings) -> Iterator[Start]:
    """Start a collector in a thread; each is stopped at the end and must have ended well."""
    running: list[tuple[Collector, threading.Thread, list[BaseException]]] = []

    def start(*, shard: tuple[int, int] = (1, 1), **changed: Any) -> Collector:
        collector = Collector(settings.model_copy(update=changed), shard)
        errors: list[BaseException] = []

        def run() -> None:
            try:
                collector.run()
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        running.append((collector, thread, errors))
        return collector

    yield start
    for collector, thread, errors in running:
        collector.stop()
        thread.join(HANG_S)
        assert not thread.is_alive()
        assert errors == []


class Proxy:
    """A fault proxy before one server, in a thread of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._route = Route(Address("server", ("127.0.0.1", 0), (host, port)))
        self.port = asyncio.run_coroutine_threadsafe(self._route.listen(), self._loop).result()

    def set(self, mode: str, **more: Any) -> None:
        """Misbehave like this from now on."""
        self._call(lambda: self._route.set(Fault(mode, **more)))

    def _call(self, function: Callable[[], Any]) -> None:
        async def run() -> None:
            function()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._route.close(), self._loop).result()

        async def end() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def proxied() -> Iterator[Callable[[str, int], Proxy]]:
    """Put a fault proxy before a server."""
    proxies: list[Proxy] = []

    def put(host: str, port: int) -> Proxy:
        proxies.append(Proxy(host, port))
        return proxies[-1]

    yield put
    for proxy in proxies:
        proxy.close()


@pytest.fixture
def database_proxy(database_url: str, proxied: Callable[[str, int], Proxy]) -> tuple[Proxy, str]:
    """A proxy before the database, and the database's address through it."""
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    proxy = proxied(str(parts["host"]), int(parts.get("port") or 5432))
    return proxy, psycopg.conninfo.make_conninfo(database_url, host="127.0.0.1", port=proxy.port)


@pytest.fixture
def device(mqtt_url: str) -> Iterator[paho.Client]:
    """A device connected to the broker."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(1000)  # else QoS 0 overtakes QoS 1 at the sender
    parts = urlsplit(mqtt_url)
    client.connect(parts.hostname or "", parts.port or 1883)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def say(device: paho.Client, topic: str, body: Any, *, retain: bool = False) -> None:
    """Publish a message and wait until the broker has it."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    device.publish(topic, payload, qos=1, retain=retain).wait_for_publish(30)


def counts(mqtt_url: str, topic: str, **more: Any) -> dict[str, Any]:
    """A plant whose machine says `good` and `state` with a time on a topic."""
    tag = {"machine": "M1", "signal": "good_total", "topic": topic, "path": "good", "time_path": "ts"}
    state = {"machine": "M1", "signal": "state", "topic": topic, "path": "state", "time_path": "ts"}
    value = {"machine": "M1", "signal": "value:t", "topic": topic, "path": "t", "time_path": "ts"}
    source = {"code": "b1", "kind": "mqtt", "url": mqtt_url, "client_id": f"takt-{topic}", **more}
    return plant_document(source, [tag, state, value])
