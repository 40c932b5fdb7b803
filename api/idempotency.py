"""Idempotency-Key: a request repeated under the same key is answered as it was the first time, and not done again.

The answer is kept in the transaction of what was done; two at the same moment wait for each other. A key is a caller's
own. Another request under a used key is refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from fastapi import Request, Response

from api.security.guard import Keeps
from mes import clock
from mes.domain.access import Caller
from mes.errors import ConflictError, Fault, InputError
from mes.store.access import KeptAnswer, find_answer, keep_answer
from mes.store.house import hold_name
from mes.store.pool import Connection

KEY_CHARACTERS_MAX = 200
KEPT_HEADERS = ("content-type", "etag", "location")
DONE_ONCE = 410
"""Kept in the place of an answer that showed a secret."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A caller's key and what it was used for."""

    principal: str
    key: str
    request_sha256: str
    keeps: Keeps


class Repeated(Exception):
    """This was done before; `response` is what was answered then."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def request_key(request: Request, caller: Caller, keeps: Keeps) -> RequestKey | None:
    """The request's key, None where it has none or means nothing. Raises InputError for one that is too long."""
    key = request.headers.get("idempotency-key")
    if key is None or request.method != "POST" or keeps == "nothing" or not caller.known:
        return None
    if not 0 < len(key) <= KEY_CHARACTERS_MAX:
        fault = Fault("header/Idempotency-Key", "length", f"has 1 to {KEY_CHARACTERS_MAX} characters")
        raise InputError("The Idempotency-Key cannot be used", faults=(fault,))
    what = hashlib.sha256()
    what.update(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    what.update(request._body)
    return RequestKey(caller.by, key, what.hexdigest(), keeps)


def repeated(conn: Connection, key: RequestKey) -> None:
    """Wait for whoever uses this key now. Raises Repeated with the first answer when there was one."""
    hold_name(conn, "idempotency", key.principal, key.key)
    answer = find_answer(conn, key.principal, key.key)
    if answer is None:
        return
    if answer.request_sha256 != key.request_sha256:
        fault = Fault("header/Idempotency-Key", "reused", "was used for another request")
        raise InputError("This Idempotency-Key was used for another request", faults=(fault,), code="key_reused")
    if answer.status == DONE_ONCE:
        raise ConflictError("This was done already; what it showed is shown only once", code="done_once")
    response = Response(answer.body, status_code=answer.status, headers=answer.headers)
    response.headers["Idempotency-Replayed"] = "true"
    raise Repeated(response)


def kept_answer(conn: Connection, key: RequestKey, response: Response) -> None:
    """Keep what is answered now."""
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    if key.keeps == "fact":
        answer = KeptAnswer(key.request_sha256, DONE_ONCE, {}, b"")
    else:
        answer = KeptAnswer(key.request_sha256, response.status_code, headers, bytes(response.body))
    keep_answer(conn, key.principal, key.key, answer, clock.wall())
