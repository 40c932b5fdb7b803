"""Sums over shifts: what was counted, and what that used up. Both follow from minute counts and recipes alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from mes.domain.calendar import MINUTE_US, Stretch, instant, micros
from mes.domain.material.consumption import Recipe, taken_at, used
from mes.domain.plant import Plant
from mes.store.pool import Connection
from mes.store.recipes import load_recipes
from mes.store.tracking import counts, usage
from mes.store.tracking.counts import JobFacts, ShiftCount, ShiftKey
from mes.store.tracking.usage import Consumed
from mes.tracker.difference import Deviation, Difference, deviations, difference
from mes.tracker.plants import DAY_US, Plants


@dataclass(slots=True)
class ShiftsBooked:
    """The shift counts and consumption that changed."""

    counts: Difference[ShiftCount] = field(default_factory=Difference)
    consumption: Difference[Consumed] = field(default_factory=Difference)

    def deviations(self) -> list[Deviation]:
        """The differences as `mes replay --verify` prints them."""
        return [*deviations("shift_count", self.counts), *deviations("consumption", self.consumption)]


def shift_key(plants: Plants, line: str, station: str, at: int) -> ShiftKey:
    """The shift an instant belongs to at a station."""
    stretch = plants.calendar(line, at, at + 1)[0]
    return ShiftKey(station, stretch.shift_day or local_day(plants, at).isoformat(), stretch.shift)


def _keys_between(plants: Plants, line: str, station: str, start: int, end: int) -> set[ShiftKey]:
    found = set()
    for stretch in plants.calendar(line, start, end):
        at, until = max(stretch.from_us, start), min(stretch.to_us, end)
        while at < until:
            found.add(shift_key(plants, line, station, at))
            at = until if stretch.shift else min(at + DAY_US, until)
        if not stretch.shift:
            found.add(shift_key(plants, line, station, until - 1))
    return found


def local_day(plants: Plants, at: int) -> date:
    """The plant's date at an instant."""
    reign = plants.reign_at(at)
    assert reign is not None
    return reign.calendar.local_day(instant(at))


def stretches_of(plants: Plants, line: str, key: ShiftKey) -> list[Stretch]:
    """The calendar of a shift: its stretches, open and closed, in order."""
    noon = micros(datetime.fromisoformat(key.shift_day + "T12:00:00+00:00"))
    around = plants.calendar(line, noon - 2 * DAY_US, noon + 3 * DAY_US)
    if key.shift:
        return [s for s in around if (s.shift_day, s.shift) == (key.shift_day, key.shift)]
    start, end = _local_midnights(plants, noon, date.fromisoformat(key.shift_day))
    return [
        Stretch(max(s.from_us, start), min(s.to_us, end), "", "", s.open)
        for s in around
        if not s.shift and s.from_us < end and s.to_us > start
    ]


def _local_midnights(plants: Plants, near: int, day: date) -> tuple[int, int]:
    reign = plants.reign_at(near) or plants.reigns[0]
    zone = reign.calendar.zone
    midnights = [datetime(d.year, d.month, d.day, tzinfo=zone) for d in (day, day + timedelta(days=1))]
    return micros(midnights[0]), micros(midnights[1])


def book_shifts(
    conn: Connection,
    plants: Plants,
    minutes: Mapping[str, Iterable[int]],
    orders: Sequence[int] = (),
    whole: Mapping[str, tuple[int, int]] | None = None,
) -> ShiftsBooked:
    """Book the shifts that changed minutes (by station) lie in, and the consumption of `orders` wherever made.

    `whole`: from..to by station in which every shift is worked out, changed or not, and nothing is written.
    """
    lines = station_lines(plants)
    keys = {
        shift_key(plants, lines[station], station, minute)
        for station, changed in minutes.items()
        if station in lines
        for minute in changed
    }
    for station, (start, end) in (whole or {}).items():
        keys |= _keys_between(plants, lines[station], station, start, end)
    booked = ShiftsBooked()
    rows: list[ShiftCount] = []
    if keys:
        rows = _sums(conn, plants, lines, keys)
        booked.counts = difference(counts.load_shift_counts(conn, list(keys)), rows, key=lambda row: row[:5])
        if not whole:
            facts = counts.load_jobs(conn, {row.job for row in booked.counts.put})
            counts.save_shift_counts(conn, booked.counts.gone, booked.counts.put, facts)
    keys = keys if whole else {ShiftKey(*row[:3]) for row in booked.counts.rows}
    if orders:
        others = set(usage.shifts_of_orders(conn, orders)) - keys
        rows += counts.load_shift_counts(conn, list(others))
        keys |= others
    if keys:
        booked.consumption = _consumption(conn, plants, keys, rows)
        if not whole:
            usage.save_consumption(conn, booked.consumption.gone, booked.consumption.put)
    return booked


