"""People, keys and terminals: who may come in. Secrets are returned once and only their hashes are kept."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from mes import clock
from mes.actions.record import Deed, record
from mes.domain.access import Grant, scopes_of
from mes.errors import ConflictError, Fault, ForbiddenError, InputError, NotFoundError
from mes.store import access
from mes.store.pool import Connection

INVITE_HOURS = 72
ENROLMENT_MINUTES = 15
SECRET_BYTES = 32
KEY_MARK = "takt_"
KIOSK_MARK = "taktk_"
PASSWORD_CHARACTERS_MIN = 10
PASSWORD_CHARACTERS_MAX = 200


def sha256(secret: str) -> str:
    """What of a secret is kept. Fast on purpose: these secrets are random, 256 bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def require_system(deed: Deed, system: str) -> None:
    """A key writes only documents of the system it is bound to. Raises ForbiddenError."""
    if deed.system and deed.system != system:
        raise ForbiddenError(f"This key belongs to {deed.system} and may not write documents of {system}")


# ------------------------------------------------------------------ keys
def add_key(
    conn: Connection, deed: Deed, *, system: str, scopes: Sequence[str], expires_at: datetime | None = None
) -> str:
    """A new API key of a system: the key, shown once. `scopes` as `domain.access.scopes_of` reads them."""
    granted = scopes_of(scopes)
    if not granted:
        raise InputError("A key without scopes opens nothing", faults=(Fault("/scopes", "missing", "is empty"),))
    access.save_system(conn, system, "gateway" if granted == {"samples:write"} else "erp")
    prefix = base64.b32encode(secrets.token_bytes(5)).decode().lower()
    key = f"{KEY_MARK}{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    access.insert_key(
        conn,
        prefix=prefix,
        sha256=sha256(key),
        system=system,
        scopes=sorted(granted),
        created_at=clock.wall(),
        expires_at=expires_at,
    )
    detail = {"system": system, "scopes": sorted(granted), "expires_at": expires_at}
    record(conn, deed, action="access.add_key", subject=f"key:{prefix}", detail=detail)
    return key


def revoke_key(conn: Connection, deed: Deed, prefix: str) -> None:
    """End an API key. Raises NotFoundError when none in force has this prefix."""
    if not access.revoke_key(conn, prefix, clock.wall()):
        raise NotFoundError(f"There is no API key {prefix} in force")
    record(conn, deed, action="access.revoke_key", subject=f"key:{prefix}", detail={})


# ------------------------------------------------------------------ people
def add_person(conn: Connection, deed: Deed, *, code: str, name: str, grants: Sequence[Grant]) -> str:
    """A new person with these roles: the token of the one-time link with which they set their password."""
    person_id = access.insert_person(conn, code, name)
    if person_id is None:
        raise ConflictError(f"There is already somebody called {code}")
    access.replace_grants(conn, person_id, grants)
    record(conn, deed, action="access.add_person", subject=f"person:{code}", detail=_told(grants) | {"name": name})
    return _invite(conn, person_id)


def invite(conn: Connection, deed: Deed, code: str) -> str:
    """A fresh one-time link for somebody (new, or with a forgotten password); their sessions end."""
    person = _person(conn, code)
    access.end_sessions_of(conn, person.id, clock.wall())
    record(conn, deed, action="access.invite", subject=f"person:{code}", detail={})
    return _invite(conn, person.id)


def grant(conn: Connection, deed: Deed, code: str, grants: Sequence[Grant]) -> None:
    """Give somebody exactly these roles; their sessions end, so that nobody works on with old rights."""
    person = _person(conn, code)
    access.replace_grants(conn, person.id, grants)
    access.end_sessions_of(conn, person.id, clock.wall())
    record(conn, deed, action="access.grant", subject=f"person:{code}", detail=_told(grants))


def set_badge(conn: Connection, deed: Deed, code: str, *, badge: str | None, pin_hash: str | None) -> None:
    """Give somebody the badge and PIN they sign on with at a station. Raises ConflictError for another's badge."""
    person = _person(conn, code)
    if not access.set_badge(conn, person.id, badge=badge, pin_hash=pin_hash):
        raise ConflictError("Somebody else has that badge", code="badge_taken")
    detail = {"badge": badge is not None, "pin": pin_hash is not None}
    record(conn, deed, action="access.set_badge", subject=f"person:{code}", detail=detail)


def set_disabled(conn: Connection, deed: Deed, code: str, *, disabled: bool) -> None:
    """Keep somebody out, at once, or let them in again."""
    person = _person(conn, code)
    access.set_disabled(conn, person.id, clock.wall() if disabled else None)
    access.end_sessions_of(conn, person.id, clock.wall())
    record(conn, deed, action="access.disable" if disabled else "access.enable", subject=f"person:{code}", detail={})


def end_sessions(conn: Connection, deed: Deed, code: str) -> int:
    """Sign somebody out everywhere; how many sessions ended."""
    ended = access.end_sessions_of(conn, _person(conn, code).id, clock.wall())
    record(conn, deed, action="access.end_sessions", subject=f"person:{code}", detail={"ended": ended})
    return ended


