"""Entries, job marks and calls for help over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from mes.clock import wall
from mes.domain.access import Grant
from tests.api.callers import Site, count_pieces, make_job, order, pointers


@pytest.fixture
def floor(site: Site, known: httpx.Client) -> httpx.Client:
    """The shop floor's own caller; order MO-1 is there."""
    known.put("/production-orders/erp/MO-1", json=order())
    return site.with_key(
        "entries:write", "jobs:run", "jobs:confirm", "andon:raise", "andon:answer", "tracking:read", system="floor"
    )


def ago(minutes: float) -> str:
    """An instant so long ago."""
    return (wall() - timedelta(minutes=minutes)).isoformat()


def test_an_entry_is_heard_once_and_touches_its_stretch(site: Site, floor: httpx.Client) -> None:
    """An hourly count is one entry however often it is sent; its stretch at its station is touched."""
    body = {
        "kind": "count", "station": "L01-S1", "quantity": 40, "from_at": ago(60), "effective_at": ago(1),
        "client_id": str(uuid4()),
    }  # fmt: skip
    replies = [floor.post("/entries", json=body) for _ in range(2)]
    assert [(reply.status_code, reply.json()["repeated"]) for reply in replies] == [(201, False), (201, True)]
    touched = site.rows("select kind, keys, to_at - from_at from touched where kind = 'station'")
    assert [(kind, keys, round(span.total_seconds() / 60)) for kind, keys, span in touched] == [
        ("station", ["L01-S1"], 59)
    ]
    assert floor.post("/entries", json=body | {"quantity": 41}).status_code == 409


def test_the_floor_may_leave_the_time_to_us(site: Site, floor: httpx.Client) -> None:
    """An entry without an instant is of now, and sent again it is still the same entry."""
    body = {"kind": "count", "station": "L01-S1", "serial": "SN1", "client_id": str(uuid4())}
    assert [floor.post("/entries", json=body).json()["repeated"] for _ in range(2)] == [False, True]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"station": "L01-S9"}, "/station"),
        ({"station": ""}, "/station"),
        ({"line": "L02"}, "/station"),
        ({"machine": "M9"}, "/machine"),
        ({"quantity": -1}, "/quantity"),
        ({"quantity": 1.5}, "/quantity"),
        ({"reason": "R9"}, "/reason"),
        ({"reason": "R1"}, "/reason"),
        ({"kind": "dance"}, "/kind"),
        ({"kind": "mark"}, "/mark"),
        ({"kind": "mark", "mark": "start"}, "/job_id"),
        ({"kind": "reason"}, "/reason"),
        ({"kind": "assign", "job_id": 1}, "/from_at"),
        ({"job_id": 99}, "/job_id"),
        ({"effective_at": "2040-01-01T00:00:00Z"}, "/effective_at"),
        ({"effective_at": "2020-01-01T00:00:00Z"}, "/effective_at"),
        ({"reverses": 99}, "/reverses"),
        ({"phase": "lunch"}, "/phase"),
        ({"client_id": "x"}, "/client_id"),
        ({"mood": "good"}, "/mood"),
    ],
)
def test_an_entry_names_what_is_wrong(site: Site, floor: httpx.Client, change: dict[str, Any], pointer: str) -> None:
    """A wrong entry is 422 naming the field, and nothing is stored."""
    make_job(site, "MO-1")
    reply = floor.post("/entries", json={"kind": "reject", "station": "L01-S1"} | change)
    assert (reply.status_code, pointers(reply)) == (422, [pointer])
    assert site.rows("select kind from entry") == []


