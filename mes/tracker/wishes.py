"""The wish for a new plan: what no longer holds of the one there is, and at most one wish at a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from mes.actions.plan import request_run, withdraw_request
from mes.actions.record import Deed
from mes.domain.plan import RunReason
from mes.domain.plant import Plant
from mes.store.planned import orders_off_plan
from mes.store.plant import version_at
from mes.store.pool import Connection
from mes.store.shortage import changed_since
from mes.store.wished import load_wish

AFTER_FAILURE = timedelta(minutes=5)
"""A run that failed is not wished for again before this."""


def react_wish(conn: Connection, deed: Deed, plant: Plant) -> None:
    """Ask for a re-plan when the newest plan no longer holds; take the wish back when it holds again."""
    if all(line.planning == "manual" for line in plant.line):
        return
    wish = load_wish(conn)
    reasons = _reasons(conn, deed.at, wish.planned_at)
    if wish.is_running:
        return
    if not reasons:
        if wish.waiting is not None:
            withdraw_request(conn, deed)
        return
    known = {(reason["kind"], reason["subject"]) for reason in wish.waiting or ()}
    new = [reason for reason in reasons if (reason.kind, reason.subject) not in known]
    failed_lately = wish.failed_at is not None and deed.at - wish.failed_at < AFTER_FAILURE
    if new and not failed_lately:
        request_run(conn, deed, kind="replan", automatic=True, reasons=new)


def _reasons(conn: Connection, now: datetime, planned_at: datetime | None) -> list[RunReason]:
    """What no longer holds of the newest plan, made from what was known at `planned_at` (None: there is none)."""
    reasons = [RunReason("order", off.order, {"why": off.why}) for off in orders_off_plan(conn)]
    if planned_at is None:
        return reasons
    reasons += [RunReason("shortage", item, {"state": state}) for item, state in changed_since(conn, planned_at)]
    version = version_at(conn, now)
    if version and version.applied_at > planned_at:
        reasons.append(RunReason("plant", f"version/{version.id}"))
    return reasons
