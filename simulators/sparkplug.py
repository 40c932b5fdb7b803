"""A simulated Sparkplug B edge node (specification v3): births, data with aliases, death, rebirth on command, history.

One node per group and edge of the plant file. It connects with its NDEATH as last will and a new bdSeq each time,
counts `seq` 0..255 over everything it publishes, and answers `Node Control/Rebirth`. Where the source's role is
`primary` it waits for its host's STATE and keeps what happens while the host is away. Whatever it could not deliver,
and what it published in the last seconds before a break, it sends again after the birth, marked historical.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from simulators.mqtt import cut
from simulators.payload_pb2 import Payload
from simulators.plantfile import COUNTERS, Source, Tag
from simulators.signals import Published, Word
from simulators.wire import address

KEEPALIVE_S = 5
RESEND_S = 8.0
HISTORY_METRICS_MAX = 200
BACKLOG_MAX = 1_000_000

INT32, UINT16, UINT32, UINT64, INT64, DOUBLE, BOOLEAN, STRING = 3, 6, 7, 8, 4, 10, 11, 12
REBIRTH = "Node Control/Rebirth"

Key = tuple[str, str]


def datatype(tag: Tag, value: Word) -> int:
    """The Sparkplug data type of a tag's metric."""
    if tag.signal in COUNTERS:
        return {1 << 16: UINT16, 1 << 32: UINT32}.get(tag.modulus, UINT64)
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return INT32
    return DOUBLE if isinstance(value, float) else STRING


def put(metric: Any, kind: int, value: Word) -> None:
    """Write a value into the field its data type demands."""
    metric.datatype = kind
    if kind in {INT32, UINT16, UINT32}:
        metric.int_value = int(value) & 0xFFFFFFFF
    elif kind in {UINT64, INT64}:
        metric.long_value = int(value) & 0xFFFFFFFFFFFFFFFF
    elif kind == BOOLEAN:
        metric.boolean_value = bool(value)
    elif kind == DOUBLE:
        metric.double_value = float(value)
    else:
        metric.string_value = str(value)


