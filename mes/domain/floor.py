"""What people on the shop floor say: entries (counts, rejects, reasons, job marks ...) and calls.

An entry is never changed: a correction is a further entry that names the one it `reverses`; the reversed one then says
nothing, and the correction says what it says itself (with quantity 0 or kind `note` it only takes back).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from mes.domain.andon import CallKind
from mes.domain.fields import ClientId, Code, CodeOrNone, Count, Instant, Quantity, Text
from mes.domain.plant import Plant, Reason
from mes.domain.sample import FUTURE_MAX, KEEP_SIGNAL_DAYS
from mes.errors import Fault

EntryKind = Literal["mark", "count", "reject", "rework", "scrap", "reason", "assign", "who", "note", "confirm"]
Mark = Literal["start", "pause", "finish", "switch"]
Phase = Literal["setup", "first_article", "production", "rework", "trial"]
COUNTS = ("count", "reject", "rework", "scrap")
EARLIEST = timedelta(days=KEEP_SIGNAL_DAYS)


@dataclass(frozen=True)
class EntryDocument:
    """One thing somebody said. It names a station, a machine, or the line as a whole.

    `effective_at`: when it was so (absent: now). `from_at`: what it is about began then (an hourly count, a stop, a
    stretch to assign). `quantity`: whole pieces (absent at a count: one piece, a scan). Of who is on: `share` of what
    is made there (absent: people share what is left equally), `leaves`: is on no longer.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    kind: EntryKind
    client_id: ClientId | None = None
    effective_at: Instant | None = None
    from_at: Instant | None = None
    line: CodeOrNone = ""
    station: CodeOrNone = ""
    machine: CodeOrNone = ""
    mark: Mark | None = None
    job_id: Count | None = None
    phase: Phase | None = None
    quantity: Quantity | None = None
    reason: CodeOrNone = ""
    serial: CodeOrNone = ""
    reverses: Count | None = None
    person: CodeOrNone = ""
    share: Quantity | None = None
    leaves: bool = False
    note: Text = ""
    ext: dict[str, Any] = field(default_factory=dict)

    def faults(self) -> Iterator[Fault]:
        """What its kind needs and it lacks."""
        if self.kind == "mark" and self.mark is None:
            yield Fault("/mark", "missing", "a mark is a start, pause, finish or switch")
        if self.kind != "mark" and self.mark is not None:
            yield Fault("/mark", "misplaced", f"an entry of kind {self.kind} is no mark")
        if self.job_id is None and (self.mark in ("start", "switch") or self.kind in ("assign", "confirm")):
            yield Fault("/job_id", "missing", "this names a job")
        if self.kind == "assign" and self.from_at is None:
            yield Fault("/from_at", "missing", "an assignment says from when")
        if self.kind == "reason" and not self.reason:
            yield Fault("/reason", "missing", "a reason names its code")
        if self.kind == "who" and not self.person:
            yield Fault("/person", "missing", "who names a person")
        if self.kind != "who" and (self.share is not None or self.leaves):
            yield Fault("/share", "misplaced", f"an entry of kind {self.kind} says nothing of who is on")
        if self.share is not None and not 0 < self.share <= 1:
            yield Fault("/share", "range", "a share lies above 0 and not above 1")
        if self.kind == "note" and not (self.note or self.reverses):
            yield Fault("/note", "missing", "a note has words")
        if self.quantity is not None and self.quantity % 1:
            yield Fault("/quantity", "pieces", "pieces are whole")
        if self.from_at and self.effective_at and self.from_at > self.effective_at:
            yield Fault("/from_at", "order", "from_at lies before effective_at")


@dataclass(frozen=True)
class JobMark:
    """Start, pause, finish or switch to a job, or confirm it (报工确认); without station on its whole line."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    client_id: ClientId | None = None
    station: CodeOrNone = ""
    machine: CodeOrNone = ""
    effective_at: Instant | None = None
    phase: Phase | None = None
    person: CodeOrNone = ""
    note: Text = ""


@dataclass(frozen=True)
class StopReason:
    """One reason for the stops of many machines or whole lines at once: a power cut from 08:12 to 09:40.

    `to_at` absent: for whatever stop lasts at `from_at`. Said of a stretch it cuts stops there, so that a stop is
    split, joined again and re-timed by saying it anew; the last word on an instant holds.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    reason: CodeOrNone
    from_at: Instant
    to_at: Instant | None = None
    machines: tuple[Code, ...] = ()
    lines: tuple[Code, ...] = ()
    client_id: ClientId | None = None
    note: Text = ""

    def entries(self) -> list[EntryDocument]:
        """What it says of each machine and line. Raises nothing; an empty list says nothing."""
        said = EntryDocument(
            kind="reason",
            reason=self.reason,
            effective_at=self.to_at or self.from_at,
            from_at=self.from_at if self.to_at else None,
            note=self.note,
        )
        return [
            *(replace(said, machine=code) for code in dict.fromkeys(self.machines)),
            *(replace(said, line=code) for code in dict.fromkeys(self.lines)),
        ]


@dataclass(frozen=True)
class AndonDocument:
    """A call for help from a station, a machine or a line."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    kind: CallKind
    client_id: ClientId | None = None
    line: CodeOrNone = ""
    station: CodeOrNone = ""
    machine: CodeOrNone = ""
    note: Text = ""
    at: Instant | None = None


def place_of(plant: Plant, *, line: str, station: str, machine: str) -> tuple[str, list[Fault]]:
    """The line that a station, machine or line names; and what is not there, or stands elsewhere."""
    faults: list[Fault] = []
    lines: list[tuple[str, str]] = []
    for key, code, found in (
        ("line", line, plant.lines.get(line)),
        ("station", station, plant.stations.get(station)),
        ("machine", machine, plant.machines.get(machine)),
    ):
        if code and found is None:
            faults.append(Fault(f"/{key}", "unknown", f"there is no {key} {code}"))
        elif found is not None:
            lines.append((key, getattr(found, "line", code)))
    if not lines and not faults:
        faults.append(Fault("/station", "missing", "name a station, a machine or a line"))
    if len({where for _, where in lines}) > 1:
        faults.append(Fault(f"/{lines[-1][0]}", "elsewhere", f"stands on line {lines[-1][1]}"))
    return (lines[0][1] if lines else ""), faults


def reason_fault(entry: EntryDocument, reasons: dict[str, Reason]) -> Fault | None:
    """Why a reason cannot be given here: unknown, or of the other kind."""
    if not entry.reason:
        return None
    reason = reasons.get(entry.reason)
    if reason is None:
        return Fault("/reason", "unknown", f"there is no reason {entry.reason}")
    wanted = "stop" if entry.kind == "reason" else "reject" if entry.kind in COUNTS else reason.kind
    if reason.kind != wanted:
        return Fault("/reason", "kind", f"{entry.reason} is a reason for a {reason.kind}, not for a {wanted}")
    return None


def time_fault(at: datetime, now: datetime, pointer: str = "/effective_at") -> Fault | None:
    """Why something cannot have happened then: not yet, or too long ago to be booked."""
    if at > now + FUTURE_MAX:
        return Fault(pointer, "future", "lies in the future")
    if at < now - EARLIEST:
        return Fault(pointer, "too_late", f"is more than {KEEP_SIGNAL_DAYS} days ago")
    return None
