"""What the simulators need of a plant model file (`plant.toml`, the published form), and nothing more.

`read(path)` gives a `Plant`. Whatever the product may do with the other tables is none of a machine's business, so
unknown keys are ignored here; `mes plant check` is the one that refuses them.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

COUNTERS = ("good_total", "reject_total", "total", "rework_total")
PULSES = ("good_pulse", "reject_pulse")

# Number of each PackML state that stands for one of ours (OPC 30050); blocked and starved are both Suspended.
PACKML = {
    "running": 6, "idle": 4, "starved": 5, "blocked": 5, "setup": 15, "fault": 9, "stopped": 2, "maintenance": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """A device server, broker or gateway as the product would connect to it."""

    code: str
    kind: str
    url: str
    host_id: str = ""
    role: str = "passive"


@dataclass(frozen=True, slots=True)
class Tag:
    """One signal of one machine and where it is published; `at` holds the protocol's own address fields."""

    machine: str
    signal: str
    source: str
    at: dict[str, str]
    modulus: int = 0
    pieces_per_count: int = 1
    preset: str = ""
    states: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift's local minutes; `end` is at or before `start` when it crosses midnight."""

    code: str
    start: int
    end: int
    days: tuple[str, ...]
    breaks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class CalendarException:
    """A day that differs: `holiday` and `stop` close, `workday` and `overtime` open.

    With a `span` (local minutes after its midnight, the end perhaps on the next day) only that part of it does.
    """

    on: date
    opens: bool
    lines: tuple[str, ...]
    shifts: tuple[str, ...]
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Station:
    """Where pieces are counted: at a machine, or by people."""

    code: str
    line: str
    machine: str
    counts_by: str
    operations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its machines in the order in which pieces pass them."""

    code: str
    shifts: tuple[str, ...]
    location: str
    counts_at: str
    machines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plant:
    """The plant as its machines see it."""

    zone: ZoneInfo
    lines: tuple[Line, ...]
    stations: tuple[Station, ...]
    sources: tuple[Source, ...]
    tags: tuple[Tag, ...]
    shifts: dict[str, Shift]
    exceptions: tuple[CalendarException, ...] = ()
    setups: tuple[tuple[str, str, str, float], ...] = ()
    stores: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def changeover(self, line: str, before: str, after: str) -> float:
        """Minutes from one family to another on a line; what is written for the line wins, what is not written is 0."""
        rows = [row for row in self.setups if row[1:3] == (before, after) and row[0] in {"", line}]
        return max(rows, key=lambda row: row[0])[3] if rows else 0.0

    def line(self, code: str) -> Line:
        """The line with this code; KeyError when there is none."""
        return next((line for line in self.lines if line.code == code), None) or _missing("line", code)

    def manual(self, line: Line) -> tuple[Station, ...]:
        """The stations of a line at which people count, in the order in which the file names them."""
        return tuple(station for station in self.stations if station.line == line.code and not station.machine)

    def tags_of(self, machine: str) -> tuple[Tag, ...]:
        """Everything a machine publishes."""
        return tuple(tag for tag in self.tags if tag.machine == machine)


def _missing(kind: str, code: str) -> Any:
    raise KeyError(f"no {kind} {code!r} in the plant file")


def minute_of(text: str) -> int:
    """`07:30` as minutes after midnight."""
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def read(path: Path) -> Plant:
    """The plant a file describes; KeyError or ValueError when it lacks what a simulator needs."""
    return parse(tomllib.loads(path.read_text(encoding="utf-8")))


def parse(data: dict[str, Any]) -> Plant:
    """The plant a parsed file describes."""
    return Plant(
        zone=ZoneInfo(data["site"]["time_zone"]),
        lines=tuple(_line(row, data) for row in data.get("line", [])),
        stations=tuple(_station(row) for row in data.get("station", [])),
        sources=tuple(_source(row) for row in data.get("source", [])),
        tags=tuple(_tag(row) for row in data.get("tag", [])),
        shifts={row["code"]: _shift(row) for row in data.get("shift", [])},
        exceptions=tuple(_exception(row) for row in data.get("calendar_exception", [])),
        reasons=tuple(row["code"] for row in data.get("reason", [])),
        stores=tuple(row["code"] for row in data.get("location", []) if row["kind"] == "store"),
        setups=tuple(
            (row.get("line", ""), row.get("from", ""), row["to"], row["minutes"]) for row in data.get("setup", [])
        ),
    )


def _line(row: dict[str, Any], data: dict[str, Any]) -> Line:
    machines = sorted(
        (machine.get("position", 1), machine["code"])
        for machine in data.get("machine", [])
        if machine["line"] == row["code"]
    )
    return Line(
        code=row["code"],
        shifts=tuple(row.get("shifts", [])),
        location=row.get("location", ""),
        counts_at=row.get("counts_at", ""),
        machines=tuple(code for _, code in machines),
    )


def _station(row: dict[str, Any]) -> Station:
    return Station(
        code=row["code"],
        line=row["line"],
        machine=row.get("machine", ""),
        counts_by=row.get("counts_by", "machine"),
        operations=tuple(row.get("operations", [])),
    )


def _source(row: dict[str, Any]) -> Source:
    return Source(
        code=row["code"],
        kind=row["kind"],
        url=row.get("url", ""),
        host_id=row.get("host_id", ""),
        role=row.get("role", "passive"),
    )


def _tag(row: dict[str, Any]) -> Tag:
    where = ("node", "topic", "path", "time_path", "sequence_path", "group", "edge", "device", "metric")
    return Tag(
        machine=row["machine"],
        signal=row["signal"],
        source=row["source"],
        at={key: row[key] for key in where if key in row},
        modulus=row.get("modulus", 0),
        pieces_per_count=row.get("pieces_per_count", 1),
        preset=row.get("preset", ""),
        states=tuple((str(word), state) for word, state in row.get("states", {}).items()),
    )


def _shift(row: dict[str, Any]) -> Shift:
    return Shift(
        code=row["code"],
        start=minute_of(row["starts_at"]),
        end=minute_of(row["ends_at"]),
        days=tuple(row.get("days", ["mon", "tue", "wed", "thu", "fri", "sat", "sun"])),
        breaks=tuple((minute_of(start), minute_of(end)) for start, end in row.get("breaks", [])),
    )


def _exception(row: dict[str, Any]) -> CalendarException:
    on = row["on"]
    return CalendarException(
        on=on if isinstance(on, date) else date.fromisoformat(on),
        opens=row["kind"] in {"workday", "overtime"},
        lines=tuple(row.get("lines", [])),
        shifts=tuple(row.get("shifts", [])),
        span=_span(row),
    )


def _span(row: dict[str, Any]) -> tuple[int, int] | None:
    if not row.get("starts_at"):
        return None
    start, end = minute_of(row["starts_at"]), minute_of(row["ends_at"])
    return start, end if end > start else end + 24 * 60
