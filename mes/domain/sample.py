"""A sample: a value as it was heard, with its times and quality; and what is admitted, and why not.

The value stays the device's own word. State maps, modulus, scaling and pieces per count are applied by booking, so
that a corrected map can be replayed. See docs/architecture.md, *heard*.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Literal
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


_INT8 = struct.Struct("<q").pack
_WORD_INT8 = struct.Struct("<cqB").pack
_WORD_FLOAT8 = struct.Struct("<cdB").pack


def word_crc(value: Value, quality: int, identity: int | None = None) -> int:
    """crc32 over type, value, quality and, where there is one, the device's sequence; unsigned."""
    if isinstance(value, int) and INT8_MIN <= value <= INT8_MAX:
        word = _WORD_INT8(b"i", value, quality)
    elif isinstance(value, float):
        word = _WORD_FLOAT8(b"f", value, quality)
    elif value is None:
        word = b"n%c" % quality
    elif isinstance(value, str):
        word = b"t%b%c" % (value.encode("utf-8", "surrogatepass"), quality)
    else:
        word = b"i%b%c" % (str(value).encode(), quality)
    return crc32(word) if identity is None else crc32(_INT8(identity & INT8_MAX), crc32(word))


def sample_hash(value: Value, quality: int, identity: int | None = None) -> int:
    """`word_crc` as the signed int4 that the tables keep as `h`."""
    unsigned = word_crc(value, quality, identity)
    return unsigned - (1 << 32) if unsigned & 0x8000_0000 else unsigned


GapWhy = Literal[
    "network",
    "certificate",
    "password",
    "configuration",
    "collector",
    "session",
    "death",
    "overflow",
    "sequence",
    "spool",
    "disk",
    "reboot",
]
SILENCES: frozenset[GapWhy] = frozenset(
    {"network", "certificate", "password", "configuration", "collector", "session", "death"}
)
"""The gaps in which nothing was heard: machines are offline. In the others single values are missing, or (`reboot`)
nothing is, but counters may stand elsewhere afterwards."""


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
