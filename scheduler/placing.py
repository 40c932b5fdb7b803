"""Lots placed one after the other in time, each as early as the people and moulds that are still free let it.

Of the lots next on their lines the one that can start first is placed; what it uses is taken from then on. A mould
stays on its line from one lot to the next that needs it, unless another line takes it meanwhile: then it is changed in
again. Since lots are placed in time, a change leaves alone what was placed before a line it touches came to the place
that differs: only what was placed since is taken back and placed anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scheduler.axis import Axis
from scheduler.shop import FAR

if TYPE_CHECKING:
    from scheduler.shared import SharedBoard

Span = tuple[int, int]
Free = NDArray[np.int32]
"""How many of something are free, by plant minute."""


def _until_enough(free: Free, low: int, high: int, wanted: int) -> int:
    """The minute after the last of low .. high at which fewer than `wanted` are free; 0: there is none.

    What needs them from low to high and may only come later needs them at that minute too, unless it starts after it.
    """
    short = (free[low:high] < wanted).nonzero()[0]
    return low + int(short[-1]) + 1 if len(short) else 0


@dataclass(slots=True)
class Put:
    """A lot that was placed, or left out (begins -1), and what it took: (what is free of it, from, to, how many).

    `step` counts the lots placed until then, this one included; `free` and `last` are its line's before.
    """

    lot: int
    line: int
    begins: int
    step: int
    free: int
    last: int
    taken: list[tuple[Free, int, int, int]]


class Offer(NamedTuple):
    """When a lot next on its line could start: as of which step, with how much taken by then."""

    step: int
    taken: int
    begins: int
    change: int


Offers = dict[int, tuple[Offer, ...]]
"""By lot, what it was offered from step to step: when it is its turn hangs on when that was last looked at."""


class _Before(NamedTuple):
    """What an attempt can be taken back to: how much of the log was kept, and what was taken back for it."""

    kept: int
    old: list[Put]
    awaited: Sequence[int]
    offers: Offers
    circle: bool


class Placing:
    """Lots placed one after the other on a board, each as early as the lots before it let it."""

    def __init__(self, board: SharedBoard) -> None:
        self.board, self.shop = board, board.shop
        self.people = [free.copy() for free in board.people]
        self.moulds = [free.copy() for free in board.moulds]
        count = len(board.sequences)
        self.place = [0] * count
        self.free = [0] * count  # axis minute
        self.last = [-1] * count  # the lot before, for what is set up and stays mounted
        self.pending = [sum(board.line_of[j] >= 0 for j in needed) for needed in self.shop.preds]
        self.log: list[Put] = []
        self.steps = 0  # lots placed
        self.taken = 0  # of those, lots that took anything
        self.step_of: dict[int, int] = {}  # by lot: the step it was placed in
        self.offers: Offers = {}
        self.heap: list[tuple[int, int]] = []
        self.offered = [False] * count  # is the line's next lot in the heap?
        self._saved: _Before | None = None

    # ---- forward

    def run(self, lines: Iterable[int]) -> list[int]:
        """Place every lot, starting with what is next on `lines`; returns those left that wait in a circle."""
        board, starts = self.board, [axis.starts for axis in self.shop.axes]
        stale = list(lines)  # lines whose next lot is not in the heap
        while stale or self.heap:
            if stale:
                stale += self._queue(stale.pop())
                continue
            at, line = heappop(self.heap)
            lot = board.sequences[line][self.place[line]]
            offer = self._offer(line, lot)
            if offer.begins >= 0 and starts[line][offer.begins] > at:
                self._remember(lot, offer)
                heappush(self.heap, (starts[line][offer.begins], line))
            else:
                stale += self._put(line, lot, offer)
        return self._leave_rest()

    def _leave_rest(self) -> list[int]:
        board, left = self.board, list[int]()
        for line, sequence in enumerate(board.sequences):
            for lot in sequence[self.place[line] :]:
                left.append(lot)
                board.axis_end[lot], board.end[lot], board.setup[lot] = self.free[line], FAR, 0
        board.circle = bool(left)
        return left

    def _queue(self, line: int) -> list[int]:
        """Offer a line's next lot, or leave it out; returns lines to look at then."""
        sequence = self.board.sequences[line]
        if self.offered[line] or self.place[line] >= len(sequence) or self.pending[sequence[self.place[line]]]:
            return []
        lot = sequence[self.place[line]]
        self.offers.pop(lot, None)
        offer = self._offer(line, lot)
        if offer.begins < 0:
            return self._put(line, lot, offer)
        self._remember(lot, offer)
        self._push(line, offer)
        return []

    def _remember(self, lot: int, offer: Offer) -> None:
        self.offers[lot] = (*self.offers.get(lot, ()), offer)

    def _push(self, line: int, offer: Offer) -> None:
        heappush(self.heap, (self.shop.axes[line].starts[offer.begins], line))
        self.offered[line] = True

    def _offer(self, line: int, lot: int) -> Offer:
        """The earliest start as of now; what was offered holds until somebody takes something."""
        before = self.offers.get(lot)
        if before and (before[-1].taken == self.taken or not self._shares(line, lot)):
            return before[-1]
        return Offer(self.steps, self.taken, *self._fit(line, lot))

    def _shares(self, line: int, lot: int) -> bool:
        return bool(self.board.staff[line] or self.board.uses[lot])

    def _put(self, line: int, lot: int, offer: Offer) -> list[int]:
        """Place a lot, or leave it out (begins -1); returns the lines whose next lot may now be offered."""
        board, shop, begins = self.board, self.shop, offer.begins
        put = Put(lot, line, begins, self.steps, self.free[line], self.last[line], [])
        self.log.append(put)
        if begins < 0:
            board.axis_end[lot], board.end[lot], board.setup[lot] = self.free[line], FAR, 0
        else:
            axis, ends = shop.axes[line], begins + shop.minutes[line][lot]
            board.axis_end[lot], board.end[lot], board.setup[lot] = ends, axis.end(ends), offer.change
            put.taken = self._takes(line, lot, begins, ends)
            put.step += 1
        self._advance(put)
        woken = [line]
        for other in shop.succs[lot]:
            on = board.line_of[other]
            if on not in {-1, line} and not self.pending[other] and self._is_next(on, other):
                woken.append(on)
        return woken

    def _advance(self, put: Put) -> None:
        """Count a lot as placed and take what it takes."""
        line = put.line
        self.step_of[put.lot] = put.step
        self.place[line] += 1
        self.offered[line] = False
        for other in self.shop.succs[put.lot]:
            self.pending[other] -= 1
        if put.begins < 0:
            return
        self.steps += 1
        self.taken += bool(put.taken)
        self.free[line], self.last[line] = put.begins + self.shop.minutes[line][put.lot], put.lot
        for free, low, high, number in put.taken:
            free[low:high] -= number

    def _is_next(self, line: int, lot: int) -> bool:
        sequence = self.board.sequences[line]
        return self.place[line] < len(sequence) and sequence[self.place[line]] == lot

    # ---- back, and again

    def again(self, touched: dict[int, int], awaited: Sequence[int]) -> list[int]:
        """Place anew all that may differ when lines differ from these places on; returns those lots.

        `awaited` lots wait for one more that was on no line before.
        """
        step = min((self._step_before(line, place) for line, place in touched.items()), default=self.steps)
        offers, circle = dict(self.offers), self.board.circle
        old = self._back_to(step)
        for lot in awaited:
            self.pending[lot] += 1
        self._saved = _Before(len(self.log), old, awaited, offers, circle)
        left = self.run(self._resume(touched, step))
        return [*(put.lot for put in self.log[self._saved.kept :]), *left]

    def _step_before(self, line: int, place: int) -> int:
        """The step at which the lot in a place is offered: when the one before it has been placed."""
        if not place:
            return 0
        return min(self.steps, self.step_of.get(self.board.sequences[line][place - 1], self.steps))

    def _back_to(self, step: int) -> list[Put]:
        """Take back what was placed after a step; returns it, latest first."""
        old = []
        while self.log and (self.log[-1].step > step or (self.log[-1].begins < 0 and self.log[-1].step == step)):
            old.append(self.log.pop())
            self._take_back(old[-1])
        return old

    def _take_back(self, put: Put) -> None:
        line = put.line
        self.place[line] -= 1
        for other in self.shop.succs[put.lot]:
            self.pending[other] += 1
        if put.begins < 0:
            return
        self.steps -= 1
        self.taken -= bool(put.taken)
        self.free[line], self.last[line] = put.free, put.last
        for free, low, high, number in put.taken:
            free[low:high] += number

    def _resume(self, touched: dict[int, int], step: int) -> list[int]:
        """Fill the heap with what had been offered by a step; the lines whose next lot had not, or is another."""
        self.heap.clear()
        stale = []
        for line, sequence in enumerate(self.board.sequences):
            self.offered[line] = False
            place = self.place[line]
            if place >= len(sequence) or self.pending[sequence[place]]:
                continue
            lot = sequence[place]
            offers = tuple(offer for offer in self.offers.get(lot, ()) if offer.step <= step)
            if offers and place < touched.get(line, FAR):
                self.offers[lot] = offers
                self._push(line, offers[-1])
            else:
                stale.append(line)
        return stale

    def keep(self) -> None:
        """What was placed anew stands."""
        self._saved = None

    def undo(self) -> None:
        """What was placed anew never was; the board's times are as before already."""
        if self._saved is None:
            return
        saved, self._saved = self._saved, None
        while len(self.log) > saved.kept:
            self._take_back(self.log.pop())
        for lot in saved.awaited:
            self.pending[lot] -= 1
        for put in reversed(saved.old):
            self.log.append(put)
            self._advance(put)
        self.offers, self.board.circle = saved.offers, saved.circle

    # ---- one lot

    def _row(self, line: int) -> list[int]:
        """Changeover minutes from what a line has set up."""
        last = self.last[line]
        return self.shop.first_setup[line] if last < 0 else self.shop.setup[line][self.shop.setup_class[last]]

    def _fit(self, line: int, lot: int) -> tuple[int, int]:
        """(axis minute, changeover minutes) of the earliest start of a lot with all it needs; -1: there is none."""
        shop, axis = self.shop, self.shop.axes[line]
        ready = self.board.release[lot]
        for other in shop.preds[lot]:
            ready = max(ready, self.board.end[other] + shop.lag[lot])
        if ready >= shop.horizon:
            return -1, 0
        change, minutes = self._row(line)[shop.setup_class[lot]], shop.minutes[line][lot]
        later = max(axis.before[ready], self.free[line] + change)
        begins, extra = -1, 0
        while later > begins:
            begins = _uninterrupted(axis, later, minutes) if shop.whole[lot] else later
            if begins + minutes > axis.total:
                return -1, 0
            if self.board.uses[lot]:
                extra, later = self._look(line, lot, begins, change)
            if later <= begins and self.board.staff[line]:
                later = self._staffed(line, begins, begins + minutes)
        return begins, change + extra

    def _look(self, line: int, lot: int, begins: int, change: int) -> tuple[int, int]:
        """(minutes to change stolen moulds in again, axis minute to try next; `begins` itself: it fits)."""
        axis, later, extra = self.shop.axes[line], begins, 0
        ends = begins + self.shop.minutes[line][lot]
        for number in self.board.uses[lot]:
            if self._still_mounted(line, number, axis.end(ends)):
                continue
            minutes = self.board.change[number]
            if self._was_mounted(line, number):
                extra += minutes
            since = axis.starts[max(0, begins - minutes)]
            until = _until_enough(self.moulds[number], since, axis.end(ends), 1)
            if until:
                later = max(later, self._axis(axis, until) + minutes)
        return extra, max(later, self.free[line] + change + extra)

    def _staffed(self, line: int, begins: int, ends: int) -> int:
        """`begins` where people suffice for a lot from there on, else the axis minute to try next."""
        axis, later = self.shop.axes[line], begins
        spans = _open(axis, begins, ends)
        for crew, wanted in self.board.staff[line]:
            for low, high in reversed(spans):
                until = _until_enough(self.people[crew], low, high, wanted)
                if until:
                    later = max(later, begins + 1, self._axis(axis, until))
                    break
        return later

    def _axis(self, axis: Axis, minute: int) -> int:
        return axis.before[minute] if minute < self.shop.horizon else axis.total + 1

    def _was_mounted(self, line: int, number: int) -> bool:
        last = self.last[line]
        return last >= 0 and self.board.change[number] > 0 and number in self.board.uses[last]

    def _still_mounted(self, line: int, number: int, end: int) -> bool:
        """Has the mould of the lot before stayed on the line, and may it until `end`?"""
        if not self._was_mounted(line, number):
            return False
        return not _until_enough(self.moulds[number], self.board.end[self.last[line]], end, 1)

    def _takes(self, line: int, lot: int, begins: int, ends: int) -> list[tuple[Free, int, int, int]]:
        axis, board, found = self.shop.axes[line], self.board, []
        for number in board.uses[lot]:
            mounted = self._still_mounted(line, number, axis.end(ends))
            since = board.end[self.last[line]] if mounted else axis.starts[max(0, begins - board.change[number])]
            found.append((self.moulds[number], since, axis.end(ends), 1))
        if board.staff[line]:
            spans = _open(axis, begins, ends)
            found += [(self.people[crew], low, high, n) for crew, n in board.staff[line] for low, high in spans]
        return found


def _uninterrupted(axis: Axis, begins: int, minutes: int) -> int:
    while begins < axis.total and begins + minutes > axis.closes[begins]:
        begins = axis.closes[begins]
    return begins


def _open(axis: Axis, begins: int, ends: int) -> list[Span]:
    """The open spans of a lot in plant minutes."""
    closes = axis.closes
    if closes[begins] >= ends:
        return [(axis.starts[begins], axis.starts[ends - 1] + 1)]
    spans, at = [], begins
    while at < ends:
        stop = min(ends, closes[at])
        spans.append((axis.starts[at], axis.end(stop)))
        at = stop
    return spans
