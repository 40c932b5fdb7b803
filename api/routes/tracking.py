"""What was booked: state spans, stops, KPIs, and the reports that were told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query

from api.deps import Call, Calling, Door
from api.security.guard import needs
from api.wire import Cursor, Limit, Page, cursor_key, instant_of, page_of
from mes.domain.calendar import Calendar
from mes.domain.fields import Instant
from mes.domain.kpi import KPIS
from mes.errors import Fault, InputError, NotFoundError
from mes.store.screens import api_kpis, api_tracking
from mes.store.screens.api_kpis import KpiLine, KpiWhy
from mes.store.screens.api_tracking import ReportLine, SpanLine, StopLine

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["tracking"])
KPI_DAYS_MAX = 400
KPI_HOURS_DAYS_MAX = 31
ShiftFilter = Annotated[str | None, Query(description="only of this shift of each day")]
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
    unexplained: Annotated[bool, Query(description="only those without a reason, micro stops left out")] = False,
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
        unexplained=unexplained,
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


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose KPIs: a machine's (or counting station's), a line's, an area's lines together, or all the caller sees."""

    machine: Annotated[str | None, Query(description="of this machine or counting station")] = None
    line: Annotated[str | None, Query(description="of this line")] = None
    area: Annotated[str | None, Query(description="of this area's lines together")] = None

    def codes(self, call: Call) -> list[str]:
        """The scopes in the ledger. Raises NotFoundError when the caller sees none."""
        plant = call.plant()
        if self.machine is not None:
            codes = _machines(call, self.machine, self.line)
        else:
            wanted = [one for one in plant.line if self.line in (None, one.code) and self.area in (None, one.area)]
            codes = [one.code for one in wanted if call.sees(one.code)]
        if not codes:
            raise NotFoundError(f"There is no {self.machine or self.line or self.area or 'line'}")
        return codes


ScopeQuery = Annotated[Scope, Depends()]


@router.get("/kpis", **needs("tracking:read"))
def list_kpis(
    call: Calling,
    scope: ScopeQuery,
    *,
    from_: Annotated[Instant | date, Query(alias="from", description="instant (by hour) or first shift-day")],
    to: Annotated[Instant | date, Query(description="instant (by hour), or last shift-day, which is included")],
    by: Annotated[Literal["hour", "shift", "day", "all"], Query(description="all: the stretch as one")] = "day",
    shift: ShiftFilter = None,
) -> list[KpiLine]:
    """KPIs by hour, shift or day, or of the days as one, with the elements they are made of. Undefined says why."""
    calendar = Calendar(call.plant())
    if by == "hour":
        begin, end = stretch_of(from_, to)
        return api_kpis.list_hour_kpis(call.conn, calendar, scope.codes(call), begin, end)
    first, last = days_of(calendar, from_, to)
    return api_kpis.list_shift_kpis(call.conn, scope.codes(call), first, last, by=by, shift=shift)


@router.get("/why/kpi/{name}", **needs("tracking:read"))
def get_why_kpi(
    name: Annotated[str, Path(description="oee, availability, ...")],
    call: Calling,
    scope: ScopeQuery,
    *,
    from_: Annotated[Instant | date, Query(alias="from", description="first shift-day")],
    to: Annotated[Instant | date, Query(description="last shift-day, included")],
    shift: ShiftFilter = None,
) -> KpiWhy:
    """Why a KPI is what it is: formula, figures, and the rows that were added up."""
    if name not in KPIS:
        raise NotFoundError(f"There is no KPI {name}")
    first, last = days_of(Calendar(call.plant()), from_, to)
    return api_kpis.why_kpi(call.conn, name, scope.codes(call), first, last, shift=shift)


def stretch_of(from_: date, to: date) -> tuple[datetime, datetime]:
    """A stretch of hours. Raises InputError for days, or too many hours."""
    if not isinstance(from_, datetime) or not isinstance(to, datetime):
        fault = Fault("query/from", "instant", "by hour from and to are instants")
        raise InputError("Hours lie between instants", faults=(fault,))
    _check_length(to - from_, timedelta(days=KPI_HOURS_DAYS_MAX))
    return from_, to


def days_of(calendar: Calendar, from_: date, to: date) -> tuple[date, date]:
    """A stretch of shift-days; instants stand for the plant's date at them. Raises InputError for too many."""
    zone = ZoneInfo(calendar.plant.site.time_zone)
    first, last = (day.astimezone(zone).date() if isinstance(day, datetime) else day for day in (from_, to))
    _check_length(last - first, timedelta(days=KPI_DAYS_MAX))
    return first, last


def _check_length(length: timedelta, most: timedelta) -> None:
    if not timedelta(0) <= length <= most:
        fault = Fault("query/to", "length", f"lies 0 to {most.days} days after from")
        raise InputError("That stretch cannot be shown", faults=(fault,))


def _machines(call: Call, machine: str | None, line: str | None) -> list[str]:
    """The machines and counting stations the caller sees, of those asked for."""
    plant = call.plant()
    line_of = {m.code: m.line for m in plant.machine} | {s.code: s.line for s in plant.stations.values()}
    return [
        code
        for code, where in line_of.items()
        if (machine is None or code == machine) and (line is None or where == line) and call.sees(where)
    ]
