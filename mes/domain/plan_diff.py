"""Two plans compared, and whether the newer may be published without asking anybody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

from mes.domain.plan import Lot, PlanBody, PlannedOrder


@dataclass(frozen=True, slots=True)
class LotMove:
    """A lot that is on another line or shift-day than before. Either side is None for a lot that comes or goes."""

    order: str
    operation_seq: int
    quantity: int
    from_line: str | None
    from_start_at: datetime | None
    from_day: date | None
    to_line: str | None
    to_start_at: datetime | None
    to_day: date | None

    @property
    def is_move(self) -> bool:
        """Both sides are there: the lot stood elsewhere before."""
        return self.from_line is not None and self.to_line is not None


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An order whose planned end differs."""

    order: str
    completed_before: datetime | None
    completed_after: datetime | None
    late_minutes_before: int
    late_minutes_after: int
    unplanned_before: int
    unplanned_after: int

    @property
    def is_newly_late(self) -> bool:
        return not _is_late(self.late_minutes_before, self.unplanned_before) and _is_late(
            self.late_minutes_after, self.unplanned_after
        )

    @property
    def is_newly_on_time(self) -> bool:
        return _is_late(self.late_minutes_before, self.unplanned_before) and not _is_late(
            self.late_minutes_after, self.unplanned_after
        )


def _is_late(late_minutes: int, unplanned: int) -> bool:
    return late_minutes > 0 or unplanned > 0


@dataclass(frozen=True, slots=True)
class LineDay:
    """Pieces a line makes in a shift-day, before and after."""

    line: str
    shift_day: date
    quantity_before: int
    quantity_after: int


@dataclass(frozen=True, slots=True)
class PlanKpis:
    """A plan in five figures."""

    orders_late: int
    late_minutes: int
    setup_minutes: int
    unplanned_quantity: int
    lots: int


@dataclass(frozen=True, slots=True)
class PlanDiff:
    """What changes from plan to plan: `compared` lots are in both, `moves` stand elsewhere, come or go."""

    compared: int
    moves: tuple[LotMove, ...]
    orders: tuple[OrderChange, ...]
    days: tuple[LineDay, ...]
    before: PlanKpis
    after: PlanKpis

    @property
    def moved(self) -> int:
        return sum(move.is_move for move in self.moves)

    @property
    def newly_late(self) -> tuple[str, ...]:
        return tuple(change.order for change in self.orders if change.is_newly_late)

    @property
    def newly_on_time(self) -> tuple[str, ...]:
        return tuple(change.order for change in self.orders if change.is_newly_on_time)

    def summary(self) -> dict[str, Any]:
        """The figures an event or a verdict carries."""
        return {
            "lots_compared": self.compared,
            "lots_moved": self.moved,
            "lots_new": sum(move.from_line is None for move in self.moves),
            "lots_gone": sum(move.to_line is None for move in self.moves),
            "newly_late": list(self.newly_late),
            "newly_on_time": list(self.newly_on_time),
            "late_minutes": [self.before.late_minutes, self.after.late_minutes],
            "setup_minutes": [self.before.setup_minutes, self.after.setup_minutes],
            "unplanned_quantity": [self.before.unplanned_quantity, self.after.unplanned_quantity],
        }


def diff(before: PlanBody, after: PlanBody) -> PlanDiff:
    """What `after` changes against `before`; work finished between the two is no change."""
    pairs = counterparts(before, after)
    moves = tuple(_move(old, new) for old, new in pairs if _stands_elsewhere(old, new, after.now_at))
    return PlanDiff(
        compared=sum(old is not None and new is not None for old, new in pairs),
        moves=moves,
        orders=tuple(_order_changes(before.orders, after.orders)),
        days=tuple(_line_days(before, after)),
        before=kpis(before),
        after=kpis(after),
    )


def counterparts(before: PlanBody, after: PlanBody) -> list[tuple[Lot | None, Lot | None]]:
    """Each lot of an operation that is still ahead in `before` beside the one of its rank in `after`; None: no such."""
    return list(_pairs(still_ahead(before.lots, _left(after.lots), after.now_at), after.lots))


def kpis(plan: PlanBody) -> PlanKpis:
    """A plan in five figures."""
    return PlanKpis(
        orders_late=sum(_is_late(order.late_minutes, order.unplanned_quantity) for order in plan.orders),
        late_minutes=sum(order.late_minutes for order in plan.orders),
        setup_minutes=sum(lot.setup_minutes for lot in plan.lots),
        unplanned_quantity=sum(order.unplanned_quantity for order in plan.orders),
        lots=len(plan.lots),
    )


def still_ahead(lots: Iterable[Lot], left: Mapping[tuple[str, int], int], now: datetime) -> list[Lot]:
    """The lots whose pieces are still to be made: per operation, begun lots beyond the pieces `left` are done."""
    by_operation: dict[tuple[str, int], list[Lot]] = defaultdict(list)
    for lot in lots:
        by_operation[lot.order, lot.operation_seq].append(lot)
    ahead: list[Lot] = []
    for key, own in by_operation.items():
        own.sort(key=lambda lot: (lot.start_at, lot.lot_no))
        done = sum(lot.quantity for lot in own) - left.get(key, 0)
        for lot in own:
            if lot.start_at <= now and lot.quantity <= done:
                done -= lot.quantity
            else:
                ahead.append(lot)
    return ahead


def _left(lots: Iterable[Lot]) -> dict[tuple[str, int], int]:
    left: dict[tuple[str, int], int] = defaultdict(int)
    for lot in lots:
        left[lot.order, lot.operation_seq] += lot.quantity
    return left


