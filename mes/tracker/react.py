"""React: the difference between what is true now and what stands or was told, written down.

Orders that began or are complete, production reports due or to be reversed, shortages and call-offs, ETAs, the wish for
a new plan. Run twice it does nothing; after a late sample, a correction or a replay it corrects by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mes import clock
from mes.actions.record import Deed
from mes.domain.calendar import micros
from mes.store.pool import Connection
from mes.store.touched import Kind, Touched
from mes.store.tracking.counts import load_jobs
from mes.tracker.book import Booked
from mes.tracker.etas import expected_ends, react_etas
from mes.tracker.marks import react_device_orders, react_switches
from mes.tracker.outlook import load_outlook
from mes.tracker.plants import Plants
from mes.tracker.reports import react_milestones, react_reports
from mes.tracker.shortages import react_shortages
from mes.tracker.wishes import react_wish

AHEAD_S_MIN = 1.0
"""What counts alone change about the days ahead is looked at no more often than this (machine time)."""


@dataclass(slots=True)
class Concern:
    """What react has to look at. `orders` and `items` somebody touched; `counted`: orders and items of new counts.

    `all`: everything that lies ahead, because the plan or the plant changed, or time went by.
    """

    orders: set[int] = field(default_factory=set)
    items: set[str] = field(default_factory=set)
    counted_orders: set[int] = field(default_factory=set)
    counted_items: set[str] = field(default_factory=set)
    counted_lines: set[str] = field(default_factory=set)
    device_orders: list[tuple[str, int, str]] = field(default_factory=list)
    all: bool = False

    def __bool__(self) -> bool:
        return bool(self.orders or self.items or self.counted_orders or self.counted_items or self.all)

    def touched(self, kind: Kind, keys: Iterable[str]) -> None:
        """Note what a touched row is about."""
        if kind == "order":
            self.orders.update(int(key) for key in keys)
        elif kind == "item":
            self.items.update(keys)
        elif kind in {"plan", "plant"}:
            self.all = True

    def counted(self, conn: Connection, booked: Booked) -> None:
        """Note what booking changed."""
        facts = load_jobs(conn, {row.job for row in booked.shifts.counts.rows} | booked.refolded.jobs)
        self.counted_orders |= {fact.order_id for fact in facts.values()} - {0}
        self.counted_items |= {row.item for row in booked.shifts.consumption.rows}
        self.counted_lines |= {row.line for row in booked.shifts.counts.rows}
        self.device_orders += booked.refolded.orders

    def joined(self, other: Concern) -> Concern:
        """What lies ahead of both; what was counted on lines is reacted to at once."""
        return Concern(
            orders=self.orders | other.orders,
            items=self.items | other.items,
            counted_orders=self.counted_orders | other.counted_orders,
            counted_items=self.counted_items | other.counted_items,
            all=self.all or other.all,
        )

    def as_touched(self, tries: int) -> list[Touched]:
        """As rows to be left touched when reacting failed."""
        orders = sorted(str(number) for number in self.orders | self.counted_orders)
        items = sorted(self.items | self.counted_items)
        kinds: list[tuple[Kind, list[str]]] = [("order", orders), ("item", items), ("plan", ["*"] if self.all else [])]
        return [Touched(kind, keys, None, None, "", tries) for kind, keys in kinds if keys]


class Reactor:
    """Reacts at once to what people and systems did, and to counts alone at most every `ahead_s_min`."""

    def __init__(self, ahead_s_min: float = AHEAD_S_MIN) -> None:
        self._owed = Concern(all=True)
        self._ahead_s_min = ahead_s_min
        self._looked_at = -ahead_s_min

    def react(self, conn: Connection, plants: Plants, deed: Deed, concern: Concern) -> None:
        """Write and tell what changed."""
        orders = sorted(concern.orders | concern.counted_orders)
        react_device_orders(conn, deed, plants, concern.device_orders)
        react_switches(conn, deed, plants, concern.counted_lines)
        if orders:
            react_milestones(conn, deed, plants, orders)
            react_reports(conn, deed, plants, orders)
        ahead = self._owed.joined(concern)
        if not ahead or (self.wait_s > 0 and not (concern.orders or concern.items or concern.all)):
            self._owed = ahead
            return
        self._look_ahead(conn, plants, deed, ahead)
        self._owed, self._looked_at = Concern(), clock.mono()

    def failed(self) -> None:
        """What was done was rolled back: look at everything again."""
        self._owed = Concern(all=True)

    @property
    def wait_s(self) -> float:
        """How long until counts alone may be reacted to again."""
        return max(0.0, self._looked_at + self._ahead_s_min - clock.mono())

    @property
    def is_owing(self) -> bool:
        """Whether something was put off."""
        return bool(self._owed)

    def _look_ahead(self, conn: Connection, plants: Plants, deed: Deed, ahead: Concern) -> None:
        outlook = load_outlook(conn, plants, micros(deed.at))
        if outlook is None:
            return
        everything = ahead.all or bool(ahead.orders)
        items = ahead.items | ahead.counted_items
        if everything or items:
            react_shortages(conn, deed, outlook, None if everything else items)
        expected = expected_ends(outlook)
        if everything:
            react_etas(conn, deed, outlook, expected)
        react_wish(conn, deed, outlook, expected)
