"""A problem in integers: lots, lines, setups and releases as flat tables that the decoder and the search run on.

Everything is an index: orders and lines as in the problem, lots in the order `lots.py` cuts them. A stage done outside
gets, for each of its lots, a line of its own that never closes, so that the decoder knows only lots on lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property

from scheduler.axis import Axis, Days, always, axis_of, minute_down, minute_up, open_minutes
from scheduler.cuts import cut_where_supply_ends
from scheduler.lots import Flow, Lot, Splitter, pegs
from scheduler.problem import Line, Order, Problem, Product, Stage

FAR = 1 << 40  # the end of what is never made


@dataclass(frozen=True, slots=True)
class Due:
    """A cumulative quantity of good pieces of an order and the plant minute it is due."""

    qty: int
    at: int


@dataclass(frozen=True, eq=False)
class Shop:
    """The tables. Lots and lines are numbered; lines from `real_lines` on stand for outside work."""

    problem: Problem
    horizon: int
    lots: list[Lot]
    flows: list[list[Flow]]  # by order, stage
    stage_lots: list[list[list[int]]]  # by order, stage: lots in the order they take pieces
    axes: list[Axis]
    real_lines: int
    minutes: list[dict[int, int]]  # by line: lot -> working minutes
    lines_of: list[tuple[int, ...]]  # by lot: where it may be made; empty: nowhere
    setup: list[list[list[int]]]  # by line: class before -> class -> minutes
    first_setup: list[list[int]]  # by line: class -> minutes before its first lot
    setup_class: list[int]  # by lot
    family: list[int]  # by lot
    release: list[int]  # by lot: plant minute, without material
    preds: list[tuple[int, ...]]
    succs: list[tuple[int, ...]]
    lag: list[int]  # by lot: minutes after the end of its preds
    whole: list[bool]  # by lot: must not be interrupted
    prefix: list[list[int]]  # by line: lots that keep its first places, in order
    dues: list[list[Due]]  # by order

    @cached_property
    def days(self) -> list[Days]:
        """Shift-days by real line."""
        return [Days(self.problem.now, line) for line in self.problem.lines]

    @cached_property
    def previous_places(self) -> dict[tuple[int, int], list[tuple[int, date]]]:
        """By order and stage: line and shift-day of the previous plan's lots, in the order they start."""
        orders = {order.code: index for index, order in enumerate(self.problem.orders)}
        lines = self.line_numbers
        found: dict[tuple[int, int], list[tuple[int, date]]] = {}
        for lot in sorted(self.problem.previous, key=lambda lot: (lot.start_at, lot.line or "")):
            order, line = orders.get(lot.order, -1), lines.get(lot.line or "", -1)
            number = self.stage_number(order, lot.stage) if order >= 0 else -1
            if number >= 0 and lot.line is not None:
                day = self.days[line].at(minute_down(self.problem.now, lot.start_at))[1] if line >= 0 else date.min
                found.setdefault((order, number), []).append((line, day))
        return found

    def place_before(self, lot: int) -> tuple[int, int]:
        """Line and start minute a lot had in the previous plan; line -1: none, or gone."""
        if self.lots[lot].was < 0:
            return -1, 0
        was = self.problem.previous[self.lots[lot].was]
        return self.line_numbers.get(was.line or "", -1), minute_down(self.problem.now, was.start_at)

    @cached_property
    def line_numbers(self) -> dict[str, int]:
        """Line indices by code."""
        return {line.code: index for index, line in enumerate(self.problem.lines)}

    def stage_number(self, order: int, seq: int) -> int:
        """The place of the stage `seq` in an order's route; -1: not there (any more)."""
        stages = self.products[self.problem.orders[order].product].stages
        return next((number for number, stage in enumerate(stages) if stage.seq == seq), -1)

    def stage(self, lot: int) -> Stage:
        """The stage a lot belongs to."""
        return self.product(lot).stages[self.lots[lot].stage]

    def product(self, lot: int) -> Product:
        """The product a lot is of."""
        return self.products[self.problem.orders[self.lots[lot].order].product]

    @cached_property
    def products(self) -> dict[str, Product]:
        """Products by code."""
        return {product.code: product for product in self.problem.products}

    def is_last(self, lot: int) -> bool:
        """Does the lot finish pieces of its order?"""
        return self.lots[lot].stage == len(self.stage_lots[self.lots[lot].order]) - 1


def compile_shop(problem: Problem, cut_as: Problem | None = None) -> Shop:
    """The tables of `problem`; its lots cut by the supply of `cut_as`, where two are to be compared lot by lot."""
    return _Compiler(problem, cut_as or problem).shop()


