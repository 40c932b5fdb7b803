"""Good and reject by clock hour of a shift, for a line or one station."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mes.domain.calendar import ShiftWindow
from mes.domain.tracking.jobs import YIELD_PHASES
from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class HourImage:
    """Good and reject of one clock hour of the shift."""

    good: int
    reject: int


def load_hours(conn: Connection, window: ShiftWindow, good_at: str, reject_at: Sequence[str]) -> dict[str, HourImage]:
    """Good at one station and reject at some, by the hours since the shift began; keyed by epoch second."""
    rows = conn.execute(
        """
        select extract(epoch from time_bucket('1 hour', minute, %(from_at)s::timestamptz))::int8,
               coalesce(sum(good) filter (where station = %(good_at)s and phase = any(%(phases)s)), 0)::int8,
               sum(reject)::int8
        from minute_count
        where station = any(%(stations)s) and minute >= %(from_at)s and minute < %(to_at)s group by 1 order by 1
        """,
        {
            "from_at": window.from_at,
            "to_at": window.to_at,
            "good_at": good_at,
            "stations": list(reject_at),
            "phases": list(YIELD_PHASES),
        },
    )
    return {str(hour): HourImage(good=good, reject=reject) for hour, good, reject in rows}
