"""What people enter: scans, hourly counts, rejects, corrections, assignments; by hand as by machine."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from mes.domain.calendar import Calendar
from mes.domain.kpi import ratio
from mes.store.kpis import window_elements
from tests.tracker.scene import Scene, at

SUMS = "select job_id, phase, good, reject, rework, scrap, entered from shift_count where station = %s order by 1, 2"


def spans(scene: Scene, post: str) -> list[tuple[float, str]]:
    """A post's states from where they begin, in seconds."""
    return scene.rows(
        """
        select extract(epoch from from_at - %s)::float, state from state_span
        where machine = %s and from_at > %s order by 1
        """,
        at(0), post, at(0),
    )  # fmt: skip


def test_unassigned_pieces_are_somebodys_once_they_are_assigned(scene: Scene) -> None:
    """The stretch somebody assigns, to its very ends; what a job ran for is not touched by it."""
    first, second = (scene.job(scene.order(f"MO-{n}", 100), 100) for n in (1, 2))
    scene.hear([(10 * n, "M2/good_total", n) for n in range(1, 7)])
    scene.say(45, "mark", mark="start", line="L1", job_id=second)
    scene.track(100)
    scene.say(40, "assign", now=200, station="S2", from_at=at(30), job_id=first)
    scene.track(210)
    assert scene.rows(SUMS, "S2") == [
        (0, "production", 1, 0, 0, 0, 1), (first, "production", 2, 0, 0, 0, 2), (second, "production", 2, 0, 0, 0, 2),
    ]  # fmt: skip


def test_a_reject_found_at_a_machine_takes_a_good_piece_of_its_count(scene: Scene) -> None:
    """The machine counted it good; by hand a reject is a piece of its own."""
    job = scene.job(scene.order("MO-1", 100), 100)
    scene.say(5, "mark", mark="start", line="L1", job_id=job)
    scene.hear([(10, "M2/good_total", 0), (20, "M2/good_total", 8)])
    scene.say(30, "reject", station="S2", quantity=Decimal(2))
    scene.say(30, "count", station="H1", quantity=Decimal(8))
    scene.say(40, "reject", station="H1", quantity=Decimal(2))
    scene.track(60)
    assert scene.rows(SUMS, "S2") == [(job, "production", 6, 2, 0, 0, 8)]
    assert scene.rows(SUMS, "H1") == [(0, "production", 8, 2, 0, 0, 10)]


def test_a_correction_takes_back_and_says_anew(scene: Scene) -> None:
    """A reversed entry says nothing; its correction says what it says, a mere reversal nothing."""
    wrong = scene.say(30, "count", station="H1", quantity=Decimal(80))
    also = scene.say(50, "count", station="H1")
    scene.track(60)
    scene.say(30, "count", now=100, station="H1", quantity=Decimal(8), reverses=wrong)
    scene.say(100, "note", now=100, station="H1", reverses=also)
    scene.track(110)
    assert scene.rows(SUMS, "H1") == [(0, "production", 8, 0, 0, 0, 8)]


def test_a_correction_for_a_closed_job_is_that_jobs(scene: Scene) -> None:
    """An entry that names its job belongs to it, whatever runs."""
    first, second = (scene.job(scene.order(f"MO-{n}", 100), 100, line="L2") for n in (1, 2))
    scene.say(5, "mark", mark="start", line="L2", job_id=first)
    scene.say(50, "mark", mark="switch", line="L2", job_id=second)
    scene.say(60, "count", station="H1", quantity=Decimal(3), job_id=first)
    scene.say(70, "count", station="H1")
    scene.track(80)
    assert [(row[0], row[2]) for row in scene.rows(SUMS, "H1")] == [(first, 3), (second, 1)]


def test_a_serial_scanned_twice_is_one_piece(scene: Scene) -> None:
    """Unless it comes back for rework."""
    for second in (10, 20, 30):
        scene.say(second, "count", station="H1", serial="SN1")
    scene.say(40, "count", station="H1", serial="SN2")
    scene.say(50, "count", station="H1", serial="SN1", phase="rework")
    scene.track(60)
    assert scene.rows(SUMS, "H1") == [(0, "production", 2, 0, 0, 0, 2), (0, "rework", 1, 0, 0, 0, 0)]


def test_rework_makes_a_reject_good_once(scene: Scene) -> None:
    """Rejected, reworked, passed again: one good piece, no reject, and its components were used once."""
    order = scene.order("MO-1", 100)
    job = scene.job(order, 100)
    scene.say(5, "mark", mark="start", line="L1", job_id=job)
    scene.hear(
        [(6, "M2/good_total", 0), (6, "M2/reject_total", 0), (20, "M2/good_total", 5), (21, "M2/reject_total", 2)]
    )
    scene.say(30, "mark", mark="start", line="L1", job_id=job, phase="rework")
    scene.hear([(40, "M2/good_total", 6)])
    scene.track(60)
    assert scene.rows("select good, reject, reworked from order_progress") == [(6, 1, 1)]
    assert scene.rows("select quantity from consumption where item = 'B'") == [(Decimal(7),)]
    scene.say(70, "rework", station="S2", quantity=Decimal(5))
    scene.track(80)
    assert scene.rows("select good, reject, reworked from order_progress") == [(7, 0, 2)]


