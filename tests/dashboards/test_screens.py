"""Images of screens: what a small plant's rows say on each page, from the real tracker's bookings."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from psycopg.types.json import Jsonb

from api.live.patch import difference, tree_of
from mes.domain.calendar import Calendar
from mes.store.screens import schedule
from mes.store.screens.line import show_line
from mes.store.screens.orders import show_orders
from mes.store.screens.schedule import show_board
from mes.store.screens.shortages import show_shortages
from mes.store.screens.station import show_station
from mes.store.screens.strip import PLANNED, Stretch, pieces
from mes.store.screens.wall import show_wall
from tests.tracker.scene import START, Scene, at


@pytest.fixture
def scene(conn: psycopg.Connection) -> Scene:
    """A small plant in a fresh database: an order on L1, parts that will run out, M1 in fault since 480 s."""
    scene = Scene(conn)
    scene.product()
    order = scene.order("MO-1", 500)
    job = scene.job(order, 500)
    conn.execute("update plan set version = 1, published_at = %s where state = 'published'", (at(-60),))
    conn.execute(
        """
        insert into plan_line (plan_id, order_id, operation_seq, line, shift_day, shift, sequence, quantity, start_at,
                               end_at)
        select id, %s, 20, 'L1', '2026-01-05', 'D', 1, 500, %s, %s from plan where state = 'published'
        """,
        (order, at(0), at(5000)),
    )
    scene.stock("L1-side", 0, [("C", 50), ("B", 40)])
    scene.stock("WH", 0, [("C", 600), ("B", 100)])
    scene.receipt("PO-9", "C", 100, 40_000)
    scene.say(60, "mark", mark="start", job_id=job, line="L1", phase="production")
    scene.hear([(0, "M1/state", "run"), (0, "M2/state", "run")])
    scene.hear([(60 + 10 * k, f"{m}/good_total", k) for k in range(40) for m in ("M1", "M2")])
    scene.hear([(480, "M1/state", "flt"), (481, "M1/stop_code", "E7"), (500, "M2/state", "wait")])
    scene.say(700, "count", station="H1", quantity=3)
    scene.track(900)
    scene.track(905)
    return scene


NOW = at(910)


def calendar(scene: Scene) -> Calendar:
    return Calendar(scene.plant)


def test_a_tile_names_the_machine_at_which_the_standstill_began(scene: Scene) -> None:
    """The last machine waits because the first is in fault: the line is in fault, there, for the device's reason."""
    tile = show_wall(scene.conn, calendar(scene), NOW).tiles["L1"]
    assert (tile.status, tile.machine, tile.reason and tile.reason.en) == ("fault", "M1", "Jam")
    assert tile.since == int(at(500).timestamp() * 1000)
    assert tile.strip[max(tile.strip, key=int)] == "fault"


def test_a_tile_counts_what_its_counting_station_counted(scene: Scene) -> None:
    """Good is the counting station's, the plan is that of the shift, the pace is spread over working time."""
    tile = show_wall(scene.conn, calendar(scene), NOW).tiles["L1"]
    assert (tile.good, tile.planned, tile.order) == (39, 500, "MO-1")
    assert tile.pace == ((int(at(0).timestamp() * 1000), 0.0), (int(at(5000).timestamp() * 1000), 500.0))


def test_a_manual_line_has_a_tile_like_any_other(scene: Scene) -> None:
    """Its state comes from the people who count."""
    tile = show_wall(scene.conn, calendar(scene), NOW).tiles["L2"]
    assert (tile.status, tile.good, tile.manual) == ("running", 3, True)


def test_the_wall_names_what_runs_out(scene: Scene) -> None:
    """Shortages and call-offs, oldest first; what is covered is not named."""
    lacks = show_wall(scene.conn, calendar(scene), NOW).lacks
    assert {(lack.kind, lack.item) for lack in lacks.values()} == {
        ("call_off", "B"), ("call_off", "C"), ("shortage", "B"), ("shortage", "C"),
    }  # fmt: skip


def test_a_passing_minute_changes_nothing(scene: Scene) -> None:
    """Durations, pace and strips are extended by the screen, so time alone sends no delta."""
    first, later = (tree_of(show_wall(scene.conn, calendar(scene), NOW + timedelta(seconds=s))) for s in (0, 75))
    assert difference(first, later) == {}


def test_a_wall_cut_to_a_line_says_nothing_of_others(scene: Scene) -> None:
    """Whoever sees one line alone sees its tile, its calls and what it lacks."""
    image = tree_of(show_wall(scene.conn, calendar(scene), NOW, frozenset({"L2"})))
    assert (image["lines"], list(image["tiles"]), image["lacks"]) == (["L2"], ["L2"], {})


def test_a_shortage_adds_up(scene: Scene) -> None:
    """Need is what lies there, what comes in time, and what is missing; a late receipt covers nothing."""
    shortages = show_shortages(scene.conn, calendar(scene), NOW).shortages
    for one in shortages.values():
        assert float(one.need) == float(one.on_hand) + float(one.on_order) + float(one.short)
    short = next(one for one in shortages.values() if one.item == "C")
    assert (short.on_order, [receipt.number for receipt in short.receipts]) == ("0", ["erp/PO-9/1"])
    assert (short.told_at, short.answer) == (None, None)


