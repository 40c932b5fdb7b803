"""MQTT from a real broker to stored samples."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import pytest

from collectors.mqtt.client import BatchClient, Message, StockClient, is_as_expected, new_client
from tests.collectors.conftest import Plant, Start, counts, eventually, say


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_messages_become_samples(
    plant: Plant, collect: Start, mqtt_url: str, device: paho.Client, version: str
) -> None:
    """Each message is stored with its own time, once, and its machine is to be booked again."""
    topic = f"t/{version}/m1"
    plant.apply(counts(f"{mqtt_url}?version={version}", topic))
    collect()
    assert eventually(lambda: plant.state("b1") == "running")
    now = time.time()
    for n in range(5):
        say(device, topic, {"good": n, "state": "RUN", "ts": now + n / 10})
    assert eventually(lambda: len(plant.values("M1/good_total")) == 5)
    assert plant.values("M1/good_total") == [0, 1, 2, 3, 4]
    assert plant.values("M1/state") == ["RUN"]
    assert {keys[0] for (keys,) in plant.rows("select keys from touched where why = 'sample'")} == {"M1"}


def test_what_is_said_while_nobody_collects_is_kept(
    plant: Plant, collect: Start, mqtt_url: str, device: paho.Client
) -> None:
    """The broker keeps our session: after a restart the messages in between are stored and no gap is left."""
    plant.apply(counts(mqtt_url, "t/kept"))
    first = collect()
    assert eventually(lambda: plant.state("b1") == "running")
    first.stop()
    assert eventually(lambda: plant.state("b1") == "stopped")
    say(device, "t/kept", {"good": 7, "ts": time.time()})
    collect()
    assert eventually(lambda: plant.values("M1/good_total") == [7])
    assert plant.rows("select from gap where from_at <> to_at or to_at is null") == []


def test_bad_payloads_are_set_aside_and_acknowledged(
    plant: Plant, collect: Start, mqtt_url: str, device: paho.Client
) -> None:
    """Broken, drifted and huge payloads are quarantined with their reason; the good ones go on."""
    plant.apply(counts(mqtt_url, "t/bad", payload_max_bytes=1000))
    collect()
    assert eventually(lambda: plant.state("b1") == "running")
    say(device, "t/bad", b"{")
    say(device, "t/bad", {"good": "many", "ts": time.time()})
    say(device, "t/bad", b" " * 5_000_000)
    say(device, "t/bad", {"good": 1, "ts": time.time() + 86_400})
    say(device, "t/bad", {"good": 2, "ts": time.time()})
    assert eventually(lambda: plant.values("M1/good_total") == [2])
    found = plant.rows("select why, length(payload), sample is not null from quarantine order by id")
    assert [why for why, _length, _sample in found] == ["json", "value", "size", "future"]
    assert found[3][2]


def test_a_new_plant_version_changes_the_topics(
    plant: Plant, collect: Start, mqtt_url: str, device: paho.Client
) -> None:
    """Tags that come and go are subscribed and unsubscribed while the connection stays."""
    plant.apply(counts(mqtt_url, "t/old"))
    collect()
    assert eventually(lambda: plant.state("b1") == "running")
    since = plant.rows("select since_at from source_lease")
    document = counts(mqtt_url, "t/old")
    for tag in document["tag"]:
        tag["topic"] = "t/new"
    plant.apply(document)

    def heard_new() -> bool:
        say(device, "t/new", {"good": 5, "ts": time.time()})
        return 5 in plant.values("M1/good_total")

    assert eventually(heard_new)
    say(device, "t/old", {"good": 6, "ts": time.time()})
    say(device, "t/new", {"good": 8, "ts": time.time()})
    assert eventually(lambda: 8 in plant.values("M1/good_total"))
    assert 6 not in plant.values("M1/good_total")
    assert plant.rows("select since_at from source_lease") == since


@pytest.mark.parametrize(
    ("url", "more", "why"),
    [
        ("mqtt://127.0.0.1:1", {}, "network"),
        ("http://127.0.0.1:1", {}, "configuration"),
        ("mqtt://127.0.0.1:1", {"user": "u", "password_env": "MISSING_PASSWORD"}, "password"),
        ("mqtts://127.0.0.1:1", {"ca": "/nowhere/ca.pem"}, "configuration"),
    ],
)
def test_a_refusal_says_what_it_is(plant: Plant, collect: Start, url: str, more: dict[str, str], why: str) -> None:
    """A source that cannot be reached says whether network, password or configuration is to blame, and a gap begins."""
    plant.apply(counts(url, "t/none", **more))
    collect()
    assert eventually(lambda: plant.state("b1") in {"lost", "refused"})
    assert plant.health("b1")["detail"].startswith(f"{why}:")
    assert eventually(lambda: plant.rows("select why from gap where to_at is null") == [(why,)])


def test_paho_is_as_expected() -> None:
    """The paho that is installed has what batch receive and acknowledge lean on."""
    assert is_as_expected()


class Collected:
    """A client with all it received."""

    def __init__(self, client: BatchClient | StockClient) -> None:
        self.client = client
        self.messages: list[Message] = []
        client.on_batch = self.messages.extend


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("is_v5", [True, False])
def test_both_clients_receive_and_acknowledge_alike(
    mqtt_url: str, device: paho.Client, batched: bool, is_v5: bool
) -> None:
    """Batch and stock client hand over the same messages; what is acknowledged is not said again, the rest is."""
    name, parts = f"alike-{batched}-{is_v5}", urlsplit(mqtt_url)
    topic = f"alike/{name}"

    def connected() -> Collected:
        collected = Collected(new_client(client_id=name, is_v5=is_v5, batched=batched))
        more: Any = {"clean_start": False} if is_v5 else {}
        if is_v5:
            more["properties"] = _kept()
        collected.client.connect(parts.hostname or "", parts.port or 1883, **more)
        collected.client.loop_start()
        collected.client.on_connect = None
        assert eventually(collected.client.is_connected)
        return collected

    first = connected()
    subscribed: list[int] = []
    first.client.on_subscribe = lambda _c, _u, mid, _codes, _p: subscribed.append(mid)
    first.client.subscribe(topic, 1)
    assert eventually(lambda: subscribed)
    say(device, topic, b"warm")
    assert eventually(lambda: first.messages)
    for n in range(300):
        device.publish(topic, b"%d" % n * (n % 90 + 1), qos=n % 2)
    assert eventually(lambda: len(first.messages) == 301)
    expected = [b"%d" % n * (n % 90 + 1) for n in range(300)]
    assert [m.payload for m in first.messages[1:]] == expected
    assert {m.topic for m in first.messages} == {topic.encode()}
    first.client.ack_many([m.mid for m in first.messages if m.qos][:100])
    first.client.subscribe(f"{topic}/none", 1)
    assert eventually(lambda: len(subscribed) == 2)  # the broker has read the acknowledgements
    first.client.disconnect()
    first.client.loop_stop()
    second = connected()
    assert eventually(lambda: len(second.messages) >= 51)
    assert len(second.messages) == 51
    again = [m.payload for m in second.messages]
    assert again == [b"%d" % n * (n % 90 + 1) for n in range(1, 300, 2)][99:]
    second.client.disconnect()
    second.client.loop_stop()


def _kept() -> Any:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 60
    return properties
