"""The stream as a screen gets it: over HTTP, from the database's bell, and only what its viewer may see."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from mes.domain.access import Grant
from tests.api.callers import Site

HANG_S = 20


def events(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of an open stream, one after the other."""
    lines: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            key, _, value = line.partition(": ")
            lines[key] = value
        elif "event" in lines:
            yield lines["event"], json.loads(lines["data"])
            lines = {}


def next_of(stream: Iterator[tuple[str, dict[str, Any]]], event: str, topic: str = "") -> dict[str, Any]:
    """The next event of a kind, of a topic."""
    return next(data for kind, data in stream if kind == event and (not topic or data["topic"] == topic))


@pytest.fixture
def visitor(serve: Callable[..., Site]) -> httpx.Client:
    """The demo's visitor."""
    client = serve(demo=True).caller()
    client.timeout = httpx.Timeout(HANG_S)
    return client


def test_a_page_gets_every_topic_it_asks_for_on_one_stream(visitor: httpx.Client) -> None:
    """Heartbeat first, then a whole image for each topic."""
    topics = ["wall", "board", "shortages", "orders", "andon", "line:L01", "station:L01-S1"]
    with visitor.stream("GET", "/stream", params={"topics": ",".join(topics)}) as response:
        stream = events(response)
        kind, _ = next(stream)
        images: dict[str, Any] = {}
        while set(images) < set(topics):
            image = next_of(stream, "snapshot")
            images[image["topic"]] = image["data"]
    assert (kind, response.headers["cache-control"]) == ("hb", "no-store")
    assert images["wall"]["lines"] == ["L01", "L02"]


def test_the_beat_says_that_nobody_books(visitor: httpx.Client) -> None:
    """Without a tracker every figure stands still, and the screens are told."""
    with visitor.stream("GET", "/stream", params={"topics": "andon"}) as response:
        stream = events(response)
        next_of(stream, "snapshot")
        assert next_of(stream, "hb")["away"] == ["tracker"]


def test_what_is_said_on_the_floor_is_on_the_screen(visitor: httpx.Client) -> None:
    """A call raised over the api rings, and every screen that watches gets the change."""
    with visitor.stream("GET", "/stream", params={"topics": "wall"}) as response:
        stream = events(response)
        next_of(stream, "snapshot", "wall")
        raised = visitor.post("/andon-calls", json={"kind": "quality", "line": "L01"})
        patch = next_of(stream, "d", "wall")["patch"]
    assert raised.status_code == 201
    assert [call["kind"] for call in patch["calls"].values()] == ["quality"]


def merged(tree: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    kept = dict(tree) if isinstance(tree, dict) else {}
    for key, value in patch.items():
        kept[key] = merged(kept.get(key), value)
    return {key: value for key, value in kept.items() if value is not None}


def test_who_comes_late_sees_what_the_others_see(visitor: httpx.Client) -> None:
    """A screen that opens between two changes has the same wall after the second, and every change follows the last."""

    def after(stream: Iterator[tuple[str, dict[str, Any]]], image: Any, seq: int, calls: int) -> tuple[Any, int]:
        while len(image["calls"]) < calls:
            change = next_of(stream, "d", "wall")
            assert change["after"] == seq
            image, seq = merged(image, change["patch"]), change["seq"]
        return image, seq

    watch = {"topics": "wall,andon"}
    with visitor.stream("GET", "/stream", params=watch) as first:
        early = events(first)
        shown = next_of(early, "snapshot", "wall")
        visitor.post("/andon-calls", json={"kind": "quality", "line": "L01"}).raise_for_status()
        image, seq = after(early, shown["data"], shown["seq"], 1)
        with visitor.stream("GET", "/stream", params=watch) as second:
            late = events(second)
            begun = next_of(late, "snapshot", "wall")
            assert begun["data"] == image
            visitor.post("/andon-calls", json={"kind": "material", "line": "L02"}).raise_for_status()
            assert after(late, begun["data"], begun["seq"], 2) == after(early, image, seq, 2)


@pytest.mark.parametrize(
    ("topics", "status"),
    [("wall,moon", 404), ("line:L99", 404), ("station:", 404), ("", 422), (",".join("abcdefghi"), 422)],
)
def test_a_topic_that_is_not_there_is_named(visitor: httpx.Client, topics: str, status: int) -> None:
    """Unknown topics, lines and stations are refused before a stream begins."""
    assert visitor.get("/stream", params={"topics": topics}).status_code == status


def test_nobody_watches_without_signing_in(site: Site) -> None:
    """A stream is for somebody known."""
    assert site.caller().get("/stream", params={"topics": "wall"}).status_code == 401


def test_a_key_watches_only_what_its_scopes_allow(site: Site) -> None:
    """Every topic names the permission it needs."""
    gateway = site.with_key("gateway", system="gw")
    assert gateway.get("/stream", params={"topics": "wall"}).status_code == 403


def test_an_operator_of_a_line_sees_that_line_alone(site: Site) -> None:
    """Pages are cut to the lines of the viewer, another line's topics are not there."""
    operator = site.signed_in("wu", Grant("operator", frozenset({"L02"})))
    operator.timeout = httpx.Timeout(HANG_S)
    assert operator.get("/stream", params={"topics": "station:L01-S1"}).status_code == 404
    with operator.stream("GET", "/stream", params={"topics": "wall,station:L02-S1"}) as response:
        image = next_of(events(response), "snapshot", "wall")["data"]
    assert (image["lines"], list(image["tiles"])) == (["L02"], ["L02"])


def test_the_screens_are_handed_out_with_a_strict_policy(site: Site) -> None:
    """Pages load nothing from elsewhere and no script that is not a file of ours; files named by content are kept."""
    page = httpx.get(f"{site.url}/wall", trust_env=False)
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-cache"
    script = page.text.split('src="', 1)[1].split('"', 1)[0]
    kept = httpx.get(f"{site.url}{script}", trust_env=False)
    assert (kept.status_code, "immutable" in kept.headers["cache-control"]) == (200, True)
    assert "http" not in page.text.replace("http-equiv", "")
