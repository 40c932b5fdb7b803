"""Four hours of the demo plant, run fast over real protocols: Takt knows what really happened, and so does the ERP."""

from __future__ import annotations

import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import IsolationLevel

from mes.host.demo import Demo
from mes.host.launch import Stack, launched
from mes.store.pool import Connection
from mes.tracker.replay import verify
from tests.e2e.oracle import Jobs, Mark, Routing, Truth, clipped, instant
from tests.e2e.stack import unsettled, wait_until

SPEED = 240.0
LEAD_S = 30.0
BEGIN = datetime(2026, 1, 5, 0, 0, tzinfo=UTC)
END = BEGIN + timedelta(hours=4)
CONFIRMED = BEGIN + timedelta(hours=5, minutes=30)
"""The first order is finished and confirmed soon after ten past five."""
DEMO = Path(__file__).parents[2] / "simulators" / "demo"
SEED = int(os.environ.get("TAKT_SEED", "1"))

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Shift:
    """A shift that was run: what really happened (`later`: until an order was confirmed), and what was stored."""

    truth: Truth
    later: Truth
    jobs: Jobs
    routing: Routing
    events: list[dict[str, Any]]
    conn: Connection
    orders: dict[int, tuple[str, str]]
    job_orders: dict[int, int]

    def heard(self, kind: str) -> list[dict[str, Any]]:
        """Bodies of the events of a type, as the ERP got them."""
        return [event["body"] for event in self.events if event["type"] == kind]


@pytest.fixture(scope="module")
def shift(servers_home: Path) -> Iterator[Shift]:
    """Run the shift once; the plant goes on, but all tests see the database at one instant, right after the shift."""
    home = servers_home / "e2e"
    home.mkdir()
    home.chmod(0o711)
    with launched(home, Demo(speed=SPEED, seed=SEED, planning="automatic", lead_s=LEAD_S)) as stack:
        wait_until(stack, CONFIRMED)
        with stack.connect() as conn:
            conn.isolation_level = IsolationLevel.REPEATABLE_READ
            _wait_settled(conn)
            yield _gather(stack, conn)


def _wait_settled(conn: Connection) -> None:
    deadline = time.monotonic() + 120
    while left := unsettled(conn, END):
        assert time.monotonic() < deadline, f"the tracker does not keep up: {left}"
        time.sleep(0.05)


def _gather(stack: Stack, conn: Connection) -> Shift:
    heard = [json.loads(line) for line in (stack.home / "erp-heard.jsonl").read_text("utf-8").splitlines()]
    routing = Routing.read(DEMO / "erp.json", stack.home / "plant.toml")
    truth, later = Truth(BEGIN, END, routing.station_of), Truth(BEGIN, CONFIRMED, routing.station_of)
    for log in ("truth-machines.jsonl", "truth-people.jsonl"):
        truth.read(stack.home / log)
        later.read(stack.home / log)
    marks = [
        Mark(at, line, station, job if mark in ("start", "switch") else None)
        for at, line, station, job, mark in conn.execute(
            "select effective_at, line, station, job_id, mark from entry where kind = 'mark'"
        )
    ]
    return Shift(
        truth,
        later,
        Jobs(marks, {station: line for station, (line, _) in routing.stations.items()}),
        routing,
        [line["event"] for line in heard if "event" in line],
        conn,
        {key: (item, number) for key, item, number in conn.execute("select id, item, number from production_order")},
        dict(conn.execute("select id, order_id from job").fetchall()),
    )


def _machines(shift: Shift) -> list[str]:
    return sorted(machine for machine in shift.truth.states if "-M" in machine)


def test_machine_states_equal_the_truth(shift: Shift) -> None:
    """Every state of every machine stands in the database, from and to the very millisecond."""
    booked: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for machine, at, state in shift.conn.execute(
        "select machine, from_at, state from state_span where from_at < %s order by machine, from_at", [END]
    ):
        booked[machine].append((at, state))
    machines = _machines(shift)
    assert len(machines) == 12
    assert {m: clipped(booked[m], BEGIN) for m in machines} == {m: shift.truth.spans(m) for m in machines}


