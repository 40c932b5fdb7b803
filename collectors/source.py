"""The contract between a device protocol and everything behind it. A further protocol is one more folder.

A `Source` runs until it is cancelled or lost (`SourceLostError`). What it hears it hands to its `Outlet` as
`Delivery`: samples, what it could not read, and whom to thank. `thank` is called once everything in the delivery is
durable, never before, from the writer's thread. A source that is behind (`Outlet.is_full`) stops reading.

Instants here are integers, microseconds since 1970 UTC, in plant time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec

from mes.domain.plant import Source as SourceModel
from mes.domain.plant import Tag
from mes.domain.sample import GapWhy
from mes.domain.signal import Value

Thank = Callable[[], None]
Why = Literal["network", "certificate", "password", "configuration", "session"]
State = Literal["connecting", "running", "degraded", "lost", "refused", "stopped"]


class Heard(msgspec.Struct, gc=False, array_like=True):
    """One value as it was heard. `at` None: the device gave no time that orders it, the time of hearing does."""

    tag_id: int
    at: int | None
    value: Value
    quality: int = 0
    identity: int | None = None
    source_at: int | None = None
    server_at: int | None = None


class Unreadable(msgspec.Struct, gc=False, array_like=True):
    """What could not become a sample, and why in a word and in a sentence."""

    why: str
    detail: str
    address: str = ""
    payload: bytes = b""


class GapNote(msgspec.Struct, array_like=True):
    """A change to the gaps of a source. Only `from_at`: one begins. Only `to_at`: it ends. Both: it is over already."""

    from_at: int | None
    to_at: int | None
    why: GapWhy
    detail: str = ""
    tag_id: int | None = None


@dataclass(slots=True)
class Delivery:
    """What a source heard in one go. `received_at` is when."""

    source: str
    epoch: int
    received_at: int
    heard: Sequence[Heard] = ()
    unreadable: Sequence[Unreadable] = ()
    gaps: Sequence[GapNote] = ()
    thank: Thank | None = None


class SourceLostError(Exception):
    """A source cannot be heard. `why` says who can do something about it: the network's people, or who set it up."""

    def __init__(self, why: Why, detail: str) -> None:
        self.why: Why = why
        self.detail = detail
        super().__init__(f"{why}: {detail}")


@dataclass(slots=True)
class Vitals:
    """How a source is: counters since start and what was heard last. Written by the source, shown on /devices.

    skew_s: how far its clock is behind ours. lag_s: how old its last value was when it came. per_s: values heard a
    second, lately. All three in seconds of the machine's time.
    """

    state: State = "connecting"
    since_at: int = 0
    heard_at: int | None = None
    last_at: int | None = None
    detail: str = ""
    skew_s: float = 0.0
    lag_s: float = 0.0
    per_s: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    bad_tags: dict[str, str] = field(default_factory=dict)

    def count(self, what: str, times: int = 1) -> None:
        """Add to a counter; it appears with its first count."""
        self.counts[what] = self.counts.get(what, 0) + times


class Outlet(Protocol):
    """Where a source puts what it hears. Every method may be called from any thread."""

    vitals: Vitals

    @property
    def is_full(self) -> bool:
        """The writer is behind: stop reading until it is not."""

    def now(self) -> int:
        """Plant time."""

    def connected(self, *, kept_all: bool) -> None:
        """The source is heard again; `kept_all` when somebody kept for us whatever was said meanwhile."""

    def alive(self) -> None:
        """The other side gave a sign of life."""

    def deliver(
        self,
        heard: Sequence[Heard],
        *,
        unreadable: Sequence[Unreadable] = (),
        gaps: Sequence[GapNote] = (),
        thank: Thank | None = None,
    ) -> None:
        """Hand something over."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A tag of the plant model with its number."""

    number: int
    tag: Tag


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a source has to hear: its settings and its tags. Compared to see what a new plant version changed."""

    source: SourceModel
    tags: tuple[Numbered, ...]
    time_zone: str

    @property
    def machines(self) -> tuple[str, ...]:
        return tuple(sorted({numbered.tag.machine for numbered in self.tags}))


class Source(Protocol):
    """One device server, broker or gateway."""

    async def run(self) -> None:
        """Connect and hear until cancelled, which stops the hearing, not yet the thanking. Raises SourceLostError."""

    async def retag(self, assignment: Assignment) -> None:
        """Go on with other tags, keeping what is connected."""

    async def close(self) -> None:
        """Take leave of the other side, after `run` has ended and everything was thanked for."""


def group_by_source(tags: Iterable[Numbered]) -> dict[str, tuple[Numbered, ...]]:
    """The tags of each source."""
    found: dict[str, list[Numbered]] = {}
    for numbered in tags:
        found.setdefault(numbered.tag.source, []).append(numbered)
    return {source: tuple(own) for source, own in found.items()}
