"""Production orders: put by their owners, read with how far they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Response

from api.deps import Calling, Door
from api.security.guard import needs
from api.wire import Cursor, Limit, Page, accepted, cursor_key, etag, own_key, page_of, require_match
from mes.actions import order as actions
from mes.actions.plant import plant_if_any
from mes.domain.calendar import Calendar
from mes.domain.fields import Code, SystemCode
from mes.domain.order_document import ProductionOrder
from mes.errors import NotFoundError
from mes.store import order as store
from mes.store.house import hold_name
from mes.store.screens import api_orders
from mes.store.screens.api_orders import OrderEta, OrderProgress
from mes.store.screens.order_rows import OrderRow, order_rows

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["order"])
SystemPath = Annotated[SystemCode, Path()]
NumberPath = Annotated[Code, Path()]


@router.put("/production-orders/{system:code}/{number:code}", status_code=201, **needs("orders:write"))
def put_production_order(
    system: SystemPath,
    number: NumberPath,
    *,
    body: ProductionOrder,
    call: Calling,
    response: Response,
    if_match: Annotated[str | None, Header(alias="If-Match")] = None,
) -> OrderProgress:
    """Take an order in, or what changed about it."""
    order = replace(body, system=own_key("system", body.system, system), number=own_key("number", body.number, number))
    hold_name(call.conn, "order", system, number)
    if if_match:
        kept = store.load_order(call.conn, system, number)
        require_match(if_match, None if kept is None else etag(kept.version))
    accepted(response, actions.accept(call.conn, call.deed, order, plant_if_any(call.conn, call.at)))
    return _order(call, system, number, response)


@router.get("/production-orders/{system:code}/{number:code}", **needs("orders:read"))
def get_production_order(system: SystemPath, number: NumberPath, call: Calling, response: Response) -> OrderProgress:
    """One order: what is wanted, how far each operation is, when it will be done and why then."""
    return _order(call, system, number, response)


def _order(call: Calling, system: str, number: str, response: Response) -> OrderProgress:
    kept = store.load_order(call.conn, system, number)
    if kept is None:
        raise NotFoundError(f"There is no order {system}/{number}")
    response.headers["ETag"] = etag(kept.version)
    return api_orders.progress_of(call.conn, [kept])[0]


@router.get("/production-orders", **needs("orders:read"))
def list_production_orders(
    call: Calling,
    status: Annotated[str | None, Query(description="only in this status")] = None,
    item: Annotated[str | None, Query(description="only of this item")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[OrderProgress]:
    """Orders in the order they were taken in."""
    key = cursor_key(cursor, int)
    kept = api_orders.list_orders(
        call.conn, status=status, item=item, after=None if key is None else key[0], limit=limit + 1
    )
    page = page_of(kept, limit, lambda row: (row.id,))
    items = api_orders.progress_of(call.conn, page.items)
    return Page(items=items, next_cursor=page.next_cursor)


@router.get("/order-progress", **needs("orders:read"))
def list_order_progress(
    call: Calling,
    only: Annotated[Literal["running", "late", "short"] | None, Query(description="absent: all")] = None,
    text: Annotated[str, Query(max_length=100, description="in number, item, name or customer")] = "",
) -> list[OrderRow]:
    """Orders as the page of progress shows them: open ones and those closed lately, late ones first, then by due."""
    rows = order_rows(call.conn, Calendar(call.plant()), call.at, call.lines)
    return [row for row in rows if row.is_meant(only, text)]


@router.get("/order-etas", **needs("orders:read"))
def list_order_etas(call: Calling, cursor: Cursor = None, limit: Limit = 100) -> Page[OrderEta]:
    """When each order will be done, as it was told last, with the reasons; in the order they were told."""
    key = cursor_key(cursor, int)
    rows = api_orders.list_etas(call.conn, after=None if key is None else key[0], limit=limit + 1)
    return page_of(rows, limit, lambda row: (row.id,))
