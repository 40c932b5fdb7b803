"""What a plant is: site, lines, machines, stations, sources, tags, and the rules a plant file must obey.

A `Plant` is one version of the plant model, whole and frozen. It is the shape of `plant.toml`: reading the file is
`mes.formats.plant_file`, keeping versions is `mes.store.plant`. Values check themselves where they stand alone;
what only the whole can know (a tag's machine exists, two tags do not share an address) is checked by
`mes.domain.plant_faults`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Literal

from mes.domain.andon import AndonRule
from mes.domain.gate import GateRule

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
SignalKind = Literal[
    "state", "good_total", "reject_total", "total", "rework_total", "good_pulse", "reject_pulse", "order", "stop_code"
]
TOTALS = ("good_total", "reject_total", "total", "rework_total")
PULSES = ("good_pulse", "reject_pulse")
MACHINE_STATES = (
    "running",
    "idle",
    "starved",
    "blocked",
    "setup",
    "fault",
    "stopped",
    "maintenance",
    "offline",
)
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Name:
    """What something is called on screens, in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Site:
    """The plant itself; `time_zone` is an IANA name and decides every shift and date.

    `badge_prefix`: a code read at a terminal that begins so is somebody's badge, and no piece.
    """

    code: str
    name: Name
    time_zone: str
    palette: Literal["quiet", "classic"] = "quiet"
    badge_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Shift:
    """A span of local time on some weekdays; `ends_at` <= `starts_at` crosses midnight. Times are `HH:MM`."""

    code: str
    starts_at: str
    ends_at: str
    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat")
    breaks: tuple[tuple[str, str], ...] = ()
    name: Name | None = None

    def __post_init__(self) -> None:
        for text in (self.starts_at, self.ends_at, *(t for pair in self.breaks for t in pair)):
            minute_of_day(text)


def minute_of_day(text: str) -> int:
    """`"08:30"` -> 510. Raises ValueError for anything but HH:MM, 00:00 to 23:59."""
    hour, colon, minute = text.partition(":")
    if not (colon and len(hour) == 2 and len(minute) == 2 and hour.isdigit() and minute.isdigit()):
        raise ValueError(f"{text!r} is not a local time HH:MM")
    if int(hour) > 23 or int(minute) > 59:
        raise ValueError(f"{text!r} is not a local time between 00:00 and 23:59")
    return int(hour) * 60 + int(minute)


@dataclass(frozen=True, slots=True)
class Team:
    """Who works which shift: from `anchor_on` the `pattern` of shift codes repeats day by day (`"-"` is off)."""

    code: str
    lines: tuple[str, ...]
    anchor_on: date
    pattern: tuple[str, ...]
    name: Name | None = None

    def __post_init__(self) -> None:
        if not self.pattern:
            raise ValueError("a team's pattern names at least one day")


@dataclass(frozen=True, slots=True)
class CalendarException:
    """One date that differs: no work (`holiday`, `stop`) or work where there is none (`workday`, `overtime`).

    With times only that part of it differs, over whatever holds for the whole date; times are local `HH:MM`.
    """

    on: date
    kind: Literal["holiday", "workday", "overtime", "stop"]
    lines: tuple[str, ...] = ()
    shifts: tuple[str, ...] = ()
    starts_at: str = ""
    ends_at: str = ""

    def __post_init__(self) -> None:
        if bool(self.starts_at) != bool(self.ends_at):
            raise ValueError("starts_at and ends_at go together")
        for text in (self.starts_at, self.ends_at) if self.starts_at else ():
            minute_of_day(text)

    @property
    def opens(self) -> bool:
        return self.kind in {"workday", "overtime"}


@dataclass(frozen=True, slots=True)
class ReplanLimits:
    """Inside these an automatic line publishes its re-plan by itself; outside a planner decides. It moves lots that
    could stay each `every_minutes` at most. A fault of `down_minutes`, an order `drift_minutes` late ask for one."""

    moved_max: float = 0.2
    newly_late_max: int = 0
    every_minutes: int = 120
    down_minutes: int = 30
    drift_minutes: int = 60


