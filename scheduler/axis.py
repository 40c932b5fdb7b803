"""A line's open minutes laid end to end, and instants: the two ways to tell time, and the tables between them.

A plant minute counts from `now`; an axis minute counts only while the line is open. A lot of 90 minutes takes 90
minutes of axis wherever breaks and shift ends fall, so durations are constants and a table look-up gives the instant.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np

from scheduler.problem import Line, Span

MINUTE = timedelta(minutes=1)
DAY_MINUTES = 1440


def minute_up(now: datetime, at: datetime) -> int:
    """The first plant minute that is not before `at`: for what may begin then."""
    return -((whole(now) - at) // MINUTE)


def minute_down(now: datetime, at: datetime) -> int:
    """The last plant minute that is not after `at`: for what must end by then."""
    return (at - whole(now)) // MINUTE


def instant(now: datetime, minute: int) -> datetime:
    """When a plant minute begins."""
    return whole(now) + minute * MINUTE


def whole(now: datetime) -> datetime:
    """Plant minute 0: `now` where it is a whole minute, else the next one."""
    rest = timedelta(seconds=now.second, microseconds=now.microsecond)
    return now + (MINUTE - rest) if rest else now


@dataclass(frozen=True, eq=False)
class Axis:
    """The open minutes of one calendar from now to the horizon.

    `starts[x]` is the plant minute in which axis minute x begins; `before[t]` counts the open minutes before plant
    minute t, so an event at t happens at axis minute `before[t]`. A lot on axis [x, x + d) runs from `starts[x]` to
    `starts[x + d - 1] + 1`.
    """

    starts: Sequence[int]
    before: Sequence[int]

    @property
    def total(self) -> int:
        """How many minutes the line is open."""
        return len(self.starts)

    def end(self, x: int) -> int:
        """The plant minute at which axis minute x - 1 is over."""
        return self.starts[x - 1] + 1 if x else 0

    @cached_property
    def closes(self) -> array[int]:
        """For each axis minute the axis minute at which its open interval ends."""
        starts = np.asarray(self.starts, dtype=np.int64)
        last = np.flatnonzero(np.diff(starts, append=-1) != 1) + 1
        return _ints(np.repeat(last, np.diff(last, prepend=0)))

    @cached_property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The open intervals in plant minutes."""
        ends = sorted(set(self.closes))
        return tuple((self.starts[a], self.starts[b - 1] + 1) for a, b in zip([0, *ends], ends, strict=False))


def axis_of(spans: Sequence[tuple[int, int]], horizon: int) -> Axis:
    """The axis of open intervals in plant minutes, cut to 0 .. horizon."""
    is_open = np.zeros(horizon, dtype=bool)
    for start, end in spans:
        is_open[max(0, start) : max(0, min(end, horizon))] = True
    before = np.concatenate(([0], np.cumsum(is_open)))
    return Axis(_ints(np.flatnonzero(is_open)), _ints(before))


def always(horizon: int) -> Axis:
    """The axis of what never closes."""
    return Axis(range(horizon), range(horizon + 1))


def _ints(values: np.ndarray) -> array[int]:
    return array("i", values.astype(np.int32).tobytes())


def open_minutes(now: datetime, spans: Sequence[Span]) -> tuple[tuple[int, int], ...]:
    """Open intervals in plant minutes."""
    return tuple((minute_up(now, start), minute_down(now, end)) for start, end in spans)


class Days:
    """Shift-day and shift of a line's instants; without shifts the day is UTC's."""

    def __init__(self, now: datetime, line: Line) -> None:
        self.now = now
        self.names = [(shift, day) for shift, day, _, _ in line.shifts]
        self.begins = [minute_up(now, start) for _, _, start, _ in line.shifts]

    def at(self, minute: int) -> tuple[str | None, date]:
        """The shift and shift-day that plant minute `minute` belongs to: the latest shift begun, else the UTC day."""
        index = bisect_right(self.begins, minute) - 1
        if index >= 0:
            return self.names[index]
        return None, instant(self.now, minute).date()

    def next_border(self, minute: int) -> int:
        """The first plant minute after `minute` at which another shift or day begins."""
        index = bisect_right(self.begins, minute)
        if index < len(self.begins):
            border = self.begins[index]
            return border if index else min(border, self._midnight(minute))
        return self._midnight(minute) if not self.begins else 1 << 40

    def _midnight(self, minute: int) -> int:
        at = instant(self.now, minute)
        tomorrow = datetime(at.year, at.month, at.day, tzinfo=at.tzinfo) + timedelta(days=1)
        return minute_up(self.now, tomorrow)
