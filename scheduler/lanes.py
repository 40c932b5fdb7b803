"""Searches side by side, each in a process of its own, merged in fixed order.

    with Lanes(problem, workers=2) as lanes:
        results = lanes.run([task, task])

The first lane runs here; the others in processes that compile the problem once and then take task after task. A lane
whose process is gone or late answers None. One CP-SAT worker and one random stream a lane: a lane's answer depends on
its task alone, so how many processes share the lanes changes only the time it takes.
"""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from random import Random
from types import TracebackType

from scheduler.files import Number
from scheduler.problem import Problem
from scheduler.search import Heat, anneal
from scheduler.shared import shares_anything
from scheduler.shop import Shop, compile_shop
from scheduler.state import NO_SUPPLY, Desk, State
from scheduler.supply import Supply, supply_of

LATE_S = 2.0  # how long after its time a lane is waited for
LOOK_EVERY_S = 0.5
WINDOW_SHARE = 0.1  # of a task, for windows
WINDOW_WORK = 0.1  # deterministic seconds of CP-SAT
WINDOW_TRIES = 5000  # what a window counts as
WINDOW_SECONDS_MIN = 1.0  # tasks shorter than this solve none


@dataclass(frozen=True, slots=True)
class Task:
    """One lane's part of a round: where to begin, its random numbers, and its tries or its seconds.

    Of the tries, `windows` times so many as one counts are windows, solved last; of the seconds, a share is.
    `on_cpu`: seconds this process works, not seconds that pass.
    """

    state: State
    with_supply: bool
    seed: str
    heat: Heat
    tries: int | None = None
    windows: int = 0
    seconds: float = 0.0
    on_cpu: bool = False

    def now(self) -> float:
        """Seconds by the task's clock."""
        return time.process_time() if self.on_cpu else time.monotonic()


@dataclass(frozen=True, slots=True)
class Result:
    """What a lane found, and how many tries it took."""

    cost: Number
    state: State
    tries: int


Tick = Callable[[Number, State], bool]
"""Hears the best cost and state of the lane that runs here; True ends the round."""


def windows_in(tries: int) -> int:
    """How many windows are solved at the end of so many tries."""
    return int(tries * WINDOW_SHARE / WINDOW_TRIES)


class Bench:
    """The tables lanes in one process work with."""

    def __init__(self, problem: Problem, shop: Shop | None = None) -> None:
        self.shop = shop or compile_shop(problem)
        self.with_windows = not shares_anything(self.shop.problem)  # their model knows no crews and moulds
        self.supply: Supply = supply_of(self.shop)

    def desk(self, with_supply: bool) -> Desk:
        """An empty desk; without supply, material is no matter."""
        return Desk(self.shop, self.supply if with_supply else NO_SUPPLY)

    def work(self, task: Task, tick: Tick) -> Result:
        """Do one task; `tick` may end it early."""
        desk = self.desk(task.with_supply)
        desk.load(task.state)
        desk.settle_draws()
        began, done = task.now(), [0]

        def spent(tries: int, best: Number, state: State) -> float:
            done[0] = tries
            if tick(best, state):
                return 1.0
            if task.tries is not None:
                return tries / max(1, task.tries - task.windows * WINDOW_TRIES)
            return (task.now() - began) / max(1e-9, task.seconds * (1 - WINDOW_SHARE))

        random = Random(task.seed)
        _, state = anneal(desk, random, task.heat, spent)
        desk.load(state)  # timed afresh: what is told must not hang on how it was found
        solved = 0
        while self._another_window(task, solved, began) and not tick(desk.board.costs.total, desk.state()):
            self._solve_window(desk, random)
            solved += 1
        state = desk.state()
        return Result(desk.load(state), state, done[0] + solved * WINDOW_TRIES)

    def _another_window(self, task: Task, solved: int, began: float) -> bool:
        if not self.with_windows or self.shop.real_lines == 0:
            return False
        if task.tries is not None:
            return solved < task.windows
        return task.seconds >= WINDOW_SECONDS_MIN and task.now() - began < task.seconds

    def _solve_window(self, desk: Desk, random: Random) -> None:
        from scheduler import windows  # takes half a second to load, which short runs need not pay

        window = windows.choose(desk, random)
        if window is not None:
            windows.improve(desk, window, WINDOW_WORK, random.randrange(1 << 30))


class Lanes:
    """As many processes as asked for, this one included."""

    def __init__(self, problem: Problem, workers: int, shop: Shop | None = None) -> None:
        self.bench = Bench(problem, shop)
        self.others = [_Other(problem) for _ in range(workers - 1)]

    def __enter__(self) -> Lanes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for other in self.others:
            other.close()

    def run(self, tasks: Sequence[Task], tick: Tick) -> list[Result | None]:
        """The results of `tasks` in their order; the first and what finds no process is done here."""
        pairs = zip(range(1, len(tasks)), self.others, strict=False)
        given = {index: other for index, other in pairs if other.give(tasks[index])}
        stopped = [False]

        def stop(best: Number, state: State) -> bool:
            stopped[0] = stopped[0] or tick(best, state)
            return stopped[0]

        here = {index: self.bench.work(task, stop) for index, task in enumerate(tasks) if index not in given}
        wait = 0.0 if stopped[0] else None
        return [here[k] if k in here else given[k].take(tasks[k], wait) for k in range(len(tasks))]


class _Other:
    """A lane in another process."""

    def __init__(self, problem: Problem) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", f"from scheduler.lanes import main; main({theirs.fileno()})"],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        self.pipe: Connection | None = Connection(ours.detach())
        self.give(problem)

    def give(self, message: Problem | Task) -> bool:
        """Hand over a problem or a task; False: there is nobody to take it."""
        try:
            if self.pipe is not None:
                self.pipe.send(message)
        except OSError:
            self.close()
        return self.pipe is not None

    def take(self, task: Task, wait_s: float | None) -> Result | None:
        """The result of the task given; None when the process is gone, or late by the time the task has."""
        if self.pipe is None:
            return None
        unhurried = task.tries is not None or task.on_cpu
        limit = wait_s if wait_s is not None else None if unhurried else LATE_S
        try:
            if self.pipe.poll(limit):
                result = self.pipe.recv()
                return result if isinstance(result, Result) else None
        except (OSError, EOFError, pickle.UnpicklingError):
            pass
        self.close()
        return None

    def close(self) -> None:
        """End the process."""
        if self.pipe is not None:
            self.pipe.close()
        self.process.kill()
        self.process.wait()
        self.pipe = None


def main(descriptor: int) -> None:
    """Serve tasks over a socket until it closes or the parent is gone."""
    pipe, parent, looked = Connection(descriptor), os.getppid(), [0.0]

    def orphaned(_best: Number, _state: State) -> bool:
        if time.monotonic() - looked[0] < LOOK_EVERY_S:
            return False
        looked[0] = time.monotonic()
        return os.getppid() != parent

    with suppress(EOFError, OSError):
        bench = Bench(pipe.recv())
        while True:
            pipe.send(bench.work(pipe.recv(), orphaned))
