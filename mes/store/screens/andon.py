"""Open andon calls alone, for pages that show nothing else live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mes.domain.calendar import Calendar
from mes.store.pool import Connection
from mes.store.screens.wall import CallImage, show_calls


@dataclass(frozen=True, slots=True)
class AndonImage:
    """The calls nobody has resolved, by id."""

    calls: dict[str, CallImage]


def show_andon(conn: Connection, calendar: Calendar, _at: datetime, lines: frozenset[str] | None = None) -> AndonImage:
    """What is open, on all lines or some."""
    codes = [code for code in calendar.plant.lines if lines is None or code in lines]
    return AndonImage(calls=show_calls(conn, codes))
