"""Which samples are stored, and which only repeat what is known (pure).

Signals: a sample is dropped only when it is later than the tag's last stored one, equal to it, and within a minute.
What is equal is remembered for the reorder window: when a late sample turns out to have come in between, the equal
one after it is stored after all. A sample that is later than the window is stored, and so is the last one heard, so
that a late change ends where the device's word was last known. Pulses are always stored.

Process values: a dead-band drops what differs too little, an interval what comes too soon.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from collectors.source import Heard
from mes.domain.plant import PULSES, Tag
from mes.domain.sample import KEEP_SIGNAL_DAYS, REPEAT_WITHIN, kept_days

REPEAT_WITHIN_US = REPEAT_WITHIN // REPEAT_WITHIN.resolution
DAY_US = 86_400_000_000
TRIM_AT_LEN_MIN = 16


@dataclass(frozen=True, slots=True)
class Rule:
    """How samples of one tag are sifted."""

    address: str
    is_value: bool = False
    is_pulse: bool = False
    reorder_us: int = 10_000_000
    dead_band: float | None = None
    interval_us: int = 0
    keep_us: int = KEEP_SIGNAL_DAYS * DAY_US

    @classmethod
    def of(cls, tag: Tag, *, reorder_s: float) -> Rule:
        return cls(
            address=tag.address,
            is_value=tag.is_value,
            is_pulse=tag.signal in PULSES,
            reorder_us=int(reorder_s * 1_000_000),
            dead_band=tag.dead_band,
            interval_us=int((tag.interval_s or 0) * 1_000_000),
            keep_us=kept_days(tag) * DAY_US,
        )


class _Track:
    """What was heard of one signal within the window, oldest first, and which of it was stored."""

    __slots__ = ("heard", "stored", "stored_last", "trim_at_len")

    def __init__(self, first: Heard) -> None:
        self.heard = [first]
        self.stored = [True]
        self.stored_last = first
        self.trim_at_len = TRIM_AT_LEN_MIN

    def append(self, sample: Heard, *, keep: bool, since: int) -> None:
        self.heard.append(sample)
        self.stored.append(keep)
        if keep:
            self.stored_last = sample
        if len(self.heard) > self.trim_at_len:
            self._trim(since)

    def _trim(self, since: int) -> None:
        """Forget what lies before the window, but not the last stored sample nor the newest one."""
        cut = next(i for i, sample in enumerate(self.heard) if _at(sample) >= since)
        gone, self.heard = self.heard[:cut], self.heard[cut:]
        self.stored = self.stored[cut:]
        if any(sample is self.stored_last for sample in gone):
            self.heard.insert(0, self.stored_last)
            self.stored.insert(0, True)
        self.trim_at_len = max(TRIM_AT_LEN_MIN, 2 * len(self.heard))

    def insert(self, index: int, sample: Heard, *, keep: bool) -> None:
        self.heard.insert(index, sample)
        self.stored.insert(index, False)
        if keep:
            self.keep(index)

    def keep(self, index: int) -> Heard:
        """Store the one at `index`."""
        self.stored[index] = True
        sample = self.heard[index]
        if _at(sample) >= _at(self.stored_last):
            self.stored_last = sample
        return sample


class Sieve:
    """Remembers per tag what is needed to sift; one per writer."""

    def __init__(self) -> None:
        self._signals: dict[int, _Track] = {}
        self._values: dict[int, Heard] = {}
        self._doubles = 0

    def take_doubles(self) -> int:
        """How many samples since the last call were heard before, word for word and with the same time."""
        doubles, self._doubles = self._doubles, 0
        return doubles

    def forget(self, tag_ids: Iterable[int]) -> None:
        """Store the next sample of these tags whatever it is: what was stored is no longer certain."""
        for tag_id in tag_ids:
            self._signals.pop(tag_id, None)
            self._values.pop(tag_id, None)

    def signal(self, rule: Rule, sample: Heard) -> tuple[Heard, ...]:
        """What has to be stored now that `sample` (its `at` set) was heard."""
        if rule.is_pulse:
            return (sample,)
        track = self._signals.get(sample.tag_id)
        if track is None:
            self._signals[sample.tag_id] = _Track(sample)
            return (sample,)
        at = _at(sample)
        if at <= _at(track.heard[-1]):
            return self._late(track, sample, rule.reorder_us)
        repeats = _repeats(track.stored_last, sample)
        track.append(sample, keep=not repeats, since=at - rule.reorder_us)
        return () if repeats else (sample,)

    def _late(self, track: _Track, sample: Heard, reorder_us: int) -> tuple[Heard, ...]:
        """What has to be stored when a sample comes after a newer one."""
        at, newest = _at(sample), len(track.heard) - 1
        if at < _at(track.heard[newest]) - reorder_us:
            return (sample,) if track.stored[newest] else (sample, track.keep(newest))
        index = newest + 1
        while index and _at(track.heard[index - 1]) > at:
            index -= 1
        if index and _same(track.heard[index - 1], sample):
            if _at(track.heard[index - 1]) == at:
                self._doubles += 1
                return ()
            if at > _at(track.stored_last):
                track.insert(index, sample, keep=False)
                return ()
        track.insert(index, sample, keep=True)
        after = index + 1
        if after <= newest + 1 and not track.stored[after] and not _same(track.heard[after], sample):
            return sample, track.keep(after)
        return (sample,)

    def value(self, rule: Rule, sample: Heard) -> bool:
        """Whether a process value is stored."""
        if rule.dead_band is None and not rule.interval_us:
            return True
        last = self._values.get(sample.tag_id)
        if last is None or not _repeats_value(rule, last, sample):
            self._values[sample.tag_id] = sample
            return True
        return False


def _at(sample: Heard) -> int:
    assert sample.at is not None
    return sample.at


def _same(a: Heard, b: Heard) -> bool:
    return a.value == b.value and a.quality == b.quality and type(a.value) is type(b.value)


def _repeats(stored: Heard, sample: Heard) -> bool:
    return _same(stored, sample) and _at(sample) - _at(stored) <= REPEAT_WITHIN_US


def _repeats_value(rule: Rule, last: Heard, sample: Heard) -> bool:
    elapsed = _at(sample) - _at(last)
    if elapsed < 0 or last.quality != sample.quality:
        return False
    if elapsed < rule.interval_us:
        return True
    if rule.dead_band is None or elapsed > REPEAT_WITHIN_US:
        return False
    return _distance(last, sample) <= rule.dead_band


def _distance(a: Heard, b: Heard) -> float:
    if isinstance(a.value, int | float) and isinstance(b.value, int | float):
        return abs(b.value - a.value)
    return 0.0 if a.value == b.value else math.inf
