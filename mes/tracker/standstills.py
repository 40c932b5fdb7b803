"""Stops of machines and lines, booked from spans and from what people said of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mes.domain.calendar import FOREVER
from mes.domain.plant import Line, Plant
from mes.domain.tracking.jobs import Entry
from mes.domain.tracking.line import BUBBLE_US, Row
from mes.domain.tracking.stops import Part, Run, Stop, lost, parts, runs
from mes.store.pool import Connection
from mes.store.tracking.raw import load_entries
from mes.store.tracking.spans import last_running, load_spans_over, load_stops, save_stops
from mes.tracker.difference import Difference, difference
from mes.tracker.plants import Plants

EVER = 0
"""Before everything: a post that never ran is looked at from its beginning."""


def book_stops(conn: Connection, plants: Plants, changed: Mapping[str, int], *, write: bool = True) -> Difference[Stop]:
    """Book the stops of lines in which spans changed, or something was said of them, since an instant (µs)."""
    found: Difference[Stop] = Difference()
    for line, since in changed.items():
        at_line = _AtLine.of(plants, line)
        if at_line:
            one = _line_difference(conn, plants, at_line, since)
            found.gone += one.gone
            found.put += one.put
            found.was += one.was
    if write:
        save_stops(conn, [(stop.scope, stop.from_at) for stop in found.gone], found.put)
    return found


@dataclass(frozen=True, slots=True)
class _AtLine:
    """A line as its present plant version has it: its posts in the order pieces pass them, and its output's post."""

    plant: Plant
    line: Line
    posts: tuple[str, ...]
    output: str
    reason_of_code: Mapping[str, str]

    @classmethod
    def of(cls, plants: Plants, line: str) -> _AtLine | None:
        plant = plants.reigns[-1].plant
        stands = plant.lines.get(line)
        if stands is None:
            return None
        position = {machine.code: machine.position for machine in plant.machine}
        position |= {station.code: station.position for station in plant.station if not station.machine}
        own = [code for code, rules in plants.posts_at(plants.reigns[-1].from_us).items() if rules.line == line]
        station = plant.stations.get(stands.counts_at)
        return cls(
            plant,
            stands,
            tuple(sorted(own, key=lambda code: (position.get(code, 0), code))),
            (station.machine or station.code) if station else "",
            {code: reason.code for reason in plant.reason for code in reason.stop_codes},
        )

    def means(self, entry: Entry, post: str) -> bool:
        """Whether an entry about a machine, a station or the whole line is about a post."""
        if entry.machine or not entry.station:
            return entry.machine in {"", post}
        station = self.plant.stations.get(entry.station)
        return station is not None and post in {station.machine, station.code}


def _line_difference(conn: Connection, plants: Plants, at_line: _AtLine, since: int) -> Difference[Stop]:
    # The span before the first changed one may be the beginning of a stop whose end changed.
    begun = last_running(conn, dict.fromkeys(at_line.posts, since))
    rewrite = {post: begun.get(post, EVER) for post in at_line.posts}
    first = max(min(rewrite.values(), default=since) - BUBBLE_US, EVER)
    start = min(last_running(conn, dict.fromkeys(at_line.posts, first)).values(), default=first)
    spans = load_spans_over(conn, dict.fromkeys(at_line.posts, (min(start, first), FOREVER)))
    stands = {post: runs(spans[post]) for post in at_line.posts}
    said = load_entries(conn, [at_line.line.code], ("reason",), min(start, first), FOREVER)
    stops = _stops(plants, at_line, stands, said)
    rewrite[at_line.line.code] = rewrite.get(at_line.output, since)
    stored = load_stops(conn, {scope: (at, FOREVER) for scope, at in rewrite.items()})
    should = [stop for stop in stops if stop.from_at >= rewrite[stop.scope]]
    return difference(stored, should, key=lambda stop: (stop.scope, stop.from_at))


def _stops(plants: Plants, at_line: _AtLine, stands: Mapping[str, list[Run]], said: Iterable[Entry]) -> list[Stop]:
    row = Row(at_line.posts, stands)
    named: dict[str, list[tuple[Run, Part]]] = {}
    for post in at_line.posts:
        own = [entry for entry in said if at_line.means(entry, post)]
        named[post] = [(run, part) for run in stands[post] for part in parts(run, own, at_line.reason_of_code)]
    stops = [
        _stop(plants, at_line, post, run, part, row.cause(post, run), row.root(post, run))
        for post in at_line.posts
        for run, part in named[post]
    ]
    for run in stands.get(at_line.output, ()):
        root = row.root(at_line.output, run)
        reason = _reason_at(named[root], run.from_at)
        part = (
            Part(run.from_at, run.to_at, reason.reason, reason.by) if reason else Part(run.from_at, run.to_at, "", "")
        )
        stops.append(_stop(plants, at_line, "", run, part, row.cause(at_line.output, run), root))
    return stops


def _reason_at(named: Iterable[tuple[Run, Part]], at: int) -> Part | None:
    """The part of the root's stop that lasts at an instant, else the last one before it."""
    begun = [part for _, part in named if part.from_at <= at]
    return begun[-1] if begun else None


def _stop(  # noqa: PLR0917  two strings more than a row has
    plants: Plants, at_line: _AtLine, post: str, run: Run, part: Part, cause: str, root: str
) -> Stop:
    line = at_line.line
    is_short = run.to_at is not None and run.to_at - run.from_at <= line.micro_stop_s * 1_000_000
    loss_us = None
    if part.to_at is not None:
        loss_us = lost(plants.calendar(line.code, part.from_at, part.to_at), part.from_at, part.to_at)
    return Stop(
        scope=post or line.code,
        from_at=part.from_at,
        to_at=part.to_at,
        line=line.code,
        machine=post,
        root_machine=root,
        state=run.state,
        cause=cause,
        stop_code=run.stop_code,
        reason=part.reason,
        reason_by=part.by,
        micro=is_short and run.state not in {"setup", "offline"},
        loss_us=loss_us,
        job=run.job,
        shift_day=run.shift_day,
        shift=run.shift,
    )
