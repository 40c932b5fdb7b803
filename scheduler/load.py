"""What the database knows, as a question for the solver (pure: rows in, `Problem` out).

Orders are asked for with what is still to be made: pieces counted at the stations that count each line's output are
done, per operation. Work that a station runs now keeps its line; lots of the published plan that are still ahead are
the previous plan. Stock is the plant's balance of items somebody counts; other components hold nothing up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from functools import cached_property

from mes.domain.calendar import Calendar
from mes.domain.material.shortage import OVERDUE_US
from mes.domain.plan import Lot
from mes.domain.plan_diff import still_ahead
from mes.domain.plant import Plant
from mes.store.demand import (
    ComponentLine,
    ExpectedReceipt,
    JobProgress,
    OpenOrder,
    OrderDelivery,
    Progress,
    RouteStep,
)
from scheduler import floor, routes
from scheduler.plan import PlanLot
from scheduler.problem import Component, Delivery, Done, Order, Problem, Product, Receipt, Stage, Stock, UnderWay
from scheduler.staged import starved

MINUTE = timedelta(minutes=1)
OVERDUE = timedelta(microseconds=OVERDUE_US)
AHEAD_DAYS_MIN, AHEAD_DAYS_MAX, AFTER_DUE_DAYS = 28, 180, 14
"""The horizon: some days after the last due date, within these bounds."""


@dataclass(frozen=True)
class Basis:
    """Everything a plan is made from, read in one snapshot at `now` (plant time)."""

    now: datetime
    plant: Plant
    orders: Sequence[OpenOrder]
    deliveries: Sequence[OrderDelivery] = ()
    routes: Sequence[RouteStep] = ()
    components: Sequence[ComponentLine] = ()
    progress: Sequence[Progress] = ()
    jobs: Sequence[JobProgress] = ()
    stock: Mapping[str, Decimal] = field(default_factory=dict)
    receipts: Sequence[ExpectedReceipt] = ()
    family_now: Mapping[str, str] = field(default_factory=dict)
    base: Sequence[Lot] = ()
    """The lots of the plan that is changed as little as may be: the run's base, else the published one."""


@dataclass(frozen=True)
class Question:
    """A problem, and what is needed to keep its answer.

    `finished` orders have nothing left to be made, `routeless` ones nobody knows how to make, `unpaced` operations
    have no pace and were given the default.
    """

    problem: Problem
    finished: tuple[str, ...]
    routeless: Mapping[str, int]
    """Pieces of orders nobody knows how to make."""
    unpaced: tuple[tuple[str, int], ...]
    made: Mapping[tuple[str, int, str, date, str], int]
    """Pieces done under the job of (order, operation, line, shift-day, shift)."""
    pins: frozenset[tuple[str, int, str]]
    """(order, operation, line) of lots that a person pinned; others are held only for this run."""
    starved: Mapping[tuple[str, int], datetime]
    """When the first lot of (order, operation) wanted its components before it lost its turn for want of them."""


def question_of(basis: Basis, *, name: str, held_lines: frozenset[str] = frozenset()) -> Question:
    """The problem of a plan run. `held_lines`: lines whose lots stay where they are."""
    return _Loader(basis, held_lines).question(name)


@dataclass(frozen=True)
class _Work:
    """An order with its stages and how far it is."""

    row: OpenOrder
    product: str
    stages: tuple[Stage, ...]
    done: tuple[Done, ...]
    left: tuple[int, ...]
    """Pieces each stage still has to start."""


