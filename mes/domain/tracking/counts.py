"""From running totals to pieces: what a rise, a fall, a silence and a reboot mean.

A difference belongs wholly to the instant of its later sample. A rise is pieces. A fall is a rollover where the tag
has a modulus and the wrapped difference is plausible; a reset where the new value could have been made since the last
sample; otherwise it is set aside, shown and never counted. After a reboot the next sample settles it: small enough is
a reset, larger but lower a restored counter, not lower a kept one. Plausible means at most `max_per_s` x elapsed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

from mes.domain.plant import PULSES, TOTALS, Machine, Tag
from mes.domain.signal import Value

FAST_MAX_PER_S = 10.0
"""Counts per second taken as possible where neither tag nor machine says a pace."""
PACE_TIMES = 3
"""A counter may run this many times as fast as the rated pace."""
CONTRADICTION_AFTER_US = 60_000_000
"""Good and reject may trail total this long before they are said to contradict it."""


class Flag(IntFlag):
    """What has to be known about a minute's counts; kept as a sum in `minute_count.flags`."""

    AFTER_GAP = 1
    RESET = 2
    ROLLOVER = 4
    AMBIGUOUS = 8
    """A rollover that could also have been a reset."""
    RESTORED = 16
    OUT_OF_ORDER = 32
    CONTRADICTION = 64
    """Good and reject did not add up to total; good and reject were taken."""


GAPPED, REBOOTED = 1, 2
"""Marks on a counter until its next sample: not heard for a while; its device restarted."""


@dataclass(frozen=True, slots=True)
class CounterRule:
    """How one total or pulse is read; `max_per_us` in the counter's own counts."""

    signal: str
    pieces: int
    modulus: int
    max_per_us: float


def counter_rule(tag: Tag, machine: Machine) -> CounterRule:
    """The rule of a counting tag: its own `max_per_s`, else three times the machine's rated pace."""
    if tag.max_per_s is not None:
        per_s = tag.max_per_s
    elif machine.seconds_per_piece is not None:
        per_s = PACE_TIMES / machine.seconds_per_piece / tag.pieces_per_count
    else:
        per_s = FAST_MAX_PER_S
    return CounterRule(tag.signal, tag.pieces_per_count, tag.modulus or 0, per_s / 1e6)


def is_counter(signal: str) -> bool:
    """A signal that counts pieces: a total or a pulse."""
    return signal in TOTALS or signal in PULSES


def count_of(value: Value) -> int | None:
    """A total or pulse as a whole number, rounded down; None for what is no number."""
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, float):
        return int(value) if abs(value) < 2**63 else None
    try:
        return None if value is None else int(float(value))
    except (ValueError, OverflowError):
        return None


Baseline = tuple[int, int, int]
"""Where a counter stood: (at, value, marks)."""


def difference(before: Baseline | None, at: int, value: int, rule: CounterRule) -> tuple[int, int, Baseline]:
    """(counts, flags, where it stands now) of a total's next sample; the first sample only sets the baseline."""
    if before is None:
        return 0, 0, (at, value, 0)
    last_at, last, marks = before
    if value >= last:
        return value - last, Flag.AFTER_GAP if marks & GAPPED and value > last else 0, (at, value, 0)
    counts, flags = _fall(value, last, rule.max_per_us * (at - last_at), marks & REBOOTED, rule.modulus)
    if flags == Flag.OUT_OF_ORDER:
        return 0, flags, before
    return counts, flags | (Flag.AFTER_GAP if marks & GAPPED and counts else 0), (at, value, 0)


def _fall(value: int, last: int, possible: float, rebooted: int, modulus: int) -> tuple[int, int]:
    """(counts, what it was) of a total that fell, when at most `possible` counts could have been made since."""
    is_reset = value <= possible
    if rebooted:
        return (value, Flag.RESET) if is_reset else (0, Flag.RESTORED)
    wrapped = value - last + modulus
    if modulus and 0 <= wrapped <= possible:
        return wrapped, Flag.ROLLOVER | Flag.AMBIGUOUS if is_reset else Flag.ROLLOVER
    return (value, Flag.RESET) if is_reset else (0, Flag.OUT_OF_ORDER)


@dataclass(frozen=True, slots=True)
class Split:
    """Which of total, good and reject a machine counts, and so how a difference of each becomes good and reject.

    Pieces per count of a signal: (good, reject). Of the three a missing one is derived; where all three are counted,
    good and reject win and total only checks them.
    """

    of: dict[str, tuple[int, int]]
    checks_total: bool


def split_of(signals: frozenset[str]) -> Split:
    """How the counters a machine has become good and reject."""
    good, reject, total = (name in signals for name in ("good_total", "reject_total", "total"))
    of: dict[str, tuple[int, int]] = {"good_pulse": (1, 0), "reject_pulse": (0, 1)}
    if good or not total:
        of |= {"good_total": (1, 0), "reject_total": (0, 1)}
    else:
        of |= {"total": (1, 0), "reject_total": (-1, 1)}
    if good and total and not reject:
        of |= {"total": (0, 1), "good_total": (1, -1)}
    return Split(of, checks_total=good and reject and total)
