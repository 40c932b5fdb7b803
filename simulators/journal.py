"""The truth log: one JSON line per thing that happened, and what such logs add up to.

First line: `{"kind": "begin", "at", "seed", "zone", "plant", "world", "counters"}`; last one, if the program ended by
itself: `{"kind": "end", "at"}`. In between the records of `changes.py`, in order. `Journal` writes, `read` reads,
`Summary` adds up: per machine or station its states from..to, and its good and reject by hour and by shift.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Self
from zoneinfo import ZoneInfo

from simulators.changes import Change, Count, record
from simulators.instants import MINUTE_MS, from_iso, to_datetime, to_iso

Record = dict[str, Any]


class Journal:
    """Writes the truth log; a path of None writes nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file: IO[str] | None = path.open("w", encoding="utf-8") if path else None

    def write(self, records: Iterable[Record]) -> None:
        """Append records and hand them to the operating system, so that a killed simulator has told all it did."""
        if self._file is None:
            return
        self._file.writelines(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in records)
        self._file.flush()

    def tell(self, changes: Iterable[Change]) -> None:
        """Append what happened."""
        self.write(record(change) for change in changes)

    def close(self, at: int) -> None:
        """End the log at an instant of plant time."""
        self.write([{"kind": "end", "at": to_iso(at)}])
        if self._file is not None:
            self._file.close()


class Tally:
    """Good and reject of each machine by minute, kept as they happen, so that totals are quickly told."""

    def __init__(self, machines: Iterable[str]) -> None:
        self._minutes: dict[str, Counter[tuple[int, str]]] = {machine: Counter() for machine in machines}

    def add(self, changes: Iterable[Change]) -> None:
        """Take in what happened."""
        for change in changes:
            if isinstance(change, Count):
                minutes = self._minutes[change.machine]
                minutes[change.at // MINUTE_MS, "good"] += change.good
                minutes[change.at // MINUTE_MS, "reject"] += change.reject

    def totals(self, until: int) -> dict[str, list[int]]:
        """Good and reject of each machine in the minutes that were over at `until`."""
        last = until // MINUTE_MS
        return {
            machine: [sum(n for (minute, name), n in minutes.items() if name == kind and minute < last)
                      for kind in ("good", "reject")]
            for machine, minutes in self._minutes.items()
        }  # fmt: skip


def read(paths: Iterable[Path]) -> Iterator[Record]:
    """All records of some logs, one log after the other; a line cut short by a kill is left out."""
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                return


@dataclass(slots=True)
class Told:
    """What a log says of one machine or manual station."""

    states: list[tuple[int, str]] = field(default_factory=list)
    good: Counter[int] = field(default_factory=Counter)
    reject: Counter[int] = field(default_factory=Counter)
    orders: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(slots=True)
class Summary:
    """Logs added up. Counts are kept by the hour of plant time in which they fell (`at // 3,600,000`)."""

    zone: ZoneInfo
    end: int = 0
    stations: dict[str, Told] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[Record], until: int | None = None) -> Self:
        """Add up records; with `until` only what happened before that instant."""
        summary = cls(ZoneInfo("UTC"))
        for line in records:
            at = from_iso(line["at"])
            if until is not None and at >= until:
                summary.end = until
                continue
            summary.end = max(summary.end, at)
            summary._add(line, at)
        return summary

    def _add(self, line: Record, at: int) -> None:
        if line["kind"] == "begin":
            self.zone = ZoneInfo(line["zone"])
            return
        told = self.stations.setdefault(line["machine"], Told()) if "machine" in line else Told()
        if line["kind"] == "state":
            told.states.append((at, line["state"]))
        elif line["kind"] == "count":
            told.good[at // 3_600_000] += line["good"]
            told.reject[at // 3_600_000] += line["reject"]
            told.orders[line.get("order", ""), "good"] += line["good"]
            told.orders[line.get("order", ""), "reject"] += line["reject"]

    def spans(self, station: str) -> list[tuple[int, int, str]]:
        """A station's states as half-open spans (from, to, state) in milliseconds, the last one up to the log's end."""
        states = self.stations[station].states
        ends = [at for at, _ in states[1:]] + [self.end]
        return [(at, end, state) for (at, state), end in zip(states, ends, strict=True)]

    def by_shift(self, station: str, shift_hours: int = 12, first_hour: int = 8) -> dict[str, tuple[int, int]]:
        """Good and reject per half-day of the plant (08:00 and 20:00 by default), keyed `2026-01-05 08:00`."""
        told, sums = self.stations[station], dict[str, tuple[int, int]]()
        for hour in sorted(told.good.keys() | told.reject.keys()):
            local = to_datetime(hour * 3_600_000).astimezone(self.zone)
            start = local - timedelta(hours=(local.hour - first_hour) % shift_hours)
            key = f"{start:%Y-%m-%d %H}:00"
            good, reject = sums.get(key, (0, 0))
            sums[key] = good + told.good[hour], reject + told.reject[hour]
        return sums

    def as_json(self) -> dict[str, Any]:
        """The whole summary in plain types: instants as text, counts by hour and shift."""
        return {"end": to_iso(self.end), "stations": {code: self._station(code) for code in sorted(self.stations)}}

    def _station(self, code: str) -> dict[str, Any]:
        told = self.stations[code]
        hours = sorted(told.good.keys() | told.reject.keys())
        return {
            "good": told.good.total(),
            "reject": told.reject.total(),
            "by_hour": {to_iso(hour * 3_600_000): [told.good[hour], told.reject[hour]] for hour in hours},
            "by_shift": {start: list(counts) for start, counts in self.by_shift(code).items()},
            "by_order": _by_order(told.orders),
            "states": [[to_iso(start), to_iso(end), state] for start, end, state in self.spans(code)],
        }


def _by_order(orders: Counter[tuple[str, str]]) -> dict[str, list[int]]:
    names = dict.fromkeys(order for order, _ in orders)
    return {order: [orders[order, "good"], orders[order, "reject"]] for order in names}


def as_text(summary: Summary) -> Iterator[str]:
    """A summary for people: a line per station, its minutes per state, its pieces by shift."""
    yield f"until {to_iso(summary.end)}"
    for code in sorted(summary.stations):
        told = summary.stations[code]
        minutes: Counter[str] = Counter()
        for from_at, to_at, state in summary.spans(code):
            minutes[state] += to_at - from_at
        states = ", ".join(f"{state} {ms / 60_000:.1f} min" for state, ms in minutes.most_common())
        yield f"{code}: good {told.good.total()}, reject {told.reject.total()}; {states}"
        for start, (good, reject) in summary.by_shift(code).items():
            yield f"    from {start}: good {good}, reject {reject}"
