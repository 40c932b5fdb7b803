"""Customers' orders over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import pytest

from mes.domain.sales_order import ServingOrder, outlook_of
from tests.api.callers import Site, order, pointers

ADDRESS = "/sales-orders/erp/SO%2F7/2"
DUE = "2026-02-01T08:00:00+00:00"


def wanted(**changes: Any) -> dict[str, Any]:
    """A line of a customer's order that is in order."""
    return {"item": "AC", "quantity": "40", "due_at": DUE, "customer": "华东家电"} | changes


def test_a_sales_order_is_taken_changed_and_ended(site: Site, known: httpx.Client) -> None:
    """The same document again changes nothing; a new promise raises its version; 0 is no longer wanted."""
    promised = wanted(promised_at="2026-02-03T08:00:00Z")
    replies = [known.put(ADDRESS, json=body) for body in (wanted(), wanted(), promised, wanted(quantity=0))]
    assert [reply.status_code for reply in replies] == [201, 200, 200, 200]
    assert [reply.headers["etag"] for reply in replies] == ['"1"', '"1"', '"2"', '"3"']
    first = replies[0].json()
    assert (first["number"], first["unit"], first["eta_at"]) == ("SO/7", "pcs", None)
    assert len(site.rows("select from audit where action = 'sales_order.accept'")) == 3
    assert known.put(ADDRESS, json=wanted(), headers={"If-Match": '"1"'}).status_code == 412


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"item": "NONE"}, "/item"),
        ({"quantity": -1}, "/quantity"),
        ({"unit": "kg"}, "/unit"),
        ({"due_at": "soon"}, "/due_at"),
        ({"priority": 0}, "/priority"),
        ({"mood": "bad"}, "/mood"),
        ({"number": "SO-8"}, "/number"),
    ],
)
def test_a_sales_order_names_what_is_wrong(
    site: Site, known: httpx.Client, change: dict[str, Any], pointer: str
) -> None:
    """A wrong one is 422 naming the field, and nothing is stored."""
    reply = known.put(ADDRESS, json=wanted(**change))
    assert (reply.status_code, pointers(reply)) == (422, [pointer])
    assert site.rows("select number from sales_order") == []


def test_another_systems_sales_order_stays(site: Site, known: httpx.Client) -> None:
    """A key writes only the orders of its own system."""
    known.put(ADDRESS, json=wanted())
    assert site.with_key("erp", system="crm").put(ADDRESS, json=wanted(quantity=1)).status_code == 403
    assert known.get(ADDRESS).json()["quantity"] == "40"


def test_its_promise_stands_beside_its_date(site: Site, known: httpx.Client) -> None:
    """Orders and deliveries that name it serve it; it is done when the last of them is, and late after its promise."""
    named = {"number": "SO/7", "line_no": 2}
    for number, body in (
        ("MO-1", order(customer_order=named)),
        (
            "MO-2",
            order(deliveries=[{"quantity": 5, "due_at": DUE, "sales_order": {"number": "SO/7", "system": "erp"}}]),
        ),
        ("MO-3", order(customer_order=named | {"line_no": 3})),
        ("MO-4", order(customer_order=named | {"system": "crm"})),
    ):
        assert known.put(f"/production-orders/erp/{number}", json=body).status_code == 201
    known.put(ADDRESS, json=wanted())
    assert [o["number"] for o in known.get(ADDRESS).json()["orders"]] == ["MO-1", "MO-2"]
    assert known.get(ADDRESS).json()["eta_at"] is None
    with psycopg.connect(site.database_url) as conn:
        conn.execute(
            """
            insert into order_eta (order_id, at, eta_at, due_at, late_minutes, reasons)
            select id, due_at, %(due)s::timestamptz + (id || ' hours')::interval, due_at, 0, '[]' from production_order
            where number in ('MO-1', 'MO-2')
            """,
            {"due": DUE},
        )
    listed = known.get("/sales-orders", params={"number": "SO/7"}).json()["items"]
    assert (listed[0]["eta_at"], listed[0]["late_minutes"]) == ("2026-02-01T10:00:00Z", 120)
    promised = known.put(ADDRESS, json=wanted(promised_at="2026-02-01T09:00:00Z")).json()
    assert promised["late_minutes"] == 60


def test_nobody_knows_before_every_order_has_a_date() -> None:
    """Without orders, or with one that has no date, there is none; cancelled ones serve nothing; early is not late."""
    due = datetime.fromisoformat(DUE)

    def serving(status: str, eta_at: datetime | None) -> ServingOrder:
        return ServingOrder("erp", "MO", status, Decimal(5), Decimal(0), eta_at)

    early = serving("released", due - timedelta(hours=1))
    assert outlook_of(due, ()) == (None, None)
    assert outlook_of(due, (early, serving("released", None))) == (None, None)
    assert outlook_of(due, (early, serving("cancelled", None))) == (early.eta_at, 0)
