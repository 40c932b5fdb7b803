"""Who gets which component: stock and receipts pegged to lots, and the minute each lot's components are all there.

Lots draw in a given order, each the earliest it can: the primary component as far as it lasts, then its substitutes,
and of what is there by then the latest arrivals, so that early stock is left for others. A lot that can never be
supplied draws nothing. Pegged supply is a mere release for the decoder; which order is best is for the search to find.
Quantities are whole numbers of the item's smallest unit in use.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from scheduler.axis import minute_up
from scheduler.problem import Component, Problem
from scheduler.shop import FAR, Shop


@dataclass(frozen=True, slots=True)
class Need:
    """What a lot takes of one component: pieces, and (item, units per piece) first choice first."""

    pieces: int
    options: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Draw:
    """Units of an item that a lot takes from one arrival, instead of `item_wanted` where that differs."""

    lot: int
    item: int
    arrival: int
    units: int
    item_wanted: int
    pieces: int


class Pool:
    """What of one item is still free, by arrival."""

    __slots__ = ("at", "free")

    def __init__(self, at: list[int], units: list[int]) -> None:
        self.at = at
        self.free = list(units)

    def by(self, minute: int) -> int:
        """Free units that have arrived by `minute`."""
        return sum(self.free[: bisect_right(self.at, minute)])


@dataclass(frozen=True, eq=False)
class Supply:
    """The components that may run out, their arrivals, and what each lot takes of them.

    `arrivals[item]` are (minute, units, receipt index or -1 for stock), by minute.
    """

    items: list[str]
    scale: list[int]  # units per 1 of quantity
    arrivals: list[list[tuple[int, int, int]]]
    needs: dict[int, tuple[Need, ...]]

    def pools(self) -> list[Pool]:
        """Everything still free."""
        return [Pool([at for at, _, _ in rows], [units for _, units, _ in rows]) for rows in self.arrivals]

    def ready(self, order: Iterable[int]) -> tuple[dict[int, int], list[Draw]]:
        """For each lot, drawing in `order`, the minute its components are there (FAR: never), and what it draws."""
        pools, ready, draws = self.pools(), dict[int, int](), list[Draw]()
        for lot in order:
            needs = self.needs[lot]
            at = max(self._earliest(need, pools) for need in needs)
            if len(needs) > 1 and at != FAR and not _covers_all(needs, pools, at):
                at = self._earliest_jointly(needs, pools, at)
            ready[lot] = at
            if at != FAR:
                for need in needs:
                    draws.extend(_draw(lot, need, pools, at))
        return ready, draws

    def _earliest(self, need: Need, pools: list[Pool]) -> int:
        """The first minute at which a need can be met; single components need no search."""
        times = sorted({at for item, _ in need.options for at in pools[item].at})
        if len(need.options) == 1:
            return _when(pools[need.options[0][0]], need.pieces * need.options[0][1])
        low, high = 0, len(times)
        while low < high:
            middle = (low + high) // 2
            if _pieces_by(need, pools, times[middle]) >= need.pieces:
                high = middle
            else:
                low = middle + 1
        return times[low] if low < len(times) else FAR

    def _earliest_jointly(self, needs: Sequence[Need], pools: list[Pool], after: int) -> int:
        """As `_earliest` for needs that draw on the same items."""
        times = sorted({at for need in needs for item, _ in need.options for at in pools[item].at if at > after})
        return next((at for at in times if _covers_all(needs, pools, at)), FAR)


def _when(pool: Pool, units: int) -> int:
    for at, free in zip(pool.at, pool.free, strict=True):
        units -= free
        if units <= 0:
            return at
    return FAR


def _pieces_by(need: Need, pools: list[Pool], minute: int) -> int:
    return sum(pools[item].by(minute) // units for item, units in need.options)


def _covers_all(needs: Sequence[Need], pools: list[Pool], minute: int) -> bool:
    """Can all needs be met by `minute`, each drawing after the other?"""
    free = {item: pools[item].by(minute) for need in needs for item, _ in need.options}
    for need in needs:
        left = need.pieces
        for item, units in need.options:
            taken = min(left, free[item] // units)
            free[item] -= taken * units
            left -= taken
        if left:
            return False
    return True


def _draw(lot: int, need: Need, pools: list[Pool], minute: int) -> Iterable[Draw]:
    """Take what a need is, as far as each option lasts, latest arrivals first."""
    left = need.pieces
    for item, units in need.options:
        pool = pools[item]
        last = bisect_right(pool.at, minute) - 1
        pieces = min(left, sum(pool.free[: last + 1]) // units)
        wanted, left = pieces * units, left - pieces
        while wanted:
            taken = min(wanted, pool.free[last])
            if taken:
                pool.free[last] -= taken
                yield Draw(lot, item, last, taken, need.options[0][0], pieces)
            wanted, last = wanted - taken, last - 1


def supply_of(shop: Shop) -> Supply:
    """The components of `shop` that stock alone may not cover; others hold nothing up and are left out."""
    return _Counter(shop).supply()


class _Counter:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.problem: Problem = shop.problem
        self.taken = {lot: self._components(lot) for lot in range(len(shop.lots))}
        self.scarce = self._scarce()

    def _components(self, lot: int) -> list[Component]:
        product, stage = self.shop.product(lot), self.shop.stage(lot)
        own = self.problem.orders[self.shop.lots[lot].order].components
        first = product.stages[0].seq
        return [c for c in (product.bom if own is None else own) if stage.seq == (c.stage or first)]

    def _scarce(self) -> dict[str, int]:
        """Items whose stock now is less than all lots could take of them, numbered."""
        could: dict[str, Decimal] = {}
        for lot, components in self.taken.items():
            for component in components:
                for item, per in component.choices():
                    could[item] = could.get(item, Decimal(0)) + per * self.shop.lots[lot].qty
        have: dict[str, Decimal] = {}
        for stock in self.problem.stock:
            have[stock.item] = have.get(stock.item, Decimal(0)) + stock.qty
        short = sorted(item for item, qty in could.items() if have.get(item, Decimal(0)) < qty)
        # a substitute that never runs out still ends the need for its scarce component
        tracked = set(short)
        for components in self.taken.values():
            for component in components:
                if component.item in tracked:
                    tracked.update(item for item, _ in component.choices())
        return {item: number for number, item in enumerate(sorted(tracked))}

    def supply(self) -> Supply:
        items = sorted(self.scarce)
        scale = self._scales()
        needs = {lot: self._needs(lot, scale) for lot in self.taken}
        return Supply(
            items=items,
            scale=scale,
            arrivals=[self._arrivals(item, scale[number]) for number, item in enumerate(items)],
            needs={lot: need for lot, need in needs.items() if need},
        )

    def _scales(self) -> list[int]:
        """The power of ten that makes every quantity of an item whole."""
        places = [0] * len(self.scarce)
        rows = [(s.item, s.qty) for s in self.problem.stock] + [(r.item, r.qty) for r in self.problem.receipts]
        rows += [pair for components in self.taken.values() for c in components for pair in c.choices()]
        for item, qty in rows:
            if item in self.scarce:
                exponent = qty.normalize().as_tuple().exponent
                places[self.scarce[item]] = max(places[self.scarce[item]], -int(exponent))
        return [10**place for place in places]

    def _needs(self, lot: int, scale: list[int]) -> tuple[Need, ...]:
        found = []
        for component in self.taken[lot]:
            if component.item in self.scarce:
                numbered = [(self.scarce[item], per) for item, per in component.choices()]
                options = tuple((item, int(per * scale[item])) for item, per in numbered)
                found.append(Need(self.shop.lots[lot].qty, options))
        return tuple(found)

    def _arrivals(self, item: str, scale: int) -> list[tuple[int, int, int]]:
        stock = sum((s.qty for s in self.problem.stock if s.item == item), Decimal(0))
        rows = [(0, int(stock * scale), -1)]
        for number, receipt in enumerate(self.problem.receipts):
            if receipt.item == item:
                at = max(0, minute_up(self.problem.now, receipt.at))
                insort(rows, (at, int(receipt.qty * scale), number))
        return rows
