"""What the published plan still asks for, as react sees it: lots with the pieces that are left of them.

How many pieces are left is reckoned from what was counted (`still_to_enter`), not from the plan; the plan says when and
where. The pieces that are left are those of a stage's last lots.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mes.domain.material.consumption import Recipe, Stage, Use, stage_of, stages, takers
from mes.domain.material.shortage import Flow, StageCount, flow, last_pieces, still_to_enter
from mes.domain.plant import Plant
from mes.store.outlook import (
    OrderHead,
    PlannedLot,
    StationCount,
    load_order_heads,
    load_planned_lots,
    load_station_counts,
    published_plan,
)
from mes.store.pool import Connection
from mes.store.recipes import load_recipes
from mes.tracker.plants import DAY_US, Plants

HORIZON_DAYS = 60


@dataclass(frozen=True, slots=True)
class LeftLot:
    """A lot of the plan and how many of its pieces are still to be begun."""

    lot: PlannedLot
    left: int


@dataclass(slots=True)
class OrderOutlook:
    """An order in the plan: its stages with what is counted, and its lots with what is left of them."""

    head: OrderHead
    recipe: Recipe
    stages: tuple[Stage, ...]
    counts: tuple[StageCount, ...]
    stations: tuple[StationCount, ...]
    lots: list[LeftLot] = field(default_factory=list)

    @property
    def good(self) -> int:
        """Good pieces of the last operation."""
        return self.counts[-1].good if self.counts else 0

    def piece_us(self, lot: PlannedLot) -> int:
        """Working time a piece of a lot takes, µs: the stage's pace, else what the plan gave it."""
        stage = stage_of(self.stages, lot.operation_seq)
        seconds = stage.seconds_on(lot.line) if stage else None
        return (lot.end_us - lot.start_us) // max(lot.quantity, 1) if seconds is None else round(seconds * 1_000_000)

    def is_last_stage(self, lot: PlannedLot) -> bool:
        """Whether a lot's pieces are the order's."""
        return bool(self.stages) and stage_of(self.stages, lot.operation_seq) == self.stages[-1]


@dataclass(slots=True)
class Outlook:
    """Everything the plan still asks for."""

    plan_id: int | None
    plant: Plant
    orders: dict[int, OrderOutlook]
    opens: dict[str, list[tuple[int, int]]]
    now: int

    def lots_on(self, line: str) -> list[tuple[OrderOutlook, LeftLot]]:
        """A line's lots in the order of the plan."""
        own = [(order, one) for order in self.orders.values() for one in order.lots if one.lot.line == line]
        return sorted(own, key=lambda pair: (pair[1].lot.start_us, pair[1].lot.order_id))


def load_outlook(conn: Connection, plants: Plants, now: int) -> Outlook | None:
    """What the published plan still asks for at `now`; None while there is no plant."""
    plant = plants.plant_at(now)
    if plant is None:
        return None
    plan_id = published_plan(conn)
    lots = load_planned_lots(conn, plan_id) if plan_id is not None else []
    ids = sorted({lot.order_id for lot in lots})
    heads = {number: head for number, head in load_order_heads(conn, ids).items() if head.status == "released"}
    recipes = load_recipes(conn, heads)
    counts = load_station_counts(conn, list(heads))
    orders = {
        number: _order(plant, head, recipes[number], [c for c in counts if c.order_id == number])
        for number, head in heads.items()
    }
    for number, order in orders.items():
        order.lots = _left(order, [lot for lot in lots if lot.order_id == number])
    last = max((lot.end_us for lot in lots), default=now) + HORIZON_DAYS * DAY_US
    opens = {line: _opens(plants, line, now, last) for line in {lot.line for lot in lots}}
    return Outlook(plan_id, plant, orders, opens, now)


def _opens(plants: Plants, line: str, start: int, end: int) -> list[tuple[int, int]]:
    return [
        (max(stretch.from_us, start), min(stretch.to_us, end))
        for stretch in plants.calendar(line, start, end)
        if stretch.open
    ]


