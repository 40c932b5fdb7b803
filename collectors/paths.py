"""Dotted paths into decoded JSON (pure).

    good                     a key
    counters.good            a key of a key; `a\\.b` is one key with a point in its name
    cells.0.total            an element of a list
    values[id=M1.Good].v     the element of a list whose `id` is `M1.Good`
    samples[].good           each element of a list: one sample each, with the time found beside it

A path is compiled once, by `path_of`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mes.errors import InputError

_STEP = re.compile(r"\[\]|\[([^=\]]+)=([^\]]*)\]|((?:\\.|[^.\[\]\\])+)")
MISSING: Any = type("Missing", (), {"__repr__": lambda _self: "MISSING"})()


@dataclass(frozen=True, slots=True)
class Where:
    """Pick the element of a list that has this under that key."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Path:
    """Steps down into a payload. `each` are those before the list whose elements are taken one by one, if any."""

    steps: tuple[str | Where, ...]
    each: tuple[str | Where, ...] | None = None

    def of(self, payload: Any) -> Any:
        """What stands there, or MISSING. Of a path with `each`: below one element."""
        for step in self.steps:
            payload = _down(payload, step)
            if payload is MISSING:
                return MISSING
        return payload

    def elements(self, payload: Any) -> list[Any]:
        """The elements to take one by one: those of the list at `each`, or the payload alone."""
        if self.each is None:
            return [payload]
        found = Path(self.each).of(payload)
        return found if isinstance(found, list) else []


Getter = Callable[[Any], Any]


def getter_of(path: Path) -> Getter:
    """`path.of`, quick for the path that nearly every tag has: one key, or none."""
    if not path.steps:
        return _itself
    key = path.steps[0]
    if len(path.steps) > 1 or not isinstance(key, str) or key.lstrip("-").isdigit():
        return path.of

    def get(payload: Any) -> Any:
        return payload.get(key, MISSING) if type(payload) is dict else MISSING

    return get


def _itself(payload: Any) -> Any:
    return payload


def _down(payload: Any, step: str | Where) -> Any:
    if isinstance(payload, dict):
        return payload.get(step, MISSING) if isinstance(step, str) else MISSING
    if not isinstance(payload, list):
        return MISSING
    if isinstance(step, Where):
        return next(
            (item for item in payload if isinstance(item, dict) and str(item.get(step.key)) == step.value), MISSING
        )
    number = int(step) if step.lstrip("-").isdigit() else None
    return payload[number] if number is not None and -len(payload) <= number < len(payload) else MISSING


def path_of(text: str) -> Path:
    """The path a text means. Raises InputError for one that means nothing."""
    steps: list[str | Where] = []
    each: tuple[str | Where, ...] | None = None
    position = 0
    while position < len(text):
        matched = _STEP.match(text, position)
        if matched is None:
            raise InputError(f"{text!r} is no path: it cannot be read from character {position + 1} on")
        if matched.group(0) == "[]":
            if each is not None:
                raise InputError(f"{text!r} takes the elements of two lists; one is allowed")
            each, steps = tuple(steps), []
        elif matched.group(1):
            steps.append(Where(matched.group(1), matched.group(2)))
        else:
            steps.append(re.sub(r"\\(.)", r"\1", matched.group(3)))
        position = matched.end()
        position += text[position : position + 1] == "."
    return Path(tuple(steps), each)