class EdgeNode:
    """One edge node: a thread that keeps it connected, and a lock around what that thread and the sender share."""

    def __init__(self, source: Source, group: str, edge: str, tags: Sequence[Tag], now: Callable[[], int]) -> None:
        self.source = source
        self.group = group
        self.edge = edge
        self.born = False
        self._tags: dict[Key, Tag] = {(tag.machine, tag.signal): tag for tag in tags}
        self._alias = {key: number for number, key in enumerate(self._tags, start=10)}
        self._now = now
        self._current: dict[Key, Published] = {}
        self._backlog: deque[Published] = deque(maxlen=BACKLOG_MAX)
        self._recent: deque[tuple[float, Published]] = deque()
        self._lock = threading.RLock()
        self._client: paho.Client | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._bd_seq = -1
        self._seq = 0
        self._host_since = -1

    # Its life

    def start(self, now: Sequence[Published]) -> None:
        """Connect in a thread of its own and stay connected."""
        with self._lock:
            self._current.update({(value.machine, value.signal): value for value in now})
        self._stopping.clear()
        self._thread = threading.Thread(target=self._live, name=f"edge {self.edge}", daemon=True)
        self._thread.start()

    def stop(self, *, politely: bool) -> None:
        """End the connection: with the death certificate published by ourselves, or by the broker."""
        self._stopping.set()
        with self._lock:
            client, self._client = self._client, None
            if client is not None and politely and self.born:
                client.publish(self._topic("NDEATH"), self._death(), qos=1).wait_for_publish(0.2)
            self.born = False
        if client is not None:
            client.disconnect() if politely else cut(client)
        if self._thread is not None:
            self._thread.join(10)

    def forget(self) -> None:
        """Lose what was kept for later, as a device without a battery does."""
        with self._lock:
            self._backlog.clear()
            self._recent.clear()

    def _live(self) -> None:
        while not self._stopping.is_set():
            client = self._new_client()
            try:
                client.connect(*address(self.source.url, 1883), KEEPALIVE_S)
                client.loop_forever()
            except OSError:
                pass
            self._lost()
            self._stopping.wait(1.0)

    def _new_client(self) -> paho.Client:
        with self._lock:
            self._bd_seq = (self._bd_seq + 1) % 256
            client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"sim-{self.edge}", reconnect_on_failure=False)
            client.will_set(self._topic("NDEATH"), self._death(), qos=1)
            client.on_connect = self._connected
            client.on_message = self._heard
            self._client = client
            return client

    def _connected(self, client: paho.Client, *_: Any) -> None:
        client.subscribe(self._topic("NCMD"), qos=1)
        if self.source.role == "primary":
            client.subscribe(f"spBv1.0/STATE/{self.source.host_id}", qos=1)
        else:
            self._give_birth()

    def _heard(self, client: paho.Client, _: Any, message: paho.MQTTMessage) -> None:
        if client is not self._client:
            return
        if message.topic.startswith("spBv1.0/STATE/"):
            self._host(bytes(message.payload))
            return
        command = Payload.FromString(bytes(message.payload))
        if self.born and any(metric.name == REBIRTH and metric.boolean_value for metric in command.metrics):
            self._give_birth()

    def _host(self, payload: bytes) -> None:
        """Our primary host came or went; an older word than the last one is not believed."""
        said = json.loads(payload)
        with self._lock:
            if said["timestamp"] < self._host_since:
                return
            self._host_since = said["timestamp"]
            if said["online"] and not self.born:
                self._give_birth()
            elif not said["online"] and self.born and self._client is not None:
                self._client.publish(self._topic("NDEATH"), self._death(), qos=0)
                self._lost()
                self._client.disconnect()

    def _lost(self) -> None:
        """Whoever listened is gone: what was said in the last seconds may not have arrived."""
        with self._lock:
            if self.born:
                since = time.monotonic() - RESEND_S
                self._backlog.extendleft([value for at, value in reversed(self._recent) if at > since])
                self._recent.clear()
            self.born = False

    # What it says

    def send(self, values: Sequence[Published]) -> None:
        """Publish values, those of one device and instant together; keep them while nobody listens."""
        with self._lock:
            self._current.update({(value.machine, value.signal): value for value in values})
            if not self.born:
                self._backlog.extend(values)
                return
            at = time.monotonic()
            self._recent.extend((at, value) for value in values)
            while self._recent and self._recent[0][0] < at - RESEND_S:
                self._recent.popleft()
            for (device, _), group in groupby(values, key=lambda value: (self._device(value), value.at)):
                self._publish("DDATA", device, list(group))

    def _give_birth(self) -> None:
        """NBIRTH, a DBIRTH per device, then what could not be said before."""
        with self._lock:
            self._seq = 255
            node = self._payload()
            bd_seq = node.metrics.add(name="bdSeq", timestamp=node.timestamp)
            put(bd_seq, INT64, self._bd_seq)
            rebirth = node.metrics.add(name=REBIRTH, timestamp=node.timestamp)
            put(rebirth, BOOLEAN, False)
            self._out("NBIRTH", "", node)
            for device, values in self._devices():
                self._publish("DBIRTH", device, values)
            self.born = True
            for values in self._history():
                self._publish("DDATA", self._device(values[0]), values, historical=True)

    def _devices(self) -> Iterator[tuple[str, list[Published]]]:
        """Each device with the current value of each of its metrics, empty where it never had one."""
        devices: dict[str, list[Published]] = {}
        for key, tag in self._tags.items():
            value = self._current.get(key) or Published(self._now(), *key, "")
            devices.setdefault(tag.at.get("device", ""), []).append(value)
        yield from devices.items()

    def _history(self) -> Iterator[list[Published]]:
        kept = list(self._backlog)
        self._backlog.clear()
        for _, group in groupby(kept, key=self._device):
            values = list(group)
            for start in range(0, len(values), HISTORY_METRICS_MAX):
                yield values[start : start + HISTORY_METRICS_MAX]

    def _publish(self, kind: str, device: str, values: Sequence[Published], *, historical: bool = False) -> None:
        payload = self._payload()
        for value in values:
            key = (value.machine, value.signal)
            metric = payload.metrics.add(alias=self._alias[key], timestamp=value.at)
            if kind == "DBIRTH":
                metric.name = self._tags[key].at["metric"]
            if historical:
                metric.is_historical = True
            put(metric, datatype(self._tags[key], value.value), value.value)
        self._out(kind, device, payload)

    def _payload(self) -> Any:
        self._seq = (self._seq + 1) % 256
        return Payload(timestamp=self._now(), seq=self._seq)

    def _death(self) -> bytes:
        payload = Payload(timestamp=self._now())
        put(payload.metrics.add(name="bdSeq", timestamp=payload.timestamp), INT64, self._bd_seq)
        return payload.SerializeToString()

    def _out(self, kind: str, device: str, payload: Any) -> None:
        if self._client is not None:
            self._client.publish(self._topic(kind, device), payload.SerializeToString(), qos=0)

    def _topic(self, kind: str, device: str = "") -> str:
        topic = f"spBv1.0/{self.group}/{kind}/{self.edge}"
        return f"{topic}/{device}" if device else topic

    def _device(self, value: Published) -> str:
        return self._tags[value.machine, value.signal].at.get("device", "")


class SparkplugEdges:
    """All edge nodes of one source."""

    def __init__(self, source: Source, tags: Sequence[Tag], now: Callable[[], int]) -> None:
        self.source = source
        nodes: dict[tuple[str, str], list[Tag]] = {}
        for tag in tags:
            if tag.source == source.code:
                nodes.setdefault((tag.at["group"], tag.at["edge"]), []).append(tag)
        self.nodes = [EdgeNode(source, group, edge, own, now) for (group, edge), own in nodes.items()]
        self._node_of = {
            (tag.machine, tag.signal): node for node, own in zip(self.nodes, nodes.values(), strict=True) for tag in own
        }

    def _split(self, values: Sequence[Published]) -> Iterator[tuple[EdgeNode, list[Published]]]:
        for node in self.nodes:
            own = [value for value in values if self._node_of[value.machine, value.signal] is node]
            if own:
                yield node, own

    async def start(self, now: Sequence[Published]) -> None:
        """Connect every node."""
        for node, own in self._split(now):
            node.start(own)

    async def send(self, values: Sequence[Published]) -> None:
        """Hand each value to its node."""
        for node, own in self._split(values):
            node.send(own)

    async def power(self, on: bool, now: Sequence[Published]) -> None:
        """Cut all nodes without a word; or bring them back."""
        if on:
            await self.start(now)
            return
        for node in self.nodes:
            await asyncio.to_thread(node.stop, politely=False)
            node.forget()

    async def stop(self) -> None:
        """Publish the deaths and disconnect."""
        for node in self.nodes:
            await asyncio.to_thread(node.stop, politely=True)
