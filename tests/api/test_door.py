"""The door: bodies, limits, failures, repeated requests, transactions."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest

from api import app, limits
from api.deps import Door
from mes.errors import TooManyError
from mes.settings import Settings
from tests.api.callers import ITEM, Site, order, pointers

WAITING = """
    select pid from pg_stat_activity
    where datname = current_database() and application_name = 'takt api' and wait_event_type = 'Lock'
"""


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "json_invalid"),
        (b'{"unit": "pcs",}', 400, "json_invalid"),
        (b"\xff\xfe", 400, "json_invalid"),
        (b'{"unit": NaN}', 400, "json_invalid"),
        (b'{"ext": {"a": 1e999}}', 400, "body"),
        (b'{"ext": {"a": "\\u0000"}}', 400, "body"),
        (b'{"ext": {"a": "\\ud800"}}', 400, "body"),
        (b'{"ext": ' + b"[" * 40 + b"]" * 40 + b"}", 400, "too_deep"),
        (b"[" * 200_000, 400, None),
        (b'{"n": ' + b"9" * 5000 + b"}", 400, "json_invalid"),
        (b"[]", 422, "invalid"),
        (b"null", 422, "invalid"),
        (b"", 422, "invalid"),
        (b'{"ext": "' + b"x" * 2_000_000 + b'"}', 413, "too_large"),
    ],
)
def test_bad_bodies_are_problems(site: Site, erp: httpx.Client, body: bytes, status: int, code: str | None) -> None:
    """Whatever is not a document of ours is refused in our form, and nothing is stored."""
    reply = erp.put("/items/AC", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert code is None or reply.json()["code"] == code
    assert site.rows("select code from item") == []


def test_a_stream_without_end_is_cut_off(site: Site, erp: httpx.Client) -> None:
    """A body that does not say how long it is is refused once it is too long."""
    chunks = (b" " * 100_000 for _ in range(50))
    reply = erp.put("/items/AC", content=chunks, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["code"]) == (413, "too_large")


def test_other_kinds_of_bodies_are_refused(erp: httpx.Client) -> None:
    """A body that is not JSON by its own word is 415."""
    reply = erp.put("/items/AC", content=json.dumps(ITEM), headers={"Content-Type": "text/plain"})
    assert (reply.status_code, reply.json()["code"]) == (415, "media_type")


def test_unknown_addresses_and_methods_are_problems(erp: httpx.Client) -> None:
    """404 and 405 look like every other failure."""
    nowhere, wrong = erp.get("/nowhere"), erp.delete("/items/AC")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method")
    assert wrong.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("text", ["'; drop table item; --", '"', "%s", "%(at)s", "{0}", "\\", "a'b\"c"])
def test_text_is_only_text(erp: httpx.Client, text: str) -> None:
    """Quotes and the like in a text field are stored as they came."""
    assert erp.put("/items/AC", json=ITEM | {"ext": {"a": text}, "family": text}).status_code == 201
    kept = erp.get("/items/AC").json()
    assert (kept["family"], kept["ext"]) == (text, {"a": text})


def test_huge_numbers_in_addresses_are_not_there(site: Site, erp: httpx.Client) -> None:
    """Numbers beyond what we count are refused, not a failure of ours."""
    assert erp.get("/plans/99999999999999999999").status_code == 422
    assert erp.get("/plans/4611686018427387904").status_code == 404


def test_every_answer_tells_the_browser_what_it_may_do(site: Site, erp: httpx.Client) -> None:
    """Strict headers stand on answers and on failures; answers of the api are not kept."""
    for reply in (erp.get("/items"), erp.get("/nowhere")):
        assert "default-src 'self'" in reply.headers["content-security-policy"]
        assert "unsafe" not in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in reply.headers
        assert "server" not in reply.headers


# ------------------------------------------------------------------ repeated requests
def test_a_repeated_request_is_answered_and_not_done_again(site: Site, known: httpx.Client) -> None:
    """Under one Idempotency-Key a POST is done once and answered alike."""
    floor = site.with_key("movements:write", system="floor")
    body = {"kind": "receive", "item": "SCR", "quantity": 3, "to_location": "WH"}
    first, again = (floor.post("/movements", json=body, headers={"Idempotency-Key": "k1"}) for _ in range(2))
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert site.rows("select count(*) from stock_movement") == [(1,)]


def test_a_key_is_for_one_request(site: Site, known: httpx.Client) -> None:
    """Another body under a used key is refused; another caller's key of the same name is another key."""
    body = {"kind": "receive", "item": "SCR", "quantity": 3, "to_location": "WH"}
    headers = {"Idempotency-Key": "k1"}
    floor, other = (site.with_key("movements:write", system="floor") for _ in range(2))
    floor.post("/movements", json=body, headers=headers)
    reused = floor.post("/movements", json=body | {"quantity": 4}, headers=headers)
    assert (reused.status_code, reused.json()["code"]) == (422, "key_reused")
    assert other.post("/movements", json=body, headers=headers).status_code == 201
    assert site.rows("select count(*) from stock_movement") == [(2,)]


