"""What users of other systems complained of, one test each: the source stands in the test's name or docstring."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from mes.domain.calendar import Calendar
from mes.domain.kpi import ratio, total, why
from mes.formats.plant_file import read_plant
from mes.store.kpis import load_shifts, window_elements
from mes.store.screens.api_kpis import list_hour_kpis, list_shift_kpis, why_kpi
from mes.store.screens.line import show_line
from mes.store.screens.station import show_station
from mes.store.screens.wall import show_wall
from mes.store.source import Gap, insert_gap
from tests.tracker.scene import Scene, at, plant_text

MONDAY = date(2026, 1, 5)
SPANS = "select extract(epoch from from_at - %s)::float, state, shift_day, shift from state_span where machine = %s"


def test_an_open_stop_swallows_no_later_one_openmes_0_20(scene: Scene) -> None:
    """A stop whose end comes late, after two more were booked, ends where the machine ran again."""
    scene.hear([(0, "M2/state", "run"), (100, "M2/state", "flt")])
    scene.track(110)
    scene.hear([(300, "M2/state", "run"), (400, "M2/state", "idle"), (500, "M2/state", "run")])
    scene.track(510)
    scene.hear([(600, "M2/state", "flt")])
    scene.track(610)
    scene.hear([(200, "M2/state", "run"), (250, "M2/state", "flt")])
    scene.track(620)
    stops = scene.rows(
        """
        select extract(epoch from from_at - %s)::int, extract(epoch from to_at - %s)::int, state from stop
        where scope = 'M2' and from_at >= %s order by from_at
        """, at(0), at(0), at(0),
    )  # fmt: skip
    assert stops == [(100, 200, "fault"), (250, 300, "fault"), (400, 500, "idle"), (600, None, "fault")]


def test_an_overnight_shift_is_on_the_day_it_began_openmes_0_20(scene: Scene) -> None:
    """22:00 to 06:00: a piece and a stop at 01:00 on Tuesday are Monday's, in counts, spans, stops and ledger."""
    night = scene.plant_with('starts_at = "08:00"\nends_at = "16:00"', 'starts_at = "22:00"\nends_at = "06:00"')
    scene.apply(night, from_seconds=-3600)
    one = 17 * 3600
    scene.hear([(one - 60, "M2/state", "run"), (one - 60, "M2/good_total", 0), (one, "M2/good_total", 3)])
    scene.hear([(one + 60, "M2/state", "flt"), (one + 120, "M2/state", "run")])
    scene.track(one + 180)
    assert scene.rows("select shift_day, shift, good from shift_count where good > 0") == [(MONDAY, "D", 3)]
    assert scene.rows("select shift_day, shift from stop where scope = 'M2' and state = 'fault'") == [(MONDAY, "D")]
    assert scene.rows("select distinct shift_day, shift from state_span where machine = 'M2' and from_at >= %s",
                      at(one)) == [(MONDAY, "D")]  # fmt: skip
    ledger = scene.rows("select shift_day, good, adot_us from time_ledger where (machine, shift) = ('M2', 'D')")
    assert ledger == [(MONDAY, 3, 60_000_000)]


def test_no_data_is_not_idle_openmes_0_20(scene: Scene) -> None:
    """A source that is silent leaves offline and no_data; a machine that waits is idle and delayed."""
    scene.hear([(0, f"{machine}/state", "run") for machine in ("M1", "M2")])
    scene.hear([(60, "M1/state", "idle"), (180, "M1/state", "run")])
    scene.track(200)
    gap = Gap("plc", at(300), "connection_lost", at(420))
    insert_gap(scene.conn, gap, epoch=0, machines=["M1", "M2"])
    scene.track(480)
    scene.hear([(500, "M1/state", "run"), (500, "M2/state", "run")])
    scene.track(600)
    ledger = scene.rows("select machine, adet_us / 1000000, no_data_us / 1000000 from time_ledger "
                        "where machine in ('M1', 'M2') order by 1")  # fmt: skip
    assert ledger == [("M1", 120, 120), ("M2", 0, 120)]
    assert [state for _, state, _, _ in scene.rows(SPANS + " order by 1", at(0), "M2")] == [
        "running", "offline", "running",
    ]  # fmt: skip


