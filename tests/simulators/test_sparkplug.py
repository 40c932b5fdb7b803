"""The simulated edge node, heard through a real broker by a small Sparkplug host."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from simulators.instants import from_iso
from simulators.payload_pb2 import Payload
from simulators.plantfile import Source, Tag
from simulators.signals import Published
from simulators.sparkplug import BOOLEAN, REBIRTH, EdgeNode, put
from simulators.wire import address

AT = from_iso("2026-01-05T00:00:00.123Z")
NOW = [
    Published(AT, "M1", "state", 1),
    Published(AT, "M1", "total", 65535),
    Published(AT, "M2", "good_total", 10**12),
    Published(AT, "M2", "stop_code", ""),
]
Heard = tuple[str, str, Any]


def wait(true: Callable[[], bool]) -> None:
    """Wait until something holds; twenty seconds at most."""
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.01)


class Host:
    """A host application: hears one edge node, may be its primary host."""

    def __init__(self, url: str, edge: str) -> None:
        self.edge = edge
        self.heard: list[Heard] = []
        self.at = int(time.time() * 1000)
        self._subscribed = False
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.will_set(f"spBv1.0/STATE/{edge}", self._state(False), 1, True)
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_: setattr(self, "_subscribed", True)
        self.client.connect(*address(url, 1883))
        self.client.loop_start()
        self.client.subscribe("spBv1.0/T/#", qos=0)
        wait(lambda: self._subscribed)

    def _state(self, online: bool) -> str:
        return json.dumps({"online": online, "timestamp": self.at})

    def online(self, online: bool) -> None:
        """Say that the primary host is there or gone."""
        self.at += 1
        self.client.publish(f"spBv1.0/STATE/{self.edge}", self._state(online), 1, True).wait_for_publish(5)

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        _, _, kind, edge, *device = message.topic.split("/")
        if edge == self.edge and kind != "NCMD":
            self.heard.append((kind, device[0] if device else "", Payload.FromString(bytes(message.payload))))

    def kinds(self) -> list[str]:
        """What kinds of messages came, in order."""
        return [kind for kind, _, _ in self.heard]

    def close(self) -> None:
        """Forget the state and go."""
        self.client.publish(f"spBv1.0/STATE/{self.edge}", b"", 1, True).wait_for_publish(5)
        self.client.disconnect()
        self.client.loop_stop()


def node(url: str, edge: str, role: str = "passive") -> EdgeNode:
    """An edge node of two devices."""
    where = {"group": "T", "edge": edge}
    tags = [
        Tag("M1", "state", "spb", {**where, "device": "D1", "metric": "State"}, states=(("1", "running"),)),
        Tag("M1", "total", "spb", {**where, "device": "D1", "metric": "Production/Total"}, modulus=65536),
        Tag("M2", "good_total", "spb", {**where, "device": "D2", "metric": "Production/Good"}),
        Tag("M2", "stop_code", "spb", {**where, "device": "D2", "metric": "Code"}),
    ]
    return EdgeNode(Source("spb", "sparkplug", url, host_id=edge, role=role), "T", edge, tags, lambda: AT + 1000)


@pytest.fixture
def edge(request: pytest.FixtureRequest) -> str:
    """A node of its own for each test."""
    return str(request.node.name).removeprefix("test_")[:40]


@pytest.fixture
def host(mqtt_url: str, edge: str) -> Iterator[Host]:
    """A host that hears that node."""
    listening = Host(mqtt_url, edge)
    yield listening
    listening.close()


def value_of(metric: Any) -> Any:
    """A metric's value, whatever its type."""
    return getattr(metric, metric.WhichOneof("value"))


def test_birth_data_and_death(mqtt_url: str, edge: str, host: Host) -> None:
    """NBIRTH, a DBIRTH per device with names and aliases, DDATA by alias, NDEATH with the birth's bdSeq."""
    sparkplug = node(mqtt_url, edge)
    sparkplug.start(NOW)
    wait(lambda: len(host.heard) == 3)
    sparkplug.send([Published(AT + 7, "M1", "state", 2), Published(AT + 7, "M1", "total", 0)])
    sparkplug.send([Published(AT + 9, "M2", "good_total", 10**12 + 1)])
    wait(lambda: len(host.heard) == 5)
    sparkplug.stop(politely=True)
    wait(lambda: len(host.heard) == 6)
    assert host.kinds() == ["NBIRTH", "DBIRTH", "DBIRTH", "DDATA", "DDATA", "NDEATH"]
    assert [payload.seq for _, _, payload in host.heard[:5]] == [0, 1, 2, 3, 4]
    births = {metric.name: metric for _, _, payload in host.heard[:3] for metric in payload.metrics}
    assert value_of(births["Production/Total"]) == 65535
    assert value_of(births["Production/Good"]) == 10**12
    assert not value_of(births[REBIRTH])
    data = host.heard[3][2]
    assert [(m.alias, m.timestamp, m.is_historical) for m in data.metrics] == [
        (births["State"].alias, AT + 7, False),
        (births["Production/Total"].alias, AT + 7, False),
    ]
    assert value_of(host.heard[5][2].metrics[0]) == value_of(births["bdSeq"])


