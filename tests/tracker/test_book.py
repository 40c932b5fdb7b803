"""What was heard is booked: spans, counts, jobs, sums, ledger."""

from __future__ import annotations

import pytest

from mes.tracker.replay import verify
from tests.tracker.scene import Scene, at

COUNTS = """
    select station, extract(epoch from minute - %s)::int, job_id, phase, good, reject
    from minute_count order by 1, 2, 3
"""


def spans(scene: Scene, machine: str = "M1") -> list[tuple[object, ...]]:
    """Spans of a machine: from, to in seconds, state, cause, job."""
    return scene.rows(
        """
        select extract(epoch from from_at - %s)::float, extract(epoch from to_at - %s)::float, state, cause, job_id
        from state_span where machine = %s order by from_at
        """,
        at(0), at(0), machine,
    )  # fmt: skip


def test_states_and_counts_are_booked_where_the_device_says(scene: Scene) -> None:
    """Spans begin at the device's own instants; a difference counts in the minute of its later sample."""
    scene.hear([(0.5, "M1/state", "run"), (1, "M1/good_total", 990), (70, "M1/good_total", 994)])
    scene.hear([(75.25, "M1/state", "flt"), (75.25, "M1/stop_code", "E7"), (130, "M1/reject_total", 0)])
    scene.hear([(200, "M1/good_total", 2), (200, "M1/reject_total", 1), (199.5, "M1/state", "run")])
    scene.track(201)
    assert spans(scene) == [
        (0.5, 75.25, "running", "", 0),
        (75.25, 199.5, "fault", "", 0),
        (199.5, None, "running", "", 0),
    ]
    assert scene.rows(COUNTS, at(0)) == [("S1", 60, 0, "production", 4, 0), ("S1", 180, 0, "production", 8, 1)]
    assert scene.rows("select good, reject from shift_count where station = 'S1'") == [(12, 1)]
    assert scene.rows("select scope, state, reason, reason_by, micro, loss_us from stop where scope = 'M1'") == [
        ("M1", "fault", "R1", "device", False, 124_250_000)
    ]


@pytest.mark.parametrize("second", [7.465, 58.0])
def test_what_is_heard_in_the_minute_of_the_first_plant_file_is_booked(scene: Scene, second: float) -> None:
    """A plant applied at some second of a minute counts in that minute too, in shift, ledger and replay."""
    scene.conn.execute("update plant_version set in_force_from = %s", [at(second)])
    scene.hear(
        [(second + 0.5, "M1/state", "run"), (second + 0.5, "M1/good_total", 3), (second + 1, "M1/good_total", 7)]
    )
    scene.track(second + 2)
    scene.hear([(130, "M1/good_total", 9)])
    scene.track(200)
    assert scene.rows("select sum(good) from minute_count where station = 'S1'") == [(6,)]
    assert scene.rows("select good from shift_count where station = 'S1'") == [(6,)]
    assert scene.rows("select machine, good from time_ledger where machine = 'M1'") == [("M1", 6)]
    assert list(verify(scene.conn, at(0), at(200))) == []


def test_a_job_owns_what_is_counted_while_it_runs(scene: Scene) -> None:
    """A count at a mark's very instant belongs to the job before it; without a job it is nobody's."""
    first, second = (scene.job(scene.order(f"MO-{n}", 100), 100) for n in (1, 2))
    scene.hear([(1, "M2/good_total", 0), (10, "M2/good_total", 1), (20, "M2/good_total", 2), (30, "M2/good_total", 3)])
    scene.say(15, "mark", mark="start", line="L1", job_id=first)
    scene.say(20, "mark", mark="switch", line="L1", job_id=second, phase="setup")
    scene.track(60)
    assert scene.rows(COUNTS, at(0)) == [
        ("S2", 0, 0, "production", 1, 0),
        ("S2", 0, first, "production", 1, 0),
        ("S2", 0, second, "setup", 1, 0),
    ]
    assert scene.rows("select item, quantity, location from consumption where job_id = %s", first) == [
        ("B", 1, "L1-side")
    ]
    assert scene.rows("select state from job_state where job_id = any(%s) order by job_id", [first, second]) == [
        ("paused",), ("running",),
    ]  # fmt: skip
    assert scene.rows("select good, entered from order_progress order by order_id") == [(1, 0), (0, 0)]