def _order(plant: Plant, head: OrderHead, recipe: Recipe, counts: Sequence[StationCount]) -> OrderOutlook:
    found = stages(plant, recipe)
    return OrderOutlook(
        head, recipe, found, tuple(_stage_count(found, stage, counts) for stage in found), tuple(counts)
    )


def _stage_count(found: Sequence[Stage], stage: Stage, counts: Iterable[StationCount]) -> StageCount:
    own = [count for count in counts if stage_of(found, count.operation_seq) == stage]
    return StageCount(
        entered=sum(count.entered for count in own if count.enters),
        good=sum(count.good for count in own if count.leaves),
        reject=sum(count.reject for count in own),
    )


def _left(order: OrderOutlook, lots: Sequence[PlannedLot]) -> list[LeftLot]:
    """The lots of an order with what is left of them."""
    left = still_to_enter(order.head.quantity, [stage.yield_rate for stage in order.stages], order.counts)
    found: list[LeftLot] = []
    for stage, pieces in zip(order.stages, left, strict=True):
        own = [lot for lot in lots if stage_of(order.stages, lot.operation_seq) == stage]
        own.sort(key=lambda lot: (lot.wanted_us, lot.start_us))
        remaining = last_pieces([lot.quantity for lot in own], pieces)
        found += [LeftLot(lot, count) for lot, count in zip(own, remaining, strict=True)]
    return found


def needs(outlook: Outlook, items: Iterable[str], *, wanted: bool) -> dict[str, list[Flow]]:
    """What the plan still takes of items, as flows. `wanted`: as soon as capacity allows; else as planned."""
    found: dict[str, list[Flow]] = {item: [] for item in items}
    for order in outlook.orders.values():
        uses = [use for use in order.recipe.uses if use.item in found]
        if not uses:
            continue
        for one in order.lots:
            for use in uses:
                if one.left and stage_of(order.stages, use.seq) == stage_of(order.stages, one.lot.operation_seq):
                    found[use.item].append(_flow(outlook, order, one, use, wanted))
        for use in uses:
            found[use.item] += _on_the_line(outlook, order, use)
    return found


def _flow(outlook: Outlook, order: OrderOutlook, one: LeftLot, use: Use, wanted: bool) -> Flow:
    lot, opens = one.lot, outlook.opens[one.lot.line]
    start = max(outlook.now, lot.wanted_us if wanted else lot.start_us)
    us = order.piece_us(lot) * one.left
    made = flow(lot.order_id, lot.line, one.left, opens, from_us=start, us=us)
    return Flow(made.order_id, made.line, made.pieces, made.parts, use.needed_per)


def _on_the_line(outlook: Outlook, order: OrderOutlook, use: Use) -> Iterable[Flow]:
    """Pieces that have entered a line and not yet the station that takes the component."""
    stage = stage_of(order.stages, use.seq)
    by_line: dict[str, list[StationCount]] = {}
    for count in order.stations:
        if stage_of(order.stages, count.operation_seq) == stage:
            by_line.setdefault(count.line, []).append(count)
    for line, counts in by_line.items():
        waiting = _waiting(outlook.plant, line, counts, takers(outlook.plant, line, use.seq))
        if waiting > 0 and line in outlook.opens:
            made = flow(order.head.id, line, waiting, outlook.opens[line], from_us=outlook.now, us=60_000_000)
            yield Flow(made.order_id, made.line, made.pieces, made.parts, use.needed_per)


def _waiting(plant: Plant, line: str, counts: Sequence[StationCount], at: Sequence[str]) -> int:
    place = {station.code: number for number, station in enumerate(plant.stations_of(line))}
    if not at or any(count.station not in place for count in counts):
        return 0
    taker = min(place[code] for code in at if code in place)
    entered = sum(count.entered for count in counts if count.enters)
    rejected = sum(count.reject for count in counts if place[count.station] < taker)
    taken = sum(count.entered for count in counts if count.station in at)
    return max(0, entered - rejected - taken)
