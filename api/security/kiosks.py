"""Terminals: a device enrolled once with a code and carries its token from then on, as a cookie or as a bearer."""

from __future__ import annotations

from mes.actions.access import sha256
from mes.domain.access import Caller, Grant
from mes.store import access
from mes.store.pool import Connection

COOKIE = "takt_kiosk"
COOKIE_DAYS = 400


def caller_of_kiosk(conn: Connection, token: str) -> Caller | None:
    """Which terminal this token is; None when it is unknown or was ended."""
    row = access.find_kiosk(conn, sha256(token))
    if row is None:
        return None
    lines = None if row.lines is None else frozenset(row.lines)
    return Caller(by=f"kiosk:{row.code}", name=row.code, grants=(Grant("kiosk", lines),))
