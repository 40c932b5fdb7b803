"""What was booked and told, read over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import psycopg
import pytest

from mes.domain.access import Grant
from tests.api.callers import Site, make_job, order

DAY = {"from": "2026-01-05T00:00:00Z", "to": "2026-01-06T00:00:00Z"}


@pytest.fixture
def booked(site: Site, known: httpx.Client) -> httpx.Client:
    """A viewer of a site on which a shift of both lines was booked."""
    known.put("/production-orders/erp/MO-1", json=order())
    job = make_job(site, "MO-1")
    with psycopg.connect(site.database_url) as conn:
        conn.execute(
            """
            insert into state_span (machine, from_at, to_at, state, cause, stop_code, job_id, order_id, phase,
                                    shift_day, shift)
            select s, '2026-01-05T08:00Z'::timestamptz + i * interval '1 hour',
                   case i when 2 then null else '2026-01-05T09:00Z'::timestamptz + i * interval '1 hour' end,
                   (array['running', 'fault', 'running'])[i + 1], '', '', 0, 0, '', '2026-01-05', 'D'
            from generate_series(0, 2) i, unnest(array['L01-S1', 'L02-S1']) s
            """
        )
        conn.execute(
            """
            insert into stop (scope, from_at, to_at, line, machine, root_machine, state, cause, stop_code, reason,
                              reason_by, micro, loss_us, job_id, shift_day, shift)
            select l, '2026-01-05T09:00Z', '2026-01-05T10:00Z', l, '', '', 'fault', '', 'E1', '', '', false, 3600000000,
                   0, '2026-01-05', 'D'
            from unnest(array['L01', 'L02']) l
            """
        )
        conn.execute(
            """
            insert into time_ledger (machine, shift_day, shift, line, calendar_us, planned_stop_us, apt_us, aust_us,
                                     adet_us, adot_us, no_data_us, ideal_us, good, reject)
            select s, d::date, 'D', left(s, 3), 100, 20, 40, 10, 10, 20, 0, 30, 9, 1
            from unnest(array['L01', 'L02', 'L01-S1', 'L02-S1']) s, unnest(array['2026-01-05', '2026-01-06']) d
            """
        )
        conn.execute(
            """
            insert into production_report (order_id, order_report_no, job_id, operation_seq, is_final, line, shift_day,
                shift, good, reject, rework, scrap, posting_on, consumption, cumulative, reported_at, reported_by)
            select order_id, 1, id, 10, true, line, shift_day, shift, 9, 1, 0, 0, shift_day, '[]', '{}', created_at, 'x'
            from job where id = %(job)s
            """,
            {"job": job},
        )
    return site.signed_in("wang", Grant("line_lead"))


def test_spans_are_read_page_by_page(booked: httpx.Client) -> None:
    """Every span that overlaps the stretch, by machine and start; the last one has no end."""
    found, cursor = [], None
    while cursor is not None or not found:
        query = DAY | {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = booked.get("/state-spans", params=query).json()
        found += page["items"]
        cursor = page["next_cursor"]
    assert [(row["machine"], row["from_at"][11:13], row["state"]) for row in found] == [
        (machine, hour, state)
        for machine in ("L01-S1", "L02-S1")
        for hour, state in (("08", "running"), ("09", "fault"), ("10", "running"))
    ]
    assert found[2]["to_at"] is None
    part = booked.get("/state-spans", params={**DAY, "from": "2026-01-05T09:30:00Z", "to": "2026-01-05T09:40:00Z"})
    assert [row["state"] for row in part.json()["items"]] == ["fault", "fault"]


def test_stops_and_reports_are_read(site: Site, booked: httpx.Client) -> None:
    """Stops of a line, and what was reported of an order."""
    stops = booked.get("/stops", params=DAY | {"line": "L01"}).json()["items"]
    assert [(row["scope"], row["stop_code"], row["loss_s"]) for row in stops] == [("L01", "E1", 3600.0)]
    assert len(booked.get("/stops", params=DAY | {"unexplained": "true"}).json()["items"]) == 2
    with psycopg.connect(site.database_url) as conn:
        conn.execute("update stop set reason = 'R1' where line = 'L01'")
    left = booked.get("/stops", params=DAY | {"unexplained": "true"}).json()["items"]
    assert [row["line"] for row in left] == ["L02"]
    reports = booked.get("/production-reports", params={"number": "MO-1"}).json()["items"]
    assert [(row["number"], row["good"], row["item"]) for row in reports] == [("MO-1", 9, "AC")]


def test_kpis_are_ratios_of_sums(booked: httpx.Client) -> None:
    """A line's KPIs by day, and the plant's over its lines, with the elements they are made of."""
    days = {"from": "2026-01-05", "to": "2026-01-06"}
    line = booked.get("/kpis", params=days | {"line": "L01", "by": "shift"}).json()
    assert [(row["shift_day"], row["shift"], row["kpis"]["availability"]["value"]) for row in line] == [
        ("2026-01-05", "D", 0.5),
        ("2026-01-06", "D", 0.5),
    ]
    plant = booked.get("/kpis", params=days).json()
    assert (plant[0]["elements"]["good"], plant[0]["kpis"]["quality_ratio"]["value"]) == (18, 0.9)
    assert booked.get("/kpis", params=days | {"line": "L09"}).status_code == 404
    for wrong in ({"to": "2036-01-06"}, {"to": "2026-01-04"}, {"by": "hour"}, {"to": "soon"}):
        assert booked.get("/kpis", params=days | wrong).status_code == 422


def test_a_kpi_can_be_opened(booked: httpx.Client) -> None:
    """A KPI says its formula, its figures, and the ledger's rows they are the sum of."""
    found = booked.get("/why/kpi/oee", params={"line": "L01", "from": "2026-01-05", "to": "2026-01-06"}).json()
    assert found["why"]["formula"] == "availability x effectiveness x quality_ratio"
    availability = found["why"]["factors"][0]
    assert (availability["formula"], availability["result"]["value"]) == ("APT / PBT", 0.5)
    assert [(row["scope"], row["shift_day"]) for row in found["rows"]] == [("L01", "2026-01-05"), ("L01", "2026-01-06")]
    days = {"from": "2026-01-05", "to": "2026-01-05"}
    assert booked.get("/why/kpi/luck", params=days).status_code == 404