@dataclass(frozen=True, slots=True)
class Line:
    """A production line. `counts_at` names the station whose good count is the line's output."""

    code: str
    name: Name
    shifts: tuple[str, ...]
    counts_at: str
    area: str = ""
    groups: tuple[str, ...] = ()
    location: str = ""
    planning: Literal["manual", "assisted", "automatic"] = "assisted"
    replan: ReplanLimits = ReplanLimits()
    frozen_minutes: int = 240
    dispatch_minutes: int = 1440
    micro_stop_s: int = 120
    reason_from_s: int = 300
    over_make: float = 0.0
    call_off_minutes: int = 60
    switch: Literal["prompt", "automatic"] = "prompt"
    report: Literal["confirmation", "job_end", "hourly", "automatic"] = "confirmation"

    def __post_init__(self) -> None:
        limits = (self.frozen_minutes, self.dispatch_minutes, self.micro_stop_s, self.reason_from_s)
        if min(*limits, self.over_make, self.call_off_minutes) < 0:
            raise ValueError("minutes, seconds and over_make are not negative")


@dataclass(frozen=True, slots=True)
class Location:
    """Where material lies."""

    code: str
    kind: Literal["store", "line", "wip", "subcontractor", "quarantine"]
    name: Name | None = None


@dataclass(frozen=True, slots=True)
class Crew:
    """People shared by lines: `size` per shift code, `needs` per line while it runs (1 where absent)."""

    code: str
    lines: tuple[str, ...]
    size: dict[str, int]
    needs: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Setup:
    """Minutes to change a line from one product family to another; without `line` on every line."""

    to: str
    minutes: int
    from_: str = ""
    line: str = ""

    def __post_init__(self) -> None:
        if self.minutes < 0:
            raise ValueError("changeover minutes are not negative")


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of a line; `position` 1 is where pieces enter."""

    code: str
    line: str
    position: int
    name: Name | None = None
    seconds_per_piece: float | None = None

    def __post_init__(self) -> None:
        if self.position < 1:
            raise ValueError("positions count from 1")
        if self.seconds_per_piece is not None and self.seconds_per_piece <= 0:
            raise ValueError("seconds_per_piece is positive")


@dataclass(frozen=True, slots=True)
class Station:
    """Where pieces are counted: by a machine's counter or by people (`machine` absent)."""

    code: str
    line: str
    machine: str = ""
    position: int = 0
    operations: tuple[int, ...] = ()
    counts_by: Literal["machine", "scan", "serial", "entry"] = "machine"
    idle_after_s: int = 600
    name: Name | None = None

    def __post_init__(self) -> None:
        if self.counts_by == "machine" and not self.machine:
            raise ValueError("a station that counts by machine names its machine")
        if self.idle_after_s <= 0:
            raise ValueError("idle_after_s is positive")


@dataclass(frozen=True, slots=True)
class Resource:
    """A mould, fixture or tool that operations need; `change_minutes` is what mounting it takes."""

    code: str
    count: int = 1
    change_minutes: int = 0
    name: Name | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a machine stopped or a piece was rejected; `stop_codes` are device codes that mean it."""

    code: str
    name: Name
    kind: Literal["stop", "reject"]
    parent: str = ""
    loss: Literal["", "breakdown", "setup", "idling", "speed", "defects", "startup"] = ""
    fault: Literal["", "process", "material"] = ""
    stop_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A device server, broker or gateway that samples come from. Secrets are named by the variable that holds them."""

    code: str
    kind: Literal["opcua", "mqtt", "sparkplug", "http"]
    url: str = ""
    clock: Literal["device", "server", "received"] = "device"
    security: str = "None"
    user: str = ""
    password_env: str = ""
    client_id: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    host_id: str = ""
    role: Literal["passive", "primary"] = "passive"
    publishing_ms: int = 250
    sampling_ms: int = 0
    reorder_s: float = 10.0
    reorder_timeout_s: float = 2.0
    payload_max_bytes: int = 262_144

    def __post_init__(self) -> None:
        if self.kind != "http" and not self.url:
            raise ValueError(f"a source of kind {self.kind} has a url")
        if self.reorder_s < 0 or self.reorder_timeout_s < 0:
            raise ValueError("reorder_s and reorder_timeout_s are at least 0")


