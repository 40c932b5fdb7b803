"""Times where lines share people or moulds: lots are placed in the order they can start, where all they need is free.

A `SharedBoard` is a board that times everything anew with every change. Of the lots next on their lines the one that
can start first is placed; what it uses is taken from then on. A mould stays on its line from one lot to the next that
needs it, unless another line takes it meanwhile: then it is changed in again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from scheduler.axis import Axis, minute_down, minute_up
from scheduler.decode import Board, Change
from scheduler.files import Number
from scheduler.problem import Crew, Problem, Resource
from scheduler.shop import FAR, Shop

Span = tuple[int, int]


def board_for(shop: Shop, release: Sequence[int] | None = None) -> Board:
    """A board for `shop`: the fast one where lines share nothing."""
    return SharedBoard(shop, release) if shares_anything(shop.problem) else Board(shop, release)


def shares_anything(problem: Problem) -> bool:
    """Is there a crew that may be too small, or a resource that may be in use elsewhere or away?"""
    return any(_crew_binds(crew) for crew in problem.crews) or any(_used(problem, r.code) for r in problem.resources)


def _crew_binds(crew: Crew) -> bool:
    least = min((people for _, people in crew.size), default=0)
    return bool(crew.lines) and sum(crew.lines.values()) > least


def _used(problem: Problem, code: str) -> bool:
    return any(code in stage.resources for product in problem.products for stage in product.stages)


@dataclass(slots=True)
class People:
    """A crew: how many each line takes, how many there are from which minute on, and who works when."""

    lines: dict[int, int]
    since: list[int]
    size: list[int]
    busy: list[tuple[int, int, int]]  # to, from, people; by end, so that what is over is passed by

    def blocked_until(self, line: int, spans: Sequence[Span]) -> int:
        """The minute from which a lot running in `spans` might be staffed; 0: it is now."""
        people, since = self.lines[line], self.since
        for start, end in spans:
            working = self.busy[bisect_right(self.busy, (start, FAR, 0)) :]
            sizes = since[bisect_right(since, start) : bisect_left(since, end)]
            for at in sorted([start, *sizes, *(begin for _, begin, _ in working if start < begin < end)]):
                at_work = sum(n for stop, begin, n in working if begin <= at < stop)
                index = bisect_right(since, at) - 1
                if at_work + people > (self.size[index] if index >= 0 else 0):
                    ends = [stop for stop, begin, _ in working if begin <= at < stop]
                    return min(ends + since[index + 1 : index + 2], default=FAR)
        return 0

    def work(self, line: int, spans: Sequence[Span]) -> None:
        """The crew runs a lot in `spans`."""
        for start, end in spans:
            insort(self.busy, (end, start, self.lines[line]))


@dataclass(slots=True)
class Moulds:
    """A resource: how many there are, spans when they are away, spans when lines hold one."""

    count: int
    change: int
    away: list[Span]
    held: list[Span]  # to, from; by end

    def blocked_until(self, start: int, end: int) -> int:
        """The minute from which one might be free for a hold as long as start .. end; 0: it is now."""
        for low, high in self.away:
            if start < high and low < end:
                return high
        overlap = [span for span in self.held[bisect_right(self.held, (start, FAR)) :] if span[1] < end]
        if len(overlap) < self.count:
            return 0
        for at in sorted({start, *(low for _, low in overlap if low > start)}):
            ends = [high for high, low in overlap if low <= at < high]
            if len(ends) >= self.count:
                return min(ends, default=FAR)
        return 0

    def hold(self, start: int, end: int) -> None:
        """A line holds one from start to end."""
        insort(self.held, (end, start))


class SharedBoard(Board):
    """A board whose lines share crews and moulds."""

    def __init__(self, shop: Shop, release: Sequence[int] | None = None) -> None:
        super().__init__(shop, release)
        problem = shop.problem
        lines = {line.code: index for index, line in enumerate(problem.lines)}
        self.crews = [(crew, lines) for crew in problem.crews if _crew_binds(crew)]
        self.resource_codes = [resource.code for resource in problem.resources]
        self.uses = [self._resources_of(lot) for lot in range(len(shop.lots))]
        self.circle = False  # did lots wait for each other when last timed?

    def _resources_of(self, lot: int) -> tuple[int, ...]:
        return tuple(self.resource_codes.index(code) for code in self.shop.stage(lot).resources)

    def attempt(self, changes: Iterable[Change], releases: Iterable[tuple[int, int]] = ()) -> Number | None:
        """As a board's: everything is timed anew, what differs goes to the trail."""
        before = self.axis_end.copy(), self.end.copy(), self.setup.copy()
        self._adopt(changes)
        self._set_releases(releases)
        self._time_all()
        for lot, (axis_end, end, setup) in enumerate(zip(*before, strict=True)):
            if axis_end != self.axis_end[lot] or end != self.end[lot] or setup != self.setup[lot]:
                self._trail.append((lot, axis_end, end, setup))
        if self.circle:
            return None
        return self.costs.attempt(self._trail, self._moved)

    def _time_all(self) -> None:
        _Placing(self).run()


