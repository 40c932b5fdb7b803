"""What would help late and short orders: changes of the plant, each tried by solving again a little.

Candidates come from what the orders waited for: overtime on a line they waited at, a receipt earlier or one more, a
closure lifted, the order before all others. Each is compared with the unchanged plant given the same further search,
and must help against the plan as it is shown, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from scheduler.axis import DAY_MINUTES, MINUTE, instant
from scheduler.cost import missing, tardy
from scheduler.files import Number
from scheduler.plan import Fix, Shortage
from scheduler.problem import Line, Problem, Receipt, Span
from scheduler.search import anneal, natural_heat
from scheduler.shop import Shop, compile_shop
from scheduler.state import Desk, State
from scheduler.supply import supply_of
from scheduler.trace import deciding_lots, reasons

FIXES_MAX = 3
CANDIDATES_MAX = 10
OVERTIME_MINUTES = 120
FIRST_FACTOR = 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """A change to try, and how it is told."""

    kind: str
    target: str
    minutes: int
    problem: Problem
    from_at: datetime | None = None
    to_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What a solved desk promises: late minutes and short pieces by order, and the cost."""

    late: list[int]
    short: list[int]
    total: Number

    @property
    def on_time(self) -> int:
        return sum(not late and not short for late, short in zip(self.late, self.short, strict=True))


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to search with each change (tries, unless `may_go_on` ends it), on which random numbers, for whom.

    `orders` None: for every late or short one.
    """

    tries: int
    seed: int
    orders: tuple[int, ...] | None = None
    may_go_on: Callable[[], bool] = lambda: True


def find_fixes(desk: Desk, rows: Sequence[Shortage], effort: Effort) -> dict[int, tuple[Fix, ...]]:
    """By order, up to three changes that help it most."""
    shown = _outlook(desk.shop, desk)
    orders = range(len(shown.late)) if effort.orders is None else effort.orders
    bad = [order for order in orders if shown.late[order] or shown.short[order]]
    if not bad or not effort.may_go_on():
        return {}
    before = _outlook(desk.shop, solved_with(desk, desk.shop.problem, effort) or desk)
    found: dict[int, list[Fix]] = {order: [] for order in bad}
    for candidate in _candidates(desk, bad, rows)[:CANDIDATES_MAX]:
        if not effort.may_go_on():
            break
        solved = solved_with(desk, candidate.problem, effort)
        if solved is not None:
            after = _outlook(desk.shop, solved)
            for order in bad:
                if _helps(shown, after, order) and _helps(before, after, order):
                    found[order].append(_told(candidate, before, after, order))
    return {order: _best_few(fixes) for order, fixes in found.items() if fixes}


def _best_few(fixes: list[Fix]) -> tuple[Fix, ...]:
    """The best, each of another kind or for another line, receipt or order."""
    best: dict[tuple[str, str], Fix] = {}
    for fix in sorted(fixes, key=_rank):
        best.setdefault((fix.kind, fix.target), fix)
    return tuple(best.values())[:FIXES_MAX]


def _rank(fix: Fix) -> tuple[int, int, Number]:
    return fix.short_qty, fix.tardy_minutes, fix.total


def _helps(before: _Outlook, after: _Outlook, order: int) -> bool:
    """At least a tenth less late, or fewer pieces short."""
    if after.short[order] != before.short[order]:
        return after.short[order] < before.short[order]
    return after.late[order] < before.late[order] * 0.9


def _told(candidate: Candidate, before: _Outlook, after: _Outlook, order: int) -> Fix:
    return Fix(
        kind=candidate.kind,
        target=candidate.target,
        minutes=candidate.minutes,
        tardy_minutes=after.late[order],
        short_qty=after.short[order],
        on_time_orders=after.on_time - before.on_time,
        total=after.total - before.total,
        from_at=candidate.from_at,
        to_at=candidate.to_at,
    )


def solved_with(desk: Desk, problem: Problem, effort: Effort) -> Desk | None:
    """The desk's plan on a changed problem after a short search; None where that is cut into other lots."""
    shop = desk.shop
    changed = shop if problem is shop.problem else compile_shop(problem, shop.problem)
    if changed.lots != shop.lots or changed.lines_of != shop.lines_of:
        return None
    found = Desk(changed, supply_of(changed))
    found.load(desk.state())
    heat = natural_heat(shop)
    cool = replace(heat, start=heat.start / 4, end=heat.end)

    def spent(tries: int, _cost: Number, _state: State) -> float:
        return tries / effort.tries if effort.may_go_on() else 1.0

    _, better = anneal(found, Random(f"fix {effort.seed}"), cool, spent)
    found.load(better)
    return found


def _outlook(shop: Shop, desk: Desk) -> _Outlook:
    """Late and short by order; the cost by the weights of the plant as it is."""
    late = [tardy(desk.board, order) for order in range(len(shop.stage_lots))]
    short = [missing(desk.board, order) for order in range(len(late))]
    weights = shop.problem.weights
    tardiness = sum(o.weight * minutes for o, minutes in zip(shop.problem.orders, late, strict=True))
    setups = weights.setup_minute * sum(desk.board.setup)
    return _Outlook(late, short, weights.tardy_minute * tardiness + setups + weights.unplanned * sum(short))


