"""`/station/{code}`: what an operator works on, what to count it with, and what the station needs."""

from __future__ import annotations

from dataclasses import dataclass

from mes.domain.plant import Name
from mes.store.screens.plant import ShiftImage, SiteImage
from mes.store.screens.wall import CallImage


@dataclass(frozen=True, slots=True)
class DocumentImage:
    """A drawing or instruction of the job's revision."""

    kind: str
    code: str
    revision: str
    url: str


@dataclass(frozen=True, slots=True)
class PartImage:
    """A component this station uses: what is left at the line and until when it lasts (absent: not monitored)."""

    item: str
    name: Name
    unit: str
    per_piece: str
    at_line: str | None = None
    lasts_until: int | None = None
    called: bool = False


@dataclass(frozen=True, slots=True)
class StationJobImage:
    """A job of the line, in sequence; good and reject are this station's."""

    order: str
    item: str
    name: Name
    revision: str
    operation_seq: int
    operation: Name
    quantity: int
    good: int
    reject: int
    state: str
    sequence: int
    planned_start: int
    planned_end: int
    documents: tuple[DocumentImage, ...] = ()
    parts: tuple[PartImage, ...] = ()


@dataclass(frozen=True, slots=True)
class ReasonImage:
    """A reason to tap."""

    code: str
    name: Name
    fault: str = ""


@dataclass(frozen=True, slots=True)
class StopImage:
    """A stop without a reason, long enough to ask for one."""

    machine: str
    from_at: int
    state: str
    to_at: int | None = None


@dataclass(frozen=True, slots=True)
class SaidImage:
    """An entry made here this shift, newest first; what may still be taken back."""

    id: str
    kind: str
    quantity: str
    at: int
    by: str
    reason: str | None = None
    from_at: int | None = None


@dataclass(frozen=True, slots=True)
class StationImage:
    """Everything `/station/{code}` shows. `good` and `reject` are this shift's, `unassigned` of them nobody's yet."""

    site: SiteImage
    code: str
    name: Name
    line: str
    line_name: Name
    counts_by: str
    manual: bool
    status: str
    since: int
    good: int
    reject: int
    unassigned: int
    jobs: dict[str, StationJobImage]
    reject_reasons: tuple[ReasonImage, ...]
    stop_reasons: tuple[ReasonImage, ...]
    stops: tuple[StopImage, ...]
    said: tuple[SaidImage, ...]
    calls: dict[str, CallImage]
    components: tuple[str, ...]
    """Item codes that are components of something: scanned where the job does not use them, they are the wrong part."""
    shift: ShiftImage | None = None
    job: str | None = None
    phase: str | None = None
    hour_from: int | None = None
    """Where the next hourly entry begins (the end of the last one, else the start of shift or job)."""
