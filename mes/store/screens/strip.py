"""The band of a line's or machine's last hours, and what it says now.

A state becomes a status by the calendar: what does not run outside working hours stands as planned. Keys of a strip
are the seconds at which spans began, so that a passing minute changes nothing but the end, which the screen draws.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg.rows import class_row

from mes.domain.calendar import Calendar, Interval
from mes.domain.plant import Plant
from mes.domain.tracking.status import status
from mes.store.paces import load_rates
from mes.store.pool import Connection

HOURS = 8
MARGIN = timedelta(minutes=30)
"""A strip reaches back so much further, so that its oldest piece changes seldom."""
PLANNED = "planned_stop"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SpanRow:
    """A stretch of one state of a post; `to_at` None while it lasts."""

    machine: str
    from_at: datetime
    to_at: datetime | None
    state: str


@dataclass(frozen=True, slots=True)
class CausedStop:
    """A line stood still for what a machine of it did (`root_state`)."""

    scope: str
    from_at: datetime
    to_at: datetime | None
    root_state: str


Piece = tuple[datetime, str]


@dataclass(frozen=True)
class Strips:
    """Pieces (from, status) of each post, in order; the last one lasts."""

    pieces: dict[str, list[Piece]]

    def of(self, post: str) -> dict[str, str]:
        """A post's strip as screens draw it."""
        return {str(int(at.timestamp())): status for at, status in self.pieces.get(post, ())}

    def now(self, post: str) -> tuple[str, datetime]:
        """What a post does, and since when. A post nothing was ever heard of is offline."""
        pieces = self.pieces.get(post)
        return (pieces[-1][1] or "offline", pieces[-1][0]) if pieces else ("offline", NEVER)


def load_strips(conn: Connection, calendar: Calendar, at: datetime, posts: dict[str, str]) -> Strips:
    """The strips of posts (post -> line) up to an instant."""
    start = (at - timedelta(hours=HOURS) - MARGIN).replace(minute=0, second=0, microsecond=0)
    rows: dict[str, list[SpanRow]] = defaultdict(list)
    with conn.cursor(row_factory=class_row(SpanRow)) as cur:
        cur.execute(
            """
            select s.machine, s.from_at, s.to_at, s.state from unnest(%(posts)s::text[]) as p (post)
            cross join lateral (
                select coalesce(max(from_at), '-infinity') as from_at from state_span
                where machine = p.post and from_at <= %(start)s
            ) first
            join state_span s on s.machine = p.post and s.from_at >= first.from_at
            where s.from_at <= %(at)s order by s.machine, s.from_at
            """,
            {"posts": list(posts), "start": start, "at": at},
        )
        for row in cur:
            rows[row.machine].append(row)
    opened = {line: calendar.open_intervals(line, start, at) for line in set(posts.values())}
    return Strips({post: pieces(rows[post], opened[line], start, at) for post, line in posts.items()})


def pieces(spans: Sequence[SpanRow], opened: Sequence[Interval], start: datetime, at: datetime) -> list[Piece]:
    """Statuses from `start` to `at`: states, cut at the calendar's edges where the post does not run."""
    found: list[Piece] = []
    for span in spans:
        end = min(at, span.to_at) if span.to_at else at
        if span.state in ("running", "slow", "offline"):
            found.append((span.from_at, span.state))
        else:
            found += _by_calendar(span, max(span.from_at, start), end, opened)
        if span.to_at and span.to_at <= at:
            found.append((span.to_at, ""))
    return _joined(found)


def as_caused(strip: dict[str, str], stops: Sequence[CausedStop]) -> dict[str, str]:
    """A line's strip with each standstill as what it came from: the machine that broke, not the one that waited."""
    return {key: _caused(int(key), status, stops) for key, status in strip.items()}


def _caused(second: int, status: str, stops: Sequence[CausedStop]) -> str:
    if status in ("running", "slow", PLANNED, ""):
        return status
    for stop in stops:
        # Keys are whole seconds, rounded down.
        if int(stop.from_at.timestamp()) <= second and (stop.to_at is None or second < stop.to_at.timestamp()):
            return stop.root_state
    return status


def load_caused(conn: Connection, lines: Sequence[str], at: datetime) -> dict[str, list[CausedStop]]:
    """Standstills of lines, within a strip's hours, that came from something else than what the line's output did."""
    found: dict[str, list[CausedStop]] = defaultdict(list)
    with conn.cursor(row_factory=class_row(CausedStop)) as cur:
        cur.execute(
            """
            select scope, from_at, to_at, root_state from stop
            where scope = any(%(lines)s) and from_at < %(at)s and coalesce(to_at, 'infinity') > %(start)s
              and root_state not in ('', state)
            order by scope, from_at
            """,
            {"lines": list(lines), "at": at, "start": at - timedelta(hours=HOURS) - MARGIN},
        )
        for row in cur:
            found[row.scope].append(row)
    return found


def load_slow(conn: Connection, plant: Plant, at: datetime, stations: Sequence[str]) -> dict[str, float]:
    """Stations that run clearly below their rated pace, and at what share of it. Hourly entry is too coarse to tell."""
    counting = [code for code in stations if plant.stations[code].counts_by != "entry"]
    rates = load_rates(conn, plant, at, counting)
    slow = {code: rate.share for code, rate in rates.items() if status("running", is_open=True, rate=rate) == "slow"}
    return {code: round(share, 2) for code, share in slow.items() if share is not None}


def _by_calendar(span: SpanRow, start: datetime, end: datetime, opened: Sequence[Interval]) -> list[Piece]:
    edges = sorted({at for pair in opened for at in pair if start < at < end})
    # A span older than the window keeps its own beginning as key, so that the window may move without a change.
    first = span.from_at if not edges or span.from_at >= start else start
    marks = [start, *edges]
    return [(first if mark == start else mark, span.state if _is_open(mark, opened) else PLANNED) for mark in marks]


def _is_open(at: datetime, opened: Sequence[Interval]) -> bool:
    return any(a <= at < b for a, b in opened)


def _joined(found: list[Piece]) -> list[Piece]:
    """Without pieces of no length and without saying the same twice."""
    joined: list[Piece] = []
    for piece in found:
        if joined and joined[-1][0] >= piece[0]:
            joined.pop()
        if not joined or joined[-1][1] != piece[1]:
            joined.append(piece)
    return joined
