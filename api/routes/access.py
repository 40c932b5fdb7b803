"""What an administrator does about people, API keys and terminals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Path
from pydantic import StringConstraints

from api.deps import Calling, Door
from api.security import login
from api.security.guard import needs
from api.wire import Page
from mes.actions import access as actions
from mes.domain.access import PERSON_ROLES, Grant, Role
from mes.domain.fields import Code, Instant
from mes.errors import Fault, InputError
from mes.store import access as store

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["access"])
CodePath = Annotated[Code, Path()]


# ------------------------------------------------------------------ people
@dataclass(frozen=True)
class GrantDocument:
    """A role on some lines; `lines` null: every line."""

    role: Role
    lines: tuple[Code, ...] | None = None


@dataclass(frozen=True)
class PersonDocument:
    """A new person."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    code: Code
    name: Annotated[str, MinLen(1), MaxLen(200)]
    grants: tuple[GrantDocument, ...]


@dataclass(frozen=True)
class GrantsDocument:
    """Exactly these roles."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    grants: tuple[GrantDocument, ...]


@dataclass(frozen=True, slots=True)
class PersonLine:
    """A person. `can_sign_in`: a password is set and nobody keeps them out."""

    code: str
    name: str
    can_sign_in: bool
    disabled_at: datetime | None
    grants: list[GrantDocument]


@dataclass(frozen=True)
class BadgeDocument:
    """A badge as a reader reads it, and a PIN of 4 to 12 digits."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    badge: Code | None = None
    pin: Annotated[str, StringConstraints(pattern=r"^[0-9]{4,12}$")] | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """The one-time link (a path of this site) with which somebody sets a password."""

    link: str


@router.get("/people", **needs("access:manage"))
def list_people(call: Calling) -> Page[PersonLine]:
    """Everybody."""
    people = [
        PersonLine(
            code=person.code,
            name=person.name,
            can_sign_in=person.password_hash is not None and person.disabled_at is None,
            disabled_at=person.disabled_at,
            grants=[
                GrantDocument(grant.role, None if grant.lines is None else tuple(sorted(grant.lines)))
                for grant in store.list_grants(call.conn, person.id)
            ],
        )
        for person in store.list_people(call.conn)
    ]
    return Page(items=people, next_cursor=None)


@router.post("/people", status_code=201, **needs("access:manage", keeps="fact"))
def post_person(body: PersonDocument, call: Calling) -> Invitation:
    """Let somebody in; the link is shown once."""
    grants = _grants(call, body.grants)
    return _invitation(actions.add_person(call.conn, call.deed, code=body.code, name=body.name, grants=grants))


@router.put("/people/{code:code}/grants", status_code=204, **needs("access:manage"))
def put_grants(code: CodePath, body: GrantsDocument, call: Calling) -> None:
    """Give somebody exactly these roles; their sessions end."""
    actions.grant(call.conn, call.deed, code, _grants(call, body.grants))
    call.house.doorkeeper.forget()


@router.put("/people/{code:code}/badge", status_code=204, **needs("access:manage"))
def put_badge(code: CodePath, body: BadgeDocument, call: Calling) -> None:
    """What somebody signs on with at a station: a badge, a PIN, or both; what is absent is taken away."""
    pin_hash = login.hash_password(body.pin) if body.pin else None
    actions.set_badge(call.conn, call.deed, code, badge=body.badge, pin_hash=pin_hash)


@router.post("/people/{code:code}/invite", status_code=201, **needs("access:manage", keeps="fact"))
def post_invite(code: CodePath, call: Calling) -> Invitation:
    """A fresh one-time link; the one before it and all sessions end."""
    call.house.doorkeeper.forget()
    return _invitation(actions.invite(call.conn, call.deed, code))


@router.post("/people/{code:code}/disable", status_code=204, **needs("access:manage"))
def post_disable(code: CodePath, call: Calling) -> None:
    """Keep somebody out, at once."""
    actions.set_disabled(call.conn, call.deed, code, disabled=True)
    call.house.doorkeeper.forget()


@router.post("/people/{code:code}/enable", status_code=204, **needs("access:manage"))
def post_enable(code: CodePath, call: Calling) -> None:
    """Let somebody in again."""
    actions.set_disabled(call.conn, call.deed, code, disabled=False)


