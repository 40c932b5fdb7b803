"""What a host knows of its edge nodes: births, sequence, deaths (pure; Sparkplug 3.0, chapters 5 and 6).

`Nodes.take` is given every message in the order it came and says what follows: samples, gaps, whom to ask for a
rebirth. A message out of sequence waits for those before it; when they do not come within the reorder time-out, or
more waits than a node may keep waiting, a rebirth is asked for and what waits is taken as it is. What was given up
and comes after all is stored at its own time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError

from collectors.source import GapNote, Heard, Numbered, Unreadable
from collectors.sparkplug.payload_pb2 import Payload
from collectors.sparkplug.value import value_of
from mes.domain.plant import PULSES, TOTALS
from mes.domain.sample import Quality
from mes.domain.signal import ToWord, Value, word_maker

REBIRTH_PAUSE_S_MIN, REBIRTH_PAUSE_S_MAX = 5.0, 300.0
WAITING_MAX, WAITING_BYTES_MAX = 127, 4 * 1024 * 1024
"""Of one edge node. Half of the 256 sequence numbers: with more nobody could say which come before which."""

Edge = tuple[str, str]
"""Group and edge node."""


@dataclass(frozen=True, slots=True)
class Topic:
    """`spBv1.0/group/TYPE/edge[/device]`."""

    group: str
    kind: str
    edge: str
    device: str = ""

    @classmethod
    def of(cls, text: str) -> Topic | None:
        parts = text.split("/")
        return cls(*parts[1:]) if len(parts) in {4, 5} and parts[0] == "spBv1.0" else None


@dataclass(frozen=True, slots=True)
class Metric:
    """What a birth said of a metric."""

    device: str
    name: str
    datatype: int


@dataclass(frozen=True, slots=True)
class Known:
    """A tag that a metric feeds."""

    number: int
    address: str
    machine: str
    signal: str
    to_word: ToWord


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message out of sequence, since when it waits for those before it, and how many bytes it has."""

    topic: Topic
    payload: Any
    mid: int
    since_s: float
    size: int


@dataclass(slots=True)
class Node:
    """An edge node as the host knows it. `given_up` are the numbers of this turn that did not come in time."""

    born: bool = False
    bd_seq: int | None = None
    next_seq: int = 0
    aliases: dict[int, Metric] = field(default_factory=dict)
    names: dict[tuple[str, str], Metric] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)
    waiting: dict[int, Waiting] = field(default_factory=dict)
    given_up: set[int] = field(default_factory=set)
    asked_s: float = -REBIRTH_PAUSE_S_MAX
    pause_s: float = REBIRTH_PAUSE_S_MIN

    @property
    def is_full(self) -> bool:
        size = sum(waiting.size for waiting in self.waiting.values())
        return len(self.waiting) >= WAITING_MAX or size > WAITING_BYTES_MAX

    def waits_longer_than(self, seconds: float, now_s: float) -> bool:
        """Whether what waits longest of what waits now has waited that long."""
        return any(now_s - waiting.since_s >= seconds for waiting in self.waiting.values())


@dataclass(slots=True)
class Taken:
    """What follows from messages: samples, gaps, edge nodes to ask for a rebirth, and which messages are done with.

    `now` is plant time in microseconds, `mono_s` the machine's.
    """

    now: int
    mono_s: float
    heard: list[Heard] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    gaps: list[GapNote] = field(default_factory=list)
    rebirths: list[Edge] = field(default_factory=list)
    mids: list[int] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


