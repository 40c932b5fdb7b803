"""Does a plan obey every rule? Recomputes everything from the problem and the plan's lots, with instants and sums.

It knows neither decoder nor solver nor their tables: each rule is one function that reads the two files as anybody
would. The rules are those of the plan file's meaning in `docs/planning.md`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from scheduler.facts import MINUTE, Facts, entered, good, lateness, shift_day
from scheduler.plan import Plan, PlanLot
from scheduler.problem import Component, Order, Problem, Resource, Stage


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule a plan breaks, and where."""

    rule: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: {self.detail}"


def check(problem: Problem, plan: Plan) -> list[Violation]:
    """Every violation of `plan`; an empty list means that it may be published."""
    facts = Facts(problem, plan)
    unreadable = list(_readable(facts))
    if unreadable:
        return unreadable
    rules = (_times, _durations, _setups, _quantities, _lot_sizes, _precedence, _material, _under_way, _frozen)
    more = (_pinned, _crews, _resources, _objective, _orders, _daily)
    return [violation for rule in rules + more for violation in rule(facts)]


def _name(lot: PlanLot) -> str:
    return f"{lot.order}/{lot.stage} on {lot.line or 'outside'} at {lot.start_at:%m-%d %H:%M}"


def _readable(facts: Facts) -> Iterator[Violation]:
    """Lots name orders, stages and lines that exist and belong together; times are whole minutes."""
    for lot in facts.plan.lots:
        if lot.order not in facts.orders:
            yield Violation("known", _name(lot), f"there is no order {lot.order}")
            continue
        stage = next((s for s in facts.product(lot.order).stages if s.seq == lot.stage), None)
        if stage is None:
            yield Violation("known", _name(lot), f"its product has no stage {lot.stage}")
        elif (lot.line is None) != (stage.external is not None):
            yield Violation("line", _name(lot), "outside work and only that has no line")
        elif lot.line is not None and all(at.line != lot.line for at in stage.lines):
            yield Violation("line", _name(lot), "this line does not make the stage")
        if lot.end_at <= lot.start_at or lot.qty < 1 or lot.setup_minutes < 0:
            yield Violation("shape", _name(lot), "must make at least one piece in some time")
        if lot.start_at.second or lot.end_at.second or lot.start_at.microsecond or lot.end_at.microsecond:
            yield Violation("shape", _name(lot), "times must be whole minutes")


def _times(facts: Facts) -> Iterator[Violation]:
    """Nothing starts before now or its order's earliest start, nothing ends after the horizon."""
    running = {(w.order, w.stage, w.line) for w in facts.problem.under_way if w.start_at <= facts.problem.now}
    for lot in facts.plan.lots:
        if lot.start_at < facts.now:
            yield Violation("now", _name(lot), "starts before now")
        if lot.end_at > facts.problem.horizon_end:
            yield Violation("horizon", _name(lot), "ends after the horizon")
        earliest = facts.orders[lot.order].earliest_start_at
        if earliest is not None and lot.start_at < earliest and (lot.order, lot.stage, lot.line) not in running:
            yield Violation("earliest_start", _name(lot), f"its order may not start before {earliest:%m-%d %H:%M}")