@pytest.mark.parametrize("scope", [{"line": "L01"}, {"machine": "L02-S1"}, {}], ids=str)
@pytest.mark.parametrize("shift", [{}, {"shift": "D"}], ids=["all", "one"])
def test_every_level_is_the_sum_of_its_rows(
    site: Site, booked: httpx.Client, scope: dict[str, str], shift: dict[str, str]
) -> None:
    """Of a machine, a line or the site: shifts, days, the whole stretch, its file and the rows of why are one sum."""
    with psycopg.connect(site.database_url) as conn:
        conn.execute(
            """
            insert into time_ledger
            select machine, shift_day, 'N', line, 7, 1, 2, 1, 1, 1, 1, 3, 5, 2, 1, 1, 6, 1, 1, 0 from time_ledger
            """
        )
    asked = {"from": "2026-01-05", "to": "2026-01-06"} | scope | shift

    def added(rows: list[dict[str, Any]]) -> dict[str, int]:
        return {name: sum(row["elements"][name] for row in rows) for name in rows[0]["elements"]}

    by = {name: booked.get("/kpis", params=asked | {"by": name}).json() for name in ("shift", "day", "all")}
    why = booked.get("/why/kpi/oee", params=asked).json()
    (whole,) = by["all"]
    assert added(by["shift"]) == added(by["day"]) == added(why["rows"]) == whole["elements"]
    assert why["why"]["result"] == whole["kpis"]["oee"]
    assert (len({row["shift"] for row in why["rows"]}) == 1) == bool(shift)
    filed = booked.get("/kpis", params=asked | {"by": "all", "format": "csv"})
    assert str(whole["elements"]["good"]) in filed.text


def test_kpis_by_the_hour(site: Site, booked: httpx.Client) -> None:
    """Hour by hour, as far as booked: what ran, what stood still."""
    with psycopg.connect(site.database_url) as conn:
        conn.execute("insert into frontier values ('L01-S1', '2026-01-05T10:30Z')")
    hours = booked.get("/kpis", params=DAY | {"line": "L01", "by": "hour"}).json()
    shown = {row["from_at"][11:13]: row["kpis"]["availability"]["value"] for row in hours}
    assert {hour: shown[hour] for hour in ("08", "09", "10")} == {"08": 1.0, "09": 0.0, "10": 1.0}
    assert "11" not in shown


def test_other_lines_are_left_out(site: Site, booked: httpx.Client) -> None:
    """Somebody bound to a line reads that line's rows and no others."""
    lead = site.signed_in("lin", Grant("line_lead", frozenset({"L02"})))
    assert {row["machine"] for row in lead.get("/state-spans", params=DAY).json()["items"]} == {"L02-S1"}
    assert {row["line"] for row in lead.get("/stops", params=DAY).json()["items"]} == {"L02"}
    assert lead.get("/production-reports").json()["items"] == []
    days = {"from": "2026-01-05", "to": "2026-01-05"}
    assert lead.get("/kpis", params=days).json()[0]["elements"]["good"] == 9
    assert lead.get("/kpis", params=days | {"line": "L01"}).status_code == 404


def test_a_stretch_is_asked_for(booked: httpx.Client) -> None:
    """Spans without a stretch, or with one that is no instant, are 422 naming the parameter."""
    for query, named in (({"to": DAY["to"]}, "query/from"), (DAY | {"from": "yesterday"}, "query/from")):
        reply = booked.get("/state-spans", params=query)
        assert (reply.status_code, [e["pointer"] for e in reply.json()["errors"]]) == (422, [named])
