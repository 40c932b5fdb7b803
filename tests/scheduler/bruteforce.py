"""The best plan of a tiny problem by trying every sequence, timed by the checker: no decoder, no tables, no pegs.

Of the lots next on their lines the one that can start first is placed, at the first moment at which the independent
checker finds nothing wrong. Components are tried as every lot waiting for any arrival, wholly from one item.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import permutations, product

from scheduler.check import check
from scheduler.facts import Facts, OpenTime, lateness
from scheduler.lots import Lot
from scheduler.plan import Objective, Plan, PlanLot
from scheduler.problem import Component, Problem, Stage
from scheduler.shop import compile_shop

MINUTE = timedelta(minutes=1)
TIMING = {
    *("now", "horizon", "earliest_start", "duration", "uninterrupted", "overlap", "setup", "precedence"),
    *("crew", "resource", "frozen"),
}
"""The rules that say when a lot may start; the others are of the whole plan."""
Sequences = dict[str, list["Job"]]
Waits = dict[int, datetime]


@dataclass(frozen=True)
class Job:
    """A lot to be placed; `line`: the one it keeps."""

    number: int
    order: str
    stage: Stage
    qty: int
    line: str | None
    earliest: datetime


def best_cost(problem: Problem) -> float:
    """The least cost of any sequences; infinite if none has time."""
    return Brute(problem).best()


class Brute:
    """One problem and everything that may be tried with it."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.facts = Facts(problem, Plan("", Objective()))
        shop = compile_shop(problem)
        self.jobs = [
            Job(number, problem.orders[lot.order].code, shop.stage(number), lot.qty, lot.line, self._earliest(lot))
            for number, lot in enumerate(shop.lots)
        ]
        self.first = {shop.problem.lines[k].code: list(held) for k, held in enumerate(shop.prefix[: shop.real_lines])}

    def _earliest(self, lot: Lot) -> datetime:
        """Called work waits for the start it was called for; what is not held for its order and the frozen window."""
        if lot.hold == "under_way":
            return self.problem.now + max(0, lot.at) * MINUTE
        frozen = self.problem.frozen_until if lot.hold != "frozen" else None
        return max(frozen or self.problem.now, self.problem.orders[lot.order].earliest_start_at or self.problem.now)

    def best(self) -> float:
        plans = (self._placed(sequences, waits) for waits in self._waits() for sequences in self._sequences())
        return min((self._cost(lots) for lots in plans if lots is not None), default=float("inf"))

    def _cost(self, lots: list[PlanLot]) -> float:
        facts, weights = Facts(self.problem, Plan("", Objective(), tuple(lots))), self.problem.weights
        late = early = 0.0
        for order in self.problem.orders:
            minutes, soon = lateness(facts, order)
            late, early = late + order.weight * minutes, early + soon
        setups = sum(lot.setup_minutes for lot in lots)
        return weights.tardy_minute * late + weights.earliness_minute * early + weights.setup_minute * setups

    # ---- what may be tried

    def _sequences(self) -> Iterator[Sequences]:
        held = {number for numbers in self.first.values() for number in numbers}
        free = [job for job in self.jobs if job.number not in held and job.stage.external is None]
        lines = [[job.line] if job.line else [at.line for at in job.stage.lines] for job in free]
        seen = set()
        for order in permutations(range(len(free))):
            for chosen in product(*lines):
                found = {code: [self.jobs[k] for k in numbers] for code, numbers in self.first.items()}
                for k in order:
                    found[chosen[k]].append(free[k])
                key = tuple(tuple(job.number for job in sequence) for sequence in found.values())
                if key not in seen:
                    seen.add(key)
                    yield found

    def _waits(self) -> list[Waits]:
        """For every lot the arrival it waits for; none that waits for longer than another choice would."""
        needy = [(job, component) for job in self.jobs for component in self._components(job)]
        ways = [[(at, *way) for way in component.choices() for at in self._arrivals] for _, component in needy]
        found: list[Waits] = []
        for chosen in product(*ways):
            taken = [(job, at, item, per * job.qty) for (job, _), (at, item, per) in zip(needy, chosen, strict=True)]
            if self._suffices([row[1:] for row in taken]):
                found.append({job.number: max(at for each, at, _, _ in taken if each is job) for job, _ in needy})
        least = [w for w in found if not any(v != w and all(v[k] <= w[k] for k in w) for v in found)]
        return [waits for k, waits in enumerate(least) if waits not in least[:k]]

    @cached_property
    def _arrivals(self) -> list[datetime]:
        now = self.problem.now
        return sorted({now, *(max(now, receipt.at) for receipt in self.problem.receipts)})

    def _suffices(self, takes: list[tuple[datetime, str, Decimal]]) -> bool:
        for item in {item for _, item, _ in takes}:
            for until in self._arrivals:
                there = sum(stock.qty for stock in self.problem.stock if stock.item == item)
                there += sum(r.qty for r in self.problem.receipts if r.item == item and r.at <= until)
                if sum(qty for at, each, qty in takes if each == item and at <= until) > there:
                    return False
        return True

    def _components(self, job: Job) -> list[Component]:
        made = self.facts.product(job.order)
        own = self.facts.orders[job.order].components
        first = made.stages[0].seq
        return [c for c in (made.bom if own is None else own) if job.stage.seq == (c.stage or first)]

    # ---- when

    def _placed(self, sequences: Sequences, waits: Waits) -> list[PlanLot] | None:
        """The lots with their times; None: some wait for each other, or there is no time."""
        left: list[tuple[str | None, list[Job]]] = [(code, list(jobs)) for code, jobs in sequences.items()]
        left += [(None, [job]) for job in self.jobs if job.stage.external is not None]
        lots: list[PlanLot] = []
        while any(jobs for _, jobs in left):
            offers = [(self._soonest(lots, code, jobs[0], waits), k) for k, (code, jobs) in enumerate(left) if jobs]
            possible = [(lot.start_at, k, lot) for lot, k in offers if lot is not None]
            if not possible:
                return None
            _, k, lot = min(possible, key=lambda offer: offer[:2])
            left[k][1].pop(0)
            lots.append(lot)
        return lots

    def _soonest(self, lots: list[PlanLot], code: str | None, job: Job, waits: Waits) -> PlanLot | None:
        for moment in self._moments(lots, code, max(job.earliest, waits.get(job.number, job.earliest))):
            lot = self._lot(lots, code, job, moment)
            if lot is not None and not self._wrong([*lots, lot]):
                return lot
        return None

    def _wrong(self, lots: list[PlanLot]) -> bool:
        return any(found.rule in TIMING for found in check(self.problem, Plan("", Objective(), tuple(lots))))

    def _moments(self, lots: list[PlanLot], code: str | None, after_: datetime) -> list[datetime]:
        """Every instant from which on something may be possible that was not before."""
        problem = self.problem
        found = {after_}
        found |= {order.earliest_start_at for order in problem.orders if order.earliest_start_at}
        found |= {lot.end_at + self.facts.stage(lot).transfer_minutes * MINUTE for lot in lots}
        found |= {lot.end_at for lot in lots} | {at for crew in problem.crews for at, _ in crew.size}
        found |= {until for resource in problem.resources for _, until in resource.unavailable}
        if code is not None:
            found |= {start for start, _ in self.facts.open[code].spans}
        return sorted(at for at in found if at >= after_)

    def _lot(self, lots: list[PlanLot], code: str | None, job: Job, moment: datetime) -> PlanLot | None:
        if code is None:
            lead = max(1, job.stage.external.lead_minutes) if job.stage.external else 0
            return PlanLot(job.order, job.stage.seq, None, moment, moment + lead * MINUTE, job.qty)
        before = next((lot for lot in reversed(lots) if lot.line == code), None)
        change = self._change(before, code, job)
        time = self.facts.open[code]
        free = after(time, before.end_at if before else self.problem.now, change)
        pace = next(at.seconds_per_piece for at in job.stage.lines if at.line == code)
        start = free and next_open(time, max(moment, free))
        end = start and after(time, start, -int(-job.qty * pace // 60))
        return PlanLot(job.order, job.stage.seq, code, start, end, job.qty, change) if start and end else None

    def _change(self, before: PlanLot | None, code: str, job: Job) -> int:
        """Minutes from what the line has set up to what the lot needs; moulds fit the family set up now."""
        family, now = self.facts.product(job.order).family, self.facts.lines[code].family_now
        if before is not None:
            was, mounted = self.facts.family(before), self.facts.stage(before).resources
        elif now is None or any(w.line == code and w.start_at <= self.problem.now for w in self.problem.under_way):
            return 0
        else:
            was, mounted = now, job.stage.resources if now == family else ()
        minutes = {each.code: each.change_minutes for each in self.problem.resources}
        return self.facts.changeover(code, was, family) + sum(minutes[r] for r in {*job.stage.resources} - {*mounted})


def next_open(time: OpenTime, at: datetime) -> datetime | None:
    """The first open instant that is not before `at`."""
    return next((max(start, at) for start, end in time.spans if end > at), None)


def after(time: OpenTime, at: datetime, minutes: int) -> datetime | None:
    """The instant by which the line has been open `minutes` since `at`."""
    for start, end in time.spans:
        low = max(start, at)
        if low < end:
            if (end - low) // MINUTE >= minutes:
                return low + minutes * MINUTE if minutes else at
            minutes -= (end - low) // MINUTE
    return None
