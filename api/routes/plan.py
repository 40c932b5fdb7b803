"""Plans: ask for one and wait for it, look at it, compare, publish, lay aside; the published lines."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge, Gt, Le
from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import Discriminator
from starlette.concurrency import run_in_threadpool

from api.deps import Calling, Door, House, Visiting
from api.security.guard import needs
from api.wire import Cursor, Id, Limit, Page, cursor_key, etag, instant_of, page_of
from mes import clock
from mes.actions import plan as actions
from mes.domain.fields import ClientId, Count, Instant
from mes.domain.plan import Change, PlanBody, RunKind
from mes.domain.plan_diff import PlanDiff, diff
from mes.errors import Fault, InputError, NotFoundError
from mes.store.plan import PlanRun, load_run, published_id
from mes.store.planned import PlanHead, list_plans, load_body, load_head
from mes.store.screens import api_plans
from mes.store.screens.api_plans import PlanLine

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["plan"])
PlanId = Annotated[Id, Path()]
WAIT_S_MAX = 30.0
LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class RunDocument:
    """A wish for a plan: the base plan and what is changed about it (nothing: plan anew)."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    kind: RunKind
    base_plan_id: Count | None = None
    changes: tuple[Annotated[Change, Discriminator("op")], ...] = ()
    time_limit_s: Annotated[float, Gt(0), Le(600)] | None = None
    client_id: ClientId | None = None


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """A plan whole."""

    head: PlanHead
    body: PlanBody


@dataclass(frozen=True, slots=True)
class Published:
    """A plan was published under this number."""

    plan_id: int
    version: int


# ------------------------------------------------------------------ runs
@router.post("/plan-runs", status_code=202, **needs("plans:run"))
def post_plan_run(body: RunDocument, call: Calling, response: Response) -> PlanRun:
    """Ask for a plan. It is answered by the run's own address."""
    run_id = actions.request_run(
        call.conn,
        call.deed,
        kind=body.kind,
        base_plan_id=body.base_plan_id,
        changes=body.changes,
        time_limit_s=body.time_limit_s,
        client_id=body.client_id,
    )
    response.headers["Location"] = f"/api/v1/plan-runs/{run_id}"
    run = load_run(call.conn, run_id)
    assert run is not None
    return run


@router.get("/plan-runs/{run_id}", **needs("plans:read", holds="nothing"))
async def get_plan_run(
    run_id: Annotated[Id, Path()],
    visit: Visiting,
    wait: Annotated[float, Ge(0), Le(WAIT_S_MAX), Query(description="seconds to wait for its end")] = 0.0,
) -> PlanRun:
    """A run as it stands, or once it has ended."""
    until = clock.mono() + wait
    while True:
        async with visit.house.place():
            run = await run_in_threadpool(_run, visit.house, run_id)
        if run.state not in ("waiting", "running") or clock.mono() >= until:
            return run
        await asyncio.sleep(LOOK_EVERY_S)


def _run(house: House, run_id: int) -> PlanRun:
    with house.snapshot() as conn:
        run = load_run(conn, run_id)
    if run is None:
        raise NotFoundError(f"There is no plan run {run_id}")
    return run


# ------------------------------------------------------------------ plans
@router.get("/plans", **needs("plans:read"))
def get_plans(call: Calling, cursor: Cursor = None, limit: Limit = 50) -> Page[PlanHead]:
    """Plans, newest first."""
    key = cursor_key(cursor, int)
    heads = list_plans(call.conn, before_id=None if key is None else key[0], limit=limit + 1)
    return page_of(heads, limit, lambda head: (head.id,))


@router.get("/plans/current", **needs("plans:read"))
def get_current_plan(call: Calling, response: Response) -> PlanDocument:
    """The published plan; its ETag is what publishing another one names in If-Match."""
    current = published_id(call.conn)
    if current is None:
        raise NotFoundError("No plan is published yet")
    return _plan(call, current, response)


@router.get("/plans/{plan_id}", **needs("plans:read"))
def get_plan(plan_id: PlanId, call: Calling, response: Response) -> PlanDocument:
    """One plan whole."""
    return _plan(call, plan_id, response)


def _plan(call: Calling, plan_id: int, response: Response) -> PlanDocument:
    head, body = load_head(call.conn, plan_id), _body(call, plan_id)
    if head is None:
        raise NotFoundError(f"There is no plan {plan_id}")
    response.headers["ETag"] = etag(plan_id)
    return PlanDocument(head, body)


def _body(call: Calling, plan_id: int) -> PlanBody:
    """A plan, as far as the caller sees its lines."""
    body = load_body(call.conn, plan_id)
    if body is None:
        raise NotFoundError(f"There is no plan {plan_id}")
    if call.lines is None:
        return body
    lots = tuple(lot for lot in body.lots if call.sees(lot.line))
    return replace(body, lots=lots, lines=tuple(line for line in body.lines if call.sees(line.line)))


@router.get("/plans/{before}/diff/{after}", **needs("plans:read"))
def get_plan_diff(before: PlanId, after: PlanId, call: Calling) -> PlanDiff:
    """What changes from one plan to another, by order, line and day."""
    return diff(_body(call, before), _body(call, after))


@router.post("/plans/{plan_id}/publish", **needs("plans:publish"))
def publish_plan(
    plan_id: PlanId, call: Calling, response: Response, if_match: Annotated[str | None, Header(alias="If-Match")] = None
) -> Published:
    """Make a plan the published one. If-Match names the one published now (absent: none is); else 409 with the diff."""
    try:
        version = actions.publish(call.conn, call.deed, plan_id, _expected(if_match))
    except actions.PlanOvertakenError as error:
        error.facts |= {"current": error.current, "diff": error.diff}
        raise
    response.headers["ETag"] = etag(plan_id)
    return Published(plan_id, version)


def _expected(if_match: str | None) -> int | None:
    text = (if_match or "").strip().removeprefix("W/").strip('"')
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise InputError("If-Match names a plan", faults=(Fault("header/If-Match", "plan", 'is like "17"'),))
    return int(text)


@router.post("/plans/{plan_id}/discard", status_code=204, **needs("plans:publish"))
def discard_plan(plan_id: PlanId, call: Calling) -> None:
    """Lay a proposal aside."""
    actions.discard(call.conn, call.deed, plan_id)


# ------------------------------------------------------------------ what the lines are to make
@router.get("/plan-lines", **needs("plans:read"))
def list_plan_lines(
    call: Calling,
    *,
    line: Annotated[str | None, Query(description="only of this line")] = None,
    from_at: Annotated[Instant | None, Query(alias="from", description="ending after")] = None,
    to_at: Annotated[Instant | None, Query(alias="to", description="starting before")] = None,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> Page[PlanLine]:
    """What the published plan wants of each line, by start."""
    key = cursor_key(cursor, str, int)
    rows = api_plans.list_plan_lines(
        call.conn,
        line=line,
        lines=call.lines,
        from_at=from_at,
        to_at=to_at,
        after=None if key is None else (instant_of(key[0]), key[1]),
        limit=limit + 1,
    )
    return page_of(rows, limit, lambda row: (row.start_at, row.id))
