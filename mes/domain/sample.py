"""A sample: a value as it was heard, with its times and quality; and what is admitted, and why not.

The value stays the device's own word. State maps, modulus, scaling and pieces per count are applied by booking, so
that a corrected map can be replayed. See docs/architecture.md, *heard*.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Annotated, Any, Literal
from zlib import crc32

from annotated_types import Ge, Le, MaxLen

from mes.domain.fields import Code, CodeOrNone, Instant, Number
from mes.domain.plant import PULSES, Tag
from mes.domain.signal import Value, word_maker

FUTURE_MAX = timedelta(minutes=5)
KEEP_SIGNAL_DAYS = 90
KEEP_VALUE_DAYS = 7
REPEAT_WITHIN = timedelta(seconds=60)
GATEWAY_SAMPLES_MAX = 10_000
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
_WORD_INT8_INT8 = struct.Struct("<cqBq").pack
_WORD_FLOAT8 = struct.Struct("<cdB").pack


def word_crc(value: Value, quality: int, identity: int | None = None) -> int:
    """crc32 over type, value, quality and, where there is one, the device's sequence; unsigned."""
    if isinstance(value, int):
        try:
            if identity is None:
                return crc32(_WORD_INT8(b"i", value, quality))
            return crc32(_WORD_INT8_INT8(b"i", value, quality, identity & INT8_MAX))
        except struct.error:
            word = b"i%b%c" % (str(value).encode(), quality)  # beyond int8
    elif isinstance(value, float):
        word = _WORD_FLOAT8(b"f", value, quality)
    elif value is None:
        word = b"n%c" % quality
    else:
        word = b"t%b%c" % (value.encode("utf-8", "surrogatepass"), quality)
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


def kept_days(tag: Tag) -> int:
    """How long samples of a tag are kept, as the plant file says or as the house's rule is."""
    return tag.keep_days or (KEEP_VALUE_DAYS if tag.is_value else KEEP_SIGNAL_DAYS)


def refusal(at: datetime, received_at: datetime, keep_days: int = KEEP_SIGNAL_DAYS) -> str | None:
    """Why a sample is set aside in quarantine: `future`, `too_late`, or None when it is admitted."""
    if at > received_at + FUTURE_MAX:
        return "future"
    if at < received_at - timedelta(days=keep_days):
        return "too_late"
    return None


def kept_word(sample: Sample) -> dict[str, Any]:
    """A sample as the quarantine keeps it: its value as text, so that no reader rounds it. `word_kept` reads it."""
    return {
        "tag_id": sample.tag_id,
        "at": sample.at.isoformat(),
        "type": type(sample.value).__name__,
        "value": None if sample.value is None else str(sample.value),
        "quality": int(sample.quality),
        "identity": sample.identity,
    }


def word_kept(kept: dict[str, Any]) -> Sample:
    """The sample `kept_word` wrote down."""
    word: str = kept["value"]
    at = datetime.fromisoformat(kept["at"])
    value: Value = None
    if kept["type"] == "bool":
        value = word == "True"
    elif kept["type"] != "NoneType":
        value = {"int": int, "float": float, "str": str}[kept["type"]](word)
    return Sample(kept["tag_id"], at, value, kept["quality"], source_at=at, identity=kept["identity"])


# --- gateways


@dataclass(frozen=True)
class GatewaySample:
    """A value a gateway heard. `address` is `machine/signal`; `tag` its number, if the gateway knows it."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    at: Instant
    value: bool | int | float | str | None
    address: CodeOrNone = ""
    tag: Number | None = None
    quality: Literal[0, 1, 2, 3] = 0

    def __post_init__(self) -> None:
        if (self.tag is None) == (not self.address):
            raise ValueError("a sample names its tag by `address` or by `tag`")


@dataclass(frozen=True)
class GatewayDocument:
    """Samples of one gateway (the code of a source of kind http). `sequence` is the gateway's own message number."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    gateway: Code
    sequence: Annotated[int, Ge(0), Le(2**47 - 1)]
    samples: Annotated[tuple[GatewaySample, ...], MaxLen(GATEWAY_SAMPLES_MAX)]


@dataclass(frozen=True, slots=True)
class Unheard:
    """A sample that was not admitted, and why."""

    sample: GatewaySample
    why: str
    detail: str


def sort_out(
    document: GatewayDocument, tags: Mapping[str, tuple[int, Tag]], received_at: datetime
) -> tuple[list[tuple[Sample, bool]], list[Unheard]]:
    """What is admitted (with whether it is a process value), and what is not. `tags`: the gateway's, by address.

    A repeated message gives the same samples. Two pulses of one message stay two.
    """
    addresses = {number: address for address, (number, _tag) in tags.items()}
    admitted: list[tuple[Sample, bool]] = []
    refused: list[Unheard] = []
    for index, said in enumerate(document.samples):
        found = tags.get(said.address or addresses.get(said.tag or 0, ""))
        if found is None:
            refused.append(Unheard(said, "unknown_tag", f"{document.gateway} has no such tag"))
            continue
        number, tag = found
        if why := refusal(said.at, received_at, kept_days(tag)):
            refused.append(Unheard(said, why, f"its time is {said.at.isoformat()}"))
            continue
        try:
            word = word_maker(tag.signal)(said.value)
        except ValueError as error:
            refused.append(Unheard(said, "value", str(error)))
            continue
        identity = document.sequence << 16 | index if tag.signal in PULSES else None
        sample = Sample(number, said.at, word, said.quality, source_at=said.at, identity=identity)
        admitted.append((sample, tag.is_value))
    return admitted, refused
