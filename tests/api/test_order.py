"""Production orders over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.callers import RELEASE, Site, count_pieces, order, pointers


def events(site: Site, subject: str) -> list[str]:
    """The types of the events told about an order."""
    return [row[0] for row in site.rows("select type from outbox where subject = %(s)s order by id", s=subject)]


def test_an_order_is_accepted_once(site: Site, known: httpx.Client) -> None:
    """An order is stored, told and touched once, however often the same document is put."""
    body = order()
    replies = [known.put("/production-orders/erp/MO-1", json=body) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [201, 200, 200]
    assert replies[0].json()["quantity"] == "500"
    assert events(site, "erp/MO-1") == ["mes.order.accepted"]
    assert len(site.rows("select from touched where kind = 'order'")) == 1
    assert len(site.rows("select from audit where action = 'order.accept'")) == 1


def test_an_order_is_kept_in_base_units(known: httpx.Client) -> None:
    """A quantity in another unit of the item is kept in the base unit."""
    known.put("/releases/SCR/1", json=RELEASE | {"bom": []})
    reply = known.put("/production-orders/erp/MO-1", json=order(item="SCR", revision="1", quantity=2.5, unit="box"))
    assert (reply.json()["quantity"], reply.json()["unit"]) == ("2500", "pcs")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"item": "NONE"}, "/item"),
        ({"quantity": "-5"}, "/quantity"),
        ({"quantity": "0"}, "/quantity"),
        ({"quantity": "many"}, "/quantity"),
        ({"quantity": True}, "/quantity"),
        ({"quantity": "1e13"}, "/quantity"),
        ({"unit": "kg"}, "/unit"),
        ({"revision": "Z"}, "/revision"),
        ({"due_at": "tomorrow"}, "/due_at"),
        ({"due_at": "2026-01-05T08:00:00"}, "/due_at"),
        ({"due_at": 1767600000}, "/due_at"),
        ({"due_at": "9999-12-31T00:00:00Z"}, "/due_at"),
        ({"priority": 0}, "/priority"),
        ({"priority": 10}, "/priority"),
        ({"status": "doomed"}, "/status"),
        ({"colour": "red"}, "/colour"),
        ({"customer_order": {"number": "SO-1", "mood": "bad"}}, "/customer_order/mood"),
        ({"deliveries": [{"quantity": 501, "due_at": "2026-01-05T08:00:00Z"}]}, "/deliveries"),
        ({"components": [{"line_no": 1, "item": "NONE", "quantity_per": 1, "unit": "pcs"}]}, "/components/0/item"),
        ({"components": [{"line_no": 1, "item": "SCR", "quantity_per": 1, "unit": "t"}]}, "/components/0/unit"),
        ({"operations": [{"seq": 10, "lines": ["L9"], "seconds_per_piece": 5}]}, "/operations/0/lines/0"),
        ({"number": "MO-2"}, "/number"),
        ({"system": "other"}, "/system"),
    ],
)
def test_an_order_names_what_is_wrong(site: Site, known: httpx.Client, change: dict[str, Any], pointer: str) -> None:
    """A wrong order is 422 naming the field; nothing is stored or told."""
    reply = known.put("/production-orders/erp/MO-1", json=order(**change))
    assert (reply.status_code, pointers(reply)) == (422, [pointer])
    assert site.rows("select number from production_order") == []
    assert events(site, "erp/MO-1") == []


def test_every_fault_is_named_at_once(known: httpx.Client) -> None:
    """A document with several faults names them all."""
    reply = known.put("/production-orders/erp/MO-1", json=order(quantity=-1, unit=7, priority=99, colour="red"))
    assert sorted(pointers(reply)) == ["/colour", "/priority", "/quantity", "/unit"]


def test_missing_fields_are_named(known: httpx.Client) -> None:
    """A document without what it needs says what."""
    reply = known.put("/production-orders/erp/MO-1", json={})
    assert sorted(pointers(reply)) == ["/due_at", "/item", "/quantity", "/unit"]


def test_without_revision_the_released_one_is_taken(known: httpx.Client) -> None:
    """An order that names no revision is made by its item's released one."""
    body = order()
    del body["revision"]
    assert known.put("/production-orders/erp/MO-1", json=body).json()["revision"] == "A"


