"""Plans over HTTP."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta

import httpx
import psycopg
import pytest

from mes.actions.plan import save_plan
from mes.clock import wall
from mes.domain.access import Grant
from mes.domain.plan import DayLine, Lot, PlanBody, PlannedOrder
from mes.store.plan import finish_run
from tests.api.callers import AT, Site, order, pointers

START = (wall() + timedelta(minutes=10)).replace(microsecond=0)


@pytest.fixture
def planner(site: Site, known: httpx.Client) -> httpx.Client:
    """A planner who has signed in; order MO-1 is there."""
    known.put("/production-orders/erp/MO-1", json=order())
    return site.signed_in("wang", Grant("planner"))


def save(site: Site, *lines: str, start: datetime = START) -> int:
    """A proposal in which each of these lines makes 50 pieces of MO-1; its id."""
    end = start + timedelta(hours=1)
    body = PlanBody(
        now_at=AT.at,
        horizon_end_at=end,
        objective={"total": 0},
        lots=tuple(
            Lot(n, "erp/MO-1", 10, line, 50, 0, start, end, start, date(2026, 1, 5), "D")
            for n, line in enumerate(lines, 1)
        ),
        lines=tuple(
            DayLine("erp/MO-1", 10, line, date(2026, 1, 5), "D", 1, 50, start, end) for line in lines
        ),
        orders=(PlannedOrder("erp/MO-1", 1, end, 0),),
    )  # fmt: skip
    with psycopg.connect(site.database_url) as conn:
        return save_plan(conn, AT, body)


def test_a_plan_is_published_by_compare_and_set(site: Site, planner: httpx.Client) -> None:
    """Whoever publishes names the plan published now; otherwise nothing happens and the difference is shown."""
    first, second = save(site, "L01"), save(site, "L01", "L02")
    assert planner.get("/plans/current").status_code == 404
    published = planner.post(f"/plans/{first}/publish")
    assert (published.status_code, published.json()) == (200, {"plan_id": first, "version": 1})
    overtaken = planner.post(f"/plans/{second}/publish")
    assert (overtaken.status_code, overtaken.json()["code"]) == (409, "plan_overtaken")
    assert overtaken.json()["current"] == first
    assert overtaken.json()["diff"]["lots_new"] == 1
    assert planner.post(f"/plans/{second}/publish", headers={"If-Match": f'"{first}"'}).json()["version"] == 2
    current = planner.get("/plans/current")
    assert (current.headers["etag"], current.json()["head"]["id"]) == (f'"{second}"', second)
    assert planner.post(f"/plans/{first}/discard").status_code == 409
    assert planner.post(f"/plans/{second}/publish", headers={"If-Match": "latest"}).status_code == 422


def test_published_lines_and_their_jobs_are_read(site: Site, planner: httpx.Client) -> None:
    """The published plan's lines are read by start and line, and become jobs."""
    planner.post(f"/plans/{save(site, 'L01', 'L02')}/publish")
    read = planner.get("/plan-lines", params={"line": "L02"}).json()["items"]
    assert [(row["number"], row["line"], row["quantity"], row["plan_version"]) for row in read] == [
        ("MO-1", "L02", 50, 1)
    ]
    assert planner.get("/plan-lines", params={"to": START.isoformat()}).json()["items"] == []
    pages = [planner.get("/plan-lines", params={"limit": 1}).json()]
    pages.append(planner.get("/plan-lines", params={"limit": 1, "cursor": pages[0]["next_cursor"]}).json())
    assert [page["items"][0]["line"] for page in pages] == ["L01", "L02"]
    assert [job["line"] for job in planner.get("/jobs").json()["items"]] == ["L01", "L02"]


def test_two_plans_are_compared(site: Site, planner: httpx.Client) -> None:
    """The difference of two plans names what moved; somebody bound to a line sees only that line's."""
    first, second = save(site, "L01"), save(site, "L02")
    moves = planner.get(f"/plans/{first}/diff/{second}").json()["moves"]
    assert [(move["from_line"], move["to_line"]) for move in moves] == [("L01", "L02")]
    operator = site.signed_in("lin", Grant("operator", frozenset({"L02"})))
    assert operator.get(f"/plans/{first}").json()["body"]["lots"] == []
    assert [lot["line"] for lot in operator.get(f"/plans/{second}").json()["body"]["lots"]] == ["L02"]
    assert planner.get(f"/plans/{first}/diff/99").status_code == 404


def test_a_run_is_asked_for_and_waited_for(site: Site, planner: httpx.Client) -> None:
    """Asking answers at once with the run; waiting for it ends as soon as the run does."""
    asked = planner.post("/plan-runs", json={"kind": "replan"})
    run = asked.json()["id"]
    assert (asked.status_code, asked.headers["location"]) == (202, f"/api/v1/plan-runs/{run}")
    assert planner.get(f"/plan-runs/{run}").json()["state"] == "waiting"

    def finish() -> None:
        with psycopg.connect(site.database_url) as conn:
            conn.execute("update plan_run set state = 'running', claimed_by = 'x' where id = %s", (run,))
            finish_run(conn, run, "x", state="failed", at=AT.at, error="no lines")

    timer = threading.Timer(0.3, finish)
    timer.start()
    ended = planner.get(f"/plan-runs/{run}", params={"wait": 20}).json()
    timer.join()
    assert (ended["state"], ended["error"]) == ("failed", "no lines")
    assert planner.get("/plan-runs/99").status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"kind": "wish"}, "/kind"),
        ({"changes": [{"op": "jump"}]}, "/changes/0"),
        ({"changes": [{"op": "move", "lot_no": 1, "line": "L01", "mood": 1}]}, "/changes/0/mood"),
        ({"changes": [{"op": "move", "lot_no": 1}]}, "/changes/0"),
        ({"time_limit_s": -1}, "/time_limit_s"),
        ({"base": 1}, "/base"),
    ],
)
def test_a_run_names_what_is_wrong(planner: httpx.Client, change: dict[str, object], pointer: str) -> None:
    """A wrong wish is 422 naming the field."""
    reply = planner.post("/plan-runs", json={"kind": "scenario"} | change)
    assert (reply.status_code, pointers(reply)) == (422, [pointer])
