"""Stops of machines and lines, booked from spans and from what people said of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mes.domain.calendar import FOREVER
from mes.domain.plant import Line, Plant
from mes.domain.tracking.fold import Span
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
    """First the stops of the line's machines, then those of its output, which take their reasons from their roots."""
    code = at_line.line.code
    rewrite = dict.fromkeys(at_line.posts, EVER) | last_running(conn, dict.fromkeys(at_line.posts, since))
    near = dict.fromkeys(at_line.posts, EVER)
    near |= last_running(conn, dict.fromkeys(at_line.posts, max(since - BUBBLE_US, EVER)))
    spans = load_spans_over(conn, {post: (at, FOREVER) for post, at in near.items()})
    desk = _Desk(plants, at_line, since, spans)
    desk.said = load_entries(conn, [code], ("reason",), min(rewrite.values(), default=since), FOREVER)
    stored = load_stops(conn, {post: (at, FOREVER) for post, at in rewrite.items()})
    found = difference(stored, desk.machine_stops(rewrite, stored), key=_key)

    first = min([since, *(stop.from_at for stop in found.rows)])
    output_from = last_running(conn, {at_line.output: min(first, since)}).get(at_line.output, EVER)
    output = runs(load_spans_over(conn, {at_line.output: (output_from, FOREVER)})[at_line.output])
    reasons = load_stops(conn, dict.fromkeys(at_line.posts, (max(output_from - BUBBLE_US, EVER), FOREVER)))
    standing = load_stops(conn, {code: (output_from, FOREVER)})
    should = desk.line_stops(output, _overlaid(reasons, found), standing)
    since_root = min((begun for _, begun in should), default=output_from)
    earlier = load_stops(conn, {code: (since_root, output_from)}) if since_root < output_from else []
    of_line = difference(standing, _told_once(earlier, should), key=_key)
    return Difference(found.gone + of_line.gone, found.put + of_line.put, found.was + of_line.was)


def _key(stop: Stop) -> tuple[str, int]:
    return stop.scope, stop.from_at


def _overlaid(stored: Iterable[Stop], found: Difference[Stop]) -> list[Stop]:
    """Stored stops as they will stand once a difference is written, in order."""
    gone = {_key(stop) for stop in found.gone}
    standing = {_key(stop): stop for stop in stored if _key(stop) not in gone}
    return sorted((standing | {_key(stop): stop for stop in found.put}).values(), key=_key)


class _Desk:
    """Works out the stops of one line. Whom a standstill waited for was settled when its state began: what came to it
    before `since` keeps the cause and root it was booked with."""

    def __init__(self, plants: Plants, at_line: _AtLine, since: int, spans: Mapping[str, Sequence[Span]]) -> None:
        self.plants, self.at_line, self.since = plants, at_line, since
        self.stands = {post: runs(spans[post]) for post in at_line.posts}
        self.row = Row(at_line.posts, spans)
        self.said: Sequence[Entry] = ()

    def machine_stops(self, rewrite: Mapping[str, int], stored: Iterable[Stop]) -> list[Stop]:
        """The stops of machines that begin where they are rewritten."""
        known = {_key(stop): stop for stop in stored}
        found: list[Stop] = []
        for post in self.at_line.posts:
            own = [entry for entry in self.said if self.at_line.means(entry, post)]
            for run in self.stands[post]:
                if run.from_at >= rewrite[post]:
                    cause, root = self._cause(post, run, known.get((post, run.from_at)))
                    cut = parts(run, own, self.at_line.reason_of_code)
                    found += [self._stop(post, run, part, cause=cause, root=root, state=run.state) for part in cut]
        return found

    def line_stops(
        self, output: Iterable[Run], machine_stops: Sequence[Stop], stored: Iterable[Stop]
    ) -> list[tuple[Stop, int]]:
        """The stops of the line's output, each with the beginning of the stop at its root."""
        known = {_key(stop): stop for stop in stored}
        found: list[tuple[Stop, int]] = []
        for run in output:
            cause, root = self._cause(self.at_line.output, run, known.get((self.at_line.line.code, run.from_at)))
            stop = _root_stop((stop for stop in machine_stops if stop.scope == root), run)
            reason, by, state = (stop.reason, stop.reason_by, stop.state) if stop else ("", "", run.state)
            part = Part(run.from_at, run.to_at, reason, by)
            own = self._stop("", run, part, cause=cause, root=root, state=state)
            found.append((own, stop.from_at if stop else run.from_at))
        return found

    def _cause(self, post: str, run: Run, booked: Stop | None) -> tuple[str, str]:
        if booked is not None and booked.state == run.state and run.grave_at < self.since:
            return booked.cause, booked.root_machine
        cause = self.row.cause(post, run.state, run.grave_at) or run.cause
        return cause, self.row.root(post, run.state, run.grave_at)

    def _stop(self, post: str, run: Run, part: Part, *, cause: str, root: str, state: str) -> Stop:
        line = self.at_line.line
        is_short = run.to_at is not None and run.to_at - run.from_at <= line.micro_stop_s * 1_000_000
        loss_us = None
        if part.to_at is not None:
            loss_us = lost(self.plants.calendar(line.code, part.from_at, part.to_at), part.from_at, part.to_at)
        return Stop(
            scope=post or line.code,
            from_at=part.from_at,
            to_at=part.to_at,
            line=line.code,
            machine=post,
            root_machine=root,
            root_state=state,
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


def _root_stop(root_stops: Iterable[Stop], run: Run) -> Stop | None:
    """The stop of the root that a line's standstill comes from: it lasts as that begins, or was over shortly before.

    Reason and state both come from that one stop: a line that starves of a jam ahead of it stands for the jam, not for
    want of material.
    """
    at = run.from_at
    near = [s for s in root_stops if s.from_at <= at and (s.to_at is None or at - s.to_at <= BUBBLE_US)]
    return near[-1] if near else None


def _told_once(earlier: Iterable[Stop], found: Iterable[tuple[Stop, int]]) -> list[Stop]:
    """Standstills in order, marked where the stop at their root had stood the line still before.

    `earlier` are those before the first found, as booked. A micro stop is running, so it tells nothing.
    """
    told: dict[str, int] = {stop.root_machine: stop.from_at for stop in earlier if not stop.micro}
    marked: list[Stop] = []
    for stop, root_from in found:
        marked.append(replace(stop, again=root_from <= told.get(stop.root_machine, -1) < stop.from_at))
        if not stop.micro:
            told[stop.root_machine] = stop.from_at
    return marked
