"""The simulated gateway, heard through a real broker."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from simulators.faults import Address, Fault, Proxy
from simulators.instants import from_iso
from simulators.mqtt import MqttGateway
from simulators.plantfile import Source, Tag
from simulators.signals import Published
from simulators.wire import address

AT = from_iso("2026-01-05T00:00:00.123Z")


class Ear:
    """Subscribed to everything under a topic; keeps what it hears."""

    def __init__(self, url: str, topic: str) -> None:
        self.heard: list[tuple[str, Any, bool]] = []
        self._subscribed = False
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_: setattr(self, "_subscribed", True)
        self.client.connect(*address(url, 1883))
        self.client.loop_start()
        self.client.subscribe(topic, qos=1)
        wait(lambda: self._subscribed)

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self.heard.append((message.topic, json.loads(message.payload), bool(message.retain)))

    def of(self, topic: str) -> list[Any]:
        """The payloads of one topic."""
        return [payload for name, payload, _ in self.heard if name == topic]

    def close(self) -> None:
        """Stop listening."""
        self.client.disconnect()
        self.client.loop_stop()


def wait(true: Callable[[], bool]) -> None:
    """Wait until something holds; twenty seconds at most."""
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.01)


def tags(line: str) -> list[Tag]:
    """Two machines: one with counts side by side, one with a pulse."""
    beside = {"time_path": "ts", "sequence_path": "seq"}
    counts, state = f"test/{line}/M1/counts", f"test/{line}/M1/state"
    return [
        Tag("M1", "good_total", line, {"topic": counts, "path": "good", **beside}),
        Tag("M1", "reject_total", line, {"topic": counts, "path": "bad.total", **beside}),
        Tag("M1", "state", line, {"topic": state, "path": "state", **beside}, states=(("run", "running"),)),
        Tag("M1", "stop_code", line, {"topic": state, "path": "code", **beside}),
        Tag("M2", "good_pulse", line, {"topic": f"test/{line}/M2/pulse", "path": "n", **beside}),
    ]


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A line of its own for each test, so that topics and client ids never meet."""
    return str(request.node.name).removeprefix("test_")[:40]


def test_one_message_per_topic_and_instant(mqtt_url: str, name: str) -> None:
    """Signals of one topic that change together are one message, numbered, with the device's time in its own form."""
    ear = Ear(mqtt_url, f"test/{name}/#")
    gateway = MqttGateway(Source(name, "mqtt", mqtt_url), tags(name))

    async def scene() -> None:
        await gateway.start([Published(AT, "M1", "good_total", 7), Published(AT, "M1", "reject_total", 1)])
        await asyncio.to_thread(wait, lambda: gateway.online)
        await gateway.send(
            [
                Published(AT + 5, "M1", "state", "run"),
                Published(AT + 5, "M1", "stop_code", "E1"),
                Published(AT + 9, "M1", "good_total", 8),
                Published(AT + 9, "M2", "good_pulse", 1),
                Published(AT + 12, "M2", "good_pulse", 2),
            ]
        )
        await gateway.stop()

    asyncio.run(scene())
    wait(lambda: len(ear.heard) >= 7)
    ear.close()
    assert ear.of(f"test/{name}/M1/counts") == [
        {"good": 7, "bad": {"total": 1}, "ts": "2026-01-05T00:00:00.123Z", "seq": 1},
        {"good": 8, "bad": {"total": 1}, "ts": "2026-01-05T00:00:00.132Z", "seq": 2},
    ]
    assert ear.of(f"test/{name}/M1/state") == [
        {"state": "run", "code": "E1", "ts": "2026-01-05T00:00:00.128Z", "seq": 1}
    ]
    assert ear.of(f"test/{name}/M2/pulse") == [{"n": 1, "ts": AT + 9, "seq": 1}, {"n": 2, "ts": AT + 12, "seq": 2}]
    assert ear.of(f"test/{name}/online") == [{"online": True}, {"online": False}]


def test_a_late_listener_gets_the_state_from_the_broker(mqtt_url: str, name: str) -> None:
    """Topics with a state are retained, topics with counts are not."""
    gateway = MqttGateway(Source(name, "mqtt", mqtt_url), tags(name))

    async def scene() -> None:
        await gateway.start([Published(AT, "M1", "state", "run"), Published(AT, "M1", "good_total", 7)])
        await asyncio.to_thread(wait, lambda: gateway.online)
        await gateway.stop()

    asyncio.run(scene())
    ear = Ear(mqtt_url, f"test/{name}/#")
    wait(lambda: len(ear.heard) >= 2)
    ear.close()
    assert {(topic, retained) for topic, _, retained in ear.heard} == {
        (f"test/{name}/M1/state", True),
        (f"test/{name}/online", True),
    }


def test_nothing_is_lost_while_the_broker_is_away(mqtt_url: str, name: str) -> None:
    """What happens while the connection is cut waits and arrives in order."""
    ear = Ear(mqtt_url, f"test/{name}/#")

    async def scene() -> None:
        proxy = Proxy([Address("broker", ("127.0.0.1", 0), address(mqtt_url, 1883))])
        await proxy.start()
        gateway = MqttGateway(Source(name, "mqtt", f"mqtt://127.0.0.1:{proxy.ports['broker']}"), tags(name))
        await gateway.start([])
        await asyncio.to_thread(wait, lambda: bool(ear.of(f"test/{name}/online")))
        for count in range(300):
            await gateway.send([Published(AT + count, "M1", "good_total", count)])
            if count == 100:
                proxy.set("broker", Fault("cut"))
        proxy.set("broker", Fault("pass"))
        await asyncio.to_thread(wait, lambda: len(ear.of(f"test/{name}/M1/counts")) >= 300)
        await gateway.stop()
        await proxy.stop()

    asyncio.run(scene())
    ear.close()
    numbers = [payload["seq"] for payload in ear.of(f"test/{name}/M1/counts")]
    assert sorted(set(numbers)) == list(range(1, 301))
    assert numbers[-1] == 300


def test_the_broker_says_when_the_gateway_died(mqtt_url: str, name: str) -> None:
    """A power cut is announced by the last will; power coming back by the gateway itself."""
    ear = Ear(mqtt_url, f"test/{name}/online")
    gateway = MqttGateway(Source(name, "mqtt", mqtt_url), tags(name))

    async def scene() -> None:
        await gateway.start([])
        await asyncio.to_thread(wait, lambda: len(ear.heard) == 1)
        await gateway.power(False, [])
        await asyncio.to_thread(wait, lambda: len(ear.heard) == 2)
        await gateway.power(True, [])
        await asyncio.to_thread(wait, lambda: len(ear.heard) == 3)
        await gateway.stop()

    asyncio.run(scene())
    ear.close()
    assert [payload["online"] for _, payload, _ in ear.heard][:3] == [True, False, True]
