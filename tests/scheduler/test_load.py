"""What the database knows becomes a question for the solver."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from mes.domain.plan import ChangeCalendar, ChangeOrder, ChangeReceipt, Lot
from mes.domain.plant import CalendarException, Crew, Line, Machine, Name, Plant, Resource, Setup, Shift, Site, Station
from mes.errors import InputError
from mes.store.demand import (
    ComponentLine,
    ExpectedReceipt,
    JobProgress,
    OpenOrder,
    OrderDelivery,
    Progress,
    RouteStep,
)
from scheduler.changes import changed, tentative
from scheduler.load import Basis, left_of, question_of
from scheduler.problem import Done, Stage, StageLine
from scheduler.routes import DEFAULT_SECONDS_PER_PIECE

NOW = datetime(2026, 1, 5, 0, 0, tzinfo=UTC)  # Monday 08:00 in Shanghai


def at(hour: float, day: int = 0) -> datetime:
    return NOW + timedelta(days=day, hours=hour - 8)


def line(code: str, **more) -> Line:
    return Line(code, Name(code, code), ("D",), f"{code}-S1", groups=("assembly",), **more)


PLANT = Plant(
    site=Site("SZ1", Name("一号工厂", "Plant 1"), "Asia/Shanghai"),
    shift=(Shift("D", "08:00", "20:00", breaks=(("12:00", "13:00"),)), Shift("N", "20:00", "08:00")),
    line=(line("L01"), line("L02"), line("L03")),
    machine=tuple(Machine(f"{code}-M1", code, 1) for code in ("L01", "L02", "L03")),
    station=tuple(Station(f"{code}-S1", code, machine=f"{code}-M1") for code in ("L01", "L02", "L03")),
)


def order(number: int, quantity: int = 100, **more) -> OpenOrder:
    row = OpenOrder(number, f"ERP1/{number}", 1, "P1", "A", "F1", Decimal(quantity), at(20, 2), None, 5, False, False)
    return replace(row, **more)


def step(seq: int, lines=("assembly",), seconds=60, **more) -> RouteStep:
    pace = None if seconds is None else Decimal(seconds)
    row = RouteStep(0, "P1", "A", seq, list(lines), pace, {}, Decimal(1), 1, None, 0, False, [], None)
    return replace(row, **more)


def component(item: str, seq: int = 10, per: str = "1", **more) -> ComponentLine:
    return replace(ComponentLine(0, "P1", "A", item, Decimal(per), Decimal(0), seq, []), **more)


def job(order: str, line: str = "L01", **more) -> JobProgress:
    return replace(JobProgress(1, order, 10, line, date(2026, 1, 5), "D", 50, at(8), True, 20), **more)


def lot(no: int, order: str, start: datetime, quantity: int = 50, line: str = "L01", **more) -> Lot:
    end = start + timedelta(minutes=quantity)
    return Lot(no, order, 10, line, quantity, 0, start, end, start, start.date(), "D", **more)


def basis(*orders: OpenOrder, now: datetime = NOW, plant: Plant = PLANT, **more) -> Basis:
    return Basis(now=now, plant=plant, orders=orders, **{"routes": [step(10)], **more})


def problem(*orders: OpenOrder, **more):
    return question_of(basis(*orders, **more), name="test").problem


def test_a_plan_begins_with_the_next_whole_minute():
    """Plans count whole minutes, so the question is asked for the minute that is not over yet."""
    assert problem(order(1), now=NOW + timedelta(seconds=1)).now == NOW + timedelta(minutes=1)
    assert problem(order(1)).now == NOW


def test_lines_are_open_as_the_calendar_says():
    """Shifts less breaks from now on; exceptions close a day; yesterday's shift is still named."""
    plant = replace(PLANT, calendar_exception=(CalendarException(date(2026, 1, 6), "holiday", ("L01",)),))
    first = problem(order(1), plant=plant, now=at(10)).lines[0]
    assert first.open[:3] == ((at(10), at(12)), (at(13), at(20)), (at(8, 2), at(12, 2)))
    assert ("D", date(2026, 1, 5), at(8), at(20)) in first.shifts
    assert first.shifts[0][1] == date(2026, 1, 3)


