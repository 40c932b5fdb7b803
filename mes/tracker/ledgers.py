"""The time ledger of posts and lines, booked to the last whole minute their rows reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mes.domain.calendar import Stretch, floor_minute
from mes.domain.material.consumption import Recipe, stage_of, stages
from mes.domain.plant import Plant
from mes.domain.tracking.fold import Span
from mes.domain.tracking.jobs import YIELD_PHASES
from mes.domain.tracking.ledger import ELEMENTS, failures, times
from mes.domain.tracking.stops import bridged
from mes.store.pool import Connection
from mes.store.tracking import counts, usage
from mes.store.tracking import ledger as store
from mes.store.tracking.counts import JobFacts, ShiftKey, Sum
from mes.store.tracking.ledger import LedgerRow
from mes.store.tracking.raw import load_frontiers
from mes.store.tracking.spans import load_spans_over
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


def book_ledger(conn: Connection, plants: Plants, refolded: Refolded, *, write: bool = True) -> Difference[LedgerRow]:
    """Book the shifts in which times or counts changed, or another minute is complete."""
    due = [one for one in _due(conn, plants, refolded) if one.calendar[0].from_us < one.until]
    if not due:
        return Difference()
    spans = load_spans_over(conn, _ranges(due))
    made = _made(conn, plants, due)
    recipes = usage.load_recipes(conn, {facts.order_id for facts in made.jobs.values() if facts.order_id})
    outputs = [_output(plants, one, made.sums.get(no, ()), made, recipes) for no, one in enumerate(due)]
    rows = [
        row for one, output in zip(due, outputs, strict=True) if (row := _row(plants, one, spans[one.post], output))
    ]
    stored = store.load_ledger(conn, [one.key for one in due])
    found = difference(stored, rows, key=lambda row: row[:3])
    if write:
        store.save_ledger(conn, found.gone, found.put)
    return found


def _due(conn: Connection, plants: Plants, refolded: Refolded) -> list[_Due]:
    shifts: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for code, reached in refolded.reached.items():
        rules = plants.latest_rules(code)
        if rules is None:
            continue
        for start, end in _changed(refolded, code, rules.station, reached):
            for stretch in plants.calendar(rules.line, start, end + 1):
                day = stretch.shift_day or local_day(plants, max(stretch.from_us, start)).isoformat()
                for scope in (code, rules.line):
                    shifts.setdefault((scope, rules.line), set()).add((day, stretch.shift))
    posts = {scope: _post_of(plants, scope, line) for scope, line in shifts}
    through = {**load_frontiers(conn, sorted(set(posts.values()))), **refolded.reached}
    return [
        _Due(key, line, posts[scope], floor_minute(through[posts[scope]]), calendar)
        for (scope, line), keys in shifts.items()
        if posts[scope] in through
        for key in (ShiftKey(scope, day, shift) for day, shift in sorted(keys))
        if (calendar := tuple(stretches_of(plants, line, key)))
    ]


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


def _ranges(due: Iterable[_Due]) -> dict[str, tuple[int, int]]:
    ranges: dict[str, tuple[int, int]] = {}
    for one in due:
        start, end = one.calendar[0].from_us, one.end
        known = ranges.get(one.post, (start, end))
        ranges[one.post] = (min(known[0], start), max(known[1], end))
    return ranges


@dataclass(frozen=True, slots=True)
class _Made:
    """What was counted in each ledger row's time (by its number), and the jobs it was counted for."""

    sums: dict[int, list[Sum]]
    jobs: dict[int, JobFacts]


def _made(conn: Connection, plants: Plants, due: Iterable[_Due]) -> _Made:
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
    return _Made(sums, counts.load_jobs(conn, {one.job for found in sums.values() for one in found}))


def _stations(plants: Plants, due: _Due, lines: Mapping[str, str]) -> list[str]:
    if due.is_line:
        return [station for station, line in lines.items() if line == due.line]
    rules = plants.latest_rules(due.post)
    return [rules.station] if rules and rules.station else []


def _row(plants: Plants, due: _Due, spans: list[Span], output: _Output) -> LedgerRow | None:
    """The row of a shift; None outside shifts while nothing was done there."""
    plant = plants.plant_at(due.calendar[0].from_us) or plants.reigns[0].plant
    start, end = due.calendar[0].from_us, due.end
    own = [span for span in spans if span.from_at < end and (span.to_at is None or span.to_at > start)]
    if due.is_line:
        own = bridged(own, plant.lines[due.line].micro_stop_s * 1_000_000 if due.line in plant.lines else 0, end)
    spent = times(due.calendar, own, due.until)
    busy = spent.elements["apt"] + spent.elements["aust"]
    if not due.key.shift and not (busy or output.good or output.reject):
        return None
    planned_stop, apt, aust, adet, adot, no_data = (spent.elements[name] for name in ELEMENTS)
    return LedgerRow(
        *due.key, due.line, spent.calendar, planned_stop, apt, aust, adet, adot, no_data, output.ideal_us, output.good,
        output.reject, output.rework, output.scrap, spent.order_us, failures(own, start, end),
        spent.states.get("adot", {}).get("fault", 0), output.unpaced, {"states": spent.states},
    )  # fmt: skip


@dataclass(slots=True)
class _Output:
    """Pieces of a ledger row, the time they were planned to take, and how many of them nobody gave a pace."""

    good: int = 0
    reject: int = 0
    rework: int = 0
    scrap: int = 0
    ideal_us: int = 0
    unpaced: int = 0


def _output(plants: Plants, due: _Due, sums: Iterable[Sum], made: _Made, recipes: Mapping[int, Recipe]) -> _Output:
    plant = plants.plant_at(due.calendar[0].from_us) or plants.reigns[0].plant
    stands = plant.lines.get(due.line)
    out = _Output()
    for found in sums:
        counts_good = not due.is_line or (stands is not None and found.station == stands.counts_at)
        good = found.good if counts_good else 0
        out.rework += found.rework + (good if found.phase == "rework" else 0)
        out.scrap += found.scrap
        if found.phase in YIELD_PHASES:
            out.good += good
            out.reject += found.reject
        elif found.phase != "rework":
            continue
        pace = _pace_us(plant, due, made.jobs.get(found.job, counts.NOBODY), recipes)
        if pace is None:
            out.unpaced += good + found.reject
        else:
            out.ideal_us += pace * (good + found.reject)
    return out


def _pace_us(plant: Plant, due: _Due, job: JobFacts, recipes: Mapping[int, Recipe]) -> int | None:
    """Planned time of a piece: a machine's own pace where it has one, else its job's on the line."""
    machine = plant.machines.get(due.post)
    if machine and machine.seconds_per_piece is not None and not due.is_line:
        return round(machine.seconds_per_piece * 1_000_000)
    recipe = recipes.get(job.order_id)
    stage = stage_of(stages(plant, recipe), job.operation_seq) if recipe else None
    seconds = stage.seconds_on(due.line) if stage else None
    return None if seconds is None else round(seconds * 1_000_000)
