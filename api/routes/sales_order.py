"""Customers' orders: put by whoever talks to the customer, read with when they will be done."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response

from api.deps import Call, Calling, Door
from api.security.guard import needs
from api.wire import Cursor, Limit, Page, accepted, cursor_key, etag, own_key, page_of, require_match
from mes.actions import sales_order as actions
from mes.domain.fields import Code, Number, SystemCode
from mes.domain.sales_order import SalesOrder, ServingOrder, outlook_of
from mes.errors import NotFoundError
from mes.store import sales_order as store
from mes.store.house import hold_name

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["order"])
SystemPath = Annotated[SystemCode, Path()]
NumberPath = Annotated[Code, Path()]
LinePath = Annotated[Number, Path()]


@dataclass(frozen=True, kw_only=True)
class SalesOrderOutlook(SalesOrder):
    """A sales order with the production orders that serve it.

    `eta_at`: when all of them are done; `late_minutes`: how long after the promise (without one: the due date). Null
    while nobody knows.
    """

    version: int
    orders: tuple[ServingOrder, ...]
    eta_at: datetime | None
    late_minutes: int | None


ADDRESS = "/sales-orders/{system:code}/{number:code}/{line_no}"


@router.put(ADDRESS, status_code=201, **needs("orders:write"))
def put_sales_order(
    system: SystemPath,
    number: NumberPath,
    line_no: LinePath,
    *,
    body: SalesOrder,
    call: Calling,
    response: Response,
    if_match: Annotated[str | None, Header(alias="If-Match")] = None,
) -> SalesOrderOutlook:
    """Take a line of a customer's order in, or what changed about it; quantity 0: no longer wanted."""
    own_key("system", body.system, system)
    own_key("number", body.number, number)
    own_key("line_no", str(body.line_no) if body.line_no else "", str(line_no))
    hold_name(call.conn, "sales_order", system, number, str(line_no))
    if if_match:
        kept = store.find_sales_order(call.conn, system, number, line_no)
        require_match(if_match, None if kept is None else etag(kept.version))
    order = replace(body, system=system, number=number, line_no=line_no)
    accepted(response, actions.accept(call.conn, call.deed, order))
    return _sales_order(call, system, number, line_no, response=response)


@router.get(ADDRESS, **needs("orders:read"))
def get_sales_order(
    system: SystemPath, number: NumberPath, line_no: LinePath, call: Calling, response: Response
) -> SalesOrderOutlook:
    """One line of a customer's order: which production orders serve it, and when it will be done."""
    return _sales_order(call, system, number, line_no, response=response)


def _sales_order(call: Call, system: str, number: str, line_no: int, *, response: Response) -> SalesOrderOutlook:
    kept = store.find_sales_order(call.conn, system, number, line_no)
    if kept is None:
        raise NotFoundError(f"There is no sales order {system}/{number}/{line_no}")
    response.headers["ETag"] = etag(kept.version)
    return _outlooks(call, [kept])[0]


@router.get("/sales-orders", **needs("orders:read"))
def list_sales_orders(
    call: Calling,
    *,
    system: Annotated[str | None, Query(description="only of this system")] = None,
    number: Annotated[str | None, Query(description="only of this customer's order")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[SalesOrderOutlook]:
    """Customers' orders in the order they were taken in, with when they will be done."""
    key = cursor_key(cursor, int)
    kept = store.list_sales_orders(
        call.conn, system=system, number=number, after=None if key is None else key[0], limit=limit + 1
    )
    page = page_of(kept, limit, lambda row: (row.id,))
    return Page(items=_outlooks(call, page.items), next_cursor=page.next_cursor)


def _outlooks(call: Call, kept: list[store.KeptSalesOrder]) -> list[SalesOrderOutlook]:
    serving = store.serving_orders(call.conn, [row.id for row in kept])
    return [_outlook(row, serving[row.id]) for row in kept]


def _outlook(kept: store.KeptSalesOrder, orders: tuple[ServingOrder, ...]) -> SalesOrderOutlook:
    said = {field.name: getattr(kept.order, field.name) for field in fields(SalesOrder)}
    eta_at, late_minutes = outlook_of(kept.order.promised_at or kept.order.due_at, orders)
    return SalesOrderOutlook(**said, version=kept.version, orders=orders, eta_at=eta_at, late_minutes=late_minutes)
