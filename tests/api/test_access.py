"""Keys, sign-in, sessions, terminals, the demo's visitor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import psycopg
import pytest

from api import deps
from api.security import guard, login
from mes.actions import access, plant
from mes.clock import wall
from mes.domain.access import Grant
from mes.formats.plant_file import read_plant
from mes.store.pool import open_pool
from tests.api.callers import AT, ITEM, PLANT, Site

PASSWORD = "correct horse 9"


@pytest.fixture
def admin(site: Site) -> httpx.Client:
    """An administrator who has signed in."""
    return site.signed_in("root", Grant("admin"))


# ------------------------------------------------------------------ keys
def test_a_key_is_shown_once_and_kept_hashed(site: Site, admin: httpx.Client) -> None:
    """A new key opens what its scopes say; of it only a prefix and a hash are kept, in no row and no audit."""
    reply = admin.post("/keys", json={"system": "erp", "scopes": ["items:write", "product:read"]})
    key = reply.json()["key"]
    caller = site.caller(authorization=f"Bearer {key}")
    assert caller.put("/items/AC", json=ITEM).status_code == 201
    assert caller.get("/events").status_code == 403
    everything = site.rows("select k::text from api_key k union all select detail::text from audit")
    assert not any(key in row[0] or key.split("_", 2)[2] in row[0] for row in everything)
    assert "sha256" not in admin.get("/keys").text


def test_a_key_ends(site: Site, admin: httpx.Client) -> None:
    """A revoked key opens nothing, here at once and elsewhere within seconds; an expired one neither."""
    key = admin.post("/keys", json={"system": "erp", "scopes": ["erp"]}).json()["key"]
    caller = site.caller(authorization=f"Bearer {key}")
    assert caller.get("/items").status_code == 200
    assert admin.delete(f"/keys/{key.split('_')[1]}").status_code == 204
    assert caller.get("/items").status_code == 401
    assert guard.REMEMBERED_S <= 5
    past = (wall() - timedelta(minutes=1)).isoformat()
    old = admin.post("/keys", json={"system": "erp", "scopes": ["erp"], "expires_at": past}).json()["key"]
    assert site.caller(authorization=f"Bearer {old}").get("/items").status_code == 401


@pytest.mark.parametrize(
    "given", ["Bearer", "Basic YTpi", "Bearer takt_nothing", "Bearer takt_aaaaaaaa_bbbb", "Bearer x" * 99]
)
def test_wrong_keys_open_nothing(site: Site, given: str) -> None:
    """Whatever is no key in force is 401."""
    reply = site.caller(authorization=given).get("/items")
    assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")


def test_a_key_cannot_have_every_right(admin: httpx.Client) -> None:
    """No key manages access or the plant; a key without scopes is none."""
    for scopes in (["access:manage"], ["plant:write"], ["admin"], []):
        reply = admin.post("/keys", json={"system": "erp", "scopes": scopes})
        assert (reply.status_code, reply.json()["code"]) == (422, "invalid")


def test_a_secret_is_not_shown_twice(admin: httpx.Client) -> None:
    """Repeating the request for a key under one Idempotency-Key makes no second key and shows none."""
    body, headers = {"system": "erp", "scopes": ["erp"]}, {"Idempotency-Key": "k"}
    first, again = (admin.post("/keys", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code, again.json()["code"]) == (201, 409, "done_once")
    assert len(admin.get("/keys").json()["items"]) == 1


# ------------------------------------------------------------------ people
def test_the_first_administrator_comes_with_a_link(site: Site) -> None:
    """No default password: a fresh house gives a one-time link, anew at each start until it was used."""
    tokens = []
    for _ in range(2):
        with psycopg.connect(site.database_url) as conn:
            tokens.append(access.first_admin(conn, AT))
    caller = site.caller()
    used = {token: caller.post("/invitations/accept", json={"token": token, "password": PASSWORD}) for token in tokens}
    assert [reply.status_code for reply in used.values()] == [404, 204]
    assert caller.get("/session").json()["roles"] == ["admin"]
    assert caller.post("/invitations/accept", json={"token": tokens[1], "password": PASSWORD}).status_code == 404
    with psycopg.connect(site.database_url) as conn:
        assert access.first_admin(conn, AT) is None


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "liu.xiaoming", "x" * 250])
def test_poor_passwords_are_refused(site: Site, password: str) -> None:
    """A password that is short, simple or one's own name is refused, and the link can still be used."""
    with psycopg.connect(site.database_url) as conn:
        token = access.add_person(conn, AT, code="liu.xiaoming", name="刘", grants=())
    caller = site.caller()
    reply = caller.post("/invitations/accept", json={"token": token, "password": password})
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "/password")
    assert caller.post("/invitations/accept", json={"token": token, "password": PASSWORD}).status_code == 204


