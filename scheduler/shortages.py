"""Which components supply does not cover when lines could use them, whom that hurts, and by how much.

The plan that takes material as no matter says when each lot wants its components. In that order stock and receipts are
dealt out; what is not there by then is short, until a receipt brings it or for good. A shortage that a receipt ends and
that makes no order later than it would be anyway is none: the plan copes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from scheduler.axis import instant
from scheduler.plan import CoveringReceipt, Shortage, ShortOrder
from scheduler.shop import FAR
from scheduler.state import Desk
from scheduler.supply import Need, Pool, Supply


@dataclass(slots=True)
class _Row:
    needed_by: int = FAR
    units: dict[int, int] = field(default_factory=dict)  # by order


def shortages(desk: Desk, wanted: list[int], added: Mapping[int, int]) -> tuple[Shortage, ...]:
    """Rows by component and covering receipt. `wanted`: starts by lot; `added`: minutes material delays each order."""
    supply, shop = desk.supply, desk.shop
    pools = supply.pools()
    rows: dict[tuple[int, int], _Row] = {}
    for lot in sorted(supply.needs, key=lambda lot: (wanted[lot], lot)):
        if wanted[lot] == FAR:
            continue
        for need in supply.needs[lot]:
            for receipt, units in _late(supply, need, pools, wanted[lot]):
                row = rows.setdefault((need.options[0][0], receipt), _Row())
                row.needed_by = min(row.needed_by, wanted[lot])
                order = shop.lots[lot].order
                row.units[order] = row.units.get(order, 0) + units
    found = [_shortage(desk, item, receipt, row, added) for (item, receipt), row in rows.items()]
    hurting = [row for row in found if row.receipt is None or any(order.added_minutes for order in row.orders)]
    return tuple(sorted(hurting, key=lambda row: (row.needed_by, row.item)))


NEVER = -2


def _late(supply: Supply, need: Need, pools: list[Pool], wanted: int) -> list[tuple[int, int]]:
    """(receipt, units of the component) of what a need cannot have by the minute it is wanted; NEVER: at no time."""
    left = need.pieces
    for item, units in need.options:
        pieces = min(left, pools[item].by(wanted) // units)
        _take(pools[item], pieces * units, wanted)
        left -= pieces
    item, units = need.options[0]
    missing, found = left * units, list[tuple[int, int]]()
    for place, (at, _, receipt) in enumerate(supply.arrivals[item]):
        taken = min(missing, pools[item].free[place])
        pools[item].free[place] -= taken
        missing -= taken
        if taken and at > wanted:  # what was left before, too little for a piece, is not late
            found.append((receipt, taken))
    return [*found, (NEVER, missing)] if missing else found


def _take(pool: Pool, units: int, by: int) -> None:
    for place, at in enumerate(pool.at):
        if at <= by:
            taken = min(units, pool.free[place])
            pool.free[place] -= taken
            units -= taken


def _shortage(desk: Desk, item: int, receipt: int, row: _Row, added: Mapping[int, int]) -> Shortage:
    problem, scale = desk.shop.problem, desk.supply.scale[item]
    products = {order: desk.shop.products[problem.orders[order].product] for order in row.units}
    orders = tuple(
        ShortOrder(problem.orders[order].code, Decimal(units) / scale, added.get(order, 0), products[order].revision)
        for order, units in sorted(row.units.items())
    )
    covering = None
    if receipt != NEVER:
        covering = CoveringReceipt(problem.receipts[receipt].ref, problem.receipts[receipt].at)
    return Shortage(
        item=desk.supply.items[item],
        qty=sum((order.qty for order in orders), Decimal(0)),
        needed_by=instant(problem.now, row.needed_by),
        receipt=covering,
        revision=orders[0].revision,
        orders=orders,
    )
