"""A problem into a plan: many starts, then searches side by side from the best, the incumbent kept outside.

A run has up to two passes. The first takes material as no matter and says when each lot would want its components;
the second respects supply. A pass goes in rounds. In a round every lane anneals on its own random numbers; lanes are
merged in fixed order, so that with `work` instead of a time limit the plan depends on seed and work alone, however many
processes share the lanes.

Short searches of a small plant end a third apart from each other, and no long one makes good what a short one began
badly. So where the first round tried many changes a lot, more rounds begin afresh and the best of all are gone on with;
where it tried few, there is nothing to choose from yet, and each round goes on from the best, longer than the last.
"""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from scheduler.answer import Extras, plan_of, short_rows
from scheduler.cost import objective, tardy
from scheduler.files import Number
from scheduler.fixes import Effort, find_fixes
from scheduler.insert import from_previous
from scheduler.lanes import Lanes, Result, Task, windows_in
from scheduler.plan import Log, Objective, Plan
from scheduler.problem import Problem
from scheduler.search import TRIES_BETWEEN_LOOKS, Heat, natural_heat
from scheduler.shop import FAR, Shop, compile_shop
from scheduler.starts import CAMPAIGN_RULES, DISPATCH_RULES, Rule, dispatched
from scheduler.state import Desk, State

LANES = 2
TRIES_TO_CHOOSE = 100  # a lot and a lane, in the first round: then searches have come to their ends
SEARCH_SHARE = 0.9  # of a run; then fixes are tried
STARTS_SHARE = 0.2  # of a pass, at most
WANTED_SHARE = 0.3  # of a run, for the pass that says when lots want their components
TELL_EVERY_S = 0.2
TRIES_FOR_A_FIX = 1500
TRIES_FOR_A_START = 20  # what building and timing one start counts as, in tries


@dataclass(frozen=True, slots=True)
class Round:
    """A round's share of its pass, and what its lanes begin from: the starts, the best results, the best of them."""

    share: int
    begins: Literal["starts", "results", "best"]


ROUNDS: tuple[Round, ...] = (Round(1, "starts"), Round(2, "best"), Round(4, "best"), Round(8, "best"))
CHOOSING: tuple[Round, ...] = (
    *(Round(1, "starts"),) * 4,
    Round(2, "results"),
    Round(2, "results"),
    Round(3, "best"),
    Round(4, "best"),
)
"""Rounds where the first comes to its end; as long as the others in all, so that a pass may change to them then."""


