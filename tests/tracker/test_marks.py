"""Marks nobody has to enter: by the device's order tag, and at the quantity."""

from __future__ import annotations

from tests.tracker.scene import Scene, at

JOB_SPANS = """
    select station, extract(epoch from from_at - %s)::float, extract(epoch from to_at - %s)::float, job_id
    from job_span order by station, from_at
"""


def jobs(scene: Scene, *quantities: int) -> list[int]:
    """Jobs of so many pieces on L1, each of an order of its own: MO-1, MO-2."""
    return [scene.job(scene.order(f"MO-{n}", 500), quantity, start=n * 100) for n, quantity in enumerate(quantities, 1)]


def test_a_devices_order_switches_its_own_station(scene: Scene) -> None:
    """During a changeover two orders are on one line: each machine's pieces belong to what it says."""
    first, second = jobs(scene, 100, 100)
    scene.hear([(10, "M1/order", "MO-1"), (12, "M2/order", "MO-1"), (11, "M1/good_total", 0), (13, "M2/good_total", 0)])
    scene.hear([(40, "M1/order", "MO-2"), (30, "M1/good_total", 5), (50, "M1/good_total", 7), (50, "M2/good_total", 3)])
    scene.track(100)
    scene.track(101)
    assert scene.rows(JOB_SPANS, at(0), at(0)) == [
        ("S1", 10, 40, first), ("S1", 40, None, second), ("S2", 12, None, first),
    ]  # fmt: skip
    counts = scene.rows("select station, job_id, sum(good)::int from minute_count group by 1, 2 order by 1, 2")
    assert counts == [("S1", first, 5), ("S1", second, 2), ("S2", first, 3)]
    assert scene.rows("select distinct entered_by from entry order by 1") == [("device:M1",), ("device:M2",)]


def test_an_order_nobody_knows_leaves_its_pieces_unassigned(scene: Scene) -> None:
    """Never the order before it, never the next one's."""
    (first,) = jobs(scene, 100)
    scene.hear([(10, "M2/order", "MO-1"), (11, "M2/good_total", 0), (20, "M2/good_total", 2)])
    scene.hear([(30, "M2/order", "MO-9"), (40, "M2/good_total", 6)])
    scene.track(100)
    scene.track(101)
    assert scene.rows("select job_id, sum(good)::int from minute_count group by 1 order by 1") == [(0, 4), (first, 2)]


def test_at_the_quantity_an_automatic_line_switches_and_others_do_not(scene: Scene) -> None:
    """The switch lies at the very sample that reached quantity and over_make; what follows is the next job's."""
    first, second = jobs(scene, 5, 100)
    scene.say(5, "mark", mark="start", line="L1", job_id=first)
    scene.hear([(10 + n, "M2/good_total", n) for n in range(12)])
    scene.track(60)
    scene.track(61)
    assert scene.rows("select job_id, sum(good)::int from minute_count group by 1") == [(first, 11)]
    automatic = scene.plant_with('counts_at = "S2"', 'counts_at = "S2"\nswitch = "automatic"\nover_make = 0.2')
    scene.apply(automatic, from_seconds=-3600)
    scene.hear([(70, "M2/good_total", 12)])
    scene.track(80)
    scene.track(81)
    assert scene.rows("select job_id, sum(good)::int from minute_count group by 1 order by 1") == [
        (first, 6),
        (second, 6),
    ]
    ((mark, seconds),) = scene.rows(
        "select mark, extract(epoch from effective_at - %s)::float from entry where mark = 'switch'", at(0)
    )
    assert (mark, seconds) == ("switch", 16)
