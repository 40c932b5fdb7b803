"""Accept production orders from their owners, and what they change, hold, cancel or close later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

from mes.actions.access import require_system
from mes.actions.product import Accepted, refuse, unknown_places, usable_revision
from mes.actions.record import Deed, Touch, record
from mes.domain.exchange import Event, EventType
from mes.domain.order_document import Made, ProductionOrder, content_revision, life_after
from mes.domain.plant import Plant
from mes.domain.product import Operation, Release, Units, in_base, settled_bom, settled_routing
from mes.errors import ConflictError, Fault
from mes.store import order as store
from mes.store import product
from mes.store.house import hold_name
from mes.store.pool import Connection


def accept(conn: Connection, deed: Deed, order: ProductionOrder, plant: Plant | None) -> Accepted:
    """Take an order in, or what its owner changed about it. The same document again changes nothing.

    `plant` is the model in force, against which lines and resources are checked (None: there is none yet).
    Raises InputError naming each field, ForbiddenError for another system's order, ConflictError (with `made`) when
    less is wanted than is made, or another item once something is. A cancelled order of which something is made is
    closed at that.
    """
    require_system(deed, order.system)
    sha256 = order.sha256
    hold_name(conn, "order", order.system, order.number)
    kept = store.load_order(conn, order.system, order.number)
    if kept is not None and kept.sha256 == sha256:
        return Accepted(str(kept.version), created=False, changed=False)
    settled = _settle(conn, deed, order, plant)
    if kept is not None:
        made = store.load_made(conn, kept.id)
        _check_change(kept.order, settled, made)
        settled = replace(settled, status=life_after(settled.status, made))
    else:
        made = Made(Decimal(0), Decimal(0))
    order_id, version = store.save_order(conn, settled, sha256=sha256, at=deed.at)
    record(
        conn,
        deed,
        action="order.accept",
        subject=order.subject,
        detail={"version": version, "order": asdict(settled)},
        events=[_event(kept.order if kept else None, settled, made, version)],
        touches=[Touch("order", (str(order_id),), "order accepted" if kept is None else "order changed")],
        rooms=("order",),
    )
    return Accepted(str(version), created=kept is None, changed=True)


def reject(conn: Connection, deed: Deed, system: str, number: str, *, why: str, faults: Sequence[Fault]) -> None:
    """Tell an order's owner that it was not taken in, where nobody waits for the answer (files, polled systems)."""
    body = {
        "system": system,
        "number": number,
        "why": why,
        "errors": [{"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in faults],
    }
    subject = f"{system}/{number}"
    event = Event("mes.order.rejected", subject, body)
    record(conn, deed, action="order.reject", subject=subject, detail=body, events=[event])


# ------------------------------------------------------------------ what is kept of it
def _settle(conn: Connection, deed: Deed, order: ProductionOrder, plant: Plant | None) -> ProductionOrder:
    """The order as it is kept: base units, a revision, its own components and operations in order."""
    mentioned = [code for line in order.components for code in (line.item, *line.substitutes)]
    units = product.load_units(conn, [order.item, *mentioned])
    faults = [*order.faults(), *unknown_places(order.operations, plant, "/operations")]
    if order.item not in units:
        refuse(f"Order {order.subject}", [Fault("/item", "unknown", f"there is no item {order.item}"), *faults])
    release, missing = _release_of(conn, deed, order)
    faults += missing
    routing = settled_routing(order.operations) or (release.routing if release else ())
    components, unknown = settled_bom(order.components, routing, units, "/components")
    quantities, odd = _quantities(order, units)
    refuse(f"Order {order.subject}", [*faults, *unknown, *odd])
    revision, operations = _revision_of(order, release, replace(order, components=components), routing)
    return replace(
        order,
        unit=units[order.item].base,
        components=components,
        operations=operations,
        revision=revision,
        **quantities,
    )


def _release_of(conn: Connection, deed: Deed, order: ProductionOrder) -> tuple[Release | None, list[Fault]]:
    """The revision an order is made by: the one it names, else the item's own now; and what is missing."""
    if order.revision is not None:
        kept = product.load_release(conn, order.item, order.revision)
        if kept is not None:
            return kept.release, []
        detail = f"there is no revision {order.revision} of {order.item}"
        return None, [Fault("/revision", "unknown", detail)]
    release = usable_revision(conn, order.item, deed.at)
    if release is None and not order.operations:
        detail = f"{order.item} has no released revision, and the order brings no operations of its own"
        return None, [Fault("/revision", "missing", detail)]
    return release, []


def _revision_of(
    order: ProductionOrder, release: Release | None, settled: ProductionOrder, routing: tuple[Operation, ...]
) -> tuple[str, tuple[Operation, ...]]:
    """The revision that is kept, and the operations kept with the order itself.

    An order with components or operations of its own and no revision is its own revision: their hash; it then keeps
    its whole routing, because no release has it under that name.
    """
    if order.revision is None and (order.components or order.operations or release is None):
        return content_revision(settled.components, routing), routing
    revision = order.revision or (release.revision if release else "")
    return revision, routing if order.operations else ()


def _quantities(order: ProductionOrder, units: dict[str, Units]) -> tuple[dict[str, Any], list[Fault]]:
    """The order's quantities in its item's base unit."""
    total, fault = in_base(units, order.item, order.quantity, order.unit, "")
    if fault:
        return {}, [fault]
    parts = [in_base(units, order.item, part.quantity, order.unit, "")[0] for part in order.deliveries]
    deliveries = tuple(replace(part, quantity=base) for part, base in zip(order.deliveries, parts, strict=True))
    return {"quantity": total, "deliveries": deliveries}, []


# ------------------------------------------------------------------ what a change means
def _check_change(before: ProductionOrder, after: ProductionOrder, made: Made) -> None:
    """Refuse what contradicts pieces that exist. Raises ConflictError with `made` and `in_progress`."""
    facts = {"made": made.good, "in_progress": made.in_progress}
    if after.item != before.item and made.begun:
        fault = Fault("/item", "made", f"pieces of {before.item} were made for it")
        raise ConflictError("The item of an order that has begun cannot change", faults=(fault,), facts=facts)
    if after.status not in ("cancelled", "closed") and after.quantity < made.good:
        fault = Fault("/quantity", "below_made", f"{made.good.normalize():f} are made")
        raise ConflictError(
            "Less is wanted than is made already",
            remedy="Close the order, or want at least what is made.",
            faults=(fault,),
            facts=facts,
            code="below_made",
        )


def _event(before: ProductionOrder | None, after: ProductionOrder, made: Made, version: int) -> Event:
    over = ("cancelled", "closed")
    kind: EventType = "mes.order.accepted"
    if after.status in over and (before is None or before.status not in over):
        kind = "mes.order.cancelled"
    body = {
        "system": after.system,
        "number": after.number,
        "version": version,
        "system_version": after.system_version,
        "item": after.item,
        "revision": after.revision,
        "quantity": after.quantity,
        "unit": after.unit,
        "due_at": after.due_at,
        "priority": after.priority,
        "status": after.status,
        "made": made.good,
        "in_progress": made.in_progress,
    }
    return Event(kind, after.subject, body)
