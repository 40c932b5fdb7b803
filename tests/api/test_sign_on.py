"""Signing on at a station: by badge, by code and PIN."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import psycopg
import pytest

from api.security import login
from mes.clock import wall
from mes.domain.access import Grant
from tests.api.callers import Site, pointers

PIN = "407193"


@pytest.fixture
def admin(site: Site) -> httpx.Client:
    """An administrator, who gave li a badge and a PIN and zhao a badge."""
    client = site.signed_in("root", Grant("admin"))
    for code, document in (("li", {"badge": "工牌/0007", "pin": PIN}), ("zhao", {"badge": "0008"})):
        person = {"code": code, "name": code.upper(), "grants": [{"role": "operator", "lines": ["L01"]}]}
        assert client.post("/people", json=person).status_code == 201
        assert client.put(f"/people/{code}/badge", json=document).status_code == 204
    return client


@pytest.fixture
def terminal(site: Site, admin: httpx.Client) -> httpx.Client:
    """A terminal of line L01."""
    code = admin.post("/kiosks", json={"code": "T1", "lines": ["L01"]}).json()["enrolment"]
    device = site.caller()
    assert device.post("/kiosks/enrol", json={"enrolment": code}).status_code == 201
    return device


def sign_on(caller: httpx.Client, **said: str) -> httpx.Response:
    """Begin work at the line's station."""
    return caller.post("/sign-ons", json={"station": "L01-S1"} | said)


def test_a_badge_or_a_pin_signs_on(site: Site, terminal: httpx.Client) -> None:
    """A badge, or a code with its PIN, is its person's entry; another line's station is not there."""
    replies = [sign_on(terminal, badge="工牌/0007"), sign_on(terminal, person="li", pin=PIN)]
    assert [(reply.status_code, reply.json()["person"]) for reply in replies] == [(201, "li")] * 2
    assert site.rows("select kind, detail ->> 'person', entered_by from entry") == [("who", "li", "kiosk:T1")] * 2
    assert sign_on(terminal, badge="0008", station="L02-S1").status_code == 404


def test_who_is_unknown_or_kept_out_does_not_sign_on(site: Site, admin: httpx.Client, terminal: httpx.Client) -> None:
    """A wrong badge or PIN, none, or a person kept out: 422 naming the field, and nobody is on."""
    assert admin.post("/people/zhao/disable").status_code == 204
    for said, pointer in (
        ({"badge": "0009"}, "/badge"),
        ({"badge": "0008"}, "/badge"),
        ({"person": "li", "pin": "407194"}, "/pin"),
        ({"person": "li"}, "/pin"),
        ({"person": "zhao", "pin": "1234"}, "/pin"),
        ({"person": "nobody", "pin": PIN}, "/pin"),
    ):
        reply = sign_on(terminal, **said)
        assert (reply.status_code, pointers(reply)) == (422, [pointer]), said
    assert site.rows("select from entry") == []


def test_guessing_takes_ever_longer(
    serve: Callable[..., Site], site: Site, terminal: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After five wrong PINs that person has to wait, with the right one too and at every process; others need not."""
    at = wall()
    monkeypatch.setattr(login.clock, "wall", lambda: at)
    statuses = [sign_on(terminal, person="li", pin="000000").status_code for _ in range(7)]
    assert statuses == [422] * 5 + [429] * 2
    elsewhere = serve().caller(cookie=f"takt_kiosk={terminal.cookies['takt_kiosk']}")
    assert sign_on(elsewhere, person="li", pin=PIN).status_code == 429
    assert sign_on(terminal, badge="0008").status_code == 201
    badges = [sign_on(terminal, badge=f"x{number}").status_code for number in range(7)]
    assert badges == [422] * 5 + [429] * 2


def test_a_pin_is_kept_hashed_and_a_badge_is_one_persons(site: Site, admin: httpx.Client) -> None:
    """Of a PIN only an argon2id hash is kept, in no audit; a badge of somebody else is refused."""
    assert site.rows("select pin_hash like '$argon2id$v=19$m=19456,t=2,p=1$%%' from person where code = 'li'") == [
        (True,)
    ]
    with psycopg.connect(site.database_url) as conn:
        told = conn.execute("select detail::text from audit union all select p::text from person p").fetchall()
    assert not any(PIN in row[0] for row in told)
    assert admin.put("/people/zhao/badge", json={"badge": "工牌/0007"}).status_code == 409
    for pin in ("123", "12a4", "1" * 13):
        assert pointers(admin.put("/people/zhao/badge", json={"pin": pin})) == ["/pin"]