def test_people_sign_in_and_out(site: Site) -> None:
    """A session begins with the right password, changes its token each time, and ends at sign-out."""
    site.signed_in("wang", Grant("planner"))
    caller = site.caller()
    assert caller.post("/login", json={"name": "wang", "password": PASSWORD}).status_code == 204
    first = caller.cookies[login.COOKIE]
    assert caller.get("/session").json() | {"clock": 0} == {
        "by": "person:wang", "name": "wang", "roles": ["planner"], "lines": None, "demo": False, "lang": "", "clock": 0,
        "permissions": sorted(guard.Caller(grants=(Grant("planner"),)).permissions()),
    }  # fmt: skip
    caller.post("/login", json={"name": "wang", "password": PASSWORD})
    second = caller.cookies[login.COOKIE]
    assert first != second
    assert site.rows("select count(*) from session where ended_at is null") == [(2,)]
    assert caller.post("/logout").status_code == 204
    old = site.caller(cookie=f"{login.COOKIE}={second}")
    assert old.get("/plans").status_code == 401
    assert site.rows("select actor, count(*) from audit where action = 'access.sign_in' group by 1") == [
        ("person:wang", 2)
    ]
    kept = site.rows("select s::text from session s")
    assert not any(first in row[0] or second in row[0] for row in kept)


def test_the_cookie_is_for_browsers_only(site: Site) -> None:
    """The session's cookie cannot be read by scripts nor sent by foreign pages."""
    site.signed_in("wang", Grant("planner"))
    reply = site.caller().post("/login", json={"name": "wang", "password": PASSWORD})
    cookie = reply.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie


def test_nobody_learns_who_is_there(site: Site) -> None:
    """A wrong name and a wrong password get the same answer."""
    site.signed_in("wang", Grant("planner"))
    caller = site.caller()
    replies = [caller.post("/login", json={"name": name, "password": "wrong"}) for name in ("wang", "nobody")]
    assert [reply.status_code for reply in replies] == [401, 401]
    assert replies[0].content == replies[1].content


