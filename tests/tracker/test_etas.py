"""ETAs are told when they say something new, and never later without a reason."""

from __future__ import annotations

from typing import Any

from tests.tracker.scene import Scene, at
from tests.tracker.test_react import begun, counted, events


def etas(scene: Scene) -> list[dict[str, Any]]:
    """The ETAs told so far."""
    return [body for _, body in events(scene, "mes.eta")]


def plan_end(scene: Scene, seconds: float) -> None:
    """When the published plan ends the order."""
    scene.conn.execute("update plan_order set completed_at = %s", (at(seconds),))


def replan(scene: Scene, end: float, now: float) -> None:
    """Another plan is published because of a shortage; it ends the order at `end`."""
    scene.conn.execute("update plan set version = 1, published_at = %s", (at(5),))
    (run,) = scene.rows(
        """
        insert into plan_run (kind, state, reasons, requested_by, requested_at, not_before)
        values ('replan', 'done', '[{"kind": "shortage", "subject": "C"}]', 'takt', %s, %s) returning id
        """, at(now), at(now),
    )[0]  # fmt: skip
    scene.conn.execute("update plan set state = 'superseded'")
    (plan,) = scene.rows(
        """
        insert into plan (run_id, version, state, known_at, now_at, horizon_end_at, objective, shortages, unplanned,
                          log, created_at, published_at, published_by)
        select %s, 2, 'published', %s, %s, horizon_end_at, '{}', '[]', '[]', '{}', %s, %s, 'takt' from plan
        returning id
        """, run, at(now), at(now), at(now), at(now),
    )[0]  # fmt: skip
    scene.conn.execute(
        """
        insert into plan_lot (plan_id, lot_no, order_id, operation_seq, line, quantity, setup_minutes, start_at, end_at,
                              wanted_at, shift_day, shift)
        select %s, lot_no, order_id, operation_seq, line, quantity, 0, %s, %s, wanted_at, shift_day, shift from plan_lot
        """,
        (plan, at(end - 1000), at(end)),
    )
    scene.conn.execute(
        "insert into plan_order select %s, order_id, order_version, %s, 0, 0 from plan_order", (plan, at(end))
    )


def causes(body: dict[str, Any]) -> list[str]:
    return [reason["cause"] for reason in body["reasons"]]


def test_an_eta_that_slips_says_that_the_floor_is_behind(scene: Scene) -> None:
    """With when the plan had it, and by how many minutes."""
    begun(scene)
    plan_end(scene, 1000)
    scene.track(20)
    scene.track(1700)
    first, second = etas(scene)
    assert second["eta_at"] > first["eta_at"]
    assert causes(second) == ["behind_plan"]
    assert second["reasons"][0]["minutes"] >= 15


def test_an_eta_that_slips_against_an_ampler_plan_has_a_reason_too(scene: Scene) -> None:
    """What was ahead of the plan and is so no longer became slower."""
    begun(scene)
    plan_end(scene, 100_000)
    scene.track(20)
    scene.track(1700)
    assert causes(etas(scene)[1]) == ["slower"]


def test_an_order_short_of_parts_says_so(scene: Scene) -> None:
    """Which, how many, since when, and how much too late they come."""
    scene.stock("WH", 0, [("C", 150), ("B", 1000)])
    scene.receipt("PO-1", "C", 50, expected=50_000)
    begun(scene)
    scene.track(20)
    (told,) = etas(scene)
    (reason,) = told["reasons"]
    assert (reason["cause"], reason["detail"]["item"], reason["detail"]["short_quantity"]) == ("shortage", "C", "50")
    assert reason["minutes"] > 700


def test_a_plan_that_ends_an_order_later_is_the_reason(scene: Scene) -> None:
    """With its version and what it was made for."""
    begun(scene)
    plan_end(scene, 1000)
    scene.track(20)
    replan(scene, end=10_000, now=30)
    scene.track(400)
    (_, told) = etas(scene)
    (reason,) = told["reasons"]
    assert (reason["cause"], reason["minutes"]) == ("replanned", 150)
    assert (reason["detail"]["version"], reason["detail"]["because"]) == (2, ["shortage C"])


def test_pieces_on_the_line_keep_their_order_in_sight(scene: Scene) -> None:
    """When the last piece has entered, the order is not out of sight until it leaves."""
    begun(scene, 3)
    scene.track(20)
    last = counted(scene, "S1", 30, 3)
    scene.track(last + 1)
    scene.track(last + 30)
    assert all(told["eta_at"] is not None for told in etas(scene))


def test_the_same_lateness_is_not_told_twice(scene: Scene) -> None:
    """Looking again without news tells nothing."""
    begun(scene)
    plan_end(scene, 1000)
    for seconds in (20, 30, 90, 200, 400):
        scene.track(seconds)
    assert len(etas(scene)) == 1
    assert etas(scene)[0]["due_at"] > at(0).isoformat()
