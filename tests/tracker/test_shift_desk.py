"""What a line lead works with: who is on, labor, counts that are nobody's, reasons for many, bottleneck, hand-over."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest

from mes.actions.floor import explain_stops
from mes.actions.handover import hand_over
from mes.domain.calendar import Calendar
from mes.domain.floor import StopReason
from mes.domain.handover import HandoverDocument, Restated, restated
from mes.errors import InputError
from mes.store.handover import figures_of, list_handovers
from mes.store.screens import api_shift
from tests.tracker.scene import Scene, at

LABOR = """
    select person, station, extract(epoch from from_at - %s)::int, extract(epoch from to_at - %s)::int, share
    from job_person order by from_at, person, station
"""


def started(scene: Scene, *, station: str = "H1", line: str = "L2") -> int:
    """A job at a station from 08:00:10 to 09:00; its id."""
    job = scene.job(scene.order("MO-1", 500), 500, line=line)
    scene.say(10, "mark", mark="start", station=station, job_id=job)
    scene.say(3600, "mark", mark="finish", station=station, job_id=job)
    return job


def test_people_share_a_job_equally_unless_somebody_says_otherwise(scene: Scene) -> None:
    """One alone has all of it; two have half each; who states 0.7 leaves 0.3 to the other; who leaves has none."""
    started(scene)
    scene.say(0, "who", station="H1", person="li")
    scene.say(600, "who", station="H1", person="wu")
    scene.say(1200, "who", station="H1", person="wu", share=Decimal("0.7"))
    scene.say(1800, "who", station="H1", person="li", leaves=True)
    scene.track(10)
    scene.track(3700)
    assert scene.rows(LABOR, at(0), at(0)) == [
        ("li", "H1", 10, 600, 1), ("li", "H1", 600, 1200, Decimal("0.5")), ("wu", "H1", 600, 1200, Decimal("0.5")),
        ("li", "H1", 1200, 1800, Decimal("0.3")), ("wu", "H1", 1200, 1800, Decimal("0.7")),
        ("wu", "H1", 1800, 3600, Decimal("0.7")),
    ]  # fmt: skip
    labor = api_shift.list_labor(scene.conn, at(900), at(1500), line=None, lines=None)
    assert sum(one.seconds * float(one.share) for one in labor) == pytest.approx(600)
    assert {(one.person, one.number) for one in labor} == {("li", "MO-1"), ("wu", "MO-1")}
    assert api_shift.list_labor(scene.conn, at(900), at(1500), line=None, lines=["L1"]) == []


def test_somebody_who_is_on_for_a_whole_line_works_at_each_of_its_jobs(scene: Scene) -> None:
    """Two orders on one line during a changeover: overlapping work is legal data, each job with its own share."""
    first, second = (scene.job(scene.order(f"MO-{n}", 100), 100) for n in (1, 2))
    scene.say(0, "who", line="L1", person="li")
    for station, job in (("S1", first), ("S2", second)):
        scene.say(10, "mark", mark="start", station=station, job_id=job)
        scene.say(70, "mark", now=10, mark="finish", station=station, job_id=job)
    scene.track(100)
    assert scene.rows("select job_id, station, share from job_person order by 1") == [
        (first, "S1", 1),
        (second, "S2", 1),
    ]


def test_who_is_on_is_known_at_any_instant(scene: Scene) -> None:
    """From signing on until signing off or on elsewhere, twelve hours at most; a correction takes it back."""
    scene.say(0, "who", line="L1", person="li")
    wrong = scene.say(0, "who", station="H1", person="wu")
    scene.say(100, "who", station="H1", person="li")

    def on(seconds: float) -> list[tuple[str, str, str]]:
        found = api_shift.list_presence(scene.conn, at(seconds), line=None, lines=None)
        return [(one.person, one.line, one.station) for one in found]

    assert on(50) == [("li", "L1", ""), ("wu", "L2", "H1")]
    assert on(150) == [("li", "L2", "H1"), ("wu", "L2", "H1")]
    assert on(12 * 3600 + 150) == []
    scene.say(0, "note", line="L2", reverses=wrong)
    assert on(50) == [("li", "L1", "")]


def test_counts_that_are_nobodys_are_worked_off(scene: Scene) -> None:
    """Two stretches stand with the jobs beside them; an assignment takes the first off the list."""
    job = started(scene)
    for second in (3700, 3800, 6000):
        scene.say(second, "count", station="H1", quantity=Decimal(2))
    scene.track(6100)
    found = api_shift.list_unassigned(scene.conn, {"H1": "L2"}, at(0), at(7200))
    assert [(one.station, one.good, one.job_before, one.job_after) for one in found] == [
        ("H1", 4, job, None), ("H1", 2, job, None),
    ]  # fmt: skip
    first = found[0]
    scene.say(
        (first.to_at - at(0)).total_seconds(), "assign", now=6200, station="H1", job_id=job, from_at=first.from_at
    )
    scene.track(6300)
    left = api_shift.list_unassigned(scene.conn, {"H1": "L2"}, at(0), at(7200))
    assert [one.good for one in left] == [2]
    assert scene.rows("select good from shift_count where job_id = %s", job) == [(4,)]


def test_one_reason_is_given_to_many_machines_and_shows_in_the_audit(scene: Scene) -> None:
    """A power cut over both machines: each stop is cut where it ends, its reason heard once, and signed."""
    scene.hear([(0, f"{machine}/state", "run") for machine in ("M1", "M2")])
    scene.hear(
        [(100, "M1/state", "idle"), (130, "M2/state", "idle"), (900, "M1/state", "run"), (900, "M2/state", "run")]
    )
    scene.track(1000)
    said = StopReason(reason="R2", from_at=at(100), to_at=at(400), machines=("M1", "M2"))
    key = uuid4()
    done = explain_stops(scene.conn, scene.deed(1000), said, scene.plant, client_id=key)
    assert [one.repeated for one in done] == [False, False]
    again = explain_stops(scene.conn, scene.deed(1001), said, scene.plant, client_id=key)
    assert [(one.id, one.repeated) for one in again] == [(one.id, True) for one in done]
    scene.track(1100)
    stops = scene.rows(
        """
        select scope, extract(epoch from from_at - %s)::int, extract(epoch from to_at - %s)::int, reason, reason_by
        from stop where scope in ('M1', 'M2') and from_at >= %s order by 1, 2
        """, at(0), at(0), at(100),
    )  # fmt: skip
    assert stops == [
        ("M1", 100, 400, "R2", "person:test"), ("M1", 400, 900, "", ""),
        ("M2", 130, 400, "R2", "person:test"), ("M2", 400, 900, "", ""),
    ]  # fmt: skip
    assert scene.rows("select count(*) from audit where action = 'entry.reason'") == [(2,)]
    with pytest.raises(InputError):
        explain_stops(scene.conn, scene.deed(1), StopReason("R2", at(0)), scene.plant, client_id=uuid4())


def test_the_bottleneck_moves(scene: Scene) -> None:
    """In the first hour M1 works and M2 waits; in the second M2 works and M1 is blocked."""
    scene.hear([(0, "M1/state", "run"), (0, "M2/state", "run"), (600, "M2/state", "wait")])
    scene.hear([(3600, "M2/state", "run"), (3600, "M1/state", "full"), (7000, "M1/state", "run")])
    scene.track(10)
    scene.track(7300)
    hours = [(at(3600 * n), at(3600 * n) + timedelta(hours=1)) for n in range(4)]
    found = api_shift.list_bottlenecks(scene.conn, Calendar(scene.plant), "L1", hours)
    assert [(one.machine, one.moved) for one in found[:2]] == [("M1", False), ("M2", True)]
    assert (found[0].waits, found[1].waits) == ({"M1": 0.0, "M2": 0.833333}, {"M1": 0.944444, "M2": 0.0})
    assert len(found) == 3


def worked(scene: Scene) -> None:
    """An hour on L1 with a job, good, reject, a stop without a reason and a piece that is nobody's."""
    job = scene.job(scene.order("MO-1", 500), 500)
    scene.say(10, "mark", mark="start", line="L1", job_id=job)
    scene.hear([(0, "M1/state", "run"), (0, "M2/state", "run"), (5, "M2/good_total", 0), (5, "M2/reject_total", 0)])
    scene.hear(
        [(100, "M2/good_total", 7), (100, "M2/reject_total", 2), (200, "M2/state", "flt"), (900, "M2/state", "run")]
    )
    scene.say(3000, "mark", mark="finish", line="L1", job_id=job)
    scene.hear([(3100, "M2/good_total", 8)])
    scene.track(10)
    scene.track(3700)


