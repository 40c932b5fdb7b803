"""Textbook models for CP-SAT alone: the job shops and pigment sequences that other schedulers are measured on.

Nothing here plans a plant; it shows what the solver inside the planner's windows is worth where the optimum is known.
Redundant constraints make the difference: the load of each machine, all machines together as one resource, heads and
tails in the domains.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Event, Thread
from typing import Any

from ortools.sat.python import cp_model

from scheduler.state import Desk
from scheduler.windows import Model

Alternatives = tuple[tuple[int, int], ...]
"""The (machine, minutes) an operation may be done on."""
Jobs = list[list[Alternatives]]
COVER_S_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Pigment:
    """A discrete lot-sizing problem (CSPLib 058): one item a day, cost of stock a day, of changes by pair."""

    demands: list[list[int]]  # by item and day
    stock_price: int
    change: list[list[int]]


def makespan(jobs: Jobs, seconds: float, *, workers: int = 2, seed: int = 1, target: int = 0) -> int | None:
    """The shortest makespan found; None: none was. Stops early at `target`."""
    return _solved(_JobShop(jobs, target).model, seconds, workers, seed)


@dataclass(slots=True)
class _Machine:
    intervals: list[Any] = field(default_factory=list)
    load: list[Any] = field(default_factory=list)


class _JobShop:
    """The model of a job shop whose operations may have a choice of machines."""

    def __init__(self, jobs: Jobs, target: int) -> None:
        self.model = cp_model.CpModel()
        self.horizon = sum(max(minutes for _, minutes in each) for job in jobs for each in job)
        self.ends = self.model.new_int_var(target, self.horizon, "")
        self.machines: dict[int, _Machine] = {}
        self.every: list[Any] = []
        for job in jobs:
            self._add_job(job)
        for machine in self.machines.values():
            self.model.add_no_overlap(machine.intervals)
            self.model.add(sum(machine.load) <= self.ends)
        self.model.add_cumulative(self.every, [1] * len(self.every), len(self.machines))
        self.model.minimize(self.ends)

    def _add_job(self, job: list[Alternatives]) -> None:
        """The operations of a job, one after the other, the time of those before and after in their domains."""
        shortest = [min(minutes for _, minutes in each) for each in job]
        before: Any = None
        for k, each in enumerate(job):
            start = self.model.new_int_var(sum(shortest[:k]), self.horizon, "")
            end = self._add_operation(each, start, sum(shortest[: k + 1]))
            if before is not None:
                self.model.add(start >= before)
            self.model.add(self.ends >= end + sum(shortest[k + 1 :]))
            before = end

    def _add_operation(self, each: Alternatives, start: Any, low: int) -> Any:
        """The end of an operation that starts then and ends no sooner than `low`, on one of its machines."""
        model = self.model
        if len(each) == 1:
            number, minutes = each[0]
            machine = self._machine(number)
            machine.intervals.append(model.new_fixed_size_interval_var(start, minutes, ""))
            machine.load.append(minutes)
            self.every.append(machine.intervals[-1])
            return start + minutes
        end = model.new_int_var(low, self.horizon, "")
        length = model.new_int_var_from_domain(cp_model.Domain.from_values([minutes for _, minutes in each]), "")
        chosen = []
        for number, minutes in each:
            machine, here = self._machine(number), model.new_bool_var("")
            machine.intervals.append(model.new_optional_fixed_size_interval_var(start, minutes, here, ""))
            machine.load.append(minutes * here)
            chosen.append((here, minutes))
        model.add_exactly_one(here for here, _ in chosen)
        model.add(length == sum(minutes * here for here, minutes in chosen))
        self.every.append(model.new_interval_var(start, length, end, ""))
        return end

    def _machine(self, number: int) -> _Machine:
        return self.machines.setdefault(number, _Machine())


def pigment(asked: Pigment, seconds: float, *, workers: int = 2, seed: int = 1) -> int | None:
    """The cheapest sequence of the orders found: a circuit through them, each no later than its day."""
    model = cp_model.CpModel()
    orders = [(item, day) for item, row in enumerate(asked.demands) for day, wanted in enumerate(row) if wanted]
    days = [model.new_int_var(0, day, "") for _, day in orders]
    model.add_all_different(days)
    cost: list[Any] = [asked.stock_price * (day - at) for (_, day), at in zip(orders, days, strict=True)]
    arcs = []
    for a, (item, day) in enumerate(orders):
        arcs += [(0, a + 1, model.new_bool_var("")), (a + 1, 0, model.new_bool_var(""))]
        for b, (other, later) in enumerate(orders):
            if a != b and not (item == other and later < day):
                then = model.new_bool_var("")
                arcs.append((a + 1, b + 1, then))
                model.add(days[a] + 1 <= days[b]).only_enforce_if(then)
                cost.append(asked.change[item][other] * then if item != other else 0)
    model.add_circuit(arcs)
    for (a, (item, _)), (b, (other, _)) in pairwise(enumerate(orders)):
        if item == other:
            model.add(days[a] < days[b])
    model.minimize(sum(cost))
    return _solved(model, seconds, workers, seed)


def path_cover(matrix: list[list[int]], count: int) -> tuple[int, list[list[int]]]:
    """The cheapest `count` paths that visit every node once, proved: their cost and the nodes of each."""
    model = cp_model.CpModel()
    nodes = range(len(matrix))
    begins, over = ([model.new_bool_var("") for _ in nodes] for _ in range(2))
    steps = {(a, b): model.new_bool_var("") for a in nodes for b in nodes if a != b}
    arcs = [(0, k + 1, begins[k]) for k in nodes] + [(k + 1, 0, over[k]) for k in nodes]
    model.add_multiple_circuit(arcs + [(a + 1, b + 1, step) for (a, b), step in steps.items()])
    model.add(sum(begins) == count)
    model.minimize(sum(matrix[a][b] * step for (a, b), step in steps.items()))
    solver = _solver(COVER_S_MAX, workers=1, seed=1)
    if solver.solve(model) != cp_model.OPTIMAL:
        raise RuntimeError("no cheapest cover was found and proved")
    follows = {a: b for (a, b), step in steps.items() if solver.value(step)}
    paths = []
    for first in nodes:
        if solver.value(begins[first]):
            path = [first]
            while path[-1] in follows:
                path.append(follows[path[-1]])
            paths.append(path)
    return round(solver.objective_value), paths


def whole_plant(desk: Desk, seconds: float, *, hinted: bool, workers: int = 2, seed: int = 1) -> bool:
    """Give CP-SAT all lots of all lines at once and put what it finds on the desk; False: it found nothing.

    `hinted`: with the plan on the desk as a complete hint.
    """
    window = {line: (0, len(desk.board.sequences[line])) for line in range(desk.shop.real_lines)}
    asked = Model(desk, window)
    if not asked.build():
        return False
    if not hinted:
        asked.model.proto.clear_solution_hint()
    solver = _solver(seconds, workers, seed)
    with cpu_limit(seconds * workers, solver.stop_search):
        if solver.solve(asked.model) not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
            return False
    found = asked.sequences(solver)
    changes = [(line, found[line], 0, len(found[line])) for line in window]
    if desk.attempt(changes) is None:
        desk.undo()
        return False
    desk.keep()
    return True


def _solved(model: cp_model.CpModel, seconds: float, workers: int, seed: int) -> int | None:
    solver = _solver(seconds, workers, seed)
    with cpu_limit(seconds * workers, solver.stop_search):
        if solver.solve(model) not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
            return None
    return round(solver.objective_value)


@contextmanager
def cpu_limit(seconds: float, stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` when this process has worked so many seconds: what a busy machine takes longer for is not cut off."""
    over, until = Event(), time.process_time() + seconds

    def watch() -> None:
        while not over.wait(0.05):
            if time.process_time() >= until:
                stop()

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _solver(seconds: float, workers: int, seed: int) -> cp_model.CpSolver:
    """A solver; whatever happens, it ends after ten times its seconds."""
    solver = cp_model.CpSolver()
    parameters = solver.parameters
    parameters.max_time_in_seconds, parameters.num_workers, parameters.random_seed = 10 * seconds, workers, seed
    return solver
