"""MQTT payloads -> samples, by the tag table (pure).

`Topics` is compiled from the tags of a source once. `read` decodes a payload once however many tags look into it, and
takes time and message number once for all tags that share them. What cannot be read is said as `Unreadable`; the
other tags of the message go on. Flat objects that are entirely as expected take the short way (`collectors.flat`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from collectors.flat import FlatReader, flat_reader
from collectors.instants import micros_of
from collectors.paths import MISSING, Getter, Path, Where, getter_of, path_of
from collectors.source import Heard, Numbered, Unreadable
from mes.domain.plant import PULSES
from mes.domain.sample import Quality
from mes.domain.signal import ToWord, identity_of, word_maker

SEEN_TOPICS_MAX = 10_000
_GOOD, _BAD = int(Quality.GOOD), int(Quality.BAD)
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class _Field:
    """Where one tag's value stands."""

    number: int
    address: str
    get: Getter
    is_whole: bool
    to_word: ToWord
    is_pulse: bool


@dataclass(frozen=True, slots=True)
class _Beside:
    """Where something stands that belongs to a value: in the same element, or once for the whole payload."""

    get: Getter
    in_element: bool


@dataclass(frozen=True, slots=True)
class _Group:
    """The tags of a topic that share where time and message number stand. `each` None: the payload is the element."""

    each: Path | None
    time: _Beside | None
    sequence: _Beside | None
    fields: tuple[_Field, ...]


class _Message:
    """A payload being read: what was found in it so far."""

    __slots__ = ("bad", "heard", "payload", "retained", "said_something")

    def __init__(self, payload: bytes, retained: bool, heard: list[Heard], bad: list[Unreadable]) -> None:
        self.payload, self.retained, self.heard, self.bad = payload, retained, heard, bad
        self.said_something = False

    def refuse(self, why: str, detail: str, address: str) -> None:
        self.said_something = True
        self.bad.append(Unreadable(why, detail, address, self.payload))


class Topics:
    """The tag table of one MQTT source."""

    def __init__(self, tags: Iterable[Numbered], *, clock: str, time_zone: str) -> None:
        self._orders_by_device = clock != "received"
        self._zone = ZoneInfo(time_zone)
        by_topic: dict[str, list[Numbered]] = {}
        for numbered in tags:
            by_topic.setdefault(numbered.tag.topic, []).append(numbered)
        self.filters = tuple(sorted(by_topic))
        self._wild = [
            (topic.split("/"), _groups(own)) for topic, own in by_topic.items() if "+" in topic or "#" in topic
        ]
        self._known: dict[bytes, tuple[_Group, ...]] = {
            topic.encode(): _groups(own) for topic, own in by_topic.items() if "+" not in topic and "#" not in topic
        }
        self._met: dict[bytes, tuple[_Group, ...]] = {}
        self._flat: dict[bytes, FlatReader] = {}
        if not self._wild:
            self._flat = dict(self._flat_readers(by_topic))

    def _flat_readers(self, by_topic: Mapping[str, Sequence[Numbered]]) -> Iterator[tuple[bytes, FlatReader]]:
        for topic, own in by_topic.items():
            reader = flat_reader(own, orders_by_device=self._orders_by_device, zone=self._zone)
            if reader is not None:
                yield topic.encode(), reader

    def read(self, topic: bytes, payload: bytes, *, retained: bool, heard: list[Heard], bad: list[Unreadable]) -> bool:
        """Add what a message says to `heard` and what could not be read to `bad`; False for a topic no tag names."""
        flat = self._flat.get(topic)
        if flat is not None and flat(payload, retained, heard):
            return True
        groups = self._known.get(topic)
        if groups is None or self._wild:
            groups = self._met_groups(topic)
        if not groups:
            return False
        message = _Message(payload, retained, heard, bad)
        try:
            document = _document(payload, groups)
        except ValueError as error:
            message.refuse("json", str(error), topic.decode("utf-8", "replace"))
            return True
        for group in groups:
            if group.each is None:
                self._read_element(group, document, document, message)
                continue
            for element in group.each.elements(document):
                self._read_element(group, document, element, message)
        if not message.said_something:
            message.refuse("path", "no tag's path leads to anything here", topic.decode("utf-8", "replace"))
        return True

    def _read_element(self, group: _Group, document: Any, element: Any, message: _Message) -> None:
        at: int | None = None
        if group.time is not None:
            raw = group.time.get(element if group.time.in_element else document)
            at = micros_of(raw, self._zone)
            if at is None:
                detail = "there is no time" if raw is MISSING else f"{str(raw)[:60]!r} is no time"
                message.refuse("time", detail, group.fields[0].address)
                return
        identity = None
        if group.sequence is not None:
            identity = identity_of(group.sequence.get(element if group.sequence.in_element else document))
        orders = at if self._orders_by_device else None
        for field in group.fields:
            raw = field.get(element)
            if raw is MISSING:
                continue
            message.said_something = True
            if field.is_pulse and message.retained:
                continue  # a snapshot is no event
            try:
                word = field.to_word(raw)
            except ValueError as error:
                message.refuse("value", str(error), field.address)
                continue
            quality = _BAD if word is None else _GOOD
            message.heard.append(Heard(field.number, orders, word, quality, identity, at))

    def _met_groups(self, topic: bytes) -> tuple[_Group, ...]:
        """The groups of a topic that filters match, worked out once."""
        groups = self._met.get(topic)
        if groups is None:
            levels = topic.decode("utf-8", "replace").split("/")
            matched = [found for parts, found in self._wild if _matches(parts, levels)]
            groups = self._known.get(topic, ()) + tuple(group for found in matched for group in found)
            if len(self._met) < SEEN_TOPICS_MAX:
                self._met[topic] = groups
        return groups


