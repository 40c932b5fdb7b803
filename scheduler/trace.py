"""Why a lot starts when it does: the chain of what each lot waited for, from an order's last lot back to now.

Read from the final times, with supply pegged as it is, so that every minute from now to the order's end has one cause:
own work, a line busy with another order, a changeover, a closed line, a component, a stage before, a crew or mould.
"""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.axis import minute_down, minute_up
from scheduler.decode import Board
from scheduler.plan import Reason
from scheduler.shop import FAR
from scheduler.state import Desk

Piece = tuple[str, str, int]  # cause, detail, minutes
DETAILS_MAX = 4


def reasons(desk: Desk, order: int) -> tuple[Reason, ...]:
    """The causes of an order's end, longest first; they add up to the minutes from now to its end.

    An order that was due before now has `overdue` for the minutes since, which come on top.
    """
    board, shop = desk.board, desk.shop
    lots = [lot for lot in shop.stage_lots[order][-1] if board.end[lot] != FAR]
    if not lots:
        return ()
    sums: dict[tuple[str, str], int] = {}
    for cause, detail, minutes in _Chain(desk).back_from(max(lots, key=lambda lot: (board.end[lot], lot))):
        sums[cause, detail] = sums.get((cause, detail), 0) + minutes
    overdue = -shop.dues[order][-1].at
    if overdue > 0:
        sums["overdue", ""] = overdue
    found = [Reason(cause, detail, minutes) for (cause, detail), minutes in sums.items() if minutes > 0]
    return tuple(_shortened(sorted(found, key=_longest)))


def _longest(reason: Reason) -> tuple[int, str, str]:
    return -reason.minutes, reason.cause, reason.detail


def _shortened(found: list[Reason]) -> list[Reason]:
    """The longest few of each cause, the rest of a cause as one: `+4` more orders, say."""
    kept: list[Reason] = []
    for cause in dict.fromkeys(reason.cause for reason in found):
        same = [reason for reason in found if reason.cause == cause]
        rest = same[DETAILS_MAX:]
        kept += same[:DETAILS_MAX]
        if rest:
            kept.append(Reason(cause, f"+{len(rest)}", sum(reason.minutes for reason in rest)))
    return sorted(kept, key=_longest)


def deciding_lots(desk: Desk, order: int) -> list[tuple[int, int]]:
    """(lot, minutes it waited for its line) of the lots that decided when an order ends, last first."""
    lots = [lot for lot in desk.shop.stage_lots[order][-1] if desk.board.end[lot] != FAR]
    return _Chain(desk).lots_from(max(lots, key=lambda lot: (desk.board.end[lot], lot))) if lots else []