def test_stops_and_holidays_are_named_as_what_closes_a_line():
    """Each takes the hours that would be worked without it; what a later exception opens again is not closed."""
    monday, tuesday = date(2026, 1, 5), date(2026, 1, 6)
    exceptions = (
        CalendarException(tuesday, "holiday"),
        CalendarException(monday, "stop", ("L01",), starts_at="11:00", ends_at="15:00"),
        CalendarException(monday, "stop", ("L01",), starts_at="14:00", ends_at="16:00"),
        CalendarException(monday, "overtime", ("L01",), starts_at="13:30", ends_at="14:30"),
    )
    first, second, _ = problem(order(1), plant=replace(PLANT, calendar_exception=exceptions)).lines
    holiday = [(at(8, 1), at(12, 1), "holiday"), (at(13, 1), at(20, 1), "holiday")]
    assert list(second.closures) == holiday
    assert list(first.closures) == [
        (at(11), at(12), "stop"),
        (at(13), at(13.5), "stop"),
        (at(14.5), at(15), "stop"),
        (at(15), at(16), "stop"),
        *holiday,
    ]


def test_consecutive_operations_on_the_same_lines_are_one_stage():
    """It has the last operation's number, the slowest pace, all losses; another line begins another stage."""
    steps = [
        step(10, seconds=50, yield_rate=Decimal("0.9")),
        step(20, seconds=60, yield_rate=Decimal("0.5"), lot_min=5, transfer_minutes=9),
        step(30, ["L03"], seconds=10, lot_max=40),
    ]
    first, second = problem(order(1), routes=steps).products[0].stages
    assert (first.seq, [at.seconds_per_piece for at in first.lines]) == (20, [60, 60, 60])
    assert (first.yield_rate, first.min_lot, first.transfer_minutes) == (Decimal("0.45"), 5, 9)
    assert (second.seq, second.lines, second.max_lot) == (30, (StageLine("L03", Decimal(10)),), 40)


def test_external_operations_stand_alone():
    """Work done elsewhere is a stage without lines, also between operations on the same lines."""
    steps = [step(10), step(20, [], None, external={"lead_minutes": 60}), step(30)]
    stages = problem(order(1), routes=steps).products[0].stages
    assert [(stage.seq, len(stage.lines)) for stage in stages] == [(10, 3), (20, 0), (30, 3)]
    assert stages[1].external.lead_minutes == 60


def test_an_operation_without_a_pace_is_planned_and_named():
    """Nobody gave a pace: the default is taken, and the question says so."""
    question = question_of(basis(order(1), routes=[step(10, seconds=None)]), name="test")
    assert question.problem.products[0].stages[0].lines[0].seconds_per_piece == DEFAULT_SECONDS_PER_PIECE
    assert question.unpaced == (("ERP1/1", 10),)


def test_a_line_with_its_own_pace_has_it():
    """seconds_by_line wins over the operation's pace."""
    lines = problem(order(1), routes=[step(10, seconds_by_line={"L02": "45.5"})]).products[0].stages[0].lines
    assert [at.seconds_per_piece for at in lines] == [Decimal(60), Decimal("45.5"), Decimal(60)]


def test_what_is_made_is_done():
    """Good and rejected pieces of an operation count for its stage; the order keeps its quantity."""
    steps = [step(10), step(20)]
    asked = problem(order(1), routes=steps, progress=[Progress(1, 20, 40, 37)]).orders[0]
    assert (asked.qty, asked.done) == (100, (Done(20, 40, 37),))


def test_nothing_is_asked_of_what_is_finished_or_cannot_be_made():
    """An order whose good pieces are there is finished; one without a routing is named."""
    rows = (order(1), order(2), order(3, item="P9"))
    question = question_of(basis(*rows, progress=[Progress(1, 10, 105, 100)]), name="test")
    assert [asked.code for asked in question.problem.orders] == ["ERP1/2"]
    assert (question.finished, question.routeless) == (("ERP1/1",), {"ERP1/3": 100})


def test_left_of_runs_back_through_the_yields():
    """The last stage starts what brings the missing good pieces, the stage before what that takes."""
    stages = (Stage(10, yield_rate=Decimal("0.9")), Stage(20, yield_rate=Decimal("0.5")))
    assert left_of(100, stages, ()) == (223, 200)
    assert left_of(100, stages, (Done(10, 120, 110), Done(20, 100, 60))) == (78, 80)


def test_priority_weighs():
    """Priority 1 weighs nine times what priority 9 does."""
    assert [o.weight for o in problem(order(1, priority=1), order(2, priority=9)).orders] == [9, 1]