# ---- candidates


def _candidates(desk: Desk, bad: list[int], rows: Sequence[Shortage]) -> list[Candidate]:
    """Changes worth trying, those that concern the most weighted minutes first, each once."""
    scored: dict[tuple[str, str, datetime | None], tuple[Number, Candidate]] = {}
    for order in bad:
        weight = desk.shop.problem.orders[order].weight
        for minutes, candidate in _for_order(desk, order):
            key = candidate.kind, candidate.target, candidate.from_at
            score = scored.get(key, (0, candidate))[0] + minutes * weight
            scored[key] = score, candidate
    ranked = sorted(scored.values(), key=lambda pair: (-pair[0], pair[1].kind, pair[1].target))
    more = [_one_more(desk.shop.problem, row) for row in rows if row.receipt is None]
    return more[: CANDIDATES_MAX // 3] + [candidate for _, candidate in ranked]


def _for_order(desk: Desk, order: int) -> Iterator[tuple[int, Candidate]]:
    problem = desk.shop.problem
    for lot, waited in deciding_lots(desk, order):
        line = desk.board.line_of[lot]
        if line < desk.shop.real_lines:
            yield from ((max(1, waited), each) for each in _overtime(desk, line, desk.board.end[lot]))
    for reason in reasons(desk, order):
        if reason.cause == "material":
            yield from ((reason.minutes, each) for each in _earlier(problem, reason.detail, tardy(desk.board, order)))
    yield from ((reason_minutes, each) for reason_minutes, each in _reopened(desk, order))
    yield tardy(desk.board, order) // 2, _first(problem, order)


def _overtime(desk: Desk, line: int, end: int) -> Iterator[Candidate]:
    """Two hours more after a shift: at the first closing after now, and at the last before the lot ends."""
    spans = [span for span in desk.shop.axes[line].spans if span[1] < end]
    for closes in sorted({span[1] for span in (*spans[:1], *spans[-1:])}):
        opens = min((start for start, _ in desk.shop.axes[line].spans if start >= closes), default=desk.shop.horizon)
        minutes = min(OVERTIME_MINUTES, opens - closes)
        if minutes > 0:
            problem = desk.shop.problem
            span = instant(problem.now, closes), instant(problem.now, closes + minutes)
            yield _opened(problem, line, span, "overtime", minutes)


def _opened(problem: Problem, line: int, span: Span, kind: str, minutes: int) -> Candidate:
    lines = list(problem.lines)
    lines[line] = replace(lines[line], open=_with_span(lines[line], span))
    return Candidate(kind, lines[line].code, minutes, replace(problem, lines=tuple(lines)), *span)


def _with_span(line: Line, span: Span) -> tuple[Span, ...]:
    """The line's open intervals with one more; what touches or overlaps becomes one."""
    merged: list[Span] = []
    for start, end in sorted((*line.open, span)):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return tuple(merged)


def _reopened(desk: Desk, order: int) -> Iterator[tuple[int, Candidate]]:
    """Closures of the lines an order's deciding lots are on, lifted."""
    problem, now = desk.shop.problem, desk.shop.problem.now
    for lot, _ in deciding_lots(desk, order):
        line = desk.board.line_of[lot]
        for start, end, _ in problem.lines[line].closures if line < desk.shop.real_lines else ():
            span = max(start, now), end
            if span[0] < span[1] and span[0] < instant(now, desk.board.end[lot]):
                minutes = (span[1] - span[0]) // MINUTE
                yield minutes, _opened(problem, line, span, "reopen", minutes)


def _earlier(problem: Problem, detail: str, late: int) -> Iterable[Candidate]:
    """The receipt an order waits for, earlier by the days it is late."""
    for index, receipt in enumerate(problem.receipts):
        if detail == f"{receipt.item} {receipt.ref}":
            days = -(-max(1, late) // DAY_MINUTES)
            at = max(problem.now, receipt.at - timedelta(days=days))
            receipts = list(problem.receipts)
            receipts[index] = replace(receipt, at=at)
            minutes = (receipt.at - at) // MINUTE
            changed = replace(problem, receipts=tuple(receipts))
            yield Candidate("receipt_earlier", receipt.ref or receipt.item, minutes, changed, receipt.at, at)


def _one_more(problem: Problem, row: Shortage) -> Candidate:
    """What is missing for good, received when it is needed."""
    receipts = (*problem.receipts, Receipt(row.item, row.qty, row.needed_by))
    return Candidate("receipt_added", row.item, 0, replace(problem, receipts=receipts), None, row.needed_by)


def _first(problem: Problem, order: int) -> Candidate:
    """The order before all others."""
    orders = list(problem.orders)
    weight = max((o.weight for o in orders), default=1) * FIRST_FACTOR
    orders[order] = replace(orders[order], weight=weight)
    return Candidate("first", orders[order].code, 0, replace(problem, orders=tuple(orders)))
