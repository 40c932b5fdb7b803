"""Samples over HTTP: from gateways, once however often they are sent; sources, gaps and quarantine to look at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import psycopg
import pytest

from mes.actions import plant
from mes.domain.access import Grant, Role
from mes.formats.plant_file import read_plant
from mes.store.source import Beat, Gap, insert_gap, renew_sources, take_source
from tests.api.callers import AT, PLANT, Site
from tests.api.test_contract import contract

MACHINES = """
[[machine]]
code = "L01-M1"
line = "L01"
position = 1

[[machine]]
code = "L02-M1"
line = "L02"
position = 1

[[source]]
code = "gw1"
kind = "http"

[[source]]
code = "gw2"
kind = "http"

[[tag]]
machine = "L01-M1"
signal = "good_total"
source = "gw1"

[[tag]]
machine = "L01-M1"
signal = "good_pulse"
source = "gw1"

[[tag]]
machine = "L01-M1"
signal = "value:temp"
source = "gw1"

[[tag]]
machine = "L02-M1"
signal = "good_total"
source = "gw2"
"""


@pytest.fixture
def heard(serve: Callable[..., Site], database_url: str) -> Site:
    with psycopg.connect(database_url) as conn:
        plant.apply(conn, AT, read_plant(PLANT + MACHINES))
    return serve()


@pytest.fixture
def gateway(heard: Site) -> httpx.Client:
    return heard.with_key("gateway")


def signed_in(site: Site, role: Role, *lines: str) -> httpx.Client:
    return site.signed_in(f"{role}{len(site.clients)}", Grant(role, frozenset(lines) or None))


def now() -> datetime:
    return datetime.now(UTC)


def message(sequence: int = 1, *samples: dict[str, Any], gateway: str = "gw1") -> dict[str, Any]:
    return {"gateway": gateway, "sequence": sequence, "samples": list(samples)}


def sample(value: object, signal: str = "good_total", at: datetime | None = None, **more: Any) -> dict[str, Any]:
    at = at or now()
    return {"address": f"L01-M1/{signal}", "at": at.isoformat(), "value": value, **more}


def test_a_gateways_samples_are_stored_once(heard: Site, gateway: httpx.Client) -> None:
    """Answered means durable; the same message again is answered as repeated and changes nothing."""
    body = message(1, sample(5), sample(21.5, "value:temp"), sample(1, "good_pulse"), sample(1, "good_pulse"))
    body["samples"][3]["at"] = body["samples"][2]["at"]
    first, again = gateway.post("/samples", json=body), gateway.post("/samples", json=body)
    assert first.status_code == 200
    assert first.json() == {"gateway": "gw1", "sequence": 1, "stored": 4, "repeated": 0, "set_aside": 0}
    assert (again.json()["stored"], again.json()["repeated"]) == (0, 4)
    with psycopg.connect(heard.database_url) as conn:
        assert conn.execute("select keys from touched where why = 'sample'").fetchall() == [(["L01-M1"],)]


def packed(gateway: httpx.Client, body: Any) -> httpx.Response:
    """Send a body as MessagePack."""
    content = body if isinstance(body, bytes) else msgspec.msgpack.encode(body)
    return gateway.post("/samples", content=content, headers={"content-type": "application/msgpack"})


def test_a_gateway_may_speak_messagepack(heard: Site, gateway: httpx.Client) -> None:
    """The same document in MessagePack, its instants as text or timestamps, is the same message."""
    at = now()
    as_text = message(1, sample(5, at=at), sample(21.5, "value:temp", at=at))
    as_stamp = message(1, *({**said, "at": at} for said in as_text["samples"]))
    assert packed(gateway, as_text).json()["stored"] == 2
    assert (
        packed(gateway, as_stamp).json()["repeated"],
        gateway.post("/samples", json=as_text).json()["repeated"],
    ) == (2, 2)
    content = contract()["paths"]["/api/v1/samples"]["post"]["requestBody"]["content"]
    assert content["application/msgpack"] == content["application/json"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\xc1", "msgpack_invalid"),
        (b"\x81\xa7gate", "msgpack_invalid"),
        (msgspec.msgpack.encode({1: 2}), "body"),
        (msgspec.msgpack.encode({"gateway": b"gw1", "sequence": 1, "samples": []}), "body"),
        (msgspec.msgpack.encode({"gateway": msgspec.msgpack.Ext(5, b"x"), "sequence": 1, "samples": []}), "body"),
        (b"\x91" * 40 + b"\xc0", "too_deep"),
        (msgspec.msgpack.encode({"gateway": "gw1", "sequence": 1}), "invalid"),
    ],
)
def test_messagepack_that_is_no_message_is_refused(gateway: httpx.Client, body: bytes, code: str) -> None:
    """Broken, foreign and hostile MessagePack is refused with a reason, as JSON is."""
    answer = packed(gateway, body)
    assert (answer.status_code, answer.json()["code"]) in {(400, code), (422, code)}


def test_only_samples_may_come_as_messagepack(heard: Site) -> None:
    """Elsewhere a body in it is refused by its kind."""
    answer = heard.with_key("erp").put("/items/A", content=b"\x80", headers={"content-type": "application/msgpack"})
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type")


def test_a_gateway_is_shown_and_its_lost_messages_are_a_gap(heard: Site, gateway: httpx.Client) -> None:
    """A gateway stands among the sources with its counters; message numbers it passed over are a gap."""
    for sequence in (1, 2, 2, 5):
        gateway.post("/samples", json=message(sequence, sample(sequence, at=now() - timedelta(seconds=9))))
    viewer = signed_in(heard, "viewer")
    (source,) = viewer.get("/sources").json()
    assert (source["source"], source["state"], source["is_owned"]) == ("gw1", "running", True)
    assert (source["health"]["sequence"], source["health"]["counts"]["messages"]) == (5, 4)
    assert (source["health"]["lag_s"], source["gaps"]) == (pytest.approx(9, abs=5), 1)
    assert source["health"]["per_s"] > 0
    (gap,) = viewer.get("/gaps").json()["items"]
    assert (gap["why"], gap["detail"]) == ("sequence", "messages 3 to 4 have not come")


def test_a_repeated_bad_message_is_set_aside_once(heard: Site, gateway: httpx.Client) -> None:
    """Replays of what was refused do not fill the quarantine, nor does one message of nothing but nonsense."""
    body = message(1, sample("many"))
    for _ in range(3):
        assert gateway.post("/samples", json=body).json()["set_aside"] == 1
    assert gateway.post("/samples", json=message(2, *(sample(f"x{n}") for n in range(500)))).json()["set_aside"] == 500
    with psycopg.connect(heard.database_url) as conn:
        assert conn.execute("select count(*) from quarantine").fetchone() == (101,)


def test_a_bad_sample_does_not_stop_the_others(heard: Site, gateway: httpx.Client) -> None:
    """Unknown tags, wrong words and wrong times are set aside with their reason, and may be looked at."""
    samples = [
        sample(1, "nothing"), sample("many"), sample(2, at=now() + timedelta(hours=1)),
        {"address": "L02-M1/good_total", "at": now().isoformat(), "value": 1}, sample(3),
    ]  # fmt: skip
    answer = gateway.post("/samples", json=message(2, *samples)).json()
    assert (answer["stored"], answer["set_aside"]) == (1, 4)
    listed = signed_in(heard, "maintenance").get("/quarantine").json()["items"]
    assert sorted(row["why"] for row in listed) == ["future", "unknown_tag", "unknown_tag", "value"]


def test_what_is_older_than_it_is_kept_is_set_aside(heard: Site, gateway: httpx.Client) -> None:
    """Process values after a week, signals after 90 days, each by its own window."""
    days = {"value:temp": (6, 10), "good_total": (10, 100)}
    samples = [sample(1, signal, at=now() - timedelta(days=age)) for signal, ages in days.items() for age in ages]
    answer = gateway.post("/samples", json=message(2, *samples)).json()
    assert (answer["stored"], answer["set_aside"]) == (2, 2)
    listed = signed_in(heard, "maintenance").get("/quarantine").json()["items"]
    assert [(row["why"], row["can_be_released"]) for row in listed] == [("too_late", True)] * 2


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"gateway": "gw9"}, 422),
        ({"gateway": ""}, 422),
        ({"sequence": -1}, 422),
        ({"samples": [{"at": "soon", "address": "x", "value": 1}]}, 422),
        ({"samples": [{"at": "2026-01-05T00:00:00Z", "value": 1}]}, 422),
        ({"extra": 1}, 422),
    ],
)
def test_a_message_that_is_none_is_refused(gateway: httpx.Client, change: dict[str, Any], status: int) -> None:
    """A message whose form is wrong is refused whole, naming the field."""
    answer = gateway.post("/samples", json={**message(), **change})
    assert answer.status_code == status
    assert answer.json()["errors"]


def test_a_quarantined_sample_is_released_once(heard: Site, gateway: httpx.Client) -> None:
    """Whoever may lets a sample in as it was heard; a second time, or without a sample, it is a conflict."""
    at = now() + timedelta(hours=1)
    gateway.post("/samples", json=message(3, sample(7, at=at), sample("many")))
    maintenance = signed_in(heard, "maintenance")
    rows = {row["why"]: row for row in maintenance.get("/quarantine").json()["items"]}
    assert rows["future"]["can_be_released"]
    url = f"/quarantine/{rows['future']['id']}/release"
    assert signed_in(heard, "viewer").post(url).status_code == 403
    released = maintenance.post(url).json()
    assert (released["address"], released["repeated"]) == ("L01-M1/good_total", False)
    assert maintenance.post(url).status_code == 409
    assert maintenance.post(f"/quarantine/{rows['value']['id']}/release").status_code == 409
    assert maintenance.post("/quarantine/999999/release").status_code == 404
    until = (at + timedelta(minutes=1)).isoformat()
    query = {"tag": "L01-M1/good_total", "from": now().isoformat(), "to": until}
    assert [row["value"] for row in maintenance.get("/samples", params=query).json()["items"]] == [7]


def test_samples_come_in_pages(heard: Site, gateway: httpx.Client) -> None:
    """The samples of a tag are listed in order, page by page, without loss."""
    start = now() - timedelta(seconds=60)
    gateway.post("/samples", json=message(4, *(sample(n, at=start + timedelta(seconds=n)) for n in range(7))))
    viewer = signed_in(heard, "viewer")
    query: dict[str, Any] = {"tag": "L01-M1/good_total", "from": start.isoformat(), "to": now().isoformat(), "limit": 3}
    found: list[int] = []
    while True:
        page = viewer.get("/samples", params=query).json()
        found += [row["value"] for row in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == list(range(7))
    assert viewer.get("/samples", params={**query, "tag": "L09/x", "cursor": None}).status_code in {404, 422}


def test_sources_and_gaps_are_shown(heard: Site, gateway: httpx.Client) -> None:
    """Each source shows its owner, state, counters and newest values; gaps say from, to and why."""
    at = now()
    with psycopg.connect(heard.database_url) as conn:
        lease = take_source(conn, "gw1", "me")
        assert lease is not None
        renew_sources(conn, "me", [Beat("gw1", lease.epoch, "running", at, at, {"counts": {"heard": 3}})])
        insert_gap(conn, Gap("gw1", at, "network", detail="cut"), epoch=lease.epoch, machines=["L01-M1"])
    gateway.post("/samples", json=message(5, sample(3)))
    viewer = signed_in(heard, "viewer")
    (source,) = viewer.get("/sources").json()
    assert (source["source"], source["state"]) == ("gw1", "running")
    assert source["health"]["counts"] == {"messages": 1, "heard": 4, "repeated": 0, "set_aside": 0}
    assert source["gap_since"] is not None
    assert [row["value"] for row in viewer.get("/sources/gw1").json()["last"]] == [3]
    assert viewer.get("/sources/nothing").status_code == 404
    gaps = viewer.get("/gaps").json()["items"]
    assert [(g["source"], g["why"], g["to_at"]) for g in gaps] == [("gw1", "network", None)]


def test_another_lines_sources_are_not_there(heard: Site, gateway: httpx.Client) -> None:
    """Who sees one line sees its samples and sources, and nothing of the others."""
    gateway.post("/samples", json=message(6, sample(3)))
    other = signed_in(heard, "viewer", "L02")
    query = {"tag": "L01-M1/good_total", "from": AT.at.isoformat(), "to": now().isoformat()}
    assert other.get("/samples", params=query).status_code == 404
    assert other.get("/sources/gw1").status_code == 404
    assert other.get("/gaps", params={"source": "gw1"}).status_code == 404