class _Compiler:
    def __init__(self, problem: Problem, cut_as: Problem) -> None:
        self.problem = problem
        self.horizon = minute_down(problem.now, problem.horizon_end)
        self.products = {product.code: product for product in problem.products}
        self.line_index = {line.code: index for index, line in enumerate(problem.lines)}
        splitter = Splitter(problem)
        self.flows = [splitter.flows(index) for index in range(len(problem.orders))]
        cut_where_supply_ends(cut_as, self.flows)
        self.lots: list[Lot] = []
        self.stage_lots: list[list[list[int]]] = []
        for flows in self.flows:
            self.stage_lots.append([self._number(flow) for flow in flows])
        self.axes = self._axes()
        self.minutes: list[dict[int, int]] = [{} for _ in problem.lines]

    def _number(self, flow: Flow) -> list[int]:
        first = len(self.lots)
        self.lots.extend(flow.lots)
        return list(range(first, len(self.lots)))

    def _axes(self) -> list[Axis]:
        """One axis for each line; lines with the same calendar share it."""
        made: dict[tuple[tuple[int, int], ...], Axis] = {}
        spans = [open_minutes(self.problem.now, line.open) for line in self.problem.lines]
        return [made.setdefault(s, axis_of(s, self.horizon)) if s not in made else made[s] for s in spans]

    def shop(self) -> Shop:
        lots = range(len(self.lots))
        lines_of = [self._lines_of(lot) for lot in lots]
        families, classes = self._classes()
        preds, lag = self._preds()
        setup, first = self._setups(families, classes)
        return Shop(
            problem=self.problem,
            horizon=self.horizon,
            lots=self.lots,
            flows=self.flows,
            stage_lots=self.stage_lots,
            axes=self.axes,
            real_lines=len(self.problem.lines),
            minutes=self.minutes,
            lines_of=lines_of,
            setup=setup,
            first_setup=first,
            setup_class=[classes[self._class_key(lot)] for lot in lots],
            family=[families[self._family(lot)] for lot in lots],
            release=[self._release(self.lots[lot]) for lot in lots],
            preds=preds,
            succs=_turned(preds),
            lag=lag,
            whole=[self._stage(lot).uninterrupted for lot in lots],
            prefix=self._prefix(lines_of),
            dues=[self._dues(order) for order in self.problem.orders],
        )

    def _stage(self, lot: int) -> Stage:
        return self._product(lot).stages[self.lots[lot].stage]

    def _product(self, lot: int) -> Product:
        return self.products[self.problem.orders[self.lots[lot].order].product]

    # ---- where and how long

    def _lines_of(self, lot: int) -> tuple[int, ...]:
        stage = self._stage(lot)
        if stage.external is not None:
            return self._outside(lot, stage.external.lead_minutes)
        held = self.lots[lot].line
        found = []
        for at in stage.lines:
            line = self.line_index[at.line]
            minutes = -(-self.lots[lot].qty * Fraction(at.seconds_per_piece) // 60)
            if (held is None or held == at.line) and self._fits(line, minutes, stage):
                self.minutes[line][lot] = minutes
                found.append(line)
        return tuple(found)

    def _fits(self, line: int, minutes: int, stage: Stage) -> bool:
        axis = self.axes[line]
        if minutes > axis.total:
            return False
        return not stage.uninterrupted or max(b - a for a, b in axis.spans) >= minutes

    def _outside(self, lot: int, lead_minutes: int) -> tuple[int, ...]:
        self.axes.append(always(self.horizon))
        self.minutes.append({lot: max(1, lead_minutes)})
        return (len(self.axes) - 1,)

    def _prefix(self, lines_of: list[tuple[int, ...]]) -> list[list[int]]:
        """Under-way lots as called, then frozen lots as published."""
        prefix: list[list[int]] = [[] for _ in self.axes]
        for hold in ("under_way", "frozen"):
            held = [lot for lot in range(len(self.lots)) if self.lots[lot].hold == hold and lines_of[lot]]
            for lot in sorted(held, key=self._held_at):
                prefix[lines_of[lot][0]].append(lot)
        return prefix

    def _held_at(self, lot: int) -> tuple[int, int]:
        held = self.lots[lot]
        if held.hold == "frozen":
            return minute_up(self.problem.now, self.problem.previous[held.was].start_at), lot
        return held.at, lot

    # ---- setups

    def _family(self, lot: int) -> str | None:
        return self._product(lot).family

    def _class_key(self, lot: int) -> tuple[str | None, frozenset[str]]:
        return self._family(lot), frozenset(self._stage(lot).resources) & self._mounted

    @cached_property
    def _mounted(self) -> frozenset[str]:
        return frozenset(r.code for r in self.problem.resources if r.change_minutes)

    def _classes(self) -> tuple[dict[str | None, int], dict[tuple[str | None, frozenset[str]], int]]:
        """Numbers for families, and for what decides a changeover: family and mounted resources."""
        families: dict[str | None, int] = {}
        classes: dict[tuple[str | None, frozenset[str]], int] = {}
        for lot in range(len(self.lots)):
            key = self._class_key(lot)
            families.setdefault(key[0], len(families))
            classes.setdefault(key, len(classes))
        return families, classes

    def _setups(
        self, families: dict[str | None, int], classes: dict[tuple[str | None, frozenset[str]], int]
    ) -> tuple[list[list[list[int]]], list[list[int]]]:
        change = {r.code: r.change_minutes for r in self.problem.resources}
        per_line: dict[str | None, dict[tuple[str | None, str | None], int]] = {}
        for row in self.problem.setups:
            per_line.setdefault(row.line, {})[row.from_family, row.to_family] = row.minutes
        general = per_line.get(None, {})

        def matrix(own: dict[tuple[str | None, str | None], int]) -> list[list[int]]:
            rows = general | own
            return [[minutes_between(rows, change, a, b) for b in classes] for a in classes]

        shared = matrix({})
        setups, firsts = [], []
        for line in self.problem.lines:
            own = per_line.get(line.code, {})
            setups.append(matrix(own) if own else shared)
            firsts.append(self._first_row(line, general | own, change, classes))
        outside = len(self.axes) - len(self.problem.lines)
        free = [0] * len(classes)
        return setups + [[free] * len(classes)] * outside, firsts + [free] * outside

    def _first_row(
        self,
        line: Line,
        rows: dict[tuple[str | None, str | None], int],
        change: dict[str, int],
        classes: dict[tuple[str | None, frozenset[str]], int],
    ) -> list[int]:
        """Minutes before the first lot: none if it runs already, or where the line's state is unknown.

        Moulds are taken to fit the family set up now.
        """
        running = any(w.line == line.code and w.start_at <= self.problem.now for w in self.problem.under_way)
        if line.family_now is None or running:
            return [0] * len(classes)
        now = line.family_now
        return [
            minutes_between(rows, change, (now, mounted if family == now else frozenset()), (family, mounted))
            for family, mounted in classes
        ]

    # ---- when

    def _release(self, lot: Lot) -> int:
        order = self.problem.orders[lot.order]
        at = max(0, lot.at)
        if order.earliest_start_at is not None and not lot.running:
            at = max(at, minute_up(self.problem.now, order.earliest_start_at))
        if self.problem.frozen_until is not None and lot.hold not in {"under_way", "frozen"}:
            at = max(at, minute_up(self.problem.now, self.problem.frozen_until))
        return at

    def _preds(self) -> tuple[list[tuple[int, ...]], list[int]]:
        preds: list[tuple[int, ...]] = [()] * len(self.lots)
        lag = [0] * len(self.lots)
        for order, flows in enumerate(self.flows):
            for number in range(1, len(flows)):
                before = self.stage_lots[order][number - 1]
                found = pegs(flows[number], flows[number - 1])
                for lot, needed in zip(self.stage_lots[order][number], found, strict=True):
                    preds[lot] = tuple(before[k] for k in needed)
                    lag[lot] = self.products[self.problem.orders[order].product].stages[number - 1].transfer_minutes
        return preds, lag

    def _dues(self, order: Order) -> list[Due]:
        """Cumulative quantities with their due minutes; what the deliveries leave is due with the order."""
        found, taken = [], 0
        for delivery in order.deliveries:
            taken += delivery.qty
            found.append(Due(taken, minute_down(self.problem.now, delivery.due_at)))
        if taken < order.qty:
            found.append(Due(order.qty, minute_down(self.problem.now, order.due_at)))
        return found


def minutes_between(
    rows: dict[tuple[str | None, str | None], int],
    change: dict[str, int],
    before: tuple[str | None, frozenset[str]],
    after: tuple[str | None, frozenset[str]],
) -> int:
    """A changeover: the matrix value of the families, and the change minutes of each resource newly mounted."""
    return rows.get((before[0], after[0]), 0) + sum(change[code] for code in after[1] - before[1])


def _turned(preds: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    succs: list[list[int]] = [[] for _ in preds]
    for lot, needed in enumerate(preds):
        for other in needed:
            succs[other].append(lot)
    return [tuple(s) for s in succs]
