"""Handing a shift over: what stands is kept as it is said, for good."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from mes.actions.material import Done
from mes.actions.product import refuse
from mes.actions.record import Deed, record
from mes.domain.calendar import Calendar
from mes.domain.floor import time_fault
from mes.domain.handover import HandoverDocument
from mes.domain.plant import Plant
from mes.errors import Fault
from mes.store import handover as store
from mes.store.pool import Connection

LATELY = timedelta(minutes=30)
"""A hand-over is of the shift that was on this long before, so that it may be made just after the shift's end."""


def hand_over(conn: Connection, deed: Deed, document: HandoverDocument, plant: Plant, *, client_id: UUID) -> Done:
    """Hand a line's shift over: its figures as far as they are booked. Said twice under one client id, kept once.

    Raises InputError for a line that is not there, or an instant in no shift of it.
    """
    at = document.at or deed.at
    faults = [fault for fault in [time_fault(at, deed.at, "/at")] if fault]
    if document.line not in plant.lines:
        faults.append(Fault("/line", "unknown", f"there is no line {document.line}"))
    refuse("This hand-over", faults)
    calendar = Calendar(plant)
    window = calendar.at(document.line, at - LATELY)
    if window is None:
        refuse("This hand-over", [Fault("/at", "no_shift", f"{document.line} had no shift then")])
    assert window is not None
    through_at = store.through_of(conn, calendar, document.line, min(at, window.to_at))
    through_at = max(window.from_at, through_at)
    figures = store.figures_of(conn, calendar, document.line, window.from_at, through_at)
    kept = store.insert_handover(
        conn, client_id=client_id, line=document.line, shift_day=window.shift_day, shift=window.shift, at=at,
        by=deed.by, note=document.note, from_at=window.from_at, through_at=through_at, figures=figures,
    )  # fmt: skip
    if kept is None:
        return Done(store.list_handovers(conn, client_id=client_id)[0].id, repeated=True)
    detail = {"line": document.line, "shift_day": window.shift_day, "shift": window.shift, "through_at": through_at}
    record(conn, deed, action="handover.keep", subject=f"handover/{kept}", detail=detail, rooms=("floor",))
    return Done(kept, repeated=False)
