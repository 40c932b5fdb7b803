"""The band of a line's or machine's last hours, and what it says now.

A state becomes a status by the calendar: what does not run outside working hours stands as planned. Keys of a strip
are the seconds at which spans began, so that a passing minute changes nothing but the end, which the screen draws.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
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
HEEDLESS = ("running", "slow", "offline")
"""States that stand outside working hours too."""
AS_IS = ("running", "slow", PLANNED, "")
"""Statuses that stand whatever a line's stop came from."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CausedStop:
    """A line stood still for what a machine of it did (`root_state`)."""

    scope: str
    from_at: datetime
    to_at: datetime | None
    root_state: str


Stretch = tuple[datetime, datetime | None, str]
"""One state of a post, from .. to; None while it lasts. Thousands are read for a screen, hence bare tuples."""
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
    stood: dict[str, list[Stretch]] = defaultdict(list)
    # What lasts as the window begins, one probe of the index a post; and what begins within it, a range of the index.
    for post, from_at, to_at, state in conn.execute(
        """
        select s.machine, s.from_at, s.to_at, s.state from unnest(%(posts)s::text[]) as p (post)
        cross join lateral (
            select machine, from_at, to_at, state from state_span
            where machine = p.post and from_at <= %(start)s order by from_at desc limit 1) s
        union all
        select machine, from_at, to_at, state from state_span
        where machine = any(%(posts)s) and from_at > %(start)s and from_at <= %(at)s
        order by machine, from_at
        """,
        {"posts": list(posts), "start": start, "at": at},
    ).fetchall():
        stood[post].append((from_at, to_at, state))
    opened = {line: calendar.open_intervals(line, start, at) for line in set(posts.values())}
    return Strips({post: pieces(stood[post], opened[line], start, at) for post, line in posts.items()})


def pieces(stood: Sequence[Stretch], opened: Sequence[Interval], start: datetime, at: datetime) -> list[Piece]:
    """Statuses from `start` to `at`: states, cut at the calendar's edges where the post does not run."""
    edges = [edge for interval in opened for edge in interval]
    found: list[Piece] = []
    ended: datetime | None = None
    for stretch in stood:
        from_at, to_at, state = stretch
        if ended is not None and ended < from_at:
            _put(found, ended, "")
        if state in HEEDLESS:
            _put(found, from_at, state)
        else:
            for since, status in _by_calendar(stretch, start, at, edges):
                _put(found, since, status)
        ended = to_at
    if ended is not None and ended <= at:
        _put(found, ended, "")
    return found


def as_caused(strip: dict[str, str], stops: Sequence[CausedStop]) -> dict[str, str]:
    """A line's strip with each standstill as what it came from: the machine that broke, not the one that waited.

    `stops` in order. Keys are whole seconds, rounded down, and so is what they are compared with.
    """
    begins = [int(stop.from_at.timestamp()) for stop in stops]
    caused = dict(strip)
    for key, shown in strip.items():
        no = bisect_right(begins, int(key)) - 1
        if no >= 0 and shown not in AS_IS and _lasts(stops[no], int(key)):
            caused[key] = stops[no].root_state
    return caused


def _lasts(stop: CausedStop, second: int) -> bool:
    return stop.to_at is None or second < int(stop.to_at.timestamp())


def load_caused(conn: Connection, lines: Sequence[str], at: datetime) -> dict[str, list[CausedStop]]:
    """Standstills of lines, within a strip's hours, that came from something else than what the line's output did."""
    found: dict[str, list[CausedStop]] = defaultdict(list)
    with conn.cursor(row_factory=class_row(CausedStop)) as cur:
        cur.execute(
            """
            select s.scope, s.from_at, s.to_at, s.root_state from unnest(%(lines)s::text[]) as w (line)
            cross join lateral (
                select scope, from_at, to_at, state, root_state from stop
                where scope = w.line and from_at <= %(start)s order by from_at desc limit 1) s
            where coalesce(s.to_at, 'infinity') > %(start)s and s.root_state not in ('', s.state)
            union all
            select scope, from_at, to_at, root_state from stop
            where scope = any(%(lines)s) and from_at > %(start)s and from_at < %(at)s
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


def _by_calendar(stretch: Stretch, start: datetime, at: datetime, edges: Sequence[datetime]) -> Iterator[Piece]:
    """The pieces of a post that does not run; `edges`: opens, closes, opens, closes ..."""
    from_at, to_at, state = stretch
    begun = max(from_at, start)
    end = min(at, to_at) if to_at else at
    first, last = bisect_right(edges, begun), bisect_left(edges, end)
    # A span older than the window keeps its own beginning as key, so that the window may move without a change.
    yield from_at if first >= last else begun, state if first % 2 else PLANNED
    for number in range(first, last):
        yield edges[number], PLANNED if number % 2 else state


def _put(found: list[Piece], since: datetime, status: str) -> None:
    """Without pieces of no length and without saying the same twice."""
    if found and found[-1][0] >= since:
        found.pop()
    if not found or found[-1][1] != status:
        found.append((since, status))
