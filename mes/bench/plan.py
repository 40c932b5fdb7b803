"""`mes bench plan`: what the planner makes of plants, beside the best dispatch rule, CP-SAT alone and PyJobShop.

    run(("sme-1", "replan"), seeds=5, instances=None, say=print)

Every set has a bar: what it must reach in so many seconds, and what it should. Figures are medians over the seeds with
the worst beside them; seconds are those the processes work, so that a busy machine measures what a free one would.
Every plan is held against the independent checker.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median

from mes.bench import public, rivals
from mes.bench.kernels import Jobs, makespan, pigment
from mes.bench.plants import DAY_MINUTES, plant, planted
from mes.bench.result import Measure, Result, peak_mb
from mes.errors import InputError
from scheduler.axis import instant
from scheduler.check import check
from scheduler.diff import diff
from scheduler.files import Number
from scheduler.plan import Plan
from scheduler.problem import Line, Order, Problem
from scheduler.repair import Edit, LotEdit, promise, repair
from scheduler.shop import compile_shop
from scheduler.solve import Params, Progress, solve

NEW_SEED = 101  # the first of the plants nobody tuned to
REPLAN_SECONDS = 4.0
REPAIRS = 20
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bar:
    """What must be reached in so many seconds of two cores, and what should; `of`: of which figure."""

    seconds: float
    must: float
    stretch: float
    of: str = "cost"


BARS = {
    "sme-1": Bar(20, 14_225, 12_000),
    "sme-2": Bar(20, 12_824, 11_000),
    "sme-new": Bar(20, 0.65, 0.5, "cost vs rule"),
    "mid-1": Bar(60, 250_000, 200_000),
    "mid-new": Bar(60, 0.65, 0.5, "cost vs rule"),
    "planted-sme": Bar(10, 1.0, 1.0, "cost vs optimum"),
    "planted-mid": Bar(60, 1.5, 1.05, "cost vs optimum"),
    "big": Bar(120, 0.9, 0.7, "cost vs rule"),
    "replan": Bar(5, 1.0, 1.0, "cost vs anew"),
    "drag": Bar(1, 1.0, 0.5, "s"),
}
PUBLIC = ("job-shop", "flexible", "pigment")
SETS = (*BARS, *PUBLIC)


@dataclass(slots=True)
class _Set:
    """The figures of one set, seed by seed."""

    name: str
    bar: Bar
    figures: dict[str, list[float]] = field(default_factory=dict)

    def add(self, **figures: float | None) -> None:
        for name, value in figures.items():
            if value is not None:
                self.figures.setdefault(name, []).append(float(value))


UNITS = {"first_plan_s": "s", "cpu_s": "s", "seconds": "s", "rss_mb": "MB", "lots": "lots", "s": "s"}


class _Bench:
    def __init__(self, seeds: int, say: Say, result: Result) -> None:
        self.seeds, self.say, self.result = range(seeds), say, result

    def run(self, name: str) -> None:
        asked = _Set(name, BARS[name])
        if name == "drag":
            self._drag(asked)
        elif name == "replan":
            for seed in self.seeds:
                self._replan(asked, seed)
        else:
            for problem, seed, optimum in _problems(name, self.seeds):
                self._plan(asked, problem, seed, optimum)
        self._tell(asked)

    # ---- a plan from nothing

    def _plan(self, asked: _Set, problem: Problem, seed: int, optimum: int | None) -> None:
        shop = compile_shop(problem)
        rule, begin = rivals.best_rule(shop)
        if seed == 0 and len(shop.lots) <= rivals.LOTS_MAX:
            seconds = asked.bar.seconds
            found = {
                "cp-sat": rivals.cp_sat(shop, seconds, None),
                "cp-sat hinted": rivals.cp_sat(shop, seconds, begin),
                "pyjobshop": rivals.py_job_shop(shop, seconds),
            }
            self._rivals(f"{asked.name} {problem.name}", found)
        lots = len(shop.lots)
        del shop, begin
        plan, first_s, used_s = _solved(problem, asked.bar.seconds, seed)
        _obeys(problem, plan)
        cost = plan.objective.total
        asked.add(cost=cost, rule_cost=rule, first_plan_s=first_s, cpu_s=used_s, lots=lots, rss_mb=peak_mb())
        asked.add(**{"cost vs rule": cost / rule, "cost vs optimum": cost / optimum if optimum else None})
        self.say(f"{asked.name} seed {seed}: {problem.name}, {lots} lots, rule {rule}, cost {cost}")

    def _rivals(self, name: str, found: dict[str, Number | str | None]) -> None:
        told = {rival: "none found" if cost is None else cost for rival, cost in found.items()}
        self.result.peers[name] = told
        self.say(f"{name}: " + ", ".join(f"{rival} {cost}" for rival, cost in told.items()))

    # ---- small changes

    def _replan(self, asked: _Set, seed: int) -> None:
        """The busiest line closed for a day, and two rush orders: what moves, and is it worse than planning anew?"""
        problem = plant("sme", 1)
        before, _, _ = _solved(problem, 20, seed)
        changed = _disturbed(problem, before, Random(seed))
        begun = time.process_time()
        after, _, _ = _solved(changed, REPLAN_SECONDS, seed)
        took = time.process_time() - begun
        _obeys(changed, after)
        anew, _, _ = _solved(replace(changed, previous=()), 20, seed)
        kept, lost = (plan.objective.total - plan.objective.moves for plan in (after, anew))
        kinds = [change.kind for change in diff(before, after).lots]
        left, shifted = (kinds.count(kind) / len(before.lots) for kind in ("line", "day"))
        asked.add(cost=kept, seconds=took, left_line=left, other_day=shifted, **{"cost vs anew": kept / lost})
        self.say(f"replan seed {seed}: {took:.1f} s, {left:.0%} left their line, {shifted:.0%} their day")

    def _drag(self, asked: _Set) -> None:
        """A lot dragged by four hours, and a tentative order dated, on a plan of about two hundred lots."""
        problem = plant("drag", 1)
        plan, _, _ = _solved(problem, 5, 0)
        random = Random(1)
        for k in range(REPAIRS):
            lot = random.choice(plan.lots)
            later = lot.start_at + timedelta(hours=4)
            begun = time.process_time()
            rank = [(o.order, o.stage) for o in plan.lots].count((lot.order, lot.stage)) - 1
            repair(problem, plan, Edit((LotEdit(lot.order, lot.stage, rank, start_at=later),)))
            repaired = time.process_time()
            promise(problem, plan, replace(problem.orders[k], code="tentative"))
            asked.add(s=repaired - begun, promise_s=time.process_time() - repaired, lots=len(plan.lots))
        self.say(f"drag: median {median(asked.figures['s']):.2f} s, promise {median(asked.figures['promise_s']):.2f} s")

    # ---- published problems

    def published(self, name: str, folder: Path) -> None:
        """The sets of a folder, each instance one seed after the other."""
        if name == "pigment":
            for one, sequence in public.pigments(folder).items():
                target = public.PIGMENTS[one]
                self._reach(one, target, [pigment(sequence, target.seconds, seed=seed) for seed in self.seeds])
            return
        targets: dict[str, public.Target] = public.JOB_SHOPS if name == "job-shop" else public.FLEXIBLE
        shops: dict[str, Jobs] = public.job_shops(folder) if name == "job-shop" else public.flexible_shops(folder)
        for one, jobs in shops.items():
            target = targets[one]
            found = [makespan(jobs, target.seconds, seed=seed, target=target.best) for seed in self.seeds]
            self._reach(one, target, found)

    def _reach(self, name: str, target: public.Target, found: Sequence[int | None]) -> None:
        values = [float("inf") if value is None else float(value) for value in found]
        self.result.measures[name] = Measure(median(values), f"(must {target.must})", len(values), worst=max(values))
        self.result.ratios[f"{name} vs best known"] = median(values) / target.best
        self._verdict(name, median(values), target.must, target.stretch)

    # ---- what is told

    def _tell(self, asked: _Set) -> None:
        for figure, values in asked.figures.items():
            unit = UNITS.get(figure, "")
            worst = round(max(values), 3)
            self.result.measures[f"{asked.name} {figure}"] = Measure(
                round(median(values), 3), unit, len(values), worst=worst
            )
        reached = median(asked.figures[asked.bar.of])
        self._verdict(f"{asked.name} {asked.bar.of}", reached, asked.bar.must, asked.bar.stretch)

    def _verdict(self, name: str, reached: float, must: float, stretch: float) -> None:
        word = "reaches stretch" if reached <= stretch else "reaches must" if reached <= must else "MISSES must"
        self.result.ratios[f"{name} vs must"] = reached / must
        self.result.notes.append(f"{name}: {reached:,.5g} {word} ({must:,.6g}, stretch {stretch:,.6g})")
        self.say(self.result.notes[-1])


def run(sets: Sequence[str], *, seeds: int = 5, instances: Path | None = None, say: Say) -> Result:
    """Measure `sets` (none: all there are). Raises InputError for a set there is not."""
    if unknown := [name for name in sets if name not in SETS]:
        raise InputError(f"There is no set {unknown[0]}", remedy=f"The sets are {', '.join(SETS)}.")
    begun = time.monotonic()
    result = Result("plan", 0.0, seed=0)
    bench = _Bench(seeds, say, result)
    for name in sets or SETS:
        if name in BARS:
            bench.run(name)
        elif instances is not None:
            bench.published(name, instances)
        else:
            result.notes.append(f"{name} is not measured: give the folder of published problems with --instances")
    result.seconds = time.monotonic() - begun
    return result


def _problems(name: str, seeds: Sequence[int]) -> Iterator[tuple[Problem, int, int | None]]:
    """(problem, seed of the search, best cost where it is known): one plant under many seeds, or many plants."""
    size = name.partition("-")[0]
    for seed in seeds:
        if size == "planted":
            size_of = name.partition("-")[2]
            for slack in (0.0, 1.0) if size_of == "sme" else (1.0,):
                problem, optimum = planted(size_of, seed + 1, slack)
                yield problem, seed, optimum
        elif name.endswith("-new"):
            yield plant(size, NEW_SEED + seed), seed, None
        else:
            yield plant(size, int(name.partition("-")[2] or 1)), seed, None


def _solved(problem: Problem, seconds: float, seed: int) -> tuple[Plan, float, float]:
    """The plan after so many seconds of two processes, and the seconds to the first plan and in all of this one."""
    first: list[float] = []
    gc.collect()
    begun = time.process_time()

    def heard(progress: Progress) -> None:
        if not first:
            first.append(time.process_time() - begun)

    plan = solve(problem, Params(time_limit_s=seconds, seed=seed, workers=2, on_cpu=True), heard)
    used = time.process_time() - begun
    return plan, first[0] if first else used, used


def _obeys(problem: Problem, plan: Plan) -> None:
    broken = check(problem, plan)
    if broken:
        raise RuntimeError(f"a plan of {problem.name} breaks {len(broken)} rules: {broken[0]}")


def _disturbed(problem: Problem, before: Plan, random: Random) -> Problem:
    """The same plant with its busiest line closed on the third day, and two rush orders like others."""
    work = {line.code: sum(lot.line == line.code for lot in before.lots) for line in problem.lines}
    busiest = max(work, key=work.__getitem__)
    day = instant(problem.now, 2 * DAY_MINUTES), instant(problem.now, 3 * DAY_MINUTES)
    lines = tuple(_without(line, *day) if line.code == busiest else line for line in problem.lines)
    rush = tuple(_rush(problem, random.choice(problem.orders), k) for k in range(2))
    weights = replace(problem.weights, move=300)
    return replace(problem, lines=lines, orders=problem.orders + rush, previous=before.lots, weights=weights)


def _without(line: Line, start: datetime, end: datetime) -> Line:
    """A line closed from start to end."""
    spans = [part for a, b in line.open for part in ((a, min(b, start)), (max(a, end), b))]
    return replace(line, open=tuple((a, b) for a, b in spans if a < b))


def _rush(problem: Problem, like: Order, number: int) -> Order:
    due = instant(problem.now, (3 + number) * DAY_MINUTES)
    return replace(like, code=f"RUSH{number}", due_at=due, weight=5, earliest_start_at=None)
