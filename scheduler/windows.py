"""A few lots of a few lines put in their best order by CP-SAT: what local search finds slowly, exactly and at once.

A window is a stretch of one to three lines, twelve to sixteen lots in all. Inside it lots may change place and line;
what stands before and after is fixed, but the tail of a line may slide, at the price of the late orders in it. The
model only proposes: the desk times the proposal exactly and keeps it if it costs less. One worker and a deterministic
time limit, so that the same window gives the same proposal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from ortools.sat.python import cp_model

from scheduler.decode import Change
from scheduler.files import Number
from scheduler.shop import FAR
from scheduler.state import Desk

LOTS = 12
LINES_MAX = 3
LATE_SHARE = 0.5
TAIL_LOTS = 25  # lots behind a window whose orders price its delay
SLIDE_MAX = 600  # minutes the tail of a line may move
ROOM_MAX = 2400  # minutes a window at the end of a line may grow
NEAR_DUE = 120  # an order this close to being late counts as late
UNIT = 100  # weights are made whole by this factor

Window = dict[int, tuple[int, int]]  # line -> (first place, place after the last)


def improve(desk: Desk, window: Window, deterministic_time: float, seed: int) -> bool:
    """Put the lots of a window in a better order; True if that was found and kept."""
    proposal = Model(desk, window).solve(deterministic_time, seed)
    if proposal is None:
        return False
    changes: list[Change] = []
    for line, (first, last) in window.items():
        old = desk.board.sequences[line]
        new = [*old[:first], *proposal[line], *old[last:]]
        if new != old:
            changes.append((line, new, first, first + len(proposal[line])))
    if not changes:
        return False
    before = desk.board.costs.total
    cost = desk.attempt(changes)
    if cost is None or cost >= before:
        desk.undo()
        return False
    desk.keep()
    return True


def choose(desk: Desk, random: Random) -> Window | None:
    """A window: around a late order's lot or anywhere, on lines that could exchange lots."""
    board, shop = desk.board, desk.shop
    late = [(order, cost) for order, cost in enumerate(board.costs.by_order) if cost > 0]
    if late and random.random() < LATE_SHARE:
        order = random.choices([order for order, _ in late], [float(cost) for _, cost in late])[0]
        lots = [lot for lots in shop.stage_lots[order] for lot in lots if board.line_of[lot] >= 0]
        back = random.randrange(1200)
    else:
        lots = [lot for line in range(shop.real_lines) for lot in board.sequences[line]]
        back = 0
    if not lots:
        return None
    lot = random.choice(lots)
    lines = [line for line in shop.lines_of[lot] if line != board.line_of[lot] and line < shop.real_lines]
    random.shuffle(lines)
    on = [line for line in [board.line_of[lot], *lines][: random.randint(1, LINES_MAX)] if line < shop.real_lines]
    at = max(0, (board.start(lot) if board.end[lot] != FAR else shop.horizon) - back)
    return {line: _stretch(desk, line, at, LOTS // max(1, len(on))) for line in sorted(on)}


def _stretch(desk: Desk, line: int, at: int, count: int) -> tuple[int, int]:
    """About `count` places of a line around plant minute `at`, after what is fixed."""
    board, held = desk.board, len(desk.shop.prefix[line])
    sequence = board.sequences[line]
    middle = sum(board.end[lot] <= at for lot in sequence)
    first = max(held, middle - count // 2)
    last = min(len(sequence), first + count)
    return max(held, last - count), last


@dataclass(slots=True)
class _Tables:
    """The literals and variables of one line's window."""

    places: dict[int, Any] = field(default_factory=dict)  # lot -> is it here
    begins: dict[int, Any] = field(default_factory=dict)  # lot -> axis minute


class Model:
    """One window as optional intervals and a circuit for each line."""

    def __init__(self, desk: Desk, window: Window) -> None:
        self.desk, self.board, self.shop, self.window = desk, desk.board, desk.shop, window
        self.model = cp_model.CpModel()
        self.free = [lot for line, (a, b) in window.items() for lot in self.board.sequences[line][a:b]]
        self.inside = set(self.free)
        self.cost: list[Any] = []
        self.hints: list[tuple[Any, int]] = []
        self.lines = {line: _Tables() for line in window}
        self.ends: dict[int, Any] = {}
        self.starts: dict[int, Any] = {}

    def solve(self, deterministic_time: float, seed: int) -> dict[int, list[int]] | None:
        """New lots in order for each line of the window; None: nothing found."""
        if not self.build():
            return None
        solver = cp_model.CpSolver()
        parameters = solver.parameters
        parameters.num_workers, parameters.random_seed = 1, seed
        parameters.max_deterministic_time = deterministic_time
        parameters.symmetry_level, parameters.cp_model_probing_level, parameters.max_presolve_iterations = 0, 0, 1
        if solver.solve(self.model) not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
            return None
        return self.sequences(solver)

    def build(self) -> bool:
        """Write the model down, with what is on the desk as a hint; False: a lot has no place in it."""
        if any(self.board.end[lot] == FAR for lot in self.free) or not self._place_all():
            return False
        self._precedence()
        self._tardiness()
        for line in self.window:
            self._order_line(line)
        self.model.minimize(sum(self.cost))
        for variable, value in self.hints:
            self.model.add_hint(variable, value)
        return True

    def sequences(self, solver: cp_model.CpSolver) -> dict[int, list[int]]:
        """What a solver has found, as lots in order by line."""
        return {line: self._sequence(solver, tables) for line, tables in self.lines.items()}

    def _sequence(self, solver: cp_model.CpSolver, tables: _Tables) -> list[int]:
        here = [lot for lot, placed in tables.places.items() if solver.value(placed)]
        return sorted(here, key=lambda lot: solver.value(tables.begins[lot]))

    # ---- lots on lines

    def _place_all(self) -> bool:
        for lot in self.free:
            literals = []
            for line in self.shop.lines_of[lot]:
                if line in self.window:
                    placed = self._place(lot, line)
                    literals += [placed] if placed is not None else []
            if not literals:
                return False
            self.model.add_exactly_one(literals)
        return True

    def _place(self, lot: int, line: int) -> Any:
        """The literal of a lot being on a line; None where it has no room there."""
        axis, minutes = self.shop.axes[line], self.shop.minutes[line][lot]
        low, high = self._bounds(line)
        ready = self._outside_ready(lot)
        if ready >= self.shop.horizon:
            return None
        low, high = max(low, axis.before[ready]), min(high, axis.total) - minutes
        if low > high:
            return None
        placed, begins = self.model.new_bool_var(""), self.model.new_int_var(low, high, "")
        tables, here = self.lines[line], self.board.line_of[lot] == line
        tables.places[lot], tables.begins[lot] = placed, begins
        now = self.board.axis_end[lot] - minutes if here else None
        self.hints.append((placed, int(here)))
        if now is not None:
            self.hints.append((begins, now))
        self._tie(self._end_of(lot), placed, begins + minutes, line, (low + minutes, high + minutes), after=True)
        if self._needs_start(lot):
            self._tie(self._start_of(lot), placed, begins, line, (low, high), after=False)
        return placed

    def _outside_ready(self, lot: int) -> int:
        board, shop = self.board, self.shop
        ends = (board.end[other] + shop.lag[lot] for other in shop.preds[lot] if other not in self.inside)
        return max([board.release[lot], *ends])

    def _needs_start(self, lot: int) -> bool:
        return any(other in self.inside for other in self.shop.preds[lot])

    def _end_of(self, lot: int) -> Any:
        if lot not in self.ends:
            self.ends[lot] = self.model.new_int_var(0, self.shop.horizon, "")
            self.hints.append((self.ends[lot], self.board.end[lot]))
        return self.ends[lot]

    def _start_of(self, lot: int) -> Any:
        if lot not in self.starts:
            self.starts[lot] = self.model.new_int_var(0, self.shop.horizon, "")
            self.hints.append((self.starts[lot], self.board.start(lot)))
        return self.starts[lot]

    def _tie(self, at: Any, placed: Any, x: Any, line: int, domain: tuple[int, int], *, after: bool) -> None:
        """Plant minute `at` is axis minute `x` plus the closed minutes before it, one literal for each closure."""
        starts = self.shop.axes[line].starts
        shift = starts[domain[0] - 1] + 1 - domain[0] if after and domain[0] else starts[domain[0]] - domain[0]
        total: Any = shift
        for border, closed in _closures(starts, domain, after):
            over = self.model.new_bool_var("")
            self.model.add(x >= border).only_enforce_if(over)
            self.model.add(x < border).only_enforce_if(~over)
            total = total + closed * over
        self.model.add(at == x + total).only_enforce_if(placed)

    def _bounds(self, line: int) -> tuple[int, int]:
        """Axis minutes a window may use: from the lot before it to the slid tail, or some room at the end."""
        first, last = self.window[line]
        sequence, board = self.board.sequences[line], self.board
        low = board.stands(line, first)[0]
        if last < len(sequence) and board.end[sequence[last]] != FAR:
            return low, board.axis_end[sequence[last]] - self.shop.minutes[line][sequence[last]] + SLIDE_MAX
        return low, board.stands(line, last)[0] + ROOM_MAX

    # ---- what binds lots together

    def _precedence(self) -> None:
        for lot in self.free:
            for other in self.shop.preds[lot]:
                if other in self.inside:
                    self.model.add(self._start_of(lot) >= self._end_of(other) + self.shop.lag[lot])
            for other in self.shop.succs[lot]:
                if other not in self.inside and self.board.end[other] != FAR:
                    self.model.add(self._end_of(lot) + self.shop.lag[other] <= self.board.start(other))

    def _tardiness(self) -> None:
        shop, weights = self.shop, self.shop.problem.weights
        for order in sorted({shop.lots[lot].order for lot in self.free if shop.is_last(lot)}):
            lots, due = shop.stage_lots[order][-1], shop.dues[order][-1].at
            fixed = max(
                (self.board.end[k] for k in lots if k not in self.inside and self.board.end[k] != FAR), default=0
            )
            late = self.model.new_int_var(max(0, fixed - due), max(0, shop.horizon - due), "")
            mine = [lot for lot in lots if lot in self.inside]
            for lot in mine:
                self.model.add(late >= self._end_of(lot) - due)
            self.hints.append((late, max(0, fixed - due, *(self.board.end[lot] - due for lot in mine))))
            self.cost.append(_whole(weights.tardy_minute * shop.problem.orders[order].weight) * late)

    def _order_line(self, line: int) -> None:
        """A circuit through the lots that are here, from what stands before to what stands after."""
        model, tables, shop = self.model, self.lines[line], self.shop
        lots, price = list(tables.places), _whole(shop.problem.weights.setup_minute)
        first, last = self.window[line]
        sequence = self.board.sequences[line]
        low, row = self.board.stands(line, first)
        tail = sequence[last] if last < len(sequence) and self.board.end[sequence[last]] != FAR else -1
        slide = self._slide(line, tail)
        now = sequence[first:last]
        follows = dict(zip([-1, *now], [*now, -2], strict=True))
        minutes, classes = shop.minutes[line], shop.setup_class
        model.add_no_overlap(
            [
                model.new_optional_fixed_size_interval_var(tables.begins[k], minutes[k], tables.places[k], "")
                for k in lots
            ]
        )
        arcs = [(0, 0, self._literal(not now))]
        if tail >= 0:
            self._gap(arcs[0][2], low, row[classes[tail]], slide, price)
        for u, lot in enumerate(lots, 1):
            into, out = self._literal(follows.get(-1) == lot), self._literal(follows.get(lot) == -2)
            arcs += [(u, u, ~tables.places[lot]), (0, u, into), (u, 0, out)]
            ends, after = tables.begins[lot] + minutes[lot], shop.setup[line][classes[lot]]
            self._gap(into, low, row[classes[lot]], tables.begins[lot], price)
            if tail >= 0:
                self._gap(out, ends, after[classes[tail]], slide, price)
            for v, other in enumerate(lots, 1):
                if other != lot:
                    then = self._literal(follows.get(lot) == other)
                    arcs.append((u, v, then))
                    self._gap(then, ends, after[classes[other]], tables.begins[other], price)
        model.add_circuit(arcs)

    def _literal(self, now: bool) -> Any:
        literal = self.model.new_bool_var("")
        self.hints.append((literal, int(now)))
        return literal

    def _gap(self, literal: Any, ends: Any, change: int, begins: Any, price: int) -> None:
        self.model.add(ends + change <= begins).only_enforce_if(literal)
        if change and price:
            self.cost.append(change * price * literal)

    def _slide(self, line: int, tail: int) -> Any:
        """The axis minute the tail of a line begins at; each minute later costs what its late orders weigh."""
        if tail < 0:
            return self.shop.axes[line].total
        begins = self.board.axis_end[tail] - self.shop.minutes[line][tail]
        slide = self.model.new_int_var(max(0, begins - SLIDE_MAX), begins + SLIDE_MAX, "")
        self.hints.append((slide, begins))
        self.cost.append(max(1, self._tail_weight(line)) * (slide - begins))
        return slide

    def _tail_weight(self, line: int) -> int:
        shop, board = self.shop, self.board
        last = self.window[line][1]
        orders = {shop.lots[lot].order for lot in board.sequences[line][last : last + TAIL_LOTS]}
        late = [k for k in orders if self._ends(k) > shop.dues[k][-1].at - NEAR_DUE]
        return sum(_whole(shop.problem.weights.tardy_minute * shop.problem.orders[k].weight) for k in late)

    def _ends(self, order: int) -> int:
        ends = (self.board.end[lot] for lot in self.shop.stage_lots[order][-1])
        return max((end for end in ends if end != FAR), default=0)


def _whole(weight: Number) -> int:
    return round(weight * UNIT)


def _closures(starts: Any, domain: tuple[int, int], after: bool) -> Iterator[tuple[int, int]]:
    """(axis minute from which it counts, closed minutes) of each closure inside a domain of begins or ends."""
    low, high = domain
    for x in range(max(1, low if after else low + 1), high if after else high + 1):
        closed = starts[x] - starts[x - 1] - 1
        if closed:
            yield x + after, closed
