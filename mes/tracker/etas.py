"""ETAs: when the plan's orders will be complete as things stand, against what was told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mes.actions.record import Deed, record
from mes.domain.calendar import instant
from mes.domain.exchange import Event
from mes.domain.material.shortage import advance
from mes.domain.order import AheadLot, ends, is_news, late_minutes
from mes.store.outlook import OrderHead, load_causes, load_replans
from mes.store.pool import Connection
from mes.store.shortage import load_open
from mes.store.told import Eta, insert_eta, load_etas
from mes.tracker.outlook import LeftLot, OrderOutlook, Outlook

MINUTE = timedelta(minutes=1)
MINUTE_US = 60_000_000
BEHIND_FROM = 5 * MINUTE
ORDINARY = frozenset({"own_work", "calendar", "outside", "now", "transfer", "behind_plan", "replanned", "slower"})
"""Causes that every order has, or that come and go by the minute: another one of these alone is no news."""


def react_etas(conn: Connection, deed: Deed, outlook: Outlook, expected: Mapping[int, int]) -> None:
    """Tell the ETAs (`expected`, µs) of the plan's orders that moved, or whose lateness has another reason now."""
    open_orders = {number: order.head for number, order in outlook.orders.items() if order.good < order.head.quantity}
    standing = load_etas(conn, sorted(open_orders))
    moved, held = [], []
    for number, head in open_orders.items():
        eta_at, told = instant(expected[number]) if number in expected else None, standing.get(number)
        eta = Eta(number, deed.at, eta_at, head.due_at, late_minutes(eta_at, head.due_at), [])
        if told is None or is_news(told.eta_at, eta_at, told.due_at, head.due_at, deed.at):
            moved.append(eta)
        elif eta.late_minutes:
            held.append(eta)
    if not moved and not held:
        return
    why = Why(conn, outlook, [*moved, *held], standing)
    for eta in [*map(why.explained, moved), *map(why.explained, held)]:
        told = standing.get(eta.order_id)
        if told is None or eta.order_id in {one.order_id for one in moved} or gist(told.reasons) != gist(eta.reasons):
            _tell(conn, deed, open_orders[eta.order_id], eta, told)


def expected_ends(outlook: Outlook) -> dict[int, int]:
    """When each order ends as things stand, µs; one whose last pieces are all on the line: as soon as it works."""
    found: dict[int, int] = {}
    for line, opens in outlook.opens.items():
        lots = [_ahead(outlook, order, one) for order, one in outlook.lots_on(line)]
        for number, at in ends(lots, opens, outlook.now).items():
            found[number] = max(found.get(number, 0), at)
    for number, order in outlook.orders.items():
        if order.lots and not any(one.left for one in order.lots):
            found[number] = advance(outlook.opens[order.lots[-1].lot.line], outlook.now, MINUTE_US)
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


class Why:
    """Why orders end when they do, for some ETAs at once."""

    def __init__(self, conn: Connection, outlook: Outlook, etas: Sequence[Eta], standing: Mapping[int, Eta]) -> None:
        ids = [eta.order_id for eta in etas]
        told_at = {number: standing[number].at for number in ids if number in standing}
        self.heads = {number: order.head for number, order in outlook.orders.items()}
        self.standing = standing
        self.causes = load_causes(conn, outlook.plan_id, ids) if outlook.plan_id else {}
        self.replans = load_replans(conn, outlook.plan_id, told_at) if outlook.plan_id else {}
        self.shortages = [one for one in load_open(conn).values() if one.covered_by is None]

    def explained(self, eta: Eta) -> Eta:
        """The ETA with its reasons: the plan's, what is short, a re-plan, the floor; later than told never without."""
        head, told = self.heads[eta.order_id], self.standing.get(eta.order_id)
        reasons = [*self.causes.get(eta.order_id, []), *self._short(head)]
        later = _later(eta, told)
        if later and eta.order_id in self.replans:
            reasons.append(self.replans[eta.order_id])
        behind = eta.eta_at - head.planned_at if eta.eta_at and head.planned_at else timedelta(0)
        if behind >= BEHIND_FROM:
            reasons.append(_reason("behind_plan", behind, {"planned_at": head.planned_at}))
        if eta.eta_at is None:
            reasons = reasons or [_reason("unplanned", timedelta(0), {})]
        elif later and not reasons:
            reasons = [_reason("slower", later, {})]
        return replace(eta, reasons=reasons)

    def _short(self, head: OrderHead) -> Iterable[dict[str, Any]]:
        """What the order lacks, and by how much what is announced of it comes too late."""
        for one in self.shortages:
            if any((order["system"], order["number"]) == (head.system, head.number) for order in one.orders):
                comes = min((datetime.fromisoformat(row["expected_at"]) for row in one.receipts), default=None)
                late = timedelta(0) if comes is None else max(comes - one.needed_by, timedelta(0))
                detail = {"item": one.item, "short_quantity": one.short_quantity, "needed_by": one.needed_by}
                yield _reason("shortage", late, detail | {"expected_at": comes})


def gist(reasons: Iterable[Mapping[str, Any]]) -> frozenset[tuple[str, str]]:
    """What a list of reasons comes down to: the items that are short, and what holds the order up most."""
    held = [one for one in reasons if one["cause"] not in ORDINARY]
    first = next((one["cause"] for one in held if one["cause"] != "shortage"), "")
    short = {("shortage", str(one["detail"]["item"])) for one in held if one["cause"] == "shortage"}
    return frozenset(short | {(first, "")})


def _later(eta: Eta, told: Eta | None) -> timedelta:
    """By how much an order ends later than was told."""
    if told is None or told.eta_at is None or eta.eta_at is None:
        return timedelta(0)
    return max(eta.eta_at - told.eta_at, timedelta(0))


def _reason(cause: str, by: timedelta, detail: dict[str, Any]) -> dict[str, Any]:
    return {"cause": cause, "minutes": int(by / MINUTE), "detail": detail}


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
