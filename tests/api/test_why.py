"""What lies beneath a figure, over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import psycopg
import pytest

from mes.actions import plant
from mes.domain.access import Grant
from mes.formats.plant_file import read_plant
from tests.api.callers import AT, PLANT, Site, make_job, order

MACHINE = """
[[machine]]
code = "L01-M1"
line = "L01"
position = 1

[[source]]
code = "plc-1"
kind = "opcua"
url = "opc.tcp://127.0.0.1:4840"

[[tag]]
machine = "L01-M1"
signal = "state"
source = "plc-1"
node = "ns=1;s=State"
states = { "6" = "running" }

[[tag]]
machine = "L01-M1"
signal = "good_total"
source = "plc-1"
node = "ns=1;s=Good"
"""
NINE = {"at": "2026-01-05T09:10:00Z"}


@pytest.fixture
def booked(site: Site, known: httpx.Client) -> httpx.Client:
    """A line lead of a site whose machine ran, stood still because of the line's other end, and was explained."""
    with psycopg.connect(site.database_url) as conn:
        plant.apply(conn, AT, read_plant(PLANT + MACHINE))
        conn.execute(
            """
            insert into state_span (machine, from_at, to_at, state, cause, stop_code, job_id, order_id, phase,
                                    shift_day, shift)
            values ('L01-M1', '2026-01-05T08:00Z', '2026-01-05T09:00Z', 'running', '', '', 0, 0, '', '2026-01-05', 'D'),
                   ('L01-M1', '2026-01-05T09:00Z', '2026-01-05T09:30Z', 'fault', '', 'E1', 0, 0, '', '2026-01-05', 'D')
            """
        )
        conn.execute(
            """
            insert into stop (scope, from_at, to_at, line, machine, root_machine, state, cause, stop_code, reason,
                              reason_by, micro, loss_us, job_id, shift_day, shift)
            values ('L01', '2026-01-05T09:05Z', '2026-01-05T09:30Z', 'L01', '', 'L01-M1', 'fault', 'upstream', '', '',
                    '', false, 1500000000, 0, '2026-01-05', 'D'),
                   ('L01-M1', '2026-01-05T09:00Z', '2026-01-05T09:30Z', 'L01', 'L01-M1', 'L01-M1', 'fault', '', 'E1',
                    'R1', 'person', false, 1800000000, 0, '2026-01-05', 'D'),
                   ('L01', '2026-01-05T09:33Z', '2026-01-05T09:36Z', 'L01', '', 'L01-M1', 'starved', 'upstream', '',
                    'R1', 'person', false, 180000000, 0, '2026-01-05', 'D')
            """
        )
        conn.execute(
            """
            insert into signal_sample (tag_id, at, h, int, quality, received_at)
            select t.id, s.at, row_number() over (order by s.at), s.value, 0, s.at
            from (values ('state', '2026-01-05T08:00Z'::timestamptz, 6), ('state', '2026-01-05T09:00Z', 9),
                         ('good_total', '2026-01-05T08:59Z', 41), ('good_total', '2026-01-05T07:00Z', 40)
                 ) s (signal, at, value) join tag t on t.address = 'L01-M1/' || s.signal
            """
        )
        conn.execute(
            """
            insert into minute_count (station, minute, job_id, order_id, operation_seq, phase, good, reject, rework,
                                      scrap, entered)
            values ('L01-M1', '2026-01-05T08:59Z', 0, 0, 0, 'production', 1, 0, 0, 0, 1)
            """
        )
        conn.execute(
            """
            insert into entry (client_id, kind, line, machine, effective_at, reason, entered_at, entered_by)
            values (gen_random_uuid(), 'reason', 'L01', 'L01-M1', '2026-01-05T09:20Z', 'R1', '2026-01-05T09:20Z', 'x')
            """
        )
    return site.signed_in("wang", Grant("line_lead"))


