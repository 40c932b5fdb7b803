"""Lots cut where supply stops: pieces that have their components do not wait for those that have not.

Stock and receipts are dealt to the orders by due date. Where an order's share ends, for a while or for good, the lot
that would straddle the end is cut in two, and so are the lots of later stages those pieces run on in. Only the cuts are
decided here; who really draws what is for the search.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import accumulate

from scheduler.lots import Flow, Lot
from scheduler.problem import Component, Problem, Product

CUTS_MAX = 4  # at one stage of an order
Arrivals = list[tuple[int, Decimal]]  # when (rank in time), how much is left of it


def cut_where_supply_ends(problem: Problem, flows: list[list[Flow]]) -> None:
    """Cut the lots of `flows` (by order and stage) in place."""
    dealer = _Dealer(problem)
    products = {product.code: product for product in problem.products}
    by_due = sorted(range(len(flows)), key=lambda k: (problem.orders[k].due_at, -problem.orders[k].weight, k))
    for order in by_due:
        product = products[problem.orders[order].product]
        for number, stage in enumerate(product.stages):
            pieces = sum(lot.qty for lot in flows[order][number].lots)
            taken = [c for c in _components(problem, order, product) if stage.seq == (c.stage or product.stages[0].seq)]
            for end in dealer.deal(taken, pieces):
                _cut(product, flows[order], number, end)


def _components(problem: Problem, order: int, product: Product) -> tuple[Component, ...]:
    own = problem.orders[order].components
    return product.bom if own is None else own


def _cut(product: Product, flows: list[Flow], number: int, end: int) -> None:
    """Let no free lot of a stage, or of those after it, straddle the first `end` pieces."""
    for later in range(number, len(flows)):
        flow = flows[later]
        flow.lots[:] = list(_cut_lots(flow.lots, end, product.stages[later].min_lot))
        if later + 1 < len(flows):
            covered = max(made for made in accumulate((lot.qty for lot in flow.lots), initial=0) if made <= end)
            end = flow.good(covered) - flows[later + 1].entered


def _cut_lots(lots: list[Lot], end: int, least: int) -> Iterator[Lot]:
    """The lots; the one that straddles the first `end` pieces is cut, there or so much sooner that no part is small."""
    done = 0
    for lot in lots:
        first = min(end - done, lot.qty - least) if end - done < lot.qty else lot.qty
        done += lot.qty
        if lot.hold or not least <= first < lot.qty:
            yield lot
        else:
            yield replace(lot, qty=first)
            yield replace(lot, qty=lot.qty - first, was=-1)


class _Dealer:
    """What is left of stock and receipts."""

    def __init__(self, problem: Problem) -> None:
        times = sorted({receipt.at for receipt in problem.receipts if receipt.at > problem.now})
        rank = {at: k for k, at in enumerate(times, 1)}
        self.left: dict[str, Arrivals] = {}
        for stock in problem.stock:
            self.left.setdefault(stock.item, []).append((0, stock.qty))
        for receipt in problem.receipts:
            self.left.setdefault(receipt.item, []).append((rank.get(receipt.at, 0), receipt.qty))
        for rows in self.left.values():
            rows.sort()

    def deal(self, taken: list[Component], pieces: int) -> list[int]:
        """Take the components of `pieces` as far as they go; after how many pieces supply stops, each time."""
        if not taken or not pieces:
            return []
        moments = sorted({at for c in taken for item, _ in c.choices() for at, _ in self.left.get(item, ())} | {0})
        covered = [min(pieces, *(self._coverable(c, at) for c in taken)) for at in moments]
        for component in taken:
            self._take(component, covered[-1])
        ends = sorted({count for count in covered if 0 < count < pieces})
        return ends if len(ends) <= CUTS_MAX else [*ends[: CUTS_MAX - 1], ends[-1]]

    def _coverable(self, component: Component, at: int) -> int:
        sums = ((sum(q for when, q in self.left.get(i, ()) if when <= at), per) for i, per in component.choices())
        return sum(int(have // per) for have, per in sums)

    def _take(self, component: Component, pieces: int) -> None:
        for item, per in component.choices():
            rows = self.left.get(item, [])
            share = min(pieces, int(sum(qty for _, qty in rows) // per))
            pieces -= share
            wanted = share * per
            for k, (at, qty) in enumerate(rows):
                used = min(qty, wanted)
                rows[k] = at, qty - used
                wanted -= used
