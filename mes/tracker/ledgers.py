"""The time ledger of posts and lines, booked to the last whole minute their rows reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mes.domain.calendar import Stretch, floor_minute
from mes.domain.material.consumption import Recipe, piece_us
from mes.domain.plant import Plant
from mes.domain.tracking.elements import Made, reckon
from mes.domain.tracking.felt import Standstill, felt
from mes.domain.tracking.fold import Span
from mes.domain.tracking.stops import Stop
from mes.store.pool import Connection
from mes.store.recipes import load_recipes
from mes.store.tracking import counts
from mes.store.tracking import ledger as store
from mes.store.tracking.counts import JobFacts, ShiftKey, Sum
from mes.store.tracking.ledger import LedgerRow
from mes.store.tracking.raw import load_frontiers
from mes.store.tracking.spans import load_spans_over, load_standstills
from mes.tracker.difference import Difference, difference
from mes.tracker.plants import Plants
from mes.tracker.refold import Refolded
from mes.tracker.shifts import local_day, station_lines, stretches_of


@dataclass(frozen=True, slots=True)
class _Due:
    """A ledger row to be worked out: whose (`scope`: post or line), from which post's time, up to when."""

    key: ShiftKey
    line: str
    post: str
    until: int
    calendar: tuple[Stretch, ...]

    @property
    def is_line(self) -> bool:
        return self.key.station == self.line

    @property
    def end(self) -> int:
        return min(self.until, self.calendar[-1].to_us)


def book_ledger(
    conn: Connection, plants: Plants, refolded: Refolded, stops: Difference[Stop], *, write: bool = True
) -> Difference[LedgerRow]:
    """Book the shifts in which times, counts or standstills changed, or another minute is complete."""
    due = [one for one in _due(conn, plants, refolded, stops) if one.calendar[0].from_us < one.until]
    if not due:
        return Difference()
    spans = load_spans_over(conn, _ranges(due, lambda one: one.post))
    standstills = load_standstills(conn, _ranges((one for one in due if one.is_line), lambda one: one.line))
    counted = _counted(conn, plants, due)
    recipes = load_recipes(conn, {facts.order_id for facts in counted.jobs.values() if facts.order_id})
    made = [_made_of(plants, one, counted.sums.get(no, ()), counted, recipes) for no, one in enumerate(due)]
    rows = [
        row
        for one, own in zip(due, made, strict=True)
        if (row := _row(plants, one, spans[one.post], standstills.get(one.key.station, ()), own))
    ]
    stored = store.load_ledger(conn, [one.key for one in due])
    found = difference(stored, rows, key=lambda row: row[:3])
    if write:
        store.save_ledger(conn, found.gone, found.put)
    return found


def _due(conn: Connection, plants: Plants, refolded: Refolded, stops: Difference[Stop]) -> list[_Due]:
    shifts: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for code, reached in refolded.reached.items():
        rules = plants.latest_rules(code)
        if rules is None:
            continue
        for start, end in _changed(refolded, code, rules.station, reached):
            for key in _shifts_within(plants, rules.line, start, end):
                for scope in (code, rules.line):
                    shifts.setdefault((scope, rules.line), set()).add(key)
    for stop, end in _standstills(stops, max(refolded.reached.values(), default=0)):
        known = shifts.setdefault((stop.line, stop.line), set())
        known.update(_shifts_within(plants, stop.line, stop.from_at, end))
    posts = {scope: _post_of(plants, scope, line) for scope, line in shifts}
    through = {**load_frontiers(conn, sorted(set(posts.values()))), **refolded.reached}
    return [
        _Due(key, line, posts[scope], floor_minute(through[posts[scope]]), calendar)
        for (scope, line), keys in shifts.items()
        if posts[scope] in through
        for key in (ShiftKey(scope, day, shift) for day, shift in sorted(keys))
        if (calendar := tuple(stretches_of(plants, line, key)))
    ]


def _shifts_within(plants: Plants, line: str, start: int, end: int) -> Iterable[tuple[str, str]]:
    for stretch in plants.calendar(line, start, end + 1):
        yield stretch.shift_day or local_day(plants, max(stretch.from_us, start)).isoformat(), stretch.shift


def _standstills(stops: Difference[Stop], reached: int) -> Iterable[tuple[Stop, int]]:
    """Standstills of lines that changed, as they are and were, each with its end (`reached` while it lasts)."""
    for stop in filter(None, [*stops.rows, *stops.was]):
        if stop.scope == stop.line:
            yield stop, max(stop.from_at, reached) if stop.to_at is None else stop.to_at


