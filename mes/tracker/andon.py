"""Calls for help that nobody has to remember: machines in fault call, calls nobody takes climb, machines that run again
take theirs back.

A machine calls once for each fault: the call's client id follows from the machine and when its fault began.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import NAMESPACE_URL, uuid5

from mes.actions.floor import escalate_call, raise_call, resolve_call
from mes.actions.record import Deed
from mes.domain.andon import rule_for
from mes.domain.floor import AndonDocument
from mes.domain.plant import Plant
from mes.store import floor as store
from mes.store.pool import Connection

LATE_MAX = timedelta(days=1)
"""A call that was due longer ago (the tracker did not run) counts as raised so long ago."""


def react_andon(conn: Connection, deed: Deed, plant: Plant) -> None:
    """Raise, escalate and resolve what is due at the deed's instant."""
    _call_for_faults(conn, deed, plant)
    for call in store.untaken_calls(conn):
        rule = rule_for(plant.andon, call.kind, call.line)
        level = rule.level(call.raised_at, deed.at)
        if level > call.level:
            escalate_call(conn, deed, call, level, rule.told(level))
    for number in store.calls_of_machines_that_run(conn):
        resolve_call(conn, deed, number)


def _call_for_faults(conn: Connection, deed: Deed, plant: Plant) -> None:
    minutes = {
        machine.code: rule.from_fault_minutes
        for machine in plant.machine
        if (rule := rule_for(plant.andon, "maintenance", machine.line)).from_fault_minutes is not None
    }
    for machine, since, stop_code in store.standing_faults(conn, list(minutes)) if minutes else []:
        due_at = since + timedelta(minutes=minutes[machine] or 0)
        if due_at <= deed.at:
            call = AndonDocument(
                kind="maintenance", machine=machine, note=stop_code, at=max(due_at, deed.at - LATE_MAX)
            )
            client_id = uuid5(NAMESPACE_URL, f"takt/andon/{machine}/{since.isoformat()}")
            raise_call(conn, Deed(f"device:{machine}", deed.at), call, plant, client_id=client_id)
