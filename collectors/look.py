"""Looking at a source once, from the command line: what is there, and what its tags say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from collectors import discover
from collectors.mqtt.client import Message
from collectors.mqtt.link import Link
from collectors.post import PlantTime
from collectors.source import (
    Assignment,
    GapNote,
    Heard,
    Source,
    SourceLostError,
    Thank,
    Unreadable,
    Vitals,
)
from mes.clock import mono, real_clock
from mes.domain.plant import Source as SourceModel
from mes.errors import InputError, UnavailableError
from mes.settings import Settings

SEEN_MAX = 5_000
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """A tag of the plant file and what it says now, or why nothing."""

    address: str
    value: Any
    why_not: str = ""


class Ear:
    """An outlet that only remembers."""

    def __init__(self) -> None:
        self.vitals = Vitals()
        self.heard: dict[int, Heard] = {}
        self.unreadable: list[Unreadable] = []
        self._time = PlantTime(real_clock())

    @property
    def is_full(self) -> bool:
        return False

    def now(self) -> int:
        return self._time.now()

    def connected(self, *, kept_all: bool) -> None:
        self.vitals.state = "running"

    def alive(self) -> None:
        """Nothing to note."""

    def deliver(
        self,
        heard: Sequence[Heard],
        *,
        unreadable: Sequence[Unreadable] = (),
        gaps: Sequence[GapNote] = (),
        thank: Thank | None = None,
    ) -> None:
        """Remember the last of each tag; nobody is thanked, so nothing is taken away from the collector."""
        self.heard |= {sample.tag_id: sample for sample in heard}
        self.unreadable += unreadable


def listen_to(assignment: Assignment, settings: Settings, *, seconds: float) -> Iterator[Seen]:
    """Connect as the collector would, under a name of our own, and say what each tag says. Raises UnavailableError."""
    ear = Ear()
    asyncio.run(_listen(assignment, settings, ear, seconds))
    for numbered in assignment.tags:
        address, heard = numbered.tag.address, ear.heard.get(numbered.number)
        why = ear.vitals.bad_tags.get(address) or next((u.detail for u in ear.unreadable if u.address == address), "")
        yield Seen(address, None if heard is None else heard.value, "" if heard else why or "nothing was said")


async def _listen(assignment: Assignment, settings: Settings, ear: Ear, seconds: float) -> None:
    from collectors.protocols import new_source

    async with running(new_source(assignment, ear, settings)) as task:
        until = mono() + seconds
        while mono() < until and not task.done() and len(ear.heard) < len(assignment.tags):
            await asyncio.wait({task}, timeout=0.1)
        if task.done() and isinstance(error := task.exception(), SourceLostError):
            raise UnavailableError(f"{assignment.source.code} cannot be heard ({error.why}): {error.detail}")


@asynccontextmanager
async def running(source: Source) -> AsyncIterator[asyncio.Task[None]]:
    """A source that runs as it does in the collector; stopped and closed at the end, however that comes."""
    task = asyncio.create_task(source.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await source.close()


def browse(
    source: SourceModel, settings: Settings, *, glob: str, seconds: float, say: Progress
) -> list[discover.Offer]:
    """What a server or broker has, as tags. Raises UnavailableError and InputError."""
    scheme = urlsplit(source.url).scheme
    try:
        if scheme == "opc.tcp":
            return asyncio.run(_browse_opcua(source, settings.home / "pki", glob, say))
        if scheme in {"mqtt", "mqtts"}:
            return asyncio.run(_browse_broker(source, glob, seconds, say))
    except SourceLostError as error:
        raise UnavailableError(f"{source.url} cannot be heard ({error.why}): {error.detail}") from None
    raise InputError(f"{source.url!r} is neither opc.tcp:// nor mqtt(s)://")


async def _browse_opcua(source: SourceModel, pki: Path, glob: str, say: Progress) -> list[discover.Offer]:
    from collectors.opcua.browse import walk
    from collectors.opcua.security import Pki
    from collectors.opcua.session import Session

    session = Session(source, Pki(pki))
    await session.open()
    try:
        nodes = []
        async for some in walk(session):
            nodes += some
            say(len(nodes))
        return list(discover.opcua_offers(nodes, glob))
    finally:
        await session.close()


async def _browse_broker(source: SourceModel, glob: str, seconds: float, say: Progress) -> list[discover.Offer]:
    """Everything that is said for a while; Sparkplug births by their metrics."""
    seen: dict[str, bytes] = {}

    def on_batch(_link: Link, messages: list[Message]) -> None:
        for message in messages:
            if len(seen) < SEEN_MAX:
                seen[message.topic.decode("utf-8", "replace")] = message.payload

    async with _linked(source, on_batch) as link:
        await link.subscribe(["#"], qos=0)
        until = mono() + seconds
        while mono() < until:
            await asyncio.sleep(0.5)
            say(len(seen))
    births = _births(seen)
    plain = {topic: payload for topic, payload in seen.items() if not topic.startswith(("spBv1.0/", "$"))}
    return [*discover.topic_offers(plain, glob), *discover.birth_offers(births, glob)]


@asynccontextmanager
async def _linked(source: SourceModel, on_batch: Callable[[Link, list[Message]], None]) -> Any:
    link = Link(source, on_batch, is_full=lambda: False, is_v5=False, clean=True)
    try:
        await link.connect()
        yield link
    finally:
        await link.close()


def _births(seen: dict[str, bytes]) -> dict[tuple[str, str, str], dict[str, Any]]:
    from collectors.sparkplug.births import Topic
    from collectors.sparkplug.payload_pb2 import Payload
    from collectors.sparkplug.value import value_of

    births: dict[tuple[str, str, str], dict[str, Any]] = {}
    for text, body in seen.items():
        topic = Topic.of(text)
        if topic is None or not topic.kind.endswith(("BIRTH", "DATA")):
            continue
        metrics = births.setdefault((topic.group, topic.edge, topic.device), {})
        for metric in Payload.FromString(body).metrics:
            if metric.name:
                try:
                    metrics[metric.name] = value_of(metric, metric.datatype)
                except ValueError:
                    continue
    return births
