"""Seeded shifts of the simulated plant, heard late, doubled and out of order, are booked exactly as they were."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mes.domain.calendar import instant
from mes.domain.plant import Plant
from mes.formats.plant_file import document_of, read_plant
from mes.store.plant import insert_version, number_tags
from mes.store.sample import Rows, row, store_batch
from mes.tracker.replay import verify
from mes.tracker.tracker import Tracker
from simulators.changes import Count, State
from simulators.instants import from_iso
from simulators.plantfile import read as read_simulated
from simulators.signals import Published, Translator
from simulators.truth import Truth
from simulators.world import read as read_world

DEMO = Path(__file__).parents[2] / "simulators" / "demo"
BEGIN = "2026-01-05T00:00:00Z"
HOURS = 4
SEEDS = range(1, 11)
CHAOS_SEEDS = range(11, 211)


@dataclass(frozen=True, slots=True)
class Shift:
    """What really happened, and what the devices said of it; instants in ms."""

    states: dict[str, list[tuple[int, str]]]
    counts: dict[str, dict[int, list[int]]]
    said: list[Published]


def play(seed: int) -> Shift:
    """One shift of the demo's machines."""
    begin = from_iso(BEGIN)
    plant, world = read_simulated(DEMO / "plant.toml"), read_world(DEMO / "world.toml")
    truth = Truth(plant, world, seed, begin)
    translator = Translator(plant)
    states: dict[str, list[tuple[int, str]]] = {}
    counts: dict[str, dict[int, list[int]]] = {}
    said = [
        Published(begin, code, signal, machine.pace.counters.get(signal, 0))
        for code, machine in truth.machines.items()
        for signal in machine.counters.shown
    ]
    for change in [*truth.initial, *truth.advance(begin + HOURS * 3_600_000)]:
        said += [one for one in translator.published(change) if not one.signal.startswith("value:")]
        if isinstance(change, State):
            states.setdefault(change.machine, []).append((change.at, change.state))
        elif isinstance(change, Count):
            made = counts.setdefault(change.machine, {}).setdefault(change.at // 60_000 * 60_000, [0, 0])
            made[0] += change.good
            made[1] += change.reject
    return Shift(states, counts, said)


class Hearing:
    """The demo plant in a database, hearing a shift and booking it."""

    def __init__(self, conn: psycopg.Connection[Any], seed: int) -> None:
        self.conn, self.rng = conn, random.Random(f"hearing/{seed}")
        self.plant = read_plant((DEMO / "plant.toml").read_text("utf-8"))
        self.tracker = Tracker()
        start = datetime.fromisoformat(BEGIN)
        insert_version(
            conn, in_force_from=start, applied_at=start, applied_by="test", sha256="x", document=document_of(self.plant)
        )
        self.tags = number_tags(conn, [tag.address for tag in self.plant.tag])

    def hear(self, said: list[Published]) -> None:
        """Hear a shift in batches, each partly doubled, some far too late, booking now and then."""
        last = max(one.at for one in said)
        for batch in self._batches(said):
            rows = Rows()
            for one in batch:
                us = one.at * 1000
                rows.signals.append(row(self.tags[f"{one.machine}/{one.signal}"], us, one.value, 0, None, us, None, us))
            store_batch(self.conn, rows)
            if self.rng.random() < 0.5:
                self.tracker.work(self.conn, instant(last * 1000))
        self.tracker.work(self.conn, instant(last * 1000))

    def _batches(self, said: list[Published]) -> Iterator[list[Published]]:
        order = sorted(said, key=lambda one: one.at + self.rng.choice((0, 0, 0, 3_000, 40_000, 1_800_000)))
        size = len(order) // 12 + 1
        for first in range(0, len(order), size):
            batch = order[max(0, first - 20) : first + size]
            self.rng.shuffle(batch)
            yield batch


def booked_states(conn: psycopg.Connection[Any], machine: str) -> list[tuple[int, str]]:
    """The states of a machine as booked: (from in ms, state), without the cuts at jobs and shifts."""
    found: list[tuple[int, str]] = []
    for ms, state in conn.execute(
        "select micros(from_at) / 1000, state from state_span where machine = %s order by from_at", (machine,)
    ):
        if not found or found[-1][1] != state:
            found.append((ms, state))
    return found


def booked_counts(conn: psycopg.Connection[Any], station: str) -> dict[int, list[int]]:
    """Good and reject of a station by minute."""
    rows = conn.execute(
        """
        select micros(minute) / 1000, sum(good)::int, sum(reject)::int from minute_count where station = %s
        group by minute having sum(good) <> 0 or sum(reject) <> 0
        """,
        (station,),
    )
    return {ms: [good, reject] for ms, good, reject in rows}


ELEMENT_OF = {"running": "apt", "setup": "aust", "fault": "adot", "offline": "no_data"}


def assert_times(conn: psycopg.Connection[Any], shift: Shift, seed: int) -> None:
    """The ledger of each machine's first shift is the truth's time by element, up to the last whole minute booked."""
    (until,) = conn.execute("select micros(date_trunc('minute', min(through_at))) / 1000 from frontier").fetchone() or (
        0,
    )
    begin = from_iso(BEGIN)
    rows = conn.execute(
        """
        select machine, calendar_us, apt_us, aust_us, adet_us, adot_us, no_data_us from time_ledger
        where shift_day = '2026-01-05' and shift = 'D' and machine = any(%s)
        """,
        (list(shift.states),),
    ).fetchall()
    assert len(rows) == len(shift.states)
    for machine, calendar_us, *booked in rows:
        spent = dict.fromkeys(("apt", "aust", "adet", "adot", "no_data"), 0)
        ends = [at for at, _ in shift.states[machine][1:]] + [until]
        for (at, state), end in zip(shift.states[machine], ends, strict=True):
            spent[ELEMENT_OF.get(state, "adet")] += max(0, min(end, until) - max(at, begin)) * 1000
        spent["no_data"] += max(0, shift.states[machine][0][0] - begin) * 1000
        assert booked == list(spent.values()), f"seed {seed}, {machine}"
        assert calendar_us == (until - begin) * 1000


@dataclass(frozen=True, slots=True)
class Stood:
    """A stretch in which a machine did not run, ms: its gravest state and when that began."""

    start: int
    end: int
    grave: str
    grave_at: int


GRAVITY = ("idle", "blocked", "starved", "stopped", "maintenance", "fault")
WAITING = ("idle", "blocked", "starved")
BUBBLE_MS = 300_000


def stood(states: list[tuple[int, str]], until: int) -> list[Stood]:
    """A machine's stretches of not running, apart where it is set up or silent."""
    found: list[Stood] = []
    last = ""
    for (at, state), end in zip(states, [at for at, _ in states[1:]] + [until], strict=True):
        kind = state if state in {"running", "setup", "offline"} else "stop"
        if kind == last == "stop":
            before = found.pop()
            graver = GRAVITY.index(state) > GRAVITY.index(before.grave)
            found.append(Stood(before.start, end, *((state, at) if graver else (before.grave, before.grave_at))))
        elif kind != "running":
            found.append(Stood(at, end, state, at))
        last = kind
    return found


def state_at(states: list[tuple[int, str]], at: int) -> str:
    """What a machine was in at an instant; empty before it said anything."""
    return next((state for since, state in reversed(states) if since <= at), "")


def root_of(shift: Shift, row: list[str], place: int, state: str, at: int) -> int:
    """The place in a row of the machine for which one stood that starved, was idle or blocked as a state began."""
    before = state_at(shift.states[row[place - 1]], at) if place else "running"
    if state == "starved" and place and before != "blocked":
        up = shift.states[row[place - 1]]
        if before != "running":
            return root_of(shift, row, place - 1, before, at)
        ended = max((since for since, state in up if since <= at and state == "running"), default=0)
        earlier = [(since, state) for since, state in up if since < ended]
        if at - ended <= BUBBLE_MS and earlier:
            return root_of(shift, row, place - 1, earlier[-1][1], earlier[-1][0])
        return place - 1
    assert state != "idle", "the demo's machines starve; they are idle only where nothing is fed"
    return place + 1 if state == "blocked" and place + 1 < len(row) else place


def line_times(shift: Shift, row: list[str], micro_ms: int, until: int) -> tuple[dict[str, int], int]:
    """What a line lost by element (ms), and how often it failed, told from the truth alone."""
    spent = dict.fromkeys(("apt", "aust", "adet", "adot", "no_data"), 0)
    output, begin = shift.states[row[-1]], from_iso(BEGIN)
    spent["no_data"] = output[0][0] - begin
    spent["apt"] = until - output[0][0]
    failed: set[tuple[str, int]] = set()
    for one in stood(output, until):
        length = one.end - one.start
        runs_around = one.start > output[0][0] and one.end < until
        around = {state_at(output, one.start - 1), state_at(output, one.end)} if runs_around else {""}
        if one.grave in GRAVITY and length <= micro_ms and around == {"running"}:
            continue
        spent["apt"] -= length
        place = root_of(shift, row, len(row) - 1, one.grave, one.grave_at) if one.grave in WAITING else len(row) - 1
        if place == len(row) - 1:
            for (at, state), end in zip(output, [at for at, _ in output[1:]] + [until], strict=True):
                spent[ELEMENT_OF.get(state, "adet")] += max(0, min(end, one.end) - max(at, one.start))
            failed |= {(row[-1], at) for at, state in output if state == "fault" and one.start <= at < one.end}
            continue
        near = [s for s in stood(shift.states[row[place]], until) if s.start <= one.start <= s.end + BUBBLE_MS]
        named = near[-1].grave if near and near[-1].grave != "offline" else one.grave
        spent[ELEMENT_OF.get(named, "adet")] += length
        failed |= {(row[place], near[-1].start)} if near and named == "fault" else set()
    return spent, len(failed)


def assert_lines(conn: psycopg.Connection[Any], shift: Shift, plant: Plant, seed: int) -> None:
    """The ledger of each line is the truth's, told by what the line stood for, and so are its failures."""
    for line in plant.line:
        row = [machine.code for machine in sorted(plant.machine, key=lambda m: m.position) if machine.line == line.code]
        output = plant.stations[line.counts_at].machine
        if not set(row) <= set(shift.states) or not row:
            continue
        assert row[-1] == output
        found = conn.execute(
            """
            select apt_us, aust_us, adet_us, adot_us, no_data_us, failures, calendar_us from time_ledger
            where shift_day = '2026-01-05' and shift = 'D' and machine = %s
            """,
            (line.code,),
        ).fetchone()
        assert found is not None
        *booked, failures, calendar_us = found
        until = from_iso(BEGIN) + calendar_us // 1000
        spent, failed = line_times(shift, row, line.micro_stop_s * 1000, until)
        assert booked == [ms * 1000 for ms in spent.values()], f"seed {seed}, {line.code}"
        assert failures == failed, f"seed {seed}, {line.code}"


def assert_booked(conn: psycopg.Connection[Any], seed: int) -> None:
    """Play a shift, hear it badly, and compare what is booked with what happened."""
    shift = play(seed)
    hearing = Hearing(conn, seed)
    hearing.hear(shift.said)
    stations = {station.machine: station.code for station in hearing.plant.stations.values() if station.machine}
    for machine, states in shift.states.items():
        assert booked_states(conn, machine) == states, f"seed {seed}, {machine}"
        assert booked_counts(conn, stations[machine]) == shift.counts.get(machine, {}), f"seed {seed}, {machine}"
    assert_times(conn, shift, seed)
    assert_lines(conn, shift, hearing.plant, seed)
    start = datetime.fromisoformat(BEGIN)
    assert list(verify(conn, start, instant(from_iso(BEGIN) * 1000 + HOURS * 3_600_000_000))) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_shift_is_booked_as_it_was(conn: psycopg.Connection[Any], seed: int) -> None:
    """States, good and reject of every machine equal the truth, and a replay finds nothing to change."""
    assert_booked(conn, seed)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", CHAOS_SEEDS)
def test_many_shifts_are_booked_as_they_were(conn: psycopg.Connection[Any], seed: int) -> None:
    """As above, for two hundred more seeds."""
    assert_booked(conn, seed)