def test_counts_equal_the_truth(shift: Shift) -> None:
    """Good and reject of every station and minute are the truth's, scanned and entered ones too."""
    booked: Counter[tuple[str, datetime, str]] = Counter()
    for station, minute, good, reject in shift.conn.execute(
        """
        select station, minute, sum(good)::int, sum(reject)::int from minute_count
        where minute >= %s and minute < %s group by station, minute
        """,
        [BEGIN, END],
    ):
        booked[station, minute, "good"] += good
        booked[station, minute, "reject"] += reject
    assert +booked == shift.truth.minutes()
    assert len({station for station, _, _ in booked}) == 16


def test_orders_equal_the_oracle(shift: Shift) -> None:
    """Good and reject per order and station are what the stored marks make of the true pieces."""
    expected: Counter[tuple[str, int, str]] = Counter()
    for piece in shift.truth.counted():
        order = shift.job_orders.get(shift.jobs.of(piece.station, piece.at), 0)
        expected[piece.station, order, "good"] += piece.good
        expected[piece.station, order, "reject"] += piece.reject
    booked: Counter[tuple[str, int, str]] = Counter()
    for station, order, good, reject in shift.conn.execute(
        "select station, order_id, sum(good)::int, sum(reject)::int from minute_count "
        "where minute >= %s and minute < %s group by station, order_id",
        [BEGIN, END],
    ):
        booked[station, order, "good"] += good
        booked[station, order, "reject"] += reject
    assert +booked == +expected
    assert len({order for _, order, _ in +expected} - {0}) >= 5


def test_consumption_equals_the_oracle(shift: Shift) -> None:
    """Components are used up by the ERP's own bill times the pieces that entered its operation, to the last gram."""
    expected: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    for station, order, entered in _entered(shift):
        for component, quantity in shift.routing.consumed(shift.orders[order][0], station, entered):
            expected[order, component] += quantity
    booked = {
        (order, item): quantity
        for order, item, quantity in shift.conn.execute(
            "select order_id, item, sum(quantity) from consumption group by order_id, item"
        )
    }
    assert booked == dict(expected)
    assert len(booked) >= 15


def _entered(shift: Shift) -> Iterator[tuple[str, int, int]]:
    """(station, order, pieces that entered) as booked until now: the counts themselves are held by the tests above."""
    yield from shift.conn.execute(
        "select station, order_id, sum(entered)::int from minute_count where order_id <> 0 group by station, order_id"
    )


def test_replay_finds_nothing_to_change(shift: Shift) -> None:
    """Booking the shift anew from what was heard gives the rows that stand."""
    assert list(verify(shift.conn, BEGIN, END)) == []


def test_the_compressors_ran_short(shift: Shift) -> None:
    """The ERP heard of 180 missing compressors once the receipt moved: 500 are needed, 320 were there."""
    opened = [body for body in shift.heard("mes.shortage.opened") if body["item"] == "CMP-12"]
    assert [body["cause"] for body in opened] == ["receipt_late"]
    assert opened[0]["short_quantity"] == "180"
    assert opened[0]["orders"][0]["number"] == "MO-1001"
    assert opened[0]["receipts"][0]["ref"] == "ERP1/PO-7001/1"


def test_a_call_off_came_before_the_shortage(shift: Shift) -> None:
    """The line called the forty compressors off that lay in the warehouse, and they were brought."""
    rows = shift.conn.execute(
        "select called_by, quantity, delivered_quantity, called_at from call_off where item = 'CMP-12'"
    ).fetchall()
    assert [(by, quantity, brought) for by, quantity, brought, _ in rows] == [("takt", 40, 40)]
    shortage = next(e for e in shift.events if e["type"] == "mes.shortage.opened" and e["body"]["item"] == "CMP-12")
    assert rows[0][3] < instant(shortage["at"])