@router.delete("/people/{code:code}/sessions", status_code=204, **needs("access:manage"))
def delete_sessions(code: CodePath, call: Calling) -> None:
    """Sign somebody out everywhere."""
    actions.end_sessions(call.conn, call.deed, code)
    call.house.doorkeeper.forget()


def _grants(call: Calling, documents: tuple[GrantDocument, ...]) -> tuple[Grant, ...]:
    known = call.plant().lines if any(d.lines for d in documents) else {}
    faults = [
        Fault(f"/grants/{n}/role", "unknown", f"{d.role} is no role of a person")
        for n, d in enumerate(documents)
        if d.role not in PERSON_ROLES
    ]
    faults += [
        Fault(f"/grants/{n}/lines/{m}", "unknown", f"there is no line {line}")
        for n, d in enumerate(documents)
        for m, line in enumerate(d.lines or ())
        if line not in known
    ]
    if len({d.role for d in documents}) < len(documents):
        faults.append(Fault("/grants", "duplicate", "a role is there twice"))
    if faults:
        raise InputError("These roles cannot be given", faults=tuple(faults))
    return tuple(Grant(d.role, None if d.lines is None else frozenset(d.lines)) for d in documents)


def _invitation(token: str) -> Invitation:
    return Invitation(actions.invite_link(token))


# ------------------------------------------------------------------ API keys
@dataclass(frozen=True)
class KeyDocument:
    """A new API key: permissions, or `erp` or `gateway` for all of that."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    system: Code
    scopes: tuple[str, ...]
    expires_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """The key, shown once."""

    key: str


@dataclass(frozen=True, slots=True)
class KeyLine:
    """An API key, without its secret."""

    prefix: str
    system: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@router.get("/keys", **needs("access:manage"))
def list_keys(call: Calling) -> Page[KeyLine]:
    """API keys, newest first."""
    return Page(items=[_key_line(row) for row in store.list_keys(call.conn)], next_cursor=None)


def _key_line(row: store.KeyRow) -> KeyLine:
    shown: dict[str, Any] = {name: getattr(row, name) for name in KeyLine.__dataclass_fields__}
    return KeyLine(**shown)


@router.post("/keys", status_code=201, **needs("access:manage", keeps="fact"))
def post_key(body: KeyDocument, call: Calling) -> NewKey:
    """A new API key of a system; it is shown once."""
    key = actions.add_key(call.conn, call.deed, system=body.system, scopes=body.scopes, expires_at=body.expires_at)
    return NewKey(key)


@router.delete("/keys/{prefix:code}", status_code=204, **needs("access:manage"))
def delete_key(prefix: CodePath, call: Calling) -> None:
    """End an API key; nowhere does it open anything five seconds later."""
    actions.revoke_key(call.conn, call.deed, prefix)
    call.house.doorkeeper.forget()


# ------------------------------------------------------------------ terminals
@dataclass(frozen=True)
class KioskDocument:
    """A new terminal for some lines; `lines` null: every line."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    code: Code
    lines: tuple[Code, ...] | None = None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The code a device enrols with, once, within 15 minutes."""

    enrolment: str


@router.get("/kiosks", **needs("access:manage"))
def list_kiosks(call: Calling) -> Page[store.KioskRow]:
    """Terminals."""
    return Page(items=store.list_kiosks(call.conn), next_cursor=None)


@router.post("/kiosks", status_code=201, **needs("access:manage", keeps="fact"))
def post_kiosk(body: KioskDocument, call: Calling) -> Enrolment:
    """A new terminal."""
    unknown = [
        Fault(f"/lines/{n}", "unknown", f"there is no line {line}")
        for n, line in enumerate(body.lines or ())
        if line not in call.plant().lines
    ]
    if unknown:
        raise InputError("This terminal cannot be set up", faults=tuple(unknown))
    return Enrolment(actions.add_kiosk(call.conn, call.deed, code=body.code, lines=body.lines))


@router.post("/kiosks/{code:code}/enrolment", status_code=201, **needs("access:manage", keeps="fact"))
def post_enrolment(code: CodePath, call: Calling) -> Enrolment:
    """A fresh code for a terminal whose device was changed."""
    return Enrolment(actions.renew_enrolment(call.conn, call.deed, code))


@router.delete("/kiosks/{code:code}", status_code=204, **needs("access:manage"))
def delete_kiosk(code: CodePath, call: Calling) -> None:
    """End a terminal."""
    actions.revoke_kiosk(call.conn, call.deed, code)
    call.house.doorkeeper.forget()
