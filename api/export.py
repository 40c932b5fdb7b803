"""Every list as a file: `?format=csv` or `?format=xlsx` (or an Accept that asks for one) at any route that lists.

The request is asked of the route itself, page after page, by the same caller: what somebody may not read as a page, or
sees only in part, is no different in a file. With `&lang=zh` or `&lang=en` it is a file for people: headings in words,
the plant's clock, reasons by name; without it a file for programs, as the JSON.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlencode
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.deps import House
from api.errors import problem_of
from api.wire import PAGE_MAX
from mes.actions.plant import plant_if_any
from mes.errors import Fault, InputError
from mes.formats.columns import Lang, people_rows
from mes.formats.sheets import csv_of, table_of

ROWS_MAX = 50_000
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(slots=True)
class _Answer:
    """What a route answered; `passed`: it was no JSON that succeeded and went out as it came."""

    start: Message | None = None
    body: bytearray = field(default_factory=bytearray)
    passed: bool = False


class Export:
    """Answers GETs that ask for a file with one made of the route's pages."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = _wanted(scope) if scope["type"] == "http" and scope["path"].startswith(self._prefix) else ""
        if not wanted:
            await self._app(scope, receive, send)
            return
        asked_for = parse_qsl(scope["query_string"].decode(), True)
        query = [pair for pair in asked_for if pair[0] not in {"format", "lang"}]
        lang = dict(asked_for).get("lang", "")
        if fault := _fault(wanted, lang):
            await problem_of(InputError("There is no such file", faults=(fault,)))(scope, receive, send)
            return
        rows: list[dict[str, Any]] = []
        more: dict[str, str] | None = {}
        while more is not None:
            asked = [pair for pair in query if pair[0] not in more]
            page = urlencode([*asked, *more.items()]).encode()
            answer = await self._ask({**scope, "query_string": page}, receive, send)
            if answer.passed:
                return
            some, more = _rows(json.loads(answer.body))
            rows += some
            if len(rows) > ROWS_MAX:
                fault = Fault("query/format", "too_many", f"a file holds at most {ROWS_MAX} rows")
                refused = InputError(
                    "That is too much for a file", remedy="Ask for a shorter stretch.", faults=(fault,)
                )
                await problem_of(refused)(scope, receive, send)
                return
        name = _name(scope["path"].removeprefix(self._prefix), dict(query))
        if lang:
            rows = await run_in_threadpool(_for_people, scope["app"].state.house, rows, cast("Lang", lang))
        content = await run_in_threadpool(_file, wanted, rows, name)
        disposition = f"attachment; filename*=utf-8''{quote(name, safe='')}.{wanted}"
        response = Response(content, media_type=MEDIA[wanted], headers={"Content-Disposition": disposition})
        await response(scope, receive, send)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> _Answer:
        """One page; a refusal, or what is no JSON, is passed on as it is once nothing else was sent."""
        answer = _Answer()

        async def hold(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.start = message
                kind = Headers(raw=message["headers"]).get("content-type", "")
                answer.passed = message["status"] != 200 or not kind.startswith("application/json")
            if answer.passed:
                await send(message)
            elif message["type"] == "http.response.body":
                answer.body += message.get("body", b"")

        await self._app(scope, receive, hold)
        return answer


def _wanted(scope: Scope) -> str:
    """The format a GET asks for by its query or its Accept; empty: JSON, as always."""
    if scope["method"] != "GET":
        return ""
    asked = dict(parse_qsl(scope["query_string"].decode("latin-1"), True))
    if "format" in asked:
        return asked["format"] if asked["format"] != "json" else ""
    accepts = re.split(r"\s*,\s*", Headers(scope=scope).get("accept", ""))
    first = accepts[0].split(";")[0].strip()
    return next((name for name, media in MEDIA.items() if media.split(";")[0] == first), "")


def _fault(wanted: str, lang: str) -> Fault | None:
    if wanted not in MEDIA:
        return Fault("query/format", "enum", "is csv or xlsx")
    return Fault("query/lang", "enum", "is zh or en") if lang not in {"", "zh", "en"} else None


def _name(path: str, query: dict[str, str]) -> str:
    """What a file is called: the list, whose it is, and the day it begins."""
    whose = [query[name] for name in ("line", "machine", "scope", "only", "state") if query.get(name)]
    parts = [path.strip("/").replace("/", "-") or "table", *whose, query.get("from", "")[:10]]
    return re.sub(r"[^\w.,-]", "-", "-".join(part for part in parts if part))


def _for_people(house: House, rows: list[dict[str, Any]], lang: Lang) -> list[dict[str, Any]]:
    with house.snapshot() as conn:
        plant = plant_if_any(conn, house.now())
    zone = ZoneInfo(plant.site.time_zone if plant else "UTC")
    return people_rows(rows, lang, zone, plant.reasons if plant else {})


def _rows(document: Any) -> tuple[list[dict[str, Any]], dict[str, str] | None]:
    """The rows of a list, a page or one document; and what to ask for the next page, None after the last."""
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        return _documents(document if isinstance(document, list) else [document]), None
    rows, cursor = _documents(document["items"]), document.get("next_cursor")
    if not rows or cursor is None or not document.get("has_more", True):
        return rows, None
    name = "after" if "has_more" in document else "cursor"
    return rows, {name: str(cursor), "limit": str(PAGE_MAX)}


def _documents(rows: list[Any]) -> list[dict[str, Any]]:
    return [row if isinstance(row, dict) else {"value": row} for row in rows]


def _file(wanted: str, rows: list[dict[str, Any]], name: str) -> bytes:
    columns, cells = table_of(rows)
    if wanted == "csv":
        return csv_of(columns, cells)
    from mes.formats.workbook import xlsx_of

    return xlsx_of(columns, cells, name)
