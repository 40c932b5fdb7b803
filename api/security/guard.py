"""A permission on every route: declared where the route is, refused at start where it is missing.

    @router.put("/items/{code:code}", **needs("items:write"))

The guard finds out who calls (a bearer key, a terminal's token, a session; in the demo the visitor on this machine),
remembers it for two seconds, and lets them in or not. Cookies count for changes only from our own pages.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import urlsplit

from starlette.requests import Request

from api.errors import Problem
from api.security import keys, kiosks, login
from mes import clock
from mes.actions.access import KEY_MARK, KIOSK_MARK, sha256
from mes.domain.access import NOBODY, Caller, Grant, Permission
from mes.errors import ForbiddenError, UnauthenticatedError
from mes.store.pool import Connection, Pool, transaction

Holds = Literal["write", "read", "nothing"]
Keeps = Literal["answer", "fact", "nothing"]

REMEMBERED_S = 2.0
REMEMBERED_MAX = 10_000
CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
PROXIED = frozenset({"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"})
"""Headers that say a request came through somebody; so does every `X-Forwarded-...`."""
VISITOR = Caller(by="person:demo", name="demo", grants=(Grant("planner"), Grant("line_lead")))


def needs(
    permission: Permission,
    *,
    holds: Holds | None = None,
    keeps: Keeps = "answer",
    also: tuple[str, ...] = (),
    **more: Any,
) -> dict[str, Any]:
    """What a route declares: who may, and how it meets the database.

    holds: the transaction it runs in: `write`, `read` (a snapshot), or `nothing` while it waits for something. By
    default reads hold a snapshot and changes a transaction. keeps: what is kept under an Idempotency-Key: the
    `answer`; only the `fact` that it was done, where the answer shows a secret; or `nothing`. also: what a body may
    be written in beside JSON (`api.wire.READERS`); the route's parameter of that document is called `body`.
    """
    extra = {"x-permission": permission, "x-holds": holds, "x-keeps": keeps, "x-also": also}
    responses = {"4XX": {"model": Problem, "description": "What is wrong, as application/problem+json"}}
    return {"openapi_extra": extra, "responses": responses, **more}


class Doorkeeper:
    """Finds out who calls. `visitor`: sign in whoever opens the pages on this machine as the demo's planner."""

    def __init__(self, pool: Pool, *, visitor: bool) -> None:
        self._pool = pool
        self._visitor = visitor
        self._known: OrderedDict[str, tuple[float, Caller]] = OrderedDict()
        self._lock = threading.Lock()

    def remembered(self, request: Request) -> Caller | None:
        """Who calls, where no question to the database is needed."""
        tokens = _tokens(request)
        if not tokens:
            return self._stranger(request)
        with self._lock:
            until, caller = self._known.get(sha256(tokens[0]), (0.0, NOBODY))
        return caller if until > clock.mono() else None

    def find(self, request: Request) -> Caller:
        """Who calls: by the first of the request's secrets that opens something.

        Raises UnauthenticatedError for a bearer that opens nothing; a cookie that does not any more is nobody's.
        """
        caller = self.remembered(request)
        if caller is not None:
            return caller
        by_bearer = "authorization" in request.headers
        for token in _tokens(request):
            with transaction(self._pool) as conn:
                found = _caller_of(conn, token)
            if found is not None:
                return self._remember(token, replace(found, by_cookie=not by_bearer))
        if by_bearer:
            raise UnauthenticatedError("This key is unknown, revoked or over", remedy="Send a key that is in force.")
        return self._stranger(request)

    def _stranger(self, request: Request) -> Caller:
        return VISITOR if self._visitor and on_this_machine(request) else NOBODY

    def _remember(self, token: str, caller: Caller) -> Caller:
        with self._lock:
            self._known[sha256(token)] = (clock.mono() + REMEMBERED_S, caller)
            while len(self._known) > REMEMBERED_MAX:
                self._known.popitem(last=False)
        return caller

    def forget(self) -> None:
        """Ask again for everybody: something about somebody was changed here."""
        with self._lock:
            self._known.clear()


def _tokens(request: Request) -> list[str]:
    """The secrets a request came with: its bearer alone, else its cookies, a person's before the terminal's."""
    if given := request.headers.get("authorization"):
        kind, _, token = given.partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise UnauthenticatedError("Write Authorization: Bearer and the key")
        return [token.strip()]
    cookies = (request.cookies.get(login.COOKIE), request.cookies.get(kiosks.COOKIE))
    return [token for token in cookies if token]


def _caller_of(conn: Connection, token: str) -> Caller | None:
    if token.startswith(KEY_MARK):
        return keys.caller_of_key(conn, token)
    if token.startswith(KIOSK_MARK):
        return kiosks.caller_of_kiosk(conn, token)
    return login.caller_of_session(conn, token)


def admit(caller: Caller, permission: str, request: Request) -> None:
    """Let a caller through to a route. Raises UnauthenticatedError, ForbiddenError."""
    if not caller.may(permission):
        if not caller.known:
            raise UnauthenticatedError()
        raise ForbiddenError(f"{caller.name or caller.by} may not do this: it needs {permission}")
    if request.method in CHANGING and (caller.by_cookie or caller == VISITOR):
        _check_origin(request)


def _check_origin(request: Request) -> None:
    """A browser sends cookies along for foreign pages too; only our own may change something with them."""
    origin = request.headers.get("origin")
    if origin is None:
        if request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none"):
            return
    elif _place_of(origin) == request.headers.get("host"):
        return
    raise ForbiddenError("This came from a page of another site")


def on_this_machine(request: Request) -> bool:
    """Whether a request was made on this machine, to this machine, not through a proxy or a foreign name."""
    client = request.client.host if request.client else ""
    host = _host_of(request.headers.get("host", ""))
    forwarded = any(name in PROXIED or name.startswith("x-forwarded") for name in request.headers)
    return _is_loopback(client) and (host == "localhost" or _is_loopback(host)) and not forwarded


def _place_of(origin: str) -> str:
    """Host and port of an origin; empty where it names none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _host_of(host: str) -> str:
    """The name in a Host header; empty where it is none."""
    if set(host) & set("@/?#\\"):
        return ""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
