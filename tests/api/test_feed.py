"""The event feed over HTTP."""

from __future__ import annotations

import random
import threading
import time
from datetime import timedelta
from typing import Any

import httpx
import psycopg

from mes.clock import wall
from mes.domain.exchange import Event
from mes.store.exchange import end_feed, insert_event, number_outbox
from tests.api.callers import Site, order, pointers

PATIENCE_S = 60


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


def test_the_feed_as_a_file_has_each_event_once(site: Site, known: httpx.Client) -> None:
    """As CSV the feed is read to its end from where one asks."""
    tell(site, known, range(5))
    lines = known.get("/events", params={"format": "csv", "after": 1, "limit": 2}).text.splitlines()
    assert len(lines) == 1 + 4
    assert [line.count("erp/MO-") for line in lines] == [0, 1, 1, 1, 1]


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
    """Where the feed's beginning is no longer kept, an older cursor is 410 with the oldest one that can be read."""
    tell(site, known, range(4))
    with psycopg.connect(site.database_url) as conn:
        conn.execute("update outbox set wall_at = wall_at - interval '1 year' where seq <= 2")
        end_feed(conn, wall() - timedelta(days=1))
    gone = known.get("/events", params={"after": 0})
    assert (gone.status_code, gone.json()["oldest_cursor"], pointers(gone)) == (410, 2, ["query/after"])
    rest = known.get("/events", params={"after": 2}).json()["items"]
    assert [event["sequence"] for event in rest] == [3, 4]
    assert known.get("/events").json()["items"] == rest
    assert known.get("/events", params={"after": 99}).status_code == 410


def test_numbers_are_never_given_twice(site: Site, known: httpx.Client) -> None:
    """A feed of which nothing is left goes on where it was; what balances rest on is kept though not handed out."""
    tell(site, known, range(2))
    with psycopg.connect(site.database_url) as conn:
        insert_event(conn, Event("mes.plan.published", "plan/1", {}), at=wall(), wall_at=wall())
        number_outbox(conn)
        assert end_feed(conn, wall() + timedelta(days=1)) == 1
    page = known.get("/events").json()
    assert (page["items"], page["next_cursor"]) == ([], 3)
    assert site.rows("select count(*) from outbox") == [(2,)]
    tell(site, known, range(2, 3))
    assert [event["sequence"] for event in known.get("/events", params={"after": 3}).json()["items"]] == [4]


def test_a_reader_may_wait(site: Site, known: httpx.Client) -> None:
    """A reader at the feed's end is answered when something happens, even when other things happen before."""
    tell(site, known, range(1))
    end = known.get("/events").json()["next_cursor"]
    answers: list[dict[str, Any]] = []

    def wait() -> None:
        cursor = end
        while not answers or not (answers[-1]["items"] or stopping.is_set()):
            query = {"after": cursor, "wait": 30, "types": "mes.andon.raised"}
            answers.append(known.get("/events", params=query).json())
            cursor = answers[-1]["next_cursor"]

    stopping = threading.Event()
    thread = threading.Thread(target=wait)
    thread.start()
    tell(site, site.with_key("erp"), range(1, 2))
    with psycopg.connect(site.database_url) as conn:
        insert_event(conn, Event("mes.andon.raised", "andon/1", {}), at=wall(), wall_at=wall())
        number_outbox(conn)
    thread.join(PATIENCE_S)
    stopping.set()
    thread.join(PATIENCE_S)
    assert [(event["type"], event["sequence"]) for event in answers[-1]["items"]] == [("mes.andon.raised", end + 2)]
    assert known.get("/events", params={"after": end + 2, "wait": 0.3}).json()["items"] == []
    assert known.get("/events", params={"wait": 999}).status_code == 422


def test_no_event_is_lost_or_doubled_under_concurrent_writers(site: Site, erp: httpx.Client) -> None:
    """Writers that commit late, out of turn or not at all, two who number, three who read: each sees each once.

    Events of one subject come in the order in which they were committed.
    """
    chance = random.Random(20260105)
    plans = [[(chance.random() < 0.2, chance.random() * 0.01) for _ in range(30)] for _ in range(6)]
    stopping = threading.Event()

    def write(subject: int) -> None:
        with psycopg.connect(site.database_url) as conn:
            for number, (given_up, late_s) in enumerate(plans[subject]):
                event = Event("mes.eta.changed", f"erp/{subject}", {"number": number})
                insert_event(conn, event, at=wall(), wall_at=wall())
                time.sleep(late_s)
                conn.rollback() if given_up else conn.commit()

    def number_them() -> None:
        with psycopg.connect(site.database_url) as conn:
            while not stopping.is_set():
                number_outbox(conn)
                conn.commit()

    wanted = [
        (f"erp/{subject}", number)
        for subject, plan in enumerate(plans)
        for number, (given_up, _) in enumerate(plan)
        if not given_up
    ]

    def read(found: list[tuple[str, int, int]], reader: httpx.Client) -> None:
        cursor, until = 0, time.monotonic() + PATIENCE_S
        while len(found) < len(wanted) and time.monotonic() < until:
            page = reader.get("/events", params={"after": cursor, "limit": 7, "wait": 1}).json()
            found += [(event["subject"], event["body"]["number"], event["sequence"]) for event in page["items"]]
            cursor = page["next_cursor"]

    heard: list[list[tuple[str, int, int]]] = [[], [], []]
    readers = [threading.Thread(target=read, args=(found, site.with_key("events:read"))) for found in heard]
    numbering = [threading.Thread(target=number_them) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(subject,)) for subject in range(6)]
    for thread in (*readers, *numbering, *writers):
        thread.start()
    for thread in (*writers, *readers):
        thread.join(2 * PATIENCE_S)
    stopping.set()
    for thread in numbering:
        thread.join(PATIENCE_S)
    for found in heard:
        assert sorted(found) == sorted(set(found))
        assert [seq for _, _, seq in found] == list(range(1, len(wanted) + 1))
        for subject in range(6):
            told = [number for name, number, _ in found if name == f"erp/{subject}"]
            assert told == [number for name, number in wanted if name == f"erp/{subject}"]


def test_what_a_key_read_is_remembered(site: Site, known: httpx.Client) -> None:
    """How far a key has read stands behind its next stock statement; not what another read, or one without reports."""
    tell(site, known, range(2))
    known.get("/events")
    other, filtered = site.with_key("erp"), site.with_key("erp")
    filtered.get("/events", params={"types": "mes.shortage.opened"})
    for caller, location in ((known, "WH"), (other, "L01-side"), (filtered, "L02-side")):
        body = {"as_of": now(known), "lines": [{"item": "SCR", "on_hand": 5, "unit": "pcs"}]}
        assert caller.put(f"/stock/{location}", json=body).status_code == 201
    rows = site.rows("select location, applied_through from stock_statement order by location")
    assert rows == [("L01-side", 0), ("L02-side", 0), ("WH", 2)]


def now(caller: httpx.Client) -> str:
    """The plant's time, as the api says it."""
    return str(caller.get("/session").json()["clock"]["plant_at"])