def shown(rows: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Samples, short."""
    return [(row["address"].removeprefix("L01-M1/"), row["value"]) for row in rows]


def test_a_state_is_opened(booked: httpx.Client) -> None:
    """A state says what the device said in it and just before, and what people said."""
    why = booked.get("/why/span/L01-M1", params=NINE).json()
    assert (why["span"]["state"], why["span"]["from_at"]) == ("fault", "2026-01-05T09:00:00Z")
    assert shown(why["heard"]) == [("state", 6), ("good_total", 41), ("state", 9)]
    assert [entry["reason"] for entry in why["said"]] == ["R1"]
    assert booked.get("/why/span/L01-M1", params={"at": "2026-01-05T07:00:00Z"}).status_code == 404
    assert booked.get("/why/span/L09-M1", params=NINE).status_code == 404


def test_a_standstill_for_a_stop_that_is_over_names_it(booked: httpx.Client) -> None:
    """The line starves of the hole that a repaired machine left: that machine's stop is its root."""
    why = booked.get("/why/stop/L01", params={"at": "2026-01-05T09:34:00Z"}).json()
    assert (why["root"]["scope"], why["root"]["to_at"]) == ("L01-M1", "2026-01-05T09:30:00Z")


def test_a_stop_is_opened_down_to_its_root(booked: httpx.Client) -> None:
    """A line's standstill names the machine it began at, that machine's own stop, its states and its reason."""
    why = booked.get("/why/stop/L01", params=NINE).json()
    assert (why["stop"]["cause"], why["root"]["scope"], why["root"]["reason"]) == ("upstream", "L01-M1", "R1")
    assert [span["stop_code"] for span in why["spans"]] == ["E1"]
    own = booked.get("/why/stop/L01-M1", params=NINE).json()
    assert (own["root"], [entry["reason"] for entry in own["said"]]) == (None, ["R1"])
    assert booked.get("/why/stop/L01", params={"at": "2026-01-05T08:10:00Z"}).status_code == 404


def test_a_count_is_opened(booked: httpx.Client) -> None:
    """A count says its minutes, the readings they come from, and the one before."""
    hour = {"from": "2026-01-05T08:00:00Z", "to": "2026-01-05T09:00:00Z"}
    why = booked.get("/why/count/L01-M1", params=hour).json()
    assert (why["good"], [row["minute"] for row in why["minutes"]]) == (1, ["2026-01-05T08:59:00Z"])
    assert [row for row in shown(why["heard"]) if row[0] == "good_total"] == [("good_total", 40), ("good_total", 41)]
    for wrong in (hour | {"to": hour["from"]}, hour | {"to": "2026-01-07T00:00:00Z"}):
        assert booked.get("/why/count/L01-M1", params=wrong).status_code == 422


def test_another_lines_figures_stay_shut(site: Site, booked: httpx.Client) -> None:
    """Somebody bound to a line opens nothing of another."""
    lead = site.signed_in("lin", Grant("line_lead", frozenset({"L02"})))
    hour = {"from": "2026-01-05T08:00:00Z", "to": "2026-01-05T09:00:00Z"}
    for path, query in (
        ("/why/span/L01-M1", NINE), ("/why/stop/L01", NINE), ("/why/stop/L01-M1", NINE), ("/why/count/L01-M1", hour),
    ):  # fmt: skip
        assert lead.get(path, params=query).status_code == 404
        assert booked.get(path, params=query).status_code == 200


def test_a_shortage_is_opened(site: Site, known: httpx.Client) -> None:
    """A shortage says what lies where of its item, beside what needs it."""
    known.put("/stock/WH", json={"as_of": AT.at.isoformat(), "lines": [{"item": "SCR", "on_hand": 7, "unit": "pcs"}]})
    with psycopg.connect(site.database_url) as conn:
        row = conn.execute(
            """
            insert into shortage (item, opened_at, changed_at, short_quantity, needed_by, on_hand, orders, receipts,
                                  cause)
            values ('SCR', %(at)s, %(at)s, 5, %(at)s, 7, '[]', '[]', 'need') returning id
            """,
            {"at": AT.at},
        ).fetchone()
    assert row is not None
    why = known.get(f"/why/shortage/{row[0]}").json()
    assert (why["shortage"]["short_quantity"], why["balances"][0]["on_hand"]) == ("5", "7")
    assert known.get(f"/why/shortage/{row[0] + 1}").status_code == 404


def test_an_order_is_opened(site: Site, known: httpx.Client) -> None:
    """An order says how the published plan has it, why late, and what would mend it; unplanned, that it is not."""
    known.put("/production-orders/erp/MO%2F1", json=order())
    why = known.get("/why/order/erp/MO%2F1").json()
    assert (why["planned"], why["reasons"], why["order"]["number"]) == (None, [], "MO/1")
    make_job(site, "MO/1")
    with psycopg.connect(site.database_url) as conn:
        conn.execute("update plan set state = 'published', version = 1")
        conn.execute("insert into plan_order select id, (select id from production_order), 1, null, 30, 5 from plan")
        conn.execute(
            """
            insert into plan_reason
            select p.id, o.id, 'cause', 1, 'material', '{}', 30 from plan p, production_order o
            """
        )
    why = known.get("/why/order/erp/MO%2F1").json()
    assert (why["planned"]["late_minutes"], why["planned"]["unplanned_quantity"]) == (30, 5)
    assert [(reason["kind"], reason["cause"], reason["minutes"]) for reason in why["reasons"]] == [
        ("cause", "material", 30)
    ]
    assert known.get("/why/order/erp/MO-9").status_code == 404
