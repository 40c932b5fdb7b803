"""The solver's process: kept warm, told what to do over a pipe, killed when it does not answer in time.

    child = Child()
    outcome = child.work(Task(problem, Params(time_limit_s=5.0)), look=lambda told: False)

The child has its libraries loaded before the first task, runs niced unless people wait for it, tells of better plans as
it finds them, and ends with its parent. Whatever happens to it (killed, out of memory, stuck), the parent has the best
plan it was told of, and the next task finds a new child.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from mes.clock import mono
from scheduler.plan import Objective, Plan
from scheduler.problem import Problem
from scheduler.repair import TRIES, Edit, repair
from scheduler.shared import shares_anything
from scheduler.solve import Params, Progress, solve

GRACE_S = 1.0
"""How long after its time limit a child may still answer before it is killed."""
PER_ORDER_S = 0.002
"""What a child may take, beyond its time limit, for what is not search: reading, timing, writing."""
REPAIR_S_MAX = 20.0
SHARED_LOTS_TIMED_MAX = 12_000
"""Tries times lots of a repair with shared crews or moulds: about a quarter of a second."""
READY_S_MAX = 60.0
LOOK_S = 0.05
TELL_EVERY_S = 0.2
NICENESS = 5
"""Of a child nobody waits for."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to solve, and for how long; with `repair` everything stays in its order but for what was put elsewhere.

    `carry_on`: also how the previous plan of this problem would come out as it stands.
    """

    problem: Problem
    params: Params
    repair: bool = False
    carry_on: Problem | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """How far the child is: seconds, phase, cost parts of its best plan."""

    elapsed_s: float
    phase: str
    objective: Objective


@dataclass(frozen=True, slots=True)
class Outcome:
    """The best plan (None: there is none), whether the child came to its end, and what went wrong if not."""

    plan: Plan | None
    complete: bool
    error: str = ""
    carry_on: Plan | None = None


Look = Callable[[Told | None], bool]


# ---- what goes over the pipe
@dataclass(frozen=True, slots=True)
class _Ready:
    """The libraries are loaded."""


@dataclass(frozen=True, slots=True)
class _Better:
    told: Told
    plan: Plan


@dataclass(frozen=True, slots=True)
class _CarriedOn:
    plan: Plan


@dataclass(frozen=True, slots=True)
class _Done:
    plan: Plan


@dataclass(frozen=True, slots=True)
class _Failed:
    error: str


@dataclass(frozen=True, slots=True)
class _Stop:
    """Enough: answer with what there is."""


class _FallenError(Exception):
    """The child is no more."""


class Child:
    """One solver process, started when first needed and again when it fell."""

    def __init__(self, *, niceness: int = NICENESS) -> None:
        self._niceness = niceness
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._ready = False

    @property
    def pid(self) -> int | None:
        """The process as it is now; None when there is none."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def warm(self) -> None:
        """Start the process where there is none; it loads its libraries while we go on."""
        if self.pid is not None:
            return
        self.close()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "scheduler.child", str(theirs.fileno()), str(self._niceness)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._pipe, self._ready = Connection(ours.detach()), False

    def work(self, task: Task, look: Look) -> Outcome:
        """Have a task done. `look` hears how far it is, several times a second, and answers True to have it end early.

        Never raises for what the child does; what `look` raises ends the child.
        """
        self.warm()
        complete = False
        try:
            outcome = self._ask(task, look)
            complete = outcome.complete
            return outcome
        finally:
            if not complete:
                self.close()
                self.warm()

    def _ask(self, task: Task, look: Look) -> Outcome:
        """Send the task and follow it; what is known when it ends, one way or the other."""
        best = carry_on = None
        deadline, stopped = self._deadline(task), False
        try:
            self._say(task)
            while mono() < deadline:
                message = self._hear()
                if isinstance(message, _Done):
                    return Outcome(message.plan, complete=True, carry_on=carry_on)
                if isinstance(message, _Failed):
                    return Outcome(best, complete=False, error=message.error, carry_on=carry_on)
                if isinstance(message, _Ready):
                    self._ready, deadline = True, self._due(task)
                best = message.plan if isinstance(message, _Better) else best
                carry_on = message.plan if isinstance(message, _CarriedOn) else carry_on
                if look(message.told if isinstance(message, _Better) else None) and not stopped:
                    stopped, deadline = True, min(deadline, mono() + GRACE_S)
                    self._say(_Stop())
        except _FallenError:
            return Outcome(best, complete=False, error="The solver's process ended before it answered")
        return Outcome(best, complete=False, error="The solver's process did not answer in time", carry_on=carry_on)

    def _say(self, message: Task | _Stop) -> None:
        assert self._pipe is not None
        try:
            self._pipe.send(message)
        except OSError as error:
            raise _FallenError from error

    def _hear(self) -> Any:
        """What the child says within a moment; None: nothing."""
        assert self._pipe is not None
        try:
            return self._pipe.recv() if self._pipe.poll(LOOK_S) else None
        except (OSError, EOFError) as error:
            raise _FallenError from error

    def _deadline(self, task: Task) -> float:
        """When to give up: while the process still loads its libraries, the time limit has not begun."""
        return self._due(task) if self._ready else mono() + READY_S_MAX

    def _due(self, task: Task) -> float:
        """A repair is so much work and no more, however long that takes on a busy machine."""
        limit = REPAIR_S_MAX if task.repair else task.params.time_limit_s + PER_ORDER_S * len(task.problem.orders)
        return mono() + limit + GRACE_S

    def close(self) -> None:
        """End the process at once."""
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._pipe = self._process = None


