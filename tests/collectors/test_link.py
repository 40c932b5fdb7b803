"""Connections to brokers of every temper: encrypted, narrow, killed, and with somebody else under our name."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from collectors.post import Post
from tests.collectors.broker import KEEPING, Authority, Broker
from tests.collectors.conftest import Plant, Proxy, Start, counts, eventually, say

Run = Callable[..., Broker]


@pytest.fixture
def folder(servers_home: Path) -> Path:
    """A folder the servers' own user can reach."""
    return servers_home / f"broker-{secrets.token_hex(4)}"


@pytest.fixture
def run(folder: Path) -> Iterator[Run]:
    """Start brokers; killed at the end."""
    started: list[Broker] = []

    def start(*lines: str) -> Broker:
        started.append(Broker(folder, *lines))
        return started[-1]

    yield start
    for broker in started:
        broker.kill()


def connected(url: str, **tls: Any) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(1000)
    if tls:
        client.tls_set(**tls)
    client.connect("127.0.0.1", urlsplit(url).port or 0)
    client.loop_start()
    return client


def parted(client: paho.Client) -> None:
    client.disconnect()
    client.loop_stop()


@pytest.fixture(scope="module")
def authority(servers_home: Path) -> Authority:
    return Authority(servers_home / f"ca-{secrets.token_hex(4)}")


@pytest.fixture
def secure(run: Run, authority: Authority) -> Broker:
    """A broker that speaks TLS only, and only with clients of its authority."""
    certificate, key = authority.issue("broker")
    tls = (f"cafile {authority.path}", f"certfile {certificate}", f"keyfile {key}", "require_certificate true")
    return run("use_identity_as_username true", "allow_anonymous false", *tls)


def test_tls_with_a_client_certificate(plant: Plant, collect: Start, secure: Broker, authority: Authority) -> None:
    """With a certificate of the broker's authority we are let in, encrypted, and messages become samples."""
    certificate, key = authority.issue("takt")
    url = f"mqtts://127.0.0.1:{secure.port}"
    plant.apply(counts(url, "t/tls", ca=str(authority.path), cert=str(certificate), key=str(key)))
    collect()
    assert eventually(lambda: plant.state("b1") == "running")
    device = connected(url, ca_certs=str(authority.path), certfile=str(certificate), keyfile=str(key))
    say(device, "t/tls", {"good": 3, "ts": time.time()})
    assert eventually(lambda: plant.values("M1/good_total") == [3])
    parted(device)


@pytest.mark.parametrize("wrong", ["no certificate of ours", "a broker of another authority"])
def test_tls_that_fails_is_a_matter_of_certificates(
    plant: Plant, collect: Start, secure: Broker, authority: Authority, wrong: str
) -> None:
    """Never less secure than configured: nothing is heard, and the refusal names the certificate."""
    ours = Authority(authority.path.with_name("other")) if wrong.startswith("a broker") else authority
    plant.apply(counts(f"mqtts://127.0.0.1:{secure.port}", "t/tls", ca=str(ours.path)))
    collect()
    assert eventually(lambda: plant.state("b1") == "refused")
    assert plant.health("b1")["detail"].startswith("certificate:")


def test_a_broker_with_a_narrow_window_is_not_a_brake(plant: Plant, collect: Start, run: Run) -> None:
    """Twenty unacknowledged messages are a common default: thanked early, a thousand pass all the same."""
    broker = run(*KEEPING, "max_inflight_messages 20", "max_queued_messages 0")
    plant.apply(counts(broker.url, "t/narrow"))
    collect()
    assert eventually(lambda: plant.state("b1") == "running")
    device, now = connected(broker.url), time.time()
    for n in range(1000):
        device.publish("t/narrow", f'{{"good": {n}, "ts": {now + n / 1000}}}', qos=1)
    assert eventually(lambda: plant.values("M1/good_total") == list(range(1000)))
    parted(device)


def test_a_killed_broker_is_found_again(plant: Plant, collect: Start, run: Run) -> None:
    """After kill -9 and a restart the collector subscribes anew; the silence is one gap that has ended."""
    broker = run(*KEEPING)
    plant.apply(counts(broker.url, "t/killed"))
    collect()
    assert eventually(lambda: plant.state("b1") == "running")
    broker.kill()
    assert eventually(lambda: plant.rows("select why from gap where to_at is null") == [("network",)])
    broker.start()
    assert eventually(lambda: plant.state("b1") == "running")
    device = connected(broker.url)
    say(device, "t/killed", {"good": 5, "ts": time.time()})
    assert eventually(lambda: plant.values("M1/good_total") == [5])
    assert plant.rows("select from gap where to_at is null") == []
    parted(device)


