"""An MQTT broker as a source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from collectors.mapping import Topics
from collectors.mqtt.client import Message
from collectors.mqtt.link import ConnectRefusedError, Link, Will, address_of
from collectors.source import Assignment, Heard, Outlet, SourceLostError, Unreadable

WATCH_S = 1.0
OnBatch = Callable[[Link, list[Message]], None]
_log = structlog.get_logger("collectors.mqtt")


class MqttConnector:
    """Makes connections with the protocol the broker speaks, and knows whether it was down meanwhile."""

    def __init__(self, assignment: Assignment, outlet: Outlet, *, clean: bool = False) -> None:
        self._assignment = assignment
        self._outlet = outlet
        self._clean = clean
        self._is_v5: bool | None = None
        self._was_down = False

    async def connect(self, on_batch: OnBatch, will: Will | None = None) -> tuple[Link, bool]:
        """A connection, and whether the broker kept for us whatever was said meanwhile. Raises SourceLostError."""
        source = self._assignment.source
        version = address_of(source).version
        for is_v5 in [True, False] if self._is_v5 is None and not version else [self._is_v5 or version == "5"]:
            link = Link(
                source, on_batch, is_full=lambda: self._outlet.is_full, is_v5=is_v5, will=will, clean=self._clean
            )
            try:
                present = await link.connect()
            except ConnectRefusedError as error:
                await asyncio.to_thread(link.drop)
                if is_v5 and error.is_version and not version:
                    continue
                raise
            except SourceLostError as error:
                await asyncio.to_thread(link.drop)
                self._was_down = self._was_down or isinstance(error.__cause__, ConnectionRefusedError)
                raise
            self._is_v5 = is_v5
            kept_all, self._was_down = present and not self._was_down, False
            return link, kept_all
        raise SourceLostError("configuration", "the broker speaks neither MQTT 5 nor 3.1.1")


async def watch(link: Link, outlet: Outlet) -> None:
    """Stay while the connection does, passing on its signs of life. Raises SourceLostError."""
    heard_s = 0.0
    gone = asyncio.ensure_future(link.gone())
    try:
        while not gone.done():
            if link.heard_s != heard_s:
                heard_s = link.heard_s
                outlet.alive()
            await asyncio.wait({gone}, timeout=WATCH_S)
        raise gone.result()
    finally:
        gone.cancel()


class MqttSource:
    """Hears the topics its tags name."""

    def __init__(self, assignment: Assignment, outlet: Outlet) -> None:
        self._assignment = assignment
        self._outlet = outlet
        self._connector = MqttConnector(assignment, outlet)
        self._topics = _topics(assignment)
        self._link: Link | None = None

    async def run(self) -> None:
        await self.close()
        self._link, kept_all = await self._connector.connect(self._on_batch)
        try:
            self._refused(await self._link.subscribe(self._topics.filters))
            self._outlet.connected(kept_all=kept_all)
            await watch(self._link, self._outlet)
        except SourceLostError:
            await asyncio.to_thread(self._link.drop)
            self._link = None
            raise

    async def retag(self, assignment: Assignment) -> None:
        before, self._topics = self._topics, _topics(assignment)
        self._assignment = assignment
        if self._link is not None:
            new = [name for name in self._topics.filters if name not in before.filters]
            self._refused(await self._link.subscribe(new))
            self._link.unsubscribe([name for name in before.filters if name not in self._topics.filters])

    async def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    def _refused(self, filters: dict[str, str]) -> None:
        self._outlet.vitals.bad_tags = dict(filters)
        for name, reason in filters.items():
            _log.warning("the broker refuses a subscription", topic=name, reason=reason)

    def _on_batch(self, link: Link, messages: list[Message]) -> None:
        heard: list[Heard] = []
        bad: list[Unreadable] = []
        mids: list[int] = []
        read, size_max = self._topics.read, self._assignment.source.payload_max_bytes
        for topic, payload, qos, mid, retained, size in messages:
            if qos:
                mids.append(mid)
            if size > size_max:
                bad.append(_too_long(topic, payload, size))
                continue
            try:
                if not read(topic, payload, retained=retained, heard=heard, bad=bad):
                    self._outlet.vitals.count("unknown_topic")
            except Exception as error:  # whatever it is, the other messages go on
                _log.exception("a payload could not be read", topic=topic)
                bad.append(
                    Unreadable("fault", f"{type(error).__name__}: {error}", topic.decode("utf-8", "replace"), payload)
                )
        self._outlet.vitals.count("messages", len(messages))
        self._outlet.deliver(heard, unreadable=bad, thank=partial(link.ack, mids) if mids else None)


def _topics(assignment: Assignment) -> Topics:
    return Topics(assignment.tags, clock=assignment.source.clock, time_zone=assignment.time_zone)


def _too_long(topic: bytes, payload: bytes, size: int) -> Unreadable:
    detail = f"{size} bytes are more than payload_max_bytes allows"
    return Unreadable("size", detail, topic.decode("utf-8", "replace"), payload)
