"""A line's time is told by what it stood for: docs/decisions/0016."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from mes.domain.calendar import Calendar
from mes.domain.kpi import Elements, ratio, total
from mes.formats.plant_file import read_plant
from mes.store.kpis import load_shifts, order_elements, stop_pareto, window_elements
from mes.store.screens.api_kpis import RootRow, why_kpi
from mes.tracker.replay import verify
from tests.tracker.scene import Scene, at, plant_text

MONDAY = date(2026, 1, 5)
S = 1_000_000


def both_run(scene: Scene) -> None:
    """Both machines of L1 run from the beginning."""
    scene.hear([(0, f"{machine}/state", "run") for machine in ("M1", "M2")])


def track(scene: Scene, seconds: float) -> None:
    """Book what was heard, then what went by in silence until an instant."""
    scene.track(seconds - 120)
    scene.track(seconds)


def of_shift(scene: Scene, scope: str = "L1") -> Elements:
    """The booked elements of Monday's shift; whatever they are, a replay books the same and they sum up."""
    ((_, _, _, found),) = load_shifts(scene.conn, [scope], MONDAY, MONDAY)
    parts = (found.planned_stop_us, found.apt_us, found.aust_us, found.adet_us, found.adot_us, found.no_data_us)
    assert sum(parts) == found.calendar_us
    assert list(verify(scene.conn, at(-3600), at(9 * 3600))) == []
    return found


def standstills(scene: Scene) -> list[tuple[Any, ...]]:
    """Of each standstill of L1: its state, cause, root, what that stood in, and whether for a failure told before."""
    return scene.rows(
        "select state, cause, root_machine, root_state, again from stop where scope = 'L1' and from_at > %s "
        "order by from_at", at(0),
    )  # fmt: skip


def test_a_failure_upstream_is_downtime_of_the_line(scene: Scene) -> None:
    """M1 is down, M2 starves 20 s later: the line is down as long as its output stands, with one failure, M1's."""
    both_run(scene)
    scene.hear(
        [(600, "M1/state", "flt"), (620, "M2/state", "wait"), (1200, "M1/state", "run"), (1230, "M2/state", "run")]
    )
    track(scene, 1800)
    line, m2 = of_shift(scene), of_shift(scene, "M2")
    assert (line.adot_us, line.adet_us, line.failures, line.failure_us) == (610 * S, 0, 1, 610 * S)
    assert (line.apt_us, line.no_data_us) == (1190 * S, 0)
    assert (m2.adot_us, m2.adet_us, m2.failures) == (0, 610 * S, 0)
    assert (ratio("mtbf", line).value, ratio("mttr", line).value) == (1190 / 60, 610 / 60)
    assert standstills(scene) == [("starved", "upstream", "M1", "fault", False)]
    assert [one[:2] for one in stop_pareto(scene.conn, ["L1"], at(1), at(3600))] == [("", "fault")]
    because = why_kpi(scene.conn, "mtbf", ["L1"], MONDAY, MONDAY)
    assert (because.why.result.value, because.roots) == (1190 / 60, [RootRow("L1", "M1", "fault", 1, 1, 610.0)])


def test_want_of_a_component_upstream_stays_waiting(scene: Scene) -> None:
    """M1 has no parts, so M2 starves: the line waits (ADET) for a component; nothing failed."""
    both_run(scene)
    scene.hear(
        [(600, "M1/state", "wait"), (620, "M2/state", "wait"), (1200, "M1/state", "run"), (1230, "M2/state", "run")]
    )
    track(scene, 1800)
    line = of_shift(scene)
    assert (line.adot_us, line.adet_us, line.failures) == (0, 610 * S, 0)
    assert scene.rows("select cause from stop where scope = 'M1' and from_at > %s", at(0)) == [("component",)]
    assert standstills(scene) == [("starved", "upstream", "M1", "starved", False)]


def test_setting_up_upstream_is_set_up_time_of_the_line_but_not_in_a_break(scene: Scene) -> None:
    """M1 is set up from 11:50 to 12:10 while M2 waits: ten minutes of set-up; the break stays a break."""
    both_run(scene)
    scene.apply(scene.plant_with('"full" = "blocked"', '"full" = "setup"'), from_seconds=-3600)
    scene.hear([(13_800, "M1/state", "full"), (13_800, "M2/state", "wait"), (15_000, "M1/state", "run")])
    scene.hear([(15_000, "M2/state", "idle"), (16_200, "M2/state", "run")])
    track(scene, 18_000)
    line, m1 = of_shift(scene), of_shift(scene, "M1")
    assert (line.aust_us, line.adet_us, line.planned_stop_us) == (600 * S, 0, 1800 * S)
    assert m1.aust_us == 1200 * S


