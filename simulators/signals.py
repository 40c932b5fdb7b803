"""From what happens at a machine to what its device publishes: words for states, counters, pulses, codes.

A device has its own words: the tag's `states` map (or preset) is read backwards. Where it has no word for a state, it
says the nearest one it has, and the truth log says so too: nobody can be asked to know what a machine never said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from simulators.changes import Change, Code, Count, Loaded, Power, Reset, State, Told, Value
from simulators.plantfile import PACKML, PULSES, Plant, Tag
from simulators.world import STATES

Word = int | str | bool | float

# What a machine says instead of a state it has no word for, nearest first.
_NEAREST = {
    "running": ("running",),
    "idle": ("idle", "stopped"),
    "starved": ("starved", "idle", "stopped"),
    "blocked": ("blocked", "starved", "idle", "stopped"),
    "setup": ("setup", "idle", "stopped"),
    "fault": ("fault", "stopped"),
    "stopped": ("stopped", "idle"),
    "maintenance": ("maintenance", "stopped", "idle"),
    "offline": ("offline",),
}

# PackML by number alone cannot say blocked, setup or maintenance (they need EquipmentBlocked and the unit mode).
_PACKML_SAYS = {"running", "idle", "starved", "fault", "stopped"}
_MACHINERY = {"running": "Executing", "idle": "NotExecuting", "maintenance": "OutOfService", "offline": "NotAvailable"}


class Published(NamedTuple):
    """One value of one signal of one machine, as its device publishes it at plant time `at`."""

    at: int
    machine: str
    signal: str
    value: Word


def words(tag: Tag) -> dict[str, Word]:
    """The device's own word for each of our states it can say."""
    if tag.preset == "packml":
        return {state: PACKML[state] for state in _PACKML_SAYS}
    if tag.preset == "machinery":
        return dict(_MACHINERY)
    said: dict[str, Word] = {}
    for word, state in tag.states:
        said.setdefault(state, _typed(word, tag))
    return said


def _typed(word: str, tag: Tag) -> Word:
    """A map's key in the type the device publishes: all numbers, all truth values, or text."""
    keys = [key for key, _ in tag.states]
    if all(key.lstrip("-").isdigit() for key in keys):
        return int(word)
    if all(key.lower() in {"true", "false"} for key in keys):
        return word.lower() == "true"
    return word


def sayable(tag: Tag | None) -> dict[str, str]:
    """For each of our states the one the machine says instead; itself where there is no state tag at all."""
    if tag is None:
        return {state: state for state in STATES}
    own = words(tag)
    return {state: next((near for near in _NEAREST[state] if near in own), state) for state in STATES}


def state_tag(plant: Plant, machine: str) -> Tag | None:
    """The tag on which a machine publishes its state."""
    return next((tag for tag in plant.tags_of(machine) if tag.signal == "state"), None)


class Translator:
    """Turns changes into published values, for the machines of one plant."""

    def __init__(self, plant: Plant) -> None:
        self._signals: dict[str, set[str]] = {}
        self._words: dict[str, dict[str, Word]] = {}
        for tag in plant.tags:
            self._signals.setdefault(tag.machine, set()).add(tag.signal)
            if tag.signal == "state":
                self._words[tag.machine] = words(tag)

    def published(self, change: Change) -> Iterator[Published]:
        """What the devices publish because of this change; nothing for what only the truth log knows."""
        if isinstance(change, Power | Told):
            return
        signals = self._signals.get(change.machine, set())
        for signal, value in self._said(change):
            if signal in signals:
                yield Published(change.at, change.machine, signal, value)

    def _said(self, change: Change) -> Iterator[tuple[str, Word]]:
        match change:
            case State():
                said = self._words.get(change.machine, {})
                if change.state in said:
                    yield "state", said[change.state]
            case Count():
                yield from change.shown.items()
                yield from zip(PULSES, (change.good, change.reject), strict=True)
            case Reset():
                yield from change.shown.items()
            case Code():
                yield "stop_code", change.code
            case Loaded():
                yield "order", change.order
            case Value():
                yield f"value:{change.name}", change.value