def test_counts_proved_a_shortage(shift: Shift) -> None:
    """Boards run short through rejects the plan could not foresee: what the rest of 500 needs less what is left."""
    opened = next(e for e in shift.events if e["type"] == "mes.shortage.opened" and e["body"]["item"] == "PCB-35")
    at = instant(opened["at"])
    assert opened["body"]["cause"] == "no_receipt"
    order = next(key for key, (_, number) in shift.orders.items() if number == "MO-1001")
    mine = [
        piece
        for piece in shift.truth.pieces
        if piece.at <= at and shift.job_orders.get(shift.jobs.of(piece.station, piece.at)) == order
    ]
    boards, rejects, passed = 504, 0, set()
    for piece in sorted(mine, key=lambda piece: piece.at):
        boards -= (piece.good + piece.reject) * (piece.station == "L01-S1")
        rejects += piece.reject
        passed.add((boards, rejects - 4))
    assert (int(opened["body"]["on_hand"]), int(opened["body"]["short_quantity"])) in passed
    assert int(opened["body"]["short_quantity"]) > 0


def test_the_erp_heard_every_plan(shift: Shift) -> None:
    """Each published plan reached the ERP with the lines that stand in it, and re-plans say what changed."""
    plans = shift.heard("mes.plan.published")
    stored = shift.conn.execute(
        """
        select p.id::text, count(*), sum(l.quantity)::int from plan p join plan_line l on l.plan_id = p.id
        where p.version is not null group by p.id order by p.version
        """
    ).fetchall()
    told = [(body["plan"], len(body["lines"]), sum(line["quantity"] for line in body["lines"])) for body in plans]
    assert told == [tuple(row) for row in stored][: len(told)]
    assert len(plans) >= 2
    assert all(body["diff"] is not None for body in plans[1:])


def test_reports_equal_the_booked_pieces(shift: Shift) -> None:
    """A confirmed job was reported with its pieces and components; reversals and reports add up to what is booked."""
    reported: Counter[str] = Counter()
    for sign, kind in ((1, "mes.production.reported"), (-1, "mes.production.reversed")):
        for body in shift.heard(kind):
            reported[body["number"]] += sign * abs(int(body["good"]))
    stored = shift.conn.execute(
        """
        select o.number, sum(case when r.reverses is null then r.good else -abs(r.good) end)::int
        from production_report r join production_order o on o.id = r.order_id
        where r.event_id = any(%s) group by o.number
        """,
        [[int(event["id"]) for event in shift.events]],
    ).fetchall()
    assert stored
    assert dict(stored) == dict(reported)


def test_reports_say_what_the_oracle_says(shift: Shift) -> None:
    """What the ERP heard of a confirmed job: the true good pieces that left its last operation, all true rejects."""
    stations = {(line, seq): code for code, (line, seqs) in shift.routing.stations.items() for seq in seqs}
    told = shift.conn.execute(
        """
        select job_id, line, operation_seq, sum(good)::int, sum(reject)::int from production_report
        where reverses is null and event_id = any(%s) group by job_id, line, operation_seq
        """,
        [[int(event["id"]) for event in shift.events]],
    ).fetchall()
    for job, line, seq, good, reject in told:
        mine = [piece for piece in shift.later.counted() if shift.jobs.of(piece.station, piece.at) == job]
        assert good == sum(piece.good for piece in mine if piece.station == stations[line, seq])
        assert reject == sum(piece.reject for piece in mine)
    assert told


def test_promised_dates_follow(shift: Shift) -> None:
    """The order that waits for compressors got a later completion, with its reason, and the ERP heard each one."""
    etas = [body for body in shift.heard("mes.eta.changed") if body["number"] == "MO-1001"]
    stored = shift.conn.execute(
        """
        select e.eta_at from order_eta e join production_order o on o.id = e.order_id
        where o.number = 'MO-1001' order by e.id
        """
    ).fetchall()
    told = [body["eta_at"] and instant(body["eta_at"]) for body in etas]
    assert told
    assert told == [eta_at for (eta_at,) in stored][: len(told)]
    assert any(body["reasons"] for body in etas)