def _pairs(before: Sequence[Lot], after: Sequence[Lot]) -> Iterable[tuple[Lot | None, Lot | None]]:
    """The k-th lot of an operation before beside the k-th after."""
    sides: dict[tuple[str, int], tuple[list[Lot], list[Lot]]] = defaultdict(lambda: ([], []))
    for side, lots in enumerate((before, after)):
        for lot in sorted(lots, key=lambda lot: (lot.start_at, lot.lot_no)):
            sides[lot.order, lot.operation_seq][side].append(lot)
    for old, new in sides.values():
        for k in range(max(len(old), len(new))):
            yield (old[k] if k < len(old) else None, new[k] if k < len(new) else None)


def _stands_elsewhere(old: Lot | None, new: Lot | None, now: datetime) -> bool:
    """Another line or shift-day; of a lot that had begun only the line counts, for its rest starts later by nature."""
    if old is None or new is None:
        return True
    return old.line != new.line or (old.start_at > now and old.shift_day != new.shift_day)


def _move(old: Lot | None, new: Lot | None) -> LotMove:
    known = new or old
    assert known is not None
    was = (None, None, None) if old is None else (old.line, old.start_at, old.shift_day)
    now = (None, None, None) if new is None else (new.line, new.start_at, new.shift_day)
    return LotMove(known.order, known.operation_seq, known.quantity, *was, *now)


def _order_changes(before: Iterable[PlannedOrder], after: Iterable[PlannedOrder]) -> Iterable[OrderChange]:
    old = {order.order: order for order in before}
    for new in after:
        if new.completed_at is None and not new.unplanned_quantity:
            continue  # made meanwhile: no plan finishes it any more
        was = old.get(new.order) or PlannedOrder(new.order, 0, None, 0)
        same = (was.completed_at, was.late_minutes, was.unplanned_quantity)
        if same != (new.completed_at, new.late_minutes, new.unplanned_quantity):
            yield OrderChange(
                order=new.order,
                completed_before=was.completed_at,
                completed_after=new.completed_at,
                late_minutes_before=was.late_minutes,
                late_minutes_after=new.late_minutes,
                unplanned_before=was.unplanned_quantity,
                unplanned_after=new.unplanned_quantity,
            )


def _line_days(before: PlanBody, after: PlanBody) -> Iterable[LineDay]:
    """Pieces by line and shift-day where they differ, from the shift-day after now on: today's are partly made."""
    sums: dict[tuple[str, date], list[int]] = defaultdict(lambda: [0, 0])
    for side, plan in enumerate((before, after)):
        for row in plan.lines:
            if row.end_at > after.now_at:
                sums[row.line, row.shift_day][side] += row.quantity
    for (line, day), (old, new) in sorted(sums.items()):
        if old != new:
            yield LineDay(line, day, old, new)


# ------------------------------------------------------------------ what may be published without asking
@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a plan waits for a person: `code` manual | assisted | moved | newly_late | recent, and the figures."""

    code: str
    line: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinePolicy:
    """How one line lets itself be planned."""

    line: str
    planning: Literal["manual", "assisted", "automatic"]
    moved_max: float
    newly_late_max: int
    every: timedelta = timedelta(0)


def first_plan_obstacles(plan: PlanBody, policies: Sequence[LinePolicy]) -> tuple[Obstacle, ...]:
    """A plant's first plan disturbs nothing: only lines that are planned by hand wait for their planner."""
    used = {lot.line for lot in plan.lots}
    return tuple(Obstacle("manual", p.line) for p in policies if p.line in used and p.planning == "manual")


def replan_obstacles(
    plan: PlanBody,
    change: PlanDiff,
    policies: Sequence[LinePolicy],
    *,
    effect: PlanDiff,
    disturbed_at: Mapping[str, datetime] | None = None,
) -> tuple[Obstacle, ...]:
    """What keeps a re-plan from being published by itself; empty: nothing.

    `change` is against the published plan, `effect` against carrying on with that with what is known now: an order that
    is late either way, and a lot that cannot stay where it is, are not counted against the plan. `disturbed_at` says
    when each line's lots were last moved without a person.
    """
    return tuple(
        obstacle
        for policy in policies
        for obstacle in _line_obstacles(plan, change, policy, effect, (disturbed_at or {}).get(policy.line))
    )


def _place(move: LotMove) -> tuple[str, int, str | None, datetime | None]:
    return move.order, move.operation_seq, move.to_line, move.to_start_at


def moved_lines(change: PlanDiff) -> tuple[str, ...]:
    """Lines that lose or get a lot which stood elsewhere before."""
    found = {line for move in change.moves if move.is_move for line in (move.from_line, move.to_line) if line}
    return tuple(sorted(found))


def _line_obstacles(
    plan: PlanBody,
    change: PlanDiff,
    policy: LinePolicy,
    effect: PlanDiff,
    disturbed_at: datetime | None,
) -> Iterable[Obstacle]:
    touching = [move for move in change.moves if policy.line in (move.from_line, move.to_line)]
    if not touching:
        return
    if policy.planning != "automatic":
        yield Obstacle(policy.planning, policy.line)
        return
    chosen = {_place(move) for move in effect.moves}
    moved = sum(move.is_move and _place(move) in chosen for move in touching)
    lots = max(moved, sum(lot.line == policy.line for lot in plan.lots))
    if moved > policy.moved_max * lots:
        yield Obstacle("moved", policy.line, {"moved": moved, "lots": lots, "moved_max": policy.moved_max})
    own = {lot.order for lot in plan.lots if lot.line == policy.line}
    late = [order for order in effect.newly_late if order in own]
    if len(late) > policy.newly_late_max:
        yield Obstacle("newly_late", policy.line, {"orders": late, "newly_late_max": policy.newly_late_max})
    if moved and disturbed_at is not None and plan.now_at - disturbed_at < policy.every:
        yield Obstacle("recent", policy.line, {"disturbed_at": disturbed_at})
