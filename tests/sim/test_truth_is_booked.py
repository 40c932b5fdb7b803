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
