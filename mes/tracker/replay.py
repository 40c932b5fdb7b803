"""Replay: book a window again from what was heard, or verify that what is booked is what would be booked.

Touching the window is all a replay does; the running tracker books it. Verifying works out every row of the window from
one snapshot and writes nothing; each row that stands otherwise than it should comes back as a `Deviation`. Windows that
reach back beyond the kept samples are refused: what was heard then is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from mes.domain.calendar import floor_minute, micros
from mes.domain.sample import KEEP_SIGNAL_DAYS
from mes.errors import InputError
from mes.store.pool import Connection
from mes.store.touched import list_touched, touch
from mes.tracker.book import Work, book
from mes.tracker.difference import Deviation
from mes.tracker.plants import DAY_US, Plants


def check_window(from_at: datetime, to_at: datetime, now: datetime) -> None:
    """Raises InputError for a window that is empty or whose samples are no longer kept."""
    if from_at >= to_at:
        raise InputError("The window is empty: --from lies before --to")
    oldest = now - timedelta(days=KEEP_SIGNAL_DAYS)
    if from_at < oldest:
        raise InputError(
            f"Samples are kept for {KEEP_SIGNAL_DAYS} days",
            remedy=f"Choose --from {oldest.isoformat(timespec='minutes')} or later.",
        )


def replay(conn: Connection, from_at: datetime, to_at: datetime) -> None:
    """Have everything in a window booked again."""
    touch(conn, "plant", ["replay"], "replay", from_at=from_at, to_at=to_at)


def verify(conn: Connection, from_at: datetime, to_at: datetime) -> Iterator[Deviation]:
    """Rows of a window that stand otherwise than they should. The caller's transaction should be one snapshot.

    What is touched and not yet booked again cannot be right yet and is left out. Sums are compared with the minutes
    that stand, so one wrong minute is one deviation.
    """
    plants = Plants()
    plants.refresh(conn)
    untouched = _untouched_until(conn, plants)
    start, end = max(micros(from_at), plants.begins), micros(to_at)
    while start < end:
        until = min(start - start % DAY_US + DAY_US, end)
        works = {
            code: Work(start, last)
            for code in plants.codes_on()
            if (last := min(until, untouched.get(code, until)) - 1) >= start
        }
        yield from book(conn, plants, works, whole=True).deviations()
        start = until


def _untouched_until(conn: Connection, plants: Plants) -> dict[str, int]:
    """For posts with something still to be booked: the minute from which on."""
    found: dict[str, int] = {}
    for touched in list_touched(conn):
        if touched.kind in {"station", "line", "plant"}:
            on_line = None if touched.kind == "plant" else touched.keys
            codes = plants.codes_of(touched.keys) if touched.kind == "station" else plants.codes_on(on_line)
            at = floor_minute(micros(touched.from_at)) if touched.from_at else 0
            for code in codes:
                found[code] = min(at, found.get(code, at))
    return found
