"""A Sparkplug B host on one broker.

`role = "primary"` publishes STATE, so that edge nodes may wait for us and stop when we are gone; the default does not.
Either asks for rebirths, throttled: when it connects, and when data comes that no birth explains.
"""

from __future__ import annotations

import asyncio
import json
import threading
from functools import partial

import structlog

from collectors.mqtt.client import Message
from collectors.mqtt.link import Link, Will
from collectors.mqtt.source import MqttConnector
from collectors.source import Assignment, Outlet, SourceLostError
from collectors.sparkplug.births import Edge, Nodes, Taken, Topic
from collectors.sparkplug.payload_pb2 import Payload
from mes.clock import mono, wall

TICK_S = 0.25
FIRST_REBIRTHS_PER_TICK = 5
_BOOLEAN = 11
_log = structlog.get_logger("collectors.sparkplug")


class SparkplugSource:
    """Hears the metrics its tags name."""

    def __init__(self, assignment: Assignment, outlet: Outlet) -> None:
        self._assignment = assignment
        self._outlet = outlet
        self._connector = MqttConnector(assignment, outlet, clean=True)
        source = assignment.source
        self._nodes = Nodes(assignment.tags, clock=source.clock, reorder_timeout_s=source.reorder_timeout_s)
        self._mutex = threading.Lock()
        self._link: Link | None = None
        self._stamp_ms = 0
        self._is_leaving = False

    @property
    def _is_primary(self) -> bool:
        return self._assignment.source.role == "primary"

    @property
    def _state_topic(self) -> str:
        return f"spBv1.0/STATE/{self._assignment.source.host_id or 'takt'}"

    def _state(self, *, online: bool) -> bytes:
        return json.dumps({"online": online, "timestamp": self._stamp_ms}).encode()

    async def run(self) -> None:
        await self.close()
        self._stamp_ms, self._is_leaving = int(wall().timestamp() * 1000), False
        will = Will(self._state_topic, self._state(online=False)) if self._is_primary else None
        with self._mutex:
            self._nodes.forget_births()
        self._link, _kept = await self._connector.connect(self._on_batch, will)
        try:
            self._outlet.vitals.bad_tags = await self._link.subscribe(self._filters())
            if self._is_primary:
                self._link.publish(self._state_topic, self._state(online=True), qos=1, retain=True)
            self._outlet.connected(kept_all=False)
            await self._watch(self._link)
        except SourceLostError:
            await asyncio.to_thread(self._link.drop)
            self._link = None
            raise

    def _filters(self) -> list[str]:
        """Our own STATE first, then the groups tags name."""
        own = [self._state_topic] if self._is_primary else []
        return own + sorted({f"spBv1.0/{group}/#" for group, _edge in self._nodes.edges})

    async def _watch(self, link: Link) -> None:
        """Ask every edge node once how it stands, then look after sequences. Raises SourceLostError."""
        to_ask = list(self._nodes.edges)
        heard_s = 0.0
        gone = asyncio.ensure_future(link.gone())
        try:
            while not gone.done():
                for edge in to_ask[:FIRST_REBIRTHS_PER_TICK]:
                    self._rebirth(link, edge)
                del to_ask[:FIRST_REBIRTHS_PER_TICK]
                self._tick(link)
                if link.heard_s != heard_s:
                    heard_s = link.heard_s
                    self._outlet.alive()
                await asyncio.wait({gone}, timeout=TICK_S)
            raise gone.result()
        finally:
            gone.cancel()

    def _tick(self, link: Link) -> None:
        taken = Taken(self._outlet.now(), mono())
        with self._mutex:
            self._nodes.tick(taken)
            self._pass_on(link, taken)

    def _rebirth(self, link: Link, edge: Edge) -> None:
        """Ask an edge node to say again all it has (by name, never by alias)."""
        payload = Payload(timestamp=int(wall().timestamp() * 1000))
        payload.metrics.add(
            name="Node Control/Rebirth", timestamp=payload.timestamp, datatype=_BOOLEAN, boolean_value=True
        )
        link.publish(f"spBv1.0/{edge[0]}/NCMD/{edge[1]}", payload.SerializeToString(), qos=0)

    def _on_batch(self, link: Link, messages: list[Message]) -> None:
        """In the network's thread."""
        taken = Taken(self._outlet.now(), mono())
        size_max = self._assignment.source.payload_max_bytes
        with self._mutex:
            for message in messages:
                topic = Topic.of(message.topic.decode("utf-8", "replace"))
                if topic is None or message.size > size_max:
                    self._odd(link, message, taken)
                    continue
                try:
                    self._nodes.take(topic, message.payload, message.mid, taken)
                except Exception as error:  # whatever it is, the other messages go on
                    _log.exception("a payload could not be read", topic=message.topic)
                    taken.count(f"fault_{type(error).__name__}")
                    taken.mids.append(message.mid)
            self._pass_on(link, taken)

    def _odd(self, link: Link, message: Message, taken: Taken) -> None:
        """No message of an edge node: our own STATE, or something too long."""
        taken.mids.append(message.mid)
        if self._is_primary and message.topic.decode("utf-8", "replace") == self._state_topic:
            if _says_offline(message.payload) and not self._is_leaving:  # our own farewell comes back to us too
                link.publish(self._state_topic, self._state(online=True), qos=1, retain=True)
                taken.count("state_taken_back")
        else:
            taken.count("too_long" if message.topic.startswith(b"spBv1.0/") else "unknown_topic")

    def _pass_on(self, link: Link, taken: Taken) -> None:
        for what, times in taken.counts.items():
            self._outlet.vitals.count(what, times)
        for edge in taken.rebirths:
            self._rebirth(link, edge)
        mids = [mid for mid in taken.mids if mid]
        if taken.heard or taken.unreadable or taken.gaps or mids:
            thank = partial(link.ack, mids) if mids else None
            self._outlet.deliver(taken.heard, unreadable=taken.unreadable, gaps=taken.gaps, thank=thank)

    async def retag(self, assignment: Assignment) -> None:
        before = self._filters()
        self._assignment = assignment
        with self._mutex:
            self._nodes.retag(assignment.tags)
        if self._link is not None:
            after = self._filters()
            still = {name: why for name, why in self._outlet.vitals.bad_tags.items() if name in after}
            refused = await self._link.subscribe([name for name in after if name not in before])
            self._outlet.vitals.bad_tags = still | refused
            self._link.unsubscribe([name for name in before if name not in after])
            for edge in self._nodes.edges:
                self._rebirth(self._link, edge)

    async def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            if self._is_primary:
                self._is_leaving = True
                self._stamp_ms = int(wall().timestamp() * 1000)  # a farewell bears the time it is said
                link.publish(self._state_topic, self._state(online=False), qos=1, retain=True)
            await link.close()


def _says_offline(payload: bytes) -> bool:
    try:
        return json.loads(payload).get("online") is False
    except (ValueError, AttributeError):
        return False
