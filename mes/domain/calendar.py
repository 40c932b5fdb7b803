"""When a line works: shifts, breaks and exceptions as intervals of instants, across midnight, DST and changed models.

A plant's shift times are local and whole minutes. `shift_windows(plant, line, from_at, to_at)` gives the shifts as
instants; `open_intervals` what is left of them between breaks; `shift_at` the one an instant belongs to. The shift-day
is the date on which a shift begins. An exception with times cuts into shifts like a break, or adds to the shift of its
date that it lies nearest to. At a DST gap or overlap the first reading holds, so durations are what really
passes. Shifts of a line never overlap: where two do on paper, the later one begins when the earlier one ends.

Booking works with integers: microseconds since 1970 UTC. `stretches` is the same calendar in that form, over the plant
versions (`Reign`) that were in force one after another. Teams never open or close a shift; they say who is on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

from mes.domain.plant import WEEKDAYS, CalendarException, Plant, Shift, minute_of_day

DAY_MINUTES = 24 * 60
MINUTE_US = 60_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Interval = tuple[datetime, datetime]


def micros(at: datetime) -> int:
    """Microseconds since 1970 UTC of an aware instant."""
    return (at - _EPOCH) // _MICROSECOND


def instant(us: int) -> datetime:
    """The aware UTC instant of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=us)


def floor_minute(us: int) -> int:
    """The whole minute an instant lies in."""
    return us - us % MINUTE_US


@dataclass(frozen=True, slots=True)
class ShiftWindow:
    """One shift of one line as it really happens: from..to with its breaks, all UTC, half-open."""

    line: str
    shift_day: date
    shift: str
    from_at: datetime
    to_at: datetime
    breaks: tuple[Interval, ...] = ()

    def __post_init__(self) -> None:
        if self.from_at >= self.to_at:
            raise ValueError(f"shift {self.shift} of {self.shift_day} has no time in it")

    @property
    def open(self) -> tuple[Interval, ...]:
        """What is left of it between its breaks."""
        parts: list[Interval] = []
        at = self.from_at
        for start, end in self.breaks:
            if start > at:
                parts.append((at, start))
            at = max(at, end)
        if at < self.to_at:
            parts.append((at, self.to_at))
        return tuple(parts)


def shift_windows(plant: Plant, line: str, from_at: datetime, to_at: datetime) -> list[ShiftWindow]:
    """The shifts of a line that overlap from..to, in order. A line that is not in the plant has none."""
    return Calendar(plant).windows(line, from_at, to_at)


def open_intervals(plant: Plant, line: str, from_at: datetime, to_at: datetime) -> list[Interval]:
    """When a line works within from..to: sorted, merged where one part meets the next, cut at both ends."""
    return Calendar(plant).open_intervals(line, from_at, to_at)


def shift_at(plant: Plant, line: str, at: datetime) -> ShiftWindow | None:
    """The shift an instant belongs to, breaks included; None between shifts."""
    return Calendar(plant).at(line, at)


def teams_on(plant: Plant, line: str, shift_day: date, shift: str) -> tuple[str, ...]:
    """The teams whose pattern, which repeats from its anchor on, puts them on a shift."""
    return tuple(
        team.code
        for team in plant.team
        if line in team.lines
        and shift_day >= team.anchor_on
        and team.pattern[(shift_day - team.anchor_on).days % len(team.pattern)] == shift
    )


