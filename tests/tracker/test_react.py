"""React writes the difference between what is true and what stands or was told, and twice writes nothing more."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

from mes.actions.material import move
from mes.domain.material.documents import Movement
from tests.tracker.scene import Scene, at


def events(scene: Scene, prefix: str) -> list[tuple[str, dict[str, Any]]]:
    """Events told so far whose type begins so, oldest first."""
    return scene.rows("select type, body from outbox where type like %s order by id", f"{prefix}%")


def counted(scene: Scene, station: str, first: float, pieces: int, *, every: float = 10, start: int = 0) -> float:
    """Let a machine count so many pieces; the second of the last."""
    machine = {"S1": "M1", "S2": "M2"}[station]
    said = [(first - 1, f"{machine}/good_total", start % 1000)]
    said += [(first + n * every, f"{machine}/good_total", (start + n + 1) % 1000) for n in range(pieces)]
    scene.hear(said)
    return first + (pieces - 1) * every


def begun(scene: Scene, quantity: int = 100) -> tuple[int, int]:
    """An order with its job, started at 08:00:10; (order, job)."""
    order = scene.order("MO-1", quantity)
    job = scene.job(order, quantity)
    scene.say(10, "mark", mark="start", line="L1", job_id=job)
    return order, job


def test_a_confirmed_job_is_reported_once(scene: Scene) -> None:
    """After confirmation good, reject and consumption of job and shift are told; another pass tells nothing."""
    _, job = begun(scene)
    counted(scene, "S1", 20, 6)
    counted(scene, "S2", 30, 4)
    scene.track(100)
    assert events(scene, "mes.production") == []
    scene.say(200, "mark", mark="finish", job_id=job, line="L1")
    scene.say(210, "confirm", job_id=job, line="L1")
    scene.track(220)
    scene.track(230)
    ((kind, body),) = events(scene, "mes.production")
    assert (kind, body["good"], body["order_report_no"], body["is_final"]) == ("mes.production.reported", "4", 1, True)
    assert [(use["item"], use["quantity"]) for use in body["consumption"]] == [("B", "4"), ("C", "12")]
    assert body["cumulative"] == {"good": "4", "reject": "0", "scrap": "0"}


def test_a_late_piece_reverses_the_report(scene: Scene) -> None:
    """A sample that comes after the report makes a reversing report and a new one."""
    _, job = begun(scene)
    counted(scene, "S2", 30, 4)
    scene.say(200, "mark", mark="finish", job_id=job, line="L1")
    scene.say(210, "confirm", job_id=job, line="L1")
    scene.track(220)
    scene.hear([(75, "M2/good_total", 6)])
    scene.track(230)
    told = [(kind.rpartition(".")[2], body["good"], body["reverses"]) for kind, body in events(scene, "mes.production")]
    first = scene.rows("select id from production_report order by id limit 1")[0][0]
    assert told == [("reported", "4", None), ("reversed", "-4", first), ("reported", "6", None)]


def test_a_retimed_switch_moves_pieces_reports_and_components(scene: Scene) -> None:
    """When a switch is re-timed, counts, consumption and reports follow, with reversing reports."""
    first, second = (scene.job(scene.order(f"MO-{n}", 100), 100) for n in (1, 2))
    scene.say(10, "mark", mark="start", line="L1", job_id=first)
    counted(scene, "S2", 20, 10)
    wrong = scene.say(65, "mark", mark="switch", line="L1", job_id=second)
    scene.say(300, "mark", mark="finish", line="L1", job_id=second)
    for job in (first, second):
        scene.say(310, "confirm", line="L1", job_id=job)
    scene.track(400)
    scene.say(95, "mark", now=500, mark="switch", line="L1", job_id=second, reverses=wrong)
    scene.track(510)
    used = scene.rows("select job_id, quantity from consumption where item = 'B' order by job_id")
    assert used == [(first, Decimal(8)), (second, Decimal(2))]
    told = [(body["number"], body["good"]) for _, body in events(scene, "mes.production")]
    assert told == [("MO-1", "5"), ("MO-2", "5"), ("MO-1", "-5"), ("MO-1", "8"), ("MO-2", "-5"), ("MO-2", "2")]


def test_an_order_begins_and_is_completed_once(scene: Scene) -> None:
    """Started with the first job mark, completed with the last good piece, each told once."""
    begun(scene, 3)
    scene.track(12)
    counted(scene, "S2", 20, 2)
    scene.track(60)
    assert [kind for kind, _ in events(scene, "mes.order.")] == ["mes.order.accepted", "mes.order.started"]
    counted(scene, "S2", 60, 2, start=2)
    scene.track(100)
    scene.track(200)
    ((_, body),) = events(scene, "mes.order.completed")
    assert (body["good"], body["quantity"], body["late_minutes"]) == ("4", "3", 0)


def test_what_the_plant_lacks_is_a_shortage_told_with_its_orders(scene: Scene) -> None:
    """100 pieces need 200 C; 150 are there and 20 more come later: 50 short, needed when the 76th piece begins."""
    scene.stock("WH", 0, [("C", 150), ("B", 1000)])
    scene.receipt("PO-1", "C", 20, expected=50_000)
    begun(scene)
    scene.track(20)
    ((_, body),) = events(scene, "mes.shortage")
    assert (body["item"], body["short_quantity"], body["on_hand"], body["unit"]) == ("C", "50", "150", "pcs")
    assert (body["state"], body["cause"], body["line"]) == ("projected", "receipt_late", "L1")
    assert [(order["number"], order["quantity"]) for order in body["orders"]] == [("MO-1", "50")]
    assert body["needed_by"][11:16] in {"08:12", "08:13"}


def test_steady_production_does_not_change_a_shortage(scene: Scene) -> None:
    """While pieces are made as planned, what is missing stays the same and nothing more is told."""
    scene.stock("WH", 0, [("C", 150), ("B", 1000)])
    begun(scene)
    scene.track(20)
    last = counted(scene, "S1", 30, 30)
    scene.track(last + 1)
    assert len(events(scene, "mes.shortage")) == 1


def test_a_reject_makes_one_more_set_missing(scene: Scene) -> None:
    """A rejected piece has used its components and has to be made again."""
    scene.stock("WH", 0, [("C", 150), ("B", 1000)])
    begun(scene)
    scene.track(20)
    scene.hear([(30, "M1/reject_total", 0), (40, "M1/reject_total", 1)])
    scene.track(45)
    assert [body["short_quantity"] for _, body in events(scene, "mes.shortage")] == ["50", "52"]


def test_a_shortage_is_covered_by_a_receipt_and_closed_by_its_arrival(scene: Scene) -> None:
    """A receipt in time covers it; received goods close it with the cause `delivered`."""
    scene.stock("WH", 0, [("C", 150), ("B", 1000)])
    begun(scene)
    scene.track(20)
    scene.receipt("PO-2", "C", 60, expected=300, now=30)
    scene.track(31)
    movement = Movement(kind="receive", item="C", quantity=Decimal(60), to_location="WH")
    move(scene.conn, scene.deed(40), movement, scene.plant, client_id=uuid4())
    scene.track(41)
    told = [(kind.rpartition(".")[2], body["state"], body["cause"]) for kind, body in events(scene, "mes.shortage")]
    assert told == [
        ("opened", "projected", "no_receipt"), ("changed", "covered", "no_receipt"), ("closed", "closed", "delivered"),
    ]  # fmt: skip


def test_an_item_nobody_counts_raises_no_alarm(scene: Scene) -> None:
    """Without a statement or count there is no shortage, no call-off and no wish for a plan because of it."""
    begun(scene)
    scene.track(20)
    assert events(scene, "mes.shortage") == []
    assert scene.rows("select count(*) from call_off") == [(0,)]


def test_a_line_that_runs_out_calls_for_what_the_store_has(scene: Scene) -> None:
    """The line has 40 B, the store 500: the line calls, once; after the delivery it calls no more."""
    scene.stock("WH", 0, [("B", 500), ("C", 1000)])
    scene.stock("L1-side", 0, [("B", 40)])
    begun(scene)
    scene.track(20)
    scene.track(30)
    ((number, item, quantity, by),) = scene.rows("select id, item, quantity, called_by from call_off")
    assert (item, quantity, by) == ("B", Decimal(60), "takt")
    assert events(scene, "mes.shortage") == []
    movement = Movement(kind="transfer", item="B", quantity=Decimal(80), from_location="WH", to_location="L1-side")
    move(scene.conn, scene.deed(40), movement, scene.plant, client_id=uuid4())
    scene.track(41)
    assert scene.rows("select cancelled_why from call_off where id = %s", number) == [("the line has enough",)]


def test_an_eta_is_told_and_told_again_when_it_moves(scene: Scene) -> None:
    """The plan's end at first; a quarter of an hour and more behind, the new one with the reason."""
    begun(scene)
    scene.track(20)
    ((_, first),) = events(scene, "mes.eta")
    scene.track(1700)
    told = events(scene, "mes.eta")
    assert (first["number"], first["late_minutes"]) == ("MO-1", 0)
    assert len(told) == 2
    assert told[1][1]["previous_eta_at"] == first["eta_at"]