def test_fractions_of_pieces_are_made_whole():
    """An order is rounded up to whole pieces, its deliveries never to more than the order."""
    rows = [OrderDelivery(1, Decimal("1.5"), at(9)), OrderDelivery(1, Decimal("1.5"), at(10))]
    asked = problem(order(1, quantity=Decimal(3)), deliveries=rows).orders[0]
    assert asked.qty == 3
    assert [(part.qty, part.due_at) for part in asked.deliveries] == [(1, at(9)), (2, at(10))]


def test_components_count_only_where_stock_is_known():
    """A monitored item is a component with its planned loss, at the stage of its operation; others hold nothing up."""
    parts = [
        component("CMP", 10, scrap_fraction=Decimal("0.2"), substitutes=["CMP2", "CMP3"]),
        component("NUT", 20),
    ]
    stock = {"CMP": Decimal(40), "CMP3": Decimal(-5)}
    receipts = [ExpectedReceipt("ERP1/PO/1", "CMP", Decimal(9), at(7)), ExpectedReceipt("PO/2", "NUT", Decimal(9), NOW)]
    asked = problem(order(1), routes=[step(10), step(20)], components=parts, stock=stock, receipts=receipts)
    (only,) = asked.products[0].bom
    assert (only.item, only.stage, only.qty_per) == ("CMP", 20, Decimal("1.25"))
    assert [substitute.item for substitute in only.substitutes] == ["CMP3"]
    assert [(row.item, row.qty) for row in asked.stock] == [("CMP", 40), ("CMP3", 0)]
    assert [(row.item, row.at, row.ref) for row in asked.receipts] == [("CMP", at(10), "ERP1/PO/1")]


def test_an_orders_own_components_and_operations_win():
    """What the ERP edited for one order replaces the revision's for that order alone."""
    own = order(1, has_components=True, has_operations=True)
    steps = [step(10), step(10, order_id=1, seconds=30)]
    parts = [component("CMP"), component("CMP", order_id=1, per="3")]
    asked = problem(own, order(2), routes=steps, components=parts, stock={"CMP": Decimal(1)})
    first, second = asked.orders
    assert first.product != second.product
    assert [row.qty_per for row in first.components] == [3]
    assert second.components is None
    paces = {product.code: product.stages[0].lines[0].seconds_per_piece for product in asked.products}
    assert (paces[first.product], paces[second.product]) == (30, 60)


def test_changeovers_by_family():
    """A row without a family before holds from every other family unless the pair has a row of its own."""
    plant = replace(PLANT, setup=(Setup("F2", 30), Setup("F2", 10, from_="F3", line="L01"), Setup("F2", 5, from_="F1")))
    rows = problem(order(1), order(2, family="F2"), order(3, family="F3"), plant=plant).setups
    assert {(row.line, row.from_family, row.to_family): row.minutes for row in rows} == {
        (None, "F1", "F2"): 5,
        (None, "F3", "F2"): 30,
        ("L01", "F3", "F2"): 10,
    }


def test_crews_have_the_size_of_the_shift_that_is_on():
    """People come with their shift; between shifts, when nothing runs, the size stays as it was."""
    crew = Crew("K1", ("L01", "L02"), {"D": 6}, {"L01": 4})
    (asked,) = problem(order(1), plant=replace(PLANT, crew=(crew,))).crews
    assert asked.lines == {"L01": 4, "L02": 1}
    assert asked.size == ((at(8), 6),)
    nights = (replace(line("L01"), shifts=("D", "N")), line("L02"))
    machines, stations = PLANT.machine[:2], PLANT.station[:2]
    plant = replace(
        PLANT, line=nights, machine=machines, station=stations, crew=(replace(crew, size={"D": 6, "N": 3}),)
    )
    (asked,) = problem(order(1), plant=plant).crews
    assert asked.size[:4] == ((at(8), 6), (at(20), 3), (at(8, 1), 6), (at(20, 1), 3))


def test_moulds_are_handed_on():
    """Resources keep their count and change minutes."""
    plant = replace(PLANT, resource=(Resource("M12", 2, 45),))
    (mould,) = problem(order(1), routes=[step(10, resources=["M12"])], plant=plant).resources
    assert (mould.code, mould.count, mould.change_minutes) == ("M12", 2, 45)


