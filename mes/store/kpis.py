"""Elements for KPIs, read: shift by shift from the ledger, or worked out for any window, order, product or team.

    load_shifts(conn, scopes, from_day, to_day)              ledger rows, one a scope and shift
    window_elements(conn, calendar, scope, windows)          hours, days, any from..to; never later than booked
    order_elements(conn, calendar, order_ids)                what each order took of the lines it ran on

A scope is a machine's code, that of a station where people count, or a line's. Areas and the site are sums over their
lines, a product over its orders, a team over the shifts it was on (`mes.domain.calendar.teams_on`). Reads only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from mes.domain.calendar import FOREVER, Calendar, Reign, Stretch, micros, stretches
from mes.domain.kpi import Elements, total
from mes.domain.material.consumption import Recipe, piece_us
from mes.domain.plant import Plant
from mes.domain.tracking.elements import Made, reckon
from mes.domain.tracking.felt import felt
from mes.domain.tracking.fold import Span
from mes.domain.tracking.jobs import YIELD_PHASES
from mes.domain.tracking.ledger import element, failures
from mes.store.pool import Connection
from mes.store.recipes import load_recipes
from mes.store.tracking.spans import load_spans_over, load_standstills

US = 1_000_000


class ShiftElements(NamedTuple):
    """A scope's shift: the row of the ledger that a figure's *why* leads to."""

    scope: str
    shift_day: date
    shift: str
    elements: Elements


def load_shifts(conn: Connection, scopes: Sequence[str], from_day: date, to_day: date) -> list[ShiftElements]:
    """The ledger of scopes, shift-days `from_day` to `to_day` included, in order."""
    rows = conn.execute(
        """
        select machine, shift_day, shift, calendar_us, planned_stop_us, apt_us, aust_us, adet_us, adot_us, no_data_us,
               ideal_us, good, reject, rework, scrap, order_us, failures, failure_us, unpaced
        from time_ledger
        where machine = any(%(scopes)s) and shift_day between %(from_day)s and %(to_day)s
        order by machine, shift_day, shift
        """,
        {"scopes": list(scopes), "from_day": from_day, "to_day": to_day},
    ).fetchall()
    return [ShiftElements(scope, day, shift, Elements(*figures)) for scope, day, shift, *figures in rows]


def by_team(rows: Iterable[ShiftElements], teams: Mapping[tuple[str, date, str], Sequence[str]]) -> dict[str, Elements]:
    """Shifts added up by the teams that were on; `teams` by (line, shift-day, shift). Two teams on both get it."""
    found: dict[str, list[Elements]] = defaultdict(list)
    for row in rows:
        for team in teams.get((row.scope, row.shift_day, row.shift), ()):
            found[team].append(row.elements)
    return {team: total(elements) for team, elements in found.items()}


# --- any window


@dataclass(frozen=True, slots=True)
class _Scope:
    """Whose elements: the post whose time it is, and the stations whose pieces."""

    line: str
    post: str
    stations: tuple[str, ...]
    counts_at: str
    is_line: bool


def _scope(plant: Plant, code: str) -> _Scope:
    """Raises KeyError for a code that is neither a line nor a machine nor a station."""
    line = plant.lines.get(code)
    if line is not None:
        station = plant.stations[line.counts_at]
        own = tuple(one.code for one in plant.stations_of(code))
        return _Scope(code, station.machine or station.code, own, line.counts_at, is_line=True)
    machine = plant.machines.get(code)
    at = next((one for one in plant.stations.values() if (one.machine or one.code) == code), None)
    if machine is None and at is None:
        raise KeyError(code)
    of = machine.line if machine else at.line if at else ""
    return _Scope(of, code, (at.code,) if at else (), at.code if at else "", is_line=False)


Window = tuple[datetime, datetime]


def window_elements(conn: Connection, calendar: Calendar, scope: str, windows: Sequence[Window]) -> list[Elements]:
    """The elements of a scope in each window (whole minutes), as far as it is booked. `calendar`: of the plant now.

    Raises KeyError for a scope that is not in the plant.
    """
    whose = _scope(calendar.plant, scope)
    bounds = [(micros(start), micros(end)) for start, end in windows]
    through = _through_of(conn, whose.post)
    spans, again = _time(conn, calendar.plant, whose, bounds, through)
    made = _made(conn, calendar.plant, whose, [(start, min(end, through)) for start, end in bounds])
    ruling = [Reign(0, FOREVER, calendar)]
    return [
        reckon(stretches(ruling, whose.line, start, end), spans, made[no], min(through, end), again=again).elements
        if through > start
        else Elements()
        for no, (start, end) in enumerate(bounds)
    ]


def booked_through(conn: Connection, plant: Plant, scope: str) -> int:
    """How far a scope is booked, in whole minutes (µs); 0: not at all. Raises KeyError for one that is not there."""
    return _through_of(conn, _scope(plant, scope).post)


def _through_of(conn: Connection, post: str) -> int:
    row = conn.execute(
        "select micros(date_trunc('minute', through_at)) from frontier where station = %(post)s", {"post": post}
    ).fetchone()
    return int(row[0]) if row else 0


def _time(
    conn: Connection, plant: Plant, whose: _Scope, bounds: Sequence[tuple[int, int]], through: int
) -> tuple[list[Span], frozenset[int]]:
    """The spans of a scope around windows, a line's as it feels them, and where no new failure began.

    So far around that a micro stop is seen whole however a window cuts it, and a fault from its beginning.
    """
    micro_us = plant.lines[whose.line].micro_stop_s * US if whose.is_line else 0
    first, last = min(start for start, _ in bounds) - micro_us - 1, max(end for _, end in bounds) + micro_us + 1
    spans = load_spans_over(conn, {whose.post: (first, last)})[whose.post]
    if not whose.is_line:
        return spans, frozenset()
    standstills = load_standstills(conn, {whose.line: (first, last)})[whose.line]
    return felt(spans, standstills, micro_us, through)


def _made(conn: Connection, plant: Plant, whose: _Scope, windows: Sequence[tuple[int, int]]) -> list[list[Made]]:
    """What was counted in each window."""
    rows = conn.execute(
        """
        select w.no, c.station, c.order_id, c.operation_seq, c.phase, sum(c.good)::int8, sum(c.reject)::int8,
               sum(c.rework)::int8, sum(c.scrap)::int8
        from unnest(%(froms)s::int8[], %(tos)s::int8[]) with ordinality as w (from_us, to_us, no)
        join minute_count c on c.station = any(%(stations)s)
                           and c.minute >= instant(w.from_us) and c.minute < instant(w.to_us)
        group by w.no, c.station, c.order_id, c.operation_seq, c.phase
        """,
        {
            "froms": [start for start, _ in windows],
            "tos": [end for _, end in windows],
            "stations": list(whose.stations),
        },
    ).fetchall()
    recipes = load_recipes(conn, {row[2] for row in rows} - {0})
    found: list[list[Made]] = [[] for _ in windows]
    for no, station, order_id, seq, phase, good, reject, rework, scrap in rows:
        machine = "" if whose.is_line else whose.post
        pace = piece_us(plant, whose.line, seq, recipes.get(order_id), machine=machine)
        leaves = station == whose.counts_at
        found[no - 1].append(Made(phase, good, reject, rework, scrap, leaves=leaves, piece_us=pace))
    return found


# --- orders


def order_elements(conn: Connection, calendar: Calendar, order_ids: Sequence[int]) -> dict[int, Elements]:
    """What orders took of the lines they ran on: the time their jobs were on where it counts, and their pieces."""
    plant = calendar.plant
    found: dict[int, Elements] = defaultdict(Elements)
    spans, through = _order_spans(conn, plant, order_ids)
    reach = {line: (own[0].from_at, through[line]) for (_, line), own in spans.items()}
    for (_, line), own in spans.items():
        reach[line] = (min(reach[line][0], own[0].from_at), reach[line][1])
    standstills = load_standstills(conn, reach)
    for (order_id, line), own in spans.items():
        told, again = felt(own, standstills[line], plant.lines[line].micro_stop_s * US, through[line])
        found[order_id] += Elements(failures=failures(told, 0, FOREVER, again))
        for span in told:
            found[order_id] += _of_span(calendar, line, span, through[line])
    pieces = _order_pieces(conn, plant, order_ids)
    return {order_id: found[order_id] + pieces.get(order_id, Elements()) for order_id in order_ids}


def _order_spans(
    conn: Connection, plant: Plant, order_ids: Sequence[int]
) -> tuple[dict[tuple[int, str], list[Span]], dict[str, int]]:
    """The spans of orders where lines count, in order, by order and line; and how far each line is booked."""
    posts = {(s := plant.stations[line.counts_at]).machine or s.code: line.code for line in plant.line}
    spans: dict[tuple[int, str], list[Span]] = defaultdict(list)
    through: dict[str, int] = {}
    for order_id, post, reached, *span in conn.execute(
        """
        select s.order_id, s.machine, micros(f.through_at), micros(s.from_at), micros(s.to_at), s.state, s.cause,
               s.stop_code, s.job_id, s.phase, coalesce(s.shift_day::text, ''), s.shift
        from state_span s join frontier f on f.station = s.machine
        where s.order_id = any(%(ids)s) and s.machine = any(%(posts)s) order by s.from_at
        """,
        {"ids": list(order_ids), "posts": list(posts)},
    ).fetchall():
        spans[order_id, posts[post]].append(Span(*span))
        through[posts[post]] = reached
    return spans, through


def _of_span(calendar: Calendar, line: str, span: Span, through: int) -> Elements:
    found = Elements()
    for part in stretches([Reign(0, FOREVER, calendar)], line, span.from_at, span.to_at or through):
        found += _of_part(part, element(span.state, span.job, span.phase, part.open), span.state)
    return found


def _of_part(part: Stretch, name: str, state: str) -> Elements:
    us = part.to_us - part.from_us
    is_failure = name == "adot" and state == "fault"
    named = {f"{name}_us": us, "order_us": us if name != "planned_stop" else 0, "failure_us": us if is_failure else 0}
    return Elements(calendar_us=us, **named)


def _order_pieces(conn: Connection, plant: Plant, order_ids: Sequence[int]) -> dict[int, Elements]:
    recipes: dict[int, Recipe] = load_recipes(conn, order_ids)
    found: dict[int, Elements] = defaultdict(Elements)
    for order_id, line, seq, good, reject, rework, scrap in conn.execute(
        """
        select order_id, line, operation_seq,
               coalesce(sum(good) filter (where leaves and phase = any(%(phases)s)), 0)::int8,
               coalesce(sum(reject) filter (where phase = any(%(phases)s)), 0)::int8,
               (coalesce(sum(good) filter (where leaves and phase = 'rework'), 0) + sum(rework))::int8, sum(scrap)::int8
        from shift_count where order_id = any(%(ids)s) group by order_id, line, operation_seq
        """,
        {"ids": list(order_ids), "phases": list(YIELD_PHASES)},
    ).fetchall():
        pace = piece_us(plant, line, seq, recipes.get(order_id))
        found[order_id] += Elements(
            good=good,
            reject=reject,
            rework=rework,
            scrap=scrap,
            ideal_us=(good + reject) * (pace or 0),
            unpaced=0 if pace is not None else good + reject,
        )
    return found


# --- stops


class Loss(NamedTuple):
    """Stops that had one reason: how many, the working time they cost, and how many of them were micro stops.

    `reason` empty: nobody said why, and no device did; `state` is then all that is known: of a line, the root's.
    """

    reason: str
    state: str
    stops: int
    micro: int
    loss_us: int


def stop_pareto(conn: Connection, scopes: Sequence[str], from_at: datetime, to_at: datetime) -> list[Loss]:
    """What stops that began in a stretch cost machines or lines, by reason, dearest first; open ones are left out."""
    rows = conn.execute(
        """
        select reason, case when reason = '' then coalesce(nullif(root_state, ''), state) else '' end, count(*)::int,
               (count(*) filter (where micro))::int, sum(loss_us)::int8
        from stop
        where scope = any(%(scopes)s) and from_at >= %(from_at)s and from_at < %(to_at)s and loss_us > 0
        group by 1, 2 order by 5 desc, 1, 2
        """,
        {"scopes": list(scopes), "from_at": from_at, "to_at": to_at},
    ).fetchall()
    return [Loss(*row) for row in rows]
