"""What the api says of KPIs: elements of scopes added up by hour, shift or day, and where a figure comes from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from mes.domain.calendar import Calendar
from mes.domain.kpi import Elements, Ratio, Why, ratios, total, why
from mes.store.kpis import ShiftElements, load_shifts, window_elements
from mes.store.pool import Connection

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class KpiLine:
    """KPIs of a clock hour (`from_at`), a shift, or a shift-day (`shift` empty), with the elements they are made of."""

    from_at: datetime | None
    shift_day: date | None
    shift: str
    elements: Elements
    kpis: dict[str, Ratio]


@dataclass(frozen=True, slots=True)
class ElementsRow:
    """A scope's shift in the ledger."""

    scope: str
    shift_day: date
    shift: str
    elements: Elements


@dataclass(frozen=True, slots=True)
class KpiWhy:
    """Where a KPI comes from: formula and figures, and the rows of the ledger that were added up."""

    why: Why
    rows: list[ElementsRow]


def list_shift_kpis(
    conn: Connection, scopes: Sequence[str], from_day: date, to_day: date, *, by: Literal["shift", "day"]
) -> list[KpiLine]:
    """KPIs of scopes together, shift-days `from_day` to `to_day` included."""
    found: dict[tuple[date, str], list[Elements]] = defaultdict(list)
    for row in load_shifts(conn, scopes, from_day, to_day):
        found[row.shift_day, row.shift if by == "shift" else ""].append(row.elements)
    return [_line(None, day, shift, total(parts)) for (day, shift), parts in sorted(found.items())]


def list_hour_kpis(
    conn: Connection, calendar: Calendar, scopes: Sequence[str], from_at: datetime, to_at: datetime
) -> list[KpiLine]:
    """KPIs of scopes together, clock hour by clock hour, as far as they are booked."""
    begin = from_at.replace(minute=0, second=0, microsecond=0)
    starts = [begin + n * HOUR for n in range(-(-(to_at - begin) // HOUR))]
    windows = [(start, start + HOUR) for start in starts]
    parts = [window_elements(conn, calendar, scope, windows) for scope in scopes]
    hours = zip(starts, zip(*parts, strict=True), strict=True)
    return [_line(start, None, "", total(elements)) for start, elements in hours if total(elements).calendar_us]


def _line(from_at: datetime | None, day: date | None, shift: str, elements: Elements) -> KpiLine:
    return KpiLine(from_at, day, shift, elements, ratios(elements))


def why_kpi(conn: Connection, name: str, scopes: Sequence[str], from_day: date, to_day: date) -> KpiWhy:
    """Why a KPI of scopes is what it is over shift-days. Raises KeyError for a name that is none."""
    rows: list[ShiftElements] = load_shifts(conn, scopes, from_day, to_day)
    return KpiWhy(why(name, total(row.elements for row in rows)), [ElementsRow(*row) for row in rows])