class _Chain:
    """Walks back through the lots that decided when a lot could start."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.board, self.shop = desk, desk.board, desk.shop
        self.problem = desk.shop.problem

    def back_from(self, last: int) -> Iterator[Piece]:
        """(cause, detail, minutes) from the end of lot `last` back to now."""
        lot = last
        while True:
            yield from self._own(lot)
            ready, cause, detail, before = self._ready(lot)
            yield from self._wait(lot, ready)
            if before < 0:
                yield cause, detail, ready
                return
            yield "transfer", "", ready - self.board.end[before]
            lot = before

    def lots_from(self, last: int) -> list[tuple[int, int]]:
        """The lots of the chain, with what each waited for its line."""
        found, lot = [], last
        while lot >= 0:
            ready, _, _, before = self._ready(lot)
            found.append((lot, self.board.start(lot) - ready))
            lot = before
        return found

    def _own(self, lot: int) -> Iterator[Piece]:
        """The lot's own time: worked, and closed while it was on."""
        line = self.board.line_of[lot]
        worked = self.shop.minutes[line][lot]
        seq = str(self.shop.stage(lot).seq)
        yield ("outside" if line >= self.shop.real_lines else "own_work"), seq, worked
        yield from self._closed(line, self.board.start(lot), self.board.end[lot])

    def _ready(self, lot: int) -> tuple[int, str, str, int]:
        """(minute, cause, detail, lot before) of what let the lot start at the earliest, its line apart."""
        board, shop = self.board, self.shop
        choices = [(0, "now", "", -1), self._own_release(lot)]
        if self.desk.ready.get(lot, 0) > shop.release[lot]:
            choices.append((self.desk.ready[lot], "material", self._late_component(lot), -1))
        choices += [(board.end[other] + shop.lag[lot], "stage", "", other) for other in shop.preds[lot]]
        return max(choices, key=lambda choice: (choice[0], choice[3]))

    def _own_release(self, lot: int) -> tuple[int, str, str, int]:
        held, release = self.shop.lots[lot], self.shop.release[lot]
        if held.at == release and held.hold:
            return release, held.hold, "", -1
        frozen = self.problem.frozen_until
        if frozen is not None and minute_up(self.problem.now, frozen) == release:
            return release, "frozen", "", -1
        return release, "earliest_start", "", -1

    def _late_component(self, lot: int) -> str:
        """The component, and its receipt, that came last of what the lot draws."""
        supply = self.desk.supply
        draws = [draw for draw in supply.ready(self.desk.draws)[1] if draw.lot == lot]
        last = max(draws, key=lambda draw: supply.arrivals[draw.item][draw.arrival][0])
        receipt = supply.arrivals[last.item][last.arrival][2]
        ref = self.problem.receipts[receipt].ref if receipt >= 0 else None
        return f"{supply.items[last.item]} {ref}" if ref else supply.items[last.item]

    # ---- waiting for the line

    def _wait(self, lot: int, ready: int) -> Iterator[Piece]:
        """What the line did from `ready` to the lot's start."""
        start, line = self.board.start(lot), self.board.line_of[lot]
        at = ready
        for other in self._others_before(lot, ready):
            began, ended = self.board.start(other), self.board.end[other]
            yield from self._idle(line, at, min(began, start), other)
            own = self.shop.lots[other].order == self.shop.lots[lot].order
            cause, detail = ("own_work", str(self.shop.stage(other).seq)) if own else ("line_busy", self._code(other))
            yield cause, detail, ended - max(at, began)
            at = ended
        yield from self._idle(line, at, start, lot)

    def _others_before(self, lot: int, ready: int) -> list[int]:
        board = self.board
        sequence = board.sequences[board.line_of[lot]]
        earlier = sequence[: sequence.index(lot)]
        return [other for other in earlier if board.end[other] != FAR and board.end[other] > ready]

    def _idle(self, line: int, begins: int, ends: int, before: int) -> Iterator[Piece]:
        """A stretch without work before a lot: closed, changing over, or waiting."""
        if begins >= ends:
            return
        axis = self.shop.axes[line]
        low, high = axis.before[begins], axis.before[ends]
        change = max(0, min(self.board.setup[before], high - low))
        if change:
            yield "changeover", self._change(line, before), change
        yield from self._closed(line, begins, ends)
        idle = high - low - change
        if idle > 0:
            yield self._idle_cause(before), self._code(before), idle

    def _idle_cause(self, lot: int) -> str:
        """Why an open line stood idle before a lot: it waited for the lot to be ready, for people or a mould."""
        shared = self.problem.crews or self.shop.stage(lot).resources
        waited = self._ready(lot)[0] >= self.board.start(lot)
        return "shared" if shared and not waited else "line_held"

    def _closed(self, line: int, begins: int, ends: int) -> Iterator[Piece]:
        """Closed minutes of a stretch, by what the line's closures say, else by the calendar."""
        axis = self.shop.axes[line]
        closed = ends - begins - (axis.before[ends] - axis.before[begins])
        if closed <= 0:
            return
        code = self.problem.lines[line].code if line < self.shop.real_lines else ""
        for why, minutes in self._closures(line, begins, ends):
            named = min(minutes, closed)
            closed -= named
            yield why, code, named
        yield "closed", code, closed

    def _closures(self, line: int, begins: int, ends: int) -> Iterator[tuple[str, int]]:
        now = self.problem.now
        for start, end, why in self.problem.lines[line].closures if line < self.shop.real_lines else ():
            low, high = max(begins, minute_down(now, start)), min(ends, minute_up(now, end))
            if low < high:
                yield why, high - low - _open(self.board, line, low, high)

    def _change(self, line: int, lot: int) -> str:
        board = self.board
        sequence = board.sequences[line]
        planned = [other for other in sequence[: sequence.index(lot)] if board.end[other] != FAR]
        first = self.problem.lines[line].family_now if line < self.shop.real_lines else None
        before = self.shop.product(planned[-1]).family if planned else first
        return f"{before or '?'} > {self.shop.product(lot).family or '?'}"

    def _code(self, lot: int) -> str:
        return self.problem.orders[self.shop.lots[lot].order].code


def _open(board: Board, line: int, low: int, high: int) -> int:
    before = board.shop.axes[line].before
    return before[high] - before[low]


def missing_components(desk: Desk, lot: int) -> list[str]:
    """The components of a left-out lot that supply never covers, or only after the horizon."""
    supply, horizon = desk.supply, desk.shop.horizon
    in_time = [sum(units for at, units, _ in rows if at < horizon) for rows in supply.arrivals]
    for draw in supply.ready(desk.draws)[1]:
        if draw.lot != lot and supply.arrivals[draw.item][draw.arrival][0] < horizon:
            in_time[draw.item] -= draw.units
    needs = supply.needs.get(lot, ())
    unmet = [n for n in needs if sum(in_time[item] // units for item, units in n.options) < n.pieces]
    return [supply.items[need.options[0][0]] for need in unmet]
