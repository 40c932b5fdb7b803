"""Calm plans: what a noisy plant's re-plans move, and what they leave alone."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from mes.domain.plan_diff import diff
from mes.store.paces import load_learned
from mes.store.plan import load_run
from mes.store.planned import load_body
from scheduler import run as plan_run
from scheduler.solve import Params
from tests.planning.noisy_floor import CODES, TICK, Floor
from tests.planning.small_plant import at

EVERY = timedelta(hours=2)
NEAR_MOVED_MAX = 0.05
WORK = 300
SLOW = 1.3


@pytest.fixture
def floor(planner, monkeypatch):
    """Makes a noisy plant; its re-plans search a little, and the same however busy this machine is."""
    monkeypatch.setattr(plan_run, "_params", lambda run: Params(time_limit_s=60.0, work=WORK, seed=run.id))

    def floor(seed: int, orders: int = 10, **more) -> Floor:
        made = Floor(planner, seed, **more)
        made.order(orders, days=4)
        made.track()
        made.plan()
        return made

    return floor


def moved_by_nothing(floor: Floor) -> int:
    """Lots that differ between two plans asked for at the same instant."""
    first, again = (load_body(floor.conn, floor.replan().plan_id) for _ in range(2))
    return diff(first, again).moved


def calm(floor: Floor) -> None:
    """What scheduling promises of a plant's automatic publications."""
    assert [one.frozen_moved for one in floor.told if one.frozen_moved] == []
    for code in CODES:
        moved = [one.at for one in floor.told if code in one.lines]
        assert all(later - earlier >= EVERY for earlier, later in pairwise(moved)), (code, moved)
    near, moved = sum(one.near for one in floor.told), sum(one.near_moved for one in floor.told)
    assert moved <= NEAR_MOVED_MAX * near, (moved, near, floor.causes())
    assert all(one.reasons for one in floor.told)


def test_some_noisy_shifts_are_calm(floor):
    """Micro-stops, faults and new orders for the better part of two shifts: nothing frozen changes line, few near lots
    move, each for a reason; planned again without one, none does."""
    noisy = floor(1)
    for _ in noisy.shifts(2, hours=6):
        assert moved_by_nothing(noisy) == 0
    assert noisy.told
    calm(noisy)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_twenty_noisy_shifts_are_calm(floor, seed, capsys):
    """The same for twenty shifts; what was published and moved is printed."""
    noisy = floor(seed)
    for _ in noisy.shifts(20):
        assert moved_by_nothing(noisy) == 0
    near, moved = sum(one.near for one in noisy.told), sum(one.near_moved for one in noisy.told)
    with capsys.disabled():
        print(f"\n{len(noisy.told)} publications, {moved} of {near} near lots moved, {dict(noisy.causes())}")
    calm(noisy)


def test_a_cause_that_is_gone_within_the_debounce_moves_nothing(floor):
    """A line is down for so long that a plan is wished for; it runs again before that is begun: none is made."""
    noisy = floor(2, fault_share=0.0)
    for _ in range(2):
        noisy.tick()
    plans = noisy.planner.rows("select max(id) from plan")
    noisy.presses["L01"].down_until = noisy.now + 3 * TICK
    for _ in range(3):
        noisy.tick(plans=False)
    ((run_id, reasons),) = noisy.planner.rows("select id, reasons from plan_run where state = 'waiting'")
    assert [reason["kind"] for reason in reasons] == ["line_down"]
    noisy.tick()
    assert load_run(noisy.conn, run_id).state == "superseded"
    assert noisy.planner.rows("select max(id) from plan") == plans


def test_a_pace_that_is_wrong_by_a_third_is_found_out(floor):
    """After three shifts the real pace is proposed, with how many shifts say so and how far they lie apart."""
    noisy = floor(3, orders=0, slow=SLOW, fault_share=0.0)
    for number in range(3):
        noisy.planner.site.order(f"S{number}", "P1", 600, at(20, 6))
    for _ in noisy.shifts(3, orders_each=0, hours=2):
        pass
    found = [one for one in load_learned(noisy.conn, noisy.plant, date(2026, 1, 5)) if one.item == "P1"]
    assert found
    for one in found:
        assert (one.rated_s, one.pace.n) == (60, 3)
        assert one.pace.seconds_per_piece == pytest.approx(60 * SLOW, rel=0.15)
        assert 0 <= one.pace.spread < 0.5