def test_an_order_with_components_of_its_own_is_its_own_revision(known: httpx.Client) -> None:
    """Components without a revision: their hash is the revision, and the routing is kept with the order."""
    body = order(components=[{"line_no": 1, "item": "SCR", "quantity_per": 30, "unit": "pcs"}])
    del body["revision"]
    kept = known.put("/production-orders/erp/MO-1", json=body).json()
    assert kept["revision"].startswith("#")
    assert kept["components"][0]["operation_seq"] == 10
    assert [step["seq"] for step in kept["operations"]] == [10]


def test_an_item_without_release_needs_operations(known: httpx.Client) -> None:
    """An order for an item nobody released, without operations of its own, cannot be made."""
    body = order(item="SCR")
    del body["revision"]
    reply = known.put("/production-orders/erp/MO-1", json=body)
    assert (reply.status_code, pointers(reply)) == (422, ["/revision"])


def test_less_than_made_is_refused(site: Site, known: httpx.Client) -> None:
    """A typed reduction below what is made is 409 and says how much is made."""
    known.put("/production-orders/erp/MO-1", json=order())
    count_pieces(site, site.rows("select id from production_order")[0][0], good=120, reject=3)
    refused = known.put("/production-orders/erp/MO-1", json=order(quantity=100))
    assert (refused.status_code, refused.json()["made"]) == (409, "120")
    assert pointers(refused) == ["/quantity"]
    assert known.put("/production-orders/erp/MO-1", json=order(quantity=120)).status_code == 200
    other_item = known.put("/production-orders/erp/MO-1", json=order(item="SCR", revision=None))
    assert other_item.status_code in {409, 422}


def test_a_cancelled_order_is_closed_at_what_is_made(site: Site, known: httpx.Client) -> None:
    """Cancelling an untouched order cancels it; once pieces are made it is closed at those."""
    for number, good in (("MO-1", 0), ("MO-2", 40)):
        known.put(f"/production-orders/erp/{number}", json=order())
        if good:
            ids = site.rows("select id from production_order where number = %(n)s", n=number)
            count_pieces(site, ids[0][0], good=good)
        known.put(f"/production-orders/erp/{number}", json=order(status="cancelled"))
        assert events(site, f"erp/{number}") == ["mes.order.accepted", "mes.order.cancelled"]
    listed = known.get("/production-orders").json()["items"]
    assert [(row["status"], row["made"]) for row in listed] == [("cancelled", "0"), ("closed", "40")]


def test_progress_stands_beside_the_order(site: Site, known: httpx.Client) -> None:
    """An order is read with its pieces per operation and its yield."""
    known.put("/production-orders/erp/MO-1", json=order())
    count_pieces(site, site.rows("select id from production_order")[0][0], good=90, reject=10)
    read = known.get("/production-orders/erp/MO-1").json()
    assert (read["made"], read["yield_rate"]) == ("90", "0.9")
    assert read["progress"][0] == {
        "operation_seq": 10, "entered": 100, "good": 90, "reject": 10, "reworked": 0, "scrap": 0, "wip": 0,
    }  # fmt: skip


def test_numbers_may_hold_anything(known: httpx.Client) -> None:
    """An order number with a slash or Chinese is one part of the address."""
    address = f"/production-orders/erp/{quote('2026/工单-1', safe='')}"
    assert known.put(address, json=order()).status_code == 201
    assert known.get(address).json()["number"] == "2026/工单-1"


def test_a_key_writes_only_its_own_system(site: Site, known: httpx.Client) -> None:
    """An ERP's key may not write another system's orders."""
    reply = known.put("/production-orders/plm/MO-1", json=order())
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    assert site.rows("select number from production_order") == []


def test_unknown_orders_are_not_there(known: httpx.Client) -> None:
    """An order nobody sent is 404."""
    assert known.get("/production-orders/erp/NO").status_code == 404
