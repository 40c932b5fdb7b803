"""What is booked bit by bit, late and twice is what a replay would book."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mes.tracker.replay import verify
from mes.tracker.tracker import Tracker
from tests.tracker.scene import Scene, at


def things(seed: int) -> list[tuple[float, str, object]]:
    """Half an hour of two machines and a station by hand, as (second, what, value)."""
    rng = random.Random(seed)
    happened: list[tuple[float, str, object]] = []
    for machine in ("M1", "M2"):
        second, good, reject = 0.0, rng.randrange(900, 1000), 0
        while second < 1800:
            second += rng.choice((5.0, 10.25, 30.5, 120.0))
            draw = rng.random()
            if draw < 0.6:
                good = (good + rng.randrange(3)) % 1000
                happened.append((second, f"{machine}/good_total", good))
            elif draw < 0.7:
                reject += 1
                happened.append((second, f"{machine}/reject_total", reject))
            elif draw < 0.75:
                good = 0
                happened.append((second, f"{machine}/good_total", 0))
            elif draw < 0.8:
                happened.append((second, f"{machine}/stop_code", rng.choice(("", "E7", "E8"))))
            else:
                happened.append((second, f"{machine}/state", rng.choice(("run", "idle", "flt", "wait", "full"))))
    happened += [(rng.randrange(1800), "scan", None) for _ in range(15)]
    happened += [(rng.randrange(1800), "mark", rng.choice(("start", "pause", "switch"))) for _ in range(6)]
    happened += [(rng.randrange(1800), "reason", "R2") for _ in range(2)]
    return happened


def make_happen(scene: Scene, thing: tuple[float, str, object], jobs: list[int], rng: random.Random) -> None:
    """Let one thing be heard."""
    second, what, value = thing
    if what == "scan":
        scene.say(second, "count", now=3000, station="H1")
    elif what == "mark":
        scene.say(second, "mark", now=3000, line="L1", mark=value, job_id=rng.choice(jobs))
    elif what == "reason":
        scene.say(second, "reason", now=3000, machine="M1", reason=value)
    else:
        scene.hear([thing])  # type: ignore[list-item]


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
@example(seed=1195)
@example(seed=13894)
@example(seed=108628)
@example(seed=2338)
def test_late_doubled_and_shuffled_input_is_booked_as_in_one_replay(scene: Scene, seed: int) -> None:
    """After any order of arrival the rows are those a replay works out, and another pass changes none."""
    assert_booked_as_replayed(scene, seed)


@pytest.mark.chaos
@pytest.mark.parametrize("block", range(10))
def test_many_more_shuffles_are_booked_as_in_one_replay(scene: Scene, block: int) -> None:
    """As above, for two hundred more seeds."""
    for seed in range(20 * block, 20 * block + 20):
        assert_booked_as_replayed(scene, seed)


def assert_booked_as_replayed(scene: Scene, seed: int) -> None:
    """One seed's half hour, heard in any order."""
    rng = random.Random(seed)
    with scene.conn.transaction(force_rollback=True):
        scene.tracker = Tracker(ahead_s_min=0)
        jobs = [scene.job(scene.order(f"MO-{n}", 500), 500) for n in (1, 2)]
        happened = things(seed)
        rng.shuffle(happened)
        now = 10.0
        for thing in happened:
            make_happen(scene, thing, jobs, rng)
            if rng.random() < 0.3:
                now = max(now, thing[0])
                scene.track(now)
        scene.track(3000)
        assert list(verify(scene.conn, at(-3600), at(3600))) == []
        before = scene.rows("select count(*) from audit")
        scene.track(3000)
        assert scene.rows("select count(*) from audit") == before


def test_a_row_that_was_changed_is_found(scene: Scene) -> None:
    """Verify names the row that stands otherwise than it should, and leaves it as it is."""
    scene.hear([(1, "M1/good_total", 0), (30, "M1/good_total", 4), (2, "M1/state", "run")])
    scene.track(120)
    scene.conn.execute("update minute_count set good = 5")
    scene.conn.execute("update state_span set state = 'idle' where machine = 'M1'")
    found = {deviation.table for deviation in verify(scene.conn, at(-60), at(200))}
    assert found >= {"minute_count", "state_span"}
    assert scene.rows("select good from minute_count") == [(5,)]


def test_what_is_still_touched_is_not_called_wrong(scene: Scene) -> None:
    """While samples wait to be booked, verify says nothing of the minutes they lie in."""
    scene.hear([(1, "M1/good_total", 0), (30, "M1/good_total", 4), (2, "M1/state", "run")])
    scene.track(120)
    scene.hear([(40, "M1/good_total", 5), (150, "M1/good_total", 9)])
    assert list(verify(scene.conn, at(-60), at(600))) == []


def test_a_corrected_state_map_is_replayed(scene: Scene) -> None:
    """A plant version that maps a word otherwise, in force from the beginning, changes what was booked."""
    scene.hear([(1, "M1/state", "run"), (61, "M1/state", "idle"), (121, "M1/state", "run")])
    scene.track(200)
    scene.apply(scene.plant_with('"idle" = "idle"', '"idle" = "setup"'), from_seconds=-3600)
    scene.track(210)
    assert scene.rows("select state from state_span where machine = 'M1' order by from_at") == [
        ("running",), ("setup",), ("running",),
    ]  # fmt: skip
