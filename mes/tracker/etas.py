"""ETAs: when the plan's orders will be complete as things stand, against what was told."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

from mes.actions.record import Deed, record
from mes.domain.calendar import instant
from mes.domain.exchange import Event
from mes.domain.order import AheadLot, ends, is_news, late_minutes
from mes.store.outlook import OrderHead, load_causes
from mes.store.pool import Connection
from mes.store.told import Eta, insert_eta, load_etas
from mes.tracker.outlook import LeftLot, OrderOutlook, Outlook

MINUTE = timedelta(minutes=1)
BEHIND_FROM = 5 * MINUTE


def react_etas(conn: Connection, deed: Deed, outlook: Outlook) -> None:
    """Tell the ETAs of the plan's orders that moved."""
    expected = _expected(outlook)
    open_orders = {number: order for number, order in outlook.orders.items() if order.good < order.head.quantity}
    standing = load_etas(conn, sorted(open_orders))
    moved = []
    for number, order in open_orders.items():
        eta_at = instant(expected[number]) if number in expected else None
        stands = standing.get(number)
        if stands is None or is_news(stands.eta_at, eta_at, stands.due_at, order.head.due_at):
            moved.append(Eta(number, deed.at, eta_at, order.head.due_at, late_minutes(eta_at, order.head.due_at), []))
    causes = load_causes(conn, outlook.plan_id, [eta.order_id for eta in moved]) if outlook.plan_id and moved else {}
    for eta in moved:
        head, before = open_orders[eta.order_id].head, standing.get(eta.order_id)
        _tell(conn, deed, head, replace(eta, reasons=_reasons(head, eta, causes.get(eta.order_id, []))), before)


def _expected(outlook: Outlook) -> dict[int, int]:
    found: dict[int, int] = {}
    for line, opens in outlook.opens.items():
        lots = [_ahead(outlook, order, one) for order, one in outlook.lots_on(line)]
        for number, at in ends(lots, opens, outlook.now).items():
            found[number] = max(found.get(number, 0), at)
    return found


def _ahead(outlook: Outlook, order: OrderOutlook, one: LeftLot) -> AheadLot:
    begun = one.left < one.lot.quantity and one.lot.start_us <= outlook.now
    return AheadLot(
        order_id=one.lot.order_id,
        pieces=one.left,
        work_us=order.piece_us(one.lot) * one.left,
        setup_us=one.lot.setup_minutes * 60_000_000,
        start_us=one.lot.start_us,
        has_begun=begun,
        is_last_stage=order.is_last_stage(one.lot),
    )


def _reasons(head: OrderHead, eta: Eta, causes: Collection[dict[str, Any]]) -> list[dict[str, Any]]:
    """Why the plan has an order late, and by how much the floor is behind the plan."""
    behind = eta.eta_at - head.planned_at if eta.eta_at and head.planned_at else timedelta(0)
    if behind < BEHIND_FROM:
        return [*causes]
    late = {"cause": "behind_plan", "minutes": int(behind / MINUTE), "detail": {"planned_at": head.planned_at}}
    return [*causes, late]


def _tell(conn: Connection, deed: Deed, head: OrderHead, eta: Eta, before: Eta | None) -> None:
    insert_eta(conn, eta)
    body = {
        "system": head.system,
        "number": head.number,
        "eta_at": eta.eta_at,
        "due_at": eta.due_at,
        "late_minutes": eta.late_minutes,
        "previous_eta_at": before.eta_at if before else None,
        "reasons": eta.reasons,
    }
    event = Event("mes.eta.changed", head.subject, body)
    record(conn, deed, action="eta.changed", subject=head.subject, detail=body, events=[event], rooms=("order",))
