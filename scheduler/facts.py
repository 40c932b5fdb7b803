"""A problem and its plan read side by side, with the sums the checker needs: instants and open time, no tables."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cached_property
from itertools import accumulate

from scheduler.plan import Plan, PlanLot
from scheduler.problem import Done, Line, Order, Problem, Product, Stage

MINUTE = timedelta(minutes=1)


class Facts:
    """The two files by code, and sums over them."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem, self.plan = problem, plan
        self.lines = {line.code: line for line in problem.lines}
        self.orders = {order.code: order for order in problem.orders}
        self.products = {product.code: product for product in problem.products}
        self.open = {line.code: OpenTime(line) for line in problem.lines}
        self.now = minute_up(problem.now)

    @cached_property
    def by_line(self) -> dict[str, list[PlanLot]]:
        """Lots by line, in time."""
        found: dict[str, list[PlanLot]] = defaultdict(list)
        for lot in sorted(self.plan.lots, key=lambda lot: (lot.start_at, lot.end_at)):
            if lot.line is not None:
                found[lot.line].append(lot)
        return found

    @cached_property
    def by_stage(self) -> dict[tuple[str, int], list[PlanLot]]:
        """Lots by order and stage, in time."""
        found: dict[tuple[str, int], list[PlanLot]] = defaultdict(list)
        for lot in sorted(self.plan.lots, key=lambda lot: (lot.start_at, lot.line or "")):
            found[lot.order, lot.stage].append(lot)
        return found

    @cached_property
    def matrix(self) -> dict[tuple[str | None, str | None, str | None], int]:
        """Changeover minutes by line (None: every), family before and after."""
        return {(s.line, s.from_family, s.to_family): s.minutes for s in self.problem.setups}

    def changeover(self, line: str, before: str | None, after: str | None) -> int:
        """Minutes between two families on a line, moulds apart."""
        return self.matrix.get((line, before, after), self.matrix.get((None, before, after), 0))

    def family(self, lot: PlanLot) -> str | None:
        """The family a lot's line is set up for."""
        return self.product(lot.order).family

    def product(self, code: str) -> Product:
        """The product of an order."""
        return self.products[self.orders[code].product]

    def stage(self, lot: PlanLot) -> Stage:
        """The stage of a lot."""
        return next(stage for stage in self.product(lot.order).stages if stage.seq == lot.stage)

    def seconds(self, lot: PlanLot) -> Fraction:
        """Seconds a piece takes on the lot's line."""
        pace = next(at.seconds_per_piece for at in self.stage(lot).lines if at.line == lot.line)
        return Fraction(pace)

    def called(self, order: str, stage: int) -> int:
        """Pieces of under-way work that are done already."""
        return sum(w.done_qty for w in self.problem.under_way if (w.order, w.stage) == (order, stage))


class OpenTime:
    """How long a line is open between two instants, in whole minutes."""

    def __init__(self, line: Line) -> None:
        self.spans = [(minute_up(start), minute_down(end)) for start, end in line.open]
        self.starts = [start for start, _ in self.spans]
        self.sums = [timedelta(0)]
        for start, end in self.spans:
            self.sums.append(self.sums[-1] + max(timedelta(0), end - start))

    def until(self, at: datetime) -> timedelta:
        """Open time before `at`."""
        index = bisect_right(self.starts, at)
        if not index:
            return timedelta(0)
        start, end = self.spans[index - 1]
        return self.sums[index - 1] + max(timedelta(0), min(at, end) - start)

    def between(self, start: datetime, end: datetime) -> int:
        """Open minutes from `start` to `end`."""
        return (self.until(end) - self.until(start)) // MINUTE

    def pieces(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The open spans between two instants."""
        for low, high in self.spans:
            if max(low, start) < min(high, end):
                yield max(low, start), min(high, end)


def minute_up(at: datetime) -> datetime:
    """The whole minute that is not before `at`."""
    rest = at - at.replace(second=0, microsecond=0)
    return at + (MINUTE - rest) if rest else at


def minute_down(at: datetime) -> datetime:
    """The whole minute that is not after `at`."""
    return at.replace(second=0, microsecond=0)


def done_of(order: Order, stage: Stage) -> Done:
    """What of a stage was finished before now."""
    return next((done for done in order.done if done.stage == stage.seq), Done(stage.seq, 0, 0))


def good(facts: Facts, order: Order, stage: Stage, planned: int) -> int:
    """Good pieces a stage has given once `planned` more are made: the floor of the cumulative yield."""
    done = done_of(order, stage)
    good = int(done.qty * stage.yield_rate) if done.good is None else done.good
    return good + int(stage.yield_rate * (facts.called(order.code, stage.seq) + planned))


def entered(facts: Facts, order: Order, stage: Stage) -> int:
    """Pieces that have gone into a stage before now."""
    return done_of(order, stage).qty + facts.called(order.code, stage.seq)


def lateness(facts: Facts, order: Order) -> tuple[int, int]:
    """Minutes an order, or each of its deliveries, is late and early."""
    last = facts.products[order.product].stages[-1]
    lots = sorted(facts.by_stage.get((order.code, last.seq), ()), key=lambda lot: lot.end_at)
    if not lots:
        return 0, 0
    dues = [(d.qty, d.due_at) for d in order.deliveries]
    if not dues:
        return over(lots[-1].end_at, order.due_at)
    if sum(qty for qty, _ in dues) < order.qty:
        dues.append((order.qty - sum(qty for qty, _ in dues), order.due_at))
    late = early = wanted = 0
    for qty, due in dues:
        wanted += qty
        made = list(accumulate((lot.qty for lot in lots), initial=0))
        completes = next((k for k, done in enumerate(made) if good(facts, order, last, done) >= wanted), 0)
        if completes:
            minutes, soon = over(lots[completes - 1].end_at, due)
            late, early = late + minutes, early + soon
    return late, early


def over(end: datetime, due: datetime) -> tuple[int, int]:
    """Minutes an end is after its due instant, and before it."""
    minutes = (end - minute_down(due)) // MINUTE
    return max(0, minutes), max(0, -minutes)


def shift_day(line: Line, at: datetime) -> date:
    """The day of the latest shift begun by `at`; UTC's where no shift has."""
    begun = [day for _, day, start, _ in line.shifts if start <= at]
    return begun[-1] if begun else at.astimezone(UTC).date()