def invite_link(token: str) -> str:
    """The page of this site at which a one-time token is used; behind the # it stays out of logs."""
    return f"/first#{token}"


def first_admin(conn: Connection, deed: Deed) -> str | None:
    """The token of the one-time link for the first administrator; None once one can sign in.

    Each start before that makes the link anew, and the one before it ends.
    """
    if access.has_admin(conn):
        return None
    person = access.find_person(conn, "admin")
    if person is None:
        return add_person(conn, deed, code="admin", name="Administrator", grants=(Grant("admin"),))
    access.set_disabled(conn, person.id, None)
    access.replace_grants(conn, person.id, (Grant("admin"),))
    return _invite(conn, person.id)


def check_password(code: str, password: str) -> None:
    """Refuse a password that is too short, too long, or the person's own name. Raises InputError."""
    if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        sentence = f"a password has {PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters"
    elif password.casefold().strip() == code.casefold() or len(set(password)) < 4:
        sentence = "that password is too easy to guess"
    else:
        return
    raise InputError("This password cannot be used", faults=(Fault("/password", "password", sentence),))


def note_sign_in(conn: Connection, at: datetime, code: str, address: str) -> None:
    """Write down that somebody signed in, and from where."""
    by = f"person:{code}"
    record(conn, Deed(by, at), action="access.sign_in", subject=by, detail={"address": address})


def accept_invite(conn: Connection, at: datetime, *, token: str, password: str, password_hash: str) -> access.PersonRow:
    """Use up a one-time link: the person it was for, with the new password. Raises NotFoundError."""
    person = access.find_invited(conn, sha256(token), clock.wall())
    if person is None:
        raise NotFoundError("This link was used already or is too old", remedy="Ask an administrator for a new one.")
    check_password(person.code, password)
    access.set_password(conn, person.id, password_hash)
    access.end_sessions_of(conn, person.id, clock.wall())
    deed = Deed(f"person:{person.code}", at)
    record(conn, deed, action="access.accept_invite", subject=deed.by, detail={})
    return person


def _person(conn: Connection, code: str) -> access.PersonRow:
    person = access.find_person(conn, code)
    if person is None:
        raise NotFoundError(f"There is nobody called {code}")
    return person


def _invite(conn: Connection, person_id: int) -> str:
    token = secrets.token_urlsafe(SECRET_BYTES)
    access.set_invite(conn, person_id, sha256(token), clock.wall() + timedelta(hours=INVITE_HOURS))
    return token


def _told(grants: Sequence[Grant]) -> dict[str, object]:
    return {"grants": [{"role": g.role, "lines": None if g.lines is None else sorted(g.lines)} for g in grants]}


# ------------------------------------------------------------------ terminals
def add_kiosk(conn: Connection, deed: Deed, *, code: str, lines: Sequence[str] | None) -> str:
    """A new terminal for some lines (None: all): the code a device enrols with, once, within 15 minutes."""
    if not access.insert_kiosk(conn, code, lines, clock.wall()):
        raise ConflictError(f"There is already a terminal {code}")
    record(conn, deed, action="access.add_kiosk", subject=f"kiosk:{code}", detail={"lines": lines})
    return _enrolment(conn, code)


def renew_enrolment(conn: Connection, deed: Deed, code: str) -> str:
    """A fresh enrolment code for a terminal whose device was changed."""
    enrolment = _enrolment(conn, code)
    record(conn, deed, action="access.renew_enrolment", subject=f"kiosk:{code}", detail={})
    return enrolment


def enrol_kiosk(conn: Connection, at: datetime, enrolment: str) -> tuple[str, str]:
    """Make a device a terminal: the terminal's code and the device's token. Raises NotFoundError."""
    token = KIOSK_MARK + secrets.token_urlsafe(SECRET_BYTES)
    code = access.take_enrolment(
        conn, enrol_sha256=sha256(enrolment.strip().upper()), token_sha256=sha256(token), at=clock.wall()
    )
    if code is None:
        raise NotFoundError("This code was used already or is too old", remedy="Ask an administrator for a new one.")
    record(conn, Deed(f"kiosk:{code}", at), action="access.enrol_kiosk", subject=f"kiosk:{code}", detail={})
    return code, token


def revoke_kiosk(conn: Connection, deed: Deed, code: str) -> None:
    """End a terminal. Raises NotFoundError."""
    if not access.revoke_kiosk(conn, code, clock.wall()):
        raise NotFoundError(f"There is no terminal {code} in use")
    record(conn, deed, action="access.revoke_kiosk", subject=f"kiosk:{code}", detail={})


def _enrolment(conn: Connection, code: str) -> str:
    enrolment = base64.b32encode(secrets.token_bytes(10)).decode()
    expires_at = clock.wall() + timedelta(minutes=ENROLMENT_MINUTES)
    if not access.set_enrolment(conn, code, sha256(enrolment), expires_at):
        raise NotFoundError(f"There is no terminal {code} in use")
    return enrolment
