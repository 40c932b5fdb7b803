"""A line lead's work over HTTP: signing on, reasons for many, hand-over, KPIs of windows and groups, job cards."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import httpx
import psycopg
import pytest

from mes.actions import plant
from mes.clock import wall
from mes.domain.access import Grant
from mes.formats.plant_file import read_plant
from mes.store.house import load_clock
from mes.tracker.tracker import Tracker
from tests.api.callers import AT, PLANT, Site, make_job, order, pointers


@pytest.fixture
def lead(site: Site) -> httpx.Client:
    """A line lead of both lines."""
    return site.signed_in("wang", Grant("line_lead"))


def booked(site: Site) -> None:
    """Let the tracker do what there is to do."""
    with psycopg.connect(site.database_url) as conn:
        Tracker(ahead_s_min=0).work(conn, load_clock(conn).now())


def hour(*, ago: float = 1.0) -> dict[str, str]:
    """The last hours as query parameters."""
    return {"from": (wall() - timedelta(hours=ago)).isoformat(), "to": (wall() + timedelta(minutes=1)).isoformat()}


def test_people_sign_on_with_badge_or_pin(site: Site, lead: httpx.Client) -> None:
    """A badge is enough, a code needs its PIN; who is on is listed until they leave."""
    admin = site.signed_in("root", Grant("admin"))
    site.signed_in("li", Grant("operator"))
    assert admin.put("/people/li/badge", json={"badge": "B-77", "pin": "4711"}).status_code == 204
    assert admin.put("/people/wang/badge", json={"badge": "B-77"}).json()["code"] == "badge_taken"
    assert pointers(admin.put("/people/li/badge", json={"pin": "12"})) == ["/pin"]

    terminal = site.signed_in("terminal", Grant("operator", frozenset({"L01"})))
    reply = terminal.post("/sign-ons", json={"station": "L01-S1", "badge": "B-77"})
    assert (reply.status_code, reply.json()["person"]) == (201, "li")
    assert pointers(terminal.post("/sign-ons", json={"station": "L01-S1", "badge": "B-78"})) == ["/badge"]
    wrong = {"station": "L01-S1", "person": "li", "pin": "0000"}
    assert pointers(terminal.post("/sign-ons", json=wrong)) == ["/pin"]
    assert terminal.post("/sign-ons", json=wrong | {"pin": "4711", "share": "0.5"}).status_code == 201
    assert terminal.post("/sign-ons", json={"station": "L02-S1", "badge": "B-77"}).status_code == 404
    assert [(row["person"], row["station"], row["share"]) for row in lead.get("/presence").json()] == [
        ("li", "L01-S1", "0.5")
    ]
    terminal.post("/sign-ons", json={"station": "L01-S1", "badge": "B-77", "leaves": True})
    assert lead.get("/presence").json() == []
    assert lead.get("/labor", params=hour()).json() == []


def test_one_reason_covers_many_lines_but_not_those_of_others(site: Site, lead: httpx.Client) -> None:
    """An entry each; a line the caller does not lead is not there, and then nothing is said at all."""
    said = {"reason": "R1", "from_at": wall().isoformat(), "lines": ["L01", "L02"], "client_id": str(uuid4())}
    assert [one["repeated"] for one in lead.post("/stop-reasons", json=said).json()] == [False, False]
    assert [one["repeated"] for one in lead.post("/stop-reasons", json=said).json()] == [True, True]
    other = site.signed_in("lin", Grant("line_lead", frozenset({"L02"})))
    assert other.post("/stop-reasons", json=said | {"client_id": str(uuid4())}).status_code == 404
    assert site.rows("select line, reason from entry order by id") == [("L01", "R1"), ("L02", "R1")]
    assert lead.get("/losses", params=hour()).json() == []
    assert lead.get("/losses", params=hour() | {"line": "L09"}).status_code == 404


def test_a_shift_is_handed_over_and_read(site: Site, known: httpx.Client, lead: httpx.Client) -> None:
    """Pieces that are nobody's stand in the list and in the hand-over; both are the line's own."""
    lead.post("/entries", json={"kind": "count", "station": "L01-S1", "quantity": 4})
    booked(site)
    (loose,) = lead.get("/unassigned-counts", params=hour()).json()
    assert (loose["station"], loose["good"]) == ("L01-S1", 4)
    reply = lead.post("/handovers", json={"line": "L01", "note": "交接"})
    assert reply.status_code == 201, reply.text
    kept = lead.get(f"/handovers/{reply.json()['id']}").json()
    assert (kept["handover"]["note"], kept["handover"]["by"], kept["restated"]) == ("交接", "person:wang", [])
    assert [row["line"] for row in lead.get("/handovers").json()["items"]] == ["L01"]
    other = site.signed_in("lin", Grant("line_lead", frozenset({"L02"})))
    assert other.get(f"/handovers/{reply.json()['id']}").status_code == 404
    assert other.get("/handovers").json()["items"] == []
    assert other.get("/unassigned-counts", params=hour()).json() == []
    assert pointers(lead.post("/handovers", json={"line": "L01", "at": "2020-01-01T00:00:00Z"})) == ["/at"]


def test_kpis_are_read_for_windows_orders_products_teams_and_areas(
    site: Site, known: httpx.Client, lead: httpx.Client
) -> None:
    """The same pieces, by whatever they are asked for."""
    known.put("/production-orders/erp/MO-1", json=order())
    job = make_job(site, "MO-1")
    assert lead.post(f"/jobs/{job}/start", json={}).status_code == 201
    lead.post("/entries", json={"kind": "count", "station": "L01-S1", "quantity": 4})
    booked(site)
    days = {
        "from": (wall() - timedelta(days=2)).date().isoformat(),
        "to": (wall() + timedelta(days=1)).date().isoformat(),
    }
    (one,) = lead.get("/kpis/orders", params=days | {"number": "MO-1"}).json()
    assert (one["item"], one["elements"]["good"], one["kpis"]["quality_ratio"]["value"]) == ("AC", 4, 1.0)
    (product,) = lead.get("/kpis/products", params=days).json()
    assert (product["code"], product["elements"]["good"]) == ("AC", 4)
    assert lead.get("/kpis/teams", params=days).json() == []
    assert {row["code"] for row in lead.get("/kpis/lines", params=days | {"by": "area"}).json()} == {"L01", "L02"}
    window = lead.get("/kpis/window", params=hour() | {"line": "L01"}).json()
    assert set(window["kpis"]) == set(one["kpis"])
    assert lead.get("/bottlenecks", params=hour() | {"line": "L01"}).json() == []
    assert lead.get("/bottlenecks", params=hour() | {"line": "L09"}).status_code == 404


TEAM = """
[[team]]
code = "甲"
lines = ["L01"]
anchor_on = "2026-01-05"
pattern = ["D"]
"""


def test_kpis_of_teams_are_those_of_the_shifts_they_were_on(
    site: Site, known: httpx.Client, lead: httpx.Client
) -> None:
    """A team has what its line did; a line without a team adds to none; who sees only that line sees no team."""
    with psycopg.connect(site.database_url) as conn:
        plant.apply(conn, AT, read_plant(PLANT + TEAM))
    noon = (wall() - timedelta(days=1)).replace(hour=4, minute=0).isoformat()
    for line, pieces in (("L01", 4), ("L02", 9)):
        entry = {"kind": "count", "station": f"{line}-S1", "quantity": pieces, "effective_at": noon}
        assert lead.post("/entries", json=entry).status_code == 201
    booked(site)
    days = {
        "from": (wall() - timedelta(days=2)).date().isoformat(),
        "to": (wall() + timedelta(days=1)).date().isoformat(),
    }
    (team,) = lead.get("/kpis/teams", params=days).json()
    assert (team["code"], team["elements"]["good"]) == ("甲", 4)
    lines = {row["code"]: row["elements"] for row in lead.get("/kpis/lines", params=days).json()}
    assert team["elements"] == lines["L01"]
    assert lead.get("/kpis/teams", params=days | {"line": "L02"}).json() == []
    other = site.signed_in("lin", Grant("line_lead", frozenset({"L02"})))
    assert other.get("/kpis/teams", params=days).json() == []


def test_a_job_card_is_a_sheet_with_a_code(site: Site, known: httpx.Client, lead: httpx.Client) -> None:
    """An SVG page that names order, product and parts, and holds a QR code; another line's is not there."""
    known.put("/production-orders/erp/MO-1", json=order())
    job = make_job(site, "MO-1")
    card = lead.get(f"/jobs/{job}/card")
    assert card.headers["content-type"].startswith("image/svg+xml")
    for words in ("erp/MO-1", "空调", "SCR", "2400 pcs", f"TAKT/JOB/{job}", "<path"):
        assert words in card.text
    other = site.signed_in("lin", Grant("line_lead", frozenset({"L02"})))
    assert other.get(f"/jobs/{job}/card").status_code == 404