def test_rebirth_on_command(mqtt_url: str, edge: str, host: Host) -> None:
    """`Node Control/Rebirth` brings all births again, with what is true now and the same bdSeq."""
    sparkplug = node(mqtt_url, edge)
    sparkplug.start(NOW)
    wait(lambda: len(host.heard) == 3)
    sparkplug.send([Published(AT + 7, "M1", "total", 0)])
    command = Payload(timestamp=AT)
    put(command.metrics.add(name=REBIRTH, timestamp=AT), BOOLEAN, True)
    host.client.publish(f"spBv1.0/T/NCMD/{edge}", command.SerializeToString(), 0)
    wait(lambda: len(host.heard) == 7)
    sparkplug.stop(politely=True)
    assert host.kinds()[4:7] == ["NBIRTH", "DBIRTH", "DBIRTH"]
    assert [payload.seq for _, _, payload in host.heard[4:7]] == [0, 1, 2]
    assert value_of(host.heard[4][2].metrics[0]) == value_of(host.heard[0][2].metrics[0])
    again = {metric.name: (value_of(metric), metric.timestamp) for metric in host.heard[5][2].metrics}
    assert again["Production/Total"] == (0, AT + 7)


def test_death_by_the_broker_after_a_power_cut(mqtt_url: str, edge: str, host: Host) -> None:
    """Cut without a word the broker publishes the NDEATH; the next birth has the next bdSeq."""
    sparkplug = node(mqtt_url, edge)
    sparkplug.start(NOW)
    wait(lambda: len(host.heard) == 3)
    sparkplug.stop(politely=False)
    wait(lambda: len(host.heard) == 4)
    sparkplug.start(NOW)
    wait(lambda: len(host.heard) == 7)
    sparkplug.stop(politely=True)
    assert host.kinds()[3:7] == ["NDEATH", "NBIRTH", "DBIRTH", "DBIRTH"]
    first, death, second = (value_of(host.heard[n][2].metrics[0]) for n in (0, 3, 4))
    assert (death, second) == (first, first + 1)


def test_it_waits_for_its_primary_host_and_tells_it_everything(mqtt_url: str, edge: str, host: Host) -> None:
    """Without its host the node is silent; what happened meanwhile comes after the birth, in order, as history."""
    sparkplug = node(mqtt_url, edge, role="primary")
    sparkplug.start(NOW)
    time.sleep(0.3)
    sparkplug.send([Published(AT + n, "M1", "total", n) for n in range(1, 4)])
    assert host.heard == []
    host.online(True)
    wait(lambda: len(host.heard) == 4)
    sparkplug.send([Published(AT + 4, "M1", "total", 4)])
    wait(lambda: len(host.heard) == 5)
    host.online(False)
    wait(lambda: "NDEATH" in host.kinds())
    sparkplug.send([Published(AT + 5, "M1", "total", 5)])
    host.online(True)
    wait(lambda: host.kinds().count("DDATA") == 3)
    sparkplug.stop(politely=True)
    assert host.kinds()[:5] == ["NBIRTH", "DBIRTH", "DBIRTH", "DDATA", "DDATA"]
    history = [(m.is_historical, m.timestamp - AT, value_of(m)) for m in host.heard[3][2].metrics]
    assert history == [(True, 1, 1), (True, 2, 2), (True, 3, 3)]
    after = [payload for kind, _, payload in host.heard if kind == "DDATA"][2]
    assert [(m.is_historical, value_of(m)) for m in after.metrics] == [(True, 4), (True, 5)]


def test_an_old_word_about_the_host_is_not_believed(mqtt_url: str, edge: str, host: Host) -> None:
    """A STATE older than the last one changes nothing."""
    sparkplug = node(mqtt_url, edge, role="primary")
    sparkplug.start(NOW)
    host.online(True)
    wait(lambda: len(host.heard) == 3)
    old = json.dumps({"online": False, "timestamp": host.at - 500})
    host.client.publish(f"spBv1.0/STATE/{edge}", old, 1).wait_for_publish(5)
    sparkplug.send([Published(AT + 4, "M1", "total", 4)])
    wait(lambda: len(host.heard) == 4)
    sparkplug.stop(politely=True)
    assert host.kinds()[3] == "DDATA"


def test_seq_wraps(mqtt_url: str, edge: str, host: Host) -> None:
    """After 255 comes 0."""
    sparkplug = node(mqtt_url, edge)
    sparkplug.start(NOW)
    wait(lambda: len(host.heard) == 3)
    for n in range(260):
        sparkplug.send([Published(AT + n, "M1", "total", n)])
    wait(lambda: len(host.heard) == 263)
    sparkplug.stop(politely=True)
    assert [payload.seq for _, _, payload in host.heard[:263]] == [n % 256 for n in range(263)]
