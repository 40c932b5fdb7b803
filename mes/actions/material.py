"""What may be done with material: state, expect, move, count, call off, bring, answer a shortage."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from mes.actions.access import require_system
from mes.actions.product import Accepted, refuse
from mes.actions.record import Deed, Touch, record
from mes.domain.floor import time_fault
from mes.domain.material.documents import (
    AnswerDocument,
    CallOffDocument,
    DeliveryDocument,
    ExpectedReceipt,
    Movement,
    StockStatement,
)
from mes.domain.plant import Plant
from mes.domain.product import in_base
from mes.domain.sample import FUTURE_MAX
from mes.errors import ConflictError, Fault, NotFoundError
from mes.store import material as store
from mes.store.exchange import read_through
from mes.store.house import hold_name
from mes.store.pool import Connection
from mes.store.product import load_units


@dataclass(frozen=True, slots=True)
class Done:
    """The id of what was said, and whether it was said before."""

    id: int
    repeated: bool


# ------------------------------------------------------------------ documents of other systems
def state_stock(conn: Connection, deed: Deed, statement: StockStatement, plant: Plant) -> Accepted:
    """Take in what a system says lies at a location.

    Raises NotFoundError for the location, InputError naming each field, ConflictError for one older than the newest,
    or one that says otherwise of the same instant.
    """
    location = statement.location
    _require_location(plant, location)
    hold_name(conn, "stock", location)
    rows = _statement_rows(conn, deed, statement)
    _check_age(conn, statement)
    known = {(row.item, row.lot): row for row in store.list_statement(conn, location, statement.as_of)}
    fresh = [row for row in rows if (row.item, row.lot) not in known]
    otherwise = tuple(
        Fault(f"/lines/{index}", "stated", f"{row.item} at this instant was stated otherwise")
        for index, row in enumerate(rows)
        if known.get((row.item, row.lot), row) != row
    )
    if otherwise:
        raise ConflictError(
            f"Stock of {location} at this instant was stated otherwise",
            remedy="State it anew with a later as_of.",
            faults=otherwise,
        )
    version = f"{location}@{statement.as_of.isoformat()}"
    if not fresh:
        return Accepted(version, created=False, changed=False)
    through = statement.applied_through
    if through is None and deed.system:
        through = read_through(conn, reader=deed.by, by=statement.as_of)
    store.insert_statement(
        conn,
        fresh,
        location=location,
        kind="erp",
        as_of=statement.as_of,
        applied_through=through,
        stated_by=deed.by,
        accepted_at=deed.at,
    )
    record(
        conn,
        deed,
        action="stock.state",
        subject=f"stock/{location}",
        detail={"as_of": statement.as_of, "applied_through": through, "lines": [asdict(row) for row in fresh]},
        touches=[Touch("item", sorted({row.item for row in fresh}), "stock stated")],
        rooms=("material",),
    )
    return Accepted(version, created=not known, changed=True)


def _statement_rows(conn: Connection, deed: Deed, statement: StockStatement) -> list[store.StatementRow]:
    units = load_units(conn, [line.item for line in statement.lines])
    faults = list(statement.faults())
    rows: list[store.StatementRow] = []
    if statement.as_of > deed.at + FUTURE_MAX:
        faults.append(Fault("/as_of", "future", "lies in the future"))
    for index, line in enumerate(statement.lines):
        on_hand, fault = in_base(units, line.item, line.on_hand, line.unit, f"/lines/{index}")
        reserved, _ = in_base(units, line.item, line.reserved, line.unit, f"/lines/{index}")
        if fault:
            faults.append(fault)
        rows.append(store.StatementRow(line.item, line.lot, on_hand, reserved))
    refuse(f"The stock of {statement.location}", faults)
    return rows


def _check_age(conn: Connection, statement: StockStatement) -> None:
    newest = store.newest_statement(conn, statement.location)
    if newest is not None and statement.as_of < newest:
        raise ConflictError(
            f"Stock of {statement.location} was stated for a later instant already",
            faults=(Fault("/as_of", "older", f"lies before {newest.isoformat()}"),),
            facts={"as_of": newest},
            code="older",
        )


def accept_receipt(conn: Connection, deed: Deed, receipt: ExpectedReceipt) -> Accepted:
    """Take in goods on their way, or what changed about them. The same document again changes nothing."""
    require_system(deed, receipt.system)
    hold_name(conn, "receipt", receipt.system, receipt.number, str(receipt.line_no))
    units = load_units(conn, [receipt.item])
    base, fault = in_base(units, receipt.item, receipt.quantity, receipt.unit, "")
    refuse(f"Expected receipt {receipt.subject}", [fault] if fault else [])
    receipt = replace(receipt, quantity=base, unit=units[receipt.item].base)
    kept = store.load_receipt(conn, receipt.system, receipt.number, receipt.line_no)
    if kept is not None and kept.receipt == receipt:
        return Accepted(str(kept.version), created=False, changed=False)
    version = store.save_receipt(conn, receipt, at=deed.at)
    items = sorted({receipt.item, *([kept.receipt.item] if kept else [])})
    record(
        conn,
        deed,
        action="receipt.accept",
        subject=f"receipt/{receipt.subject}",
        detail={"version": version, "receipt": asdict(receipt)},
        touches=[Touch("item", items, "receipt changed" if kept else "receipt expected")],
        rooms=("material",),
    )
    return Accepted(str(version), created=kept is None, changed=True)


# ------------------------------------------------------------------ movements of people
def move(conn: Connection, deed: Deed, movement: Movement, plant: Plant, *, client_id: UUID) -> Done:
    """Note that somebody moved or counted material. Said twice under one client id, it is heard once.

    Raises InputError naming each field, ConflictError when the client id said something else.
    """
    at = movement.at or deed.at
    quantity = _checked(conn, deed, movement, plant, at)
    if movement.kind == "count":
        return _count(conn, deed, movement, at=at, quantity=quantity)
    row = store.MovementRow(
        client_id=client_id,
        kind=movement.kind,
        item=movement.item,
        lot=movement.lot,
        from_location=movement.from_location or None,
        to_location=movement.to_location or None,
        quantity=quantity,
        at=at,
        job_id=movement.job_id,
        call_off_id=None,
        note=movement.note,
    )
    return _moved(conn, deed, row, timed=movement.at is not None)


def _moved(conn: Connection, deed: Deed, row: store.MovementRow, *, timed: bool) -> Done:
    known = store.insert_movement(conn, row, timed=timed, entered_at=deed.at, entered_by=deed.by)
    if known is None:
        return Done(store.find_movement(conn, row.client_id) or 0, repeated=True)
    record(
        conn,
        deed,
        action="material.move",
        subject=f"movement/{known}",
        detail=asdict(row) | {"client_id": str(row.client_id)},
        touches=[Touch("item", (row.item,), "moved")],
        rooms=("material",),
    )
    return Done(known, repeated=False)


def _checked(conn: Connection, deed: Deed, movement: Movement, plant: Plant, at: datetime) -> Decimal:
    """A movement's quantity in the base unit, once everything about it is in order."""
    units = load_units(conn, [movement.item])
    faults = list(movement.faults())
    places = {place.code for place in plant.location}
    for key, code in (("from_location", movement.from_location), ("to_location", movement.to_location)):
        if code and code not in places:
            faults.append(Fault(f"/{key}", "unknown", f"there is no location {code}"))
    if fault := time_fault(at, deed.at, "/at"):
        faults.append(fault)
    unit = movement.unit or (units[movement.item].base if movement.item in units else "")
    quantity, fault = in_base(units, movement.item, movement.quantity, unit, "")
    refuse("This movement", [*faults, *([fault] if fault else [])])
    return quantity