class Calendar:
    """The calendar of one plant version; remembers the days it worked out."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self._days: dict[tuple[str, date], tuple[ShiftWindow, ...]] = {}

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.plant.site.time_zone)

    def local_day(self, at: datetime) -> date:
        """The plant's date at an instant."""
        return at.astimezone(self.zone).date()

    def windows(self, line: str, from_at: datetime, to_at: datetime) -> list[ShiftWindow]:
        """As `shift_windows`."""
        day, last = self.local_day(from_at) - timedelta(days=2), self.local_day(to_at)
        found: list[ShiftWindow] = []
        while day <= last:
            found += self._of_day(line, day)
            day += timedelta(days=1)
        return [window for window in _in_turn(found) if window.from_at < to_at and window.to_at > from_at]

    def open_intervals(self, line: str, from_at: datetime, to_at: datetime) -> list[Interval]:
        """As `open_intervals`."""
        merged: list[Interval] = []
        for window in self.windows(line, from_at, to_at):
            for start, end in window.open:
                part = (max(start, from_at), min(end, to_at))
                if part[0] >= part[1]:
                    continue
                if merged and merged[-1][1] >= part[0]:
                    merged[-1] = (merged[-1][0], max(merged[-1][1], part[1]))
                else:
                    merged.append(part)
        return merged

    def at(self, line: str, at: datetime) -> ShiftWindow | None:
        """As `shift_at`."""
        return next(iter(self.windows(line, at, at + _MICROSECOND)), None)

    def _of_day(self, line: str, day: date) -> tuple[ShiftWindow, ...]:
        known = self._days.get((line, day))
        if known is None:
            known = self._days[line, day] = tuple(self._work_out(line, day))
        return known

    def _work_out(self, line: str, day: date) -> Iterable[ShiftWindow]:
        stands = self.plant.lines.get(line)
        shifts = [self.plant.shifts[code] for code in (stands.shifts if stands else ())]
        windows = []
        for shift in sorted(shifts, key=lambda shift: minute_of_day(shift.starts_at)):
            if self._worked(line, shift, day):
                start, end = self._of_shift(day, shift)
                if start < end:
                    windows.append(
                        ShiftWindow(line, day, shift.code, start, end, tuple(self._breaks(shift, day, start, end)))
                    )
        for exception, span in self._spans.get(day, ()) if shifts else ():
            if line in (exception.lines or (line,)):
                windows = self._excepted(line, day, windows, exception, span)
        return windows

    def _of_shift(self, day: date, shift: Shift) -> Interval:
        return self._span(day, minute_of_day(shift.starts_at), minute_of_day(shift.ends_at))

    def _excepted(
        self, line: str, day: date, windows: list[ShiftWindow], exception: CalendarException, span: Interval
    ) -> list[ShiftWindow]:
        """A day's windows without a span in which nobody works, or with one more in which somebody does."""
        concerned = [window for window in windows if window.shift in (exception.shifts or (window.shift,))]
        if not exception.opens:
            return [_cut(window, span) if window in concerned else window for window in windows]
        windows = [_added(window, _within(window, span)) if window in concerned else window for window in windows]
        if exception.on != day:
            return windows
        concerned = [window for window in windows if window.shift in (exception.shifts or (window.shift,))]
        if not concerned:
            return [*windows, ShiftWindow(line, day, self._nearest(line, day, exception, span), *span)]
        nearest = min(concerned, key=lambda window: _apart((window.from_at, window.to_at), span))
        return [_added(window, span) if window is nearest else window for window in windows]

    def _nearest(self, line: str, day: date, exception: CalendarException, span: Interval) -> str:
        """The shift that work on a day without any belongs to."""
        codes = [code for code in self.plant.lines[line].shifts if code in (exception.shifts or (code,))]
        codes = codes or list(self.plant.lines[line].shifts)
        return min(codes, key=lambda code: _apart(self._of_shift(day, self.plant.shifts[code]), span))

    def _worked(self, line: str, shift: Shift, day: date) -> bool:
        worked = WEEKDAYS[day.weekday()] in shift.days
        for exception in self._exceptions.get(day, ()):
            if line in (exception.lines or (line,)) and shift.code in (exception.shifts or (shift.code,)):
                worked = exception.opens
        return worked

    @cached_property
    def _exceptions(self) -> dict[date, list[CalendarException]]:
        found: dict[date, list[CalendarException]] = {}
        for exception in self.plant.calendar_exception:
            if not exception.starts_at:
                found.setdefault(exception.on, []).append(exception)
        return found

    @cached_property
    def _spans(self) -> dict[date, list[tuple[CalendarException, Interval]]]:
        """Exceptions with times by the days whose shifts they may reach: a night shift's begins the day before."""
        found: dict[date, list[tuple[CalendarException, Interval]]] = {}
        for exception in self.plant.calendar_exception:
            if exception.starts_at:
                first, last = minute_of_day(exception.starts_at), minute_of_day(exception.ends_at)
                span = self._span(exception.on, first, last)
                for days in (-1, 0, 1):
                    found.setdefault(exception.on + timedelta(days), []).append((exception, span))
        return found

    def _breaks(self, shift: Shift, day: date, start: datetime, end: datetime) -> Iterable[Interval]:
        begins = minute_of_day(shift.starts_at)
        spans = []
        for first, last in shift.breaks:
            shift_on = DAY_MINUTES if minute_of_day(first) < begins else 0
            spans.append(self._span(day, minute_of_day(first) + shift_on, minute_of_day(last) + shift_on))
        for from_at, to_at in _merged(sorted(spans)):
            if from_at < end and to_at > start:
                yield max(from_at, start), min(to_at, end)

    def _span(self, day: date, first: int, last: int) -> Interval:
        """From and to in minutes after midnight of `day`; a `last` that is not later lies on the next day."""
        while last <= first:
            last += DAY_MINUTES
        return self._instant(day, first), self._instant(day, last)

    def _instant(self, day: date, minute: int) -> datetime:
        """When clocks first read `minute` minutes after midnight of `day`."""
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001  the zone is put on the reading, not the midnight
        return (midnight + timedelta(minutes=minute)).replace(tzinfo=self.zone).astimezone(UTC)


