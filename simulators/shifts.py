"""When a line is open: its shifts, breaks and exceptions as intervals of plant time.

`open_intervals(plant, line, from_ms)` yields half-open intervals without end, day after day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from simulators.instants import local_ms, to_datetime
from simulators.plantfile import CalendarException, Line, Plant, Shift

DAY_MINUTES = 24 * 60
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAYS_WITHOUT_SHIFT_MAX = 400

Interval = tuple[int, int]


def open_intervals(plant: Plant, line: Line, from_ms: int) -> Iterator[Interval]:
    """Open intervals of a line that end after `from_ms`, in order, never overlapping; one may begin where one ends.

    Ends when no shift comes for over a year.
    """
    first = to_datetime(from_ms).astimezone(plant.zone).date() - timedelta(days=1)
    done = from_ms
    for start, end in _raw_intervals(plant, line, first):
        if end > done:
            yield (max(start, done) if done > from_ms else start), end
            done = end


def _raw_intervals(plant: Plant, line: Line, day: date) -> Iterator[Interval]:
    idle_days = 0
    while idle_days < DAYS_WITHOUT_SHIFT_MAX:
        today = sorted(_of_day(plant, line, day))
        yield from today
        idle_days = 0 if today else idle_days + 1
        day += timedelta(days=1)


def _of_day(plant: Plant, line: Line, day: date) -> Iterator[Interval]:
    """The open intervals of a day's shifts, those an exception with times cuts or adds among them; they may overlap."""
    worked = [shift for shift in (plant.shifts[code] for code in line.shifts) if _worked(plant, line, shift, day)]
    windows = {shift.code: _at(plant, day, (shift.start, _end(shift))) for shift in worked}
    parts = [(shift.code, _at(plant, day, part)) for shift in worked for part in _without_breaks(shift)]
    for exception in plant.exceptions:
        if exception.span is None or not _concerns(exception, line) or not line.shifts:
            continue
        span, codes = _at(plant, exception.on, exception.span), exception.shifts or line.shifts
        if exception.opens:
            own = [(codes[0], span)] if exception.on == day else []
            parts += own + [(code, _both(window, span)) for code, window in windows.items() if code in codes]
        else:
            parts = [(code, left) for code, part in parts for left in (_cut(part, span) if code in codes else [part])]
    yield from (part for _, part in parts if part[0] < part[1])


def _at(plant: Plant, day: date, minutes: tuple[int, int]) -> Interval:
    return local_ms(day, minutes[0], plant.zone), local_ms(day, minutes[1], plant.zone)


def _both(one: Interval, other: Interval) -> Interval:
    return max(one[0], other[0]), min(one[1], other[1])


def _cut(part: Interval, span: Interval) -> list[Interval]:
    """What is left of a part before and after a span."""
    return [(part[0], min(part[1], span[0])), (max(part[0], span[1]), part[1])]


def _concerns(exception: CalendarException, line: Line) -> bool:
    return not exception.lines or line.code in exception.lines


def _worked(plant: Plant, line: Line, shift: Shift, day: date) -> bool:
    worked = WEEKDAYS[day.weekday()] in shift.days
    for exception in plant.exceptions:
        concerns_shift = not exception.shifts or shift.code in exception.shifts
        if exception.on == day and exception.span is None and _concerns(exception, line) and concerns_shift:
            worked = exception.opens
    return worked


def _without_breaks(shift: Shift) -> Iterator[tuple[int, int]]:
    """A shift's parts between its breaks, in minutes after midnight of the day on which it starts."""
    at = shift.start
    end = _end(shift)
    for start, stop in sorted(_after(shift.start, pair) for pair in shift.breaks):
        if start > at:
            yield at, start
        at = max(at, stop)
    if end > at:
        yield at, end


def _end(shift: Shift) -> int:
    """A shift's end in minutes after midnight of the day on which it starts."""
    return shift.end if shift.end > shift.start else shift.end + DAY_MINUTES


def _after(start: int, pair: tuple[int, int]) -> tuple[int, int]:
    """A break's minutes moved to the next day when it lies before the shift's start."""
    shift_days = DAY_MINUTES if pair[0] < start else 0
    length = (pair[1] - pair[0]) % DAY_MINUTES
    return pair[0] + shift_days, pair[0] + shift_days + length


def shift_spans(plant: Plant, line: Line, from_ms: int) -> Iterator[Interval]:
    """The shifts of a line that end after `from_ms`, breaks included, by their start."""
    day = to_datetime(from_ms).astimezone(plant.zone).date() - timedelta(days=1)
    idle_days = 0
    while idle_days < DAYS_WITHOUT_SHIFT_MAX:
        spans = sorted(
            (local_ms(day, shift.start, plant.zone), local_ms(day, _end(shift), plant.zone))
            for shift in (plant.shifts[code] for code in line.shifts)
            if _worked(plant, line, shift, day)
        )
        yield from (span for span in spans if span[1] > from_ms)
        idle_days = 0 if spans else idle_days + 1
        day += timedelta(days=1)
