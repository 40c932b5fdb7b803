"""Orders into lots: how many pieces each stage still has to make, in which lots, and which lot waits for which.

Needs run backwards through the yields. A stage's pieces are split evenly into lots of about what one shift makes on the
median line, within min_lot and max_lot; lots of the previous plan keep their size. A lot then waits for the lots of the
stage before whose good pieces it takes, piece by piece in the order of the lots (pegs).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from itertools import accumulate
from statistics import median_low

from scheduler.axis import minute_up
from scheduler.faults import LOTS_PER_STAGE_MAX, QTY_MAX
from scheduler.plan import PlanLot
from scheduler.problem import Done, Order, Problem, Product, Stage, UnderWay

SHIFT_MINUTES = 480


@dataclass(frozen=True, slots=True)
class Lot:
    """Pieces of one stage of an order (indices into the problem), made in one go.

    `hold` says what it keeps: `under_way` and `frozen` lots their line and place in its sequence, `pinned` lots their
    line and their start `at` (plant minute), free lots nothing. `was` is the lot of the previous plan it comes from.
    """

    order: int
    stage: int
    qty: int
    hold: str = ""
    line: str | None = None
    at: int = 0
    running: bool = False
    pinned: bool = False
    was: int = -1


@dataclass(slots=True)
class Flow:
    """What has gone into a stage and come out of it, and the lots that still will, in the order they take pieces."""

    entered: int = 0
    good_before: int = 0
    base: int = 0
    yield_rate: Fraction = Fraction(1)
    lots: list[Lot] = field(default_factory=list)

    def good(self, planned: int) -> int:
        """Good pieces so far once `planned` more have been made: the floor of the cumulative yield."""
        return self.good_before + int(self.yield_rate * (self.base + planned))

    def input_for(self, good: int) -> int:
        """Pieces still to be made so that `good` good ones have come out."""
        return max(0, -((self.good_before - good) // self.yield_rate) - self.base)


class Splitter:
    """Splits the orders of one problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.products = {product.code: product for product in problem.products}
        self.under_way: dict[tuple[str, int], list[UnderWay]] = {}
        for work in sorted(problem.under_way, key=lambda w: w.start_at):
            self.under_way.setdefault((work.order, work.stage), []).append(work)
        self.previous: dict[tuple[str, int], list[_Was]] = {}
        for index, lot in sorted(enumerate(problem.previous), key=lambda pair: pair[1].start_at):
            self.previous.setdefault((lot.order, lot.stage), []).append(_Was(index, lot))
        self.lines = {line.code: line for line in problem.lines}
        self.targets = {product.code: self._target(product) for product in problem.products}

    def flows(self, index: int) -> list[Flow]:
        """The flows of order `index`, first stage first."""
        order = self.problem.orders[index]
        stages = self.products[order.product].stages
        flows = [self._start(order, stage) for stage in stages]
        self._imply_done(order, stages, flows)
        need = order.qty
        for number in range(len(stages) - 1, -1, -1):
            flow = flows[number]
            flow.lots.extend(self._lots(index, number, flow.input_for(need)))
            need = flow.entered + sum(lot.qty for lot in flow.lots)
        return flows

    def _start(self, order: Order, stage: Stage) -> Flow:
        done = next((d for d in order.done if d.stage == stage.seq), Done(stage.seq, 0, 0))
        base = sum(work.done_qty for work in self.under_way.get((order.code, stage.seq), ()))
        good = int(done.qty * stage.yield_rate) if done.good is None else done.good
        return Flow(done.qty + base, good, base, Fraction(stage.yield_rate))

    def _imply_done(self, order: Order, stages: tuple[Stage, ...], flows: list[Flow]) -> None:
        """Pieces running in a stage have been through the stages before, even where `done` does not say so."""
        told = {done.stage for done in order.done}
        for number in range(len(stages) - 1, 0, -1):
            works = self.under_way.get((order.code, stages[number].seq), ())
            running = sum(work.qty - work.done_qty for work in works if work.start_at <= self.problem.now)
            missing = flows[number].entered + running - flows[number - 1].good(0)
            if missing > 0 and stages[number - 1].seq not in told:
                flows[number - 1].good_before += missing
                flows[number - 1].entered += -(-missing // flows[number - 1].yield_rate)

    def _lots(self, index: int, number: int, need: int) -> list[Lot]:
        """The lots that make `need` pieces of a stage: what is under way, what keeps its place, the rest free."""
        order = self.problem.orders[index]
        stage = self.products[order.product].stages[number]
        works = [w for w in self.under_way.get((order.code, stage.seq), ()) if w.qty > w.done_qty]
        ahead = list(self.previous.get((order.code, stage.seq), ()))
        found = [self._called(index, number, work, _taken_out(ahead, work)) for work in works]
        left = need - sum(lot.qty for lot in found)
        made_on = {at.line for at in stage.lines}
        for was in [was for was in ahead if self._hold(was) and was.line in made_on]:
            ahead.remove(was)
            if left > 0:
                found.append(self._held(index, number, was, min(left, was.qty)))
                left -= was.qty
        sizes = self._free_sizes(stage, left, self.targets[order.product], [was.qty for was in ahead])
        places = [was.index for was in ahead] + [-1] * len(sizes)
        return found + [Lot(index, number, qty, was=was) for qty, was in zip(sizes, places, strict=False)]

    def _called(self, index: int, number: int, work: UnderWay, was: int) -> Lot:
        at = max(0, minute_up(self.problem.now, work.start_at))
        running = work.start_at <= self.problem.now
        return Lot(index, number, work.qty - work.done_qty, "under_way", work.line, at, running, was=was)

    def _held(self, index: int, number: int, was: _Was, qty: int) -> Lot:
        start = minute_up(self.problem.now, was.lot.start_at) if was.lot.pinned else 0
        return Lot(index, number, qty, self._hold(was), was.line, start, pinned=was.lot.pinned, was=was.index)

    def _hold(self, was: _Was) -> str:
        frozen = self.problem.frozen_until
        if frozen is not None and was.lot.start_at < frozen:
            return "frozen"
        return "pinned" if was.lot.pinned else ""

    def _free_sizes(self, stage: Stage, need: int, target: int, before: list[int]) -> list[int]:
        """Sizes of free lots: those of the previous plan as far as they go, from the last; the rest split evenly."""
        if need <= 0:
            return []
        most = stage.max_lot or QTY_MAX
        if not before or not all(stage.min_lot <= size <= most for size in before):
            return split(need, target, stage.min_lot, stage.max_lot)
        kept: list[int] = []
        for size in reversed(before):
            if sum(kept) < need:
                kept.append(max(stage.min_lot, min(size, need - sum(kept))))
        more = need - sum(kept)
        return kept[::-1] + (split(more, target, stage.min_lot, stage.max_lot) if more > 0 else [])

    def _target(self, product: Product) -> int:
        """Pieces of a lot: the least over the stages, so that an order's lots go through the stages in step."""
        return min((self._stage_target(stage) for stage in product.stages), default=1)

    def _stage_target(self, stage: Stage) -> int:
        """What one shift makes on the median line; of uninterrupted work no more than fits between two breaks."""
        most = stage.max_lot or QTY_MAX
        if stage.external is not None or not stage.lines:
            return most
        target = int(SHIFT_MINUTES * 60 / median_low(at.seconds_per_piece for at in stage.lines))
        if stage.uninterrupted:
            longest = max(self._longest(at.line) * 60 // at.seconds_per_piece for at in stage.lines)
            target = min(target, int(longest))
        return max(1, min(target, most))

    def _longest(self, code: str) -> int:
        spans = self.lines[code].open
        return max(((end - max(start, self.problem.now)) // timedelta(minutes=1) for start, end in spans), default=0)


@dataclass(frozen=True, slots=True)
class _Was:
    """A lot of the previous plan and its index in the problem."""

    index: int
    lot: PlanLot

    @property
    def line(self) -> str | None:
        return self.lot.line

    @property
    def qty(self) -> int:
        return self.lot.qty


def _taken_out(ahead: list[_Was], work: UnderWay) -> int:
    """The index of the previous lot that is now under way, taken out of those ahead; -1: there is none."""
    for was in ahead:
        if was.line == work.line:
            ahead.remove(was)
            return was.index
    return -1


def split(need: int, target: int, least: int, most: int | None) -> list[int]:
    """`need` pieces in even lots of about `target`, each `least` .. `most`; only a smaller whole may undercut `least`.

    Where no such split adds up exactly, the lots make the fewest pieces too many.
    """
    most = most or max(need, least)
    target = max(least, min(target, most), -(-need // LOTS_PER_STAGE_MAX))
    if need <= least:
        return [min(need, least)]
    fewest, largest = -(-need // most), need // least
    count = max(fewest, min(-(-need // target), largest))
    if count > largest:
        return [max(least, -(-need // count))] * count
    return [need * (k + 1) // count - need * k // count for k in range(count)]


def pegs(flow: Flow, before: Flow) -> list[tuple[int, ...]]:
    """For each lot of `flow` the lots of the stage `before` (positions) that must have ended before it starts.

    With full yield a lot waits for the lots its own pieces come from. With less, the floor of the cumulative yield is
    only certain for a whole prefix, so it waits for all lots up to its last piece.
    """
    goods = [before.good(done) for done in accumulate(lot.qty for lot in before.lots)]
    firsts = [before.good(0), *goods[:-1]]
    exact = before.yield_rate == 1
    taken = flow.entered
    found: list[tuple[int, ...]] = []
    for lot in flow.lots:
        low, taken = taken, taken + lot.qty
        if lot.running:
            found.append(())
            continue
        needed = [
            k for k, (a, b) in enumerate(zip(firsts, goods, strict=False)) if a < taken and (not exact or b > low)
        ]
        found.append(tuple(needed))
    return found