def test_an_error_in_the_networks_thread_ends_the_connection_and_loses_nothing(
    plant: Plant, collect: Start, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread falls with a message in its hands: the connection is made anew, and the broker says it again."""
    broker, deliver, fallen = run(*KEEPING), Post.deliver, []

    def falling(post: Post, *heard: Any, **more: Any) -> None:
        if not fallen:
            fallen.append(post.code)
            raise MemoryError("no room")
        deliver(post, *heard, **more)

    plant.apply(counts(broker.url, "t/fallen"))
    collect()
    assert eventually(lambda: plant.state("b1") == "running")
    monkeypatch.setattr(Post, "deliver", falling)
    device = connected(broker.url)
    say(device, "t/fallen", {"good": 4, "ts": time.time()})
    assert eventually(lambda: plant.values("M1/good_total") == [4])
    assert fallen == ["b1"]
    parted(device)


def test_a_broker_that_forgot_our_session_is_subscribed_anew(plant: Plant, collect: Start, run: Run) -> None:
    """A broker that keeps nothing over a restart: what it lost is a gap, and hearing goes on."""
    broker = run("allow_anonymous true")
    plant.apply(counts(broker.url, "t/forgot"))
    first = collect()
    assert eventually(lambda: plant.state("b1") == "running")
    first.stop()
    assert eventually(lambda: plant.state("b1") == "stopped")
    broker.kill()
    broker.start()
    collect()
    assert eventually(lambda: plant.state("b1") == "running")
    device = connected(broker.url)
    say(device, "t/forgot", {"good": 6, "ts": time.time()})
    assert eventually(lambda: plant.values("M1/good_total") == [6])
    assert eventually(lambda: plant.rows("select why from gap where to_at > from_at") == [("collector",)])
    parted(device)


@pytest.fixture
def broker_proxy(mqtt_url: str, proxied: Callable[[str, int], Proxy], monkeypatch: pytest.MonkeyPatch) -> Proxy:
    """A proxy before the broker; a silence of it is noticed within seconds."""
    monkeypatch.setattr("collectors.mqtt.link.KEEPALIVE_S", 1)
    parts = urlsplit(mqtt_url)
    return proxied(str(parts.hostname), parts.port or 1883)


@pytest.mark.parametrize("mode", ["black_hole", "half_open"])
def test_a_connection_that_only_seems_to_live_is_noticed(
    plant: Plant, collect: Start, device: paho.Client, broker_proxy: Proxy, mode: str
) -> None:
    """Nothing arrives and nothing is closed: the keep-alive notices, and what the broker kept is stored afterwards."""
    plant.apply(counts(f"mqtt://127.0.0.1:{broker_proxy.port}", f"t/{mode}"))
    collect()
    assert eventually(lambda: plant.state("b1") == "running")
    broker_proxy.set(mode)
    assert eventually(lambda: plant.state("b1") == "lost")
    say(device, f"t/{mode}", {"good": 8, "ts": time.time()})
    broker_proxy.set("pass")
    assert eventually(lambda: plant.values("M1/good_total") == [8])
    assert eventually(lambda: plant.state("b1") == "running")


def test_another_client_under_our_name_is_named(plant: Plant, collect: Start, mqtt_url: str) -> None:
    """Whoever uses our client id throws us out; the health says so instead of a network fault."""
    plant.apply(counts(f"{mqtt_url}?version=5", "t/double", client_id="takt-double"))
    collector = collect()
    assert eventually(lambda: plant.state("b1") == "running")
    details: list[str] = []
    lost = type(collector._posts["b1"]).lost

    def noted(self: Any, error: Any) -> None:
        details.append(str(error))
        lost(self, error)

    type(collector._posts["b1"]).lost = noted  # type: ignore[method-assign]
    try:
        thief = paho.Client(CallbackAPIVersion.VERSION2, client_id="takt-double", protocol=paho.MQTTv5)
        thief.connect("127.0.0.1", urlsplit(mqtt_url).port or 0)
        thief.loop_start()
        assert eventually(lambda: details)
        assert details[0] == "session: another client uses our client id"
        parted(thief)
        assert eventually(lambda: plant.state("b1") == "running")
    finally:
        type(collector._posts["b1"]).lost = lost  # type: ignore[method-assign]
