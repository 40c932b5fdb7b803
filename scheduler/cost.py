"""What a plan costs: late minutes by weight, changeovers, moves, early minutes, pieces left out.

`Costs` keeps the sum in step with a board, order by order; `objective` counts a finished plan from its lots.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from scheduler.files import Number
from scheduler.plan import Objective
from scheduler.shop import FAR, Shop

if TYPE_CHECKING:
    from scheduler.decode import Board

PIN_MINUTE = 100_000  # a pinned lot gives way only where it must


class Costs:
    """The cost of a board: changeovers in all, one figure per order, one per lot that has a place to keep."""

    def __init__(self, shop: Shop, board: Board) -> None:
        self.shop = shop
        self.board = board
        self.weights = shop.problem.weights
        self.by_order: list[Number] = [0] * len(shop.problem.orders)
        self.by_lot: dict[int, Number] = {}
        self.kept = kept_places(shop)
        self.total: Number = 0
        self._saved: list[tuple[int, Number]] = []
        self._saved_lots: list[tuple[int, Number]] = []
        self._saved_total: Number | None = None
        self.last_order = [lot.order if shop.is_last(i) else -1 for i, lot in enumerate(shop.lots)]
        self.simple = [self._simple(order) for order in range(len(shop.problem.orders))]

    def _simple(self, order: int) -> tuple[int, Number, list[int]] | None:
        """(due, weight per minute, last lots) where the end of the last lot decides alone."""
        flow = self.shop.flows[order][-1]
        dues, lots = self.shop.dues[order], self.shop.stage_lots[order][-1]
        if len(dues) != 1 or self.weights.earliness_minute or flow.good(0) >= self.shop.problem.orders[order].qty:
            return None
        return dues[0].at, self.weights.tardy_minute * self.shop.problem.orders[order].weight, lots

    def recount(self) -> Number:
        """Count everything anew; returns the total."""
        self.by_order = [self.order_cost(order) for order in range(len(self.by_order))]
        self.by_lot = {lot: self.lot_cost(lot) for lot in self.kept}
        setups = sum(self.board.setup)
        self.total = sum(self.by_order) + sum(self.by_lot.values()) + self.weights.setup_minute * setups
        return self.total

    def attempt(self, trail: Iterable[tuple[int, int, int, int]], moved: Iterable[tuple[int, int]]) -> Number:
        """The total after the lots in `trail` (lot, old axis end, old end, old setup) and `moved` changed."""
        self._saved_total = self.total
        setup, last_order = self.board.setup, self.last_order
        first: dict[int, int] = {}
        for lot, _, _, old in trail:
            if lot not in first:
                first[lot] = old
        delta: Number = self.weights.setup_minute * sum(setup[lot] - old for lot, old in first.items())
        for order in {last_order[lot] for lot in first}:
            if order >= 0:
                delta += self._recost(order)
        if self.kept:
            for lot in self.kept.keys() & (first.keys() | {lot for lot, _ in moved}):
                self._saved_lots.append((lot, self.by_lot[lot]))
                delta += self.lot_cost(lot) - self.by_lot[lot]
                self.by_lot[lot] = self.lot_cost(lot)
        self.total += delta
        return self.total

    def _recost(self, order: int) -> Number:
        old, new = self.by_order[order], self.order_cost(order)
        self._saved.append((order, old))
        self.by_order[order] = new
        return new - old

    def keep(self) -> None:
        """The attempted change stands."""
        self._saved.clear()
        self._saved_lots.clear()
        self._saved_total = None

    def undo(self) -> None:
        """The attempted change never was."""
        for order, cost in self._saved:
            self.by_order[order] = cost
        for lot, was in self._saved_lots:
            self.by_lot[lot] = was
        if self._saved_total is not None:
            self.total = self._saved_total
        self.keep()

    def order_cost(self, order: int) -> Number:
        """Weighted late and early minutes of an order, and its pieces left out."""
        end, simple = self.board.end, self.simple[order]
        if simple is None:
            return self._full_cost(order)
        due, weight, lots = simple
        latest = due
        for lot in lots:
            if end[lot] > latest:
                if end[lot] == FAR:
                    return self._full_cost(order)
                latest = end[lot]
        return (latest - due) * weight

    def _full_cost(self, order: int) -> Number:
        end, shop = self.board.end, self.shop
        lots = shop.stage_lots[order][-1]
        made = sorted((end[lot], shop.lots[lot].qty) for lot in lots if end[lot] != FAR)
        late, early = lateness(shop, order, made)
        lost = max(0, shop.problem.orders[order].qty - shop.flows[order][-1].good(sum(qty for _, qty in made)))
        weights, weight = self.weights, shop.problem.orders[order].weight
        return weights.tardy_minute * weight * late + weights.earliness_minute * early + weights.unplanned * lost

    def lot_cost(self, lot: int) -> Number:
        """What it costs that a lot left its line or day of the previous plan, or its pinned start."""
        board, (line, day) = self.board, self.kept[lot]
        if board.end[lot] == FAR:
            return 0
        on = board.line_of[lot]
        start = self.shop.axes[on].starts[board.axis_end[lot] - self.shop.minutes[on][lot]]
        cost: Number = 0
        if day is not None and (on != line or self.shop.days[on].at(start)[1] != day):
            cost += self.weights.move
        if self.shop.lots[lot].hold == "pinned":
            cost += PIN_MINUTE * max(0, start - self.shop.lots[lot].at)
        return cost


def lateness(shop: Shop, order: int, made: list[tuple[int, int]]) -> tuple[int, int]:
    """Minutes late and early of an order whose last stage ends as in `made`, sorted (end, pieces).

    Without deliveries the last lot counts; with them, for each, the lot that completes its cumulative quantity.
    """
    if not made:
        return 0, 0
    if not shop.problem.orders[order].deliveries:
        over = made[-1][0] - shop.dues[order][0].at
        return max(0, over), max(0, -over)
    flow, late, early, done, place = shop.flows[order][-1], 0, 0, 0, 0
    for due in shop.dues[order]:
        while flow.good(done) < due.qty and place < len(made):
            done += made[place][1]
            place += 1
        if flow.good(done) >= due.qty and place:
            over = made[place - 1][0] - due.at
            late, early = late + max(0, over), early + max(0, -over)
    return late, early


def tardy(board: Board, order: int) -> int:
    """Minutes an order, or its deliveries together, end late on a board."""
    lots = board.shop.stage_lots[order][-1]
    made = sorted((board.end[lot], board.shop.lots[lot].qty) for lot in lots if board.end[lot] != FAR)
    return lateness(board.shop, order, made)[0]


def kept_places(shop: Shop) -> dict[int, tuple[int, date | None]]:
    """For each lot with a place to keep: its line and shift-day in the previous plan (None: any day)."""
    found: dict[int, tuple[int, date | None]] = {}
    for lot, held in enumerate(shop.lots):
        line, start = shop.place_before(lot)
        if shop.problem.weights.move and line >= 0:
            found[lot] = line, shop.days[line].at(start)[1]
        elif held.hold == "pinned" and shop.lines_of[lot]:
            found[lot] = shop.lines_of[lot][0], None
    return found


def objective(board: Board) -> Objective:
    """The parts of the objective of a board, by the definition of the plan file: moved lots are counted by rank."""
    shop, weights = board.shop, board.shop.problem.weights
    tardiness: Number = 0
    early = left_out = 0
    for order, stages in enumerate(shop.stage_lots):
        made = sorted((board.end[lot], shop.lots[lot].qty) for lot in stages[-1] if board.end[lot] != FAR)
        late, soon = lateness(shop, order, made)
        tardiness += shop.problem.orders[order].weight * late
        early += soon
        left_out += missing(board, order)
    parts = (
        weights.tardy_minute * tardiness,
        weights.setup_minute * sum(board.setup),
        weights.move * moved_lots(board) if weights.move else 0,
        weights.unplanned * left_out,
        weights.earliness_minute * early,
    )
    return Objective(sum(parts), *parts)


def missing(board: Board, order: int) -> int:
    """Pieces of an order that its planned lots do not bring."""
    shop = board.shop
    made = sum(shop.lots[lot].qty for lot in shop.stage_lots[order][-1] if board.end[lot] != FAR)
    return max(0, shop.problem.orders[order].qty - shop.flows[order][-1].good(made))


def moved_lots(board: Board) -> int:
    """Lots on another line or shift-day than the lot of the same rank (by start) in the previous plan."""
    shop, moved = board.shop, 0
    for order, stages in enumerate(shop.stage_lots):
        for number in range(len(stages)):
            was = shop.previous_places.get((order, number), ())
            made = [lot for lot in stages[number] if board.end[lot] != FAR and board.line_of[lot] < shop.real_lines]
            planned = sorted((board.start(lot), shop.problem.lines[board.line_of[lot]].code, lot) for lot in made)
            for (start, _, lot), (line, day) in zip(planned, was, strict=False):
                moved += board.line_of[lot] != line or shop.days[line].at(start)[1] != day
    return moved
