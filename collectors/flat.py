"""A quick reader for what nearly every device sends: one flat JSON object, each value under a key of its own (pure).

`flat_reader` compiles it for the tags of one topic, into a typed decoder that makes no dictionary. It adds to `heard`
only what is entirely as expected and otherwise says False: `mapping` then reads the payload the long way and says
what was wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import msgspec

from collectors.instants import MS_BELOW, US_BELOW, micros_of
from collectors.paths import MISSING, path_of
from collectors.source import Heard, Numbered
from mes.domain.plant import PULSES
from mes.domain.sample import Quality
from mes.domain.signal import ToWord, identity_of, word_maker

FlatReader = Callable[[bytes, bool, list[Heard]], bool]
"""(payload, retained, heard) -> whether the payload was entirely as expected."""
_GOOD, _BAD = int(Quality.GOOD), int(Quality.BAD)
_NOT_FLAT = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


def flat_reader(tags: Sequence[Numbered], *, orders_by_device: bool, zone: tzinfo) -> FlatReader | None:
    """A reader for the tags of one topic; None when one of them looks deeper, or they share no time or sequence."""
    ((time, sequence), *others) = {(tagged.tag.time_path, tagged.tag.sequence_path) for tagged in tags}
    paths = [tagged.tag.path for tagged in tags]
    keys = {path: key for path in [*paths, time, sequence] if path and (key := _key(path)) is not None}
    if others or not all(paths) or len(keys) < len({path for path in [*paths, time, sequence] if path}):
        return None
    places = {key: place for place, key in enumerate(dict.fromkeys(keys.values()))}
    layout = _Layout(
        fields=[(tagged.number, places[keys[tagged.tag.path]], word_maker(tagged.tag.signal)) for tagged in tags],
        time=places[keys[time]] if time else None,
        sequence=places[keys[sequence]] if sequence else None,
        has_pulses=any(tagged.tag.signal in PULSES for tagged in tags),
    )
    return _reader(_decoder(list(places)), layout, orders_by_device=orders_by_device, zone=zone)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where in a decoded payload stands what: (tag number, place, its word) of each field, time, sequence."""

    fields: list[tuple[int, int, ToWord]]
    time: int | None
    sequence: int | None
    has_pulses: bool


def _key(path: str) -> str | None:
    """The key a path means when it is no more than one."""
    compiled = path_of(path)
    step = compiled.steps[0] if len(compiled.steps) == 1 and compiled.each is None else None
    return step if isinstance(step, str) else None


def _decoder(keys: Sequence[str]) -> Callable[[bytes], msgspec.Struct]:
    """Payload -> a structure of what stands under these keys, MISSING where nothing does."""
    names = {f"v{place}": key for place, key in enumerate(keys)}
    kind = msgspec.defstruct("Flat", [(name, Any, MISSING) for name in names], rename=names, gc=False)
    return msgspec.json.Decoder(kind).decode


def _reader(  # noqa: C901  once a message: calls would cost a third
    decode: Callable[[bytes], msgspec.Struct], layout: _Layout, *, orders_by_device: bool, zone: tzinfo
) -> FlatReader:
    """Once a message: a whole number is a word, a sequence and (by its size) a time as it stands, without a call."""
    fields, time, sequence, has_pulses = layout.fields, layout.time, layout.sequence, layout.has_pulses
    taken = msgspec.structs.astuple

    def read(payload: bytes, retained: bool, heard: list[Heard]) -> bool:
        if retained and has_pulses:
            return False
        try:
            values = taken(decode(payload))
        except _NOT_FLAT:
            return False
        at = identity = None
        if time is not None:
            at = values[time]
            if type(at) is not int or not MS_BELOW <= at < US_BELOW:
                at = micros_of(at, zone)
                if at is None:
                    return False
        if sequence is not None:
            identity = values[sequence]
            if type(identity) is not int:
                identity = identity_of(identity)
        before, orders = len(heard), at if orders_by_device else None
        for number, place, to_word in fields:
            word = values[place]
            if type(word) is not int:
                if word is MISSING:
                    continue
                try:
                    word = to_word(word)
                except ValueError:
                    del heard[before:]
                    return False
            heard.append(Heard(number, orders, word, _BAD if word is None else _GOOD, identity, at))
        return len(heard) > before

    return read