def test_a_shortage_says_when_a_system_read_of_it_and_what_it_answered(scene: Scene) -> None:
    """Told is when somebody had read the feed that far, not when it was written."""
    conn = scene.conn
    conn.execute("update outbox set seq = id")
    conn.execute("insert into feed_read values ('erp', (select max(seq) from outbox), %s)", (at(908),))
    conn.execute(
        """
        insert into shortage_answer (client_id, shortage_id, at, by, answer, ref, quantity, expected_at)
        select gen_random_uuid(), id, %s, 'key:erp', 'ordered', 'PO-10', 360, %s from shortage where item = 'B'
        """,
        (at(909), at(30_000)),
    )
    short = next(s for s in show_shortages(conn, calendar(scene), NOW).shortages.values() if s.item == "B")
    assert short.told_at == int(at(908).timestamp() * 1000)
    assert short.answer is not None
    assert (short.answer.ref, short.answer.quantity, short.state) == ("PO-10", "360", "acknowledged")


def test_an_order_shows_its_progress_parts_and_messages(scene: Scene) -> None:
    """Operations on the same line are one stage; parts are reckoned against the bill of materials."""
    (order,) = show_orders(scene.conn, calendar(scene), NOW).orders.values()
    assert (order.status, order.good, [step.seq for step in order.steps]) == ("running", 39, [20])
    part = next(use for use in order.uses if use.item == "B")
    assert (part.standard, part.still_needed) == ("39", "461")
    assert "mes.order.accepted" in [message.type for message in order.messages]


def test_the_board_shows_the_published_plan_on_open_hours(scene: Scene) -> None:
    """Lots as bars, the line's working hours, the frozen window, and the run that was asked for."""
    board = show_board(scene.conn, calendar(scene), NOW)
    assert board.published is not None
    assert [lot.order for lot in board.published.lots.values()] == ["erp/MO-1"]
    assert board.rows["L1"].open[0] == tuple(int((START + timedelta(hours=h)).timestamp() * 1000) for h in (0, 4))
    assert board.orders["erp/MO-1"].done == 39
    assert (board.proposal, board.diff) == (None, None)
    assert board.run is not None
    assert board.run.state == "waiting"


@pytest.mark.parametrize(("more", "is_told"), [(1, True), (100, False)])
def test_the_board_says_a_shortage_as_it_was_told(scene: Scene, monkeypatch, more: int, is_told: bool) -> None:
    """A piece more than everybody was told is no other figure; a hundred are."""
    monkeypatch.setattr(schedule, "_bodies", {})
    (told,) = scene.conn.execute(
        "select short_quantity from shortage where item = 'B' and closed_at is null"
    ).fetchone()
    row = {"item": "B", "qty": str(told + more), "needed_by": NOW.isoformat(), "orders": []}
    scene.conn.execute("update plan set shortages = %s", (Jsonb([row]),))
    board = show_board(scene.conn, calendar(scene), NOW)
    assert board.published is not None
    assert [Decimal(lack.quantity) for lack in board.published.lacks] == [told if is_told else told + more]


def test_a_terminal_shows_its_job_and_how_long_parts_last(scene: Scene) -> None:
    """Only the parts of the station's own operations; at the planned pace over working hours."""
    station = show_station(scene.conn, calendar(scene), NOW, "S2")
    assert station.job is not None
    job = station.jobs[station.job]
    assert (job.order, job.state, job.good, [part.item for part in job.parts]) == ("MO-1", "running", 39, ["B"])
    lasts = job.parts[0].lasts_until
    assert lasts is not None
    assert int(NOW.timestamp() * 1000) < lasts < int(at(1000).timestamp() * 1000)


def test_a_terminal_of_people_shows_what_they_said_and_what_is_nobodys(scene: Scene) -> None:
    """Counts without a job are named as such, and the next hourly entry begins where the last one ended."""
    station = show_station(scene.conn, calendar(scene), NOW, "H1")
    assert (station.counts_by, station.good, station.unassigned, station.job) == ("scan", 3, 3, None)
    assert [(said.kind, said.quantity) for said in station.said] == [("count", "3")]
    assert station.hour_from == int(at(700).timestamp() * 1000)


def test_a_terminal_asks_for_reasons_only_of_stops_that_are_long_enough(scene: Scene) -> None:
    """A short stop is not asked about; a long one without a reason is."""
    assert [s.state for s in show_station(scene.conn, calendar(scene), NOW, "S2").stops] == ["starved"]
    assert show_station(scene.conn, calendar(scene), at(600), "S2").stops == ()


def test_a_line_is_told_hour_by_hour(scene: Scene) -> None:
    """Good of the counting station by clock hours since the shift began; every machine with its own state."""
    line = show_line(scene.conn, calendar(scene), NOW, "L1")
    assert [(hour.good, hour.reject) for hour in line.hours.values()] == [(39, 0)]
    assert {code: machine.status for code, machine in line.machines.items()} == {"M1": "fault", "M2": "starved"}


def test_what_does_not_run_outside_working_hours_stands_as_planned() -> None:
    """A strip is cut where the calendar opens and closes; running work stays running."""
    spans: list[Stretch] = [
        (at(-7200), at(1800), "idle"),
        (at(1800), at(3600), "running"),
        (at(3600), None, "idle"),
    ]
    found = pieces(spans, [(at(0), at(2700)), (at(5400), at(9000))], at(-3600), at(7200))
    assert found == [
        (at(-3600), PLANNED), (at(0), "idle"), (at(1800), "running"), (at(3600), PLANNED), (at(5400), "idle"),
    ]  # fmt: skip


def test_a_strip_says_where_nothing_is_known() -> None:
    """After a span that ended and before the next one there is a hole, which is drawn as one."""
    found = pieces([(at(0), at(60), "running")], [(at(0), at(9000))], at(0), at(600))
    assert found == [(at(0), "running"), (at(60), "")]
