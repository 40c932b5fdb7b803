"""How every deed ends: audit, events, touched, bell, in the transaction of the deed.

record(conn, deed, action="order.accept", subject="erp/MO-1", detail={...},
       events=[Event("mes.order.accepted", ...)], touches=[Touch("order", ("17",), "accepted")], rooms=("order",))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mes import clock
from mes.domain.exchange import Event
from mes.store.audit import insert_audit
from mes.store.bell import Room, ring
from mes.store.exchange import insert_event
from mes.store.pool import Connection
from mes.store.touched import Kind, touch


@dataclass(frozen=True, slots=True)
class Deed:
    """Who acts, and when in plant time. `by` is `person:CODE`, `key:PREFIX`, `kiosk:CODE`, `cli` or `takt` itself."""

    by: str
    at: datetime
    system: str = ""
    """The system an API key is bound to; empty for people and Takt itself."""


@dataclass(frozen=True, slots=True)
class Touch:
    """What has to be booked again because of the deed."""

    kind: Kind
    keys: Sequence[str]
    why: str
    from_at: datetime | None = None
    to_at: datetime | None = None


def record(
    conn: Connection,
    deed: Deed,
    *,
    action: str,
    subject: str,
    detail: dict[str, Any],
    events: Sequence[Event] = (),
    touches: Sequence[Touch] = (),
    rooms: Sequence[Room] = (),
) -> list[int]:
    """Write down the deed and tell everyone whom it concerns; the ids of the events, in order."""
    wall_at = clock.wall()
    insert_audit(conn, at=deed.at, wall_at=wall_at, actor=deed.by, action=action, subject=subject, detail=detail)
    ids = [insert_event(conn, event, at=deed.at, wall_at=wall_at) for event in events]
    for stretch in touches:
        touch(conn, stretch.kind, stretch.keys, stretch.why, from_at=stretch.from_at, to_at=stretch.to_at)
    for room in (*rooms, *(("exchange",) if events else ())):
        ring(conn, room)
    return ids
