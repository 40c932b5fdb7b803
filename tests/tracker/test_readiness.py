"""What can run now on a line follows counts, balances, orders and gates."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from mes.actions.floor import mark_job
from mes.domain.floor import JobMark
from mes.domain.gate import GateRule
from mes.errors import ConflictError
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


def test_a_first_article_opens_its_gate(scene: Scene) -> None:
    """Production of a gated product is refused until a good first article is counted; setting up is not."""
    scene.plant = replace(scene.plant, gate=(GateRule("first_article", items=("P",)),))
    job = scene.job(scene.order("MO-1", 50), 50)
    (waits,) = load_readiness(scene.conn, scene.plant, "L1", jobs=[job])
    assert [(h.kind, h.weight) for h in waits.hindrances] == [("first_article", "override")]
    with pytest.raises(ConflictError, match="first article") as refused:
        start(scene, 5, job, "production")
    assert refused.value.code == "gate"
    start(scene, 6, job, "setup")
    start(scene, 8, job, "first_article")
    scene.hear([(10, "M2/good_total", 0), (20, "M2/good_total", 1)])
    scene.track(30)
    start(scene, 31, job, "production")
    (open_now,) = load_readiness(scene.conn, scene.plant, "L1", jobs=[job])
    assert open_now.can_run


def test_a_line_lead_lets_a_job_through_for_good(scene: Scene) -> None:
    """Who let it through stands in the entry; after a pause it is not asked again."""
    scene.plant = replace(scene.plant, gate=(GateRule("document"),))
    job = scene.job(scene.order("MO-1", 50), 50)
    assert [h.kind for h in load_readiness(scene.conn, scene.plant, "L1")[0].hindrances] == ["document"]
    start(scene, 5, job, "production", let_through_by="person:lead")
    assert scene.rows("select detail ->> 'let_through_by' from entry") == [("person:lead",)]
    scene.say(6, "mark", mark="pause", line="L1", job_id=job)
    start(scene, 7, job, "production")


def test_a_gate_keeps_nobody_from_saying_what_happened(scene: Scene) -> None:
    """A start that a terminal kept while it was cut off is heard: it happened."""
    scene.plant = replace(scene.plant, gate=(GateRule("document"),))
    job = scene.job(scene.order("MO-1", 50), 50)
    start(scene, 5, job, "production", now=5 + 600)


def start(
    scene: Scene, seconds: float, job: int, phase: str, *, now: float | None = None, let_through_by: str = ""
) -> None:
    """Somebody starts a job on its line."""
    deed = scene.deed(seconds if now is None else now)
    said = JobMark(phase=phase, effective_at=scene.deed(seconds).at)  # type: ignore[arg-type]
    mark_job(
        scene.conn, deed, job, "start", said=said, plant=scene.plant, client_id=uuid4(), let_through_by=let_through_by
    )