def test_set_up_pieces_use_components_and_are_no_yield(scene: Scene) -> None:
    """Three made in set-up, four in production: four good, seven sets of components."""
    job = scene.job(scene.order("MO-1", 100), 100)
    scene.say(5, "mark", mark="start", line="L1", job_id=job, phase="setup")
    scene.hear([(6, "M2/good_total", 0), (20, "M2/good_total", 3)])
    scene.say(30, "mark", mark="start", line="L1", job_id=job)
    scene.hear([(40, "M2/good_total", 7)])
    scene.track(60)
    assert scene.rows("select good from order_progress") == [(4,)]
    assert scene.rows("select quantity from consumption where item = 'B'") == [(Decimal(7),)]


def test_an_hourly_entry_counts_at_its_end_and_runs_throughout(scene: Scene) -> None:
    """Entered at ten for nine to ten: the pieces count at ten, the station ran from nine on."""
    scene.say(7200, "count", station="H1", from_at=at(3600), quantity=Decimal(40))
    scene.track(7300)
    scene.track(7600)
    assert spans(scene, "H1") == [(3600, "running"), (7500, "idle")]
    assert scene.rows("select extract(epoch from minute - %s)::int, good from minute_count", at(0)) == [(7200, 40)]


def test_a_break_ends_a_run_and_the_next_shift_begins_one_if_a_job_is_on(scene: Scene) -> None:
    """A scan just before noon does not run into the break; after it the job counts as begun again."""
    job = scene.job(scene.order("MO-1", 100), 100, line="L2")
    scene.say(14_200, "mark", mark="start", line="L2", job_id=job)
    scene.say(14_390, "count", station="H1")
    scene.track(14_391)
    scene.track(17_000)
    assert spans(scene, "H1") == [(14_200, "running"), (14_400, "idle"), (16_200, "running"), (16_500, "idle")]


def test_a_line_by_hand_shows_what_a_line_with_machines_shows(scene: Scene) -> None:
    """The same pieces, scanned or counted by a machine, give the same good, reject and attainment of their orders."""
    by_machine, by_hand = (scene.order(f"MO-{n}", 100) for n in (1, 2))
    jobs = scene.job(by_machine, 100), scene.job(by_hand, 100, line="L2")
    scene.say(5, "mark", mark="start", line="L1", job_id=jobs[0])
    scene.say(5, "mark", mark="start", line="L2", job_id=jobs[1])
    good = [20 + 17 * n for n in range(30)]
    reject = [25 + 140 * n for n in range(3)]
    scene.hear([(6, "M2/good_total", 0), (6, "M2/reject_total", 0)])
    scene.hear((second, "M2/good_total", n + 1) for n, second in enumerate(good))
    scene.hear((second, "M2/reject_total", n + 1) for n, second in enumerate(reject))
    for second in good:
        scene.say(second, "count", station="H1")
    for second in reject:
        scene.say(second, "reject", station="H1")
    scene.track(600)
    machine, hand = scene.rows(
        """
        select c.good, c.reject, c.leaves, array_agg((m.minute, m.good, m.reject) order by m.minute)
        from shift_count c join minute_count m using (station, job_id) where c.leaves
        group by c.station, 1, 2, 3 order by c.station desc
        """
    )
    assert machine == hand
    figures = scene.rows("select good, reject from job_state order by job_id")
    assert (
        figures[0]
        == figures[1]
        == (
            30,
            3,
        )
    )


def test_an_hourly_entry_shows_what_a_machine_shows(scene: Scene) -> None:
    """Two hours entered by the hour, or counted by a machine that ran: the same pieces, times and ratios."""
    jobs = scene.job(scene.order("MO-1", 500), 500), scene.job(scene.order("MO-2", 500), 500, line="L2")
    for line, job in zip(("L1", "L2"), jobs, strict=True):
        scene.say(0, "mark", mark="start", line=line, job_id=job)
    scene.hear([(0, f"{machine}/state", "run") for machine in ("M1", "M2")])
    scene.hear([(0, "M2/good_total", 0), (0, "M2/reject_total", 0)])
    scene.hear((70 * n, "M2/good_total", n) for n in range(1, 101))
    scene.hear((1000 * n, "M2/reject_total", n) for n in range(1, 7))
    scene.track(10)
    for end, good, reject in ((3600, 51, 3), (7200, 49, 3)):
        hour = {"station": "H1", "from_at": at(end - 3600)}
        scene.say(end, "count", quantity=Decimal(good), **hour)
        scene.say(end, "reject", quantity=Decimal(reject), **hour)
    scene.track(7260)
    scene.track(7320)
    calendar = Calendar(scene.plant)
    by_machine, by_hand = (window_elements(scene.conn, calendar, line, [(at(0), at(7260))])[0] for line in ("L1", "L2"))
    paces = {"ideal_us": 0, "unpaced": 0}  # the routing of P names L1 alone
    assert replace(by_machine, **paces) == replace(by_hand, **paces)
    assert (by_hand.good, by_hand.reject, by_hand.apt_us) == (100, 6, 7_260_000_000)
    assert [ratio(name, by_hand).value for name in ("availability", "quality_ratio")] == [1.0, 100 / 106]
