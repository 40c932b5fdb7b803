"""What stands on the wire around our documents: strict JSON, percent-encoded codes, pages with cursors, ETags."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Generic, Protocol, TypeVar
from urllib.parse import unquote

import msgspec
from annotated_types import Ge, Le
from fastapi import Query, Response
from pydantic import BaseModel
from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import BodyError, PreconditionError
from mes.errors import Fault, InputError, pointed

DEPTH_MAX = 32
PAGE_MAX = 1000

T = TypeVar("T")


# ------------------------------------------------------------------ bodies
def read_json(body: bytes) -> Any:
    """A body as JSON, and only JSON: UTF-8, finite numbers, storable text, not nested deeper than DEPTH_MAX.

    Raises BodyError.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError:
        raise _unreadable("json_invalid", "is not UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"at line {error.lineno}, column {error.colno}"
        raise _unreadable("json_invalid", f"is not JSON: {error.msg} {where}") from None
    except ValueError as error:
        raise _unreadable("json_invalid", f"is not JSON: {error}") from None
    _check(value, "", 0)
    return value


def read_msgpack(body: bytes) -> Any:
    """A body as MessagePack, held to the same rules; instants may be its timestamps. Raises BodyError."""
    try:
        value = msgspec.msgpack.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise _unreadable("msgpack_invalid", f"is not MessagePack: {error}") from None
    _check(value, "", 0)
    return value


READERS = {"application/json": read_json, "application/msgpack": read_msgpack}
"""How a body of each kind is read. Every route reads JSON."""


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def _unreadable(code: str, why: str) -> BodyError:
    """The body as a whole is at fault: the empty JSON pointer names all of it."""
    return BodyError(f"The body {why}", code=code, faults=(Fault("", code, why),))


def _too_deep() -> BodyError:
    return _unreadable("too_deep", f"is nested deeper than {DEPTH_MAX} levels")


def _check(value: Any, pointer: str, depth: int) -> None:
    if isinstance(value, str):
        if fault := _text_fault(value):
            raise BodyError("A text cannot be stored", faults=(Fault(pointer, "text", fault),))
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise BodyError("A number is too large", faults=(Fault(pointer, "number", "is too large"),))
    elif isinstance(value, dict | list):
        if depth >= DEPTH_MAX:
            raise _too_deep()
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(value, dict):
                _check_key(key, pointer, depth)
            _check(item, f"{pointer}/{pointed(key)}", depth + 1)
    elif isinstance(value, bytes | msgspec.msgpack.Ext):
        raise BodyError("A value is of no kind that is read here", faults=(Fault(pointer, "kind", "is bytes"),))


def _check_key(key: object, pointer: str, depth: int) -> None:
    if not isinstance(key, str):
        raise BodyError("A name is no text", faults=(Fault(pointer, "kind", f"has the name {key!r}"),))
    _check(key, pointer, depth)


def _text_fault(text: str) -> str:
    if "\0" in text:
        return "has a NUL character"
    if not text.isascii() and re.search("[\ud800-\udfff]", text):
        return "has half of a surrogate pair"
    return ""


# ------------------------------------------------------------------ paths
class _CodeConvertor(Convertor[str]):
    """A business key in a path: one percent-encoded segment, so that it may hold `/` and 中文."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        return unquote(value, errors="replace")

    def to_string(self, value: str) -> str:
        raise AssertionError("addresses are not made from routes")


register_url_convertor("code", _CodeConvertor())


class RawPath:
    """Routes the api by the path as it was sent, so that `%2F` inside a code does not split it."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path") or b""
        if scope["type"] == "http" and raw.startswith(self._prefix.encode()):
            scope = {**scope, "path": raw.split(b"?", 1)[0].decode("latin-1")}
        await self._app(scope, receive, send)


# ------------------------------------------------------------------ pages
class Page(BaseModel, Generic[T]):
    """Some of a list; `next_cursor` continues it, null at its end."""

    items: list[T]
    next_cursor: str | None


Id = Annotated[int, Ge(1), Le(2**62)]
"""Our own number of something."""

Limit = Annotated[int, Ge(1), Le(PAGE_MAX), Query(description="how many at most")]
Cursor = Annotated[str | None, Query(description="next_cursor of the page before", max_length=500)]


def page_of(rows: list[T], limit: int, key: Callable[[T], tuple[Any, ...]]) -> Page[T]:
    """A page from up to `limit` + 1 rows; `key` is what the list is sorted by."""
    more = len(rows) > limit
    kept = rows[:limit]
    return Page(items=kept, next_cursor=_cursor(key(kept[-1])) if more else None)


def _cursor(key: tuple[Any, ...]) -> str:
    text = json.dumps(key, ensure_ascii=False, separators=(",", ":"), default=lambda value: value.isoformat())
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def cursor_key(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """The sort key a cursor holds, None for the first page. Raises InputError for what was never given out."""
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        key = tuple(json.loads(text))
    except (ValueError, TypeError):
        key = ()
    if len(key) != len(kinds) or not all(type(part) is kind for part, kind in zip(key, kinds, strict=True)):
        raise _unknown_cursor()
    return key


def instant_of(text: str) -> datetime:
    """An instant out of a cursor. Raises InputError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _unknown_cursor() from None
    if at.tzinfo is None:
        raise _unknown_cursor()
    return at


def _unknown_cursor() -> InputError:
    return InputError("That cursor was not given out here", faults=(Fault("query/cursor", "cursor", "is unknown"),))


# ------------------------------------------------------------------ ETags
def etag(version: object) -> str:
    """The ETag of a document's version."""
    return f'"{version}"'


def require_match(if_match: str | None, current: str | None) -> None:
    """Refuse when If-Match names another state than the one that stands. Raises PreconditionError (412)."""
    if if_match is None:
        return
    wanted = {word.strip().removeprefix("W/") for word in if_match.split(",")}
    if current is None or not wanted & {"*", current}:
        raise PreconditionError(facts={"etag": current})


# ------------------------------------------------------------------ documents put at an address
class Accepting(Protocol):
    """What an action says of a document it accepted."""

    @property
    def version(self) -> str: ...
    @property
    def created(self) -> bool: ...


def accepted(response: Response, done: Accepting) -> None:
    """201 for a document that is new, 200 for one that was there; its ETag either way."""
    response.status_code = 201 if done.created else 200
    response.headers["ETag"] = etag(done.version)


def own_key(name: str, said: str, address: str) -> str:
    """The key of a document from its address; what the body says of it must be the same. Raises InputError."""
    if said and said != address:
        fault = Fault(f"/{name}", "address", f"is {said!r}, but the document was put at {address!r}")
        raise InputError("The document belongs to another address", faults=(fault,))
    return address
