"""What is refused: every kind of bad input is a problem that names the field and the way out, and leaves no trace."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.api.callers import ITEM, PART, RELEASE, Site, count_pieces, order, pointers

AS_OF = "2026-01-05T08:00:00Z"
LINE = {"item": "SCR", "on_hand": 5, "unit": "pcs"}
STOCK: dict[str, Any] = {"as_of": AS_OF, "lines": [LINE]}
RECEIPT = {"item": "SCR", "quantity": 5, "unit": "pcs", "expected_at": AS_OF}
MOVE = {"kind": "receive", "item": "SCR", "quantity": 5, "to_location": "WH"}
CALL_OFF = {"line": "L01", "item": "SCR", "quantity": 5}
BOM = RELEASE["bom"][0]
ORDER, ITEM_AC, RELEASE_B = "/production-orders/erp/MO-1", "/items/AC", "/releases/AC/B"
STOCK_WH, RECEIPT_1 = "/stock/WH", "/expected-receipts/erp/PO-1/1"

Sent = tuple[str, dict[str, Any], list[str]]
WRONG: dict[str, tuple[Sent, ...]] = {
    "unknown item": (
        (ORDER, order(item="无此物料/9"), ["/item"]),
        (ORDER, order(components=[BOM | {"item": "NONE"}]), ["/components/0/item"]),
        (RELEASE_B, RELEASE | {"bom": [BOM | {"item": "NONE"}]}, ["/bom/0/item"]),
        (STOCK_WH, STOCK | {"lines": [LINE, LINE | {"item": "NONE"}]}, ["/lines/1/item"]),
        (RECEIPT_1, RECEIPT | {"item": "NONE"}, ["/item"]),
        ("/movements", MOVE | {"item": "NONE"}, ["/item"]),
        ("/call-offs", CALL_OFF | {"item": "NONE"}, ["/item"]),
    ),
    "negative quantity": (
        (ORDER, order(quantity=-1), ["/quantity"]),
        (ORDER, order(deliveries=[{"quantity": "-1", "due_at": AS_OF}]), ["/deliveries/0/quantity"]),
        (ITEM_AC, ITEM | {"units": [{"unit": "box", "per_base": -12}]}, ["/units/0/per_base"]),
        (RELEASE_B, RELEASE | {"bom": [BOM | {"quantity_per": "-0.5"}]}, ["/bom/0/quantity_per"]),
        (STOCK_WH, STOCK | {"lines": [{"item": "SCR", "on_hand": -5, "unit": "pcs"}]}, ["/lines/0/on_hand"]),
        (RECEIPT_1, RECEIPT | {"quantity": "-5"}, ["/quantity"]),
        ("/movements", MOVE | {"quantity": -5}, ["/quantity"]),
        ("/call-offs", CALL_OFF | {"quantity": -5}, ["/quantity"]),
        ("/entries", {"kind": "count", "station": "L01-S1", "quantity": -5}, ["/quantity"]),
    ),
    "wrong unit": (
        (ORDER, order(unit="kg"), ["/unit"]),
        (RELEASE_B, RELEASE | {"bom": [BOM | {"unit": "公斤"}]}, ["/bom/0/unit"]),
        (STOCK_WH, STOCK | {"lines": [{"item": "SCR", "on_hand": 5, "unit": "t"}]}, ["/lines/0/unit"]),
        (RECEIPT_1, RECEIPT | {"unit": "t"}, ["/unit"]),
        ("/movements", MOVE | {"unit": "t"}, ["/unit"]),
        ("/call-offs", CALL_OFF | {"unit": "t"}, ["/unit"]),
    ),
    "unknown field": (
        (ORDER, order(颜色="红"), ["/颜色"]),
        (ORDER, order(**{"a/b~c": 1}), ["/a~1b~0c"]),
        (ORDER, order(components=[BOM | {"shelf": 3}]), ["/components/0/shelf"]),
        (ITEM_AC, ITEM | {"weight": 3}, ["/weight"]),
        (RELEASE_B, RELEASE | {"routing": [RELEASE["routing"][0] | {"speed": 3}]}, ["/routing/0/speed"]),
        (STOCK_WH, STOCK | {"lines": [LINE | {"bin": "A1"}]}, ["/lines/0/bin"]),
        (RECEIPT_1, RECEIPT | {"vendor": "V"}, ["/vendor"]),
        ("/movements", MOVE | {"forklift": 7}, ["/forklift"]),
        ("/entries", {"kind": "count", "station": "L01-S1", "mood": "good"}, ["/mood"]),
    ),
    "a place that is not there": (
        (RELEASE_B, RELEASE | {"routing": [RELEASE["routing"][0] | {"seconds_by_line": {"L/9": 5}}]},
         ["/routing/0/seconds_by_line/L~19"]),
        ("/movements", MOVE | {"to_location": "月球"}, ["/to_location"]),
        ("/call-offs", CALL_OFF | {"line": "L01", "location": "月球"}, ["/location"]),
        ("/entries", {"kind": "count", "station": "L9/S1"}, ["/station"]),
    ),
}  # fmt: skip


@pytest.fixture
def writer(site: Site, known: httpx.Client) -> httpx.Client:
    """A caller who may write every kind of document and entry there is, in the name of `erp`."""
    return site.with_key("erp", "movements:write", "call_offs:write", "entries:write")


def content(site: Site) -> dict[str, tuple[int, str]]:
    """How many rows each table has, and a hash of them. When a key was used last is no content."""
    with psycopg.connect(site.database_url) as conn:
        tables = conn.execute(
            """
            select table_name from information_schema.tables
            where table_schema = 'public' and table_type = 'BASE TABLE' and table_name <> 'api_key' order by 1
            """
        ).fetchall()
        one = "select {name}, count(*), md5(coalesce(string_agg(t::text, ' ' order by t::text), '')) from {table} t"
        each = [sql.SQL(one).format(name=sql.Literal(name), table=sql.Identifier(name)) for (name,) in tables]
        return {name: (rows, said) for name, rows, said in conn.execute(sql.SQL(" union all ").join(each))}


def send(caller: httpx.Client, path: str, body: dict[str, Any]) -> httpx.Response:
    """Put a document at its address, post what has none."""
    return caller.request("PUT" if path.count("/") > 1 else "POST", path, json=body)


def assert_says_the_way_out(reply: httpx.Response) -> None:
    """A problem has a sentence for people and one for what to do, and every fault its own."""
    told = reply.json()
    assert reply.headers["content-type"] == "application/problem+json"
    assert told["detail"].count(". ") >= 1, told
    assert all(error["detail"] and error["code"] for error in told["errors"])


@pytest.mark.parametrize("word", WRONG)
def test_bad_documents_name_the_field_and_leave_no_trace(site: Site, writer: httpx.Client, word: str) -> None:
    """Every kind of document with this wrong in it is 422, names the field and a remedy; no table has changed."""
    before = content(site)
    for path, body, named in WRONG[word]:
        reply = send(writer, path, body)
        assert (reply.status_code, pointers(reply)) == (422, named), (path, reply.text)
        assert_says_the_way_out(reply)
    assert content(site) == before


def test_bodies_that_are_none_name_the_whole(site: Site, writer: httpx.Client) -> None:
    """Bad JSON, two megabytes, another kind of body: refused before anything is read, naming the body; no trace."""
    big = json.dumps(ITEM | {"ext": {"a": "x" * 2_000_000}}).encode()
    before = content(site)
    for body, kind, told in (
        (b'{"unit": "pcs"', "application/json", (400, "json_invalid", "")),
        (b'{"unit": "\xb9\xab\xbd\xef"}', "application/json", (400, "json_invalid", "")),
        (big, "application/json", (413, "too_large", "")),
        (b"unit=pcs", "application/x-www-form-urlencoded", (415, "media_type", "header/Content-Type")),
        (b'{"ext": {"a/b": "\\u0000"}}', "application/json", (400, "body", "/ext/a~1b")),
    ):
        reply = writer.put("/items/AC", content=body, headers={"Content-Type": kind})
        assert (reply.status_code, reply.json()["code"], *pointers(reply)) == told
        assert_says_the_way_out(reply)
    assert content(site) == before


def test_a_revision_changed_in_place_names_every_change(site: Site, writer: httpx.Client) -> None:
    """Other content under a known revision is 409 naming each field that differs, and the revision stays as it was."""
    before = content(site)
    step = RELEASE["routing"][0]
    for change, named in (
        ({"bom": [BOM | {"quantity_per": 25, "unit": "box"}]}, ["/bom/0/quantity_per"]),
        ({"bom": []}, ["/bom"]),
        ({"bom": [BOM, BOM | {"line_no": 2}]}, ["/bom/1"]),
        ({"routing": [step | {"seconds_per_piece": 49}]}, ["/routing/0/seconds_per_piece"]),
        ({"routing": [step | {"seq": 5}, step]}, ["/routing/0"]),
        ({"documents": [{"kind": "drawing", "code": "D/1"}]}, ["/documents/0"]),
    ):  # fmt: skip
        reply = writer.put("/releases/AC/A", json=RELEASE | change)
        assert (reply.status_code, reply.json()["code"]) == (409, "revision_immutable")
        assert pointers(reply)[: len(named)] == named
        assert "as a new revision" in reply.json()["detail"]
    assert content(site) == before


def test_a_reduction_below_made_is_told_what_is_made(site: Site, writer: httpx.Client) -> None:
    """Wanting less than is made is 409 with the figure and the field; the order stays as it was."""
    assert writer.put(ORDER, json=order()).status_code == 201
    count_pieces(site, site.rows("select id from production_order")[0][0], good=120)
    before = content(site)
    reply = writer.put(ORDER, json=order(quantity=119))
    assert (reply.status_code, reply.json()["code"], reply.json()["made"]) == (409, "below_made", "120")
    assert pointers(reply) == ["/quantity"]
    assert_says_the_way_out(reply)
    assert content(site) == before


@pytest.mark.parametrize("code", ["压缩机/12K", "A/B~C", "é%2F..", "×" * 80])
def test_refused_under_any_code(site: Site, writer: httpx.Client, code: str) -> None:
    """A code with a slash, Chinese or a tilde is refused as any other is, by name; and accepted when it is in order."""
    part = quote(code, safe="")
    before = content(site)
    item = writer.put(f"/items/{part}", json=ITEM | {"unit": ""})
    mine = writer.put(f"/production-orders/erp/{part}", json=order(quantity=-1))
    assert (pointers(item), pointers(mine)) == (["/unit"], ["/quantity"])
    assert writer.get(f"/items/{part}").status_code == 404
    assert content(site) == before
    assert writer.put(f"/items/{part}", json=PART).status_code == 201
    kept = writer.put(f"/production-orders/erp/{part}", json=order())
    assert (kept.status_code, kept.json()["number"]) == (201, code)


@pytest.mark.parametrize("part", ["%FF", "%E5%8E", "%00", "%0A", "%20x", "x" * 81, "%EF%BF%BD"])
def test_codes_that_are_no_text_are_refused(site: Site, writer: httpx.Client, part: str) -> None:
    """An address that is no text of ours (bytes that decode to nothing, control characters, too long) is 422."""
    before = content(site)
    for path, body in ((f"/items/{part}", ITEM), (f"/production-orders/erp/{part}", order())):
        reply = writer.put(path, json=body)
        assert (reply.status_code, pointers(reply)[0].split("/")[0]) == (422, "path")
    assert content(site) == before


def test_a_key_touches_no_other_systems_documents(site: Site, writer: httpx.Client) -> None:
    """The key of another system creates, changes, cancels and takes over nothing of this one; no table has changed."""
    writer.put(ORDER, json=order())
    writer.put(RECEIPT_1, json=RECEIPT)
    other = site.with_key("erp", system="plm")
    before = content(site)
    for path, body in (
        (ORDER, order(status="cancelled")),
        ("/production-orders/erp/MO-2", order()),
        (RECEIPT_1, RECEIPT | {"quantity": 0}),
        ("/expected-receipts/erp/PO-2/1", RECEIPT),
        (ITEM_AC, ITEM | {"family": "mine"}),
        ("/releases/AC/A", RELEASE | {"status": "obsolete"}),
    ):
        reply = other.put(path, json=body)
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden"), path
        assert_says_the_way_out(reply)
    assert content(site) == before


def test_the_same_stock_cannot_be_stated_otherwise(site: Site, writer: httpx.Client) -> None:
    """A second word about the same instant is 409 naming the lines that differ."""
    lines = [{"item": "AC", "on_hand": 3, "unit": "pcs"}, LINE]
    assert writer.put(STOCK_WH, json=STOCK | {"lines": lines}).status_code == 201
    before = content(site)
    reply = writer.put(STOCK_WH, json=STOCK | {"lines": [lines[0], lines[1] | {"on_hand": 6}]})
    assert (reply.status_code, pointers(reply)) == (409, ["/lines/1"])
    assert content(site) == before
