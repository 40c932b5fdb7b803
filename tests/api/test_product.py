"""Items and releases over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.callers import ITEM, PART, RELEASE, Site, pointers


def test_an_item_is_created_changed_and_left_alone(erp: httpx.Client) -> None:
    """The same item again changes nothing; another content raises its version."""
    first = erp.put("/items/AC", json=ITEM)
    again = erp.put("/items/AC", json=ITEM)
    changed = erp.put("/items/AC", json=ITEM | {"family": "AC2"})
    assert [first.status_code, again.status_code, changed.status_code] == [201, 200, 200]
    assert [r.headers["etag"] for r in (first, again, changed)] == ['"1"', '"1"', '"2"']
    assert erp.get("/items/AC").json()["family"] == "AC2"


@pytest.mark.parametrize("code", ["A/B-35%", "压缩机/12K", "a b.c?d#e", "..", "+x&y", "é"])
def test_codes_may_hold_anything(erp: httpx.Client, code: str) -> None:
    """A percent-encoded code with a slash, a percent sign or Chinese finds its own item."""
    address = "/items/" + quote(code, safe="").replace(".", "%2E")
    assert erp.put(address, json=ITEM).status_code == 201
    assert erp.get(address).json()["code"] == code


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"colour": "red"}, "/colour"),
        ({"kind": "gadget"}, "/kind"),
        ({"name": {"zh": "甲"}}, "/name/en"),
        ({"unit": ""}, "/unit"),
        ({"unit": " pcs"}, "/unit"),
        ({"units": [{"unit": "box", "per_base": "0"}]}, "/units/0/per_base"),
        ({"units": [{"unit": "box", "per_base": "-3"}]}, "/units/0/per_base"),
        ({"units": [{"unit": "pcs", "per_base": "3"}]}, "/units/0/unit"),
        ({"units": [{"unit": "box", "per_base": "0.0000001"}]}, "/units/0/per_base"),
        ({"name": {"zh": "甲", "en": "a", "fr": "b"}}, "/name/fr"),
        ({"code": "OTHER"}, "/code"),
    ],
)
def test_an_item_names_what_is_wrong(site: Site, erp: httpx.Client, change: dict[str, Any], pointer: str) -> None:
    """A wrong item is 422 naming the field, and nothing is stored."""
    reply = erp.put("/items/AC", json=ITEM | change)
    assert (reply.status_code, pointers(reply)) == (422, [pointer])
    assert site.rows("select code from item") == []


def test_a_base_unit_in_use_stays(known: httpx.Client) -> None:
    """Once quantities in it are kept, the base unit of an item cannot change."""
    reply = known.put("/items/SCR", json=PART | {"unit": "box", "units": []})
    assert (reply.status_code, pointers(reply)) == (409, ["/unit"])


def test_a_release_never_changes_its_content(known: httpx.Client) -> None:
    """Another BOM under a known revision is 409; its status and dates may change."""
    other = RELEASE | {"bom": [RELEASE["bom"][0] | {"quantity_per": "25"}]}
    refused = known.put("/releases/AC/A", json=other)
    assert (refused.status_code, refused.json()["code"]) == (409, "revision_immutable")
    assert known.put("/releases/AC/A", json=RELEASE | {"status": "obsolete"}).status_code == 200
    assert known.get("/releases/AC/A").json()["status"] == "obsolete"
    assert known.get("/releases/AC").json()["items"] == [{"revision": "A", "status": "obsolete"}]


def test_a_release_is_kept_in_base_units(known: httpx.Client) -> None:
    """A component given in another unit of its item is kept in the base unit."""
    bom = [{"line_no": 1, "item": "SCR", "quantity_per": 0.024, "unit": "box", "operation_seq": 10}]
    assert known.put("/releases/AC/B", json=RELEASE | {"bom": bom}).status_code == 201
    kept = known.get("/releases/AC/B").json()["bom"][0]
    assert (kept["quantity_per"], kept["unit"]) == ("24", "pcs")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"bom": [RELEASE["bom"][0] | {"item": "NONE"}]}, "/bom/0/item"),
        ({"bom": [RELEASE["bom"][0] | {"unit": "kg"}]}, "/bom/0/unit"),
        ({"bom": [RELEASE["bom"][0] | {"quantity_per": "-1"}]}, "/bom/0/quantity_per"),
        ({"bom": [RELEASE["bom"][0] | {"operation_seq": 99}]}, "/bom/0/operation_seq"),
        ({"bom": [RELEASE["bom"][0] | {"item": "AC"}]}, "/bom/0/item"),
        ({"bom": [RELEASE["bom"][0], RELEASE["bom"][0]]}, "/bom/1/line_no"),
        ({"routing": []}, "/routing"),
        ({"routing": [{"seq": 10, "line_group": "nowhere", "seconds_per_piece": 5}]}, "/routing/0/line_group"),
        ({"routing": [{"seq": 10, "lines": ["L01", "L9"], "seconds_per_piece": 5}]}, "/routing/0/lines/1"),
        ({"routing": [{"seq": 10, "lines": ["L01"]}]}, "/routing/0/seconds_per_piece"),
        ({"routing": [{"seq": 10, "seconds_per_piece": 5}]}, "/routing/0/lines"),
        ({"routing": [RELEASE["routing"][0] | {"resources": ["M9"]}]}, "/routing/0/resources/0"),
        ({"routing": [RELEASE["routing"][0] | {"yield_rate": 1.5}]}, "/routing/0/yield_rate"),
    ],
)
def test_a_release_names_what_is_wrong(site: Site, known: httpx.Client, change: dict[str, Any], pointer: str) -> None:
    """A wrong release is 422 naming the field, and nothing of it is stored."""
    reply = known.put("/releases/AC/X", json=RELEASE | change)
    assert (reply.status_code, pointers(reply)) == (422, [pointer])
    assert site.rows("select revision from release where revision = 'X'") == []
    assert site.rows("select revision from bom_line where revision = 'X'") == []


def test_if_match_protects_a_document(erp: httpx.Client) -> None:
    """If-Match with another version than the one that stands is 412."""
    erp.put("/items/AC", json=ITEM)
    stale = erp.put("/items/AC", json=ITEM | {"family": "X"}, headers={"If-Match": '"7"'})
    right = erp.put("/items/AC", json=ITEM | {"family": "X"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, right.status_code) == (412, 200)


def test_lists_are_pages(erp: httpx.Client) -> None:
    """A list is read page by page to its end, and only cursors that were given out continue it."""
    for code in ("a", "b", "丙"):
        erp.put("/items/" + quote(code), json=ITEM)
    first = erp.get("/items", params={"limit": 2}).json()
    rest = erp.get("/items", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [item["code"] for item in first["items"] + rest["items"]] == ["a", "b", "丙"]
    assert rest["next_cursor"] is None
    for cursor in ("nonsense", "e30", "WzEsMl0", "W251bGxd"):
        assert erp.get("/items", params={"cursor": cursor}).status_code == 422
