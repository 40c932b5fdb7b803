"""Calls for help on a running plant: raised by machines, climbing while nobody comes, over when the machine runs."""

from __future__ import annotations

from uuid import uuid4

from mes.actions.floor import raise_call, take_call
from mes.domain.floor import AndonDocument
from tests.tracker.scene import PLANT, Scene, at

CALLS = """
    select kind, machine, raised_by, extract(epoch from raised_at - %s)::int, level,
           extract(epoch from resolved_at - %s)::int
    from andon_call order by id
"""
RULE = """
[[andon]]
kind = "maintenance"
roles = ["maintenance", "line_lead", "planner"]
escalate_minutes = [5, 15]
from_fault_minutes = 3
"""


def test_a_machine_in_fault_calls_climbs_and_is_answered_by_running(scene: Scene) -> None:
    """In fault at 100 s it calls at 280 s, once; untaken it climbs at 580 and 1180 s; at 1300 s it runs: resolved."""
    scene.apply(scene.plant_with(PLANT, PLANT + RULE), from_seconds=-3600)
    scene.hear([(0, "M1/state", "run"), (100, "M1/stop_code", "E7"), (100, "M1/state", "flt")])
    seen = []
    for second in (200, 279, 281, 300, 579, 581, 1181, 1290):
        scene.track(second)
        seen.append([(row[3], row[4]) for row in scene.rows(CALLS, at(0), at(0))])
    assert seen == [[], [], [(280, 0)], [(280, 0)], [(280, 0)], [(280, 1)], [(280, 2)], [(280, 2)]]
    scene.hear([(1300, "M1/state", "run")])
    scene.track(1310)
    assert scene.rows(CALLS, at(0), at(0)) == [("maintenance", "M1", "device:M1", 280, 2, 1310)]
    told = [action for (action,) in scene.rows("select action from audit where action like 'andon%%' order by id")]
    assert told == ["andon.raised", "andon.escalated", "andon.escalated", "andon.resolved"]


def test_a_call_somebody_took_climbs_no_further(scene: Scene) -> None:
    """Taken after four minutes, it stays where it is however long it takes; a person's call is a person's to end."""
    call = AndonDocument(kind="quality", station="S1")
    number = raise_call(scene.conn, scene.deed(0), call, scene.plant, client_id=uuid4()).id
    scene.track(240)
    take_call(scene.conn, scene.deed(250), number)
    scene.track(3600)
    assert scene.rows(CALLS, at(0), at(0)) == [("quality", None, "person:test", 0, 0, None)]


def test_a_machine_that_waits_for_another_does_not_call(scene: Scene) -> None:
    """Without a rule no machine calls; with one only a fault of its own does."""
    scene.hear([(0, "M2/state", "run"), (100, "M2/state", "wait")])
    scene.track(110)
    scene.track(900)
    scene.apply(scene.plant_with(PLANT, PLANT + RULE), from_seconds=-3600)
    scene.track(1000)
    assert scene.rows(CALLS, at(0), at(0)) == []