class Nodes:
    """All edge nodes of a source."""

    def __init__(self, tags: Iterable[Numbered], *, clock: str, reorder_timeout_s: float) -> None:
        """A message out of sequence waits `reorder_timeout_s` for those before it; 0: it does not wait."""
        self._by_device = clock != "received"
        self._reorder_timeout_s = reorder_timeout_s
        self._nodes: dict[Edge, Node] = {}
        self._last: dict[int, Value] = {}
        self._dead: set[int] = set()
        self.retag(tags)

    def retag(self, tags: Iterable[Numbered]) -> None:
        """Hear other tags from now on."""
        self._known: dict[tuple[str, str, str, str], list[Known]] = {}
        for numbered in tags:
            tag = numbered.tag
            known = Known(numbered.number, tag.address, tag.machine, tag.signal, word_maker(tag.signal))
            self._known.setdefault((tag.group, tag.edge, tag.device, tag.metric), []).append(known)

    @property
    def edges(self) -> list[Edge]:
        """The edge nodes tags name."""
        return sorted({key[:2] for key in self._known})

    def forget_births(self) -> None:
        """We were not connected: births may have been missed."""
        for node in self._nodes.values():
            node.born, node.waiting, node.given_up = False, {}, set()

    # --- messages

    def take(self, topic: Topic, body: bytes, mid: int, taken: Taken) -> None:
        """Add what follows from one message to `taken`."""
        try:
            payload = Payload.FromString(body)
        except DecodeError as error:
            taken.unreadable.append(Unreadable("protobuf", str(error), f"{topic.group}/{topic.edge}", body))
            taken.mids.append(mid)
            return
        node = self._nodes.setdefault((topic.group, topic.edge), Node())
        if topic.kind == "NBIRTH":
            self._node_birth(node, topic, payload, taken)
        elif topic.kind == "NDEATH":
            self._node_death(node, topic, payload, taken)
        elif topic.kind in {"DBIRTH", "NDATA", "DDATA", "DDEATH"}:
            self._in_sequence(node, Waiting(topic, payload, mid, taken.mono_s, len(body)), taken)
            return
        taken.mids.append(mid)

    def _in_sequence(self, node: Node, come: Waiting, taken: Taken) -> None:
        seq = come.payload.seq
        if not node.born:
            self._ask(node, come.topic, taken)
            taken.count("without_birth")
            self._take_by_name(node, come.topic, come.payload, taken)
            taken.mids.append(come.mid)
        elif seq == node.next_seq:
            self._take_next(node, come, taken)
            while (waiting := node.waiting.pop(node.next_seq, None)) is not None:
                self._take_next(node, waiting, taken)
        elif seq in node.given_up:
            self._take_late(node, come, taken)
        else:
            self._wait(node, come, taken)

    def _wait(self, node: Node, come: Waiting, taken: Taken) -> None:
        """Keep it until those before it have come; when it cannot wait, those before it are given up."""
        if not node.waiting:
            taken.count("out_of_sequence")
        if node.is_full or come.payload.seq in node.waiting:
            self._give_up(node, come.topic, taken)
            self._in_sequence(node, come, taken)
            return
        node.waiting[come.payload.seq] = come
        if self._reorder_timeout_s <= 0:
            self._give_up(node, come.topic, taken)

    def _take_next(self, node: Node, come: Waiting, taken: Taken) -> None:
        topic, payload = come.topic, come.payload
        node.next_seq = (payload.seq + 1) % 256
        node.given_up.discard(payload.seq)
        taken.mids.append(come.mid)
        if topic.kind == "DBIRTH":
            self._device_birth(node, topic, payload, taken)
        elif topic.kind == "DDEATH":
            self._device_death(node, topic, payload, taken)
        elif topic.kind == "DDATA" and topic.device not in node.devices:
            self._ask(node, topic, taken)
            taken.count("without_birth")
        elif not self._values(node, topic, payload, taken):
            self._ask(node, topic, taken)

    def _take_late(self, node: Node, come: Waiting, taken: Taken) -> None:
        """Given up and come after all: its values belong to their own time; a birth or death is no news any more."""
        node.given_up.discard(come.payload.seq)
        taken.count("late")
        taken.mids.append(come.mid)
        if come.topic.kind in {"NDATA", "DDATA"}:
            self._values(node, come.topic, come.payload, taken)

    def tick(self, taken: Taken) -> None:
        """Some time has passed: what is missing in a sequence will not come any more."""
        for (group, edge), node in self._nodes.items():
            if node.waits_longer_than(self._reorder_timeout_s, taken.mono_s):
                self._give_up(node, Topic(group, "", edge), taken)

    def _give_up(self, node: Node, topic: Topic, taken: Taken) -> None:
        """What is missing is lost: ask how things stand, and go on with what waits."""
        taken.count("sequence_lost")
        self._ask(node, topic, taken)
        self._take_waiting(node, taken)

    def _take_waiting(self, node: Node, taken: Taken) -> None:
        """Everything that waits, in its order."""
        waiting, node.waiting = node.waiting, {}
        for seq in sorted(waiting, key=lambda seq: (seq - node.next_seq) % 256):
            missing = range(node.next_seq, node.next_seq + (seq - node.next_seq) % 256)
            node.given_up |= {number % 256 for number in missing}
            self._take_next(node, waiting[seq], taken)

    def _let_go(self, node: Node, taken: Taken) -> None:
        """A birth or death of the node makes what waits a thing of the past."""
        waiting, node.waiting = node.waiting, {}
        for come in waiting.values():
            self._take_late(node, come, taken)

    def _ask(self, node: Node, topic: Topic, taken: Taken) -> None:
        """Ask for a rebirth, ever more rarely while none comes."""
        if taken.mono_s - node.asked_s < node.pause_s:
            taken.count("rebirths_withheld")
            return
        node.asked_s = taken.mono_s
        node.pause_s = min(node.pause_s * 2, REBIRTH_PAUSE_S_MAX)
        taken.count("rebirths_asked")
        taken.rebirths.append((topic.group, topic.edge))

    # --- births and deaths

    def _node_birth(self, node: Node, topic: Topic, payload: Any, taken: Taken) -> None:
        bd_seq = _bd_seq_of(payload)
        self._let_go(node, taken)
        if node.bd_seq is not None and bd_seq != node.bd_seq:
            self._reboot(topic, taken)
        node.born, node.bd_seq, node.next_seq = True, bd_seq, (payload.seq + 1) % 256
        node.given_up, node.pause_s = set(), REBIRTH_PAUSE_S_MIN
        node.aliases, node.names, node.devices = {}, {}, set()
        self._catalogue(node, "", payload)
        self._alive(self._tags_of(topic.group, topic.edge, ""), taken)
        self._values(node, topic, payload, taken)
        taken.count("births")

    def _device_birth(self, node: Node, topic: Topic, payload: Any, taken: Taken) -> None:
        node.devices.add(topic.device)
        self._catalogue(node, topic.device, payload)
        self._alive(self._tags_of(topic.group, topic.edge, topic.device), taken)
        self._values(node, topic, payload, taken)

    def _catalogue(self, node: Node, device: str, payload: Any) -> None:
        for metric in payload.metrics:
            known = Metric(device, metric.name, metric.datatype)
            node.names[device, metric.name] = known
            if metric.HasField("alias"):
                node.aliases[metric.alias] = known

    def _node_death(self, node: Node, topic: Topic, payload: Any, taken: Taken) -> None:
        if node.bd_seq is not None and _bd_seq_of(payload) != node.bd_seq:
            taken.count("stale_deaths")
            return
        self._let_go(node, taken)
        node.born, node.given_up = False, set()
        self._stale(self._tags_of(topic.group, topic.edge, None), taken.now, taken)

    def _device_death(self, node: Node, topic: Topic, payload: Any, taken: Taken) -> None:
        node.devices.discard(topic.device)
        at = payload.timestamp * 1000 if payload.timestamp and self._by_device else taken.now
        self._stale(self._tags_of(topic.group, topic.edge, topic.device), at, taken)

    def _tags_of(self, group: str, edge: str, device: str | None) -> list[Known]:
        """The tags of a device (`""`: the node's own), or of the node with all devices (None)."""
        return [
            known
            for key, tags in self._known.items()
            if key[:2] == (group, edge) and device in {None, key[2]}
            for known in tags
        ]

    def _stale(self, tags: Sequence[Known], at: int, taken: Taken) -> None:
        """The last words of these tags are no longer the present; their machines are silent."""
        for known in tags:
            if known.signal not in PULSES:
                taken.heard.append(Heard(known.number, at, self._last.get(known.number), int(Quality.STALE)))
        for known in _one_of_each_machine(tags):
            if known.number not in self._dead:
                self._dead.add(known.number)
                taken.gaps.append(GapNote(at, None, "death", "the edge node or device said farewell", known.number))

    def _alive(self, tags: Sequence[Known], taken: Taken) -> None:
        for known in _one_of_each_machine(tags):
            self._dead.discard(known.number)
            taken.gaps.append(GapNote(None, taken.now, "death", tag_id=known.number))

    def _reboot(self, topic: Topic, taken: Taken) -> None:
        """A new bdSeq: the edge node began anew, and its counters may stand elsewhere."""
        for known in self._tags_of(topic.group, topic.edge, None):
            if known.signal in TOTALS:
                taken.gaps.append(GapNote(taken.now, taken.now, "reboot", "the edge node began anew", known.number))

    # --- values

    def _values(self, node: Node, topic: Topic, payload: Any, taken: Taken) -> bool:
        """Add the samples of a payload; False when it names a metric no birth has named."""
        complete = True
        for index, metric in enumerate(payload.metrics):
            if metric.name:
                known = node.names.get((topic.device, metric.name))
            else:
                known = node.aliases.get(metric.alias)
                complete = complete and known is not None
            if known is not None:
                self._value(topic, known, payload, index, taken)
        return complete

    def _take_by_name(self, node: Node, topic: Topic, payload: Any, taken: Taken) -> None:
        """Before a birth only metrics that say their own name and type can be understood."""
        if topic.kind in {"NDATA", "DDATA", "DBIRTH"}:
            for index, metric in enumerate(payload.metrics):
                if metric.name and metric.datatype:
                    known = Metric(topic.device, metric.name, metric.datatype)
                    self._value(topic, known, payload, index, taken)

    def _value(self, topic: Topic, known: Metric, payload: Any, index: int, taken: Taken) -> None:
        tags = self._known.get((topic.group, topic.edge, known.device, known.name))
        if not tags:
            return
        metric = payload.metrics[index]
        stamp = metric.timestamp or payload.timestamp
        at = stamp * 1000 if stamp else None
        for tag in tags:
            if tag.signal in PULSES and topic.kind.endswith("BIRTH"):
                continue  # a birth says how things stand, it is no event
            try:
                word = None if metric.is_null else tag.to_word(value_of(metric, metric.datatype or known.datatype))
            except ValueError as error:
                taken.unreadable.append(Unreadable("value", str(error), tag.address))
                continue
            identity = payload.seq << 16 | index if tag.signal in PULSES else None
            quality = int(Quality.BAD if word is None else Quality.GOOD)
            self._last[tag.number] = word
            taken.heard.append(Heard(tag.number, at if self._by_device else None, word, quality, identity, at))
        if metric.is_historical:
            taken.count("historical")


def _bd_seq_of(payload: Any) -> int | None:
    """Which life of the edge node a birth or death is of."""
    return next((m.long_value or m.int_value for m in payload.metrics if m.name == "bdSeq"), None)


def _one_of_each_machine(tags: Sequence[Known]) -> Iterator[Known]:
    """One tag for each machine, its state if there is one: what a gap of the machine is written under."""
    chosen: dict[str, Known] = {}
    for known in tags:
        if known.machine not in chosen or known.signal == "state":
            chosen[known.machine] = known
    return iter(chosen.values())