def test_one_failure_that_stands_the_line_still_twice_is_one(scene: Scene) -> None:
    """M2 finds a few pieces while M1 is down and starves again: one failure, both stretches its downtime."""
    both_run(scene)
    scene.hear(
        [(600, "M1/state", "flt"), (620, "M2/state", "wait"), (900, "M2/state", "run"), (920, "M2/state", "wait")]
    )
    track(scene, 1000)
    scene.hear([(1200, "M1/state", "run"), (1230, "M2/state", "run")])
    track(scene, 1800)
    line = of_shift(scene)
    assert (line.adot_us, line.failures, line.failure_us) == (590 * S, 1, 590 * S)
    assert [again for *_, again in standstills(scene)] == [False, True]


def test_a_micro_stop_for_a_failure_does_not_use_it_up(scene: Scene) -> None:
    """M2 starves 30 s (running, to its line) and then long for the same fault: that is when the line failed."""
    both_run(scene)
    scene.hear(
        [(600, "M1/state", "flt"), (620, "M2/state", "wait"), (650, "M2/state", "run"), (700, "M2/state", "wait")]
    )
    scene.hear([(1200, "M1/state", "run"), (1230, "M2/state", "run")])
    track(scene, 1800)
    line = of_shift(scene)
    assert (line.adot_us, line.failures, line.apt_us) == (530 * S, 1, 1270 * S)


def test_a_failure_heard_late_makes_booked_waiting_downtime(scene: Scene) -> None:
    """The line was booked as waiting behind a slow M1; then M1's fault is heard, over the end of an hour."""
    both_run(scene)
    scene.hear([(3000, "M2/state", "wait")])
    track(scene, 4000)
    before = of_shift(scene)
    assert (before.adet_us, before.adot_us, before.failures) == (960 * S, 0, 0)
    scene.hear(
        [(2990, "M1/state", "idle"), (3500, "M1/state", "flt"), (4200, "M1/state", "run"), (4210, "M2/state", "run")]
    )
    track(scene, 4800)
    line = of_shift(scene)
    assert (line.adet_us, line.adot_us, line.failures) == (0, 1210 * S, 1)


def test_a_failure_over_the_end_of_a_shift_goes_on_into_the_next_once(scene: Scene) -> None:
    """M1 is down over the end of a shift: the standstill is split between both, and counted where it began."""
    night = '[[shift]]\ncode = "N"\nstarts_at = "16:00"\nends_at = "00:00"\n\n[[shift]]\ncode = "D"'
    text = plant_text().replace('[[shift]]\ncode = "D"', night).replace('shifts = ["D"]', 'shifts = ["D", "N"]')
    scene.apply(read_plant(text), from_seconds=-3600)
    both_run(scene)
    end = 8 * 3600
    scene.hear([(end - 600, "M1/state", "flt"), (end - 580, "M2/state", "wait")])
    track(scene, end + 60)
    scene.hear([(end + 600, "M1/state", "run"), (end + 610, "M2/state", "run")])
    track(scene, end + 1200)
    day, night_shift = load_shifts(scene.conn, ["L1"], MONDAY, MONDAY)
    assert (day.shift, day.elements.failures, day.elements.adot_us) == ("D", 1, 580 * S)
    assert (night_shift.shift, night_shift.elements.failures, night_shift.elements.adot_us) == ("N", 0, 610 * S)
    assert list(verify(scene.conn, at(-3600), at(9 * 3600))) == []


def test_hours_of_a_line_sum_to_its_shift_however_stops_are_cut(scene: Scene) -> None:
    """A micro stop over the end of an hour, a fault that begins with one, and one that is felt over a third."""
    order = scene.order("MO-1", 500)
    scene.say(0, "mark", mark="start", line="L1", job_id=scene.job(order, 500))
    both_run(scene)
    scene.hear(
        [(3580, "M2/state", "wait"), (3620, "M2/state", "run"), (7200, "M2/state", "flt"), (7500, "M2/state", "run")]
    )
    scene.hear(
        [
            (10_000, "M1/state", "flt"),
            (10_020, "M2/state", "wait"),
            (11_000, "M1/state", "run"),
            (11_010, "M2/state", "run"),
        ]
    )
    track(scene, 5 * 3600)
    line = of_shift(scene)
    hours = [(at(3600 * n), at(3600 * n) + timedelta(hours=1)) for n in range(8)]
    found = window_elements(scene.conn, Calendar(scene.plant), "L1", hours)
    assert total(found) == line
    assert [one.failures for one in found][:4] == [0, 0, 2, 0]
    assert (line.adot_us, line.adet_us) == (1290 * S, 0)
    taken = order_elements(scene.conn, Calendar(scene.plant), [order])[order]
    assert (taken.adot_us, taken.adet_us, taken.failures) == (line.adot_us, line.adet_us, line.failures)
