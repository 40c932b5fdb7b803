"""What is true of a plant's machines (`world.toml`): paces, stops, rejects, stock at the lines, what happens when.

The product never sees this file. `read(path)` gives a `World`; `Command` is something that happens from outside, either
written down in the file with its instant or sent while the machines run.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

STATES = ("running", "idle", "starved", "blocked", "setup", "fault", "stopped", "maintenance", "offline")
DEEDS = ("stop", "clear", "count", "reset", "slow", "job", "deliver", "reboot")


@dataclass(frozen=True, slots=True)
class Command:
    """Something done to the machines.

    stop: `machine` goes to `state` for `minutes`, showing `code`; clear ends it. count: `n` good pieces (and `reject`)
    more appear at `machine`'s counters. reset: its counters fall to 0. slow: its cycles take `factor` times as long for
    `minutes`. job: `line` makes `order` of `item` from its next piece on, each machine set up for `minutes`; an empty
    order lets it run dry; pieces of the order `aside` that lack a component are put aside. deliver: `quantity` of
    `item` reaches `location`. reboot: the device server `source` is gone for `minutes`, its counters `kept` or not.
    """

    do: str
    machine: str = ""
    line: str = ""
    source: str = ""
    state: str = "fault"
    code: str = ""
    minutes: float = 0.0
    n: int = 0
    reject: int = 0
    factor: float = 1.0
    order: str = ""
    item: str = ""
    aside: str = ""
    location: str = ""
    quantity: float = 0.0
    kept: bool = True

    def __post_init__(self) -> None:
        if self.do not in DEEDS:
            raise ValueError(f"do is one of {', '.join(DEEDS)}, not {self.do!r}")
        if self.state not in STATES:
            raise ValueError(f"state is one of {', '.join(STATES)}, not {self.state!r}")
        if min(self.minutes, self.n, self.reject, self.quantity) < 0 or self.factor <= 0:
            raise ValueError("minutes, n, reject and quantity are not negative, factor is above 0")
        needed = {"job": "line", "deliver": "location", "reboot": "source"}.get(self.do, "machine")
        if not getattr(self, needed):
            raise ValueError(f"{self.do} needs {needed}")

    def said(self) -> dict[str, Any]:
        """Only what differs from the defaults, as it stands in the truth log."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}


def command(body: dict[str, Any]) -> Command:
    """A command from parsed JSON or TOML; ValueError names what is wrong."""
    unknown = body.keys() - {f.name for f in fields(Command)}
    if unknown:
        raise ValueError(f"unknown field {', '.join(sorted(unknown))}")
    if "do" not in body:
        raise ValueError("do is missing")
    return Command(**body)


@dataclass(frozen=True, slots=True)
class Stop:
    """A way in which a machine stops: every so many minutes of work on average, for a time between two bounds."""

    code: str
    state: str
    every_min: float
    seconds: tuple[float, float]

    def __post_init__(self) -> None:
        if self.state not in STATES or self.every_min <= 0 or not 0 < self.seconds[0] <= self.seconds[1]:
            raise ValueError(f"stop {self.code}: a known state, every_min above 0, seconds ascending above 0")


@dataclass(frozen=True, slots=True)
class Pace:
    """One machine (or manual station): how it works."""

    code: str
    cycle_s: float
    jitter: float = 0.05
    reject_rate: float = 0.0
    patience_s: float = 4.0
    pieces_per_cycle: int = 1
    counters: dict[str, int] = field(default_factory=dict)
    stops: tuple[Stop, ...] = ()

    def __post_init__(self) -> None:
        if self.cycle_s <= 0 or not 0 <= self.jitter < 1 or not 0 <= self.reject_rate <= 1 or self.pieces_per_cycle < 1:
            raise ValueError(
                f"{self.code}: cycle_s above 0, jitter and reject_rate in 0..1, pieces_per_cycle 1 or more"
            )


@dataclass(frozen=True, slots=True)
class Flow:
    """One line: what it makes, how many pieces fit between two machines, how long people take to get going."""

    code: str
    item: str = ""
    waits_for_job: bool = False
    buffer: int = 5
    start_up_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Use:
    """A machine takes `per_piece` of `item` for each piece of `of` it works on; without it, it starves."""

    machine: str
    item: str
    of: str
    per_piece: float


@dataclass(frozen=True, slots=True)
class Analog:
    """A process value that wanders: published as signal `value:NAME` of a machine."""

    machine: str
    name: str
    mean: float
    swing: float
    every_s: float = 10.0


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is true of a plant beyond its model."""

    flows: dict[str, Flow]
    paces: dict[str, Pace]
    uses: tuple[Use, ...] = ()
    stock: tuple[tuple[str, str, float], ...] = ()
    events: tuple[tuple[str, Command], ...] = ()
    analogs: tuple[Analog, ...] = ()


def read(path: Path) -> World:
    """The world a file describes; ValueError or KeyError when something in it is wrong."""
    return parse(tomllib.loads(path.read_text(encoding="utf-8")))


def parse(data: dict[str, Any]) -> World:
    """The world a parsed file describes."""
    return World(
        flows={code: Flow(code=code, **row) for code, row in data.get("line", {}).items()},
        paces={row["code"]: _pace(row) for row in data.get("machine", [])},
        uses=tuple(Use(**row) for row in data.get("uses", [])),
        stock=tuple((row["location"], row["item"], float(row["quantity"])) for row in data.get("stock", [])),
        events=tuple(_event(row) for row in data.get("event", [])),
        analogs=tuple(Analog(**row) for row in data.get("analog", [])),
    )


def _pace(row: dict[str, Any]) -> Pace:
    stops = tuple(
        Stop(
            code=stop["code"],
            state=stop["state"],
            every_min=stop["every_min"],
            seconds=(stop["seconds"][0], stop["seconds"][1]),
        )
        for stop in row.get("stops", [])
    )
    return Pace(**{**row, "stops": stops})


def _event(row: dict[str, Any]) -> tuple[str, Command]:
    return row["at"], command({key: value for key, value in row.items() if key != "at"})