def _document(payload: bytes, groups: Sequence[_Group]) -> Any:
    """A payload as JSON; one that is not, and whose tags want it whole, as text. Raises ValueError."""
    try:
        return _decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        if not any(field.is_whole for group in groups for field in group.fields):
            raise ValueError(f"this is no JSON: {error}") from None
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise ValueError("this is neither JSON nor text") from None


def _groups(tags: Iterable[Numbered]) -> tuple[_Group, ...]:
    fields: dict[tuple[Any, ...], list[_Field]] = {}
    for numbered in tags:
        tag = numbered.tag
        path = path_of(tag.path)
        field = _Field(
            number=numbered.number,
            address=tag.address,
            get=getter_of(Path(path.steps)),
            is_whole=not path.steps and path.each is None,
            to_word=word_maker(tag.signal),
            is_pulse=tag.signal in PULSES,
        )
        fields.setdefault((path.each, tag.time_path, tag.sequence_path), []).append(field)
    return tuple(_group(each, time, sequence, own) for (each, time, sequence), own in fields.items())


def _group(each: tuple[str | Where, ...] | None, time: str, sequence: str, fields: Sequence[_Field]) -> _Group:
    taken = None if each is None else Path((), each)
    return _Group(taken, _beside(time, each), _beside(sequence, each), tuple(fields))


def _beside(text: str, each: tuple[str | Where, ...] | None) -> _Beside | None:
    if not text:
        return None
    path = path_of(text)
    return _Beside(getter_of(Path(path.steps)), in_element=path.each == each)


def _matches(parts: Sequence[str], levels: Sequence[str]) -> bool:
    """Whether a topic (as levels) is among those a filter (as parts) means."""
    for index, part in enumerate(parts):
        if part == "#":
            return not (index == 0 and levels[0].startswith("$"))
        if index >= len(levels) or part not in {"+", levels[index]}:
            return False
        if part == "+" and index == 0 and levels[0].startswith("$"):
            return False
    return len(parts) == len(levels)
