"""Two plans compared: by lot, order, line and day, and in figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from scheduler.files import Number
from scheduler.plan import Objective, Plan, PlanLot

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LotChange:
    """A lot (the k-th by start of its order and stage) that is elsewhere, came or went (None)."""

    order: str
    stage: int
    before: PlanLot | None
    after: PlanLot | None

    @property
    def kind(self) -> str:
        """new, gone, line, day or time: the greatest thing that changed."""
        if self.before is None or self.after is None:
            return "new" if self.before is None else "gone"
        if self.before.line != self.after.line:
            return "line"
        return "day" if self.before.start_at.date() != self.after.start_at.date() else "time"


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An order whose end, tardiness or left-out pieces differ."""

    order: str
    completed_before: datetime | None
    completed_after: datetime | None
    tardy_before: int
    tardy_after: int
    unplanned_before: int
    unplanned_after: int


@dataclass(frozen=True, slots=True)
class LineChange:
    """What a line makes and changes over in all, before and after, in minutes."""

    line: str
    busy_before: int
    busy_after: int
    setup_before: int
    setup_after: int


@dataclass(frozen=True, slots=True)
class DayChange:
    """Pieces of an order's stage on a line and day that differ."""

    line: str
    day: date
    order: str
    stage: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that differs from one plan to another."""

    lots: tuple[LotChange, ...]
    orders: tuple[OrderChange, ...]
    lines: tuple[LineChange, ...]
    days: tuple[DayChange, ...]
    before: Objective
    after: Objective
    figures: dict[str, tuple[Number, Number]]


def diff(a: Plan, b: Plan) -> Difference:
    """What is different in `b`."""
    return Difference(
        tuple(_lots(a, b)), tuple(_orders(a, b)), tuple(_lines(a, b)), tuple(_days(a, b)), a.objective, b.objective,
        {name: (value, figures(b)[name]) for name, value in figures(a).items()},
    )  # fmt: skip


def figures(plan: Plan) -> dict[str, Number]:
    """Orders on time (of those due), late, left out; late minutes; changeover minutes; lots."""
    short = {row.order for row in plan.unplanned}
    late = [row for row in plan.orders if row.tardy_minutes > 0]
    on_time = sum(not row.tardy_minutes and row.code not in short for row in plan.orders)
    return {
        "orders": len(plan.orders),
        "on_time": on_time,
        "late": len(late),
        "short": len(short),
        "late_minutes": sum(row.tardy_minutes for row in late),
        "setup_minutes": sum(lot.setup_minutes for lot in plan.lots),
        "lots": len(plan.lots),
    }


def _ranked(plan: Plan) -> dict[tuple[str, int, int], PlanLot]:
    found: dict[tuple[str, int, int], PlanLot] = {}
    counts: dict[tuple[str, int], int] = defaultdict(int)
    for lot in sorted(plan.lots, key=lambda lot: (lot.start_at, lot.line or "")):
        key = lot.order, lot.stage
        found[*key, counts[key]] = lot
        counts[key] += 1
    return found


def _lots(a: Plan, b: Plan) -> Iterable[LotChange]:
    before, after = _ranked(a), _ranked(b)
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old is None or new is None or (old.line, old.start_at, old.qty) != (new.line, new.start_at, new.qty):
            yield LotChange(key[0], key[1], old, new)


def _orders(a: Plan, b: Plan) -> Iterable[OrderChange]:
    before, after = ({row.code: row for row in plan.orders} for plan in (a, b))
    short_before, short_after = ({row.order: row.qty for row in plan.unplanned} for plan in (a, b))
    for code in sorted(before.keys() | after.keys()):
        old, new = before.get(code), after.get(code)
        change = OrderChange(
            code,
            old.completed_at if old else None,
            new.completed_at if new else None,
            old.tardy_minutes if old else 0,
            new.tardy_minutes if new else 0,
            short_before.get(code, 0),
            short_after.get(code, 0),
        )
        same = change.completed_before == change.completed_after and change.unplanned_before == change.unplanned_after
        if not same or change.tardy_before != change.tardy_after:
            yield change


def _lines(a: Plan, b: Plan) -> Iterable[LineChange]:
    before, after = _by_line(a), _by_line(b)
    for code in sorted(before.keys() | after.keys()):
        change = LineChange(code, *_pair(before, after, code, 0), *_pair(before, after, code, 1))
        if change.busy_before != change.busy_after or change.setup_before != change.setup_after:
            yield change


def _by_line(plan: Plan) -> dict[str, tuple[int, int]]:
    sums: dict[str, tuple[int, int]] = {}
    for lot in plan.lots:
        if lot.line is not None:
            busy, setup = sums.get(lot.line, (0, 0))
            sums[lot.line] = busy + (lot.end_at - lot.start_at) // MINUTE, setup + lot.setup_minutes
    return sums


def _pair(
    before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]], code: str, which: int
) -> tuple[int, int]:
    return before.get(code, (0, 0))[which], after.get(code, (0, 0))[which]


def _days(a: Plan, b: Plan) -> Iterable[DayChange]:
    before, after = _by_day(a), _by_day(b)
    for key in sorted(before.keys() | after.keys()):
        if before.get(key, 0) != after.get(key, 0):
            yield DayChange(*key, before.get(key, 0), after.get(key, 0))


def _by_day(plan: Plan) -> dict[tuple[str, date, str, int], int]:
    sums: dict[tuple[str, date, str, int], int] = defaultdict(int)
    for row in plan.daily:
        sums[row.line, row.day, row.order, row.stage] += row.qty
    return dict(sums)


def shown(difference: Difference) -> str:
    """The difference as lines of text: figures first, then orders, then lots."""
    lines = [f"{name}: {old} -> {new}" for name, (old, new) in difference.figures.items() if old != new]
    lines += [f"order {o.order}: {_when(o.completed_before)} -> {_when(o.completed_after)}" for o in difference.orders]
    for change in difference.lots:
        lines.append(
            f"lot {change.order}/{change.stage} {change.kind}: {_place(change.before)} -> {_place(change.after)}"
        )
    return "\n".join(lines)


def _when(at: datetime | None) -> str:
    return "-" if at is None else f"{at.astimezone(UTC):%m-%d %H:%M}"


def _place(lot: PlanLot | None) -> str:
    return "-" if lot is None else f"{lot.line or 'outside'} {_when(lot.start_at)} x{lot.qty}"
