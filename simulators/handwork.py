"""The manual lines: people who make pieces in a world of their own and say so at their stations.

The same discrete-event world as the machines', with stations for machines. A piece at a scan station is an entry at its
instant; an entry station says each full hour (and at a change of order) what was made since. Each station has a
terminal of its own that keeps its entries in order until the API has taken them.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

from simulators.changes import Change, Count, Loaded
from simulators.floor import Seen
from simulators.instants import HOUR_MS, to_iso
from simulators.journal import Journal
from simulators.plantfile import Plant
from simulators.rest import Api, Body, Gone, Refused
from simulators.truth import Truth
from simulators.world import Command, World

REJECT_REASON = "Q3"


class Terminal:
    """A screen at a station: sends entries one after the other, keeps them while the API is away."""

    def __init__(self, api: Api, name: str) -> None:
        self.api = api
        self.refused = 0
        self._waiting: queue.Queue[tuple[str, Body, str] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._send, name=f"terminal {name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Entries not yet sent."""
        return self._waiting.qsize()

    def say(self, path: str, body: Body) -> None:
        """Queue an entry; its client id makes it count once."""
        self._waiting.put((path, body, str(body["client_id"])))

    def close(self, wait_s: float) -> None:
        """Send what waits, for a while, then end."""
        self._waiting.put(None)
        self._thread.join(wait_s)
        self.api.stopping = True
        self._thread.join(5)
        self.api.close()

    def _send(self) -> None:
        while (said := self._waiting.get()) is not None:
            path, body, once = said
            try:
                self.api.post(path, body, once=once)
            except Refused as refused:
                self.refused += 1
                print(f"POST {path} {body} was refused: {refused}", flush=True)
            except Gone:
                return


@dataclass(slots=True)
class _Tally:
    """What an entry station has made since it last said so."""

    since: int
    good: int = 0
    reject: int = 0


class Handwork:
    """All manual lines of a plant; `advance` lets people work up to an instant and say what they made."""

    def __init__(
        self, plant: Plant, world: World, seed: int, begin: int, *, terminals: dict[str, Terminal], log: Path | None
    ) -> None:
        self.plant = plant
        self.truth = Truth(plant, world, seed, begin, manual=True)
        self.terminals = terminals
        self.journal = Journal(log)
        self._identity = UUID(int=seed)
        self._entry_stations = {s.code for s in plant.stations if not s.machine and s.counts_by == "entry"}
        self._tallies = {code: _Tally(begin) for code in self.truth.machines if code in self._entry_stations}
        start = {"kind": "begin", "at": to_iso(begin), "seed": seed, "zone": plant.zone.key, "counters": {}}
        self.journal.write([start])
        self._hear(self.truth.initial)

    def advance(self, now: int) -> None:
        """Work up to now."""
        self._hear(self.truth.advance(now))
        self._tell_hours(self.truth.at)

    def load(self, line: str, order: str, item: str, *, minutes: float = 0, aside: str = "") -> int:
        """Begin another order at the next piece."""
        command = Command("job", line=line, order=order, item=item, minutes=minutes, aside=aside)
        self._hear(self.truth.command(self.truth.at + 1, command))
        return self.truth.at

    def machines(self, line: str) -> list[Seen]:
        """The stations of a line."""
        stations = (self.truth.machines[station.code] for station in self.plant.manual(self.plant.line(line)))
        return [
            Seen(
                m.pace.code,
                m.state,
                stop_code=m.code,
                order=m.order,
                order_since=m.order_since,
                order_good=m.order_good,
                missing=m.missing,
            )
            for m in stations
        ]

    def wip(self, line: str) -> int:
        """Pieces lying on a line."""
        return self.truth.wip(line)

    def close(self) -> None:
        """End the log."""
        self.journal.close(self.truth.at)

    def _hear(self, changes: list[Change]) -> None:
        self.journal.tell(changes)
        for change in changes:
            match change:
                case Count():
                    self._count(change)
                case Loaded() if change.machine in self._tallies:
                    self._tell_hours(change.at)
                    self._tell(change.machine, change.at)

    def _count(self, count: Count) -> None:
        tally = self._tallies.get(count.machine)
        if tally is None:
            self._say(count.machine, "count" if count.good else "reject", count.at, {})
            return
        self._tell_hours(count.at - 1)
        tally.good += count.good
        tally.reject += count.reject

    def _tell_hours(self, until: int) -> None:
        """Entry stations say each full hour what they made in it."""
        for station in self._tallies:
            while (hour := (self._tallies[station].since // HOUR_MS + 1) * HOUR_MS) <= until:
                self._tell(station, hour)

    def _tell(self, station: str, until: int) -> None:
        tally = self._tallies[station]
        self._tallies[station] = _Tally(until)
        if tally.good or tally.reject:
            body = {"from": to_iso(tally.since), "good": tally.good, "reject": tally.reject}
            self.journal.write([{"kind": "entry", "at": to_iso(until), "machine": station, **body}])
        for kind, pieces in (("count", tally.good), ("reject", tally.reject)):
            if pieces:
                self._say(station, kind, until, {"from_at": to_iso(tally.since), "quantity": str(pieces)})

    def _say(self, station: str, kind: str, at: int, more: Body) -> None:
        body: Body = {
            "kind": kind,
            "station": station,
            "effective_at": to_iso(at),
            "client_id": str(uuid5(self._identity, f"{kind}/{station}/{at}")),
            **more,
        }
        if kind == "reject" and REJECT_REASON in self.plant.reasons:
            body["reason"] = REJECT_REASON
        if station in self.terminals:
            self.terminals[station].say("/entries", body)
