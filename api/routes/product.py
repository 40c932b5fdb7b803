"""Items and releases: put by whoever keeps them, read by anybody."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Header, Path, Response

from api.deps import Calling, Door
from api.security.guard import needs
from api.wire import Cursor, Limit, Page, accepted, cursor_key, etag, own_key, page_of, require_match
from mes.actions import product
from mes.actions.plant import plant_if_any
from mes.domain.fields import Code
from mes.domain.product import Item, Release
from mes.errors import NotFoundError
from mes.store import product as store
from mes.store.house import hold_name

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["product"])
IfMatch = Annotated[str | None, Header(alias="If-Match")]
CodePath = Annotated[Code, Path()]


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision of an item, by name."""

    revision: str
    status: str


@router.put("/items/{code:code}", status_code=201, **needs("items:write"))
def put_item(code: CodePath, body: Item, call: Calling, response: Response, if_match: IfMatch = None) -> Item:
    """Make an item known, or known better."""
    item = replace(body, code=own_key("code", body.code, code))
    hold_name(call.conn, "item", code)
    if if_match:
        kept = store.load_item(call.conn, code)
        require_match(if_match, None if kept is None else etag(kept.version))
    accepted(response, product.accept_item(call.conn, call.deed, item))
    return _item(call, code, response)


@router.get("/items/{code:code}", **needs("product:read"))
def get_item(code: CodePath, call: Calling, response: Response) -> Item:
    """One item."""
    return _item(call, code, response)


def _item(call: Calling, code: str, response: Response) -> Item:
    kept = store.load_item(call.conn, code)
    if kept is None:
        raise NotFoundError(f"There is no item {code}")
    response.headers["ETag"] = etag(kept.version)
    return kept.item


@router.get("/items", **needs("product:read"))
def list_items(call: Calling, cursor: Cursor = None, limit: Limit = 100) -> Page[Item]:
    """All items, in order of code."""
    key = cursor_key(cursor, str)
    kept = store.list_items(call.conn, after=None if key is None else key[0], limit=limit + 1)
    return page_of([row.item for row in kept], limit, lambda item: (item.code,))


@router.put("/releases/{item:code}/{revision:code}", status_code=201, **needs("releases:write"))
def put_release(item: CodePath, revision: CodePath, body: Release, call: Calling, response: Response) -> Release:
    """Make a revision known. Its content never changes; its status and dates may."""
    release = replace(
        body, item=own_key("item", body.item, item), revision=own_key("revision", body.revision, revision)
    )
    plant = plant_if_any(call.conn, call.at)
    accepted(response, product.accept_release(call.conn, call.deed, release, plant))
    return _release(call, item, revision, response)


@router.get("/releases/{item:code}/{revision:code}", **needs("product:read"))
def get_release(item: CodePath, revision: CodePath, call: Calling, response: Response) -> Release:
    """One revision with its BOM and routing, quantities in base units."""
    return _release(call, item, revision, response)


def _release(call: Calling, item: str, revision: str, response: Response) -> Release:
    kept = store.load_release(call.conn, item, revision)
    if kept is None:
        raise NotFoundError(f"There is no revision {revision} of {item}")
    response.headers["ETag"] = etag(product.version_of(kept.release, kept.sha256))
    return kept.release


@router.get("/releases/{item:code}", **needs("product:read"))
def list_releases(item: CodePath, call: Calling) -> Page[Revision]:
    """The revisions of an item, newest first."""
    if store.load_item(call.conn, item) is None:
        raise NotFoundError(f"There is no item {item}")
    return Page(items=[Revision(*row) for row in store.list_releases(call.conn, item)], next_cursor=None)
