"""A line as machines in a row: who waits for whom, and where a standstill began.

A machine that waits points at a neighbour: starved or idle behind a machine that does not run, upstream; blocked, or
idle before one that does not run, downstream. Following the pointers from the machine that stands leads to the root.
The first machine of a line has nobody upstream: it waits for a component.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from mes.domain.tracking.stops import Run

BUBBLE_US = 300_000_000
"""A neighbour that stood until this long ago may still be the reason: the hole it left travels along the line."""
UPSTREAM, DOWNSTREAM, COMPONENT = "upstream", "downstream", "component"


class Row:
    """The machines of a line in the order pieces pass them, with the stretches in which each did not run."""

    def __init__(self, machines: Sequence[str], runs: Mapping[str, Sequence[Run]]) -> None:
        self._place = {machine: place for place, machine in enumerate(machines)}
        self._machines = machines
        self._runs = runs
        self._starts = {machine: [run.from_at for run in runs.get(machine, ())] for machine in machines}

    def cause(self, machine: str, run: Run) -> str:
        """Whom or what a standing machine waits for: upstream, downstream, component, or its own cause."""
        place = self._place[machine]
        if run.state == "blocked":
            return DOWNSTREAM
        if run.state == "starved":
            before = self.standing(place - 1, run.from_at)
            return COMPONENT if place == 0 or (before and before.state == "blocked") else UPSTREAM
        if run.state == "idle":
            if self.standing(place - 1, run.from_at):
                return UPSTREAM
            if self.standing(place + 1, run.from_at):
                return DOWNSTREAM
        return run.cause

    def root(self, machine: str, run: Run) -> str:
        """The machine at which a standstill began."""
        at, seen = run.from_at, {machine}
        while True:
            step = {UPSTREAM: -1, DOWNSTREAM: 1}.get(self.cause(machine, run), 0)
            place = self._place[machine] + step
            if not step or not 0 <= place < len(self._machines):
                return machine
            neighbour = self._machines[place]
            before = self.standing(place, at) or self._lately(place, at)
            if before is None or neighbour in seen:
                return neighbour
            seen.add(neighbour)
            machine, run = neighbour, before

    def standing(self, place: int, at: int) -> Run | None:
        """The stretch in which the machine at a place stands at an instant; None while it runs or is not there."""
        run = self._last_begun(place, at)
        return run if run and (run.to_at is None or run.to_at > at) else None

    def _lately(self, place: int, at: int) -> Run | None:
        run = self._last_begun(place, at)
        return run if run and run.to_at is not None and at - run.to_at <= BUBBLE_US else None

    def _last_begun(self, place: int, at: int) -> Run | None:
        if not 0 <= place < len(self._machines):
            return None
        machine = self._machines[place]
        index = bisect_right(self._starts[machine], at) - 1
        return self._runs[machine][index] if index >= 0 else None