class _Loader:
    def __init__(self, basis: Basis, held_lines: frozenset[str]) -> None:
        self.basis = basis
        self.held_lines = held_lines
        self.now = whole_minute(basis.now)
        self.calendar = Calendar(basis.plant)
        self.products: dict[str, Product] = {}
        self._stages: dict[tuple[int, str, str], tuple[Stage, ...]] = {}
        self._unpaced_stages: dict[str, tuple[int, ...]] = {}

    def question(self, name: str) -> Question:
        works = {row.order: self._work(row) for row in self.basis.orders}
        open_works = {code: work for code, work in works.items() if work is not None and work.left[-1] > 0}
        until = horizon_end(self.now, [work.row.due_at for work in open_works.values()])
        orders = tuple(self._order(work) for work in open_works.values())
        ahead = self._ahead(open_works)
        loose = self._loose(open_works, orders, ahead)
        under_way = tuple(self._under_way(open_works, ahead))
        families = {*(row.family for row in self.basis.orders), *self.basis.family_now.values()}
        problem = Problem(
            name=name,
            now=self.now,
            horizon_end=until,
            frozen_until=self._frozen_until(ahead, loose),
            lines=floor.lines_of(self.calendar, self.now, until, dict(self.basis.family_now)),
            setups=floor.setups_of(self.basis.plant, families),
            products=tuple(self.products[code] for code in sorted({w.product for w in open_works.values()})),
            orders=orders,
            stock=self._stock,
            receipts=self._receipts,
            crews=floor.crews_of(self.calendar, self.now, until),
            resources=floor.resources_of(self.basis.plant),
            under_way=under_way,
            previous=tuple(_begun_first(under_way, self._previous(open_works, ahead, loose), self.now)),
        )
        return Question(
            problem=problem,
            finished=tuple(code for code, work in works.items() if work is not None and code not in open_works),
            routeless={row.order: pieces_of(row.quantity) for row in self.basis.orders if works[row.order] is None},
            unpaced=tuple((code, seq) for code, work in open_works.items() for seq in self._unpaced(work)),
            pins=frozenset((x.order, x.operation_seq, x.line) for x in self.basis.base if x.pinned),
            starved={
                (lot.order, lot.operation_seq): lot.wanted_at
                for lot in sorted(ahead, key=lambda lot: lot.wanted_at, reverse=True)
                if lot.lot_no in loose
            },
            made={(j.order, j.operation_seq, j.line, j.shift_day, j.shift): j.done for j in self.basis.jobs},
        )

    # ---- orders

    @cached_property
    def _steps(self) -> dict[tuple[int, str, str], list[RouteStep]]:
        return _grouped(self.basis.routes)

    @cached_property
    def _components(self) -> dict[tuple[int, str, str], list[ComponentLine]]:
        return _grouped(self.basis.components)

    @cached_property
    def _progress(self) -> dict[int, list[Progress]]:
        found: dict[int, list[Progress]] = {}
        for row in self.basis.progress:
            found.setdefault(row.order_id, []).append(row)
        return found

    @cached_property
    def _deliveries(self) -> dict[int, list[OrderDelivery]]:
        found: dict[int, list[OrderDelivery]] = {}
        for row in self.basis.deliveries:
            found.setdefault(row.order_id, []).append(row)
        return found

    def _own_steps(self, row: OpenOrder) -> list[RouteStep]:
        return self._steps.get((row.id if row.has_operations else 0, row.item, row.revision), [])

    def _stages_of(self, row: OpenOrder) -> tuple[Stage, ...]:
        key = (row.id if row.has_operations else 0, row.item, row.revision)
        if key not in self._stages:
            self._stages[key] = routes.stages_of(self.basis.plant, self._own_steps(row))
        return self._stages[key]

    def _unpaced(self, work: _Work) -> tuple[int, ...]:
        if work.product not in self._unpaced_stages:
            self._unpaced_stages[work.product] = routes.unpaced(self.basis.plant, self._own_steps(work.row))
        return self._unpaced_stages[work.product]

    def _work(self, row: OpenOrder) -> _Work | None:
        """The order as far as it is; None when it has no route, and so nothing anybody could make."""
        stages = self._stages_of(row)
        if not stages:
            return None
        done = _done(stages, self._progress.get(row.id, ()))
        left = left_of(pieces_of(row.quantity), stages, done)
        return _Work(row, self._product(row, stages), stages, done, left)

    def _product(self, row: OpenOrder, stages: tuple[Stage, ...]) -> str:
        """The product an order is of; one with operations of its own is a product by itself."""
        code = f"{row.item}@{row.revision}" + (f" {row.order}" if row.has_operations else "")
        if code not in self.products:
            bom = self._components.get((0, row.item, row.revision), ())
            self.products[code] = Product(
                code=code,
                stages=stages,
                revision=row.revision,
                family=row.family or None,
                bom=routes.components_of(bom, stages, self.basis.stock),
            )
        return code

    def _order(self, work: _Work) -> Order:
        row = work.row
        own = self._components.get((row.id, row.item, row.revision), ())
        return Order(
            code=row.order,
            product=work.product,
            qty=pieces_of(row.quantity),
            due_at=row.due_at,
            weight=10 - row.priority,
            earliest_start_at=row.earliest_start_at,
            components=routes.components_of(own, work.stages, self.basis.stock) if row.has_components else None,
            deliveries=tuple(_whole_deliveries(self._deliveries.get(row.id, ()))),
            done=work.done,
        )

    # ---- what runs, what was planned

    def _ahead(self, works: Mapping[str, _Work]) -> list[Lot]:
        """The base plan's lots still to be made, of orders that are still wanted and stages they still have."""
        left = {
            (code, stage.seq): pieces
            for code, work in works.items()
            for stage, pieces in zip(work.stages, work.left, strict=True)
        }
        wanted = [lot for lot in self.basis.base if left.get((lot.order, lot.operation_seq), 0) > 0]
        return still_ahead(wanted, left, self.now)

    def _under_way(self, works: Mapping[str, _Work], ahead: Iterable[Lot]) -> Iterable[UnderWay]:
        """What stations run now: the rest of the lot it belongs to, else of its job."""
        first: dict[tuple[str, int, str], Lot] = {}
        for one in sorted(ahead, key=lambda one: (one.start_at, one.lot_no)):
            first.setdefault((one.order, one.operation_seq, one.line), one)
        claimed: dict[tuple[str, int], int] = {}
        for job in self.basis.jobs:
            work = works.get(job.order)
            if not job.running or work is None or not _made_on(work.stages, job.operation_seq, job.line):
                continue
            key = (job.order, job.operation_seq)
            left = _left_at(work, job.operation_seq) - claimed.get(key, 0)
            lot = first.get((*key, job.line))
            rest = self._rest(works, lot) if lot is not None else job.quantity - job.done
            if min(left, rest) > 0:
                claimed[key] = claimed.get(key, 0) + min(left, rest)
                started_at = min(job.started_at or self.now, self.now)
                yield UnderWay(job.order, job.operation_seq, job.line, started_at, min(left, rest))

    def _rest(self, works: Mapping[str, _Work], lot: Lot) -> int:
        """Pieces of a begun lot that are still to be made: the lots before it in its stage are done first."""
        own = sorted(
            (x for x in self.basis.base if (x.order, x.operation_seq) == (lot.order, lot.operation_seq)),
            key=lambda x: (x.start_at, x.lot_no),
        )
        done = sum(x.quantity for x in own) - _left_at(works[lot.order], lot.operation_seq)
        done -= sum(x.quantity for x in own if (x.start_at, x.lot_no) < (lot.start_at, lot.lot_no))
        return lot.quantity - min(max(0, done), lot.quantity)

    def _previous(self, works: Mapping[str, _Work], ahead: Iterable[Lot], loose: frozenset[int]) -> Iterable[PlanLot]:
        for lot in ahead:
            possible = _made_on(works[lot.order].stages, lot.operation_seq, lot.line)
            held = lot.pinned or lot.line in self.held_lines or (lot.lot_no not in loose and self._is_near(lot))
            yield PlanLot(
                order=lot.order,
                stage=lot.operation_seq,
                line=lot.line,
                start_at=max(lot.start_at, self._frozen_end) if lot.lot_no in loose else lot.start_at,
                end_at=lot.end_at,
                qty=lot.quantity,
                setup_minutes=lot.setup_minutes,
                wanted_at=lot.wanted_at,
                pinned=possible and held,
            )

    @cached_property
    def _frozen_end(self) -> datetime:
        """Until when the published work of every line is frozen."""
        return self.now + min((line.frozen_minutes for line in self.basis.plant.line), default=0) * MINUTE

    def _frozen_until(self, ahead: Iterable[Lot], loose: frozenset[int]) -> datetime | None:
        """As `_frozen_end`; None where there is nothing to freeze, so that a first plan may begin at once."""
        near = any(lot.start_at < self._frozen_end and lot.lot_no not in loose for lot in ahead)
        return self._frozen_end if near and self._frozen_end > self.now else None

    def _is_near(self, lot: Lot) -> bool:
        """The lot starts within the frozen window of its own line."""
        line = self.basis.plant.lines.get(lot.line)
        return line is not None and lot.start_at < self.now + line.frozen_minutes * MINUTE

    def _loose(self, works: Mapping[str, _Work], orders: Iterable[Order], ahead: Sequence[Lot]) -> frozenset[int]:
        """Lots near now that keep no turn, because what they need does not come in time; what runs keeps its own."""
        near = [replace(lot, quantity=self._rest(works, lot)) for lot in ahead if self._is_near(lot)]
        running = {(job.order, job.operation_seq, job.line) for job in self.basis.jobs if job.running}
        until = self.now + max((line.frozen_minutes for line in self.basis.plant.line), default=0) * MINUTE
        short = starved(near, self._components_by_stage(orders), self._stock, self._receipts, until)
        begun = {lot.lot_no for lot in near if (lot.order, lot.operation_seq, lot.line) in running}
        return short - begun

    def _components_by_stage(self, orders: Iterable[Order]) -> dict[tuple[str, int], list[Component]]:
        found: dict[tuple[str, int], list[Component]] = {}
        for order in orders:
            own = self.products[order.product].bom if order.components is None else order.components
            for component in own:
                found.setdefault((order.code, component.stage or 0), []).append(component)
        return found

    @cached_property
    def _stock(self) -> tuple[Stock, ...]:
        return tuple(Stock(item, max(Decimal(0), qty)) for item, qty in sorted(self.basis.stock.items()))

    @cached_property
    def _receipts(self) -> tuple[Receipt, ...]:
        """Receipts of items somebody counts; what is overdue is taken to come a while from now."""
        return tuple(
            Receipt(row.item, row.quantity, self._expected(row.expected_at), row.ref)
            for row in self.basis.receipts
            if row.item in self.basis.stock
        )

    def _expected(self, at: datetime) -> datetime:
        return at if at >= self.now else self.now + OVERDUE


