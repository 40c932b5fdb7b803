"""What was booked: state spans, stops, KPIs, and the reports that were told."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api.deps import Calling, Door
from api.security.guard import needs
from api.wire import Cursor, Limit, Page, cursor_key, instant_of, page_of
from mes.domain.fields import Instant
from mes.errors import Fault, InputError, NotFoundError
from mes.store.screens import api_kpis, api_tracking
from mes.store.screens.api_kpis import KpiLine
from mes.store.screens.api_tracking import ReportLine, SpanLine, StopLine
from mes.store.screens.plant import post_of

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["tracking"])
KPI_DAYS_MAX = 400
LineFilter = Annotated[str | None, Query(description="only of this line")]
From = Annotated[Instant, Query(alias="from", description="ending after")]
To = Annotated[Instant, Query(alias="to", description="starting before")]


@router.get("/state-spans", **needs("tracking:read"))
def list_state_spans(
    call: Calling,
    *,
    machine: Annotated[str | None, Query(description="only of this machine or counting station")] = None,
    line: LineFilter = None,
    from_at: From,
    to_at: To,
    cursor: Cursor = None,
    limit: Limit = 500,
) -> Page[SpanLine]:
    """In what state each machine was, half-open stretches by machine; the last one has no end yet."""
    key = cursor_key(cursor, str, str)
    rows = api_tracking.list_spans(
        call.conn,
        machines=_machines(call, machine, line),
        from_at=from_at,
        to_at=to_at,
        after=None if key is None else (key[0], instant_of(key[1])),
        limit=limit + 1,
    )
    return page_of(rows, limit, lambda row: (row.machine, row.from_at))


@router.get("/stops", **needs("tracking:read"))
def list_stops(
    call: Calling,
    *,
    scope: Annotated[str | None, Query(description="only of this machine, station or line")] = None,
    line: LineFilter = None,
    from_at: From,
    to_at: To,
    cursor: Cursor = None,
    limit: Limit = 500,
) -> Page[StopLine]:
    """When machines and lines stood still, and why."""
    key = cursor_key(cursor, str, str)
    rows = api_tracking.list_stops(
        call.conn,
        scope=scope,
        line=line,
        lines=call.lines,
        from_at=from_at,
        to_at=to_at,
        after=None if key is None else (key[0], instant_of(key[1])),
        limit=limit + 1,
    )
    return page_of(rows, limit, lambda row: (row.scope, row.from_at))


@router.get("/production-reports", **needs("reports:read"))
def list_production_reports(
    call: Calling,
    *,
    system: Annotated[str | None, Query(description="only orders of this system")] = None,
    number: Annotated[str | None, Query(description="only of this order")] = None,
    line: LineFilter = None,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> Page[ReportLine]:
    """What was reported, oldest first; a report that `reverses` another takes its figures back."""
    key = cursor_key(cursor, int)
    rows = api_tracking.list_reports(
        call.conn,
        system=system,
        number=number,
        line=line,
        lines=call.lines,
        after=None if key is None else key[0],
        limit=limit + 1,
    )
    return page_of(rows, limit, lambda row: (row.id,))


@router.get("/kpis", **needs("tracking:read"))
def list_kpis(
    call: Calling,
    *,
    machine: Annotated[str | None, Query(description="of this machine or counting station")] = None,
    line: Annotated[str | None, Query(description="of this line, by where it counts")] = None,
    area: Annotated[str | None, Query(description="of this area's lines together")] = None,
    from_day: Annotated[date, Query(alias="from", description="first shift-day")],
    to_day: Annotated[date, Query(alias="to", description="last shift-day, included")],
    by: Annotated[Literal["shift", "day"], Query()] = "day",
) -> list[KpiLine]:
    """KPIs of a machine, a line, an area or everything, by shift or day, with the elements they are made of."""
    if (to_day - from_day).days > KPI_DAYS_MAX:
        fault = Fault("query/to", "too_long", f"is more than {KPI_DAYS_MAX} days after from")
        raise InputError("That is too long a stretch", faults=(fault,))
    plant = call.plant()
    if machine is not None:
        posts = _machines(call, machine, None)
    else:
        lines = [one for one in plant.line if line in (None, one.code) and area in (None, one.area)]
        posts = [post_of(plant, one.counts_at) for one in lines if call.sees(one.code)]
    if not posts:
        raise NotFoundError(f"There is no {machine or line or area or 'line'}")
    return api_kpis.list_kpis(call.conn, posts=posts, from_day=from_day, to_day=to_day, by=by)


def _machines(call: Calling, machine: str | None, line: str | None) -> list[str]:
    """The machines and counting stations the caller sees, of those asked for."""
    plant = call.plant()
    line_of = {m.code: m.line for m in plant.machine} | {s.code: s.line for s in plant.stations.values()}
    return [
        code
        for code, where in line_of.items()
        if (machine is None or code == machine) and (line is None or where == line) and call.sees(where)
    ]
