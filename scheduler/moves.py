"""Small changes of the sequences, proposed at random: where lots might better stand.

A lot, or a run of lots of one setup class, moves to another place: on its line or another that makes it, near the time
it stands at now or beside lots of its class. Or two lots change places. Late orders' lots are looked at more often.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from random import Random

from scheduler.decode import Board, Change

LATE_SHARE = 0.4
RUN_SHARE = 0.4
SWAP_SHARE = 0.15
BESIDE_CLASS_SHARE = 0.5
REACH = 8  # places a lot may jump from where its time is
CLASS_REACH = 14


class Moves:
    """Proposals for one board."""

    def __init__(self, board: Board, random: Random) -> None:
        self.board, self.shop = board, board.shop
        self.chance: Callable[[], float] = random.random
        self.fixed = [len(held) for held in self.shop.prefix]
        self.lots = [lot for line, q in enumerate(board.sequences) for lot in q[self.fixed[line] :]]
        self.lots = [lot for lot in self.lots if self._movable(lot)]
        self.late: list[int] = []
        self.look()

    def _movable(self, lot: int) -> bool:
        """Is there any other place for the lot?"""
        return len(self.shop.lines_of[lot]) > 1 or len(self.shop.minutes[self.shop.lines_of[lot][0]]) > 1

    def look(self) -> None:
        """See anew which orders cost something."""
        costs, shop = self.board.costs.by_order, self.shop
        movable = set(self.lots)
        costly = (order for order, cost in enumerate(costs) if cost > 0)
        self.late = [lot for o in costly for lots in shop.stage_lots[o] for lot in lots if lot in movable]

    def propose(self) -> list[Change] | None:
        """A change of one or two lines, or None if this try found none."""
        chance = self.chance
        pool = self.late if self.late and chance() < LATE_SHARE else self.lots
        if not pool:
            return None
        lot = pool[int(chance() * len(pool))]
        lines = self.shop.lines_of[lot]
        to = lines[int(chance() * len(lines))]
        return self._swap(lot, to) if chance() < SWAP_SHARE else self._shift(lot, to)

    def _same_time(self, lot: int, place: int, to: int) -> int:
        """The place on line `to` where lots run at the time `lot` starts now."""
        board, on = self.board, self.board.line_of[lot]
        if to == on:
            return place
        starts = self.shop.axes[on].starts
        begins = board.axis_end[lot] - self.shop.minutes[on][lot]
        if not 0 <= begins < len(starts):
            return len(board.sequences[to])
        at = self.shop.axes[to].before[starts[begins]]
        return bisect_left(board.sequences[to], at, key=board.axis_end.__getitem__)

    def _swap(self, lot: int, to: int) -> list[Change] | None:
        board, on = self.board, self.board.line_of[lot]
        here, there = board.sequences[on], board.sequences[to]
        place = here.index(lot)
        other_place = self._same_time(lot, place, to) + int(self.chance() * (2 * REACH + 1)) - REACH
        if not self.fixed[to] <= other_place < len(there):
            return None
        other = there[other_place]
        if other == lot or other not in self.shop.minutes[on]:
            return None
        mine = here.copy()
        mine[place] = other
        if to == on:
            mine[other_place] = lot
            return [(on, mine, min(place, other_place), max(place, other_place) + 1)]
        theirs = there.copy()
        theirs[other_place] = lot
        return [(on, mine, place, place + 1), (to, theirs, other_place, other_place + 1)]

    def _shift(self, lot: int, to: int) -> list[Change] | None:
        board, on = self.board, self.board.line_of[lot]
        here = board.sequences[on]
        place = here.index(lot)
        low, high = self._run(here, place, on) if self.chance() < RUN_SHARE else (place, place + 1)
        block = here[low:high]
        if to != on and not all(each in self.shop.minutes[to] for each in block):
            return None
        rest = here[:low] + here[high:]
        there = rest if to == on else board.sequences[to]
        target = self._target(lot, self._same_time(lot, low, to), there, to)
        mine = there[:target] + block + there[target:]
        if to != on:
            return [(on, rest, low, low), (to, mine, target, target + len(block))]
        if target == low:
            return None
        return [(on, mine, min(low, target), max(high, target + len(block)))]

    def _run(self, sequence: list[int], place: int, line: int) -> tuple[int, int]:
        """The lots of one class around a place, or the part of them before or after it."""
        classes = self.shop.setup_class
        kind, low, high = classes[sequence[place]], place, place + 1
        while low > self.fixed[line] and classes[sequence[low - 1]] == kind:
            low -= 1
        while high < len(sequence) and classes[sequence[high]] == kind:
            high += 1
        part = self.chance()
        if part < 0.25:
            return place, high
        return (low, place + 1) if part < 0.5 else (low, high)

    def _target(self, lot: int, near: int, there: list[int], line: int) -> int:
        chance, classes, least = self.chance, self.shop.setup_class, self.fixed[line]
        if chance() < BESIDE_CLASS_SHARE:
            kind, low = classes[lot], max(least, near - CLASS_REACH)
            beside = [k for k, each in enumerate(there[low : near + CLASS_REACH], low) if classes[each] == kind]
            if beside:
                return beside[int(chance() * len(beside))] + (chance() < 0.5)
        return max(least, min(len(there), near + int(chance() * (2 * REACH - 1)) - REACH))
