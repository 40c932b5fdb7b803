"""Rates of the last minutes and paces learned, from what was booked."""

from __future__ import annotations

from datetime import date

import pytest

from mes.store.paces import load_learned, load_rates
from tests.tracker.scene import Scene, at


def test_a_machine_that_runs_at_half_its_pace_is_seen(scene: Scene) -> None:
    """M2 is rated 10 s; a piece each 20 s for ten minutes is half of that."""
    scene.hear([(0, "M2/state", "run"), *((20 * n, "M2/good_total", n) for n in range(60))])
    scene.track(1200)
    rate = load_rates(scene.conn, scene.plant, at(1200), ["S2", "S1"])
    assert rate["S2"].share == pytest.approx(0.5)
    assert rate["S1"].share is None


def test_a_pace_is_learned_from_shifts(scene: Scene) -> None:
    """Three days on which a piece of P really took 20 s (rated 10): 20 s is proposed from three shifts."""
    job = scene.job(scene.order("MO-1", 5000), 5000)
    scene.say(0, "mark", mark="start", line="L1", job_id=job)
    for day in range(3):
        begin = day * 86_400
        scene.hear([(begin, "M2/state", "run"), (begin + 3000, "M2/state", "idle")])
        scene.hear((begin + 20 * n, "M2/good_total", (150 * day + n) % 1000) for n in range(150))
        scene.track(begin + 4000)
    (found,) = load_learned(scene.conn, scene.plant, date(2026, 1, 5))
    assert (found.item, found.operation_seq, found.line, found.rated_s, found.pace.n) == ("P", 20, "L1", 10, 3)
    assert found.pace.seconds_per_piece == pytest.approx(20, rel=0.01)
