"""Why something is as it is shown: beneath every booked or planned figure lie rows, and here they are.

A span, stop or count is named by where and when it was, because booking replaces its rows; a shortage by its number, an
order by its owner's. What was heard is given as the device said it, what people said as they said it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.deps import Call, Calling, Door
from api.routes.material import hidden_places
from api.security.guard import needs
from api.wire import Id
from mes.domain.fields import Code, Instant, SystemCode
from mes.domain.tracking.line import BUBBLE_US
from mes.errors import Fault, InputError, NotFoundError
from mes.store import order as orders
from mes.store.screens import api_floor, api_material, api_orders, api_tracking, api_why
from mes.store.screens.api_floor import EntryLine
from mes.store.screens.api_material import Balance, ShortageLine
from mes.store.screens.api_orders import OrderProgress
from mes.store.screens.api_sample import SampleLine
from mes.store.screens.api_tracking import SpanLine, StopLine
from mes.store.screens.api_why import JobStretch, MinuteLine, PlannedOrder, PlanReason

router = APIRouter(prefix="/api/v1/why", route_class=Door, tags=["why"])
COUNT_HOURS_MAX = 24
ROWS_MAX = 200
INSTANT = timedelta(microseconds=1)
At = Annotated[Instant, Query(description="an instant at which it was so")]


@dataclass(frozen=True, slots=True)
class WhySpan:
    """A state, what the machine's tags said in it and just before, and what people said of its line meanwhile."""

    span: SpanLine
    heard: list[SampleLine]
    said: list[EntryLine]


@dataclass(frozen=True, slots=True)
class WhyStop:
    """A stop, the states it is made of, the stop it began with elsewhere, and what people said of it."""

    stop: StopLine
    spans: list[SpanLine]
    root: StopLine | None
    said: list[EntryLine]


@dataclass(frozen=True, slots=True)
class WhyCount:
    """What a station counted in a stretch: by minute and job, from which samples, entries and job marks."""

    good: int
    reject: int
    minutes: list[MinuteLine]
    jobs: list[JobStretch]
    heard: list[SampleLine]
    said: list[EntryLine]


@dataclass(frozen=True, slots=True)
class WhyShortage:
    """A shortage, and what lies where of its item. What needs it and what is to come stands in the shortage."""

    shortage: ShortageLine
    balances: list[Balance]


@dataclass(frozen=True, slots=True)
class WhyOrder:
    """An order, how the published plan has it, why late or short, and what would mend it."""

    order: OrderProgress
    planned: PlannedOrder | None
    reasons: list[PlanReason]


@router.get("/span/{machine:code}", **needs("tracking:read"))
def get_why_span(machine: Annotated[Code, Path()], call: Calling, at: At) -> WhySpan:
    """Why a machine (or counting station) was in the state it was in."""
    line = _line_of(call, machine)
    span = next(iter(_spans(call, [machine], at, at + INSTANT)), None)
    if span is None:
        raise NotFoundError(f"Nothing is booked of {machine} at {at.isoformat()}")
    until = span.to_at or call.at
    said = _said(call, line, span.from_at, until, code=machine)
    return WhySpan(span, _heard(call, [machine], span.from_at, until), said)


@router.get("/stop/{scope:code}", **needs("tracking:read"))
def get_why_stop(scope: Annotated[Code, Path()], call: Calling, at: At) -> WhyStop:
    """Why a machine, station or line stood still."""
    line = scope if scope in call.plant().lines else _line_of(call, scope)
    call.require_line(line, scope)
    stop = _stop(call, scope, at)
    if stop is None:
        raise NotFoundError(f"{scope} did not stand still at {at.isoformat()}")
    until = stop.to_at or call.at
    machines = [stop.machine or scope] if scope != line else _machines_of(call, line)
    root = _root(call, stop) if stop.root_machine not in {"", scope} else None
    said = _said(call, line, stop.from_at, until, code="" if scope == line else scope)
    return WhyStop(stop, _spans(call, machines, stop.from_at, until), root, said)


