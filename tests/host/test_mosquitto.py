"""The private broker: keeps what it queued, limits nothing silently, ends with its starter."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from mes.host import mosquitto, processes
from mes.settings import load_settings

SECONDS_AT_MOST = 30


@pytest.fixture
def broker() -> Iterator[mosquitto.Broker]:
    home = Path(tempfile.mkdtemp(prefix="takt test "))
    home.chmod(0o711)
    made = mosquitto.Broker(home / "broker", load_settings().cache)
    yield made
    mosquitto.stop(made)
    shutil.rmtree(home)


def _client(broker: mosquitto.Broker, name: str, *, heard: list[bytes] | None = None) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5)
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    if heard is not None:
        client.on_message = lambda _client, _data, message: heard.append(bytes(message.payload))
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600
    address = urlsplit(mosquitto.url(broker))
    client.connect(address.hostname or "", address.port or 0, clean_start=False, properties=properties)
    client.loop_start()
    if heard is not None:
        client.subscribe("t/#", qos=1)
        assert subscribed.wait(SECONDS_AT_MOST)
    return client


def _leave(client: paho.Client) -> None:
    client.disconnect()
    client.loop_stop()


def _wait_for(heard: list[bytes], count: int) -> None:
    pause = threading.Event()
    for _ in range(SECONDS_AT_MOST * 50):
        if len(heard) >= count:
            return
        pause.wait(0.02)


def test_keeps_thousands_of_messages_for_a_reader_who_is_away_and_over_a_restart(broker: mosquitto.Broker) -> None:
    """Messages beyond the usual 1,000 wait for an absent reader, also while the broker is stopped and started."""
    mosquitto.start(broker, leash=True)
    _leave(_client(broker, "reader", heard=[]))
    writer = _client(broker, "writer")
    for number in range(2500):
        sent = writer.publish("t/n", str(number), qos=1)
    sent.wait_for_publish(SECONDS_AT_MOST)
    _leave(writer)
    mosquitto.stop(broker)
    mosquitto.start(broker, leash=True)
    heard: list[bytes] = []
    reader = _client(broker, "reader", heard=heard)
    _wait_for(heard, 2500)
    _leave(reader)
    assert heard == [str(number).encode() for number in range(2500)]


def test_a_second_start_finds_it_running(broker: mosquitto.Broker) -> None:
    """Starting what runs changes nothing and says so; stopping what stands still likewise."""
    assert mosquitto.start(broker, leash=True)
    pid = mosquitto.running_pid(broker)
    assert not mosquitto.start(broker, leash=True)
    assert mosquitto.running_pid(broker) == pid
    assert mosquitto.stop(broker)
    assert not mosquitto.stop(broker)


def test_starts_again_after_kill_9_at_the_same_address(broker: mosquitto.Broker) -> None:
    """A killed broker is started again without a hand, and clients find it where it was."""
    mosquitto.start(broker, leash=True)
    address, pid = mosquitto.url(broker), mosquitto.running_pid(broker)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert processes.wait_gone(pid, within_s=30)
    mosquitto.start(broker, leash=True)
    assert mosquitto.url(broker) == address


def test_a_fallen_broker_is_started_again(broker: mosquitto.Broker) -> None:
    """Killed, it is found fallen at the next look, said once, and answers again where it did before."""
    said: list[str] = []
    keeper = mosquitto.keeper(broker, said.append)
    mosquitto.start(broker, leash=True)
    address = mosquitto.url(broker)
    keeper.look()
    assert said == []
    killed = mosquitto.kill(broker)
    assert killed is not None
    assert processes.wait_gone(killed, SECONDS_AT_MOST)
    assert mosquitto.kill(broker) is None
    keeper.look()
    keeper.look()
    assert [line.split(" (")[0] for line in said] == ["The MQTT broker has fallen and is started again"]
    assert (mosquitto.running_pid(broker) or killed) != killed
    assert mosquitto.url(broker) == address
    assert processes.answers(urlsplit(address).port or 0)


def test_an_old_pid_that_is_somebody_else_is_not_taken_for_the_broker(broker: mosquitto.Broker) -> None:
    """After a reboot the number in the pid file may be anybody's."""
    broker.folder.mkdir(parents=True)
    (broker.folder / "pid").write_text(str(os.getpid()))
    assert mosquitto.running_pid(broker) is None
    assert mosquitto.start(broker, leash=True)