def test_late_data_is_booked_where_it_belongs_umh(scene: Scene) -> None:
    """What a device sends after its shift is over is that shift's: counts, stops, time, and nothing twice."""
    scene.hear([(0, "M2/state", "run"), (0, "M2/good_total", 0), (100, "M2/good_total", 4)])
    scene.track(110)
    scene.track(8 * 3600 + 600)
    before = scene.rows("select good, adot_us from time_ledger where (machine, shift) = ('M2', 'D')")
    assert before == [(4, 0)]
    scene.hear([(50, "M2/good_total", 2), (60, "M2/state", "flt"), (90, "M2/state", "run"), (200, "M2/good_total", 9)])
    scene.track(9 * 3600)
    after = scene.rows("select good, adot_us from time_ledger where (machine, shift) = ('M2', 'D')")
    assert after == [(9, 30_000_000)]
    assert scene.rows("select shift, sum(good)::int from shift_count group by 1") == [("D", 9)]


def test_a_figure_is_the_same_on_every_screen_odoo_218310(scene: Scene) -> None:
    """Thirds of minutes, odd instants: hours, shift, day, why, wall, line, station and report agree exactly."""
    job = scene.job(scene.order("MO-1", 500), 500)
    scene.say(100, "mark", mark="start", line="L1", job_id=job)
    scene.hear([(0, f"{machine}/state", "run") for machine in ("M1", "M2")])
    scene.hear([(1000 / 3, "M2/state", "flt"), (1700 / 3, "M2/state", "run")])
    scene.hear([(0, "M2/good_total", 0), (0, "M2/reject_total", 0)])
    scene.hear([(150 + 77.7 * n, "M2/good_total", n) for n in range(70)] + [(4000.123, "M2/reject_total", 3)])
    scene.track(3 * 3600)
    scene.track(3 * 3600 + 60)
    calendar = Calendar(scene.plant)
    elements = load_shifts(scene.conn, ["L1"], MONDAY, MONDAY)[0].elements
    oee = ratio("oee", elements).value
    hours = [(at(3600 * n), at(3600 * n) + timedelta(hours=1)) for n in range(4)]
    assert ratio("oee", total(window_elements(scene.conn, calendar, "L1", hours))).value == oee
    (by_day,) = list_shift_kpis(scene.conn, ["L1"], MONDAY, MONDAY, by="day")
    by_hour = list_hour_kpis(scene.conn, calendar, ["L1"], at(0), at(4 * 3600))
    assert total(one.elements for one in by_hour) == by_day.elements == elements
    assert why_kpi(scene.conn, "oee", ["L1"], MONDAY, MONDAY).why == why("oee", elements)
    assert scene.rows("select oee from report.shift_kpi where scope = 'L1'")[0][0] == oee
    tile = show_wall(scene.conn, calendar, at(3 * 3600)).tiles["L1"]
    line = show_line(scene.conn, calendar, at(3 * 3600), "L1")
    station = show_station(scene.conn, calendar, at(3 * 3600), "S2")
    shown = {(tile.good, tile.reject), (line.tile.good, line.tile.reject), (station.good, station.reject)}
    shown |= {(sum(h.good for h in line.hours.values()), sum(h.reject for h in line.hours.values()))}
    assert shown == {(elements.good, elements.reject)} == {(69, 3)}


def test_hours_are_cut_on_the_clock_openmes_0_20(scene: Scene) -> None:
    """A piece at 10:00:00 sharp is the next hour's, and no piece is in two."""
    scene.hear(
        [(0, "M2/state", "run"), (0, "M2/good_total", 0), (7199.9, "M2/good_total", 5), (7200, "M2/good_total", 7)]
    )
    scene.track(7300)
    scene.track(8000)
    hours = list_hour_kpis(scene.conn, Calendar(scene.plant), ["L1"], at(0), at(3 * 3600))
    assert [one.elements.good for one in hours] == [0, 5, 2]


def test_people_may_work_on_several_jobs_at_once_erpnext_38336(scene: Scene) -> None:
    """Two jobs on one line at the same time are legal: each station's pieces go to its own."""
    first, second = (scene.job(scene.order(f"MO-{n}", 100), 100) for n in (1, 2))
    scene.say(10, "mark", mark="start", station="S1", job_id=first)
    scene.say(10, "mark", mark="start", station="S2", job_id=second)
    scene.hear([(11, f"{machine}/good_total", 0) for machine in ("M1", "M2")])
    scene.hear([(30, "M1/good_total", 3), (30, "M2/good_total", 2)])
    scene.track(60)
    assert scene.rows("select job_id, good from shift_count order by 1") == [(first, 3), (second, 2)]
    used = scene.rows("select job_id, item, quantity from consumption order by 1, 2")
    assert used == [(first, "C", Decimal(6)), (second, "B", Decimal(2))]