@dataclass(frozen=True, slots=True)
class Tag:
    """What one signal of a machine is called at its source. Its address is `machine/signal`."""

    machine: str
    signal: str
    source: str
    node: str = ""
    topic: str = ""
    path: str = ""
    time_path: str = ""
    sequence_path: str = ""
    group: str = ""
    edge: str = ""
    device: str = ""
    metric: str = ""
    states: dict[str, str] = field(default_factory=dict)
    preset: Literal["", "packml", "machinery"] = ""
    modulus: int | None = None
    max_per_s: float | None = None
    pieces_per_count: int = 1
    at_most_once: bool = False
    dead_band: float | None = None
    interval_s: float | None = None
    keep_days: int | None = None

    @property
    def address(self) -> str:
        return f"{self.machine}/{self.signal}"

    @property
    def is_value(self) -> bool:
        """A process value, which booking never reads."""
        return self.signal.startswith("value:")

    def __post_init__(self) -> None:
        known = self.is_value or self.signal in (*TOTALS, *PULSES, "state", "order", "stop_code")
        if not known or self.signal == "value:":
            raise ValueError(
                f"{self.signal!r} is not a signal: use state, a total, a pulse, order, stop_code, value:NAME"
            )
        if self.modulus is not None and self.modulus < 2:
            raise ValueError("modulus is at least 2")
        if self.pieces_per_count < 1:
            raise ValueError("pieces_per_count is at least 1")
        if self.max_per_s is not None and self.max_per_s <= 0:
            raise ValueError("max_per_s is positive")


@dataclass(frozen=True)
class Plant:
    """One version of the plant model."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012  read by the edges that parse it, down to every part

    site: Site
    shift: tuple[Shift, ...] = ()
    team: tuple[Team, ...] = ()
    calendar_exception: tuple[CalendarException, ...] = ()
    line: tuple[Line, ...] = ()
    location: tuple[Location, ...] = ()
    crew: tuple[Crew, ...] = ()
    setup: tuple[Setup, ...] = ()
    machine: tuple[Machine, ...] = ()
    station: tuple[Station, ...] = ()
    resource: tuple[Resource, ...] = ()
    reason: tuple[Reason, ...] = ()
    source: tuple[Source, ...] = ()
    tag: tuple[Tag, ...] = ()
    andon: tuple[AndonRule, ...] = ()
    gate: tuple[GateRule, ...] = ()

    @cached_property
    def lines(self) -> dict[str, Line]:
        return {line.code: line for line in self.line}

    @cached_property
    def shifts(self) -> dict[str, Shift]:
        return {shift.code: shift for shift in self.shift}

    @cached_property
    def machines(self) -> dict[str, Machine]:
        return {machine.code: machine for machine in self.machine}

    @cached_property
    def sources(self) -> dict[str, Source]:
        return {source.code: source for source in self.source}

    @cached_property
    def reasons(self) -> dict[str, Reason]:
        return {reason.code: reason for reason in self.reason}

    @cached_property
    def stations(self) -> dict[str, Station]:
        """Every place that counts: the declared stations, and each counting machine without one as its own."""
        declared = {station.code: station for station in self.station}
        named = {station.machine for station in self.station if station.machine}
        counting = {tag.machine for tag in self.tag if tag.signal in (*TOTALS, *PULSES)}
        own = {
            machine.code: Station(code=machine.code, line=machine.line, machine=machine.code, position=machine.position)
            for machine in self.machine
            if machine.code in counting - named
        }
        return declared | own

    @cached_property
    def tags_of(self) -> dict[str, tuple[Tag, ...]]:
        """The tags of each machine."""
        found: dict[str, list[Tag]] = {machine.code: [] for machine in self.machine}
        for tag in self.tag:
            found.setdefault(tag.machine, []).append(tag)
        return {machine: tuple(tags) for machine, tags in found.items()}

    def stations_of(self, line: str) -> tuple[Station, ...]:
        """A line's stations in the order pieces pass them."""
        position = {machine.code: machine.position for machine in self.machine}
        own = [station for station in self.stations.values() if station.line == line]
        return tuple(sorted(own, key=lambda s: (s.position or position.get(s.machine, 0), s.code)))

    def machines_of(self, line: str) -> tuple[Machine, ...]:
        """A line's machines in the order pieces pass them."""
        return tuple(sorted((m for m in self.machine if m.line == line), key=lambda m: (m.position, m.code)))

    def is_manual(self, line: str) -> bool:
        """A line without machines: its state comes from the job and the people who count."""
        return not any(machine.line == line for machine in self.machine)

    def lines_in(self, group: str) -> tuple[str, ...]:
        """The lines an operation means when it names a group, or a line's own code."""
        return tuple(line.code for line in self.line if group in line.groups or group == line.code)
