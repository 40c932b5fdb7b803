"""What must stand in the database after a shift, reckoned from the simulators' log and the stored job entries alone.

It shares no code with the product: totals are the log's own pieces, a piece belongs to the job whose mark at its
station was the last one before it, components are the ERP's document times the pieces that entered.
"""

from __future__ import annotations

import json
import tomllib
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

Span = tuple[datetime, str]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class Piece:
    """Pieces that left a station at an instant."""

    at: datetime
    station: str
    good: int
    reject: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A stored job mark: from `at` on `job` runs at the line's stations, or none (`finish`, `pause`)."""

    at: datetime
    line: str
    station: str | None
    job: int | None


@dataclass
class Truth:
    """What really happened within [begin, end)."""

    begin: datetime
    end: datetime
    station_of: dict[str, str]
    states: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    pieces: list[Piece] = field(default_factory=list)
    hourly: list[Piece] = field(default_factory=list)
    """What entry stations said of themselves: their pieces, told at the end of an hour."""

    def read(self, path: Path) -> None:
        """Add a simulator's log."""
        for line in path.read_text("utf-8").splitlines():
            said = json.loads(line)
            at = instant(said["at"])
            if said["kind"] == "state" and at < self.end:
                self.states[said["machine"]].append((at, said["state"]))
            elif said["kind"] in ("count", "entry") and self.begin <= at < self.end:
                station = self.station_of.get(said["machine"], said["machine"])
                told = self.pieces if said["kind"] == "count" else self.hourly
                told.append(Piece(at, station, said["good"], said["reject"]))

    def spans(self, machine: str) -> list[Span]:
        """(from, state) of a machine within the window, neighbours alike merged."""
        return clipped(self.states[machine], self.begin)

    def counted(self) -> Iterator[Piece]:
        """Pieces as Takt can know them: of an entry station at the end of their hour."""
        stations = {piece.station for piece in self.hourly}
        yield from (piece for piece in self.pieces if piece.station not in stations)
        yield from self.hourly

    def minutes(self) -> Counter[tuple[str, datetime, str]]:
        """Pieces per (station, minute, good or reject)."""
        made: Counter[tuple[str, datetime, str]] = Counter()
        for piece in self.counted():
            minute = piece.at.replace(second=0, microsecond=0)
            made[piece.station, minute, "good"] += piece.good
            made[piece.station, minute, "reject"] += piece.reject
        return +made


def clipped(states: Iterable[Span], begin: datetime) -> list[Span]:
    """Merge neighbours that are alike and begin at `begin`."""
    merged: list[Span] = []
    for at, state in states:
        if merged and merged[-1][0] <= begin and at <= begin:
            merged.pop()
        if not merged or merged[-1][1] != state:
            merged.append((max(at, begin), state))
    return merged


class Jobs:
    """Whose piece it is: per station the marks in order; a piece at a mark's very instant belongs to the job before."""

    def __init__(self, marks: Iterable[Mark], stations: dict[str, str]) -> None:
        self._at: dict[str, list[datetime]] = {}
        self._job: dict[str, list[int | None]] = {}
        ordered = sorted(marks, key=lambda mark: mark.at)
        for station, line in stations.items():
            own = [mark for mark in ordered if mark.line == line and mark.station in (None, station)]
            self._at[station] = [mark.at for mark in own]
            self._job[station] = [mark.job for mark in own]

    def of(self, station: str, at: datetime) -> int:
        """The job running at a station just before `at`; 0: none."""
        before = bisect_left(self._at[station], at)
        return (self._job[station][before - 1] or 0) if before else 0


@dataclass(frozen=True, slots=True)
class Routing:
    """Where a component enters: the ERP's bill by item, and the plant's stations by operation."""

    bills: dict[str, list[tuple[str, int, Decimal]]]
    stations: dict[str, tuple[str, tuple[int, ...]]]
    station_of: dict[str, str]

    @classmethod
    def read(cls, documents: Path, plant: Path) -> Routing:
        """From the ERP's documents and the plant file."""
        erp: dict[str, Any] = json.loads(documents.read_text("utf-8"))
        model = tomllib.loads(plant.read_text("utf-8"))
        bills = {
            release["item"]: [(b["item"], b["operation_seq"], Decimal(b["quantity_per"])) for b in release["bom"]]
            for release in erp["releases"]
        }
        return cls(
            bills,
            {s["code"]: (s["line"], tuple(s["operations"])) for s in model["station"]},
            {s["machine"]: s["code"] for s in model["station"] if "machine" in s},
        )

    def consumed(self, item: str, station: str, pieces: int) -> Iterator[tuple[str, Decimal]]:
        """(component, quantity) that pieces of an item use up at a station."""
        operations = self.stations[station][1]
        for component, operation, per_piece in self.bills[item]:
            if operation in operations:
                yield component, per_piece * pieces
