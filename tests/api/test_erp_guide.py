"""The guide for ERPs: every command in it works, in its order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import httpx
import psycopg
import pytest

import mes
from mes.store.exchange import number_outbox
from tests.api.callers import AT, Site

GUIDE = Path(mes.__file__).parents[1] / "docs" / "erp.md"


def commands() -> list[list[str]]:
    """The words of each `takt ...` command of the guide, as a shell splits them."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    words = shlex.split("\n".join(blocks).replace("\ntakt ", "\n; takt "), posix=True)
    found: list[list[str]] = []
    for word in words:
        if word == "takt":
            found.append([])
        elif word != ";":
            found[-1].append(word)
    return found


def run(erp: httpx.Client, words: list[str]) -> httpx.Response:
    """What the guide's `takt` function does with curl."""
    (method, path), options = words[:2], dict(zip(words[2::2], words[3::2], strict=True))
    assert set(options) <= {"-d", "-H"}, options
    headers = {"Content-Type": "application/json"}
    if "-H" in options:
        name, _, value = options["-H"].partition(": ")
        headers[name] = value
    return erp.request(method, path, content=options.get("-d"), headers=headers)


@pytest.fixture
def erp1(site: Site) -> httpx.Client:
    """The guide's ERP, whose screws are short."""
    return site.with_key("erp", system="ERP1")


def test_every_command_of_the_guide_works(site: Site, erp1: httpx.Client) -> None:
    """Documents are taken, the feed tells of the order, the shortage is answered; a second run changes nothing."""
    for first in (True, False):
        for words in commands():
            if words[1] == "/shortages/1/answer" and first:
                with psycopg.connect(site.database_url) as conn:
                    conn.execute(
                        """
                        insert into shortage (item, opened_at, changed_at, short_quantity, needed_by, on_hand, orders,
                                              receipts, cause)
                        values ('SCR-M5', %(at)s, %(at)s, 9000, %(at)s, 3000, '[]', '[]', 'need')
                        """,
                        {"at": AT.at},
                    )
            reply = run(erp1, words)
            wanted = {"PUT": 201 if first else 200, "GET": 200, "POST": 201}[words[0]]
            assert reply.status_code == wanted, (words, reply.text)
            assert words[0] != "POST" or ("idempotency-replayed" in reply.headers) is not first
            if words[1].startswith("/sales-orders") and words[0] == "GET":
                assert [order["number"] for order in reply.json()["orders"]] == ["MO-0001"]
            if "types=" in words[1]:
                assert [event["type"] for event in reply.json()["items"]] == ["mes.order.accepted"]
            with psycopg.connect(site.database_url) as conn:
                number_outbox(conn)
    assert site.rows("select count(*), max(version) from production_order") == [(1, 1)]


def test_the_guide_names_what_there_is(site: Site) -> None:
    """Every address in the guide's commands is one of the contract's."""
    paths = httpx.get(f"{site.url}/openapi.json", trust_env=False, timeout=60).json()["paths"]
    known = [re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path.removeprefix("/api/v1"))) for path in paths]
    assert len(commands()) > 10
    for words in commands():
        assert any(re.fullmatch(path, words[1].partition("?")[0]) for path in known), words
