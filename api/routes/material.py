"""Material: stock and receipts put by other systems, movements and call-offs of people, balances and shortages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Path, Query, Response

from api.deps import Call, Calling, Door
from api.routes.floor import Heard
from api.security.guard import needs
from api.wire import Cursor, Id, Limit, Page, accepted, cursor_key, own_key, page_of
from mes.actions import material as actions
from mes.domain.fields import Code, Number, SystemCode
from mes.domain.material.documents import (
    AnswerDocument,
    CallOffDocument,
    DeliveryDocument,
    ExpectedReceipt,
    Movement,
    StockStatement,
)
from mes.domain.plant import Plant
from mes.errors import NotFoundError
from mes.store import material as store
from mes.store.material import CallOff
from mes.store.screens import api_material
from mes.store.screens.api_material import Balance, ShortageLine

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["material"])


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement was taken in; `changed` false: it was known."""

    location: str
    as_of: str
    changed: bool


# ------------------------------------------------------------------ documents of other systems
@router.put("/stock/{location:code}", status_code=201, **needs("stock:write"))
def put_stock(location: Annotated[Code, Path()], body: StockStatement, call: Calling, response: Response) -> Stated:
    """State what lies at a location. It speaks only of the items it lists."""
    statement = replace(body, location=own_key("location", body.location, location))
    done = actions.state_stock(call.conn, call.deed, statement, call.plant())
    accepted(response, done)
    return Stated(location, statement.as_of.isoformat(), done.changed)


@router.put("/expected-receipts/{system:code}/{number:code}/{line_no}", status_code=201, **needs("receipts:write"))
def put_expected_receipt(
    system: Annotated[SystemCode, Path()],
    number: Annotated[Code, Path()],
    line_no: Annotated[Number, Path()],
    *,
    body: ExpectedReceipt,
    call: Calling,
    response: Response,
) -> ExpectedReceipt:
    """Announce goods on their way, or what changed about them; quantity 0: no longer."""
    own_key("system", body.system, system)
    own_key("number", body.number, number)
    own_key("line_no", str(body.line_no) if body.line_no else "", str(line_no))
    accepted(
        response,
        actions.accept_receipt(call.conn, call.deed, replace(body, system=system, number=number, line_no=line_no)),
    )
    kept = store.load_receipt(call.conn, system, number, line_no)
    assert kept is not None
    return kept.receipt


@router.get("/expected-receipts", **needs("material:read"))
def list_expected_receipts(
    call: Calling,
    item: Annotated[str | None, Query(description="only of this item")] = None,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> Page[ExpectedReceipt]:
    """Goods on their way, by number."""
    key = cursor_key(cursor, str, str, int)
    rows = api_material.list_receipts(call.conn, item=item, after=key, limit=limit + 1)
    return page_of(rows, limit, lambda row: (row.system, row.number, row.line_no))


# ------------------------------------------------------------------ people
@router.post("/movements", status_code=201, **needs("movements:write"))
def post_movement(body: Movement, call: Calling) -> Heard:
    """Material was moved or counted."""
    plant = call.plant()
    _require_places(call, plant, body.from_location, body.to_location)
    done = actions.move(call.conn, call.deed, body, plant, client_id=body.client_id or uuid4())
    return Heard(done.id, done.repeated)


@router.post("/call-offs", status_code=201, **needs("call_offs:write"))
def post_call_off(body: CallOffDocument, call: Calling) -> Heard:
    """叫料: the line asks for material the plant has."""
    call.require_line(body.line, f"line {body.line}")
    done = actions.call_off(call.conn, call.deed, body, call.plant(), client_id=body.client_id or uuid4())
    return Heard(done.id, done.repeated)


@router.get("/call-offs", **needs("material:read"))
def list_call_offs(
    call: Calling,
    *,
    line: Annotated[str | None, Query(description="only of this line")] = None,
    is_open: Annotated[bool | None, Query(alias="open", description="only open ones (true) or closed ones")] = None,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> Page[CallOff]:
    """Call-offs, oldest first."""
    key = cursor_key(cursor, int)
    rows = api_material.list_call_offs(
        call.conn,
        line=line,
        lines=call.lines,
        is_open=is_open,
        after=None if key is None else key[0],
        limit=limit + 1,
    )
    return page_of(rows, limit, lambda row: (row.id,))


@router.post("/call-offs/{call_off_id}/deliver", status_code=201, **needs("call_offs:deliver"))
def deliver_call_off(call_off_id: Annotated[Id, Path()], body: DeliveryDocument, call: Calling) -> Heard:
    """It was brought: the call-off closes and the material moves to the line."""
    found = store.find_call_off(call.conn, call_off_id=call_off_id)
    if found is None:
        raise NotFoundError(f"There is no call-off {call_off_id}")
    call.require_line(found.line, f"call-off {call_off_id}")
    done = actions.deliver(
        call.conn, call.deed, call_off_id, body, plant=call.plant(), client_id=body.client_id or uuid4()
    )
    return Heard(done.id, done.repeated)


def _require_places(call: Call, plant: Plant, *locations: str) -> None:
    """Somebody bound to lines moves material to or from their line-side stock, and not another line's."""
    if call.lines is None:
        return
    line_of = {line.location: line.code for line in plant.line if line.location}
    beside = [code for code in locations if code in line_of]
    if not beside or not all(call.sees(line_of[code]) for code in beside):
        raise NotFoundError(f"There is no location {next((c for c in locations if c), '')}")


def hidden_places(call: Call) -> set[str]:
    """The line-side stock of lines the caller does not see."""
    if call.lines is None:
        return set()
    return {line.location for line in call.plant().line if line.location and not call.sees(line.code)}


# ------------------------------------------------------------------ what there is, and what will be missing
@router.get("/balances", **needs("material:read"))
def list_balances(
    call: Calling,
    *,
    location: Annotated[str | None, Query(description="only there")] = None,
    item: Annotated[str | None, Query(description="only of this item")] = None,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> Page[Balance]:
    """What lies where by statement, count, movement and use. Items never stated are not monitored and not here."""
    key = cursor_key(cursor, str, str)
    rows = api_material.list_balances(
        call.conn, location=location, item=item, hidden=hidden_places(call), after=key, limit=limit + 1
    )
    return page_of(rows, limit, lambda row: (row.location, row.item))


@router.get("/shortages", **needs("material:read"))
def list_shortages(
    call: Calling,
    *,
    item: Annotated[str | None, Query(description="only of this item")] = None,
    state: Annotated[str | None, Query(description="only in this state; several with commas")] = None,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> Page[ShortageLine]:
    """What plant stock and receipts do not cover, oldest first; closed ones too unless another state is asked for."""
    key = cursor_key(cursor, int)
    rows = api_material.list_shortages(
        call.conn,
        item=item,
        states=state.split(",") if state else None,
        after=None if key is None else key[0],
        limit=limit + 1,
    )
    return page_of(rows, limit, lambda row: (row.id,))


@router.post("/shortages/{shortage_id}/answer", status_code=201, **needs("shortages:answer"))
def answer_shortage(shortage_id: Annotated[Id, Path()], body: AnswerDocument, call: Calling) -> Heard:
    """Say what is done about a shortage."""
    done = actions.answer_shortage(call.conn, call.deed, shortage_id, body, client_id=body.client_id or uuid4())
    return Heard(done.id, done.repeated)
