"""A Sparkplug host on a real broker."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from collectors.sparkplug.payload_pb2 import Payload
from tests.collectors.conftest import Plant, Start, eventually, plant_document
from tests.collectors.edge import bd_seq, payload


class Edge:
    """An edge node that gives birth when asked."""

    def __init__(self, mqtt_url: str, group: str) -> None:
        self.group = group
        self.asked = 0
        self.good = 0
        self.number = 0
        self._seq = 0
        self.states: list[dict[str, Any]] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = self._on_message
        parts = urlsplit(mqtt_url)
        self.client.connect(parts.hostname or "", parts.port or 1883)
        self.client.loop_start()
        self.client.subscribe([(f"spBv1.0/{group}/NCMD/E", 1), ("spBv1.0/STATE/host1", 1)])

    def _on_message(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        if message.topic.startswith("spBv1.0/STATE/"):
            self.states.append(json.loads(message.payload))
            return
        command = Payload.FromString(bytes(message.payload))
        if any(m.name == "Node Control/Rebirth" and m.boolean_value for m in command.metrics):
            self.asked += 1
            self.birth()

    def _say(self, kind: str, body: bytes, device: str = "") -> None:
        topic = f"spBv1.0/{self.group}/{kind}/E" + (f"/{device}" if device else "")
        self.client.publish(topic, body, qos=0)

    def _next(self) -> int:
        seq, self._seq = self._seq, (self._seq + 1) % 256
        return seq

    def birth(self) -> None:
        self._seq = 0
        self._say("NBIRTH", payload(self._next(), bd_seq(self.number), at_ms=now_ms()))
        good = {"name": "good", "alias": 1, "value": self.good}
        self._say("DBIRTH", payload(self._next(), good, at_ms=now_ms()), "D")

    def count(self) -> None:
        self.good += 1
        self._say("DDATA", payload(self._next(), {"alias": 1, "value": self.good}, at_ms=now_ms()), "D")

    def die(self) -> None:
        self._say("NDEATH", payload(None, bd_seq(self.number)))
        self.number += 1


def now_ms() -> int:
    return int(time.time() * 1000)


def document(mqtt_url: str, group: str, **more: Any) -> dict[str, Any]:
    source = {"code": "spb", "kind": "sparkplug", "url": mqtt_url, "client_id": f"takt-{group}", **more}
    tag = {
        "machine": "M1", "signal": "good_total", "group": group, "edge": "E", "device": "D", "metric": "good",
    }  # fmt: skip
    return plant_document(source, [tag])


@pytest.fixture
def edge(mqtt_url: str, request: pytest.FixtureRequest) -> Iterator[Edge]:
    edge = Edge(mqtt_url, request.node.name)
    yield edge
    edge.client.disconnect()
    edge.client.loop_stop()


def test_a_host_asks_for_births_and_stores_what_follows(
    plant: Plant, collect: Start, mqtt_url: str, edge: Edge
) -> None:
    """Connected after the edge node was born, the host asks once; data by alias is stored; a death is a gap."""
    plant.apply(document(mqtt_url, edge.group))
    collect()
    assert eventually(lambda: plant.values("M1/good_total") == [0])
    edge.count()
    edge.count()
    assert eventually(lambda: plant.values("M1/good_total") == [0, 1, 2])
    assert edge.asked == 1
    edge.die()
    assert eventually(lambda: plant.rows("select why from gap where to_at is null") == [("death",)])
    edge.birth()
    assert eventually(lambda: plant.rows("select from gap where to_at is null") == [])
    assert edge.states == []


def test_a_primary_host_says_its_state(plant: Plant, collect: Start, mqtt_url: str, edge: Edge) -> None:
    """Online, taken back when somebody says otherwise, offline; on a real broker."""
    plant.apply(document(mqtt_url, edge.group, host_id="host1", role="primary"))
    collector = collect()
    assert eventually(lambda: edge.states and edge.states[-1]["online"])
    stamp = edge.states[-1]["timestamp"]
    stolen = json.dumps({"online": False, "timestamp": stamp}).encode()
    edge.client.publish("spBv1.0/STATE/host1", stolen, qos=1, retain=True)
    assert eventually(lambda: [s["online"] for s in edge.states[-2:]] == [False, True])
    assert edge.states[-1]["timestamp"] == stamp
    collector.stop()
    assert eventually(lambda: not edge.states[-1]["online"])
    assert edge.states[-1]["timestamp"] >= stamp
    edge.client.publish("spBv1.0/STATE/host1", b'{"online": false, "timestamp": 0}', qos=1)
    assert eventually(lambda: edge.states[-1]["timestamp"] == 0)  # so whatever the host said last has come
    assert [state["online"] for state in edge.states[-2:]] == [False, False]