@router.get("/count/{station:code}", **needs("tracking:read"))
def get_why_count(
    station: Annotated[Code, Path()],
    call: Calling,
    *,
    from_at: Annotated[Instant, Query(alias="from")],
    to_at: Annotated[Instant, Query(alias="to")],
) -> WhyCount:
    """Why a station has counted what it has, in whole minutes of at most a day."""
    if not timedelta(0) < to_at - from_at <= timedelta(hours=COUNT_HOURS_MAX):
        fault = Fault("query/to", "length", f"lies after from, at most {COUNT_HOURS_MAX} hours")
        raise InputError("That stretch cannot be shown", faults=(fault,))
    line = _line_of(call, station)
    known = call.plant().stations.get(station)
    minutes = api_why.list_minutes(call.conn, station, from_at, to_at)
    return WhyCount(
        good=sum(row.good for row in minutes),
        reject=sum(row.reject for row in minutes),
        minutes=minutes,
        jobs=api_why.list_job_stretches(call.conn, station, from_at, to_at),
        heard=_heard(call, [known.machine] if known and known.machine else [station], from_at, to_at),
        said=_said(call, line, from_at, to_at, code=station),
    )


@router.get("/shortage/{shortage_id}", **needs("material:read"))
def get_why_shortage(shortage_id: Annotated[Id, Path()], call: Calling) -> WhyShortage:
    """Why something is short: what is there, what needs it by when, what is to come."""
    found = api_material.list_shortages(call.conn, item=None, states=None, after=shortage_id - 1, limit=1)
    if not found or found[0].id != shortage_id:
        raise NotFoundError(f"There is no shortage {shortage_id}")
    balances = api_material.list_balances(
        call.conn, location=None, item=found[0].item, hidden=hidden_places(call), after=None, limit=ROWS_MAX
    )
    return WhyShortage(found[0], balances)


@router.get("/order/{system:code}/{number:code}", **needs("orders:read"))
def get_why_order(system: Annotated[SystemCode, Path()], number: Annotated[Code, Path()], call: Calling) -> WhyOrder:
    """Why an order is done when it is: what the plan waits for, what the floor is behind, what would help."""
    kept = orders.load_order(call.conn, system, number)
    if kept is None:
        raise NotFoundError(f"There is no order {system}/{number}")
    planned = api_why.find_planned(call.conn, kept.id)
    reasons = [] if planned is None else api_why.list_plan_reasons(call.conn, planned.plan_id, kept.id)
    return WhyOrder(api_orders.progress_of(call.conn, [kept])[0], planned, reasons)


# ------------------------------------------------------------------ the rows beneath
def _line_of(call: Call, code: str) -> str:
    """The line of a machine or station the caller sees. Raises NotFoundError."""
    plant = call.plant()
    place = plant.machines.get(code) or plant.stations.get(code)
    if place is None:
        raise NotFoundError(f"There is no {code}")
    call.require_line(place.line, code)
    return place.line


def _machines_of(call: Call, line: str) -> list[str]:
    plant = call.plant()
    return [machine.code for machine in plant.machines_of(line)] or [s.code for s in plant.stations_of(line)]


def _spans(call: Call, machines: list[str], from_at: datetime, to_at: datetime) -> list[SpanLine]:
    return api_tracking.list_spans(
        call.conn, machines=machines, from_at=from_at, to_at=to_at, after=None, limit=ROWS_MAX
    )


def _stop(call: Call, scope: str, at: datetime) -> StopLine | None:
    found = api_tracking.list_stops(
        call.conn, scope=scope, line=None, lines=call.lines, from_at=at, to_at=at + INSTANT, after=None, limit=1
    )
    return next(iter(found), None)


def _root(call: Call, stop: StopLine) -> StopLine | None:
    """The stop of its root that it came from: it lasted as this one began, or was over shortly before."""
    found = api_tracking.list_stops(
        call.conn, scope=stop.root_machine, line=None, lines=call.lines, after=None, limit=ROWS_MAX,
        from_at=stop.from_at - timedelta(microseconds=BUBBLE_US), to_at=stop.from_at + INSTANT,
    )  # fmt: skip
    return found[-1] if found else None


def _heard(call: Call, machines: list[str], from_at: datetime, to_at: datetime) -> list[SampleLine]:
    addresses = [tag.address for tag in call.plant().tag if tag.machine in machines and not tag.is_value]
    return api_why.heard_around(call.conn, addresses, from_at, to_at)


def _said(call: Call, line: str, from_at: datetime, to_at: datetime, *, code: str) -> list[EntryLine]:
    """What people said of a place (or its whole line) in a stretch; `code` empty: of anything on the line."""
    entries = api_floor.list_entries(
        call.conn,
        line=line,
        station=None,
        lines=call.lines,
        from_at=from_at,
        to_at=to_at + INSTANT,
        after=None,
        limit=ROWS_MAX,
    )
    return [e for e in entries if code in {"", e.station, e.machine} or not (e.station or e.machine)]
