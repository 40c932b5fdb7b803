"""The children of `mes up` and `mes demo`: started in order, started again when they fall, stopped together.

    with Supervisor(log_dir, environment, say) as supervisor:
        supervisor.start(Program("collect", ("python", "-m", "mes", "collect")))
        while True:
            supervisor.look()          # a few times a second

Each child has a log file of its own name, runs in a session of its own (Ctrl-C on a terminal reaches only us) and on a
leash: when we are killed, the kernel tells it to stop.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from mes.clock import mono
from mes.host import processes
from mes.host.processes import Say, silent

DRAIN_S = 5.0
ORPHANS_S = 0.5
RESTART_S_MIN = 0.5
RESTART_S_MAX = 30.0
STEADY_S = 60.0
"""A child that ran this long begins its next back-off from the start."""
BACK_S = 10.0
"""A child that was started again and ran this long is said to be back."""
SHORTEN_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """What to run; `restarts` tells whether its end is a fall (a server) or just its end (a script).

    A `guest` uses the others and is stopped before them, so that it can say its last word. What must not be seen in
    the list of processes, such as a key, goes into `environment`.
    """

    name: str
    argv: tuple[str, ...]
    restarts: bool = True
    guest: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Child:
    program: Program
    pid: int
    started_at: float
    falls: int = 0
    due_at: float | None = None
    """When to start it again; None while it runs or when it may rest."""
    resting: bool = False
    told: bool = False
    """Its fall was said, its return not yet."""


class Supervisor:
    """Holds the children; leaving the `with` block stops them all."""

    def __init__(self, log_dir: Path, environment: Mapping[str, str], say: Say = silent) -> None:
        self._log_dir = log_dir
        self._environment = dict(environment)
        self._say = say
        self._children: dict[str, _Child] = {}
        self._shortened_at = mono()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, program: Program) -> int:
        """Start one more child; its pid."""
        pid = self._launch(program)
        self._children[program.name] = _Child(program, pid, mono())
        return pid

    def log_of(self, name: str) -> Path:
        """The file a child's output goes to."""
        return self._log_dir / f"{name}.log"

    def falls(self) -> dict[str, int]:
        """How often each child fell in a row."""
        return {name: child.falls for name, child in self._children.items() if child.falls}

    def pids(self) -> dict[str, int]:
        """The children that run now."""
        return {name: child.pid for name, child in self._children.items() if processes.alive(child.pid)}

    def kill(self, name: str) -> int | None:
        """End a child as a crash would, to be found fallen at the next look; its pid, None when it does not run."""
        pid = self.pids().get(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return pid

    def look(self) -> None:
        """See who fell, start again who is due, keep the logs short."""
        for child in self._children.values():
            if child.due_at is not None:
                self._start_again_when_due(child)
            elif not child.resting and not processes.alive(child.pid):
                self._note_end(child)
            elif child.told and mono() - child.started_at > BACK_S:
                child.told = False
                self._say(f"{child.program.name} runs again")
        if mono() - self._shortened_at > SHORTEN_EVERY_S:
            self._shortened_at = mono()
            for name in self._children:
                processes.shorten(self.log_of(name))

    def stop(self) -> None:
        """Ask guests, then the others, last started first; kill who still runs `DRAIN_S` later, and what they left."""
        children = list(reversed(self._children.values()))
        self._children.clear()
        for guest in (True, False):
            self._stop_together([child for child in children if child.program.guest is guest])

    def _stop_together(self, children: list[_Child]) -> None:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGTERM)
        deadline = mono() + DRAIN_S
        for child in children:
            if not processes.wait_gone(child.pid, max(0.0, deadline - mono())):
                self._say(f"{child.program.name} does not stop within {DRAIN_S:.0f} s and is ended")
                _kill_group(child.pid)
                processes.wait_gone(child.pid, 5)
        _end_orphans([child.pid for child in children])

    def _launch(self, program: Program) -> int:
        argv = processes.own_command(program.argv, leash=signal.SIGTERM)
        environment = {**self._environment, **program.environment}
        return processes.launch(argv, log=self.log_of(program.name), env=environment, cwd=Path.cwd())

    def _note_end(self, child: _Child) -> None:
        name = child.program.name
        if not child.program.restarts:
            child.resting = True
            self._say(f"{name} has ended (its log: {self.log_of(name)})")
            return
        _kill_group(child.pid)
        child.falls = 1 if mono() - child.started_at > STEADY_S else child.falls + 1
        pause_s = min(RESTART_S_MAX, RESTART_S_MIN * 2 ** (child.falls - 1))
        child.due_at = mono() + pause_s
        if not child.told:
            child.told = True
            self._say(f"{name} has fallen and is started again until it stays (its log: {self.log_of(name)})")

    def _start_again_when_due(self, child: _Child) -> None:
        if child.due_at is not None and mono() >= child.due_at:
            child.pid, child.started_at, child.due_at = self._launch(child.program), mono(), None


def _kill_group(pid: int) -> None:
    """Kill a child and whatever it started: its session bears its pid."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _end_orphans(pids: list[int]) -> None:
    """Children's children usually end by themselves; give them a moment, then end them."""
    deadline = mono() + ORPHANS_S
    while any(_group_exists(pid) for pid in pids) and mono() < deadline:
        time.sleep(0.02)
    for pid in pids:
        _kill_group(pid)


def _group_exists(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True
