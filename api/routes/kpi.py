"""KPIs of what is not one scope: orders, products, teams; and of a scope in any window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import Calling, Door
from api.routes.shift import From, To
from api.routes.tracking import ScopeQuery, days_of, stretch_of
from api.security.guard import needs
from mes.domain.calendar import Calendar
from mes.domain.kpi import Elements, Ratio
from mes.store.screens import api_kpis

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["tracking"])
ORDERS_MAX = 1000


@dataclass(frozen=True, slots=True)
class WindowKpis:
    """KPIs of a window, as far as it is booked, with the elements they are made of."""

    from_at: datetime
    to_at: datetime
    elements: Elements
    kpis: dict[str, Ratio]


@router.get("/kpis/window", **needs("tracking:read"))
def get_window_kpis(call: Calling, scope: ScopeQuery, *, from_at: From, to_at: To) -> WindowKpis:
    """KPIs of scopes together from .. to, in whole minutes: any window, over shifts and days."""
    begin, end = stretch_of(from_at, to_at)
    line = api_kpis.window_kpis(call.conn, Calendar(call.plant()), scope.codes(call), begin, end)
    return WindowKpis(begin, end, line.elements, line.kpis)


@router.get("/kpis/orders", **needs("tracking:read"))
def list_order_kpis(
    call: Calling,
    *,
    system: Annotated[str | None, Query(description="only orders of this system")] = None,
    number: Annotated[str | None, Query(description="only this order")] = None,
    item: Annotated[str | None, Query(description="only orders of this product")] = None,
    from_: Annotated[date, Query(alias="from", description="made something from this shift-day on")],
    to: Annotated[date, Query(description="and up to this one, included")],
) -> list[api_kpis.OrderKpis]:
    """What orders took of the lines they ran on, whole orders of which something was made in a stretch of days."""
    calendar = Calendar(call.plant())
    first, last = days_of(calendar, from_, to)
    found = api_kpis.find_orders(
        call.conn, system=system, number=number, item=item, lines=call.lines, days=(first, last), limit=ORDERS_MAX
    )
    return api_kpis.list_order_kpis(call.conn, calendar, found)


@router.get("/kpis/products", **needs("tracking:read"))
def list_product_kpis(
    call: Calling,
    *,
    item: Annotated[str | None, Query(description="only of this product")] = None,
    from_: Annotated[date, Query(alias="from", description="made from this shift-day on")],
    to: Annotated[date, Query(description="and up to this one, included")],
) -> list[api_kpis.GroupKpis]:
    """KPIs of products: of their orders of which something was made in a stretch of days, added up."""
    calendar = Calendar(call.plant())
    days = days_of(calendar, from_, to)
    found = api_kpis.find_orders(
        call.conn, system=None, number=None, item=item, lines=call.lines, days=days, limit=ORDERS_MAX
    )
    return api_kpis.list_product_kpis(call.conn, calendar, found)


@router.get("/kpis/teams", **needs("tracking:read"))
def list_team_kpis(
    call: Calling,
    scope: ScopeQuery,
    *,
    from_: Annotated[date, Query(alias="from", description="first shift-day")],
    to: Annotated[date, Query(description="last shift-day, included")],
) -> list[api_kpis.GroupKpis]:
    """KPIs of teams: of the shifts of lines they were on by their rotation, added up."""
    calendar = Calendar(call.plant())
    first, last = days_of(calendar, from_, to)
    codes: Sequence[str] = scope.codes(call)
    return api_kpis.list_team_kpis(call.conn, calendar, codes, first, last)


@router.get("/kpis/lines", **needs("tracking:read"))
def list_line_kpis(
    call: Calling,
    scope: ScopeQuery,
    *,
    from_: Annotated[date, Query(alias="from", description="first shift-day")],
    to: Annotated[date, Query(description="last shift-day, included")],
    by: Annotated[str, Query(pattern="^(line|area)$")] = "line",
) -> list[api_kpis.GroupKpis]:
    """KPIs of lines or areas side by side, each over the whole stretch of days."""
    plant = call.plant()
    first, last = days_of(Calendar(plant), from_, to)
    group = {line.code: line.area if by == "area" else line.code for line in plant.line}
    return api_kpis.list_group_kpis(call.conn, scope.codes(call), group, first, last)
