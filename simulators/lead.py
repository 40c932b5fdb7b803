"""A line lead: starts the jobs the plan has for the line, switches from one to the next, finishes and confirms them.

What is to be made comes from the API; what really goes on comes from the floor. Leads do what good leads do: the first
job of a line counts from the beginning of the shift; the next order is loaded when what lies on the line completes this
one; each station is marked as switched at the instant at which it really was; a line that lacks a component goes on
with another order; at the end of a shift what was counted is confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from simulators.floor import Floor, Seen
from simulators.instants import MINUTE_MS, from_iso, to_iso
from simulators.plantfile import Line, Plant
from simulators.rest import Api, Body, Refused, part
from simulators.shifts import shift_spans

OPEN_STATES = "running,paused,ready"
EARLY_MINUTES = 60
SPARE_PIECES = 2
LACK_MINUTES = 15
NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Habits:
    """How a lead works: `waits` for a job before anything runs; `clock` is plant time in milliseconds."""

    waits: bool
    seed: int
    begin: int
    clock: Callable[[], int]


class Lead:
    """The lead of one line. `job` is what it makes, `following` what it is being changed over to."""

    def __init__(self, line: Line, plant: Plant, api: Api, floor: Floor, habits: Habits) -> None:
        self.line = line
        self.plant = plant
        self.api = api
        self.floor = floor
        self.habits = habits
        self.job: Body | None = None
        self.following: Body | None = None
        self._stations = {s.machine or s.code: s.code for s in plant.stations if s.line == line.code}
        self._identity = UUID(int=habits.seed)
        self._shifts = shift_spans(plant, line, habits.begin)
        self._shift = next(self._shifts, (NEVER, NEVER))
        self._begun = False
        self._dry = False
        self._switched: set[str] = set()
        self._setups: list[tuple[Body, str, int]] = []
        self._minutes = 0.0
        self._counted_before = 0
        self._refused: set[int] = set()
        self._families: dict[str, str] = {}
        self._lacking = ("", 0)

    def tick(self, now: int, jobs: Sequence[Body]) -> None:
        """Look at the line and do what is due; `jobs` are the plant's open ones in the order of the plan."""
        rows = [row for row in jobs if row["line"] == self.line.code and row["id"] not in self._refused]
        if now >= self._shift[1]:
            self._end_shift()
        if now < self._shift[0]:
            return
        self._end_setups(now)
        if self.following is not None:
            self._follow(rows)
        elif self.job is None:
            self._start(now, rows)
        else:
            self._mind(now, rows)

    def _start(self, now: int, rows: Sequence[Body]) -> None:
        """Adopt the job that runs, or start the next one, from the beginning of the shift if it is the line's first."""
        running = next((row for row in rows if row["state"] == "running"), None)
        early = now + EARLY_MINUTES * MINUTE_MS
        job = running or next((row for row in rows if from_iso(row["planned_start_at"]) <= early), None)
        if job is None:
            return
        at = self.floor.load(self.line.code, job["number"], job["item"])
        first = not self._begun and not self.habits.waits
        if running is None and not self._mark(job, "start", self._shift[0] if first else at):
            return
        self._begun, self.job, self._dry, self._counted_before = True, job, False, 0

    def _mind(self, now: int, rows: Sequence[Body]) -> None:
        """See whether the job is done, or cannot go on."""
        assert self.job is not None
        row = next((row for row in rows if row["id"] == self.job["id"]), None)
        if row is None:
            self.job = None
            return
        self.job = row
        left = row["quantity"] - self._good(row)
        if left <= 0 or left + SPARE_PIECES <= self.floor.wip(self.line.code):
            self._complete(row, left, next((other for other in rows if other["id"] != row["id"]), None))
        elif self._lacks_for_long(now):
            other = next((other for other in rows if other["item"] != row["item"]), None)
            if other is not None:
                self._turn(row, other, aside=row["number"])

    def _good(self, row: Body) -> int:
        """Good pieces of a job: what the product knows, or what lies there already if that is more."""
        last = self.floor.machines(self.line.code)[-1]
        counted = last.order_good - self._counted_before if last.order == row["number"] else 0
        return max(int(row["good"]), counted)

    def _complete(self, row: Body, left: int, other: Body | None) -> None:
        """Enough is on the line: go on with the next job, or let the line run dry and finish."""
        if other is not None and other["number"] == row["number"]:
            if left <= 0 and self._mark(other, "switch", self.habits.clock()):
                self._finish(row)
                self.job, self._counted_before = other, self._counted_before + row["quantity"] - left
        elif other is not None:
            self._turn(row, other)
        elif not self._dry:
            self.floor.load(self.line.code, "", "")
            self._dry = True
        elif self.floor.wip(self.line.code) == 0:
            self._finish(row)
            self.job = None

    def _lacks_for_long(self, now: int) -> bool:
        missing = next((seen.missing for seen in self.floor.machines(self.line.code) if seen.missing), "")
        if missing != self._lacking[0]:
            self._lacking = missing, now
        return bool(missing) and now - self._lacking[1] >= LACK_MINUTES * MINUTE_MS

    def _turn(self, row: Body, other: Body, aside: str = "") -> None:
        """Load another order; its marks follow station by station."""
        minutes = self.plant.changeover(self.line.code, self._family(row["item"]), self._family(other["item"]))
        self.floor.load(self.line.code, other["number"], other["item"], minutes=minutes, aside=aside)
        self.following, self._switched, self._lacking, self._dry = other, set(), ("", 0), False
        self._minutes, self._counted_before = minutes, 0

    def _follow(self, rows: Sequence[Body]) -> None:
        """Mark each station at the instant at which it turned to the new order; then finish the old job if done."""
        assert self.following is not None
        seen = self.floor.machines(self.line.code)
        for machine in seen:
            if machine.order == self.following["number"] and machine.code not in self._switched:
                if not self._switch(self.following, machine):
                    self.following = None
                    return
                self._switched.add(machine.code)
        if len(self._switched) == len(seen):
            before = next((row for row in rows if self.job and row["id"] == self.job["id"]), None)
            if before is not None and before["good"] + SPARE_PIECES >= before["quantity"]:
                self._finish(before)
            self.job, self.following = self.following, None

    def _switch(self, job: Body, machine: Seen) -> bool:
        """Mark a station as switched; where it is set up first, as set up from then and producing afterwards."""
        station, since = self._stations[machine.code], machine.order_since
        if not self._minutes:
            return self._mark(job, "switch", since, station)
        self._setups.append((job, station, since + round(self._minutes * MINUTE_MS)))
        return self._mark(job, "switch", since, station, phase="setup")

    def _end_setups(self, now: int) -> None:
        """Say of each station that was set up that it produces, from the instant at which it could at the earliest."""
        for setup in [setup for setup in self._setups if setup[2] <= now]:
            self._setups.remove(setup)
            self._mark(setup[0], "start", setup[2], setup[1])

    def _finish(self, row: Body) -> None:
        at = self.habits.clock()
        self._mark(row, "finish", at)
        self._mark(row, "confirm", at)

    def _end_shift(self) -> None:
        if self.job is not None:
            self._mark(self.job, "confirm", self._shift[1])
        self._shift = next(self._shifts, (NEVER, NEVER))

    def _mark(self, job: Body, verb: str, at: int, station: str = "", phase: str = "") -> bool:
        """Say something about a job; False when it was refused, and a job that may not be started is left alone."""
        once = str(uuid5(self._identity, f"{verb}/{job['id']}/{station}/{at}"))
        said = {"effective_at": to_iso(at), "client_id": once, "station": station, "phase": phase}
        body = {key: value for key, value in said.items() if value}
        try:
            self.api.post(f"/jobs/{job['id']}/{verb}", body, once=once)
        except Refused as refused:
            print(f"{self.line.code}: {verb} of job {job['id']} was refused: {refused}", flush=True)
            if verb in {"start", "switch"}:
                self._refused.add(job["id"])
            return False
        print(f"{to_iso(at)} {self.line.code} {station} {verb} {phase} {job['number']} (job {job['id']})", flush=True)
        return True

    def _family(self, item: str) -> str:
        if item not in self._families:
            self._families[item] = self.api.get(f"/items/{part(item)}").get("family") or ""
        return self._families[item]
