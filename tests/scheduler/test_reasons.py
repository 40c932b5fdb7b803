"""Whatever a plant is like: what is late or short has its causes in minutes, and each fix does what it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scheduler.answer import plan_of
from scheduler.axis import MINUTE
from scheduler.check import check
from scheduler.facts import Facts, lateness
from scheduler.fixes import FIRST_FACTOR, FIXES_MAX, Effort, find_fixes, solved_with
from scheduler.plan import Fix, Log, Plan, PlannedOrder
from scheduler.problem import Line, Problem, Receipt
from scheduler.repair import planned_desk
from scheduler.solve import Params, solve
from tests.scheduler.problems import any_problem, at

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # shrinking a plant takes minutes
WORK = 120
EFFORT = Effort(100, 0)
"""What a solve of that work spends on a fix."""


def stopped(random: Random, line: Line) -> Line:
    """A line that is closed for some hours, or that is not."""
    if random.random() < 0.5:
        return line
    low = at(random.randint(0, 30))
    high = low + random.randint(1, 12) * 60 * MINUTE
    lost = tuple((max(a, low), min(b, high), "stop") for a, b in line.open if a < high and b > low)
    halves = (half for a, b in line.open for half in ((a, min(b, low)), (max(a, high), b)))
    return replace(line, open=tuple((a, b) for a, b in halves if a < b), closures=lost)


def a_problem(random: Random, *, small: bool = False) -> Problem:
    """Anything, some lines stopped for a while."""
    asked = any_problem(random, small=small)
    return replace(asked, lines=tuple(stopped(random, line) for line in asked.lines))


def short_of(plan: Plan) -> Counter[str]:
    """Pieces that are in no lot, by order."""
    found: Counter[str] = Counter()
    for row in plan.unplanned:
        found[row.order] += row.qty
    return found


@settings(deadline=None, max_examples=12, phases=PHASES)
@given(st.integers(0, 1_000_000))
def test_what_is_late_or_short_has_its_causes(seed: int) -> None:
    """Late: causes of at least a minute each, adding up to the minutes from now to the end; short: the reason."""
    asked = a_problem(Random(seed))
    plan = solve(asked, Params(work=WORK))
    facts, due = Facts(asked, plan), {order.code: order for order in asked.orders}
    for row in plan.orders:
        assert row.tardy_minutes == lateness(facts, due[row.code])[0]
        assert bool(row.reasons) == bool(row.tardy_minutes)
        assert all(reason.minutes > 0 for reason in row.reasons)
        if row.completed_at is not None and row.reasons:
            told = sum(reason.minutes for reason in row.reasons if reason.cause != "overdue")
            assert told == (row.completed_at - asked.now) / MINUTE
    assert all(row.qty > 0 and row.reason for row in plan.unplanned)


def applied(asked: Problem, plan: Plan, fix: Fix) -> Problem:
    """The plant with a fix, as anybody would read it."""
    if fix.kind in {"overtime", "reopen"}:
        return replace(
            asked, lines=tuple(opened(line, fix) if line.code == fix.target else line for line in asked.lines)
        )
    if fix.kind == "receipt_earlier":
        assert fix.to_at is not None
        moved = [replace(row, at=fix.to_at) if row.ref == fix.target else row for row in asked.receipts]
        return replace(asked, receipts=tuple(moved))
    if fix.kind == "receipt_added":
        (qty,) = [row.qty for row in plan.shortages if row.item == fix.target and row.receipt is None]
        assert fix.to_at is not None
        return replace(asked, receipts=(*asked.receipts, Receipt(fix.target, qty, fix.to_at)))
    assert fix.kind == "first"
    most = max(order.weight for order in asked.orders) * FIRST_FACTOR
    first = [replace(order, weight=most) if order.code == fix.target else order for order in asked.orders]
    return replace(asked, orders=tuple(first))


def opened(line: Line, fix: Fix) -> Line:
    """A line that works in one more span."""
    assert fix.from_at is not None
    assert fix.to_at is not None
    assert fix.to_at - fix.from_at == fix.minutes * MINUTE
    spans: list[tuple] = []  # type: ignore[type-arg]
    for start, end in sorted([*line.open, (fix.from_at, fix.to_at)]):
        if spans and start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return replace(line, open=tuple(spans))


@settings(deadline=None, max_examples=12, phases=PHASES)
@given(st.integers(0, 1_000_000))
def test_every_fix_does_what_it_says(seed: int) -> None:
    """Put into the problem and solved again, each gives a plan without a fault in which the order is as it was told."""
    asked = a_problem(Random(seed), small=True)
    plan = solve(asked, Params(work=WORK))
    assert all(better(fix, row, short_of(plan)) for row in plan.orders for fix in row.fixes)
    desk = planned_desk(asked, plan)
    shown = plan_of(desk, Log())
    rows = {row.code: row for row in shown.orders}
    orders = asked.orders
    for number, fixes in find_fixes(desk, plan.shortages, EFFORT).items():
        assert 1 <= len(fixes) <= FIXES_MAX
        for fix in fixes:
            assert better(fix, rows[orders[number].code], short_of(shown))
            fixed = applied(desk.shop.problem, plan, fix)
            solved = solved_with(desk, fixed, EFFORT)
            assert solved is not None
            found = plan_of(solved, Log())
            assert check(fixed, found) == []
            assert lateness(Facts(fixed, found), orders[number])[0] == fix.tardy_minutes
            assert short_of(found)[orders[number].code] == fix.short_qty


def better(fix: Fix, row: PlannedOrder, short: Counter[str]) -> bool:
    """Whether an order comes out less short or less late than it was."""
    return (fix.short_qty, fix.tardy_minutes) < (short[row.code], row.tardy_minutes)
