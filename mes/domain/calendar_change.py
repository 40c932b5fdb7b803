"""What a plan changes about a line's hours, as the plant model's dated exceptions (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from mes.domain.calendar import Calendar
from mes.domain.plan import ChangeCalendar
from mes.domain.plant import CalendarException, Plant

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def with_changes(plant: Plant, changes: Iterable[ChangeCalendar]) -> Plant:
    """The plant with the exceptions these changes are; the same plant where it has them all, or lacks the line.

    Later exceptions count over earlier ones, so that what is opened is closed again by its contrary.
    """
    found = plant
    for change in changes:
        if change.line in plant.lines:
            found = _with(found, tuple(exceptions_of(plant, change)))
    return found


def _with(plant: Plant, added: tuple[CalendarException, ...]) -> Plant:
    before = plant.calendar_exception
    if before[-len(added) :] == added:
        return plant
    return replace(plant, calendar_exception=(*before, *added))


def exceptions_of(plant: Plant, change: ChangeCalendar) -> Iterator[CalendarException]:
    """A change as exceptions of at most a day each, in whole minutes of the plant's clock."""
    zone = Calendar(plant).zone
    start = change.from_at.replace(second=0, microsecond=0)
    end = -(-(change.to_at - start) // MINUTE) * MINUTE + start
    while start < end:
        until = min(start + DAY, end)
        yield CalendarException(
            on=start.astimezone(zone).date(),
            kind="overtime" if change.is_open else "stop",
            lines=(change.line,),
            starts_at=_reading(start, zone),
            ends_at=_reading(until, zone),
        )
        start = until


def _reading(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%H:%M")