def test_a_state_and_its_reason_belong_together(scene: Scene) -> None:
    """A jam at M1, over already, left a hole in which M2 starves: the line stands for the jam, not for parts."""
    scene.hear([(0, f"{machine}/state", "run") for machine in ("M1", "M2")])
    scene.hear(
        [(600, "M1/stop_code", "E7"), (600, "M1/state", "flt"), (640, "M1/stop_code", ""), (640, "M1/state", "run")]
    )
    scene.hear([(660, "M2/state", "wait")])
    scene.track(700)
    tile = show_wall(scene.conn, Calendar(scene.plant), at(700)).tiles["L1"]
    assert tile.reason is not None
    assert (tile.status, tile.machine, tile.reason.en) == ("fault", "M1", "Jam")
    line = scene.rows(
        "select state, cause, root_machine, root_state, reason from stop where scope = 'L1' and from_at > %s", at(600)
    )
    assert line == [("starved", "upstream", "M1", "fault", "R1")]


def test_a_code_left_over_from_an_earlier_stop_names_no_waiting(scene: Scene) -> None:
    """A device that never clears its code: the starvation after the jam has no reason; a new fault has it again."""
    scene.hear(
        [(0, "M1/state", "run"), (100, "M1/stop_code", "E7"), (101, "M1/state", "flt"), (200, "M1/state", "run")]
    )
    scene.hear(
        [(300, "M1/state", "wait"), (400, "M1/state", "run"), (500, "M1/state", "flt"), (600, "M1/state", "run")]
    )
    scene.track(700)
    stops = scene.rows(
        "select state, stop_code, reason from stop where scope = 'M1' and from_at >= %s order by from_at", at(100)
    )
    assert stops == [("fault", "E7", "R1"), ("starved", "", ""), ("fault", "E7", "R1")]


def test_the_running_tracker_books_by_the_plant_in_force_openmes_0_20(scene: Scene) -> None:
    """No restart and no stale settings: what a word means and how long a micro stop is change when the file says so."""
    scene.hear([(0, f"{machine}/state", "run") for machine in ("M1", "M2")])
    scene.hear([(100, "M2/state", "wait"), (130, "M2/state", "run")])
    scene.track(200)
    text = (
        plant_text().replace("micro_stop_s = 60", "micro_stop_s = 20").replace('"full" = "blocked"', '"full" = "setup"')
    )
    scene.apply(read_plant(text), from_seconds=86_400)
    tuesday = 86_400
    scene.hear([(tuesday + 100, "M2/state", "wait"), (tuesday + 130, "M2/state", "run")])
    scene.hear([(tuesday + 200, "M2/state", "full"), (tuesday + 300, "M2/state", "run")])
    scene.track(tuesday + 400)
    ledger = scene.rows(
        "select shift_day - date '2026-01-05', adet_us / 1000000, aust_us / 1000000 from time_ledger "
        "where (machine, shift) = ('L1', 'D') order by 1"
    )
    assert ledger == [(0, 0, 0), (1, 30, 100)]


def test_a_device_that_repeats_itself_makes_no_rows_openmes_0_20(scene: Scene) -> None:
    """The same state and total every ten seconds for two hours: one span, and no count but the pieces made."""
    scene.hear([(10.0 * n, "M2/state", "run") for n in range(720)])
    scene.hear([(10.0 * n, "M2/good_total", 3) for n in range(720)] + [(7200, "M2/good_total", 5)])
    scene.track(7300)
    assert scene.rows("select state from state_span where machine = 'M2'") == [("running",)]
    assert scene.rows("select good from minute_count") == [(2,)]
    assert scene.rows("select count(*) from stop where scope = 'M2'") == [(0,)]


def test_components_used_in_parts_add_up_erpnext_28377(scene: Scene) -> None:
    """Parts brought in two goes, pieces counted in three: the balance is what was brought less what went in, always."""
    job = scene.job(scene.order("MO-1", 100), 100)
    scene.stock("L1-side", 0, [("C", 10)])
    scene.say(10, "mark", mark="start", line="L1", job_id=job)
    scene.hear([(11, "M1/good_total", 0), (40, "M1/good_total", 2), (70, "M1/good_total", 3)])
    scene.track(100)
    scene.hear([(130, "M1/good_total", 7)])
    scene.track(160)
    assert scene.rows("select quantity from consumption where item = 'C'") == [(Decimal(14),)]
    scene.hear([(50, "M1/reject_total", 0), (55, "M1/reject_total", 1)])
    scene.track(200)
    assert scene.rows("select quantity from consumption where item = 'C'") == [(Decimal(16),)]