def test_guessing_takes_ever_longer(serve: Callable[..., Site], site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """After five failures a name has to wait, known or not, even with the right password; other names need not.

    So it has at every process of the house.
    """
    at = wall()
    monkeypatch.setattr(login.clock, "wall", lambda: at)
    site.signed_in("wang", Grant("planner"))
    site.signed_in("zhao", Grant("planner"))
    caller = site.caller()
    for name in ("wang", "nobody"):
        statuses = [caller.post("/login", json={"name": name, "password": "wrong"}).status_code for _ in range(7)]
        assert statuses[:5] == [401] * 5
        assert statuses[-1] == 429
    right = caller.post("/login", json={"name": "wang", "password": PASSWORD})
    assert (right.status_code, int(right.headers["retry-after"]) >= 1) == (429, True)
    elsewhere = serve().caller().post("/login", json={"name": "WANG", "password": PASSWORD})
    assert elsewhere.status_code == 429
    assert caller.post("/login", json={"name": "zhao", "password": PASSWORD}).status_code == 204


def test_the_wait_doubles_and_ends(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each further failure doubles the wait up to its limit; success or a day without forgets them all."""
    now = [wall()]
    monkeypatch.setattr(login.clock, "wall", lambda: now[0])
    with open_pool(database_url, name="test") as pool:
        back_off = login.BackOff(pool, "test", free=2, wait_s_max=8)
        waits = []
        for _ in range(7):
            back_off.failed("wang")
            try:
                back_off.check("Wang")
                waits.append(0)
            except login.TooManyError as error:
                waits.append(error.facts["retry_after_s"] - 1)
                now[0] += timedelta(seconds=error.facts["retry_after_s"])
        assert waits == [0, 1, 2, 4, 8, 8, 8]
        back_off.succeeded("wang")
        for _ in range(3):
            back_off.failed("wang")
            back_off.check("wang")
            now[0] += login.FORGOTTEN_AFTER


def test_guesses_at_one_moment_are_counted(site: Site) -> None:
    """Twelve wrong passwords at once: no more than the free ones are looked at."""
    site.signed_in("wang", Grant("planner"))
    statuses: list[int] = []

    def guess() -> None:
        reply = site.caller().post("/login", json={"name": "wang", "password": "wrong"})
        statuses.append(reply.status_code)

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {401, 429}
    assert statuses.count(401) <= 5


def test_sessions_end_when_unused_old_or_ended(site: Site) -> None:
    """A session left alone, or as old as sessions get, opens nothing."""
    for column, age in (("seen_at", login.IDLE_MAX), ("expires_at", timedelta(0))):
        caller = site.signed_in(column, Grant("planner"))
        with psycopg.connect(site.database_url) as conn:
            conn.execute(
                f"update session set {column} = %(at)s",
                {"at": wall() - age - timedelta(seconds=1)},
            )
        fresh = site.caller(cookie=f"{login.COOKIE}={caller.cookies[login.COOKIE]}")
        time.sleep(guard.REMEMBERED_S)
        assert fresh.get("/plans").status_code == 401


def test_an_administrator_ends_what_somebody_may(site: Site, admin: httpx.Client) -> None:
    """Changed roles, a fresh invitation, or being kept out end somebody's sessions at once."""
    for end in (
        lambda: admin.put("/people/wang/grants", json={"grants": [{"role": "viewer"}]}),
        lambda: admin.post("/people/wang/disable"),
        lambda: admin.delete("/people/wang/sessions"),
    ):
        caller = site.signed_in("wang", Grant("planner"))
        assert caller.get("/plans").status_code == 200
        assert end().status_code == 204
        assert caller.get("/plans").status_code == 401
        with psycopg.connect(site.database_url) as conn:
            conn.execute("update person set code = code || '-' || id where code = 'wang'")


def test_people_are_managed(site: Site, admin: httpx.Client) -> None:
    """Somebody is let in with roles for lines; wrong roles and lines are named."""
    body = {"code": "li", "name": "李", "grants": [{"role": "operator", "lines": ["L01"]}]}
    link = admin.post("/people", json=body).json()["link"]
    assert link.startswith("/first#")
    assert admin.post("/people", json=body).status_code == 409
    wrong = admin.put("/people/li/grants", json={"grants": [{"role": "erp"}, {"role": "operator", "lines": ["L9"]}]})
    assert [e["pointer"] for e in wrong.json()["errors"]] == ["/grants/0/role", "/grants/1/lines/0"]
    listed = {person["code"]: person for person in admin.get("/people").json()["items"]}
    assert listed["li"]["grants"] == [{"role": "operator", "lines": ["L01"]}]
    assert listed["li"]["can_sign_in"] is False
    assert "hash" not in admin.get("/people").text


def test_foreign_pages_change_nothing(site: Site) -> None:
    """A change with a cookie is taken from our own pages only; with a key the page does not matter."""
    planner = site.signed_in("wang", Grant("planner"))
    body = {"kind": "replan"}
    for headers in (
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://["}, {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    ):  # fmt: skip
        reply = planner.post("/plan-runs", json=body, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    assert planner.post("/plan-runs", json=body, headers={"Origin": site.url}).status_code == 202
    keyed = site.with_key("plans:run", system="aps")
    assert keyed.post("/plan-runs", json=body, headers={"Origin": "https://evil.example"}).status_code == 202


# ------------------------------------------------------------------ terminals
def test_a_device_becomes_a_terminal_once(site: Site, admin: httpx.Client) -> None:
    """A code enrols one device; the terminal works on its lines and administers nothing; ended, it opens nothing."""
    code = admin.post("/kiosks", json={"code": "T1", "lines": ["L01"]}).json()["enrolment"]
    device, other = site.caller(), site.caller()
    enrolled = device.post("/kiosks/enrol", json={"enrolment": code.lower()})
    assert (enrolled.status_code, enrolled.json()["code"]) == (201, "T1")
    assert "samesite=strict" in enrolled.headers["set-cookie"].lower()
    assert other.post("/kiosks/enrol", json={"enrolment": code}).status_code == 404
    assert device.post("/entries", json={"kind": "count", "station": "L01-S1"}).status_code == 201
    assert device.post("/entries", json={"kind": "count", "station": "L02-S1"}).status_code == 404
    assert device.get("/people").status_code == 403
    bearer = site.caller(authorization=f"Bearer {enrolled.json()['token']}")
    assert bearer.get("/session").json()["by"] == "kiosk:T1"
    assert admin.delete("/kiosks/T1").status_code == 204
    assert device.get("/items").status_code == 401
    assert admin.get("/kiosks").json()["items"][0]["enrolled"] is False


def test_a_terminal_stays_one_when_somebody_signed_out(site: Site, admin: httpx.Client) -> None:
    """On a terminal a person's session comes first; when it is over, the terminal is itself again."""
    device = site.signed_in("wang", Grant("planner"))
    code = admin.post("/kiosks", json={"code": "T1"}).json()["enrolment"]
    device.post("/kiosks/enrol", json={"enrolment": code})
    assert device.get("/session").json()["by"] == "person:wang"
    assert admin.delete("/people/wang/sessions").status_code == 204
    assert device.get("/session").json()["by"] == "kiosk:T1"


def test_a_stream_ends_with_the_right_to_it(site: Site, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who is kept out sees nothing more on a stream that was open."""
    monkeypatch.setattr(deps, "STREAM_ASKED_AGAIN_S", 0.1)
    viewer = site.signed_in("wang", Grant("viewer"))
    with viewer.stream("GET", "/stream?topics=wall") as reply:
        pieces = reply.iter_raw()
        assert next(pieces)
        admin.post("/people/wang/disable")
        for _ in pieces:
            pass


def test_an_enrolment_code_is_short_lived(site: Site, admin: httpx.Client) -> None:
    """A code that nobody used within its time opens nothing."""
    code = admin.post("/kiosks", json={"code": "T1"}).json()["enrolment"]
    with psycopg.connect(site.database_url) as conn:
        conn.execute("update kiosk set enrol_expires_at = now() - interval '1 second'")
    assert site.caller().post("/kiosks/enrol", json={"enrolment": code}).status_code == 404


# ------------------------------------------------------------------ the demo's visitor
def test_the_demo_signs_its_visitor_in(serve: Callable[..., Site], database_url: str) -> None:
    """In the demo whoever opens the pages on this machine is its planner; through a proxy or a name, nobody."""
    with psycopg.connect(database_url) as conn:
        plant.apply(conn, AT, read_plant(PLANT))
    site = serve(demo=True)
    visitor = site.caller()
    assert visitor.get("/session").json()["by"] == "person:demo"
    assert visitor.post("/plan-runs", json={"kind": "replan"}).status_code == 202
    assert visitor.get("/people").status_code == 403
    assert visitor.post("/plan-runs", json={"kind": "replan"}, headers={"Origin": "https://evil"}).status_code == 403
    for name, value in (
        ("X-Forwarded-For", "10.1.1.1"), ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Host", "localhost"),
        ("Forwarded", "for=127.0.0.1"), ("X-Real-IP", "127.0.0.1"), ("Via", "1.1 proxy"),
        ("Host", "evil.example"), ("Host", "localhost.evil.example"), ("Host", "127.0.0.1.evil.example"),
        ("Host", "evil.example@127.0.0.1"), ("Host", "["), ("Host", "0.0.0.0"), ("Host", "2130706433"),
    ):  # fmt: skip
        reply = visitor.get("/plans", headers={name: value})
        assert reply.status_code == 401, (name, value)
    for host in ("localhost:8000", "127.0.0.1", "[::1]:80"):
        assert visitor.get("/plans", headers={"Host": host}).status_code == 200, host


def test_without_the_demo_a_visitor_is_nobody(site: Site) -> None:
    """Outside the demo nobody is signed in by being here."""
    visitor = site.caller()
    assert visitor.get("/session").json()["by"] == ""
    assert visitor.get("/plans").status_code == 401
