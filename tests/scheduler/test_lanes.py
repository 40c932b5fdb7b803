"""Searches side by side, in one process or in several."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from scheduler.lanes import WINDOW_TRIES, windows_in

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
from random import Random
from mes.bench.plants import plant
from scheduler.lanes import WINDOW_TRIES, Lanes, Task
from scheduler.search import natural_heat
from scheduler.starts import DISPATCH_RULES, dispatched
from scheduler.state import State

problem = plant("sme", 3)
with Lanes(problem, int(sys.argv[1])) as lanes:
    shop = lanes.bench.shop
    _, sequences = next(dispatched(shop, shop.release, DISPATCH_RULES[:1]))
    tries = 640 + WINDOW_TRIES
    tasks = [Task(State(sequences), False, f"{k}", natural_heat(shop), tries=tries, windows=1) for k in range(2)]
    results = lanes.run(tasks, lambda cost, state: False)
print(json.dumps([[result.cost, result.tries, result.state.sequences] for result in results]))
"""


def told(workers: int, hash_seed: str) -> list[tuple[float, int, list[list[int]]]]:
    """What two lanes find, as a process of its own tells it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(workers)],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return [tuple(row) for row in json.loads(done.stdout)]


def test_windows_find_the_same_in_one_process_and_in_two() -> None:
    """What CP-SAT finds inside the search hangs on the task alone: not on processes, nor on the hash seed."""
    alone, together = told(1, "0"), told(2, "4711")
    assert alone == together
    assert alone[0] != alone[1]
    assert all(tries == 640 + WINDOW_TRIES for _, tries, _ in alone)


def test_windows_are_a_tenth_of_the_tries() -> None:
    """So many tries make a window; fewer make none."""
    assert [windows_in(tries) for tries in (0, 10 * WINDOW_TRIES - 1, 10 * WINDOW_TRIES, 25 * WINDOW_TRIES)] == [
        0,
        0,
        1,
        2,
    ]
