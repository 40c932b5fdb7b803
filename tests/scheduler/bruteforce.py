"""The best plan of a tiny problem by trying every sequence, timed by plain simulation: no decoder, no tables, no pegs.

Knows calendars, changeovers, yields, transfer, earliest starts and precedence by quantity; nothing shared, no material.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import permutations, product

from scheduler.facts import Facts, OpenTime
from scheduler.lots import Splitter
from scheduler.plan import Objective, Plan
from scheduler.problem import Problem, Stage

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Job:
    """A lot to be placed."""

    order: int
    stage: int
    qty: int


@dataclass
class Run:
    """A simulation in progress."""

    free: dict[str, datetime]
    family: dict[str, str | None]
    ended: dict[tuple[int, int], list[tuple[datetime, int]]] = field(default_factory=dict)
    started: dict[tuple[int, int], int] = field(default_factory=dict)
    setups: int = 0
    late: dict[int, datetime] = field(default_factory=dict)


def best_cost(problem: Problem) -> float:
    """The least weighted tardiness and changeovers of any sequences."""
    jobs = [
        Job(order, stage, lot.qty)
        for order in range(len(problem.orders))
        for stage, flow in enumerate(Splitter(problem).flows(order))
        for lot in flow.lots
    ]
    costs = (_simulate(problem, sequences) for sequences in _sequences(problem, jobs))
    return min(cost for cost in costs if cost is not None)


def _stage(problem: Problem, job: Job) -> Stage:
    code = problem.orders[job.order].product
    return next(p for p in problem.products if p.code == code).stages[job.stage]


def _sequences(problem: Problem, jobs: list[Job]) -> Iterator[dict[str, list[Job]]]:
    lines = [[at.line for at in _stage(problem, job).lines] for job in jobs]
    seen = set()
    for order in permutations(range(len(jobs))):
        for chosen in product(*lines):
            found: dict[str, list[Job]] = {line.code: [] for line in problem.lines}
            for k in order:
                found[chosen[k]].append(jobs[k])
            key = tuple(tuple(sequence) for sequence in found.values())
            if key not in seen:
                seen.add(key)
                yield found


def _simulate(problem: Problem, sequences: dict[str, list[Job]]) -> float | None:
    """Place the lot that can start first, again and again; None: the lots wait for each other."""
    facts = Facts(problem, Plan("", Objective()))
    left = {code: list(sequence) for code, sequence in sequences.items() if sequence}
    run = Run(dict.fromkeys(left, problem.now), {line.code: line.family_now for line in problem.lines})
    while left:
        starts = {code: _start(problem, facts, run, code, jobs[0]) for code, jobs in left.items()}
        possible = [(at, code) for code, at in starts.items() if at is not None]
        if not possible:
            return None
        at, code = min(possible)
        _place(problem, facts, run, code, job=left[code].pop(0), at=at)
        left = {code: jobs for code, jobs in left.items() if jobs}
    weights = problem.weights
    tardiness = 0.0
    for order, end in run.late.items():
        minutes = (end - problem.orders[order].due_at) // MINUTE
        tardiness += problem.orders[order].weight * max(0, minutes)
    return weights.tardy_minute * tardiness + weights.setup_minute * run.setups


def _start(problem: Problem, facts: Facts, run: Run, code: str, job: Job) -> datetime | None:
    order = problem.orders[job.order]
    change = facts.changeover(code, run.family[code], _family(problem, job))
    at = after(facts.open[code], run.free[code], change)
    at = max(at, order.earliest_start_at or at)
    if job.stage:
        before = _stage(problem, Job(job.order, job.stage - 1, 0))
        wanted, good = run.started.get((job.order, job.stage), 0) + job.qty, 0
        ended = sorted(run.ended.get((job.order, job.stage - 1), []))
        for end, qty in ended:
            good += qty
            if int(good * before.yield_rate) >= wanted:
                at = max(at, end + before.transfer_minutes * MINUTE)
                break
        else:
            return None
    return next_open(facts.open[code], at)


def _place(problem: Problem, facts: Facts, run: Run, code: str, *, job: Job, at: datetime) -> None:
    pace = next(each.seconds_per_piece for each in _stage(problem, job).lines if each.line == code)
    end = after(facts.open[code], at, -int(-job.qty * pace // 60))
    run.setups += facts.changeover(code, run.family[code], _family(problem, job))
    run.free[code], run.family[code] = end, _family(problem, job)
    key = job.order, job.stage
    run.ended.setdefault(key, []).append((end, job.qty))
    run.started[key] = run.started.get(key, 0) + job.qty
    run.late[job.order] = max(run.late.get(job.order, end), end)


def _family(problem: Problem, job: Job) -> str | None:
    return next(p for p in problem.products if p.code == problem.orders[job.order].product).family


def next_open(time: OpenTime, at: datetime) -> datetime:
    """The first open instant that is not before `at`."""
    return next(max(start, at) for start, end in time.spans if end > at)


def after(time: OpenTime, at: datetime, minutes: int) -> datetime:
    """The instant by which the line has been open `minutes` since `at`."""
    for start, end in time.spans:
        low = max(start, at)
        if low < end:
            if (end - low) // MINUTE >= minutes:
                return low + minutes * MINUTE if minutes else at
            minutes -= (end - low) // MINUTE
    raise AssertionError("no time left")
