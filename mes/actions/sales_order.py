"""Accept customers' orders from whoever talks to the customer. The same document again changes nothing."""

from __future__ import annotations

from dataclasses import asdict, replace

from mes.actions.access import require_system
from mes.actions.product import Accepted, refuse
from mes.actions.record import Deed, record
from mes.domain.product import in_base
from mes.domain.sales_order import SalesOrder
from mes.store import sales_order as store
from mes.store.house import hold_name
from mes.store.pool import Connection
from mes.store.product import load_units


def accept(conn: Connection, deed: Deed, order: SalesOrder) -> Accepted:
    """Take a line of a customer's order in, or what changed about it.

    Raises InputError naming each field, ForbiddenError for another system's.
    """
    require_system(deed, order.system)
    hold_name(conn, "sales_order", order.system, order.number, str(order.line_no))
    units = load_units(conn, [order.item])
    unit = order.unit or (units[order.item].base if order.item in units else "")
    base, fault = in_base(units, order.item, order.quantity, unit, "")
    refuse(f"Sales order {order.subject}", [fault] if fault else [])
    order = replace(order, quantity=base, unit=units[order.item].base)
    kept = store.find_sales_order(conn, order.system, order.number, order.line_no)
    if kept is not None and kept.order == order:
        return Accepted(str(kept.version), created=False, changed=False)
    version = store.save_sales_order(conn, order, at=deed.at)
    record(
        conn,
        deed,
        action="sales_order.accept",
        subject=f"sales_order/{order.subject}",
        detail={"version": version, "order": asdict(order)},
        rooms=("order",),
    )
    return Accepted(str(version), created=kept is None, changed=True)
