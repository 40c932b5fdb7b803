"""Signing in and out, and making a device a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import structlog
from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Request, Response

from api.deps import Calling, Door, Visit, Visiting
from api.security import kiosks, login
from api.security.guard import VISITOR, needs
from mes import clock
from mes.actions import access as actions
from mes.actions.access import sha256
from mes.domain.access import Role
from mes.errors import NotFoundError, UnauthenticatedError
from mes.store import access as store

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["session"])
_log = structlog.get_logger(__name__)
Secret = Annotated[str, MinLen(1), MaxLen(200)]


@dataclass(frozen=True)
class Credentials:
    """A name and its password."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    name: Secret
    password: Secret


@dataclass(frozen=True)
class Acceptance:
    """An invitation's token and the password chosen."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    token: Secret
    password: Secret


@dataclass(frozen=True, slots=True)
class PlantClock:
    """Plant time read `plant_at` when the machine's clock read `wall_at`, and runs `speed` times as fast."""

    plant_at: datetime
    wall_at: datetime
    speed: float


@dataclass(frozen=True, slots=True)
class SessionDocument:
    """Who one is here: empty `by` is nobody. `lines` null: every line. `demo`: the demo's visitor."""

    by: str
    name: str
    roles: list[Role]
    permissions: list[str]
    lines: list[str] | None
    demo: bool
    clock: PlantClock
    lang: str


@router.get("/session", **needs("public", holds="nothing"))
def get_session(visit: Visiting) -> SessionDocument:
    """Who one is here, what one may do, and what time it is in the plant."""
    return _session(visit)


def _session(visit: Visit) -> SessionDocument:
    caller = visit.caller
    bound = [grant.lines for grant in caller.grants]
    lines = None if not bound or None in bound else sorted(set().union(*(b for b in bound if b is not None)))
    at = clock.wall()
    return SessionDocument(
        by=caller.by,
        name=caller.name,
        roles=list(caller.roles),
        permissions=sorted(caller.permissions()),
        lines=lines,
        demo=caller == VISITOR,
        clock=PlantClock(visit.house.clock.at(at), at, visit.house.clock.speed),
        lang=visit.house.settings.lang,
    )


@router.post("/login", status_code=204, **needs("public", holds="nothing", keeps="nothing"))
def post_login(body: Credentials, request: Request, visit: Visiting, response: Response) -> None:
    """Sign in; the session comes as a cookie. A wrong name and a wrong password look the same."""
    who = f"{body.name}|{visit.address}"
    visit.house.failed_addresses.check(visit.address)
    visit.house.failed_names.failed(who)
    with visit.house.snapshot() as conn:
        person = store.find_person(conn, body.name)
    usable = person is not None and person.disabled_at is None
    right = login.verify_password(person.password_hash if person and usable else None, body.password)
    if person is None or not right:
        visit.house.failed_addresses.failed(visit.address)
        _log.warning("sign_in_refused", address=visit.address)
        raise UnauthenticatedError(
            "The name or the password is wrong",
            remedy="Try again, or ask an administrator for a new link.",
            code="wrong_credentials",
        )
    renewed = login.hash_password(body.password) if login.outdated(person.password_hash or "") else None
    visit.house.failed_names.succeeded(who)
    with visit.house.transaction() as conn:
        if renewed:
            store.set_password(conn, person.id, renewed)
        token = login.begin_session(conn, person.id, request.cookies.get(login.COOKIE))
        actions.note_sign_in(conn, visit.at, person.code, visit.address)
    _set_cookie(response, request, login.COOKIE, token, strict=False)


@router.post("/logout", status_code=204, **needs("public", keeps="nothing"))
def post_logout(request: Request, call: Calling, response: Response) -> None:
    """Sign out."""
    token = request.cookies.get(login.COOKIE)
    if token:
        store.end_session(call.conn, sha256(token), clock.wall())
        call.house.doorkeeper.forget()
    response.delete_cookie(login.COOKIE, path="/")


@router.post("/invitations/accept", status_code=204, **needs("public", holds="nothing", keeps="nothing"))
def post_acceptance(body: Acceptance, request: Request, visit: Visiting, response: Response) -> None:
    """Use a one-time link: set one's password and be signed in."""
    visit.house.failed_addresses.check(visit.address)
    hashed = login.hash_password(body.password)
    with _guessing(visit), visit.house.transaction() as conn:
        person = actions.accept_invite(conn, visit.at, token=body.token, password=body.password, password_hash=hashed)
        token = login.begin_session(conn, person.id, request.cookies.get(login.COOKIE))
    _set_cookie(response, request, login.COOKIE, token, strict=False)


@contextmanager
def _guessing(visit: Visit) -> Iterator[None]:
    """Hold a code that opens nothing against the address it came from."""
    try:
        yield
    except NotFoundError:
        visit.house.failed_addresses.failed(visit.address)
        raise


def _set_cookie(response: Response, request: Request, name: str, value: str, *, strict: bool) -> None:
    response.set_cookie(
        name,
        value,
        max_age=kiosks.COOKIE_DAYS * 86_400 if strict else int(login.SESSION_MAX.total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict" if strict else "lax",
    )


# ------------------------------------------------------------------ terminals
@dataclass(frozen=True)
class EnrolDocument:
    """The code shown to the administrator."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    enrolment: Secret


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The device is this terminal now; the token goes with every request, as the cookie does."""

    code: str
    token: str


@router.post("/kiosks/enrol", status_code=201, **needs("public", holds="nothing", keeps="nothing"))
def post_enrol(body: EnrolDocument, request: Request, visit: Visiting, response: Response) -> Enrolled:
    """Make this device a terminal."""
    visit.house.failed_addresses.check(visit.address)
    with _guessing(visit), visit.house.transaction() as conn:
        code, token = actions.enrol_kiosk(conn, visit.at, body.enrolment)
    _set_cookie(response, request, kiosks.COOKIE, token, strict=True)
    return Enrolled(code, token)
