"""A problem into a plan: many starts, then searches side by side from the best, the incumbent kept outside.

The run goes in rounds, each twice as long as the one before. In a round every lane anneals on its own random numbers;
lanes are merged in fixed order, so with `work` instead of a time limit the plan depends on seed and work alone, however
many processes share the lanes.
"""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from scheduler.answer import plan_of
from scheduler.cost import objective
from scheduler.decode import Board, Sequences
from scheduler.files import Number
from scheduler.plan import Log, Objective, Plan
from scheduler.problem import Problem
from scheduler.search import Heat, anneal, natural_heat
from scheduler.shop import Shop, compile_shop
from scheduler.starts import CAMPAIGN_RULES, DISPATCH_RULES, Rule, dispatched

LANES = 2
ROUNDS = (1, 2, 4, 8)
STARTS_SHARE = 0.2  # of the time, at most


@dataclass(frozen=True, slots=True)
class Params:
    """How long and how: seconds for people, or `work` (tries of the search) for comparison; never both."""

    time_limit_s: float = 20.0
    work: int | None = None
    seed: int = 0
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is: seconds so far, phase, cost parts of the best plan, and that plan when asked for."""

    elapsed_s: float
    phase: str
    objective: Objective
    best: Callable[[], Plan]


OnProgress = Callable[[Progress], bool | None]


def solve(problem: Problem, params: Params | None = None, progress: OnProgress | None = None) -> Plan:
    """The best plan found for `problem`. `progress` hears of every better plan and stops the run by answering True."""
    run = _Run(compile_shop(problem), params or Params(), progress)
    return run.solve()


@dataclass(slots=True)
class _Incumbent:
    cost: Number = float("inf")
    sequences: Sequences = field(default_factory=list)


class _Run:
    """One run: its budget, its incumbent, its log."""

    def __init__(self, shop: Shop, params: Params, progress: OnProgress | None) -> None:
        self.shop, self.params, self.progress = shop, params, progress
        self.began = time.monotonic()
        self.best = _Incumbent()
        self.starts: dict[str, Number] = {}
        self.history: list[tuple[Number, Number]] = []
        self.stopped = False
        self.tries = 0

    def solve(self) -> Plan:
        self._start()
        self._rounds()
        board = Board(self.shop)
        board.load(self.best.sequences)
        return plan_of(board, self._log())

    # ---- budget

    def elapsed_s(self) -> float:
        return time.monotonic() - self.began

    def _spent(self) -> float:
        """How much of the whole run is over."""
        if self.stopped:
            return 1.0
        if self.params.work is not None:
            return self.tries / max(1, self.params.work)
        return self.elapsed_s() / max(0.001, self.params.time_limit_s)

    # ---- phases

    def _start(self) -> None:
        board = Board(self.shop)
        for rule, sequences in dispatched(self.shop, self.shop.release, self._rules()):
            cost = board.load(sequences)
            self.starts[str(rule)] = cost
            self._take(cost, sequences, "start")
            if self.stopped or (self.params.work is None and self._spent() > STARTS_SHARE):
                break

    def _rules(self) -> list[Rule]:
        """Dispatch rules and campaigns in turn, so that an early stop has seen both kinds."""
        pairs = zip(DISPATCH_RULES, CAMPAIGN_RULES, strict=False)
        return [rule for pair in pairs for rule in pair] + list(CAMPAIGN_RULES[len(DISPATCH_RULES) :])

    def _rounds(self) -> None:
        heat, whole = natural_heat(self.shop), sum(ROUNDS)
        begin = self._spent()
        for number, _ in enumerate(ROUNDS):
            end = begin + (1 - begin) * sum(ROUNDS[: number + 1]) / whole
            for lane in range(LANES if self.params.work is not None else 1):
                self._lane(heat, number, lane, end)

    def _lane(self, heat: Heat, number: int, lane: int, end: float) -> None:
        board = Board(self.shop)
        board.load(self.best.sequences)
        begin = self._spent()
        first = self.tries

        def spent(tries: int, best: Number) -> float:
            self.tries = first + tries
            return (self._spent() - begin) / max(1e-9, end - begin)

        random = Random(f"{self.params.seed} {number} {lane}")
        cost, sequences = anneal(board, random, heat, spent)
        self._take(cost, sequences, "search")

    def _take(self, cost: Number, sequences: Sequences, phase: str) -> None:
        if cost >= self.best.cost:
            return
        self.best = _Incumbent(cost, [list(sequence) for sequence in sequences])
        self.history.append((round(self.elapsed_s(), 2), cost))
        self._tell(phase)

    def _tell(self, phase: str) -> None:
        if self.progress is None:
            return
        board = Board(self.shop)
        board.load(self.best.sequences)
        told = Progress(self.elapsed_s(), phase, objective(board), lambda: plan_of(board, self._log()))
        self.stopped = bool(self.progress(told)) or self.stopped

    def _log(self) -> Log:
        versions = {"ortools": importlib.metadata.version("ortools")}
        return Log(self.params.seed, round(self.elapsed_s(), 2), self.starts, tuple(self.history), versions)
