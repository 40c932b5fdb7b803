"""Who may come in: systems, people, their roles, API keys, terminals, sessions, and answers kept for repeated requests.

Only hashes of secrets are stored. These rows run on machine time, not plant time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from mes.domain.access import Grant
from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person; `password_hash` is None until the invitation was taken up."""

    id: int
    code: str
    name: str
    password_hash: str | None
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key as it is kept: its public prefix and the hash of the whole."""

    prefix: str
    sha256: str
    system: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class KioskRow:
    """A terminal; `lines` None is every line. `enrolled` once a device took the code up."""

    code: str
    lines: list[str] | None
    enrolled: bool
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session and whose it is."""

    person_id: int
    person: str
    name: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered to a request with an Idempotency-Key."""

    request_sha256: str
    status: int
    headers: dict[str, str]
    body: bytes


# ------------------------------------------------------------------ systems and keys
def save_system(conn: Connection, code: str, kind: str) -> None:
    """Know an outside system; its kind stays what it was first."""
    conn.execute(
        "insert into system (code, kind) values (%(code)s, %(kind)s) on conflict do nothing",
        {"code": code, "kind": kind},
    )


def insert_key(
    conn: Connection,
    *,
    prefix: str,
    sha256: str,
    system: str,
    scopes: Sequence[str],
    created_at: datetime,
    expires_at: datetime | None,
) -> None:
    """Store a new API key."""
    conn.execute(
        """
        insert into api_key (prefix, sha256, system, scopes, created_at, expires_at)
        values (%(prefix)s, %(sha256)s, %(system)s, %(scopes)s, %(created_at)s, %(expires_at)s)
        """,
        {
            "prefix": prefix,
            "sha256": sha256,
            "system": system,
            "scopes": sorted(scopes),
            "created_at": created_at,
            "expires_at": expires_at,
        },
    )


def find_key(conn: Connection, prefix: str) -> KeyRow | None:
    """The key with this prefix, revoked or not."""
    return next(iter(list_keys(conn, prefix=prefix)), None)


def list_keys(conn: Connection, *, prefix: str | None = None) -> list[KeyRow]:
    """All keys, newest first, or the one with this prefix."""
    with conn.cursor(row_factory=class_row(KeyRow)) as cur:
        return cur.execute(
            """
            select prefix, sha256, system, scopes, created_at, expires_at, last_used_at, revoked_at
            from api_key where %(prefix)s::text is null or prefix = %(prefix)s order by id desc
            """,
            {"prefix": prefix},
        ).fetchall()


def see_key(conn: Connection, prefix: str, at: datetime) -> None:
    """Note that a key was used."""
    conn.execute("update api_key set last_used_at = %(at)s where prefix = %(prefix)s", {"at": at, "prefix": prefix})


def revoke_key(conn: Connection, prefix: str, at: datetime) -> bool:
    """End a key; False when there is no such key in force."""
    return bool(
        conn.execute(
            "update api_key set revoked_at = %(at)s where prefix = %(prefix)s and revoked_at is null",
            {"at": at, "prefix": prefix},
        ).rowcount
    )


# ------------------------------------------------------------------ people
def insert_person(conn: Connection, code: str, name: str) -> int | None:
    """A new person, without password; their id, None when the code is taken."""
    row = conn.execute(
        "insert into person (code, name) values (%(code)s, %(name)s) on conflict do nothing returning id",
        {"code": code, "name": name},
    ).fetchone()
    return None if row is None else int(row[0])


def find_person(conn: Connection, code: str) -> PersonRow | None:
    """The person who signs in as `code`."""
    return next((person for person in list_people(conn, code=code)), None)


def list_people(conn: Connection, *, code: str | None = None) -> list[PersonRow]:
    """Everybody, or the one with this code."""
    with conn.cursor(row_factory=class_row(PersonRow)) as cur:
        return cur.execute(
            """
            select id, code, name, password_hash, disabled_at from person
            where %(code)s::text is null or code = %(code)s order by code
            """,
            {"code": code},
        ).fetchall()


def set_password(conn: Connection, person_id: int, password_hash: str) -> None:
    """Keep the hash of a new password; an open invitation ends."""
    conn.execute(
        """
        update person set password_hash = %(hash)s, invite_sha256 = null, invite_expires_at = null where id = %(id)s
        """,
        {"hash": password_hash, "id": person_id},
    )


def set_invite(conn: Connection, person_id: int, sha256: str, expires_at: datetime) -> None:
    """Let a person set a password once, with the link whose token hashes to this."""
    conn.execute(
        "update person set invite_sha256 = %(sha256)s, invite_expires_at = %(expires_at)s where id = %(id)s",
        {"sha256": sha256, "expires_at": expires_at, "id": person_id},
    )


def find_invited(conn: Connection, sha256: str, at: datetime) -> PersonRow | None:
    """Whose invitation this is, while it lasts; held until the transaction ends."""
    with conn.cursor(row_factory=class_row(PersonRow)) as cur:
        return cur.execute(
            """
            select id, code, name, password_hash, disabled_at from person
            where invite_sha256 = %(sha256)s and invite_expires_at > %(at)s and disabled_at is null for update
            """,
            {"sha256": sha256, "at": at},
        ).fetchone()


def set_badge(conn: Connection, person_id: int, *, badge: str | None, pin_hash: str | None) -> bool:
    """What somebody is known by at a station; False when the badge is another's."""
    taken = conn.execute(
        "select from person where badge = %(badge)s and id <> %(id)s", {"badge": badge, "id": person_id}
    ).fetchone()
    if taken is None:
        conn.execute(
            "update person set badge = %(badge)s, pin_hash = %(pin_hash)s where id = %(id)s",
            {"badge": badge, "pin_hash": pin_hash, "id": person_id},
        )
    return taken is None


