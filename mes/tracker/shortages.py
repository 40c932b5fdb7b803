"""Shortages and call-offs: what is missing now against what stands, and the difference written and told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from mes.actions.material import call_off, cancel_call_off
from mes.actions.record import Deed, record
from mes.domain.calendar import instant, micros
from mes.domain.exchange import Event, EventType
from mes.domain.material.documents import CallOffDocument
from mes.domain.material.shortage import Flow, Lack, Receipt, advance, is_as_told, lack
from mes.domain.plant import Line, Plant
from mes.store.material import open_call_off
from mes.store.outlook import Announced, Balance, item_units, load_announced, load_balances
from mes.store.pool import Connection
from mes.store.shortage import (
    Finding,
    Shortage,
    change_shortage,
    close_shortage,
    closing_cause,
    load_open,
    open_shortage,
)
from mes.tracker.outlook import Outlook, needs

NEEDED_BY_MOVED_MIN = timedelta(minutes=15)
NEEDED_BY_MOVED_SHARE_MIN = 0.1
"""A shortage whose time moved less than both, of the time to go, is not told again because of it."""
CALL_FOR_US = 4 * 3600 * 1_000_000
"""A call-off asks for what the line needs in this much of planned running."""


def react_shortages(conn: Connection, deed: Deed, outlook: Outlook, items: Collection[str] | None) -> None:
    """Write what changed about shortages and call-offs of items (None: of all that the plan uses or that are short)."""
    used = {use.item for order in outlook.orders.values() for use in order.recipe.uses}
    standing = load_open(conn)
    wanted = sorted((used | set(standing)) if items is None else (set(items) & (used | set(standing))))
    if not wanted:
        return
    balances = load_balances(conn, wanted)
    monitored = {balance.item for balance in balances}
    announced = load_announced(conn, wanted)
    units = item_units(conn, wanted)
    need = needs(outlook, [item for item in wanted if item in monitored], wanted=True)
    for item in wanted:
        if item in monitored:
            on_hand = _in_plant(outlook.plant, balances, item)
            coming = [one for one in announced if one.item == item]
            _Item(conn, deed, outlook, item, units.get(item, "")).react(
                standing.get(item), on_hand, coming, need.get(item, [])
            )
        elif item in standing:
            _close(conn, deed, standing[item], units.get(item, ""), "not_monitored")
    _react_calls(conn, deed, outlook, balances, units)


def _in_plant(plant: Plant, balances: Iterable[Balance], item: str) -> Decimal:
    """What lies in the plant and may be used."""
    barred = {place.code for place in plant.location if place.kind == "quarantine"}
    return sum((b.quantity for b in balances if b.item == item and b.location not in barred), Decimal(0))


class _Item:
    """One item: what is missing of it, and what stands."""

    def __init__(self, conn: Connection, deed: Deed, outlook: Outlook, item: str, unit: str) -> None:
        self.conn, self.deed, self.outlook, self.item, self.unit = conn, deed, outlook, item, unit

    def react(
        self, standing: Shortage | None, on_hand: Decimal, coming: Sequence[Announced], flows: Sequence[Flow]
    ) -> None:
        receipts = [Receipt(one.ref, one.quantity, one.at) for one in coming]
        short = lack(on_hand, receipts, flows, self.outlook.now)
        if short:
            found = self._finding(short, on_hand, coming, standing)
            if standing is None:
                self._open(found)
            elif _is_news(standing, found, self.deed.at):
                self._change(standing, found)
        elif standing is not None:
            without = lack(on_hand, [], flows, self.outlook.now) if receipts else None
            if without is None:
                cause = closing_cause(self.conn, self.item, since=standing.opened_at)
                _close(self.conn, self.deed, standing, self.unit, cause)
            elif standing.covered_by is None:
                found = self._finding(without, on_hand, coming, standing)
                self._change(standing, replace(found, covered_by=coming[0].ref, covered_at=instant(coming[0].at)))

    def _finding(
        self, short: Lack, on_hand: Decimal, coming: Sequence[Announced], standing: Shortage | None
    ) -> Finding:
        needed_by = instant(short.needed_by)
        confirmed_at = None
        if standing and standing.covered_by is None:
            if short.needed_by <= self.outlook.now + 60_000_000:
                needed_by = min(needed_by, standing.needed_by)
            confirmed_at = standing.confirmed_at or (self.deed.at if standing.needed_by <= self.deed.at else None)
        return Finding(
            short_quantity=short.quantity,
            needed_by=needed_by,
            on_hand=on_hand,
            line=short.line,
            orders=self._orders(short),
            receipts=[{"ref": one.ref, "quantity": one.quantity, "expected_at": instant(one.at)} for one in coming],
            cause="receipt_late" if any(one.at > short.needed_by for one in coming) else "no_receipt",
            confirmed_at=confirmed_at,
        )

    def _orders(self, short: Lack) -> list[dict[str, Any]]:
        heads = {number: order.head for number, order in self.outlook.orders.items()}
        return [
            {
                "system": heads[number].system,
                "number": heads[number].number,
                "quantity": quantity,
                "late_minutes": heads[number].planned_late_minutes or 0,
            }
            for number, quantity in short.orders
        ]

    def _open(self, found: Finding) -> None:
        number = open_shortage(self.conn, self.item, found, at=self.deed.at)
        _tell(self.conn, self.deed, "mes.shortage.opened", number, _body(self.item, self.unit, found, "projected"))

    def _change(self, standing: Shortage, found: Finding) -> None:
        change_shortage(self.conn, standing.id, found, at=self.deed.at)
        state = load_open(self.conn, [self.item])[self.item].state
        _tell(self.conn, self.deed, "mes.shortage.changed", standing.id, _body(self.item, self.unit, found, state))


def _is_news(standing: Shortage, found: Finding, now: datetime) -> bool:
    """Whether a shortage changed so much that it has to be said anew."""
    if (standing.covered_by is None) != (found.covered_by is None):
        return True
    if (standing.confirmed_at is None) != (found.confirmed_at is None):
        return True
    if not is_as_told(standing.short_quantity, found.short_quantity) or standing.cause != found.cause:
        return True
    if {(o["system"], o["number"]) for o in standing.orders} != {(o["system"], o["number"]) for o in found.orders}:
        return True
    to_go = max(standing.needed_by, found.needed_by) - now
    least = max(NEEDED_BY_MOVED_MIN, NEEDED_BY_MOVED_SHARE_MIN * to_go)
    return abs(standing.needed_by - found.needed_by) >= least


def _close(conn: Connection, deed: Deed, standing: Shortage, unit: str, cause: str) -> None:
    close_shortage(conn, standing.id, at=deed.at, cause=cause)
    body = {
        "item": standing.item,
        "short_quantity": Decimal(0),
        "unit": unit,
        "needed_by": standing.needed_by,
        "on_hand": standing.on_hand,
        "line": standing.line,
        "orders": standing.orders,
        "receipts": standing.receipts,
        "cause": cause,
        "state": "closed",
    }
    _tell(conn, deed, "mes.shortage.closed", standing.id, body)


def _body(item: str, unit: str, found: Finding, state: str) -> dict[str, Any]:
    return {
        "item": item,
        "short_quantity": found.short_quantity,
        "unit": unit,
        "needed_by": found.needed_by,
        "on_hand": found.on_hand,
        "line": found.line,
        "orders": found.orders,
        "receipts": found.receipts,
        "cause": found.cause,
        "covered_by": found.covered_by,
        "state": state,
    }


def _tell(conn: Connection, deed: Deed, kind: EventType, number: int, body: dict[str, Any]) -> None:
    body = {"shortage_id": number, **body}
    event = Event(kind, str(body["item"]), body)
    record(
        conn, deed, action=kind.removeprefix("mes."), subject=f"shortage/{number}", detail=body, events=[event],
        rooms=("material",),
    )  # fmt: skip


# --- call-offs


def _react_calls(
    conn: Connection, deed: Deed, outlook: Outlook, balances: Sequence[Balance], units: Mapping[str, str]
) -> None:
    """Call for what a line will run out of and the plant has; take back what is no longer needed."""
    at_place = {(balance.location, balance.item): balance for balance in balances}
    need = needs(outlook, sorted({balance.item for balance in balances}), wanted=False)
    stores = {place.code for place in outlook.plant.location if place.kind == "store"}
    for line in outlook.plant.line:
        for item, flows in need.items():
            own = [one for one in flows if one.line == line.code]
            here = at_place.get((line.location, item))
            if own and here and here.stated:
                in_store = sum((b.quantity for b in balances if b.item == item and b.location in stores), Decimal(0))
                _react_call(conn, deed, outlook, _Call(line, item, units.get(item, ""), here.quantity, in_store, own))


@dataclass(frozen=True, slots=True)
class _Call:
    """What a line has of an item, what the stores have, and what the line will take."""

    line: Line
    item: str
    unit: str
    here: Decimal
    in_store: Decimal
    flows: Sequence[Flow]

    def needed_by(self, at: int) -> Decimal:
        return sum((one.needed_by(at) for one in self.flows), Decimal(0))


def _react_call(conn: Connection, deed: Deed, outlook: Outlook, call: _Call) -> None:
    opens, now = outlook.opens[call.line.code], outlook.now
    window = advance(opens, now, call.line.call_off_minutes * 60_000_000)
    runs_out = call.needed_by(window) > call.here
    standing = open_call_off(conn, call.line.location, call.item)
    if standing is not None:
        if not runs_out and standing.called_by == deed.by:
            cancel_call_off(conn, deed, standing.id, "the line has enough")
        return
    if not runs_out or call.in_store <= 0:
        return
    ahead = advance(opens, now, max(CALL_FOR_US, 2 * call.line.call_off_minutes * 60_000_000))
    missing = (call.needed_by(ahead) - call.here).to_integral_value(ROUND_CEILING)
    document = CallOffDocument(
        line=call.line.code,
        item=call.item,
        quantity=min(missing, call.in_store),
        unit=call.unit,
        location=call.line.location,
        needed_at=_runs_out_at(call, now, window),
    )
    said = uuid5(NAMESPACE_URL, f"takt/call_off/{call.line.location}/{call.item}/{micros(deed.at)}")
    call_off(conn, deed, document, outlook.plant, client_id=said)


def _runs_out_at(call: _Call, low: int, high: int) -> datetime:
    """The minute by whose end the line takes more than it has."""
    if call.needed_by(low) > call.here:
        return instant(low)
    while high - low > 60_000_000:
        middle = (low + high) // 2
        if call.needed_by(middle) > call.here:
            high = middle
        else:
            low = middle
    return instant(high)