def station_lines(plants: Plants) -> dict[str, str]:
    """The line of every station, in the last version that knows it."""
    return {
        rules.station: rules.line
        for reign in plants.reigns
        for rules in plants.posts_at(reign.from_us).values()
        if rules.station
    }


def _sums(conn: Connection, plants: Plants, lines: Mapping[str, str], keys: Iterable[ShiftKey]) -> list[ShiftCount]:
    questions: list[tuple[int, str, int, int]] = []
    heads: list[tuple[ShiftKey, str, bool, bool]] = []
    for no, key in enumerate(keys):
        line = lines[key.station]
        parts = stretches_of(plants, line, key)
        questions += [(no, key.station, start, end) for start, end in _whole(parts)]
        first, last = plants.ends_of(line, parts[-1].from_us)
        heads.append((key, line, key.station == first, key.station == last))
    rows = []
    for found in counts.sum_minutes(conn, questions):
        key, line, enters, leaves = heads[found.no]
        rows.append(
            ShiftCount(
                *key, found.job, found.phase, line, enters, leaves, found.good, found.reject, found.rework, found.scrap,
                found.entered, found.first_at, found.last_at,
            )
        )  # fmt: skip
    return rows


def _whole(parts: Iterable[Stretch]) -> list[tuple[int, int]]:
    """Stretches without their breaks, as from..to."""
    whole: list[tuple[int, int]] = []
    for part in parts:
        if whole and whole[-1][1] == part.from_us:
            whole[-1] = (whole[-1][0], part.to_us)
        else:
            whole.append((part.from_us, part.to_us))
    return whole


def _consumption(
    conn: Connection, plants: Plants, keys: Iterable[ShiftKey], rows: Iterable[ShiftCount]
) -> Difference[Consumed]:
    entered: dict[tuple[ShiftKey, str, int], int] = {}
    wanted = set(keys)
    for row in rows:
        key = ShiftKey(*row[:3])
        if row.job and key in wanted:
            entered[key, row.line, row.job] = entered.get((key, row.line, row.job), 0) + row.entered
    facts = counts.load_jobs(conn, {job for _, _, job in entered})
    recipes = load_recipes(conn, {facts[job].order_id for _, _, job in entered if job in facts})
    should: list[Consumed] = []
    for (key, line, job), pieces in entered.items():
        if pieces and job in facts:
            recipe = recipes[facts[job].order_id]
            plant = plants.plant_at(stretches_of(plants, line, key)[-1].to_us - MINUTE_US)
            should += _consumed(plant or plants.reigns[0].plant, Consumer(key, line, facts[job]), recipe, pieces)
    return difference(usage.load_consumption(conn, list(wanted)), should, key=lambda row: row[:5])


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who used something up: a job at a station in a shift."""

    key: ShiftKey
    line: str
    job: JobFacts


def _consumed(plant: Plant, by: Consumer, recipe: Recipe, pieces: int) -> Iterable[Consumed]:
    stands = plant.lines.get(by.line)
    location = stands.location if stands else ""
    job, seq = by.job, by.job.operation_seq
    for taken in taken_at(plant, by.line, by.key.station, seq, recipe):
        quantity = used(taken, pieces)
        if quantity:
            head = (*by.key, job.id, taken.item, by.line, location)
            yield Consumed(*head, job.order_id, seq, recipe.revision, pieces, quantity)
