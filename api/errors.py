"""Every failure leaves as problem+json (RFC 9457); which class has which status stands in one table.

`{type, title, status, detail, code, retryable, errors: [{pointer, code, detail}]}`, plus the facts a program needs to
go on (`made`, `oldest_cursor`). A pointer is a JSON pointer into the body, or `query/NAME`, `path/NAME`, `header/NAME`.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from mes.domain.exchange import plain
from mes.errors import (
    ConflictError,
    Fault,
    ForbiddenError,
    GoneError,
    InputError,
    MesError,
    NotFoundError,
    SetupError,
    StaleError,
    TooManyError,
    UnauthenticatedError,
    UnavailableError,
)
from mes.formats.faults import faults_of
from mes.store.pool import AWAY, RETRYABLE

_log = structlog.get_logger(__name__)


class BodyError(InputError):
    """The body cannot be read."""

    code = "body"


class TooLargeError(InputError):
    """The body is larger than is taken here."""

    code = "too_large"


class SlowBodyError(InputError):
    """The body did not arrive in time."""

    code = "timeout"


class UnsupportedError(InputError):
    """The body is not of a kind that is read here."""

    code = "media_type"


class PreconditionError(StaleError):
    """What If-Match names is no longer what stands here; read it again."""

    code = "precondition"


STATUS: dict[type[Exception], int] = {
    BodyError: 400,
    UnauthenticatedError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    SlowBodyError: 408,
    ConflictError: 409,
    GoneError: 410,
    PreconditionError: 412,
    TooLargeError: 413,
    UnsupportedError: 415,
    InputError: 422,
    TooManyError: 429,
    SetupError: 500,
    UnavailableError: 503,
}
REMEDY: dict[type[Exception], str] = {
    BodyError: "Mend the body and send it again; nothing was stored.",
    ForbiddenError: "Ask an administrator for the right, or use the key of the system it belongs to.",
    NotFoundError: "Look up what there is.",
    SlowBodyError: "Send it again in one go.",
    ConflictError: "Read what stands now and decide anew; nothing was stored.",
    GoneError: "Read on from what is still kept.",
    PreconditionError: "Send the change with the ETag that stands now; nothing was stored.",
    TooLargeError: "Send it in smaller parts; nothing was stored.",
    UnsupportedError: "Set Content-Type to what the body is.",
    InputError: "Mend what `errors` names and send it again; nothing was stored.",
    TooManyError: "Wait as long as Retry-After says.",
    UnavailableError: "Try again in a moment.",
}
"""The way out where an error names none of its own."""
RETRY_AFTER_S = 2


class ProblemField(BaseModel):
    """One thing wrong with what was sent."""

    pointer: str
    code: str
    detail: str


class Problem(BaseModel):
    """What every failure looks like."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    errors: list[ProblemField]


def status_of(error: Exception) -> int:
    """The status of an error: that of the nearest class in the table."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def remedy_of(error: MesError) -> str:
    """The way out of an error: its own, else that of the nearest class in the table."""
    return error.remedy or next((REMEDY[kind] for kind in type(error).__mro__ if kind in REMEDY), "")


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    retryable: bool = False,
    faults: Iterable[Fault] = (),
    facts: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """A failure as its response."""
    body = {
        "type": f"urn:takt:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "retryable": retryable,
        "errors": [{"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in faults],
    }
    return JSONResponse(
        body | plain(facts or {}), status_code=status, headers=headers, media_type="application/problem+json"
    )


def problem_of(error: MesError) -> JSONResponse:
    """One of our own errors as its response."""
    status = status_of(error)
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retryable:
        headers["Retry-After"] = str(error.facts.get("retry_after_s", RETRY_AFTER_S))
    detail = f"{error.detail.rstrip('.')}. {remedy_of(error)}".strip()
    return problem(
        status, error.code, detail, retryable=error.retryable, faults=error.faults, facts=error.facts, headers=headers
    )


def install(app: FastAPI) -> None:
    """Answer every kind of failure in this one form."""
    app.add_exception_handler(MesError, _on_mes_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    for kind in (*AWAY, *RETRYABLE, psycopg.DataError, psycopg.IntegrityError):
        app.add_exception_handler(kind, _on_database)
    app.add_exception_handler(Exception, _on_surprise)


async def _on_mes_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MesError)
    return problem_of(error)


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = faults_of(error.errors(), within="body", document=error.body)
    return problem_of(InputError("What was sent is not valid", faults=faults))


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = error.status_code
    code = {404: "not_found", 405: "method", 413: "too_large"}.get(status, "invalid" if status < 500 else "error")
    sentence = {
        404: f"There is nothing at {request.url.path}. Look the address up at /docs.",
        405: f"{request.method} is not possible at {request.url.path}. Look the address up at /docs.",
        413: f"The body is larger than is taken here. {REMEDY[TooLargeError]}",
    }.get(status, str(error.detail))
    return problem(status, code, sentence, headers=dict(error.headers or {}))


async def _on_database(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, psycopg.DataError):
        _log.warning("value_not_storable", path=request.url.path, error=str(error).splitlines()[0])
        return problem_of(InputError("A value cannot be stored"))
    if isinstance(error, psycopg.IntegrityError):
        _log.warning("row_refused", path=request.url.path, error=str(error).splitlines()[0])
        return problem_of(ConflictError())
    _log.warning("database_away", path=request.url.path, error=type(error).__name__)
    return problem_of(UnavailableError("The database does not answer", remedy="Try again in a moment."))


async def _on_surprise(request: Request, error: Exception) -> JSONResponse:
    return problem(500, "error", "Something went wrong on our side; it is in the log", retryable=True)