def _changed(refolded: Refolded, code: str, station: str, reached: int) -> Iterable[tuple[int, int]]:
    """Where the ledger of a post is no longer right: changed spans and minutes, and minutes that became complete."""
    if code in refolded.spans:
        yield refolded.spans[code]
    minutes = refolded.minutes.get(station, ())
    yield from ((minute, minute) for minute in minutes)
    before = refolded.before[code]
    if floor_minute(before) != floor_minute(reached):
        yield floor_minute(before), floor_minute(reached) - 1


def _post_of(plants: Plants, scope: str, line: str) -> str:
    """The post whose time a scope's is: its own, or for a line that of the post its output is counted at."""
    if scope != line:
        return scope
    plant = plants.reigns[-1].plant
    stands = plant.lines.get(line)
    station = plant.stations.get(stands.counts_at) if stands else None
    return (station.machine or station.code) if station else scope


def _ranges(due: Iterable[_Due], code: Callable[[_Due], str]) -> dict[str, tuple[int, int]]:
    """From..to that ledger rows need by `code`, with what touches their beginning: a fault may go on from there."""
    ranges: dict[str, tuple[int, int]] = {}
    for one in due:
        start, end = one.calendar[0].from_us - 1, one.end
        known = ranges.get(code(one), (start, end))
        ranges[code(one)] = (min(known[0], start), max(known[1], end))
    return ranges


@dataclass(frozen=True, slots=True)
class _Counted:
    """What was counted in each ledger row's time (by its number), and the jobs it was counted for."""

    sums: dict[int, list[Sum]]
    jobs: dict[int, JobFacts]


def _counted(conn: Connection, plants: Plants, due: Iterable[_Due]) -> _Counted:
    lines = station_lines(plants)
    questions = [
        (no, station, stretch.from_us, min(stretch.to_us, one.until))
        for no, one in enumerate(due)
        for station in _stations(plants, one, lines)
        for stretch in one.calendar
        if stretch.from_us < one.until
    ]
    sums: dict[int, list[Sum]] = {}
    for found in counts.sum_minutes(conn, questions):
        sums.setdefault(found.no, []).append(found)
    return _Counted(sums, counts.load_jobs(conn, {one.job for found in sums.values() for one in found}))


def _stations(plants: Plants, due: _Due, lines: Mapping[str, str]) -> list[str]:
    if due.is_line:
        return [station for station, line in lines.items() if line == due.line]
    rules = plants.latest_rules(due.post)
    return [rules.station] if rules and rules.station else []


def _row(
    plants: Plants, due: _Due, spans: Sequence[Span], standstills: Sequence[Standstill], made: Sequence[Made]
) -> LedgerRow | None:
    """The row of a shift; None outside shifts while nothing was done there."""
    line = _plant(plants, due).lines.get(due.line)
    again: frozenset[int] = frozenset()
    if line and due.is_line:
        spans, again = felt(spans, standstills, line.micro_stop_s * 1_000_000, due.until)
    found = reckon(due.calendar, spans, made, due.until, again=again)
    e = found.elements
    if not due.key.shift and not (e.apt_us or e.aust_us or e.good or e.reject):
        return None
    return LedgerRow(
        *due.key, due.line, e.calendar_us, e.planned_stop_us, e.apt_us, e.aust_us, e.adet_us, e.adot_us, e.no_data_us,
        e.ideal_us, e.good, e.reject, e.rework, e.scrap, e.order_us, e.failures, e.failure_us, e.unpaced,
        {"states": found.times.states},
    )  # fmt: skip


def _plant(plants: Plants, due: _Due) -> Plant:
    """The plant as it was when the shift began."""
    return plants.plant_at(due.calendar[0].from_us) or plants.reigns[0].plant


def _made_of(
    plants: Plants, due: _Due, sums: Iterable[Sum], counted: _Counted, recipes: Mapping[int, Recipe]
) -> list[Made]:
    plant = _plant(plants, due)
    line = plant.lines.get(due.line)
    return [
        Made(
            phase=one.phase, good=one.good, reject=one.reject, rework=one.rework, scrap=one.scrap,
            leaves=not due.is_line or (line is not None and one.station == line.counts_at),
            piece_us=_piece_us(plant, due, counted.jobs.get(one.job, counts.NOBODY), recipes),
        )
        for one in sums
    ]  # fmt: skip


def _piece_us(plant: Plant, due: _Due, job: JobFacts, recipes: Mapping[int, Recipe]) -> int | None:
    """Planned time of a piece, as `piece_us`, of a job that may be nobody's."""
    machine = "" if due.is_line else due.post
    return piece_us(plant, due.line, job.operation_seq, recipes.get(job.order_id), machine=machine)
