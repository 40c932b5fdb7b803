"""API keys: `Authorization: Bearer takt_PREFIX_SECRET`. The prefix finds the row, the hash of the whole decides."""

from __future__ import annotations

import hmac
from datetime import timedelta

from mes import clock
from mes.actions.access import KEY_MARK, sha256
from mes.domain.access import Caller
from mes.store import access
from mes.store.pool import Connection

SEEN_EVERY = timedelta(minutes=1)
"""How exact `last_used_at` is; spares a write per request."""


def caller_of_key(conn: Connection, token: str) -> Caller | None:
    """Who this key is; None when it is unknown, revoked or over."""
    prefix, _, secret = token.removeprefix(KEY_MARK).partition("_")
    row = access.find_key(conn, prefix) if secret else None
    now = clock.wall()
    if row is None or not hmac.compare_digest(row.sha256, sha256(token)) or row.revoked_at is not None:
        return None
    if row.expires_at is not None and row.expires_at <= now:
        return None
    if row.last_used_at is None or now - row.last_used_at > SEEN_EVERY:
        access.see_key(conn, prefix, now)
    return Caller(by=f"key:{row.prefix}", name=row.system, scopes=frozenset(row.scopes), system=row.system)
