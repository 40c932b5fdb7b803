"""What is booked: a *post* is a machine with the station that counts at it, or a station where people count.

Spans, checkpoints and the time ledger are keyed by the post's code (the machine's, else the station's), counts and
jobs by its station's. `Rules` is what a plant version says of a post, ready for the fold.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mes.domain.plant import Plant, Station, Tag
from mes.domain.tracking.counts import CounterRule, Split, counter_rule, is_counter, split_of
from mes.domain.tracking.states import StateMap

NO_SPLIT = Split({}, checks_total=False)
BOOKED_SIGNALS = ("state", "stop_code", "order")


@dataclass(frozen=True, slots=True)
class Rules:
    """How one post is booked while one plant version is in force.

    `states` is None where no tag says a state: there the post runs while it counts, within `idle_after_us`.
    `by_people`: its pieces come from entries, and a reject entered is a piece of its own, not a machine's good one.
    """

    code: str
    line: str
    machine: str = ""
    station: str = ""
    states: StateMap | None = None
    state_source: str = ""
    sources: frozenset[str] = frozenset()
    counters: dict[str, CounterRule] = field(default_factory=dict)
    split: Split = NO_SPLIT
    tags: tuple[Tag, ...] = ()
    idle_after_us: int = 600_000_000
    by_people: bool = False


def posts(plant: Plant) -> dict[str, Rules]:
    """Every post of a plant by its code: machines that say something, then stations where people count."""
    stations = _stations_at_machines(plant)
    found: dict[str, Rules] = {}
    for machine in plant.machine:
        station = stations.get(machine.code)
        tags = tuple(tag for tag in plant.tags_of[machine.code] if _is_booked(tag))
        if tags or station:
            found[machine.code] = _machine_rules(plant, machine.code, station, tags)
    taken = {id(station) for station in stations.values()}
    for station in plant.stations.values():
        if id(station) not in taken and station.counts_by != "machine":
            found[station.code] = Rules(
                station.code,
                station.line,
                station=station.code,
                idle_after_us=_us(station.idle_after_s),
                by_people=True,
            )
    return found


def _stations_at_machines(plant: Plant) -> dict[str, Station]:
    """The station of each machine; where several name one, the one that counts by it, else the first."""
    found: dict[str, Station] = {}
    for station in sorted(plant.stations.values(), key=lambda s: (s.counts_by != "machine", s.position, s.code)):
        if station.machine:
            found.setdefault(station.machine, station)
    return found


def _is_booked(tag: Tag) -> bool:
    return is_counter(tag.signal) or tag.signal in BOOKED_SIGNALS


def _machine_rules(plant: Plant, code: str, station: Station | None, tags: tuple[Tag, ...]) -> Rules:
    machine = plant.machines[code]
    state = next((tag for tag in tags if tag.signal == "state"), None)
    counting = station is not None and station.counts_by == "machine"
    counters = {tag.signal: counter_rule(tag, machine) for tag in tags if counting and is_counter(tag.signal)}
    return Rules(
        code=code,
        line=machine.line,
        machine=code,
        station=station.code if station else "",
        states=StateMap(state) if state else None,
        state_source=state.source if state else "",
        sources=frozenset(tag.source for tag in tags),
        counters=counters,
        split=split_of(frozenset(counters)),
        tags=tags,
        idle_after_us=_us(station.idle_after_s) if station else 600_000_000,
        by_people=not counting and station is not None,
    )


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