def test_running_work_keeps_its_line():
    """What a station works on is under way with the rest of its lot, not only of its shift's job."""
    plan = [lot(1, "ERP1/1", at(8), 80), lot(2, "ERP1/1", at(10), 20)]
    asked = problem(
        order(1), now=at(9), base=plan, jobs=[job("ERP1/1", quantity=40)], progress=[Progress(1, 10, 30, 30)]
    )
    (work,) = asked.under_way
    assert (work.order, work.line, work.qty, work.done_qty, work.start_at) == ("ERP1/1", "L01", 50, 0, at(8))


def test_running_work_nobody_planned_is_the_rest_of_its_job():
    """A job started on a line the plan does not know has its own quantity."""
    asked = problem(order(1), jobs=[job("ERP1/1", "L02", quantity=50, done=20, started_at=None)])
    assert [(work.line, work.qty, work.start_at) for work in asked.under_way] == [("L02", 30, NOW)]


def test_what_runs_comes_first_whatever_was_planned_before_it():
    """People began the later lot: the previous plan has it before the other, so that it may keep the line."""
    plan = [lot(1, "ERP1/1", at(8)), lot(2, "ERP1/2", at(10))]
    asked = problem(order(1), order(2), now=at(9), base=plan, jobs=[job("ERP1/2")])
    assert [row.order for row in sorted(asked.previous, key=lambda row: row.start_at)] == ["ERP1/2", "ERP1/1"]


def test_a_waiting_job_is_not_under_way():
    """What nobody works on may still be moved."""
    assert problem(order(1), jobs=[job("ERP1/1", running=False)]).under_way == ()


def test_more_than_is_wanted_is_not_under_way():
    """A job larger than what is left of its order has only that left."""
    asked = problem(order(1), jobs=[job("ERP1/1", quantity=500, done=0)], progress=[Progress(1, 10, 90, 90)])
    assert [work.qty for work in asked.under_way] == [10]


def test_lots_still_ahead_are_the_previous_plan():
    """Finished lots and lots of orders that are gone are forgotten; held lines' lots are pinned."""
    plan = [
        lot(1, "ERP1/1", at(8)),
        lot(2, "ERP1/1", at(9), pinned=True),
        lot(3, "ERP1/2", at(10), 100, "L02"),
        lot(4, "ERP1/9", at(10)),
    ]
    known = basis(order(1), order(2), now=at(9), base=plan, progress=[Progress(1, 10, 50, 50)])
    previous = question_of(known, name="test", held_lines=frozenset({"L02"})).problem.previous
    assert [(one.order, one.start_at, one.pinned) for one in previous] == [
        ("ERP1/1", at(9), True),
        ("ERP1/2", at(10), True),
    ]


def test_a_lot_without_its_components_keeps_no_turn():
    """What cannot be begun in its frozen window is free work, so that its line goes on with what is there."""
    plan = [lot(1, "ERP1/1", at(9), 100), lot(2, "ERP1/2", at(10, 0), 100)]
    known = basis(
        order(1), order(2, item="P2"),
        routes=[step(10), step(10, item="P2")], components=[component("CMP")], stock={"CMP": Decimal(99)}, base=plan,
        receipts=[ExpectedReceipt("PO", "CMP", Decimal(1), at(13))],
    )  # fmt: skip
    asked = question_of(known, name="test").problem
    assert asked.frozen_until == at(12)
    assert [(one.order, one.start_at) for one in asked.previous] == [("ERP1/1", at(12)), ("ERP1/2", at(10))]
    in_time = [ExpectedReceipt("PO", "CMP", Decimal(1), at(11))]
    asked = question_of(replace(known, receipts=in_time), name="test").problem
    assert [one.start_at for one in asked.previous] == [at(9), at(10)]


def test_what_runs_keeps_its_turn_whatever_it_lacks():
    """A running lot that will run out is not taken from its line."""
    known = basis(
        order(1), components=[component("CMP")], stock={"CMP": Decimal(5)}, base=[lot(1, "ERP1/1", at(8), 100)]
    )
    asked = question_of(replace(known, jobs=[job("ERP1/1", quantity=100)]), name="test").problem
    assert asked.previous[0].start_at == at(8)
    assert question_of(known, name="test").problem.previous[0].start_at == at(12)


def test_a_line_may_freeze_longer_than_the_others():
    """The shortest window holds for all; a lot within its own line's longer one is pinned there, for this run."""
    plant = replace(PLANT, line=(line("L01", frozen_minutes=600), line("L02", frozen_minutes=60), line("L03")))
    plan = [lot(1, "ERP1/1", at(10)), lot(2, "ERP1/2", at(10), 100, "L02")]
    question = question_of(basis(order(1), order(2), plant=plant, base=plan), name="test")
    assert question.problem.frozen_until is None
    assert [one.pinned for one in question.problem.previous] == [True, False]
    assert question.pins == frozenset()