def _begun_first(under_way: Sequence[UnderWay], lots: Iterable[PlanLot], now: datetime) -> Iterable[PlanLot]:
    """The previous lots, those that run before any other of their line: people may begin what was planned for later."""
    found = list(lots)
    by_start = sorted(found, key=lambda lot: lot.start_at)
    earlier: dict[int, datetime] = {}
    for line in {work.line for work in under_way}:
        own = [lot for lot in by_start if lot.line == line]
        works = [(w.order, w.stage) for w in sorted(under_way, key=lambda w: w.start_at) if w.line == line]
        first = {(lot.order, lot.stage): lot for lot in reversed(own)}
        begun = [first[work] for work in dict.fromkeys(works) if work in first]
        if begun != own[: len(begun)]:
            from_at = min(own[0].start_at, now)
            earlier |= {id(lot): from_at - (len(begun) - n) * MINUTE for n, lot in enumerate(begun)}
    return (replace(lot, start_at=earlier.get(id(lot), lot.start_at)) for lot in found)


def whole_minute(at: datetime) -> datetime:
    """The first whole minute that is not before `at`."""
    floored = at.replace(second=0, microsecond=0)
    return floored if floored == at else floored + MINUTE


def horizon_end(now: datetime, due: Sequence[datetime]) -> datetime:
    """Where planning ends: some time after the last due date."""
    wanted = max([*due, now]) + timedelta(days=AFTER_DUE_DAYS)
    return min(max(wanted, now + timedelta(days=AHEAD_DAYS_MIN)), now + timedelta(days=AHEAD_DAYS_MAX))


