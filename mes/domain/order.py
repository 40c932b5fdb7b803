"""An order on its way: when it will be complete, and what may be reported of it when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from mes.domain.material.shortage import Opens, advance

ReportMode = Literal["confirmation", "job_end", "hourly", "automatic"]
ETA_MOVED_MIN = timedelta(minutes=15)
ETA_MOVED_SHARE_MIN = 0.05
"""An ETA that moved less than both (the share: of the time still to go) is not told again, but for `is_news`."""


@dataclass(frozen=True, slots=True)
class AheadLot:
    """A lot still to be made, in the order of its line: pieces left, working time they and the changeover take, µs."""

    order_id: int
    pieces: int
    work_us: int
    setup_us: int
    start_us: int
    has_begun: bool
    is_last_stage: bool


def ends(lots: Iterable[AheadLot], opens: Opens, now: int) -> dict[int, int]:
    """When each order's last stage ends on a line that makes its lots one after another from `now` on.

    A lot begins when the plan says, or as soon as the one before it and its own changeover are done; what has begun
    goes on now.
    """
    found: dict[int, int] = {}
    free = now
    for lot in lots:
        if not lot.pieces:
            continue
        start = free if lot.has_begun else max(lot.start_us, advance(opens, free, lot.setup_us))
        free = advance(opens, start, lot.work_us)
        if lot.is_last_stage:
            found[lot.order_id] = max(found.get(lot.order_id, 0), free)
    return found


def late_minutes(eta_at: datetime | None, due_at: datetime) -> int:
    """Whole minutes past due, rounded up; 0 when in time or not in sight."""
    if eta_at is None or eta_at <= due_at:
        return 0
    return -int((due_at - eta_at) // timedelta(minutes=1))


def is_news(
    told_at: datetime | None, eta_at: datetime | None, told_due_at: datetime, due_at: datetime, now: datetime
) -> bool:
    """Whether an ETA differs so much from what was told that it has to be told anew.

    A due date that changed, one that is crossed, one not in sight or in sight again: always.
    """
    if told_at is None or eta_at is None:
        return told_at is not eta_at
    if told_due_at != due_at or (told_at > told_due_at) != (eta_at > due_at):
        return True
    to_go = max(told_at, eta_at) - now
    return abs(eta_at - told_at) >= max(ETA_MOVED_MIN, ETA_MOVED_SHARE_MIN * to_go)


@dataclass(frozen=True, slots=True)
class Through:
    """Up to where a job's pieces of a shift may be reported: all of them, or those of minutes before `at`."""

    at: datetime | None = None


def report_through(
    mode: ReportMode,
    *,
    first_at: datetime,
    last_at: datetime,
    confirmed_at: datetime | None,
    ran_on: bool,
    finished_at: datetime | None,
    shift_ends_at: datetime,
    now: datetime,
) -> Through | None:
    """Whether and up to where pieces counted in minutes first_at..last_at of a shift may be reported; None: not yet.

    confirmation: what was made before 报工确认; if the job ran on, whole minutes before it. job_end: once finished.
    hourly: whole hours. automatic: when the shift is over or the job finished.
    """
    if mode == "confirmation":
        if confirmed_at is None or first_at > confirmed_at:
            return None
        minute = confirmed_at.replace(second=0, microsecond=0)
        return Through(minute) if ran_on and last_at >= minute else Through()
    if finished_at is not None and finished_at >= first_at:
        return Through()
    if mode == "hourly":
        hour = now.replace(minute=0, second=0, microsecond=0)
        return None if first_at >= hour else Through(hour if last_at >= hour else None)
    return Through() if mode == "automatic" and now >= shift_ends_at else None
