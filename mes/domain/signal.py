"""What a device says -> the word that is stored, the same for every protocol and for gateways.

The word stays the device's own; only its form is made uniform, so that a state map written for text or number meets
it: truth values of states are `true` and `false`, whole numbers sent as floats or digits are whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from mes.domain.plant import PULSES, TOTALS

Value = float | int | str | bool | None
TEXT_MAX_CHARS = 2_000
ToWord = Callable[[Any], Value]


def word_maker(signal: str) -> ToWord:
    """What turns a device's value into the word of such a signal. The maker raises ValueError saying why it cannot."""
    if signal in TOTALS or signal in PULSES:
        return _number
    if signal.startswith("value:"):
        return _plain
    return _name


def _plain(raw: Any) -> Value:
    """A process value: a number, a text, a truth value."""
    kind = type(raw)
    if kind is float or kind is int or kind is bool or raw is None:
        return raw  # type: ignore[no-any-return]
    if kind is str:
        return _text(raw)
    raise ValueError(f"{kind.__name__} is no value; name one of its elements")


def _number(raw: Any) -> Value:
    """A total or a pulse."""
    kind = type(raw)
    if kind is int or raw is None:
        return raw  # type: ignore[no-any-return]
    if kind is bool:
        return int(raw)
    if kind is float:
        return int(raw) if raw.is_integer() else raw
    if kind is str:
        return _number_of_text(raw)
    raise ValueError(f"{kind.__name__} is no number; name one of its elements")


def _number_of_text(raw: str) -> int | float:
    try:
        return int(raw)
    except ValueError:
        pass
    try:
        number = float(raw)
    except ValueError:
        raise ValueError(f"{raw[:40]!r} is no number") from None
    return int(number) if number.is_integer() else number


def _name(raw: Any) -> Value:
    """A state, an order, a stop code: a text or a whole number."""
    kind = type(raw)
    if kind is str:
        return _text(raw)
    if kind is int or raw is None:
        return raw  # type: ignore[no-any-return]
    if kind is bool:
        return "true" if raw else "false"
    if kind is float:
        return int(raw) if raw.is_integer() else raw
    raise ValueError(f"{kind.__name__} is neither text nor number; name one of its elements")


def _text(raw: str) -> str:
    if len(raw) > TEXT_MAX_CHARS:
        raise ValueError(f"a text of {len(raw)} characters is longer than {TEXT_MAX_CHARS}")
    if "\0" in raw:
        raise ValueError("a text with a zero character cannot be stored")
    return raw


def identity_of(raw: Any) -> int | None:
    """A device's own message number, whatever it looks like, as a whole number; None when there is none."""
    if type(raw) is int:
        return raw
    if isinstance(raw, float) and raw.is_integer():
        return int(raw)
    if isinstance(raw, str) and raw:
        return int(raw) if raw.isdecimal() else int.from_bytes(blake2b(raw.encode(), digest_size=7).digest())
    return None
