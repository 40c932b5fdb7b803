"""Stock, receipts, movements and call-offs over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from mes.clock import wall
from mes.domain.access import Grant
from tests.api.callers import Site, pointers


def statement(*, hours_ago: float = 0, **changes: Any) -> dict[str, Any]:
    """A statement of 500 screws."""
    as_of = (wall() - timedelta(hours=hours_ago)).isoformat()
    return {"as_of": as_of, "lines": [{"item": "SCR", "on_hand": "500", "unit": "pcs"}]} | changes


def test_a_statement_is_taken_once(site: Site, known: httpx.Client) -> None:
    """The same statement again changes nothing; an older one is 409; a newer one is taken."""
    body = statement(hours_ago=2)
    replies = [
        known.put("/stock/WH", json=sent)
        for sent in (body, body, statement(hours_ago=3), statement(hours_ago=1))
    ]  # fmt: skip
    assert [reply.status_code for reply in replies] == [201, 200, 409, 201]
    assert pointers(replies[2]) == ["/as_of"]
    assert len(site.rows("select from stock_statement")) == 2
    assert len(site.rows("select from touched where kind = 'item' and keys = array['SCR']")) == 2


def test_a_statement_speaks_of_what_it_lists(site: Site, known: httpx.Client) -> None:
    """At the same instant further items may be stated, and the known ones not otherwise."""
    body = statement(hours_ago=1)
    known.put("/stock/WH", json=body)
    more = body | {"lines": [{"item": "AC", "on_hand": 3, "unit": "pcs"}]}
    other = body | {"lines": [{"item": "SCR", "on_hand": 501, "unit": "pcs"}]}
    assert [known.put("/stock/WH", json=sent).status_code for sent in (more, other)] == [200, 409]
    assert site.rows("select item, on_hand::int from stock_statement order by item") == [("AC", 3), ("SCR", 500)]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"as_of": "2040-01-01T00:00:00Z"}, "/as_of"),
        ({"lines": [{"item": "NONE", "on_hand": 1, "unit": "pcs"}]}, "/lines/0/item"),
        ({"lines": [{"item": "SCR", "on_hand": -1, "unit": "pcs"}]}, "/lines/0/on_hand"),
        ({"lines": [{"item": "SCR", "on_hand": 1, "unit": "kg"}]}, "/lines/0/unit"),
        ({"lines": [{"item": "SCR", "on_hand": 1, "unit": "pcs", "shelf": 3}]}, "/lines/0/shelf"),
        ({"applied_through": -1}, "/applied_through"),
    ],
)
def test_a_statement_names_what_is_wrong(site: Site, known: httpx.Client, change: dict[str, Any], pointer: str) -> None:
    """A wrong statement is 422 naming the field, and none of its lines is stored."""
    good = {"item": "AC", "on_hand": 1, "unit": "pcs"}
    if "lines" in change:
        change = {"lines": [*change["lines"], good]}
    reply = known.put("/stock/WH", json=statement(**change))
    assert (reply.status_code, pointers(reply)) == (422, [pointer])
    assert site.rows("select item from stock_statement") == []


def test_an_unknown_location_is_not_there(known: httpx.Client) -> None:
    """Stock of a location the plant does not have is 404."""
    assert known.put("/stock/MOON", json=statement()).status_code == 404


def test_a_receipt_changes_and_ends(site: Site, known: httpx.Client) -> None:
    """A receipt is announced in any unit, postponed, and closed with quantity 0."""
    address = "/expected-receipts/erp/PO%2F1/1"
    body = {"item": "SCR", "quantity": "2", "unit": "box", "expected_at": "2026-02-01T00:00:00Z"}
    steps = [body, body | {"expected_at": "2026-02-03T00:00:00Z"}, body | {"quantity": 0}]
    replies = [known.put(address, json=step) for step in steps]
    assert [reply.status_code for reply in replies] == [201, 200, 200]
    assert replies[0].json()["quantity"] == "2000"
    assert known.get("/expected-receipts").json()["items"] == []
    assert len(site.rows("select from touched where kind = 'item'")) == 3


def test_a_movement_is_heard_once(site: Site, known: httpx.Client) -> None:
    """The same client id is one movement however often it is sent; with other content it is 409."""
    handler = site.with_key("movements:write", system="floor")
    body = {
        "kind": "transfer", "item": "SCR", "quantity": 3, "unit": "box",
        "from_location": "WH", "to_location": "L01-side", "client_id": str(uuid4()),
    }  # fmt: skip
    replies = [handler.post("/movements", json=body) for _ in range(2)]
    assert [reply.json()["repeated"] for reply in replies] == [False, True]
    assert handler.post("/movements", json=body | {"quantity": 4}).status_code == 409
    assert site.rows("select quantity::int from stock_movement") == [(3000,)]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"to_location": ""}, "/to_location"),
        ({"to_location": "MOON"}, "/to_location"),
        ({"to_location": "WH"}, "/to_location"),
        ({"quantity": 0}, "/quantity"),
        ({"item": "NONE"}, "/item"),
        ({"unit": "kg"}, "/unit"),
        ({"at": "2040-01-01T00:00:00Z"}, "/at"),
        ({"kind": "teleport"}, "/kind"),
    ],
)
def test_a_movement_names_what_is_wrong(site: Site, known: httpx.Client, change: dict[str, Any], pointer: str) -> None:
    """A wrong movement is 422 naming the field."""
    handler = site.with_key("movements:write", system="floor")
    body = {"kind": "transfer", "item": "SCR", "quantity": 3, "from_location": "WH", "to_location": "L01-side"}
    reply = handler.post("/movements", json=body | change)
    assert (reply.status_code, pointers(reply)) == (422, [pointer])


def test_a_call_off_is_brought(site: Site, known: httpx.Client) -> None:
    """Calling twice is one call-off; bringing it moves the material and closes it, once."""
    floor = site.with_key("call_offs:write", "call_offs:deliver", "material:read", system="floor")
    calls = [floor.post("/call-offs", json={"line": "L01", "item": "SCR", "quantity": 500}).json() for _ in range(2)]
    assert calls[0]["id"] == calls[1]["id"]
    address, body = f"/call-offs/{calls[0]['id']}/deliver", {"client_id": str(uuid4())}
    replies = [floor.post(address, json=body) for _ in range(2)]
    assert [(reply.status_code, reply.json()["repeated"]) for reply in replies] == [(201, False), (201, True)]
    assert floor.post(address, json={}).status_code == 409
    moved = site.rows("select from_location, to_location, quantity::int, call_off_id from stock_movement")
    assert moved == [("WH", "L01-side", 500, calls[0]["id"])]
    assert floor.get("/call-offs", params={"open": True}).json()["items"] == []


def test_somebody_of_another_line_sees_no_call_off(site: Site, known: httpx.Client) -> None:
    """Call-offs and line-side stock of another line are not there for an operator bound to a line."""
    floor = site.with_key("call_offs:write", system="floor")
    call_off = floor.post("/call-offs", json={"line": "L01", "item": "SCR", "quantity": 5}).json()["id"]
    operator = site.signed_in("lin", Grant("operator", frozenset({"L02"})))
    assert operator.get("/call-offs").json()["items"] == []
    assert operator.post(f"/call-offs/{call_off}/deliver", json={}).status_code == 404
    body = {"kind": "transfer", "item": "SCR", "quantity": 3, "from_location": "WH"}
    moves = [operator.post("/movements", json=body | {"to_location": to}) for to in ("L01-side", "L02-side")]
    assert [reply.status_code for reply in moves] == [404, 201]


def test_balances_follow_what_is_said(site: Site, known: httpx.Client) -> None:
    """A balance is the statement and the movements after it; a count takes its place; other lines' are not there."""
    known.put("/stock/WH", json=statement(hours_ago=1))
    handler = site.with_key("movements:write", system="floor")
    body = {"kind": "transfer", "item": "SCR", "quantity": 30, "from_location": "WH", "to_location": "L01-side"}
    handler.post("/movements", json=body)
    read = {row["location"]: row for row in known.get("/balances", params={"item": "SCR"}).json()["items"]}
    assert {place: (row["on_hand"], row["stated"]) for place, row in read.items()} == {
        "WH": ("470", True),
        "L01-side": ("30", False),
    }
    counted = {"kind": "count", "item": "SCR", "quantity": 28, "to_location": "L01-side"}
    assert handler.post("/movements", json=counted).status_code == 201
    there = known.get("/balances", params={"location": "L01-side"}).json()["items"]
    assert [(row["on_hand"], row["kind"]) for row in there] == [("28", "count")]
    operator = site.signed_in("lin", Grant("operator", frozenset({"L02"})))
    assert [row["location"] for row in operator.get("/balances").json()["items"]] == ["WH"]


