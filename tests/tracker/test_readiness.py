"""What can run now on a line follows counts and balances."""

from __future__ import annotations

from mes.store.readiness import load_readiness
from tests.tracker.scene import Scene


def test_a_line_says_which_jobs_can_run_and_what_the_others_lack(scene: Scene) -> None:
    """The first job can, as far as the line's B go; once they are used up it waits for B, which the store has."""
    scene.stock("WH", 0, [("B", 100)])
    scene.stock("L1-side", 0, [("B", 3), ("C", 1000)])
    job = scene.job(scene.order("MO-1", 50), 50)
    (before,) = load_readiness(scene.conn, scene.plant, "L1")
    assert (before.job_id, before.can_run, before.pieces) == (job, True, 3)
    scene.say(5, "mark", mark="start", line="L1", job_id=job)
    scene.hear([(10, "M2/good_total", 0), (20, "M2/good_total", 3)])
    scene.track(30)
    (after,) = load_readiness(scene.conn, scene.plant, "L1")
    assert [(h.kind, h.item, h.can_be_called) for h in after.hindrances] == [("material", "B", True)]