def test_an_order_outside_the_plan_asks_for_one_plan(scene: Scene) -> None:
    """New orders make one automatic wish with both as reasons; it is not made twice."""
    begun(scene)
    scene.track(20)
    for number in ("MO-8", "MO-9"):
        scene.order(number, 10)
        scene.track(30)
    scene.track(40)
    ((state, automatic, reasons),) = scene.rows("select state, automatic, reasons from plan_run")
    assert (state, automatic) == ("waiting", True)
    assert [(reason["kind"], reason["subject"]) for reason in reasons] == [("order", "erp/MO-8"), ("order", "erp/MO-9")]


def test_a_shortage_in_the_minute_of_the_plan_asks_for_another(scene: Scene) -> None:
    """A plan begins at the whole minute after what it knew; what was found between the two is planned for anew."""
    scene.stock("WH", 0, [("C", 150), ("B", 1000)])
    begun(scene)
    scene.conn.execute("update plan set known_at = %s, now_at = %s", (at(5), at(60)))
    scene.track(20)
    ((reasons,),) = scene.rows("select reasons from plan_run where state = 'waiting'")
    assert ("shortage", "C") in [(reason["kind"], reason["subject"]) for reason in reasons]
    scene.conn.execute("delete from plan_run")
    scene.conn.execute("update plan set known_at = %s", (at(30),))
    scene.track(40)
    assert scene.rows("select count(*) from plan_run") == [(0,)]
