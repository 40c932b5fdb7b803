"""What-if: a problem with the changes of a plan run applied (pure: `Problem` in, `Problem` out).

A drag is a pin: the lot is wanted on that line, from that instant on, and everything else as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce

from mes.domain.plan import Change, ChangeCalendar, ChangeOrder, ChangeReceipt, Lot, MoveLot, PinLot
from mes.errors import Fault, InputError
from mes.store.demand import OpenOrder
from scheduler.load import pieces_of
from scheduler.problem import Line, Order, Problem, Receipt, Span

TENTATIVE_WEIGHT = 0.001
"""What a minute of a tentative order without a due date weighs: it takes the earliest gap and pushes nobody."""
NO_ID = -1


def changed(problem: Problem, changes: Iterable[Change]) -> Problem:
    """The problem as the changes would have it. Raises InputError for a change of what is not there."""
    return reduce(_changed, changes, problem)


def _changed(problem: Problem, change: Change) -> Problem:
    if isinstance(change, ChangeCalendar):
        return _with_calendar(problem, change)
    if isinstance(change, ChangeReceipt):
        return replace(problem, receipts=_with_receipt(problem, change))
    if isinstance(change, ChangeOrder):
        return _with_order(problem, change)
    return problem


# ---- lots
def rearranged(lots: Iterable[Lot], changes: Sequence[Change]) -> list[Lot]:
    """The base plan's lots as they are wanted: a moved one is pinned where it was put. Raises InputError."""
    found = {lot.lot_no: lot for lot in lots}
    for change in changes:
        if isinstance(change, MoveLot | PinLot):
            if change.lot_no not in found:
                raise InputError(f"The base plan has no lot {change.lot_no}")
            found[change.lot_no] = _put(found[change.lot_no], change)
    return list(found.values())


def _put(lot: Lot, change: MoveLot | PinLot) -> Lot:
    if isinstance(change, PinLot):
        return replace(lot, pinned=change.pinned)
    start_at = change.start_at or lot.start_at
    return replace(
        lot,
        line=change.line or lot.line,
        start_at=start_at,
        end_at=start_at + (lot.end_at - lot.start_at),
        pinned=True,
    )


def impossible_moves(problem: Problem, lots: Iterable[Lot], changes: Sequence[Change]) -> Iterator[Fault]:
    """Moves of lots that are made already or belong to no open order, or to a line that cannot make them."""
    pinned = {(lot.order, lot.stage, lot.line, lot.start_at) for lot in problem.previous if lot.pinned}
    by_no = {lot.lot_no: lot for lot in lots}
    for number, change in enumerate(changes):
        if isinstance(change, MoveLot):
            lot = by_no[change.lot_no]
            if (lot.order, lot.operation_seq, lot.line, lot.start_at) not in pinned:
                why = f"operation {lot.operation_seq} of {lot.order} is finished, or {lot.line} cannot make it"
                yield Fault(f"/changes/{number}", "impossible", why)


# ---- orders
def _with_order(problem: Problem, change: ChangeOrder) -> Problem:
    if all(order.code != change.order for order in problem.orders):
        raise InputError(f"Order {change.order} is not open, so nothing of it can be changed")
    if change.left_out:
        return _without(problem, change.order)
    orders = tuple(_revised(order, change) if order.code == change.order else order for order in problem.orders)
    return replace(problem, orders=orders)


def tentative(change: ChangeOrder, revision: str, family: str, now: datetime) -> OpenOrder:
    """The order a change speaks of that is not there yet; without a due date it is wanted at once."""
    assert change.item is not None
    assert change.quantity is not None
    return OpenOrder(
        id=NO_ID,
        order=change.order,
        version=0,
        item=change.item,
        revision=revision,
        family=family,
        quantity=change.quantity,
        due_at=change.due_at or now,
        earliest_start_at=change.earliest_start_at,
        priority=change.priority or 5,
        has_components=False,
        has_operations=False,
    )


def _revised(order: Order, change: ChangeOrder) -> Order:
    if change.item is not None:
        return order if change.due_at else replace(order, weight=TENTATIVE_WEIGHT)
    qty = order.qty if change.quantity is None else pieces_of(change.quantity)
    return replace(
        order,
        qty=qty,
        due_at=change.due_at or order.due_at,
        earliest_start_at=change.earliest_start_at or order.earliest_start_at,
        weight=order.weight if change.priority is None else 10 - change.priority,
        deliveries=order.deliveries if qty == order.qty and change.due_at is None else (),
    )


def _without(problem: Problem, code: str) -> Problem:
    return replace(
        problem,
        orders=tuple(order for order in problem.orders if order.code != code),
        under_way=tuple(work for work in problem.under_way if work.order != code),
        previous=tuple(lot for lot in problem.previous if lot.order != code),
    )


# ---- calendars
def _with_calendar(problem: Problem, change: ChangeCalendar) -> Problem:
    if all(line.code != change.line for line in problem.lines):
        raise InputError(f"There is no line {change.line}")
    lines = tuple(_recalendared(line, change) if line.code == change.line else line for line in problem.lines)
    return replace(problem, lines=lines)


def _recalendared(line: Line, change: ChangeCalendar) -> Line:
    if change.is_open:
        return replace(line, open=joined([*line.open, (change.from_at, change.to_at)]))
    why = change.why or "stop"
    lost = ((max(a, change.from_at), min(b, change.to_at), why) for a, b in line.open)
    closures = (*line.closures, *(closure for closure in lost if closure[0] < closure[1]))
    return replace(line, open=without(line.open, change.from_at, change.to_at), closures=closures)


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order, those that meet or overlap made one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)


def without(spans: Sequence[Span], from_at: datetime, to_at: datetime) -> tuple[Span, ...]:
    """What is left of spans outside from .. to."""
    parts = ((a, b) for start, end in spans for a, b in ((start, min(end, from_at)), (max(start, to_at), end)))
    return tuple((a, b) for a, b in parts if a < b)


# ---- receipts
def _with_receipt(problem: Problem, change: ChangeReceipt) -> tuple[Receipt, ...]:
    known = next((row for row in problem.receipts if row.ref == change.ref), None)
    others = tuple(row for row in problem.receipts if row is not known)
    item = change.item or (known.item if known else None)
    quantity = known.qty if change.quantity is None and known else change.quantity
    at = change.expected_at or (known.at if known else None)
    if item is None or quantity is None or at is None:
        raise InputError(f"Receipt {change.ref} is not expected; a new one names item, quantity and expected_at")
    if not quantity:
        return others
    return (*others, Receipt(item, quantity, max(at, problem.now), change.ref))
