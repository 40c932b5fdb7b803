"""Others given the same plant: the best dispatch rule, CP-SAT with the whole plant at once, PyJobShop.

Each answers the cost of its plan by the planner's own decoder, so that all are measured alike; None: it found none.
"""

from __future__ import annotations

import importlib
from typing import Any

from mes.bench.kernels import whole_plant
from scheduler.files import Number
from scheduler.shop import Shop
from scheduler.starts import DISPATCH_RULES, dispatched
from scheduler.state import Desk, State

LOTS_MAX = 150
"""Larger plants are not asked of the exact models: at 1,068 lots they need 664,000 variables and find nothing."""
PYJOBSHOP_MISSING = "not installed: pip install pyjobshop"


def best_rule(shop: Shop) -> tuple[Number, State]:
    """The best of the dispatch rules, and its sequences."""
    desk, found = Desk(shop), []
    for _, sequences in dispatched(shop, shop.release, DISPATCH_RULES):
        found.append((desk.load(State(sequences)), State(sequences)))
    return min(found, key=lambda pair: pair[0])


def cp_sat(shop: Shop, seconds: float, begin: State | None, *, seed: int = 1) -> Number | None:
    """CP-SAT with everything in one model; `begin`: a plan as its complete hint, None: without one."""
    desk = Desk(shop)
    desk.load(begin or best_rule(shop)[1])
    if not whole_plant(desk, seconds, hinted=begin is not None, seed=seed):
        return None
    return desk.board.costs.recount()


def py_job_shop(shop: Shop, seconds: float) -> Number | str | None:
    """PyJobShop with the plant's lines, closures, changeovers and due dates; what is missing, when it is not there."""
    try:
        library: Any = importlib.import_module("pyjobshop")
    except ImportError:
        return PYJOBSHOP_MISSING
    asked, tasks, modes = _as_py_job_shop(library, shop)
    found = asked.solve(time_limit=seconds, num_workers=2, display=False)
    if not found.best or not found.best.tasks:
        return None
    placed = [(found.best.tasks[k].start, modes[found.best.tasks[k].mode], lot) for lot, k in tasks.items()]
    sequences: list[list[int]] = [[] for _ in shop.axes]
    for _, line, lot in sorted(placed):
        sequences[line].append(lot)
    return Desk(shop).load(State(sequences))


def _as_py_job_shop(library: Any, shop: Shop) -> tuple[Any, dict[int, int], dict[int, int]]:
    """The model; the task of each lot; the line of each mode."""
    model, weights = library.Model(), shop.problem.weights
    machines = [model.add_machine(breaks=_closures(shop, line)) for line in range(shop.real_lines)]
    jobs = [
        model.add_job(weight=int(order.weight), due_date=max(0, shop.dues[k][-1].at))
        for k, order in enumerate(shop.problem.orders)
    ]
    tasks: dict[int, Any] = {}
    lines: dict[int, int] = {}
    for lot, held in enumerate(shop.lots):
        tasks[lot] = model.add_task(
            jobs[held.order], earliest_start=shop.release[lot], latest_end=shop.horizon, allow_breaks=True
        )
        for line in shop.lines_of[lot]:
            lines[len(lines)] = line
            model.add_mode(tasks[lot], machines[line], shop.minutes[line][lot])
    for lot, needed in enumerate(shop.preds):
        for other in needed:
            model.add_end_before_start(tasks[other], tasks[lot], shop.lag[lot])
    for line, machine in enumerate(machines):
        _add_setups(model, shop, line, machine, tasks)
    model.set_objective(
        weight_total_tardiness=int(weights.tardy_minute), weight_total_setup_time=int(weights.setup_minute)
    )
    return model, {lot: k for k, lot in enumerate(tasks)}, lines


def _add_setups(model: Any, shop: Shop, line: int, machine: Any, tasks: dict[int, Any]) -> None:
    here, classes = list(shop.minutes[line]), shop.setup_class
    for a in here:
        for b in here:
            minutes = shop.setup[line][classes[a]][classes[b]]
            if a != b and minutes:
                model.add_setup_time(machine, tasks[a], tasks[b], minutes)


def _closures(shop: Shop, line: int) -> list[tuple[int, int]]:
    edges = [0, *(edge for span in shop.axes[line].spans for edge in span), shop.horizon]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