def _count(conn: Connection, deed: Deed, movement: Movement, *, at: datetime, quantity: Decimal) -> Done:
    row = store.StatementRow(movement.item, movement.lot, quantity, Decimal(0))
    store.insert_statement(
        conn,
        [row],
        location=movement.to_location,
        kind="count",
        as_of=at,
        applied_through=None,
        stated_by=deed.by,
        accepted_at=deed.at,
    )
    record(
        conn,
        deed,
        action="material.count",
        subject=f"stock/{movement.to_location}",
        detail=asdict(row) | {"at": at, "note": movement.note},
        touches=[Touch("item", (movement.item,), "counted")],
        rooms=("material",),
    )
    return Done(0, repeated=False)


# ------------------------------------------------------------------ call-offs
def call_off(conn: Connection, deed: Deed, call: CallOffDocument, plant: Plant, *, client_id: UUID) -> Done:
    """Ask for material at a line. While one for the item at that place is open, that one stands.

    Raises InputError naming each field.
    """
    line = plant.lines.get(call.line)
    units = load_units(conn, [call.item])
    faults = [] if line else [Fault("/line", "unknown", f"there is no line {call.line}")]
    location = call.location or (line.location if line else "")
    if location not in {place.code for place in plant.location}:
        faults.append(Fault("/location", "unknown", f"there is no location {location or 'at this line'}"))
    unit = call.unit or (units[call.item].base if call.item in units else "")
    quantity, fault = in_base(units, call.item, call.quantity, unit, "")
    refuse("This call-off", [*faults, *([fault] if fault else [])])
    opened = store.insert_call_off(
        conn,
        client_id=client_id,
        line=call.line,
        location=location,
        item=call.item,
        quantity=quantity,
        needed_at=call.needed_at or deed.at,
        called_at=deed.at,
        called_by=deed.by,
    )
    if opened is None:
        known = store.find_call_off(conn, client_id=client_id) or store.open_call_off(conn, location, call.item)
        if known is None:
            raise ConflictError("Somebody delivered this at this moment; look again")
        return Done(known.id, repeated=True)
    record(
        conn,
        deed,
        action="call_off.open",
        subject=f"call_off/{opened}",
        detail={"line": call.line, "location": location, "item": call.item, "quantity": quantity},
        rooms=("material",),
    )
    return Done(opened, repeated=False)


