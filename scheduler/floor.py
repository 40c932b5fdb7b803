"""The plant model as the solver's lines, changeovers, crews and moulds (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

from mes.domain.calendar import Calendar, ShiftWindow
from mes.domain.plant import Plant
from scheduler.problem import Crew, Line, Resource, Setup, Span

BACK_DAYS = 2
"""How far back shifts are named, so that work that began yesterday has its shift-day."""
ShiftRow = tuple[str, date, datetime, datetime]
Closure = tuple[datetime, datetime, str]
REACH = timedelta(hours=60)
"""How far from its date's noon an exception may reach: a night shift's day, and times of up to a day."""


def lines_of(calendar: Calendar, now: datetime, until: datetime, family_now: dict[str, str]) -> tuple[Line, ...]:
    """Every line with its open time from now on, its shifts, what closes it, and the family it is set up for."""
    times: dict[tuple[object, ...], tuple[tuple[Span, ...], tuple[ShiftRow, ...], tuple[Closure, ...]]] = {}
    found = []
    for code in calendar.plant.lines:
        key = _works_like(calendar.plant, code)
        if key not in times:
            times[key] = _times(calendar, code, now, until)
        spans, shifts, closures = times[key]
        found.append(Line(code, spans, family_now.get(code) or None, shifts, closures))
    return tuple(found)


def _works_like(plant: Plant, line: str) -> tuple[object, ...]:
    """What decides when a line works: lines that are alike in it are open at the same times."""
    exceptions = tuple(n for n, one in enumerate(plant.calendar_exception) if line in (one.lines or (line,)))
    return plant.lines[line].shifts, exceptions


def _times(
    calendar: Calendar, code: str, now: datetime, until: datetime
) -> tuple[tuple[Span, ...], tuple[ShiftRow, ...], tuple[Closure, ...]]:
    windows = calendar.windows(code, now - timedelta(days=BACK_DAYS), until)
    shifts = tuple((window.shift, window.shift_day, window.from_at, window.to_at) for window in windows)
    spans = tuple(calendar.open_intervals(code, now, until))
    return spans, shifts, tuple(sorted(_closures(calendar, code, now, until)))


def _closures(calendar: Calendar, code: str, now: datetime, until: datetime) -> Iterator[Closure]:
    """What each stop and holiday takes of the line's hours, by its kind; what a later exception opens again is none."""
    exceptions = calendar.plant.calendar_exception
    for number, one in enumerate(exceptions):
        if one.opens or code not in (one.lines or (code,)):
            continue
        noon = datetime(one.on.year, one.on.month, one.on.day, 12, tzinfo=calendar.zone)
        low, high = max(now, noon - REACH), min(until, noon + REACH)
        if low < high:
            before = Calendar(replace(calendar.plant, calendar_exception=exceptions[:number]))
            after = Calendar(replace(calendar.plant, calendar_exception=exceptions[: number + 1]))
            worked = [*after.open_intervals(code, low, high), *calendar.open_intervals(code, low, high)]
            for start, end in _less(before.open_intervals(code, low, high), worked):
                yield start, end, one.kind


def _less(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """What is left of spans outside others."""
    left = list(spans)
    for start, end in others:
        parts = ((a, b) for low, high in left for a, b in ((low, min(high, start)), (max(low, end), high)))
        left = [(a, b) for a, b in parts if a < b]
    return left


def setups_of(plant: Plant, families: Iterable[str]) -> tuple[Setup, ...]:
    """Changeovers by family; one that names no family before holds from any other, where no row names the pair."""
    known = sorted({family for family in families if family})
    minutes: dict[tuple[str | None, str, str], int] = {}
    for row in sorted(plant.setup, key=lambda row: bool(row.from_)):
        for before in [row.from_] if row.from_ else [family for family in known if family != row.to]:
            minutes[row.line or None, before, row.to] = row.minutes
    return tuple(Setup(line, before, after, length) for (line, before, after), length in minutes.items())


def crews_of(calendar: Calendar, now: datetime, until: datetime) -> tuple[Crew, ...]:
    """Crews with their size from each instant on: the sum over the shifts that are on."""
    found = []
    for crew in calendar.plant.crew:
        windows = {
            (window.shift_day, window.shift): window
            for code in crew.lines
            for window in calendar.windows(code, now, until)
        }
        needs = {code: crew.needs.get(code, 1) for code in crew.lines}
        found.append(Crew(crew.code, needs, _sizes(windows.values(), crew.size, now)))
    return tuple(found)


def _sizes(windows: Iterable[ShiftWindow], size: dict[str, int], now: datetime) -> tuple[tuple[datetime, int], ...]:
    """People from each instant on. While no shift is on nothing runs, and the size stays as it was."""
    change: dict[datetime, list[tuple[int, int]]] = {}
    for window in windows:
        people = size.get(window.shift, 0)
        change.setdefault(max(window.from_at, now), []).append((1, people))
        change.setdefault(window.to_at, []).append((-1, -people))
    there = on = 0
    steps: list[tuple[datetime, int]] = []
    for at in sorted(change):
        on += sum(shifts for shifts, _ in change[at])
        there += sum(people for _, people in change[at])
        if on and (not steps or steps[-1][1] != there):
            steps.append((at, there))
    return tuple(steps)


def resources_of(plant: Plant) -> tuple[Resource, ...]:
    """Moulds, fixtures and tools."""
    return tuple(Resource(one.code, one.count, one.change_minutes) for one in plant.resource)