# ---- in the child
class _Teller:
    """Tells the parent of better plans, the first at once, then seldom enough to cost little."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.next_at = 0.0

    def __call__(self, progress: Progress) -> bool:
        """Whether the parent has heard enough."""
        if self.pipe.poll():
            self.pipe.recv()
            return True
        began = mono()
        if began >= self.next_at:
            told = Told(progress.elapsed_s, progress.phase, progress.objective)
            self.pipe.send(_Better(told, progress.best()))
            self.next_at = mono() + max(TELL_EVERY_S, 10 * (mono() - began))
        return False


def serve(pipe: Connection) -> None:
    """Do tasks until the parent is gone."""
    pipe.send(_Ready())
    while True:
        message = pipe.recv()
        if isinstance(message, Task):
            pipe.send(_answer(message, pipe))


def _answer(task: Task, pipe: Connection) -> _Done | _Failed:
    try:
        if task.carry_on is not None:
            pipe.send(_CarriedOn(_repaired(task.carry_on, tries=0)))
        if task.repair:
            return _Done(_repaired(task.problem, tries=_tries(task.problem)))
        return _Done(solve(task.problem, task.params, _Teller(pipe)))
    except (OSError, EOFError):
        raise
    except Exception:
        return _Failed(traceback.format_exc(limit=-3).strip())


def _tries(problem: Problem) -> int:
    """How much a repair searches: where crews or moulds are shared, every try times all lots anew."""
    if not shares_anything(problem):
        return TRIES
    return min(TRIES, SHARED_LOTS_TIMED_MAX // max(1, len(problem.previous)))


def _repaired(problem: Problem, tries: int) -> Plan:
    """The previous plan timed anew, what is new put where it costs least."""
    before = Plan("feasible", Objective(), lots=problem.previous)
    return repair(problem, before, Edit(tries=tries))


def main() -> None:
    """The child's own beginning: `python -m scheduler.child FD NICENESS`."""
    os.nice(int(sys.argv[2]))
    try:
        serve(Connection(int(sys.argv[1])))
    except (OSError, EOFError):
        sys.exit(0)  # the parent is gone


if __name__ == "__main__":
    from scheduler.child import main as under_its_own_name  # what comes over the pipe is of scheduler.child

    under_its_own_name()