def _apart(one: Interval, other: Interval) -> timedelta:
    """How much lies between two spans; nothing where they meet or overlap."""
    return max(timedelta(0), one[0] - other[1], other[0] - one[1])


def _within(window: ShiftWindow, span: Interval) -> Interval:
    """The part of a span that lies in a window; its end is not after its start where none does."""
    return max(window.from_at, span[0]), min(window.to_at, span[1])


def _cut(window: ShiftWindow, span: Interval) -> ShiftWindow:
    """A window with one more break."""
    return replace(window, breaks=tuple(_merged(sorted([*window.breaks, _within(window, span)]))))


def _added(window: ShiftWindow, span: Interval) -> ShiftWindow:
    """A window in which a span more is worked, in its breaks, before it begins or after it ends."""
    if span[0] >= span[1]:
        return window
    worked = _merged(sorted([*window.open, span]))
    breaks = tuple((before[1], after[0]) for before, after in pairwise(worked))
    return replace(window, from_at=worked[0][0], to_at=worked[-1][1], breaks=breaks)


def _in_turn(windows: Iterable[ShiftWindow]) -> Iterable[ShiftWindow]:
    """Windows in order, each beginning no earlier than the one before it ends."""
    until: datetime | None = None
    for window in sorted(windows, key=lambda window: (window.from_at, window.to_at)):
        if until is None or window.from_at >= until:
            until = window.to_at
            yield window
        elif window.to_at > until:
            breaks = tuple((max(start, until), end) for start, end in window.breaks if end > until)
            yield replace(window, from_at=until, breaks=breaks)
            until = window.to_at


def _merged(spans: Iterable[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return merged


@dataclass(frozen=True, slots=True)
class Reign:
    """A plant version and when it was the one in force: [from_us, to_us)."""

    from_us: int
    to_us: int
    calendar: Calendar

    @property
    def plant(self) -> Plant:
        return self.calendar.plant


FOREVER = 1 << 62


def reigns(versions: Sequence[tuple[int, Calendar]]) -> list[Reign]:
    """Who rules when: `versions` are (in force from, calendar) as they were applied; a later one overrides."""
    ruling: list[Reign] = []
    for from_us, calendar in versions:
        ruling = [replace(r, to_us=min(r.to_us, from_us)) for r in ruling if r.from_us < from_us]
        ruling.append(Reign(from_us, FOREVER, calendar))
    return ruling


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a line's calendar in which nothing changes: its shift (none: ""), and whether the line works."""

    from_us: int
    to_us: int
    shift_day: str
    shift: str
    open: bool


def stretches(ruling: Sequence[Reign], line: str, from_us: int, to_us: int) -> list[Stretch]:
    """A line's calendar over [from_us, to_us), whole and without overlap; empty shift where there is none."""
    found: list[Stretch] = []
    for reign in ruling:
        start, end = max(from_us, reign.from_us), min(to_us, reign.to_us)
        if start < end:
            found += _filled(_parts(reign.calendar, line, start, end), start, end)
    return _joined(found)


def _parts(calendar: Calendar, line: str, start: int, end: int) -> Iterable[Stretch]:
    for window in calendar.windows(line, instant(start), instant(end)):
        day = window.shift_day.isoformat()
        opens = [(micros(a), micros(b)) for a, b in window.open]
        for piece in _filled(
            (Stretch(a, b, day, window.shift, True) for a, b in opens),
            micros(window.from_at),
            micros(window.to_at),
            day,
            window.shift,
        ):
            if piece.from_us < end and piece.to_us > start:
                yield replace(piece, from_us=max(piece.from_us, start), to_us=min(piece.to_us, end))


def _filled(parts: Iterable[Stretch], start: int, end: int, day: str = "", shift: str = "") -> Iterable[Stretch]:
    """Parts in order with what lies between them, closed."""
    at = start
    for part in parts:
        if part.from_us > at:
            yield Stretch(at, part.from_us, day, shift, False)
        yield part
        at = part.to_us
    if at < end:
        yield Stretch(at, end, day, shift, False)


def _joined(parts: Iterable[Stretch]) -> list[Stretch]:
    joined: list[Stretch] = []
    for part in parts:
        last = joined[-1] if joined else None
        if last and (last.to_us, last.shift_day, last.shift, last.open) == (
            part.from_us,
            part.shift_day,
            part.shift,
            part.open,
        ):
            joined[-1] = replace(last, to_us=part.to_us)
        else:
            joined.append(part)
    return joined