def test_a_correction_takes_back_once(site: Site, floor: httpx.Client) -> None:
    """A correction names what it takes back; the same entry cannot be taken back twice."""
    first = floor.post("/entries", json={"kind": "count", "station": "L01-S1", "quantity": 9}).json()["id"]
    correction = {"kind": "count", "station": "L01-S1", "quantity": 8, "reverses": first, "client_id": str(uuid4())}
    assert [floor.post("/entries", json=correction).json()["repeated"] for _ in range(2)] == [False, True]
    again = floor.post("/entries", json=correction | {"client_id": str(uuid4())})
    assert (again.status_code, again.json()["code"]) == (409, "reversed")
    listed = floor.get("/entries").json()["items"]
    assert [(row["quantity"], row["reverses"], row["reversed_by"]) for row in listed] == [
        ("9", None, listed[1]["id"]),
        ("8", first, None),
    ]


def test_a_job_is_started_paused_finished_and_confirmed(site: Site, floor: httpx.Client) -> None:
    """Each verb is an entry; a mark without station is the whole line's; confirming touches the order."""
    job = make_job(site, "MO-1")
    for verb in ("start", "pause", "switch", "finish", "confirm"):
        reply = floor.post(f"/jobs/{job}/{verb}", json={"phase": "production"} if verb == "start" else {})
        assert reply.status_code == 201, reply.text
    rows = site.rows("select kind, mark, line, station, job_id from entry order by id")
    assert [row[:2] for row in rows] == [
        ("mark", "start"), ("mark", "pause"), ("mark", "switch"), ("mark", "finish"), ("confirm", None),
    ]  # fmt: skip
    assert {row[2:] for row in rows} == {("L01", None, job)}
    assert site.rows("select count(*) from touched where kind = 'order' and why = 'confirmed'") == [(1,)]


def test_jobs_are_listed_with_their_state(site: Site, known: httpx.Client, floor: httpx.Client) -> None:
    """A job is read with its state and counts, by line and state; another line's job is not there."""
    job = make_job(site, "MO-1")
    count_pieces(site, site.rows("select id from production_order")[0][0], good=7, reject=2, job_id=job)
    row = known.get("/jobs", params={"line": "L01", "state": "ready,running"}).json()["items"][0]
    assert {key: row[key] for key in ("id", "number", "state", "quantity", "good", "reject")} == {
        "id": job, "number": "MO-1", "state": "ready", "quantity": 100, "good": 7, "reject": 2,
    }  # fmt: skip
    assert known.get("/jobs", params={"state": "running"}).json()["items"] == []
    operator = site.signed_in("lin", Grant("operator", frozenset({"L02"})))
    assert operator.get("/jobs").json()["items"] == []
    assert operator.get(f"/jobs/{job}").status_code == 404
    assert known.get(f"/jobs/{job}").json() == row


def test_a_held_order_is_not_started(site: Site, known: httpx.Client, floor: httpx.Client) -> None:
    """A job of an order that is not released cannot be started now; what a terminal kept from before is heard."""
    job = make_job(site, "MO-1")
    known.put("/production-orders/erp/MO-1", json=order(status="held"))
    now = floor.post(f"/jobs/{job}/start", json={})
    before = floor.post(f"/jobs/{job}/start", json={"effective_at": ago(30)})
    assert (now.status_code, now.json()["code"], before.status_code) == (409, "not_released", 201)


def test_a_mark_by_another_door_needs_the_same_right(site: Site, floor: httpx.Client) -> None:
    """Who may only enter counts can neither start nor confirm a job by way of an entry."""
    job = make_job(site, "MO-1")
    inspector = site.signed_in("qi", Grant("quality"))
    operator = site.signed_in("lin", Grant("operator"))
    start = {"kind": "mark", "mark": "start", "job_id": job, "station": "L01-S1"}
    confirm = {"kind": "confirm", "job_id": job, "line": "L01"}
    assert [inspector.post("/entries", json=sent).status_code for sent in (start, confirm)] == [403, 403]
    assert [operator.post("/entries", json=sent).status_code for sent in (start, confirm)] == [201, 403]


