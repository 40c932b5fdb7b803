"""Whose piece is it: job marks and what people entered, as they concern one station.

A mark says that from its instant on a station works on a job, in a phase, or on none. A count belongs to the job that
runs at its station at the count's instant; at a mark's very instant, to the job before it. Counts without a job stay
unassigned (job 0) until somebody assigns the stretch they lie in. An entry that another one reverses says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

COUNT_KINDS = ("count", "reject", "rework", "scrap")
PRODUCTION = "production"
PHASES = ("setup", "first_article", PRODUCTION, "rework", "trial")
YIELD_PHASES = (PRODUCTION, "first_article")
"""Phases whose good pieces are yield. A set-up or trial piece is none; a reworked one was counted when it was made."""
UNASSIGNED = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as booking reads it; instants in µs. `station` and `machine` empty: the whole line.

    `repeated`: an earlier entry counted the same serial at this station.
    """

    id: int
    kind: str
    at: int
    line: str
    station: str = ""
    machine: str = ""
    mark: str = ""
    job: int = UNASSIGNED
    phase: str = ""
    from_at: int | None = None
    quantity: Decimal | None = None
    reason: str = ""
    by: str = ""
    reverses: bool = False
    repeated: bool = False

    def concerns(self, station: str, machine: str) -> bool:
        """Whether it is about this station, named itself, by its machine, or as part of the whole line."""
        if self.station:
            return self.station == station
        return not self.machine or self.machine == machine

    @property
    def pieces(self) -> int:
        """Whole pieces: one for a scan without a quantity, none for a mere reversal or a serial seen twice."""
        if self.quantity is None:
            return 0 if self.reverses or self.repeated else 1
        return 0 if self.repeated else int(self.quantity)


@dataclass(frozen=True, slots=True)
class Assignment:
    """From..to (both included) nobody's pieces were this job's; of two, the later entry holds."""

    from_at: int
    to_at: int
    job: int
    phase: str


def assignments(entries: Iterable[Entry]) -> tuple[Assignment, ...]:
    """What was assigned afterwards at one station, the latest entry first."""
    assigned = sorted((e for e in entries if e.kind == "assign" and e.job), key=lambda e: -e.id)
    return tuple(Assignment(e.at if e.from_at is None else e.from_at, e.at, e.job, e.phase) for e in assigned)


def owner(at: int, job: int, phase: str, assigned: Sequence[Assignment]) -> tuple[int, str]:
    """(job, phase) of a count made at `at` while `job` was running in `phase`."""
    if job == UNASSIGNED:
        for stretch in assigned:
            if stretch.from_at <= at <= stretch.to_at:
                return stretch.job, stretch.phase or PRODUCTION
        return UNASSIGNED, phase or PRODUCTION
    return job, phase or PRODUCTION


def after_mark(mark: Entry, job: int, phase: str) -> tuple[int, str]:
    """(job, phase) at a station after a mark; a pause or finish of another job than the running one changes nothing."""
    if mark.mark in {"start", "switch"}:
        return mark.job, mark.phase or PRODUCTION
    if mark.job in {job, UNASSIGNED}:
        return UNASSIGNED, ""
    return job, phase
