"""The nodes a source has to monitor, and how their changes become samples (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua

from collectors.opcua.decode import Change, micros_of
from collectors.source import GapNote, Heard, Numbered, Unreadable
from mes.domain.signal import ToWord, Value, word_maker

OVERFLOW = 0x0480
"""InfoType DataValue with the Overflow bit (Part 4, 7.39): the server's queue was too short and values are lost."""
_GONE = {0x80340000, 0x80330000, 0x803E0000}  # BadNodeIdUnknown, BadNodeIdInvalid, BadNodeNotInView


@dataclass(slots=True)
class Item:
    """A monitored node. `element` picks one of a list; `server_id` is the server's number for it once it is there."""

    handle: int
    number: int
    address: str
    node: str
    to_word: ToWord
    element: int | None = None
    server_id: int | None = None
    last_at: int | None = None


class NodeIdError(ValueError):
    """This is no node id, or its namespace is not on the server."""


def item_of(handle: int, numbered: Numbered) -> Item:
    """How a tag is monitored."""
    tag = numbered.tag
    element = int(tag.path) if tag.path.lstrip("-").isdigit() else None
    return Item(handle, numbered.number, tag.address, tag.node, word_maker(tag.signal), element)


def node_id(text: str, namespaces: Sequence[str]) -> ua.NodeId:
    """A node id with its namespace's number on this server today: `nsu=URI;s=...` or `ns=2;s=...`."""
    prefix, _semicolon, rest = text.partition(";")
    if prefix.startswith("nsu="):
        uri = prefix[4:]
        if uri not in namespaces:
            raise NodeIdError(f"the server has no namespace {uri}")
        text = f"ns={namespaces.index(uri)};{rest}"
    try:
        return ua.NodeId.from_string(text)
    except Exception as error:
        raise NodeIdError(f"{text!r} is no node id: write nsu=URI;s=NAME or ns=2;i=1001") from error


@dataclass(slots=True)
class Taken:
    """What a notification brought."""

    heard: list[Heard]
    unreadable: list[Unreadable]
    gaps: list[GapNote]
    gone: list[Item]


class Translator:
    """Changes -> samples."""

    def __init__(self, clock: str) -> None:
        self._clock = clock

    def take(self, changes: Iterable[Change], items: Mapping[int, Item]) -> Taken:
        """Everything that changed; handles nobody knows any more are passed over."""
        taken = Taken([], [], [], [])
        append, by_device, by_server = taken.heard.append, self._clock == "device", self._clock == "server"
        for handle, raw, status, source, server in changes:
            item = items.get(handle)
            if item is None:
                continue
            source_at = micros_of(source) if source else None
            server_at = source_at if server == source else micros_of(server) if server else None
            at = (source_at or server_at) if by_device else server_at if by_server else None
            if type(raw) is int and item.element is None:
                word: Value = raw  # every signal's word as it stands
            elif raw is None and status & 0xC0000000 == 0x80000000:
                word = None
            else:
                try:
                    word = item.to_word(raw if item.element is None else _element(raw, item.element))
                except ValueError as error:
                    taken.unreadable.append(Unreadable("value", str(error), item.address, str(raw)[:2000].encode()))
                    continue
            append(Heard(item.number, at, word, status >> 30, None, source_at, server_at))
            if status:
                self._remark(taken, item, status, at)
            item.last_at = at
        return taken

    def _remark(self, taken: Taken, item: Item, status: int, at: int | None) -> None:
        if status & OVERFLOW == OVERFLOW and at is not None:
            taken.gaps.append(GapNote(item.last_at or at, at, "overflow", "the server's queue ran over", item.number))
        if status & 0xFFFF0000 in _GONE:
            taken.gone.append(item)


def _element(raw: Any, index: int) -> Any:
    if not isinstance(raw, list) or not -len(raw) <= index < len(raw):
        raise ValueError(f"there is no element {index}")
    return raw[index]