def deliver(
    conn: Connection, deed: Deed, call_off_id: int, delivery: DeliveryDocument, *, plant: Plant, client_id: UUID
) -> Done:
    """Bring what a line called for: the call-off closes, the material moves. The id is the movement's.

    Raises NotFoundError, ConflictError when it is closed already, InputError naming each field.
    """
    call = store.find_call_off(conn, call_off_id=call_off_id)
    if call is None:
        raise NotFoundError(f"There is no call-off {call_off_id}")
    source = delivery.from_location or next((p.code for p in plant.location if p.kind == "store"), "")
    movement = Movement(
        kind="transfer",
        item=call.item,
        quantity=delivery.quantity or call.quantity,
        from_location=source,
        to_location=call.location,
        lot=delivery.lot,
        at=delivery.at,
    )
    at = movement.at or deed.at
    _checked(conn, deed, movement, plant, at)
    row = store.MovementRow(
        client_id=client_id,
        kind="transfer",
        item=call.item,
        lot=delivery.lot,
        from_location=source,
        to_location=call.location,
        quantity=movement.quantity,
        at=at,
        job_id=None,
        call_off_id=call.id,
        note="",
    )
    if not call.is_open:
        return _brought_before(conn, call, client_id)
    done = _moved(conn, deed, row, timed=delivery.at is not None)
    store.close_call_off(conn, call.id, at=at, by=deed.by, quantity=movement.quantity)
    detail = {"quantity": movement.quantity, "from_location": source, "to_location": call.location}
    record(conn, deed, action="call_off.deliver", subject=f"call_off/{call.id}", detail=detail, rooms=("material",))
    return done


def _brought_before(conn: Connection, call: store.CallOff, client_id: UUID) -> Done:
    """The same delivery said again is heard once; another one finds the call-off closed."""
    known = store.find_movement(conn, client_id)
    if known is not None:
        return Done(known, repeated=True)
    raise ConflictError(
        f"Call-off {call.id} was {'delivered' if call.delivered_at else 'cancelled'} already",
        facts={"delivered_at": call.delivered_at, "delivered_by": call.delivered_by},
        code="closed",
    )


def cancel_call_off(conn: Connection, deed: Deed, call_off_id: int, why: str) -> bool:
    """Take back a call-off that is not needed any more; False when it is not open."""
    if not store.cancel_call_off(conn, call_off_id, at=deed.at, why=why):
        return False
    detail = {"why": why}
    record(conn, deed, action="call_off.cancel", subject=f"call_off/{call_off_id}", detail=detail, rooms=("material",))
    return True


# ------------------------------------------------------------------ shortages
def answer_shortage(conn: Connection, deed: Deed, shortage_id: int, answer: AnswerDocument, *, client_id: UUID) -> Done:
    """Answer a shortage: it is acknowledged from now on. Raises NotFoundError, ConflictError once it is closed."""
    found = store.shortage_item(conn, shortage_id)
    if found is None:
        raise NotFoundError(f"There is no shortage {shortage_id}")
    item, closed_at = found
    if closed_at is not None:
        raise ConflictError(f"Shortage {shortage_id} is closed", facts={"closed_at": closed_at}, code="closed")
    row = {
        "client_id": client_id,
        "shortage_id": shortage_id,
        "at": deed.at,
        "by": deed.system or deed.by,
        "answer": answer.answer,
        "ref": answer.ref or None,
        "quantity": answer.quantity,
        "expected_at": answer.expected_at,
    }
    answer_id = store.insert_answer(conn, row)
    if answer_id is None:
        return Done(0, repeated=True)
    record(
        conn,
        deed,
        action="shortage.answer",
        subject=f"shortage/{shortage_id}",
        detail=row | {"client_id": str(client_id)},
        touches=[Touch("item", (item,), "shortage answered")],
        rooms=("material",),
    )
    return Done(answer_id, repeated=False)


def _require_location(plant: Plant, location: str) -> None:
    if location not in {place.code for place in plant.location}:
        raise NotFoundError(
            f"There is no location {location} in the plant model", remedy="Add it to the plant file and apply it."
        )
