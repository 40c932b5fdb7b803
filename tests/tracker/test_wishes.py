"""When a plan no longer holds a new one is wished for, and no sooner."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb

from tests.tracker.scene import Scene, at
from tests.tracker.test_react import begun, counted


def wished(scene: Scene) -> list[tuple[str, str]]:
    """Kind and subject of the reasons of the wish that waits."""
    rows = scene.rows("select reasons from plan_run where state = 'waiting'")
    return [(reason["kind"], reason["subject"]) for (reasons,) in rows for reason in reasons]


def known(scene: Scene, seconds: float, **more: Any) -> None:
    """Let the published plan have been made at an instant."""
    scene.conn.execute("update plan set known_at = %s, now_at = %s", (at(seconds), at(seconds)))
    for name, value in more.items():
        assert name == "shortages"
        scene.conn.execute("update plan set shortages = %s", (Jsonb(value),))


def test_a_line_with_a_fault_asks_for_a_plan_after_half_an_hour(scene: Scene) -> None:
    """Not before; once planned for, not again until it is down for longer than that plan took it to be."""
    begun(scene, 1000)
    last = counted(scene, "S2", 20, 10)
    scene.hear([(last + 1, "M2/state", "flt"), (last + 1, "M1/state", "flt")])
    scene.track(last + 1500)
    assert wished(scene) == []
    scene.track(last + 1900)
    assert wished(scene) == [("line_down", "L1")]
    scene.conn.execute("delete from plan_run")
    known(scene, last + 1910)
    scene.track(last + 3000)
    assert wished(scene) == []
    scene.track(last + 4000)
    assert ("line_down", "L1") in wished(scene)


def test_a_line_that_runs_again_asks_for_a_plan_only_when_one_counted_on_its_fault(scene: Scene) -> None:
    """A fault that is over within the limit is forgotten; one that was planned for is planned away again."""
    begun(scene, 1000)
    last = counted(scene, "S2", 20, 10)
    scene.hear([(last + 1, "M2/state", "flt"), (last + 1, "M1/state", "flt")])
    scene.track(last + 1900)
    scene.hear([(last + 1950, "M2/state", "run"), (last + 1950, "M1/state", "run")])
    scene.hear([(last + 1950, "M2/good_total", 10), (last + 1960, "M2/good_total", 11)])
    scene.track(last + 1970)
    assert ("line_down", "L1") not in wished(scene)
    scene.conn.execute("delete from plan_run")
    known(scene, last + 1940)
    scene.track(last + 2300)
    assert ("line_up", "L1") in wished(scene)


def test_an_order_an_hour_behind_asks_for_a_plan(scene: Scene) -> None:
    """Drift from the plan is a reason, once an hour has passed since the plan was made."""
    begun(scene)
    scene.conn.execute("update plan_order set completed_at = %s", (at(1000),))
    scene.track(1800)
    assert wished(scene) == []
    scene.track(4700)
    assert wished(scene) == [("drift", "L1")]


def test_a_receipt_the_plan_waits_for_asks_for_a_plan_when_it_moves(scene: Scene) -> None:
    """Another date of goods nobody waits for does not."""
    scene.stock("WH", 0, [("C", 1000), ("B", 1000)])
    begun(scene)
    known(scene, 10)
    scene.receipt("PO-1", "C", 20, expected=50_000, now=15)
    scene.track(20)
    assert wished(scene) == []
    known(scene, 10, shortages=[{"item": "C", "qty": str(Decimal(1))}])
    scene.track(400)
    assert wished(scene) == [("receipt", "erp/PO-1/1")]
