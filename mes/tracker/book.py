"""The bookkeeper: what was touched is loaded, worked out and saved; what comes of it is said.

`book(conn, plants, works, ...)` does so for any number of posts in a fixed order: spans and minute counts, then what
is summed from them (shift counts, consumption), then stops, then the time ledger. It runs inside the caller's
transaction and depends on nothing but what was heard: the same stretch booked again changes no row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mes.domain.tracking.stops import Stop
from mes.store.pool import Connection
from mes.store.tracking.ledger import LedgerRow
from mes.tracker.difference import Deviation, Difference, deviations
from mes.tracker.ledgers import book_ledger
from mes.tracker.plants import Plants
from mes.tracker.refold import Refolded, Warm, Work, refold
from mes.tracker.shifts import ShiftsBooked, book_shifts
from mes.tracker.standstills import book_stops

__all__ = ["Booked", "Work", "book"]


@dataclass(slots=True)
class Booked:
    """What booking changed."""

    refolded: Refolded
    shifts: ShiftsBooked
    stops: Difference[Stop] = field(default_factory=Difference)
    ledger: Difference[LedgerRow] = field(default_factory=Difference)

    def deviations(self) -> list[Deviation]:
        """Every difference, as `mes replay --verify` prints them."""
        return [
            *self.refolded.deviations,
            *self.shifts.deviations(),
            *deviations("stop", self.stops),
            *deviations("time_ledger", self.ledger),
        ]


def book(
    conn: Connection,
    plants: Plants,
    works: Mapping[str, Work],
    *,
    said: Mapping[str, int] | None = None,
    orders: Sequence[int] = (),
    whole: bool = False,
    warm: Warm | None = None,
) -> Booked:
    """Book posts (`works` by code). `said`: since when something was said of a line's stops; `orders`: changed ones.

    `whole`: every row of the stretches is worked out and compared, whatever a checkpoint says, and nothing is written.
    `warm`: as in `refold`.
    """
    refolded = refold(conn, plants, works, whole=whole, warm=warm)
    changed = dict(said or {})
    stretches: dict[str, tuple[int, int]] = {}
    for code, work in works.items():
        rules = plants.latest_rules(code)
        if rules is None:
            continue
        since = work.from_us if whole else refolded.spans.get(code, (None, None))[0]
        if since is not None:
            changed[rules.line] = min(since, changed.get(rules.line, since))
        if whole and rules.station and code in refolded.reached:
            stretches[rules.station] = (max(work.from_us, plants.begins), min(work.to_us, refolded.reached[code]) + 1)
    shifts = book_shifts(conn, plants, refolded.minutes, orders, stretches)
    stops = book_stops(conn, plants, changed, write=not whole)
    return Booked(refolded, shifts, stops, book_ledger(conn, plants, refolded, stops, write=not whole))
