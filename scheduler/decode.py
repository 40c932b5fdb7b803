"""Line sequences into times: the only one who knows when a lot really ends.

A `Board` holds the sequence of every line and the time of every lot. A lot starts at the earliest open minute after the
lot before it and its changeover, its release, and the lots whose pieces it takes; it ends when the line has been open
for its working minutes. A change of sequence re-times only what it touches, may be looked at, and is then kept or taken
back. Lots that find no time before the horizon are left out: they end `FAR` away and take no time on their line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scheduler.cost import Costs
from scheduler.files import Number
from scheduler.shop import FAR, Shop

Sequences = list[list[int]]
Change = tuple[int, list[int], int, int]  # line, new sequence, first place that differs, first place that is as before


class Board:
    """Sequences with their times and what they cost, changed step by step.

    After `load`, `attempt` re-times a change and returns the new cost; `keep` or `undo` must follow.
    """

    def __init__(self, shop: Shop, release: Sequence[int] | None = None) -> None:
        count = len(shop.lots)
        self.shop = shop
        self.release = list(release or shop.release)
        self.sequences: Sequences = [[] for _ in shop.axes]
        self.line_of = [-1] * count
        self.axis_end = [0] * count  # axis minute at which the lot is over; of a left-out lot, where the line stands
        self.end = [FAR] * count  # plant minute
        self.setup = [0] * count  # minutes before the lot
        self.costs = Costs(shop, self)
        self._trail: list[tuple[int, int, int, int]] = []
        self._undo: list[tuple[int, list[int]]] = []
        self._moved: list[tuple[int, int]] = []
        self._released: list[tuple[int, int]] = []
        self._steps_max = 4 * count + 400

    def start(self, lot: int) -> int:
        """The plant minute a planned lot starts."""
        line = self.line_of[lot]
        return self.shop.axes[line].starts[self.axis_end[lot] - self.shop.minutes[line][lot]]

    # ---- whole

    def load(self, sequences: Sequences) -> Number:
        """Take over complete sequences and time everything; returns the cost. Cycles leave lots out."""
        self.sequences = [list(sequence) for sequence in sequences]
        for line, sequence in enumerate(self.sequences):
            for lot in sequence:
                self.line_of[lot] = line
        for lot in range(len(self.end)):
            self.end[lot], self.axis_end[lot], self.setup[lot] = FAR, 0, 0
        self._time_all()
        self._trail.clear()
        return self.costs.recount()

    def _time_all(self) -> None:
        """Each line as far as it can go; a lot whose pieces are not there yet makes its line wait for another."""
        pending = [sum(self.line_of[j] >= 0 for j in needed) for needed in self.shop.preds]
        place = [0] * len(self.sequences)
        ready = list(range(len(self.sequences)))
        while ready:
            line = ready.pop()
            sequence = self.sequences[line]
            while place[line] < len(sequence) and not pending[sequence[place[line]]]:
                lot = sequence[place[line]]
                self._time_one(line, place[line])
                place[line] += 1
                for other in self.shop.succs[lot]:
                    pending[other] -= 1
                    if not pending[other] and self.line_of[other] >= 0:
                        ready.append(self.line_of[other])
        for line, sequence in enumerate(self.sequences):
            for lot in sequence[place[line] :]:
                self.axis_end[lot] = self.stands(line, place[line])[0]

    def _time_one(self, line: int, place: int) -> None:
        self._retime_line(line, place, place + 1, {}, stop=place + 1)

    # ---- change by change

    def attempt(self, changes: Iterable[Change], releases: Iterable[tuple[int, int]] = ()) -> Number | None:
        """The cost after giving lines new sequences and lots new releases, or None where lots would wait in a circle.

        Each change is (line, new sequence, first place that differs, first place from which all is as before).
        """
        dirty = self._adopt(changes)
        for lot in self._set_releases(releases):
            line = self.line_of[lot]
            if line >= 0:
                at = self.sequences[line].index(lot)
                first, settled = dirty.get(line, (at, at))
                dirty[line] = min(first, at), max(settled, at)
        if not self._retime(dirty):
            return None
        return self.costs.attempt(self._trail, self._moved)

    def _adopt(self, changes: Iterable[Change]) -> dict[int, tuple[int, int]]:
        """Take over new sequences; returns what is to be timed again: line -> (first, settled)."""
        dirty: dict[int, tuple[int, int]] = {}
        for line, sequence, first, settled in changes:
            self._undo.append((line, self.sequences[line]))
            self.sequences[line] = sequence
            for lot in sequence[first:settled]:
                if self.line_of[lot] != line:
                    self._moved.append((lot, self.line_of[lot]))
                    self.line_of[lot] = line
            dirty[line] = (first, settled)
        return dirty

    def _set_releases(self, releases: Iterable[tuple[int, int]]) -> list[int]:
        changed = []
        for lot, at in releases:
            if self.release[lot] != at:
                self._released.append((lot, self.release[lot]))
                self.release[lot] = at
                changed.append(lot)
        return changed

    def delay(self) -> int:
        """Minutes by which the attempted change lets lots end later, in all."""
        horizon, first = self.shop.horizon, {lot: end for lot, _, end, _ in reversed(self._trail)}
        return sum(min(self.end[lot], horizon) - min(was, horizon) for lot, was in first.items())

    def keep(self) -> None:
        """The attempted change stands."""
        self._forget()
        self.costs.keep()

    def undo(self) -> None:
        """The attempted change never was."""
        for lot, axis_end, end, setup in reversed(self._trail):
            self.axis_end[lot], self.end[lot], self.setup[lot] = axis_end, end, setup
        for lot, line in reversed(self._moved):
            self.line_of[lot] = line
        for line, sequence in reversed(self._undo):
            self.sequences[line] = sequence
        for lot, at in self._released:
            self.release[lot] = at
        self._forget()
        self.costs.undo()

    def _forget(self) -> None:
        self._trail.clear()
        self._undo.clear()
        self._moved.clear()
        self._released.clear()

    def _retime(self, dirty: dict[int, tuple[int, int]]) -> bool:
        """Re-time from the first place that differs on each dirty line until nothing changes; False: a circle."""
        while dirty:
            line = next(iter(dirty))
            first, settled = dirty.pop(line)
            if not self._retime_line(line, first, settled, dirty):
                return False
            if len(self._trail) > self._steps_max:
                return False
        return True

    def stands(self, line: int, place: int) -> tuple[int, list[int]]:
        """Axis minute and changeover row that place `place` of a line begins from."""
        sequence = self.sequences[line]
        while place:
            place -= 1
            lot = sequence[place]
            if self.end[lot] != FAR:
                return self.axis_end[lot], self.shop.setup[line][self.shop.setup_class[lot]]
        return 0, self.shop.first_setup[line]

    def _retime_line(  # noqa: C901, PLR0912, PLR0915 - the hot loop: one function, everything in local names
        self, line: int, first: int, settled: int, dirty: dict[int, tuple[int, int]], stop: int = FAR
    ) -> bool:
        """Time the places of a line from `first` until a place at or after `settled` comes out as before."""
        shop, sequence = self.shop, self.sequences[line]
        release, preds, lag, setup_class, whole = self.release, shop.preds, shop.lag, shop.setup_class, shop.whole
        axis, minutes, rows, horizon = shop.axes[line], shop.minutes[line], shop.setup[line], shop.horizon
        starts, before, total = axis.starts, axis.before, len(axis.starts)
        end, axis_end, setup, trail, line_of = self.end, self.axis_end, self.setup, self._trail, self.line_of
        x, row = self.stands(line, first)
        for place in range(first, min(stop, len(sequence))):
            lot = sequence[place]
            ready = release[lot]
            for other in preds[lot]:
                at = end[other] + lag[lot]
                if at > ready:  # noqa: PLR1730 - max() takes three times as long
                    ready = at
            change = row[setup_class[lot]]
            ends = total + 1
            if ready < horizon:
                begins = before[ready]
                if begins < x + change:  # noqa: PLR1730
                    begins = x + change
                ends = begins + minutes[lot]
                if whole[lot] and ends <= total:
                    closes = axis.closes
                    while begins < total and begins + minutes[lot] > closes[begins]:
                        begins = closes[begins]
                    ends = begins + minutes[lot]
            if ends > total:
                ends, change, finished = x, 0, FAR
            else:
                finished = starts[ends - 1] + 1
            if ends == axis_end[lot] and finished == end[lot]:
                if change != setup[lot]:
                    trail.append((lot, ends, finished, setup[lot]))
                    setup[lot] = change
                if place >= settled and finished != FAR:
                    return True
            else:
                trail.append((lot, axis_end[lot], end[lot], setup[lot]))
                moved = finished != end[lot]
                axis_end[lot], end[lot], setup[lot] = ends, finished, change
                if moved:
                    for other in shop.succs[lot]:
                        on = line_of[other]
                        if on < 0 or stop != FAR:
                            continue
                        at = self.sequences[on].index(other)
                        if on == line:
                            if at <= place:
                                return False
                            settled = max(settled, at)
                        elif on in dirty:
                            dirty[on] = (min(at, dirty[on][0]), max(at, dirty[on][1]))
                        else:
                            dirty[on] = (at, at)
            if finished != FAR:
                x, row = ends, rows[setup_class[lot]]
        return True
