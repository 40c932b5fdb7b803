"""A sample: a value as it was heard, with its times and quality; and what is admitted, and why not.

The value stays the device's own word. State maps, modulus, scaling and pieces per count are applied by booking, so
that a corrected map can be replayed. See docs/architecture.md, *heard*.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from zlib import crc32

from mes.domain.plant import PULSES

Value = float | int | str | bool | None

FUTURE_MAX = timedelta(minutes=5)
KEEP_SIGNAL_DAYS = 90
REPEAT_WITHIN = timedelta(seconds=60)
INT8_MIN, INT8_MAX = -(2**63), 2**63 - 1


class Quality(IntEnum):
    """How far a value may be trusted; the two leading bits of an OPC UA status code, and our own marks."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2
    STALE = 3
    """The device went away (NDEATH, last will, lost session): the value is the last word, not the present."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one tag.

    `at` orders it (device, server or received time by the source's `clock`); `identity` is the device's own message
    or sequence number where it gives one, so that two pulses in one millisecond stay two.
    """

    tag_id: int
    at: datetime
    value: Value
    quality: int = Quality.GOOD
    source_at: datetime | None = None
    server_at: datetime | None = None
    received_at: datetime | None = None
    identity: int | None = None

    @property
    def h(self) -> int:
        return sample_hash(self.value, self.quality, self.identity)


_INT8 = struct.Struct("<q")
_FLOAT8 = struct.Struct("<d")


def sample_hash(value: Value, quality: int, identity: int | None = None) -> int:
    """crc32 as a signed int4 over type, value, quality and, where there is one, the device's sequence."""
    if value is None:
        word = b"n"
    elif isinstance(value, bool | int):
        word = b"i" + (_INT8.pack(value) if INT8_MIN <= value <= INT8_MAX else str(int(value)).encode())
    elif isinstance(value, float):
        word = b"f" + _FLOAT8.pack(value)
    else:
        word = b"t" + value.encode("utf-8", "surrogatepass")
    tail = b"" if identity is None else _INT8.pack(identity & 0x7FFF_FFFF_FFFF_FFFF)
    unsigned = crc32(word + bytes((quality & 0xFF,)) + tail)
    return unsigned - (1 << 32) if unsigned & 0x8000_0000 else unsigned


def refusal(at: datetime, received_at: datetime, keep_days: int = KEEP_SIGNAL_DAYS) -> str | None:
    """Why a sample is set aside in quarantine: `future`, `too_late`, or None when it is admitted."""
    if at > received_at + FUTURE_MAX:
        return "future"
    if at < received_at - timedelta(days=keep_days):
        return "too_late"
    return None


def is_pulse(signal: str) -> bool:
    """Pulses are always stored; every one is a piece."""
    return signal in PULSES
