"""The solver's process is warm, tells how far it is, and may fall without taking anybody along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from mes.clock import mono
from scheduler.check import check
from scheduler.child import Child, Task
from scheduler.problem import Line, Order, Problem, Product, Stage, StageLine
from scheduler.solve import Params

NOW = datetime(2026, 1, 5, tzinfo=UTC)
END = NOW + timedelta(days=30)
WAIT_S = 60.0


def problem(orders: int = 12) -> Problem:
    lines = tuple(Line(f"L{n}", ((NOW, END),)) for n in (1, 2))
    products = tuple(
        Product(f"P{n}", (Stage(10, tuple(StageLine(line.code, Decimal(60 + n)) for line in lines)),), family=f"F{n}")
        for n in range(3)
    )
    return Problem(
        "small", NOW, END, lines, products,
        tuple(Order(f"MO{n}", f"P{n % 3}", 100 + n, NOW + timedelta(hours=6 + n)) for n in range(orders)),
    )  # fmt: skip


@pytest.fixture
def child():
    child = Child()
    yield child
    child.close()
    assert child.pid is None


def until(true, what):
    deadline = mono() + WAIT_S
    while not true():
        assert mono() < deadline, what
        threading.Event().wait(0.02)


def test_a_task_is_answered_with_a_plan_that_holds(child):
    """The child's answer is a whole plan, and on the way it tells what its best plan costs."""
    told = []
    outcome = child.work(Task(problem(), Params(time_limit_s=0.5)), lambda progress: bool(told.append(progress)))
    assert outcome.complete
    assert check(problem(), outcome.plan) == []
    costs = [one.objective.total for one in told if one is not None]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] >= outcome.plan.objective.total


def test_one_process_does_many_tasks(child):
    """The second task finds the process the first one left."""
    child.warm()
    pid = child.pid
    for _ in range(2):
        assert child.work(Task(problem(), Params(time_limit_s=0.2)), lambda _: False).complete
    assert child.pid == pid


def test_who_has_heard_enough_gets_what_there_is(child):
    """A task that is asked to end early leaves its best plan, long before its time limit."""
    outcome = child.work(Task(problem(60), Params(time_limit_s=600.0)), lambda told: told is not None)
    assert check(problem(60), outcome.plan) == []


def test_a_killed_child_leaves_its_best_plan(child):
    """kill -9 in the middle of a task: what was told stays, and the next task finds a new process."""
    child.warm()
    pid = child.pid

    def kill(told):
        if told is not None and child.pid == pid:
            os.kill(pid, signal.SIGKILL)
        return False

    outcome = child.work(Task(problem(60), Params(time_limit_s=600.0)), kill)
    assert not outcome.complete
    assert "ended before it answered" in outcome.error
    assert check(problem(60), outcome.plan) == []
    assert child.pid not in {None, pid}
    assert child.work(Task(problem(), Params(time_limit_s=0.2)), lambda _: False).complete


def test_a_stopped_child_is_killed_at_its_deadline(child):
    """A process that does not answer in time is killed a second after its time limit."""
    child.work(Task(problem(), Params(time_limit_s=0.1)), lambda _: False)
    pid = child.pid
    os.kill(pid, signal.SIGSTOP)
    outcome = child.work(Task(problem(), Params(time_limit_s=0.1)), lambda _: False)
    assert not outcome.complete
    assert "did not answer in time" in outcome.error
    assert child.pid != pid


def test_what_the_listener_raises_ends_the_task(child):
    """When the parent cannot go on, the child does not go on either."""

    def fail(_):
        raise ConnectionResetError("away")

    child.warm()
    pid = child.pid
    with pytest.raises(ConnectionResetError):
        child.work(Task(problem(60), Params(time_limit_s=600.0)), fail)
    assert child.pid != pid


def test_a_child_ends_with_its_parent():
    """Whoever kills the parent leaves no solver behind."""
    script = "from scheduler.child import Child; c = Child(); c.warm(); print(c.pid, flush=True); input()"
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    until(lambda: not is_running(pid), "the child is gone")


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
