"""The event feed over HTTP."""

from __future__ import annotations

import httpx
import psycopg

from mes.store.exchange import number_outbox
from tests.api.callers import Site, order


def tell(site: Site, erp: httpx.Client, numbers: range) -> None:
    """One event for each order, in the feed."""
    for number in numbers:
        assert erp.put(f"/production-orders/erp/MO-{number}", json=order()).status_code == 201
    with psycopg.connect(site.database_url) as conn:
        number_outbox(conn)


def test_the_feed_is_read_by_cursor(site: Site, known: httpx.Client) -> None:
    """Events come oldest first, each once, page by page; at the end the cursor stays."""
    tell(site, known, range(5))
    first = known.get("/events", params={"limit": 3}).json()
    rest = known.get("/events", params={"after": first["next_cursor"]}).json()
    end = known.get("/events", params={"after": rest["next_cursor"]}).json()
    assert [event["subject"] for event in first["items"] + rest["items"]] == [f"erp/MO-{n}" for n in range(5)]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert (end["items"], end["next_cursor"]) == ([], rest["next_cursor"])


def test_a_filtered_reader_passes_what_it_does_not_want(site: Site, known: httpx.Client) -> None:
    """A reader of other types gets nothing, and its cursor moves past the events it left out."""
    tell(site, known, range(3))
    page = known.get("/events", params={"types": "mes.shortage.opened,mes.shortage.closed"}).json()
    assert (page["items"], page["has_more"]) == ([], False)
    assert known.get("/events", params={"after": page["next_cursor"]}).json()["items"] == []


def test_unknown_types_are_named(known: httpx.Client) -> None:
    """A type there is not is 422."""
    reply = known.get("/events", params={"types": "mes.moon.landed"})
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "query/types")


def test_too_old_a_cursor_is_gone(site: Site, known: httpx.Client) -> None:
    """Where the feed's beginning was dropped, an older cursor is 410 with the oldest one that can be read."""
    tell(site, known, range(4))
    with psycopg.connect(site.database_url) as conn:
        conn.execute("delete from outbox where seq <= 2")
    gone = known.get("/events", params={"after": 0})
    assert (gone.status_code, gone.json()["oldest_cursor"]) == (410, 2)
    rest = known.get("/events", params={"after": 2}).json()["items"]
    assert [event["sequence"] for event in rest] == [3, 4]
    assert known.get("/events", params={"after": 99}).status_code == 410


def test_what_a_key_read_is_remembered(site: Site, known: httpx.Client) -> None:
    """How far a key has read stands behind its next stock statement; another key's reading does not."""
    tell(site, known, range(2))
    known.get("/events")
    other = site.with_key("erp")
    for caller, location in ((known, "WH"), (other, "L01-side")):
        body = {"as_of": now(known), "lines": [{"item": "SCR", "on_hand": 5, "unit": "pcs"}]}
        assert caller.put(f"/stock/{location}", json=body).status_code == 201
    rows = site.rows("select location, applied_through from stock_statement order by location")
    assert rows == [("L01-side", 0), ("WH", 2)]


def now(caller: httpx.Client) -> str:
    """The plant's time, as the api says it."""
    return str(caller.get("/session").json()["clock"]["plant_at"])
