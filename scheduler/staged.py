"""Which published lots near now can be begun at all: one whose components do not come in time is not staged (pure).

Frozen work keeps its line and its turn. If a lot that waits for next week's receipt kept its turn too, its line would
stand still until then; so it is taken for free work, and the line goes on with what is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from mes.domain.plan import Lot
from scheduler.problem import Component, Receipt, Stock


def starved(
    lots: Iterable[Lot],
    components: Mapping[tuple[str, int], Sequence[Component]],
    stock: Iterable[Stock],
    receipts: Iterable[Receipt],
    until: datetime,
) -> frozenset[int]:
    """Numbers of the lots, in the order they start, whose components stock and receipts up to `until` do not cover.

    `components` are by order and stage. A lot that is covered takes its components from those after it.
    """
    free: dict[str, Decimal] = {}
    for there in stock:
        free[there.item] = free.get(there.item, Decimal(0)) + there.qty
    for coming in receipts:
        if coming.at <= until:
            free[coming.item] = free.get(coming.item, Decimal(0)) + coming.qty
    found = set()
    for lot in sorted(lots, key=lambda lot: (lot.start_at, lot.lot_no)):
        taken = _taken(lot.quantity, components.get((lot.order, lot.operation_seq), ()), free)
        if taken is None:
            found.add(lot.lot_no)
        else:
            free |= taken
    return frozenset(found)


def _taken(pieces: int, components: Sequence[Component], free: Mapping[str, Decimal]) -> dict[str, Decimal] | None:
    """What is left of each item after so many pieces; None when it is not enough."""
    left = dict(free)
    for component in components:
        missing = Decimal(pieces)
        options = [(component.item, component.qty_per)]
        options += [(other.item, other.qty_per or component.qty_per) for other in component.substitutes]
        for item, per_piece in options:
            covered = min(missing, left.get(item, Decimal(0)) // per_piece)
            left[item] = left.get(item, Decimal(0)) - covered * per_piece
            missing -= covered
        if missing > 0:
            return None
    return left