def test_a_refused_request_may_be_tried_again(site: Site, known: httpx.Client) -> None:
    """A failure is not kept: mended, the same key works."""
    floor = site.with_key("movements:write", system="floor")
    body = {"kind": "receive", "item": "SCR", "quantity": 0, "to_location": "WH"}
    headers = {"Idempotency-Key": "k1"}
    assert floor.post("/movements", json=body, headers=headers).status_code == 422
    assert floor.post("/movements", json=body | {"quantity": 1}, headers=headers).status_code == 201


def test_simultaneous_repeats_are_done_once(site: Site, known: httpx.Client) -> None:
    """Eight requests under one key at one moment: one is done, all are answered alike."""
    floor = site.with_key("movements:write", system="floor")
    body = {"kind": "receive", "item": "SCR", "quantity": 3, "to_location": "WH"}
    answers: list[tuple[int, bytes]] = []

    def send() -> None:
        reply = floor.post("/movements", json=body, headers={"Idempotency-Key": "k1"})
        answers.append((reply.status_code, reply.content))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert site.rows("select count(*) from stock_movement") == [(1,)]


def test_a_cut_connection_leaves_all_or_nothing(site: Site, known: httpx.Client) -> None:
    """A caller that hangs up before the answer and sends again finds it done once."""
    floor = site.with_key("movements:write", system="floor")
    body = {"kind": "receive", "item": "SCR", "quantity": 3, "to_location": "WH", "client_id": str(uuid4())}
    request = floor.build_request("POST", "/movements", json=body, headers={"Idempotency-Key": "k1"})
    address = urlsplit(site.url)
    for _ in range(5):
        with socket.create_connection((str(address.hostname), int(address.port or 0))) as cut:
            head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
            cut.sendall(f"POST {request.url.path} HTTP/1.1\r\n{head}\r\n".encode() + request.content)
    assert floor.send(request).status_code == 201
    assert site.rows("select count(*) from stock_movement") == [(1,)]


def test_every_change_that_is_posted_can_be_repeated() -> None:
    """Every POST honours an Idempotency-Key in the transaction of what it does, but those by which one comes in."""
    created = app.create(Settings(database_url="postgresql://nobody@127.0.0.1:1/nothing"))
    posts = [route for route in created.routes if isinstance(route, Door) and "POST" in route.methods]
    assert {route.path_format for route in posts if route.holds != "write" or route.keeps == "nothing"} == {
        f"{app.PREFIX}/{name}" for name in ("login", "logout", "invitations/accept", "kiosks/enrol")
    }
    assert len(posts) > 20


def test_a_crash_in_the_middle_leaves_nothing(site: Site, known: httpx.Client) -> None:
    """Cut off after its row, before its end, a request has done nothing; sent again under its key it is done once."""
    floor = site.with_key("movements:write", system="floor")
    body = {"kind": "receive", "item": "SCR", "quantity": 3, "to_location": "WH", "client_id": str(uuid4())}
    headers = {"Idempotency-Key": "k1"}
    answers: list[int] = []
    with psycopg.connect(site.database_url) as holder, psycopg.connect(site.database_url, autocommit=True) as killer:
        holder.execute("lock table audit in exclusive mode")
        sending = threading.Thread(
            target=lambda: answers.append(floor.post("/movements", json=body, headers=headers).status_code)
        )
        sending.start()
        while not (waiting := killer.execute(WAITING).fetchall()):
            assert sending.is_alive()
        assert site.rows("select count(*) from stock_movement") == [(0,)]
        assert killer.execute("select pg_terminate_backend(%s)", waiting[0]).fetchone() == (True,)
        sending.join(60)
    again = floor.post("/movements", json=body, headers=headers)
    assert (answers, again.status_code, "idempotency-replayed" in again.headers) == ([503], 201, False)
    assert floor.post("/movements", json=body, headers=headers).headers["idempotency-replayed"] == "true"
    assert site.rows("select count(*) from stock_movement") == [(1,)]


