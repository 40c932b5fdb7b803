"""A line as machines in a row: who waits for whom, and where a standstill began.

A machine that waits points at a neighbour: starved, or idle behind a machine that does not run, upstream; blocked, or
idle before one that does not run, downstream. Following the pointers from the machine that stands leads to the root.
The first machine of a line has nobody upstream: it waits for a component; so does one that starves while the machine
before it is blocked. One that is idle waits for whom it saw standing as it fell idle, never for one that waits for it.
All this is seen as of the instant at hand: what happens later changes nobody's past reason.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from mes.domain.tracking.fold import Span

BUBBLE_US = 300_000_000
"""A neighbour that stood until this long ago may still be the reason: the hole it left travels along the line."""
UPSTREAM, DOWNSTREAM, COMPONENT = "upstream", "downstream", "component"


class Row:
    """The machines of a line in the order pieces pass them, with the spans in which each did not run."""

    def __init__(self, machines: Sequence[str], spans: Mapping[str, Sequence[Span]]) -> None:
        self._place = {machine: place for place, machine in enumerate(machines)}
        self._machines = machines
        self._stood = {
            machine: [span for span in spans.get(machine, ()) if span.state != "running"] for machine in machines
        }
        self._begun = {machine: [span.from_at for span in stood] for machine, stood in self._stood.items()}

    def cause(self, machine: str, state: str, at: int) -> str:
        """Whom or what a machine that stands in a state waits for at an instant; empty: it has its own cause."""
        place = self._place[machine]
        if state == "blocked":
            return DOWNSTREAM
        before = self.standing(place - 1, at)
        if state == "starved":
            return COMPONENT if place == 0 or (before and before.state == "blocked") else UPSTREAM
        if state != "idle":
            return ""
        if before and before.state != "blocked":
            return UPSTREAM
        after = self.standing(place + 1, at)
        return DOWNSTREAM if after and after.state != "starved" else ""

    def root(self, machine: str, state: str, at: int) -> str:
        """The machine at which a standstill began."""
        seen = {machine}
        while True:
            step = {UPSTREAM: -1, DOWNSTREAM: 1}.get(self.cause(machine, state, at), 0)
            place = self._place[machine] + step
            if not step or not 0 <= place < len(self._machines):
                return machine
            machine = self._machines[place]
            stood = self.standing(place, at) or self._lately(place, at)
            if stood is None or machine in seen:
                return machine
            seen.add(machine)
            is_seen_now = _lasts(stood, at) and stood.state != "idle"
            state, at = stood.state, at if is_seen_now else stood.from_at

    def standing(self, place: int, at: int) -> Span | None:
        """What the machine at a place stands in at an instant; None while it runs or is not there."""
        span = self._last_begun(place, at)
        return span if span and _lasts(span, at) else None

    def _lately(self, place: int, at: int) -> Span | None:
        span = self._last_begun(place, at)
        return span if span and span.to_at is not None and at - span.to_at <= BUBBLE_US else None

    def _last_begun(self, place: int, at: int) -> Span | None:
        if not 0 <= place < len(self._machines):
            return None
        machine = self._machines[place]
        index = bisect_right(self._begun[machine], at) - 1
        return self._stood[machine][index] if index >= 0 else None


def _lasts(span: Span, at: int) -> bool:
    return span.to_at is None or span.to_at > at