@dataclass(frozen=True, slots=True)
class Params:
    """How long and how: seconds for people, or `work` (tries of the search) for comparison, then seconds are no matter.

    `workers` processes share the search. `on_cpu`: the seconds are those each process works, so that a busy machine
    measures what a free one would.
    """

    time_limit_s: float = 20.0
    work: int | None = None
    seed: int = 0
    workers: int = 1
    on_cpu: bool = False

    def now(self) -> float:
        """Seconds by the clock of this run."""
        return time.process_time() if self.on_cpu else time.monotonic()


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is: seconds so far, phase, cost parts of the best plan, and that plan when asked for."""

    elapsed_s: float
    phase: str
    objective: Objective
    best: Callable[[], Plan]


OnProgress = Callable[[Progress], bool | None]


def solve(problem: Problem, params: Params | None = None, progress: OnProgress | None = None) -> Plan:
    """The best plan found for `problem`.

    `progress` hears of the best plan so far, a few times a second, and ends the run by answering True.
    """
    params = params or Params()
    shop = compile_shop(problem)
    with Lanes(problem, min(params.workers, LANES), shop) as lanes:
        return _Run(shop, params, progress, lanes).solve()


class _Run:
    """One run: its budget, its incumbent, its log."""

    def __init__(self, shop: Shop, params: Params, progress: OnProgress | None, lanes: Lanes) -> None:
        self.shop, self.params, self.progress, self.lanes = shop, params, progress, lanes
        self.began = params.now()
        self.with_supply = False
        self.best: tuple[Number, State] | None = None
        self.wanted: list[int] | None = None
        self.late_anyway: list[int] = []  # minutes by order were material no matter
        self.starts: dict[str, Number] = {}
        self.history: list[tuple[Number, Number]] = []
        self.tries = 0
        self.stopped = False
        self.told = -TELL_EVERY_S

    def solve(self) -> Plan:
        """Both passes, then the plan."""
        if self.lanes.bench.supply.needs:
            self._pass(0.0, WANTED_SHARE)
            self._note_wanted()
            self.with_supply = True
            self._pass(WANTED_SHARE, SEARCH_SHARE)
        else:
            self._pass(0.0, SEARCH_SHARE)
        desk = self._desk()
        extras = self._extras(desk)
        fixes = find_fixes(desk, short_rows(desk, extras), self._effort())
        return plan_of(desk, self._log(), replace(extras, fixes=fixes))

    def _effort(self) -> Effort:
        """What is spent on each fix: a hundredth of the run's work, so much and no more."""
        tries = TRIES_FOR_A_FIX if self.params.work is None else min(TRIES_FOR_A_FIX, self.params.work // 100)
        return Effort(max(TRIES_BETWEEN_LOOKS, tries), self.params.seed, may_go_on=self._may_go_on)

    def _may_go_on(self) -> bool:
        return not self.stopped and (self.params.work is not None or self._spent() < 1)

    def _extras(self, desk: Desk) -> Extras:
        if self.wanted is None:
            return Extras()
        late = [tardy(desk.board, order) for order in range(len(self.shop.problem.orders))]
        added = {order: max(0, minutes - self.late_anyway[order]) for order, minutes in enumerate(late)}
        return Extras(self.wanted, added)

    # ---- budget: shares of the whole run, 0 .. 1

    def _spent(self) -> float:
        if self.stopped:
            return 1.0
        if self.params.work is not None:
            return self.tries / max(1, self.params.work)
        return self._elapsed_s() / max(0.001, self.params.time_limit_s)

    def _elapsed_s(self) -> float:
        return self.params.now() - self.began

    # ---- a pass

    def _pass(self, begin: float, end: float) -> None:
        starts = self._start(begin + STARTS_SHARE * (end - begin))
        begin = min(end, max(begin, self._spent()))
        heat, found, number, rounds = natural_heat(self.shop), list[Result](), 0, ROUNDS
        whole = sum(each.share for each in ROUNDS)
        while number < len(rounds):
            until = begin + (end - begin) * sum(each.share for each in rounds[: number + 1]) / whole
            share = until - self._spent()
            if share <= 0 or self.stopped:
                break
            states = self._states(rounds[number], starts, found)
            tasks = [self._task(state, heat, number, lane, share) for lane, state in enumerate(states)]
            results = [result for result in self.lanes.run(tasks, self._tick) if result is not None]
            for result in results:
                self.tries += result.tries
                self._take(result.cost, result.state)
            found = sorted(found + results, key=lambda result: result.cost)[: len(starts)]
            if number == 0 and self._may_choose(results):
                rounds = CHOOSING
            number += 1

    def _may_choose(self, results: Sequence[Result]) -> bool:
        """Did the searches of the first round come to their ends?"""
        return min((result.tries for result in results), default=0) >= TRIES_TO_CHOOSE * len(self.shop.lots)

    def _states(self, asked: Round, starts: Sequence[State], found: Sequence[Result]) -> Sequence[State]:
        """What each lane begins a round with."""
        if asked.begins == "starts" or not found:
            return starts
        if asked.begins == "results":
            return [found[lane % len(found)].state for lane in range(len(starts))]
        return [self._best_state()] * len(starts)

    def _task(self, state: State, heat: Heat, number: int, lane: int, share: float) -> Task:
        seed = f"{self.params.seed} {self.with_supply} {number} {lane}"
        if self.params.work is not None:
            tries = int(self.params.work * share / LANES)
            return Task(state, self.with_supply, seed, heat, tries=tries, windows=windows_in(tries))
        seconds = share * self.params.time_limit_s
        return Task(state, self.with_supply, seed, heat, seconds=seconds, on_cpu=self.params.on_cpu)

    def _start(self, until: float) -> list[State]:
        """The states the lanes begin with: the best start, and the best of another kind."""
        found: dict[str, tuple[Number, State, str]] = {}
        before = self.best
        self.best = None
        for kind, name, state in self._candidates(before[1] if before else None):
            desk = self.lanes.bench.desk(self.with_supply)
            cost = desk.load(state)
            self.tries += TRIES_FOR_A_START
            if kind not in found or cost < found[kind][0]:
                found[kind] = cost, desk.state(), name
            self._take(cost, desk.state())
            if self._spent() >= until:
                break
        self.starts |= {name: cost for cost, _, name in found.values()}
        ranked = [state for _, state, _ in sorted(found.values(), key=lambda one: one[0])]
        lanes = LANES if self.params.work is not None else 1 + len(self.lanes.others)
        return [ranked[k % len(ranked)] for k in range(lanes)]

    def _candidates(self, before: State | None) -> Iterator[tuple[str, str, State]]:
        """(kind, name, state) of every start, kinds in turn so that an early stop has seen several."""
        bench = self.lanes.bench
        if before is not None:
            yield "wanted", "wanted", State(before.sequences, self._draws_by(self.wanted or []))
        if self.shop.problem.previous:
            yield "previous", "previous", from_previous(bench.desk(self.with_supply))
        draws = self._draws_by([self.shop.dues[lot.order][0].at for lot in self.shop.lots])
        release = list(self.shop.release)
        if self.with_supply:
            for lot, at in bench.supply.ready(draws)[0].items():
                release[lot] = max(release[lot], at)
        for rule, sequences in dispatched(self.shop, release, _rules()):
            yield ("dispatch" if rule.share is None else "campaign"), str(rule), State(sequences, draws)

    def _draws_by(self, key: list[int]) -> list[int]:
        needs = self.lanes.bench.supply.needs if self.with_supply else {}
        return sorted(needs, key=lambda lot: (key[lot], lot))

    def _note_wanted(self) -> None:
        desk = self._desk()
        board = desk.board
        self.late_anyway = [tardy(board, order) for order in range(len(self.shop.problem.orders))]
        self.wanted = [board.start(lot) if board.end[lot] != FAR else FAR for lot in range(len(self.shop.lots))]

    # ---- the incumbent

    def _take(self, cost: Number, state: State) -> None:
        """A result: the better one is kept, and told of."""
        if self.best is None or cost < self.best[0]:
            self.best = cost, state
            self.history.append((self._stamp(), cost))
        self._tell()

    def _tick(self, cost: Number, state: State) -> bool:
        """What the lane that runs here has so far: told now and then, counted when the lanes are merged."""
        if time.monotonic() - self.told > TELL_EVERY_S and self.best is not None:
            best = self.best
            self.best = min(best, (cost, state), key=lambda pair: pair[0])
            self._tell()
            if self.params.work is not None:
                self.best = best
        return self.stopped

    def _tell(self) -> None:
        self.told = time.monotonic()
        if self.progress is not None and not self.stopped:
            desk = self._supplied_desk()
            now, extras = self._elapsed_s(), self._extras(desk)
            told = Progress(now, self._phase(), objective(desk.board), lambda: plan_of(desk, self._log(), extras))
            self.stopped = bool(self.progress(told))

    def _phase(self) -> str:
        return "search" if self.with_supply or not self.lanes.bench.supply.needs else "wanted"

    def _best_state(self) -> State:
        assert self.best is not None
        return self.best[1]

    def _desk(self) -> Desk:
        desk = self.lanes.bench.desk(self.with_supply)
        desk.load(self._best_state())
        return desk

    def _supplied_desk(self) -> Desk:
        """The best state so far as it may be published: with supply even in the pass that ignores it."""
        desk = self.lanes.bench.desk(with_supply=True)
        if self._phase() == "wanted":
            board = self._desk().board
            draws = sorted(self.lanes.bench.supply.needs, key=lambda lot: (board.end[lot], lot))
            desk.load(State(self._best_state().sequences, draws))
        else:
            desk.load(self._best_state())
        return desk

    def _stamp(self) -> Number:
        return self.tries if self.params.work is not None else round(self._elapsed_s(), 2)

    def _log(self) -> Log:
        versions = {"ortools": importlib.metadata.version("ortools")}
        seconds = 0.0 if self.params.work is not None else round(self._elapsed_s(), 2)
        return Log(self.params.seed, seconds, dict(self.starts), tuple(self.history), versions)


def _rules() -> list[Rule]:
    """Dispatch rules and campaigns in turn."""
    pairs = zip(DISPATCH_RULES, CAMPAIGN_RULES, strict=False)
    return [rule for pair in pairs for rule in pair] + list(CAMPAIGN_RULES[len(DISPATCH_RULES) :])