def test_orders_of_one_number_at_one_moment_are_one_order(site: Site, known: httpx.Client) -> None:
    """Two documents of a new order at the same moment: both are taken, one after the other."""
    statuses: list[int] = []

    def send(quantity: int) -> None:
        statuses.append(known.put("/production-orders/erp/MO-1", json=order(quantity=quantity)).status_code)

    threads = [threading.Thread(target=send, args=(quantity,)) for quantity in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 7 + [201]
    assert site.rows("select version from production_order") == [(8,)]


# ------------------------------------------------------------------ limits, health
def test_a_caller_has_a_budget() -> None:
    """Who asks too much is told to wait, and how long; the shop floor's budget is apart, and so is every caller's."""
    buckets = limits.Buckets({name: limits.Budget(per_s=0.01, burst=3) for name in ("known", "floor")})
    for _ in range(3):
        buckets.take("erp", "known")
    with pytest.raises(TooManyError) as refused:
        buckets.take("erp", "known")
    assert 1 <= refused.value.facts["retry_after_s"] <= 100
    buckets.take("erp", "floor")
    buckets.take("other", "known")


def test_strangers_are_slowed_down(site: Site) -> None:
    """Without a key one is soon told to wait, and how long."""
    stranger = site.caller()
    replies = [stranger.get("/items") for _ in range(70)]
    assert {reply.status_code for reply in replies} == {401, 429}
    assert int(replies[-1].headers["retry-after"]) >= 1


def test_health_says_what_is_failing(serve: Callable[..., Site], site: Site) -> None:
    """Alive without a database; ready only with one that has the schema."""
    root = site.url
    assert httpx.get(f"{root}/health/live", trust_env=False, timeout=60).json() == {"status": "ok"}
    ready = httpx.get(f"{root}/health/ready", trust_env=False, timeout=60)
    assert (ready.status_code, ready.json()["checks"]) == (200, {"database": "ok", "schema": "ok"})


def test_without_database_it_says_so(serve: Callable[..., Site], monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database is away: alive, not ready, and requests are 503 that may be tried again."""
    site = serve(port_of_nothing=True)
    assert httpx.get(f"{site.url}/health/live", trust_env=False, timeout=60).status_code == 200
    ready = httpx.get(f"{site.url}/health/ready", trust_env=False, timeout=60)
    assert (ready.status_code, ready.json()["status"]) == (503, "failing")
    reply = site.caller(authorization="Bearer takt_x_y").get("/items")
    assert (reply.status_code, reply.json()["retryable"]) == (503, True)


def test_metrics_count_by_route(site: Site, erp: httpx.Client) -> None:
    """Requests are counted under their route, not their address; strangers from elsewhere may not look."""
    erp.get("/items/ONE")
    text = httpx.get(f"{site.url}/metrics", trust_env=False, timeout=60).text
    assert 'takt_http_requests_total{method="GET",route="/api/v1/items/{code}",status="404"}' in text
    assert "ONE" not in text
    forwarded = httpx.get(f"{site.url}/metrics", headers={"X-Forwarded-For": "10.0.0.9"}, trust_env=False, timeout=60)
    assert forwarded.status_code == 401


def test_the_contract_is_served(site: Site) -> None:
    """The contract and its manual are there for everybody, the manual without anything from elsewhere."""
    contract: dict[str, Any] = httpx.get(f"{site.url}/openapi.json", trust_env=False, timeout=60).json()
    assert contract["paths"]["/api/v1/items/{code}"]["put"]["x-permission"] == "items:write"
    manual = httpx.get(f"{site.url}/docs", trust_env=False, timeout=60).text
    assert "/api/v1/items/{code}" in manual
    assert "http" not in manual.replace("/openapi.json", "").replace("https://", "http://").split("<h2>")[0]


def test_a_database_that_goes_and_comes_back(site: Site, erp: httpx.Client) -> None:
    """Connections cut by the database's restart cost no request after the next one."""
    erp.put("/items/AC", json=ITEM)
    with psycopg.connect(site.database_url, autocommit=True) as conn:
        conn.execute(
            """
            select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and application_name = 'takt api'
            """
        )
    replies = [erp.get("/items/AC").status_code for _ in range(12)]
    assert replies[-1] == 200
    assert set(replies) <= {200, 503}
    assert pointers(erp.put("/items/AC", json={})) != []
