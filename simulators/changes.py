"""What happens at the machines, one record each: the lines of the truth log, the source of all that is on the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulators.instants import to_iso


@dataclass(frozen=True, slots=True)
class State:
    """From `at` on the machine says `state`; `really` is what it has no word for (PackML has one for two of ours)."""

    at: int
    machine: str
    state: str
    really: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """At `at` the machine finished pieces of `order`; `shown` are its counters after it."""

    at: int
    machine: str
    good: int
    reject: int
    order: str
    shown: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reset:
    """At `at` the machine's counters were set to 0; no piece was made by it."""

    at: int
    machine: str
    shown: dict[str, int]


@dataclass(frozen=True, slots=True)
class Code:
    """From `at` on the machine shows this stop code; empty when it runs."""

    at: int
    machine: str
    code: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """From `at` on the machine is set up for, or works on, pieces of `order`."""

    at: int
    machine: str
    order: str


@dataclass(frozen=True, slots=True)
class Power:
    """At `at` a device server went away or came back, its counters kept or zeroed."""

    at: int
    source: str
    on: bool
    kept: bool


@dataclass(frozen=True, slots=True)
class Value:
    """A process value as the device measured it."""

    at: int
    machine: str
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Told:
    """A command that took effect at `at`."""

    at: int
    command: dict[str, Any]


Change = State | Count | Reset | Code | Loaded | Power | Value | Told

KINDS: dict[str, type[Any]] = {
    kind.__name__.lower(): kind for kind in (State, Count, Reset, Code, Loaded, Power, Value, Told)
}


def record(change: Change) -> dict[str, Any]:
    """A change as a line of the truth log: its kind, its instant as text, and its own fields."""
    body = {name: getattr(change, name) for name in change.__slots__}
    at = to_iso(body.pop("at"))
    return {"kind": type(change).__name__.lower(), "at": at, **{k: v for k, v in body.items() if v not in ("", {})}}
