"""Lots into sequences, each where it costs least: how new orders enter a plan, and how an old plan becomes a start."""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.files import Number
from scheduler.shop import FAR, Shop
from scheduler.state import Desk, State

PLACES_MAX = 24  # tried on each line at first


def insert_best(desk: Desk, lots: Iterable[int]) -> None:
    """Give each lot, one after the other, the place that costs least; earlier places where it does not matter."""
    for lot in lots:
        best: tuple[Number, int, int] | None = None
        for line in desk.shop.lines_of[lot]:
            best = _best_on(desk, lot, line, best)
        if best is not None:
            _put(desk, lot, best[1], best[2])
            desk.keep()


def _best_on(desk: Desk, lot: int, line: int, best: tuple[Number, int, int] | None) -> tuple[Number, int, int] | None:
    """The best of (cost, line, place), looking at some places of a line and then around the best of them."""
    least, most = len(desk.shop.prefix[line]), len(desk.board.sequences[line])
    step = max(1, (most - least) // PLACES_MAX)
    found: tuple[Number, int, int] | None = None
    for place in [*range(least, most, step), most]:
        found = _look(desk, lot, line, place, found)
    if found is not None and step > 1:
        middle = found[2]
        for place in range(max(least, middle - step + 1), min(most, middle + step)):
            found = _look(desk, lot, line, place, found)
    return min(filter(None, (best, found)), default=None)


def _look(
    desk: Desk, lot: int, line: int, place: int, best: tuple[Number, int, int] | None
) -> tuple[Number, int, int] | None:
    cost = _put(desk, lot, line, place)
    desk.undo()
    return best if cost is None or (best is not None and best <= (cost, line, place)) else (cost, line, place)


def _put(desk: Desk, lot: int, line: int, place: int) -> Number | None:
    sequence = desk.board.sequences[line]
    return desk.attempt([(line, [*sequence[:place], lot, *sequence[place:]], place, place + 1)])


def from_previous(desk: Desk) -> State:
    """The previous plan's sequences with what is new inserted at its best place; the desk is left with it."""
    shop = desk.shop
    sequences = [list(held) for held in shop.prefix]
    fixed = {lot for held in shop.prefix for lot in held}
    placed: list[tuple[int, int, int]] = []
    rest: list[int] = []
    for lot in range(len(shop.lots)):
        line, start = shop.place_before(lot)
        if line in shop.lines_of[lot] and lot not in fixed:
            placed.append((start, lot, line))
        elif shop.lines_of[lot] and lot not in fixed:
            rest.append(lot)
    for _, lot, line in sorted(placed):
        sequences[line].append(lot)
    desk.load(State(sequences, _draw_order(shop, placed)))
    insert_best(desk, sorted(rest, key=lambda lot: _urgency(shop, lot)))
    return desk.state()


def _draw_order(shop: Shop, placed: list[tuple[int, int, int]]) -> list[int]:
    """Lots that were planned draw as they started, then new ones by due date."""
    start = {lot: at for at, lot, _ in placed}
    return sorted(range(len(shop.lots)), key=lambda lot: (start.get(lot, FAR), _urgency(shop, lot)))


def _urgency(shop: Shop, lot: int) -> tuple[int, int, int]:
    held = shop.lots[lot]
    return shop.dues[held.order][0].at, held.stage, lot
