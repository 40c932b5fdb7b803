"""A simulated gateway: publishes its machines as JSON to an MQTT broker, quality of service 1.

Each topic of the plant file carries all values mapped to it, the device's time and its own message number. What cannot
be sent yet waits in memory, in order. Topics that carry a state are retained; a last will on `.../online` says when the
gateway died. Each machine writes its time in another of the usual ways (ISO 8601, epoch milliseconds, epoch
microseconds), as machines of different makers do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from simulators.instants import to_iso
from simulators.plantfile import PULSES, Source, Tag
from simulators.signals import Published, Word
from simulators.wire import address

KEEPALIVE_S = 15
INFLIGHT_MAX = 100
DRAIN_S = 4.0


@dataclass(slots=True)
class _Topic:
    """One topic: where in its payload each signal stands, and the last value of each."""

    name: str
    machine: str
    time_path: str
    sequence_path: str
    written: str
    paths: dict[str, str] = field(default_factory=dict)
    last: dict[str, Word] = field(default_factory=dict)
    sequence: int = 0

    def payload(self, at: int, pulses: dict[str, Word]) -> bytes:
        """The next message of this topic, as JSON."""
        self.sequence += 1
        body: dict[str, Any] = {}
        for signal, path in self.paths.items():
            value = pulses.get(signal, 0) if signal in PULSES else self.last.get(signal)
            if value is not None:
                put(body, path, value)
        if self.time_path:
            put(body, self.time_path, {"iso": to_iso(at), "ms": at, "us": at * 1000}[self.written])
        if self.sequence_path:
            put(body, self.sequence_path, self.sequence)
        return json.dumps(body, separators=(",", ":")).encode()


def put(body: dict[str, Any], path: str, value: Any) -> None:
    """Set a dotted path in a JSON body."""
    *parents, leaf = path.split(".")
    for parent in parents:
        body = body.setdefault(parent, {})
    body[leaf] = value


class MqttGateway:
    """The connection of one MQTT source to its broker."""

    def __init__(self, source: Source, tags: Sequence[Tag]) -> None:
        self.source = source
        self._topics = _topics([tag for tag in tags if tag.source == source.code])
        self._of = {(topic.machine, signal): topic for topic in self._topics for signal in topic.paths}
        self._online = f"{_shared_prefix([topic.name for topic in self._topics])}/online"
        self._client: paho.Client | None = None

    async def start(self, now: Sequence[Published]) -> None:
        """Connect (or keep trying) and publish every topic once."""
        self._client = client = _client(f"sim-{self.source.code}", self._online)
        client.on_connect = self._connected
        client.connect_async(*address(self.source.url, 1883), KEEPALIVE_S)
        client.loop_start()
        await self.send(now)

    @property
    def online(self) -> bool:
        """Whether the broker has taken the connection."""
        return self._client is not None and self._client.is_connected()

    def _connected(self, client: paho.Client, *_: Any) -> None:
        client.publish(self._online, '{"online":true}', qos=1, retain=True)

    async def send(self, values: Sequence[Published]) -> None:
        """One message per topic and instant, in order."""
        waiting: dict[tuple[str, int], tuple[_Topic, dict[str, Word]]] = {}
        for value in values:
            topic = self._of[value.machine, value.signal]
            if (topic.name, value.at) not in waiting:
                self._flush(waiting, topic.name)
            _, pulses = waiting.setdefault((topic.name, value.at), (topic, {}))
            if value.signal in PULSES:
                pulses[value.signal] = value.value
            else:
                topic.last[value.signal] = value.value
        self._flush(waiting)

    def _flush(self, waiting: dict[tuple[str, int], tuple[_Topic, dict[str, Word]]], name: str = "") -> None:
        """Publish what is gathered for one topic, or for all."""
        for key in [key for key in waiting if not name or key[0] == name]:
            topic, pulses = waiting.pop(key)
            if self._client is not None:
                self._client.publish(topic.name, topic.payload(key[1], pulses), qos=1, retain="state" in topic.paths)

    async def power(self, on: bool, now: Sequence[Published]) -> None:
        """Cut the connection without a word, so that the broker publishes the will; or connect again."""
        if on:
            await self.start(now)
            return
        client, self._client = self._client, None
        if client is not None:
            cut(client)

    async def stop(self) -> None:
        """Let the queue drain for a moment, then say offline and disconnect."""
        client, self._client = self._client, None
        if client is None:
            return
        last = client.publish(self._online, '{"online":false}', qos=1, retain=True)
        await asyncio.to_thread(_drain, last)
        client.disconnect()
        client.loop_stop()


def _topics(tags: Sequence[Tag]) -> list[_Topic]:
    machines = list(dict.fromkeys(tag.machine for tag in tags))
    topics: dict[str, _Topic] = {}
    for tag in tags:
        written = ("iso", "ms", "us")[machines.index(tag.machine) % 3]
        topic = topics.setdefault(
            tag.at["topic"],
            _Topic(tag.at["topic"], tag.machine, tag.at.get("time_path", ""), tag.at.get("sequence_path", ""), written),
        )
        topic.paths[tag.signal] = tag.at.get("path", "value")
    return list(topics.values())


def _shared_prefix(names: Sequence[str]) -> str:
    """The leading levels all topics share: `plant/L03`."""
    levels = [name.split("/")[:-1] for name in names]
    shared: list[str] = []
    for level in zip(*levels, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return "/".join(shared)


def _client(client_id: str, online: str) -> paho.Client:
    """A client that keeps everything it could not send, and whose death the broker announces."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
    client.max_queued_messages_set(0)
    client.max_inflight_messages_set(INFLIGHT_MAX)
    client.reconnect_delay_set(1, 5)
    client.will_set(online, '{"online":false}', qos=1, retain=True)
    return client


def _drain(last: paho.MQTTMessageInfo) -> None:
    try:
        last.wait_for_publish(DRAIN_S)
    except (RuntimeError, ValueError):
        return


def cut(client: paho.Client) -> None:
    """Break a client's connection as a power cut would, and end its thread."""
    client.reconnect_delay_set(3600, 3600)
    held: Any = client.socket()
    if held is not None:
        with contextlib.suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)
    client.loop_stop()
