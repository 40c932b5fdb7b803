"""Rates of the last minutes and paces learned, from what was booked."""

from __future__ import annotations

from datetime import date

import pytest

from mes.domain.tracking.status import Rate, status
from mes.store.paces import load_learned, load_rates
from tests.tracker.scene import Scene, at


def test_a_machine_that_runs_at_half_its_pace_is_seen(scene: Scene) -> None:
    """M2 is rated 10 s; a piece each 20 s for ten minutes is half of that."""
    scene.hear([(0, "M2/state", "run"), *((20 * n, "M2/good_total", n) for n in range(60))])
    scene.track(1200)
    rate = load_rates(scene.conn, scene.plant, at(1200), ["S2", "S1"])
    assert rate["S2"].share == pytest.approx(0.5)
    assert rate["S1"].share is None


def test_pieces_not_booked_yet_make_nobody_slow(scene: Scene) -> None:
    """M2 keeps its pace; five minutes that the tracker has not come to yet are not taken for time without pieces."""
    scene.hear([(0, "M2/state", "run"), *((10 * n, "M2/good_total", n) for n in range(61))])
    scene.track(600)
    rate = load_rates(scene.conn, scene.plant, at(900), ["S2"])["S2"]
    assert rate.share == pytest.approx(1, abs=0.02)
    assert status("running", is_open=True, rate=rate) == "running"


def test_people_who_begin_are_not_slow(scene: Scene) -> None:
    """On the line by hand one piece after the other is scanned from the first minutes on, each in its time."""
    job = scene.job(scene.order("MO-1", 500), 500, line="L2")
    scene.say(0, "mark", mark="start", line="L2", job_id=job)
    for minute in range(1, 12):
        scene.say(60 * minute, "count", station="H1")
        scene.track(60 * minute)
        rate = load_rates(scene.conn, scene.plant, at(60 * minute + 50), ["H1"])["H1"]
        paced = Rate(rate.pieces, rate.running_us, 60_000_000)
        assert status("running", is_open=True, rate=paced) == "running"


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