def test_a_shortage_is_answered(site: Site, known: httpx.Client) -> None:
    """An answer to a shortage is kept once and has its item looked at again; a closed one takes none."""
    with psycopg.connect(site.database_url) as conn:
        conn.execute(
            """
            insert into shortage (item, opened_at, changed_at, short_quantity, needed_by, on_hand, orders, receipts,
                                  cause, closed_at)
            values ('SCR', now(), now(), 180, now(), 40, '[]', '[]', 'demand', null),
                   ('AC', now(), now(), 1, now(), 0, '[]', '[]', 'demand', now())
            """
        )
    body = {"answer": "ordered", "ref": "PO-7", "quantity": 200, "client_id": str(uuid4())}
    replies = [known.post("/shortages/1/answer", json=body) for _ in range(2)]
    assert [reply.json()["repeated"] for reply in replies] == [False, True]
    assert known.post("/shortages/2/answer", json={"answer": "x"}).status_code == 409
    assert known.post("/shortages/9/answer", json={"answer": "x"}).status_code == 404
    assert site.rows("select by, ref from shortage_answer") == [("erp", "PO-7")]
    listed = known.get("/shortages", params={"state": "acknowledged"}).json()["items"]
    assert [(row["item"], row["short_quantity"], row["answers"][0]["quantity"]) for row in listed] == [
        ("SCR", "180", "200")
    ]
    assert [row["state"] for row in known.get("/shortages").json()["items"]] == ["acknowledged", "closed"]