@dataclass(frozen=True, slots=True)
class BadgeRow:
    """Somebody as a station knows them."""

    code: str
    name: str
    pin_hash: str | None


def find_badge(conn: Connection, *, badge: str = "", code: str = "") -> BadgeRow | None:
    """Who has a badge, or this code; nobody who is kept out."""
    with conn.cursor(row_factory=class_row(BadgeRow)) as cur:
        return cur.execute(
            """
            select code, name, pin_hash from person
            where disabled_at is null and (badge = nullif(%(badge)s, '') or code = nullif(%(code)s, ''))
            """,
            {"badge": badge, "code": code},
        ).fetchone()


def set_disabled(conn: Connection, person_id: int, at: datetime | None) -> None:
    """Keep a person out from `at`, or let them in again (None)."""
    conn.execute("update person set disabled_at = %(at)s where id = %(id)s", {"at": at, "id": person_id})


def replace_grants(conn: Connection, person_id: int, grants: Sequence[Grant]) -> None:
    """Give a person exactly these roles."""
    conn.execute("delete from role_grant where person_id = %(id)s", {"id": person_id})
    for grant in grants:
        conn.execute(
            "insert into role_grant (person_id, role, lines) values (%(id)s, %(role)s, %(lines)s)",
            {"id": person_id, "role": grant.role, "lines": None if grant.lines is None else sorted(grant.lines)},
        )


def list_grants(conn: Connection, person_id: int) -> tuple[Grant, ...]:
    """A person's roles."""
    rows = conn.execute(
        "select role, lines from role_grant where person_id = %(id)s order by role", {"id": person_id}
    ).fetchall()
    return tuple(Grant(role, None if lines is None else frozenset(lines)) for role, lines in rows)


def has_admin(conn: Connection) -> bool:
    """Whether an administrator exists who can sign in."""
    return (
        conn.execute(
            """
            select 1 from person p join role_grant g on g.person_id = p.id
            where g.role = 'admin' and p.password_hash is not null and p.disabled_at is null limit 1
            """
        ).fetchone()
        is not None
    )


# ------------------------------------------------------------------ sessions
def insert_session(conn: Connection, *, sha256: str, person_id: int, at: datetime, expires_at: datetime) -> None:
    """Begin a session."""
    conn.execute(
        """
        insert into session (token_sha256, person_id, created_at, seen_at, expires_at)
        values (%(sha256)s, %(person_id)s, %(at)s, %(at)s, %(expires_at)s)
        """,
        {"sha256": sha256, "person_id": person_id, "at": at, "expires_at": expires_at},
    )


def find_session(conn: Connection, sha256: str) -> SessionRow | None:
    """A session by the hash of its token, ended or not."""
    with conn.cursor(row_factory=class_row(SessionRow)) as cur:
        return cur.execute(
            """
            select s.person_id, p.code as person, p.name, s.created_at, s.seen_at, s.expires_at, s.ended_at,
                   p.disabled_at
            from session s join person p on p.id = s.person_id where s.token_sha256 = %(sha256)s
            """,
            {"sha256": sha256},
        ).fetchone()


def see_session(conn: Connection, sha256: str, at: datetime) -> None:
    """Note that a session was used."""
    conn.execute("update session set seen_at = %(at)s where token_sha256 = %(sha256)s", {"at": at, "sha256": sha256})


