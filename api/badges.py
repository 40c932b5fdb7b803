"""Whom a badge, or a code with its PIN, means at a station; and whether that is a line lead there."""

from __future__ import annotations

from api.deps import Call
from api.security import login
from mes.domain.access import Caller
from mes.errors import Fault, ForbiddenError, InputError
from mes.store import access as people
from mes.store.access import BadgeRow


def known_person(call: Call, *, badge: str, person: str, pin: str | None) -> BadgeRow:
    """Who that is; without badge and code the caller. A wrong PIN has to wait like a wrong password.

    Raises InputError.
    """
    if badge:
        return _badged(call, badge)
    own = call.caller.by.removeprefix("person:") if call.caller.by.startswith("person:") else ""
    found = people.find_badge(call.conn, code=person or own)
    if person in {"", own} and found is not None:
        return found
    called = f"pin|{person}"
    call.house.failed_names.failed(called)
    if not login.verify_password(found.pin_hash if found else None, pin or "") or found is None:
        raise InputError("The name or the PIN is wrong", faults=(Fault("/pin", "wrong", "is not the one"),))
    call.house.failed_names.succeeded(called)
    return found


def _badged(call: Call, badge: str) -> BadgeRow:
    """Whose badge this is. Who tries badge after badge at one terminal has to wait. Raises InputError."""
    here = f"badge|{call.caller.by}|{call.address}"
    call.house.failed_names.check(here)
    found = people.find_badge(call.conn, badge=badge)
    if found is None:
        call.house.failed_names.failed(here)
        raise InputError("Nobody has that badge", faults=(Fault("/badge", "unknown", "is nobody's"),))
    call.house.failed_names.succeeded(here)
    return found


def require_lead(call: Call, line: str, *, badge: str, person: str, pin: str | None) -> str:
    """How the deed of a line lead of this line is signed: the caller's own, or theirs who badged.

    Raises InputError, and ForbiddenError for somebody who leads no such line.
    """
    caller = call.caller
    if badge or person:
        who = known_person(call, badge=badge, person=person, pin=pin)
        row = people.find_person(call.conn, who.code)
        grants = people.list_grants(call.conn, row.id) if row else ()
        caller = Caller(by=f"person:{who.code}", name=who.name, grants=grants)
    lines = caller.lines_for("jobs:confirm")
    if lines is not None and line not in lines:
        raise ForbiddenError(f"{caller.name or 'Whoever calls'} does not lead line {line}")
    return caller.by
