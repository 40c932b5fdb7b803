"""What can run now over HTTP, and a line lead who lets a job start before a closed gate."""

from __future__ import annotations

import httpx
import psycopg
import pytest

from mes.actions import plant
from mes.domain.access import Grant
from mes.formats.plant_file import read_plant
from tests.api.callers import AT, PLANT, Site, count_pieces, make_job, order, pointers

GATE = """
[[gate]]
kind = "first_article"
families = ["AC"]
"""


@pytest.fixture
def gated(site: Site, known: httpx.Client) -> int:
    """A job of order MO-1 on L01, whose product needs a first article; the line lead li has badge 0008."""
    with psycopg.connect(site.database_url) as conn:
        plant.apply(conn, AT, read_plant(PLANT + GATE))
    known.put("/production-orders/erp/MO-1", json=order())
    admin = site.signed_in("root", Grant("admin"))
    for code, role in (("li", "line_lead"), ("zhao", "operator")):
        person = {"code": code, "name": code.upper(), "grants": [{"role": role, "lines": ["L01"]}]}
        assert admin.post("/people", json=person).status_code == 201
        badge = {"badge": "0008" if code == "li" else "0009", "pin": "407193"}
        assert admin.put(f"/people/{code}/badge", json=badge).status_code == 204
    return make_job(site, "MO-1")


def test_jobs_are_listed_with_why_they_cannot_run(site: Site, known: httpx.Client, gated: int) -> None:
    """By line; a hindrance says what it weighs; another line's jobs are not there."""
    (row,) = known.get("/job-readiness", params={"line": "L01"}).json()
    assert (row["job_id"], row["can_run"], row["hindrances"]) == (
        gated,
        False,
        [{"kind": "first_article", "weight": "override", "item": "", "can_be_called": False}],
    )
    assert known.get("/job-readiness", params={"can_run": True}).json() == []
    operator = site.signed_in("lin", Grant("operator", frozenset({"L02"})))
    assert operator.get("/job-readiness").json() == []
    count_pieces(site, site.rows("select id from production_order")[0][0], good=1, job_id=gated, phase="first_article")
    assert [row["pieces"] for row in known.get("/job-readiness", params={"can_run": True}).json()] == [99]


def test_a_line_lead_lets_a_gated_job_start_at_the_terminal(site: Site, gated: int) -> None:
    """By badge or PIN, at the operator's terminal; who leads no such line does not, and it is kept who did."""
    terminal = site.signed_in("terminal", Grant("operator", frozenset({"L01"})))
    refused = terminal.post(f"/jobs/{gated}/start", json={"phase": "production"})
    assert (refused.status_code, refused.json()["code"]) == (409, "gate")

    def let(**lead: str) -> httpx.Response:
        return terminal.post(f"/jobs/{gated}/start", json={"phase": "production", "let_through": lead})

    assert (let().status_code, let(badge="0009").status_code) == (403, 403)
    assert pointers(let(badge="4711")) == ["/badge"]
    assert pointers(let(person="li", pin="1234")) == ["/pin"]
    assert let(badge="0008").status_code == 201
    assert site.rows("select entered_by, detail from entry") == [("person:terminal", {"let_through_by": "person:li"})]
    assert terminal.post(f"/jobs/{gated}/start", json={}).status_code == 201
    assert let(person="li", pin="407193").status_code == 201