def test_a_job_stays_on_its_line(site: Site, floor: httpx.Client) -> None:
    """A mark at a station of another line than the job's is refused."""
    job = make_job(site, "MO-1", line="L01")
    reply = floor.post(f"/jobs/{job}/start", json={"station": "L02-S1"})
    assert (reply.status_code, floor.post("/jobs/99/start", json={}).status_code) == (422, 404)


def test_another_lines_things_are_not_there(site: Site, floor: httpx.Client) -> None:
    """For an operator bound to a line another line's stations, jobs and calls do not exist."""
    job = make_job(site, "MO-1", line="L01")
    call = floor.post("/andon-calls", json={"kind": "quality", "line": "L01"}).json()["id"]
    operator = site.signed_in("lin", Grant("operator", frozenset({"L02"})))
    replies = [
        operator.post("/entries", json={"kind": "count", "station": "L01-S1"}),
        operator.post(f"/jobs/{job}/start", json={}),
        operator.post(f"/andon-calls/{call}/take"),
        operator.post("/andon-calls", json={"kind": "quality", "line": "L01"}),
    ]
    assert [reply.status_code for reply in replies] == [404] * 4
    assert operator.get("/andon-calls").json()["items"] == []
    assert operator.get("/entries").json()["items"] == []
    assert operator.post("/entries", json={"kind": "count", "station": "L02-S1"}).status_code == 201


def test_a_call_is_raised_taken_and_resolved(site: Site, floor: httpx.Client) -> None:
    """A call is raised once, taken by one, resolved, and told when raised and resolved."""
    body = {"kind": "material", "station": "L01-S1", "note": "no screws", "client_id": str(uuid4())}
    call, again = (floor.post("/andon-calls", json=body).json()["id"] for _ in range(2))
    assert call == again
    routed = floor.get("/andon-calls", params={"role": "operator"}).json()["items"]
    assert [(row["id"], row["roles"]) for row in routed] == [(call, ["operator"])]
    assert floor.get("/andon-calls", params={"role": "line_lead"}).json()["items"] == []
    leader = site.signed_in("wang", Grant("line_lead"))
    assert leader.post(f"/andon-calls/{call}/take").json()["taken_by"] == "person:wang"
    assert floor.post(f"/andon-calls/{call}/take").status_code == 409
    assert leader.post(f"/andon-calls/{call}/resolve").json()["resolved_by"] == "person:wang"
    assert leader.post(f"/andon-calls/{call}/resolve").status_code == 200
    assert floor.post(f"/andon-calls/{call}/take").status_code == 409
    assert [row[0] for row in site.rows("select type from outbox where type like '%%andon%%' order by id")] == [
        "mes.andon.raised",
        "mes.andon.resolved",
    ]


def test_what_was_said_of_a_stop_is_kept_with_who_took_it_back(site: Site, floor: httpx.Client) -> None:
    """Words of one kind are listed alone; one taken back still stands there, with when and by whom."""
    at = wall().isoformat()
    said = floor.post("/entries", json={"kind": "reason", "line": "L01", "reason": "R1", "effective_at": at}).json()[
        "id"
    ]
    lead = site.signed_in("zhao", Grant("line_lead"))
    assert lead.post("/entries", json={"kind": "note", "line": "L01", "reverses": said}).status_code == 201
    (entry,) = floor.get("/entries", params={"line": "L01", "kind": "reason"}).json()["items"]
    assert (entry["id"], entry["taken_back_by"]) == (said, "person:zhao")
    assert entry["taken_back_at"] >= entry["entered_at"]
    assert pointers(lead.post("/entries", json={"kind": "reason", "line": "L01"})) == ["/reason"]


def test_calls_are_listed_since_an_instant(floor: httpx.Client) -> None:
    """The calls of the last day are those raised since then."""
    assert floor.post("/andon-calls", json={"kind": "quality", "line": "L01"}).status_code == 201
    hour = timedelta(hours=1)
    found = [
        len(floor.get("/andon-calls", params={"from": (wall() + d).isoformat()}).json()["items"]) for d in (-hour, hour)
    ]
    assert found == [1, 0]
