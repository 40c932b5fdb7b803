"""Lots into sequences, each where it costs least: how new orders enter a plan, and how an old plan becomes a start.

Of places that cost the same the one is taken that delays everything else, and the lot itself, least; then the later.
"""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.files import Number
from scheduler.shop import FAR, Shop
from scheduler.state import Desk, State

Place = tuple[Number, int, int, int]
"""What a place costs, minutes of delay, line, and the place itself, negative so that later ones come first."""

PLACES_MAX = 24  # tried on each line at first


def insert_best(desk: Desk, lots: Iterable[int]) -> None:
    """Give each lot, one after the other, the place that costs least."""
    for lot in lots:
        best: Place | None = None
        for line in desk.shop.lines_of[lot]:
            best = _best_on(desk, lot, line, best)
        if best is not None:
            _put(desk, lot, best[2], -best[3])
            desk.keep()


def _best_on(desk: Desk, lot: int, line: int, best: Place | None) -> Place | None:
    """The best place so far, looking at some places of a line and then around the best of them."""
    least, most = len(desk.shop.prefix[line]), len(desk.board.sequences[line])
    step = max(1, (most - least) // PLACES_MAX)
    found: Place | None = None
    for place in [*range(least, most, step), most]:
        found = _look(desk, lot, line, place, found)
    if found is not None and step > 1:
        middle = -found[3]
        for place in range(max(least, middle - step + 1), min(most, middle + step)):
            found = _look(desk, lot, line, place, found)
    return min(filter(None, (best, found)), default=None)


def _look(desk: Desk, lot: int, line: int, place: int, best: Place | None) -> Place | None:
    cost = _put(desk, lot, line, place)
    delay = desk.board.delay()
    desk.undo()
    if cost is None:
        return best
    found = (cost, delay, line, -place)
    return found if best is None or found < best else best


def _put(desk: Desk, lot: int, line: int, place: int) -> Number | None:
    sequence = desk.board.sequences[line]
    return desk.attempt([(line, [*sequence[:place], lot, *sequence[place:]], place, place + 1)])


def from_previous(desk: Desk) -> State:
    """The previous plan's sequences with what is new inserted at its best place; the desk is left with it."""
    shop = desk.shop
    sequences = [list(held) for held in shop.prefix]
    fixed = {lot for held in shop.prefix for lot in held}
    placed: list[tuple[int, bool, int, int]] = []
    rest: list[int] = []
    for lot in range(len(shop.lots)):
        line, start = shop.place_before(lot)
        if line in shop.lines_of[lot] and lot not in fixed:
            placed.append((start, not shop.lots[lot].pinned, lot, line))
        elif shop.lines_of[lot] and lot not in fixed:
            rest.append(lot)
    for _, _, lot, line in sorted(placed):
        sequences[line].append(lot)
    desk.load(State(sequences, _draw_order(shop, placed)))
    insert_best(desk, sorted(rest, key=lambda lot: _urgency(shop, lot)))
    return desk.state()


def _draw_order(shop: Shop, placed: list[tuple[int, bool, int, int]]) -> list[int]:
    """Lots that were planned draw as they started, then new ones by due date."""
    start = {lot: at for at, _, lot, _ in placed}
    return sorted(range(len(shop.lots)), key=lambda lot: (start.get(lot, FAR), _urgency(shop, lot)))


def _urgency(shop: Shop, lot: int) -> tuple[int, int, int]:
    held = shop.lots[lot]
    return shop.dues[held.order][0].at, held.stage, lot