def end_session(conn: Connection, sha256: str, at: datetime) -> None:
    """End one session."""
    conn.execute(
        "update session set ended_at = %(at)s where token_sha256 = %(sha256)s and ended_at is null",
        {"at": at, "sha256": sha256},
    )


def end_sessions_of(conn: Connection, person_id: int, at: datetime) -> int:
    """End every session of a person; how many."""
    return conn.execute(
        "update session set ended_at = %(at)s where person_id = %(id)s and ended_at is null",
        {"at": at, "id": person_id},
    ).rowcount


# ------------------------------------------------------------------ terminals
def insert_kiosk(conn: Connection, code: str, lines: Sequence[str] | None, created_at: datetime) -> bool:
    """Know a new terminal; False when the code is taken."""
    return bool(
        conn.execute(
            """
            insert into kiosk (code, lines, created_at) values (%(code)s, %(lines)s, %(created_at)s)
            on conflict do nothing
            """,
            {"code": code, "lines": None if lines is None else sorted(lines), "created_at": created_at},
        ).rowcount
    )


def set_enrolment(conn: Connection, code: str, sha256: str, expires_at: datetime) -> bool:
    """Let a device become this terminal once; False when there is no such terminal in use."""
    return bool(
        conn.execute(
            """
            update kiosk set enrol_sha256 = %(sha256)s, enrol_expires_at = %(expires_at)s
            where code = %(code)s and revoked_at is null
            """,
            {"sha256": sha256, "expires_at": expires_at, "code": code},
        ).rowcount
    )


def take_enrolment(conn: Connection, *, enrol_sha256: str, token_sha256: str, at: datetime) -> str | None:
    """Use up an enrolment code: the terminal now answers to the new token; its code, None for no such code."""
    row = conn.execute(
        """
        update kiosk set token_sha256 = %(token)s, enrol_sha256 = null, enrol_expires_at = null
        where enrol_sha256 = %(enrol)s and enrol_expires_at > %(at)s and revoked_at is null returning code
        """,
        {"token": token_sha256, "enrol": enrol_sha256, "at": at},
    ).fetchone()
    return None if row is None else str(row[0])


def find_kiosk(conn: Connection, token_sha256: str) -> KioskRow | None:
    """The terminal that answers to this token, while it is in use."""
    with conn.cursor(row_factory=class_row(KioskRow)) as cur:
        return cur.execute(
            """
            select code, lines, true as enrolled, created_at, revoked_at from kiosk
            where token_sha256 = %(sha256)s and revoked_at is null
            """,
            {"sha256": token_sha256},
        ).fetchone()


def list_kiosks(conn: Connection) -> list[KioskRow]:
    """All terminals."""
    with conn.cursor(row_factory=class_row(KioskRow)) as cur:
        return cur.execute(
            "select code, lines, token_sha256 is not null as enrolled, created_at, revoked_at from kiosk order by code"
        ).fetchall()


def revoke_kiosk(conn: Connection, code: str, at: datetime) -> bool:
    """End a terminal; False when there is none in use."""
    return bool(
        conn.execute(
            """
            update kiosk set revoked_at = %(at)s, token_sha256 = null, enrol_sha256 = null
            where code = %(code)s and revoked_at is null
            """,
            {"at": at, "code": code},
        ).rowcount
    )


# ------------------------------------------------------------------ answers kept
def find_answer(conn: Connection, principal: str, key: str) -> KeptAnswer | None:
    """What this caller was answered under this Idempotency-Key."""
    with conn.cursor(row_factory=class_row(KeptAnswer)) as cur:
        return cur.execute(
            """
            select request_sha256, status, headers, body from idempotency_key
            where principal = %(principal)s and key = %(key)s
            """,
            {"principal": principal, "key": key},
        ).fetchone()


def keep_answer(conn: Connection, principal: str, key: str, answer: KeptAnswer, at: datetime) -> None:
    """Keep what was answered, in the transaction of what was done."""
    row: dict[str, Any] = {
        "principal": principal,
        "key": key,
        "request_sha256": answer.request_sha256,
        "status": answer.status,
        "headers": Jsonb(answer.headers),
        "body": answer.body,
        "created_at": at,
    }
    conn.execute(
        """
        insert into idempotency_key (principal, key, request_sha256, status, headers, body, created_at)
        values (%(principal)s, %(key)s, %(request_sha256)s, %(status)s, %(headers)s, %(body)s, %(created_at)s)
        """,
        row,
    )


def drop_answers(conn: Connection, before: datetime) -> int:
    """Forget answers kept before; how many. Housekeeping."""
    return conn.execute("delete from idempotency_key where created_at < %(before)s", {"before": before}).rowcount