def _durations(facts: Facts) -> Iterator[Violation]:
    """A lot takes exactly its pieces' seconds, rounded up to minutes, of its line's open time; whole if it must."""
    for lot in facts.plan.lots:
        stage = facts.stage(lot)
        if lot.line is None:
            lead = max(1, stage.external.lead_minutes) if stage.external else 0
            if lot.end_at - lot.start_at != lead * MINUTE:
                yield Violation("duration", _name(lot), f"must be back after {lead} minutes")
            continue
        needed = -int(-lot.qty * facts.seconds(lot) // 60)
        got = facts.open[lot.line].between(lot.start_at, lot.end_at)
        if got != needed:
            yield Violation("duration", _name(lot), f"has {got} open minutes, needs {needed}")
        if stage.uninterrupted and lot.end_at - lot.start_at != needed * MINUTE:
            yield Violation("uninterrupted", _name(lot), "is interrupted")


def _setups(facts: Facts) -> Iterator[Violation]:
    """Lots of a line do not overlap; between two lies the changeover the second says, at least what the matrix says."""
    change = {r.code: r.change_minutes for r in facts.problem.resources}
    for code, lots in facts.by_line.items():
        running = any(w.line == code and w.start_at <= facts.problem.now for w in facts.problem.under_way)
        family = facts.lines[code].family_now if not running else None
        before, free = family, facts.now
        mounted: set[str] | None = None
        for lot in lots:
            own, resources = facts.family(lot), set(facts.stage(lot).resources)
            needed = facts.changeover(code, before, own)
            if mounted is not None:
                needed += sum(change[each] for each in resources - mounted)
            if lot.start_at < free:
                yield Violation("overlap", _name(lot), "starts before the lot before it has ended")
            elif facts.open[code].between(free, lot.start_at) < lot.setup_minutes:
                yield Violation("setup", _name(lot), f"has no {lot.setup_minutes} open minutes before it")
            if lot.setup_minutes < needed:
                yield Violation("setup", _name(lot), f"says {lot.setup_minutes} minutes, needs {needed}")
            before, mounted, free = own, resources, max(free, lot.end_at)


def _quantities(facts: Facts) -> Iterator[Violation]:
    """Planned and unplanned pieces of an order add up; each stage makes what the next one takes."""
    out = {row.order: row.qty for row in facts.plan.unplanned}
    for order in facts.problem.orders:
        stages = facts.products[order.product].stages
        need = order.qty - out.get(order.code, 0)
        if need < 0:
            yield Violation("quantity", order.code, "leaves out more pieces than it has")
        for stage in reversed(stages):
            planned = sum(lot.qty for lot in facts.by_stage.get((order.code, stage.seq), ()))
            if good(facts, order, stage, planned) < need and not _told_later(facts, order, stage):
                yield Violation("quantity", f"{order.code}/{stage.seq}", f"{planned} pieces do not give {need} good")
            need = entered(facts, order, stage) + planned


def _told_later(facts: Facts, order: Order, stage: Stage) -> bool:
    """Pieces under way in a later stage have passed this one, though nothing says so."""
    told = any(done.stage == stage.seq for done in order.done)
    return not told and any(w.order == order.code and w.stage > stage.seq for w in facts.problem.under_way)


def _lot_sizes(facts: Facts) -> Iterator[Violation]:
    """Free lots keep min_lot and max_lot; a smaller whole stage may undercut min_lot."""
    held = {(work.order, work.stage) for work in facts.problem.under_way}
    held |= {(lot.order, lot.stage) for lot in facts.problem.previous}
    for key, lots in facts.by_stage.items():
        stage = facts.stage(lots[0])
        for lot in lots:
            if stage.max_lot is not None and lot.qty > stage.max_lot and key not in held:
                yield Violation("lot_size", _name(lot), f"{lot.qty} pieces are more than max_lot {stage.max_lot}")
            if lot.qty < stage.min_lot and len(lots) > 1 and key not in held:
                yield Violation("lot_size", _name(lot), f"{lot.qty} pieces are fewer than min_lot {stage.min_lot}")


def _precedence(facts: Facts) -> Iterator[Violation]:
    """At any time the pieces started at a stage are good pieces of the stage before, transferred."""
    for order in facts.problem.orders:
        for before, after in pairwise(facts.products[order.product].stages):
            if _told_later(facts, order, before):
                continue
            ended = sorted((lot.end_at, lot.qty) for lot in facts.by_stage.get((order.code, before.seq), ()))
            started, finished, place = entered(facts, order, after), 0, 0
            for lot in facts.by_stage.get((order.code, after.seq), ()):
                while place < len(ended) and ended[place][0] + before.transfer_minutes * MINUTE <= lot.start_at:
                    finished += ended[place][1]
                    place += 1
                started += lot.qty
                if started > good(facts, order, before, finished):
                    yield Violation("precedence", _name(lot), f"takes pieces stage {before.seq} has not finished")
                    break


def _material(facts: Facts) -> Iterator[Violation]:
    """What has been taken never exceeds stock and receipts so far."""
    moves: dict[str, list[tuple[datetime, int, Decimal, str]]] = defaultdict(list)
    for stock in facts.problem.stock:
        moves[stock.item].append((facts.problem.now, 0, stock.qty, ""))
    for receipt in facts.problem.receipts:
        moves[receipt.item].append((max(receipt.at, facts.problem.now), 0, receipt.qty, ""))
    for lot in facts.plan.lots:
        for item, qty in _taken(facts, lot):
            moves[item].append((lot.start_at, 1, -qty, _name(lot)))
    for item, rows in sorted(moves.items()):
        left = Decimal(0)
        for _, _, qty, name in sorted(rows):
            left += qty
            if left < 0:
                yield Violation("material", name, f"takes {item} that is not there yet, {-left} too much")
                break


def _taken(facts: Facts, lot: PlanLot) -> Iterator[tuple[str, Decimal]]:
    """What a lot takes at its start: its components, less what substitutes stand in for."""
    for component in _components(facts, lot):
        replaced = Decimal(0)
        for used in lot.substitutes:
            if used.item == component.item:
                yield used.used, used.qty
                replaced += _replaced(component, used.used, used.qty)
        yield component.item, component.qty_per * lot.qty - replaced


def _replaced(component: Component, used: str, qty: Decimal) -> Decimal:
    """How much of a component a quantity of its substitute stands for; none if it is no substitute."""
    for other in component.substitutes:
        if other.item == used:
            return qty * component.qty_per / (other.qty_per or component.qty_per)
    return Decimal(0)


def _components(facts: Facts, lot: PlanLot) -> Iterator[Component]:
    order, product = facts.orders[lot.order], facts.product(lot.order)
    for component in product.bom if order.components is None else order.components:
        if lot.stage == (product.stages[0].seq if component.stage is None else component.stage):
            yield component


def _under_way(facts: Facts) -> Iterator[Violation]:
    """Called work keeps line and order: one lot of what remains, first on its line."""
    by_line: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for work in sorted(facts.problem.under_way, key=lambda w: w.start_at):
        if work.qty > work.done_qty:
            by_line[work.line].append((work.order, work.stage, work.qty - work.done_qty))
    for code, works in by_line.items():
        planned = [(lot.order, lot.stage, lot.qty) for lot in facts.by_line.get(code, ())]
        wanted = [work for work in works if work in planned]
        if planned[: len(wanted)] != wanted:
            yield Violation("under_way", code, f"must begin with what is under way there: {wanted}")
        for order, _, _ in works:
            if order not in {lot[0] for lot in wanted} and not _is_out(facts, order):
                yield Violation("under_way", code, f"order {order} is under way here and not planned here")


def _is_out(facts: Facts, order: str) -> bool:
    return any(row.order == order for row in facts.plan.unplanned)


def _frozen(facts: Facts) -> Iterator[Violation]:
    """Before the frozen window ends only called work and published lots start, on their line, in their order."""
    until = facts.problem.frozen_until
    if until is None:
        return
    published = [lot for lot in facts.problem.previous if lot.start_at < until]
    allowed = {(lot.order, lot.stage, lot.line) for lot in published}
    allowed |= {(work.order, work.stage, work.line) for work in facts.problem.under_way}
    for lot in facts.plan.lots:
        if lot.start_at < until and (lot.order, lot.stage, lot.line) not in allowed:
            yield Violation("frozen", _name(lot), f"starts before {until:%m-%d %H:%M} and is not published there")
    yield from _frozen_order(facts, published)


def _frozen_order(facts: Facts, published: list[PlanLot]) -> Iterator[Violation]:
    for code, lots in facts.by_line.items():
        rank = [(lot.order, lot.stage) for lot in sorted(published, key=lambda lot: lot.start_at) if lot.line == code]
        now = [(lot.order, lot.stage) for lot in lots]
        firsts = [now.index(key) for key in dict.fromkeys(rank) if key in now and not _is_out(facts, key[0])]
        if firsts != sorted(firsts):
            yield Violation("frozen", code, "published lots have changed places")


def _pinned(facts: Facts) -> Iterator[Violation]:
    """A planned pinned lot keeps its line and does not start before its time; work under way has its own rule."""
    called = {(work.order, work.stage, work.line) for work in facts.problem.under_way}
    for lot in facts.problem.previous:
        planned = facts.by_stage.get((lot.order, lot.stage), [])
        if not lot.pinned or not planned or (lot.order, lot.stage, lot.line) in called or _is_out(facts, lot.order):
            continue
        if all(each.line != lot.line or each.start_at < lot.start_at for each in planned):
            yield Violation("pinned", _name(lot), "is not planned on its line at its time or later")


def _crews(facts: Facts) -> Iterator[Violation]:
    """Lines running at a time take no more people than the crew has then."""
    for crew in facts.problem.crews:
        changes: list[tuple[datetime, int, int]] = []
        for code, people in crew.lines.items():
            for lot in facts.by_line.get(code, ()):
                for start, end in facts.open[code].pieces(lot.start_at, lot.end_at):
                    changes += [(start, 1, people), (end, 0, -people)]
        at_work = 0
        sizes = [at for at, _ in crew.size]
        stops = [(at, 2, 0) for at in sizes]
        for at, _, people in sorted(changes + stops):
            at_work += people
            size = crew.size[bisect_right(sizes, at) - 1][1] if at >= min(sizes, default=at) and sizes else 0
            if people >= 0 and at_work > size:
                yield Violation("crew", crew.code, f"{at_work} of {size} people at {at:%m-%d %H:%M}")
                break


def _resources(facts: Facts) -> Iterator[Violation]:
    """No more of a resource are in use than there are, none while it is away."""
    for resource in facts.problem.resources:
        spans = sorted(_use(facts, resource))
        changes = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
        in_use = 0
        for at, step in changes:
            in_use += step
            if in_use > resource.count:
                yield Violation("resource", resource.code, f"{in_use} of {resource.count} in use at {at:%m-%d %H:%M}")
                break
        for start, end in spans:
            if any(start < high and low < end for low, high in resource.unavailable):
                yield Violation("resource", resource.code, f"in use at {start:%m-%d %H:%M} although it is away")


def _use(facts: Facts, resource: Resource) -> Iterator[tuple[datetime, datetime]]:
    """Spans in which lines hold a resource: from lot to lot that needs it, unless it is changed in again."""
    for code, lots in facts.by_line.items():
        users = {lot: True for lot in lots if resource.code in facts.stage(lot).resources}  # in time
        after = dict(zip(lots[1:], lots, strict=False))
        for lot in users:
            before = after.get(lot)
            since = lot.start_at
            if before is not None and before in users and resource.change_minutes:
                again = facts.changeover(code, facts.family(before), facts.family(lot)) + resource.change_minutes
                since = lot.start_at if lot.setup_minutes >= again else before.end_at
            yield since, lot.end_at


def _objective(facts: Facts) -> Iterator[Violation]:
    """Every part of the objective is what the lots give, and the total is their sum."""
    problem, told, weights = facts.problem, facts.plan.objective, facts.problem.weights
    late = early = Fraction(0)
    for order in problem.orders:
        minutes, soon = lateness(facts, order)
        late += Fraction(order.weight) * minutes
        early += soon
    found = {
        "tardiness": Fraction(weights.tardy_minute) * late,
        "setup": Fraction(weights.setup_minute) * sum(lot.setup_minutes for lot in facts.plan.lots),
        "moves": Fraction(weights.move) * _moved(facts) if weights.move else Fraction(0),
        "unplanned": Fraction(weights.unplanned) * sum(row.qty for row in facts.plan.unplanned),
        "earliness": Fraction(weights.earliness_minute) * early,
    }
    for name, value in (*found.items(), ("total", sum(found.values()))):
        if abs(float(getattr(told, name)) - float(value)) > 1e-3 + 1e-6 * abs(float(value)):
            yield Violation("objective", name, f"says {getattr(told, name)}, is {float(value):g}")


def _moved(facts: Facts) -> int:
    """Lots on another line or shift-day than the one of their rank in the previous plan."""
    before: dict[tuple[str, int], list[PlanLot]] = defaultdict(list)
    for lot in sorted(facts.problem.previous, key=lambda lot: (lot.start_at, lot.line or "")):
        if lot.line is not None:
            before[lot.order, lot.stage].append(lot)
    moved = 0
    for key, lots in facts.by_stage.items():
        for lot, was in zip(lots, before.get(key, ()), strict=False):
            if lot.line is None:
                continue
            day = shift_day(facts.lines[was.line], was.start_at) if was.line in facts.lines else None
            moved += lot.line != was.line or shift_day(facts.lines[lot.line], lot.start_at) != day
    return moved


def _orders(facts: Facts) -> Iterator[Violation]:
    """Every order has its row, with the tardiness its lots give."""
    rows = {row.code: row for row in facts.plan.orders}
    for order in facts.problem.orders:
        row = rows.get(order.code)
        late, _ = lateness(facts, order)
        if row is None:
            yield Violation("orders", order.code, "has no row")
        elif row.tardy_minutes != late:
            yield Violation("orders", order.code, f"says {row.tardy_minutes} minutes late, is {late}")


def _daily(facts: Facts) -> Iterator[Violation]:
    """Day rows add up to the lots, line by line."""
    planned: dict[tuple[str, str, int], int] = defaultdict(int)
    for lot in facts.plan.lots:
        if lot.line is not None:
            planned[lot.line, lot.order, lot.stage] += lot.qty
    for row in facts.plan.daily:
        planned[row.line, row.order, row.stage] -= row.qty
    for (line, order, stage), left in sorted(planned.items()):
        if left:
            yield Violation("daily", f"{order}/{stage} on {line}", f"day rows differ from lots by {-left} pieces")