class _Placing:
    """One timing of a whole board."""

    def __init__(self, board: SharedBoard) -> None:
        self.board, self.shop = board, board.shop
        problem = self.shop.problem
        self.crews = [_people(problem, crew, lines) for crew, lines in board.crews]
        self.moulds = [_moulds(problem, resource) for resource in problem.resources]
        count = len(board.sequences)
        self.place = [0] * count
        self.free = [0] * count  # axis minute
        self.row = list(self.shop.first_setup)
        self.last = [-1] * count  # the lot before, for what stays mounted
        self.pending = [sum(board.line_of[j] >= 0 for j in needed) for needed in self.shop.preds]
        self.heap: list[tuple[int, int]] = []
        self.offered = [False] * count  # is the line's next lot in the heap?

    def run(self) -> None:
        """Place every lot; lots that wait for each other in a circle are left out."""
        board = self.board
        stale = list(range(len(board.sequences)))  # lines whose next lot is not in the heap
        while stale or self.heap:
            if stale:
                stale += self._queue(stale.pop())
                continue
            at, line = heappop(self.heap)
            lot = board.sequences[line][self.place[line]]
            begins, change = self._fit(line, lot)
            if begins >= 0 and self.shop.axes[line].starts[begins] > at:
                heappush(self.heap, (self.shop.axes[line].starts[begins], line))
            else:
                stale += self._put(line, lot, begins, change)
        self._leave_rest()

    def _leave_rest(self) -> None:
        board = self.board
        board.circle = False
        for line, sequence in enumerate(board.sequences):
            for lot in sequence[self.place[line] :]:
                board.circle = True
                board.axis_end[lot], board.end[lot], board.setup[lot] = self.free[line], FAR, 0

    def _queue(self, line: int) -> list[int]:
        """Offer a line's next lot, or leave it out; returns lines to look at then."""
        sequence = self.board.sequences[line]
        if self.offered[line] or self.place[line] >= len(sequence) or self.pending[sequence[self.place[line]]]:
            return []
        lot = sequence[self.place[line]]
        begins, change = self._fit(line, lot)
        if begins < 0:
            return self._put(line, lot, begins, change)
        heappush(self.heap, (self.shop.axes[line].starts[begins], line))
        self.offered[line] = True
        return []

    def _put(self, line: int, lot: int, begins: int, change: int) -> list[int]:
        """Place a lot, or leave it out (begins -1); returns the lines whose next lot may now be offered."""
        board, shop = self.board, self.shop
        self.place[line] += 1
        self.offered[line] = False
        if begins < 0:
            board.axis_end[lot], board.end[lot], board.setup[lot] = self.free[line], FAR, 0
        else:
            axis, ends = shop.axes[line], begins + shop.minutes[line][lot]
            board.axis_end[lot], board.end[lot], board.setup[lot] = ends, axis.end(ends), change
            self._take(line, lot, begins, ends)
            self.free[line], self.row[line], self.last[line] = ends, shop.setup[line][shop.setup_class[lot]], lot
        woken = [line]
        for other in shop.succs[lot]:
            self.pending[other] -= 1
            on = board.line_of[other]
            if on not in {-1, line} and not self.pending[other] and self._is_next(on, other):
                woken.append(on)
        return woken

    def _is_next(self, line: int, lot: int) -> bool:
        sequence = self.board.sequences[line]
        return self.place[line] < len(sequence) and sequence[self.place[line]] == lot

    def _fit(self, line: int, lot: int) -> tuple[int, int]:
        """(axis minute, changeover minutes) of the earliest start of a lot with all it needs; -1: there is none."""
        shop, axis = self.shop, self.shop.axes[line]
        ready = self.board.release[lot]
        for other in shop.preds[lot]:
            ready = max(ready, self.board.end[other] + shop.lag[lot])
        if ready >= shop.horizon:
            return -1, 0
        change, minutes = self.row[line][shop.setup_class[lot]], shop.minutes[line][lot]
        later = max(axis.before[ready], self.free[line] + change)
        begins = -1
        extra = 0
        while later > begins:
            begins = _uninterrupted(axis, later, minutes) if shop.whole[lot] else later
            if begins + minutes > axis.total:
                return -1, 0
            extra, later = self._look(line, lot, begins, change)
        return begins, change + extra

    def _look(self, line: int, lot: int, begins: int, change: int) -> tuple[int, int]:
        """(minutes to change stolen moulds in again, axis minute to try next; `begins` itself: it fits)."""
        axis, later, extra = self.shop.axes[line], begins, 0
        ends = begins + self.shop.minutes[line][lot]
        for number in self.board.uses[lot]:
            moulds = self.moulds[number]
            if self._still_mounted(line, number, axis.end(ends)):
                continue
            if self._was_mounted(line, number):
                extra += moulds.change
            until = moulds.blocked_until(axis.starts[max(0, begins - moulds.change)], axis.end(ends))
            if until:
                later = max(later, self._axis(axis, until) + moulds.change)
        later = max(later, self.free[line] + change + extra)
        if later > begins:
            return extra, later
        spans = _open(axis, begins, ends) if self.crews else []
        for crew in self.crews:
            until = crew.blocked_until(line, spans) if crew.lines.get(line) else 0
            if until:
                later = max(later, begins + 1, self._axis(axis, until))
        return extra, later

    def _axis(self, axis: Axis, minute: int) -> int:
        return axis.before[minute] if minute < self.shop.horizon else axis.total + 1

    def _was_mounted(self, line: int, number: int) -> bool:
        last = self.last[line]
        return last >= 0 and self.moulds[number].change > 0 and number in self.board.uses[last]

    def _still_mounted(self, line: int, number: int, end: int) -> bool:
        """Has the mould of the lot before stayed on the line, and may it until `end`?"""
        if not self._was_mounted(line, number):
            return False
        return not self.moulds[number].blocked_until(self.board.end[self.last[line]], end)

    def _take(self, line: int, lot: int, begins: int, ends: int) -> None:
        axis = self.shop.axes[line]
        for number in self.board.uses[lot]:
            moulds = self.moulds[number]
            mounted = self._still_mounted(line, number, axis.end(ends))
            since = self.board.end[self.last[line]] if mounted else axis.starts[max(0, begins - moulds.change)]
            moulds.hold(since, axis.end(ends))
        for crew in self.crews:
            if crew.lines.get(line):
                crew.work(line, _open(axis, begins, ends))


def _uninterrupted(axis: Axis, begins: int, minutes: int) -> int:
    while begins < axis.total and begins + minutes > axis.closes[begins]:
        begins = axis.closes[begins]
    return begins


def _open(axis: Axis, begins: int, ends: int) -> list[Span]:
    """The open spans of a lot in plant minutes."""
    spans, at = [], begins
    while at < ends:
        stop = min(ends, axis.closes[at])
        spans.append((axis.starts[at], axis.end(stop)))
        at = stop
    return spans


def _people(problem: Problem, crew: Crew, lines: dict[str, int]) -> People:
    since = [minute_up(problem.now, at) for at, _ in crew.size]
    return People({lines[code]: n for code, n in crew.lines.items()}, since, [n for _, n in crew.size], [])


def _moulds(problem: Problem, resource: Resource) -> Moulds:
    away = [(minute_down(problem.now, low), minute_up(problem.now, high)) for low, high in resource.unavailable]
    return Moulds(resource.count, resource.change_minutes, away, [])
