"""What-if: a problem with the changes of a plan run applied (pure: `Problem` in, `Problem` out).

Moves and pins speak of lots and are no change of the question; `scheduler.planner` hands them to `repair`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce

from mes.domain.plan import Change, ChangeCalendar, ChangeOrder, ChangeReceipt
from mes.errors import InputError
from scheduler.load import pieces_of
from scheduler.problem import Line, Order, Problem, Product, Receipt, Span

TENTATIVE_WEIGHT = 0.001
"""What a minute of a tentative order without a due date weighs: it takes the earliest gap and pushes nobody."""


def changed(problem: Problem, changes: Iterable[Change], products: Mapping[str, Product]) -> Problem:
    """The problem as the changes would have it. `products` are those of tentative orders, by order.

    Raises InputError for a change of what is not there.
    """
    return reduce(lambda one, change: _changed(one, change, products), changes, problem)


def _changed(problem: Problem, change: Change, products: Mapping[str, Product]) -> Problem:
    if isinstance(change, ChangeCalendar):
        return _with_calendar(problem, change)
    if isinstance(change, ChangeReceipt):
        return replace(problem, receipts=_with_receipt(problem, change))
    if isinstance(change, ChangeOrder):
        return _with_order(problem, change, products)
    return problem


# ---- orders
def _with_order(problem: Problem, change: ChangeOrder, products: Mapping[str, Product]) -> Problem:
    if change.item is not None:
        return _with_new_order(problem, change, products[change.order])
    if all(order.code != change.order for order in problem.orders):
        raise InputError(f"Order {change.order} is not open, so nothing of it can be changed")
    if change.left_out:
        return _without(problem, change.order)
    orders = tuple(_revised(order, change) if order.code == change.order else order for order in problem.orders)
    return replace(problem, orders=orders)


def _revised(order: Order, change: ChangeOrder) -> Order:
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


def _with_new_order(problem: Problem, change: ChangeOrder, product: Product) -> Problem:
    """A tentative order; without a due date it is wanted at once, but by nobody who could push another."""
    assert change.quantity is not None
    order = Order(
        code=change.order,
        product=product.code,
        qty=pieces_of(change.quantity),
        due_at=change.due_at or problem.now,
        weight=TENTATIVE_WEIGHT if change.due_at is None else 10 - (change.priority or 5),
        earliest_start_at=change.earliest_start_at,
    )
    known = any(one.code == product.code for one in problem.products)
    products = problem.products if known else (*problem.products, product)
    return replace(problem, products=products, orders=(*problem.orders, order))


# ---- calendars
def _with_calendar(problem: Problem, change: ChangeCalendar) -> Problem:
    if all(line.code != change.line for line in problem.lines):
        raise InputError(f"There is no line {change.line}")
    lines = tuple(_recalendared(line, change) if line.code == change.line else line for line in problem.lines)
    return replace(problem, lines=lines)


def _recalendared(line: Line, change: ChangeCalendar) -> Line:
    if change.is_open:
        return replace(line, open=joined([*line.open, (change.from_at, change.to_at)]))
    closures = (*line.closures, (change.from_at, change.to_at, change.why or "closed"))
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
