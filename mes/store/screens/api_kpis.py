"""What the api says of KPIs: elements of scopes added up by hour, shift or day, and where a figure comes from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from psycopg.rows import class_row

from mes.domain.calendar import Calendar, teams_on
from mes.domain.kpi import Elements, Ratio, Why, ratios, total, why
from mes.store.kpis import ShiftElements, by_team, load_shifts, order_elements, window_elements
from mes.store.pool import Connection

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class KpiLine:
    """KPIs of a clock hour (`from_at`), a shift, a shift-day (`shift` empty) or of several (neither), with elements."""

    from_at: datetime | None
    shift_day: date | None
    shift: str
    elements: Elements
    kpis: dict[str, Ratio]


@dataclass(frozen=True, slots=True)
class OrderHead:
    """An order of which something was made."""

    order_id: int
    system: str
    number: str
    item: str


@dataclass(frozen=True, slots=True)
class OrderKpis:
    """KPIs of a whole order, with the elements they are made of."""

    system: str
    number: str
    item: str
    elements: Elements
    kpis: dict[str, Ratio]


@dataclass(frozen=True, slots=True)
class GroupKpis:
    """KPIs of a line, area, team or product (`code`), with the elements they are made of."""

    code: str
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
class RootRow:
    """What a line's standstills came from: the machine at their root and what it stood in; micro stops left out.

    `failures`: how many of them are failures of the line.
    """

    line: str
    root_machine: str
    root_state: str
    stops: int
    failures: int
    loss_s: float


@dataclass(frozen=True, slots=True)
class KpiWhy:
    """Where a KPI comes from: formula and figures, the rows of the ledger that were added up, and what lines stood
    for."""

    why: Why
    rows: list[ElementsRow]
    roots: list[RootRow]


def list_shift_kpis(
    conn: Connection,
    scopes: Sequence[str],
    from_day: date,
    to_day: date,
    *,
    by: Literal["shift", "day", "all"],
    shift: str | None = None,
) -> list[KpiLine]:
    """KPIs of scopes together, shift-days `from_day` to `to_day` included; of one `shift` of each day, or of all."""
    found: dict[tuple[date, str], list[Elements]] = defaultdict(list)
    rows = _of_shift(load_shifts(conn, scopes, from_day, to_day), shift)
    if by == "all":
        return [_line(None, None, "", total(row.elements for row in rows))] if rows else []
    for row in rows:
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


def _of_shift(rows: Sequence[ShiftElements], shift: str | None) -> list[ShiftElements]:
    return [row for row in rows if shift is None or row.shift == shift]


def _line(from_at: datetime | None, day: date | None, shift: str, elements: Elements) -> KpiLine:
    return KpiLine(from_at, day, shift, elements, ratios(elements))


def why_kpi(
    conn: Connection, name: str, scopes: Sequence[str], from_day: date, to_day: date, *, shift: str | None = None
) -> KpiWhy:
    """Why a KPI of scopes is what it is over shift-days. Raises KeyError for a name that is none."""
    rows = _of_shift(load_shifts(conn, scopes, from_day, to_day), shift)
    roots = _roots(conn, scopes, from_day, to_day)
    return KpiWhy(why(name, total(row.elements for row in rows)), [ElementsRow(*row) for row in rows], roots)


def _roots(conn: Connection, scopes: Sequence[str], from_day: date, to_day: date) -> list[RootRow]:
    with conn.cursor(row_factory=class_row(RootRow)) as cur:
        return cur.execute(
            """
            select line, root_machine, root_state, count(*)::int as stops,
                   (count(*) filter (where root_state = 'fault' and not again))::int as failures,
                   (coalesce(sum(loss_us), 0) / 1e6)::float8 as loss_s
            from stop
            where scope = line and line = any(%(scopes)s) and shift_day between %(from_day)s and %(to_day)s
              and not micro
            group by 1, 2, 3 order by 6 desc, 1, 2, 3
            """,
            {"scopes": list(scopes), "from_day": from_day, "to_day": to_day},
        ).fetchall()


# --- windows, orders, products, teams, areas


def window_kpis(
    conn: Connection, calendar: Calendar, scopes: Sequence[str], from_at: datetime, to_at: datetime
) -> KpiLine:
    """KPIs of scopes together in one window, as far as it is booked."""
    parts = [window_elements(conn, calendar, scope, [(from_at, to_at)])[0] for scope in scopes]
    return _line(from_at, None, "", total(parts))


def find_orders(
    conn: Connection,
    *,
    system: str | None,
    number: str | None,
    item: str | None,
    lines: Collection[str] | None,
    days: tuple[date, date],
    limit: int,
) -> list[OrderHead]:
    """Orders of which something was made on shift-days from..to, all of it on `lines` (None: wherever)."""
    with conn.cursor(row_factory=class_row(OrderHead)) as cur:
        return cur.execute(
            """
            select o.id as order_id, o.system, o.number, o.item from production_order o
            where (%(system)s::text is null or o.system = %(system)s)
              and (%(number)s::text is null or o.number = %(number)s)
              and (%(item)s::text is null or o.item = %(item)s)
              and o.id in (select order_id from shift_count where shift_day between %(first)s and %(last)s
                           and order_id <> 0)
              and (%(lines)s::text[] is null or not exists (
                  select from shift_count c where c.order_id = o.id and c.order_id <> 0 and c.line <> all(%(lines)s)))
            order by o.system, o.number limit %(limit)s
            """,
            {
                "system": system,
                "number": number,
                "item": item,
                "lines": None if lines is None else sorted(lines),
                "first": days[0],
                "last": days[1],
                "limit": limit,
            },
        ).fetchall()


def list_order_kpis(conn: Connection, calendar: Calendar, orders: Sequence[OrderHead]) -> list[OrderKpis]:
    """KPIs of each order."""
    found = order_elements(conn, calendar, [order.order_id for order in orders])
    return [
        OrderKpis(one.system, one.number, one.item, found[one.order_id], ratios(found[one.order_id])) for one in orders
    ]


def list_product_kpis(conn: Connection, calendar: Calendar, orders: Sequence[OrderHead]) -> list[GroupKpis]:
    """KPIs of each product: its orders added up."""
    found = order_elements(conn, calendar, [order.order_id for order in orders])
    groups: dict[str, list[Elements]] = defaultdict(list)
    for order in orders:
        groups[order.item].append(found[order.order_id])
    return _groups(groups)


def list_team_kpis(
    conn: Connection, calendar: Calendar, scopes: Sequence[str], from_day: date, to_day: date
) -> list[GroupKpis]:
    """KPIs of the teams that were on scopes' shifts."""
    rows = load_shifts(conn, scopes, from_day, to_day)
    keys = {(row.scope, row.shift_day, row.shift) for row in rows}
    teams = {key: teams_on(calendar.plant, *key) for key in keys}
    return _groups({team: [elements] for team, elements in by_team(rows, teams).items()})


def list_group_kpis(
    conn: Connection, scopes: Sequence[str], group: Mapping[str, str], from_day: date, to_day: date
) -> list[GroupKpis]:
    """KPIs of scopes added up by the group each is in; a scope without one is its own."""
    groups: dict[str, list[Elements]] = defaultdict(list)
    for row in load_shifts(conn, scopes, from_day, to_day):
        groups[group.get(row.scope) or row.scope].append(row.elements)
    return _groups(groups)


def _groups(groups: Mapping[str, Sequence[Elements]]) -> list[GroupKpis]:
    added = {code: total(parts) for code, parts in sorted(groups.items())}
    return [GroupKpis(code, elements, ratios(elements)) for code, elements in added.items()]
