"""Replay: book a window again from what was heard, or verify that what is booked is what would be booked.

Touching the window is all a replay does; the running tracker books it. Verifying works out every row of the window from
one snapshot and writes nothing; each row that stands otherwise than it should comes back as a `Deviation`. Windows that
reach back beyond the kept samples are refused: what was heard then is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from mes.domain.calendar import instant, micros
from mes.domain.sample import KEEP_SIGNAL_DAYS
from mes.errors import InputError
from mes.store.pool import Connection
from mes.store.touched import touch
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


class _UndoneError(Exception):
    """Takes back what verifying worked out."""


def verify(conn: Connection, from_at: datetime, to_at: datetime) -> Iterator[Deviation]:
    """Rows of a window that stand otherwise than they should. The caller's transaction should be one snapshot.

    A day at a time; what each day's working out would write is taken back before the next.
    """
    plants = Plants()
    plants.refresh(conn)
    start, end = max(micros(from_at), plants.begins), micros(to_at)
    while start < end:
        until = min(start - start % DAY_US + DAY_US, end)
        yield from _verify_stretch(conn, plants, Work(start, until - 1))
        start = until


def _verify_stretch(conn: Connection, plants: Plants, work: Work) -> list[Deviation]:
    found: list[Deviation] = []
    try:
        with conn.transaction():
            found = book(conn, plants, dict.fromkeys(plants.codes_on(), work), whole=True).deviations()
            raise _UndoneError
    except _UndoneError:
        return found


def still_touched(conn: Connection, from_at: datetime, to_at: datetime) -> bool:
    """Whether something of a window still has to be booked, so that it cannot be right yet."""
    row = conn.execute(
        """
        select exists (select from touched
                       where kind in ('station', 'line', 'plant') and coalesce(from_at, '-infinity') < %(to_at)s
                         and coalesce(to_at, 'infinity') >= %(from_at)s)
        """,
        {"from_at": from_at, "to_at": to_at},
    ).fetchone()
    return bool(row and row[0])


def shown(us: int) -> str:
    """An instant of a booked row as people read it."""
    return instant(us).isoformat().replace("+00:00", "Z")
