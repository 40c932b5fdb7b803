"""What can run now, as the api lists it and as a station shows it: each job with why it cannot."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from mes.domain.plant import Name, Plant
from mes.domain.readiness import Hindrance, Obstacle, Readiness, Weight
from mes.store.pool import Connection
from mes.store.readiness import load_readiness
from mes.store.screens.api_floor import JobLine, list_jobs
from mes.store.screens.wire import name_of

AHEAD = timedelta(hours=36)
OPEN_STATES = ("waiting", "ready", "running", "paused", "held")
JOBS_MAX = 5000


@dataclass(frozen=True, slots=True)
class HindranceLine:
    """Why a job cannot run. `weight`: a start is refused, needs a line lead, or is only warned of.

    `item` is the component that is missing; `can_be_called`: the plant has it elsewhere.
    """

    kind: Obstacle
    weight: Weight
    item: str
    can_be_called: bool


@dataclass(frozen=True, slots=True)
class ReadyLine:
    """A job of the published plan: whether it can run now, how many pieces with what is there, and why not."""

    job_id: int
    system: str
    number: str
    item: str
    operation_seq: int
    line: str
    shift_day: date
    shift: str
    sequence: int
    quantity: int
    good: int
    state: str
    planned_start_at: datetime
    planned_end_at: datetime
    can_run: bool
    pieces: int
    hindrances: tuple[HindranceLine, ...]


@dataclass(frozen=True, slots=True)
class HindranceImage:
    """Why a job cannot run, in words for a screen: `name` is the missing component's."""

    kind: str
    weight: str
    item: str = ""
    name: Name | None = None
    can_be_called: bool = False


def list_readiness(
    conn: Connection, plant: Plant, at: datetime, *, line: str | None, lines: Collection[str] | None
) -> list[ReadyLine]:
    """Open jobs planned to begin within `AHEAD`, by line and planned start. `lines`: only of these (None: all)."""
    wanted = [one.code for one in plant.line if line in {None, one.code} and (lines is None or one.code in lines)]
    jobs = list_jobs(conn, lines=wanted, states=OPEN_STATES, to_at=at + AHEAD, limit=JOBS_MAX)
    found: dict[int, Readiness] = {}
    for code in wanted:
        own = [job.id for job in jobs if job.line == code]
        found |= {one.job_id: one for one in load_readiness(conn, plant, code, jobs=own)} if own else {}
    rows = [_line(job, found[job.id]) for job in jobs if job.id in found]
    return sorted(rows, key=lambda row: wanted.index(row.line))


def _line(job: JobLine, ready: Readiness) -> ReadyLine:
    return ReadyLine(
        job_id=job.id, system=job.system, number=job.number, item=job.item, operation_seq=job.operation_seq,
        line=job.line, shift_day=job.shift_day, shift=job.shift, sequence=job.sequence, quantity=job.quantity,
        good=job.good, state=job.state, planned_start_at=job.planned_start_at, planned_end_at=job.planned_end_at,
        can_run=ready.can_run, pieces=ready.pieces,
        hindrances=tuple(HindranceLine(h.kind, h.weight, h.item, h.can_be_called) for h in ready.hindrances),
    )  # fmt: skip


def show_readiness(
    conn: Connection, plant: Plant, line: str, jobs: Sequence[int]
) -> dict[int, tuple[int, tuple[HindranceImage, ...]]]:
    """Of each open job: pieces that could be made now, and what hinders it."""
    found = load_readiness(conn, plant, line, jobs=jobs) if jobs else []
    names = _names(conn, {h.item for one in found for h in one.hindrances if h.item})
    return {one.job_id: (one.pieces, tuple(_image(h, names) for h in one.hindrances)) for one in found}


def _image(hindrance: Hindrance, names: Mapping[str, Name]) -> HindranceImage:
    return HindranceImage(
        hindrance.kind, hindrance.weight, hindrance.item, names.get(hindrance.item), hindrance.can_be_called
    )


def _names(conn: Connection, items: set[str]) -> dict[str, Name]:
    rows = conn.execute("select code, name from item where code = any(%(items)s)", {"items": sorted(items)})
    return {code: name_of(name, code) for code, name in rows} if items else {}
