"""Elements of hours, shifts and orders agree with each other."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from mes.domain.calendar import Calendar, teams_on
from mes.domain.kpi import Elements, total
from mes.domain.plant import Team
from mes.store.kpis import by_team, load_shifts, order_elements, window_elements
from tests.tracker.scene import Scene, at

HOUR = timedelta(hours=1)


def worked(scene: Scene) -> int:
    """Two hours of M1 and M2 with a fault, a micro stop, rejects, set-up and an order; the order's id."""
    order = scene.order("MO-1", 500)
    job = scene.job(order, 500)
    scene.say(600, "mark", mark="start", line="L1", job_id=job, phase="setup")
    scene.say(900, "mark", mark="start", line="L1", job_id=job)
    scene.hear([(0, f"{machine}/state", "run") for machine in ("M1", "M2")])
    scene.hear(
        [(2000, "M2/state", "flt"), (2600, "M2/state", "run"), (4000, "M2/state", "wait"), (4030, "M2/state", "run")]
    )
    counts = [
        (0, "M2/good_total", 0),
        (0, "M2/reject_total", 0),
        (0, "M1/reject_total", 0),
        (1500, "M1/reject_total", 2),
    ]
    counts += [(700 + 20 * n, "M2/good_total", n + 1) for n in range(300)]
    scene.hear([*counts, (3000, "M2/reject_total", 5)])
    scene.track(6700)
    scene.track(7200)
    return order


@pytest.mark.parametrize("scope", ["M2", "L1", "H1", "L2"])
def test_the_hours_of_a_shift_sum_to_its_ledger(scene: Scene, scope: str) -> None:
    """Hour by hour or as a shift, a machine, a line and a station by hand have the same elements."""
    worked(scene)
    ((_, _, _, shift),) = load_shifts(scene.conn, [scope], date(2026, 1, 5), date(2026, 1, 5))
    hours = [(at(3600 * n), at(3600 * n) + HOUR) for n in range(8)]
    found = window_elements(scene.conn, Calendar(scene.plant), scope, hours)
    assert total(found) == shift
    assert found[3] == Elements()


def test_a_line_runs_through_micro_stops_and_answers_for_all_its_rejects(scene: Scene) -> None:
    """M2 waited 30 s, which its line (limit 60 s) counts as running; M1's rejects are the line's."""
    worked(scene)
    rows = {
        row.scope: row.elements for row in load_shifts(scene.conn, ["M2", "L1"], date(2026, 1, 5), date(2026, 1, 5))
    }
    assert rows["M2"].adet_us == 30_000_000
    assert rows["L1"].adet_us == 0
    assert (rows["M2"].reject, rows["L1"].reject) == (5, 7)
    assert (rows["L1"].failures, rows["L1"].failure_us, rows["L1"].aust_us) == (1, 600_000_000, 300_000_000)


def test_an_order_has_its_own_elements(scene: Scene) -> None:
    """From its set-up on: 300 s set up, a fault of 600 s, the rest running (a micro stop, too), as the line's."""
    order = worked(scene)
    found = order_elements(scene.conn, Calendar(scene.plant), [order])[order]
    assert (found.aust_us, found.adot_us, found.adet_us, found.failures) == (300_000_000, 600_000_000, 0, 1)
    assert (found.apt_us, found.order_us) == (5_700_000_000, 6_600_000_000)
    assert (found.good, found.reject) == (289, 7)
    assert found.ideal_us == 296 * 10_000_000


def test_a_teams_elements_are_those_of_its_shifts(scene: Scene) -> None:
    """What a line did in a shift is its team's."""
    worked(scene)
    team = Team("A", ("L1",), date(2026, 1, 5), ("D", "-"))
    rows = load_shifts(scene.conn, ["L1"], date(2026, 1, 5), date(2026, 1, 6))
    plant = type(scene.plant)(scene.plant.site, team=(team,))
    teams = {(r.scope, r.shift_day, r.shift): teams_on(plant, r.scope, r.shift_day, r.shift) for r in rows}
    assert by_team(rows, teams) == {"A": rows[0].elements}


def test_a_scope_that_is_not_there_is_refused(scene: Scene) -> None:
    """Neither line nor machine nor station."""
    with pytest.raises(KeyError):
        window_elements(scene.conn, Calendar(scene.plant), "nobody", [(at(0), at(60))])