def test_the_frozen_window_opens_with_a_plan():
    """Without published lots near by there is nothing to freeze."""
    assert problem(order(1)).frozen_until is None
    assert problem(order(1), base=[lot(1, "ERP1/1", at(9))]).frozen_until == at(12)
    assert problem(order(1), base=[lot(1, "ERP1/1", at(9, 1))]).frozen_until is None


def test_the_horizon_reaches_past_the_last_due_date():
    """Far due dates lengthen it, within half a year."""
    assert problem(order(1)).horizon_end == NOW + timedelta(days=28)
    assert problem(order(1, due_at=at(8, 40))).horizon_end == NOW + timedelta(days=54)
    assert problem(order(1, due_at=at(8, 400))).horizon_end == NOW + timedelta(days=180)


# ---- what-if
def test_a_closed_line_loses_its_time():
    """A closure takes open time away, and only that is told as closed; overtime adds some."""
    closed = changed(problem(order(1)), [ChangeCalendar("L01", False, at(9), at(14), "motor")])
    assert closed.lines[0].open[:2] == ((at(8), at(9)), (at(14), at(20)))
    assert closed.lines[0].closures == ((at(9), at(12), "motor"), (at(13), at(14), "motor"))
    longer = changed(problem(order(1)), [ChangeCalendar("L01", True, at(20), at(22))])
    assert longer.lines[0].open[:2] == ((at(8), at(12)), (at(13), at(22)))


def test_an_order_may_be_other_than_it_is():
    """Quantity, due date and priority change; left out, nothing of it stays."""
    plan = [lot(1, "ERP1/1", at(9))]
    asked = problem(order(1), order(2), base=plan, jobs=[job("ERP1/1")])
    other = changed(asked, [ChangeOrder("ERP1/1", quantity=Decimal("80.5"), due_at=at(9, 1), priority=1)])
    assert (other.orders[0].qty, other.orders[0].due_at, other.orders[0].weight) == (81, at(9, 1), 9)
    gone = changed(asked, [ChangeOrder("ERP1/1", left_out=True)])
    assert ([o.code for o in gone.orders], gone.under_way, gone.previous) == (["ERP1/2"], (), ())


def test_a_tentative_order_pushes_nobody():
    """Asked when an order could be, it is wanted at once and weighs next to nothing; with a due date it is an order."""
    change = ChangeOrder("?/1", item="P1", quantity=Decimal(5))
    asked = changed(problem(order(1), tentative(change, "A", "F1", NOW)), [change])
    assert (asked.orders[-1].due_at, asked.orders[-1].weight < 1) == (NOW, True)
    dated = replace(change, due_at=at(20), priority=1)
    asked = changed(problem(order(1), tentative(dated, "A", "F1", NOW)), [dated])
    assert (asked.orders[-1].due_at, asked.orders[-1].weight) == (at(20), 9)


def test_receipts_come_earlier_or_anew():
    """A known receipt is changed, an unknown one added, one of nothing taken away."""
    rows = [ExpectedReceipt("ERP1/PO/1", "CMP", Decimal(9), at(20))]
    asked = problem(order(1), stock={"CMP": Decimal(0)}, receipts=rows)
    (sooner,) = changed(asked, [ChangeReceipt("ERP1/PO/1", expected_at=at(9))]).receipts
    assert (sooner.qty, sooner.at) == (9, at(9))
    both = changed(asked, [ChangeReceipt("X/1", "CMP", Decimal(2), at(9))]).receipts
    assert [row.qty for row in both] == [9, 2]
    assert changed(asked, [ChangeReceipt("ERP1/PO/1", quantity=Decimal(0))]).receipts == ()


@pytest.mark.parametrize(
    "change",
    [
        ChangeOrder("ERP1/9", priority=1),
        ChangeCalendar("L99", True, at(9), at(10)),
        ChangeReceipt("ERP1/PO/9", expected_at=at(9)),
    ],
)
def test_what_is_not_there_cannot_be_changed(change):
    """A change of an unknown order, line or receipt is refused."""
    with pytest.raises(InputError):
        changed(problem(order(1)), [change])