def pieces_of(quantity: Decimal) -> int:
    """A quantity in whole pieces."""
    return int(quantity.to_integral_value(ROUND_CEILING))


def _whole_deliveries(rows: Iterable[OrderDelivery]) -> Iterable[Delivery]:
    """Deliveries in whole pieces that never add up to more than they were."""
    total, given = Decimal(0), 0
    for row in rows:
        total += row.quantity
        whole = int(total.to_integral_value(ROUND_FLOOR)) - given
        if whole > 0:
            given += whole
            yield Delivery(whole, row.due_at)


def _done(stages: Sequence[Stage], progress: Iterable[Progress]) -> tuple[Done, ...]:
    done: dict[int, int] = {}
    good: dict[int, int] = {}
    for row in progress:
        seq = routes.stage_of(stages, row.operation_seq)
        done[seq] = done.get(seq, 0) + row.done
        good[seq] = good.get(seq, 0) + max(row.good, 0)
    return tuple(Done(seq, max(done[seq], good[seq]), good[seq]) for seq in sorted(done) if done[seq] or good[seq])


def left_of(qty: int, stages: Sequence[Stage], done: Sequence[Done]) -> tuple[int, ...]:
    """Pieces each stage still has to start so that `qty` good ones come out at the end, first stage first."""
    by_seq = {row.stage: row for row in done}
    left: list[int] = []
    need = qty
    for stage in reversed(stages):
        row = by_seq.get(stage.seq, Done(stage.seq, 0, 0))
        rest = max(0, need - (row.good or 0))
        left.append(-(-rest // Fraction(stage.yield_rate)))
        need = row.qty + left[-1]
    return tuple(reversed(left))


def _left_at(work: _Work, seq: int) -> int:
    return next((n for stage, n in zip(work.stages, work.left, strict=True) if stage.seq == seq), 0)


def _made_on(stages: Iterable[Stage], seq: int, line: str) -> bool:
    return any(stage.seq == seq and any(at.line == line for at in stage.lines) for stage in stages)


def _grouped(rows: Iterable[RouteStep | ComponentLine]) -> dict[tuple[int, str, str], list]:  # type: ignore[type-arg]
    found: dict[tuple[int, str, str], list] = {}  # type: ignore[type-arg]
    for row in rows:
        found.setdefault((row.order_id, row.item, row.revision), []).append(row)
    return found