def test_a_hand_over_stays_as_it_was_and_shows_what_was_restated(scene: Scene) -> None:
    """Kept at 09:00; nothing is restated by what happens afterwards, but by a late piece and a reason it is."""
    worked(scene)
    calendar = Calendar(scene.plant)
    said = HandoverDocument(line="L1", note="M2 runs hot")
    key = uuid4()
    done = hand_over(scene.conn, scene.deed(3700), said, scene.plant, client_id=key)
    (kept,) = list_handovers(scene.conn, ids=[done.id])
    assert (kept.from_at, kept.through_at, kept.by) == (at(0), at(3660), "person:test")
    (job,) = kept.figures["jobs"].values()
    assert (job, kept.figures["unassigned"]) == ({"order": "erp/MO-1", "good": 7, "reject": 2}, 1)
    assert kept.figures["stops"] == {"": {"stops": 1, "lost_us": 700_000_000}}
    assert hand_over(scene.conn, scene.deed(3800), said, scene.plant, client_id=key).repeated

    scene.hear([(4000, "M2/good_total", 20)])
    scene.track(4100)
    assert restated(kept.figures, figures_of(scene.conn, calendar, "L1", kept.from_at, kept.through_at)) == []

    scene.hear([(150, "M2/reject_total", 3)])
    scene.say(300, "reason", now=4200, machine="M2", reason="R2")
    scene.track(4300)
    now = figures_of(scene.conn, calendar, "L1", kept.from_at, kept.through_at)
    changed = {one.figure.rpartition("/")[2] if one.figure.startswith("jobs") else one.figure: (one.was, one.now)
               for one in restated(kept.figures, now)}  # fmt: skip
    assert changed["reject"] == (2, 3)
    assert changed["elements/reject"] == (2, 3)
    assert (changed["stops//stops"], changed["stops/R2/stops"]) == ((1, None), (None, 1))
    assert list_handovers(scene.conn, ids=[done.id]) == [kept]
    assert Restated("elements/good", 1, 2) not in restated(kept.figures, now)


def test_a_hand_over_is_never_changed(scene: Scene) -> None:
    """The database itself refuses to change or delete one."""
    worked(scene)
    hand_over(scene.conn, scene.deed(3700), HandoverDocument(line="L1"), scene.plant, client_id=uuid4())
    for change in ("update handover set note = 'x'", "delete from handover"):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation), scene.conn.transaction():
            scene.conn.execute(change)  # type: ignore[arg-type]


def test_a_line_that_does_not_work_is_not_handed_over(scene: Scene) -> None:
    """No line, or no shift half an hour ago: 422 naming the field."""
    for line, seconds, pointer in (("L9", 3700, "/line"), ("L1", 20 * 3600, "/at")):
        with pytest.raises(InputError) as refused:
            hand_over(scene.conn, scene.deed(seconds), HandoverDocument(line=line), scene.plant, client_id=uuid4())
        assert [fault.pointer for fault in refused.value.faults] == [pointer]
