"""The wish for a new plan: what no longer holds of the one there is, and at most one wish at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from mes.actions.plan import request_run, withdraw_request
from mes.actions.record import Deed
from mes.domain.calendar import instant
from mes.domain.plan import RunReason
from mes.domain.plant import Plant
from mes.store.planned import orders_off_plan
from mes.store.plant import version_at
from mes.store.pool import Connection
from mes.store.shortage import changed_since
from mes.store.wished import load_down, load_wish, receipts_changed
from mes.tracker.outlook import Outlook

AFTER_FAILURE = timedelta(minutes=5)
"""A run that failed is not wished for again before this."""


def react_wish(conn: Connection, deed: Deed, outlook: Outlook, expected: Mapping[int, int]) -> None:
    """Ask for a re-plan when the newest plan no longer holds; take the wish back when it holds again.

    `expected`: when each order ends as things stand, µs.
    """
    if all(line.planning == "manual" for line in outlook.plant.line):
        return
    wish = load_wish(conn)
    if wish.is_running:
        return
    reasons = _reasons(conn, deed.at, outlook, expected, wish.planned_at)
    if not reasons:
        if wish.waiting is not None:
            withdraw_request(conn, deed)
        return
    known = {(reason["kind"], reason["subject"]) for reason in wish.waiting or ()}
    new = [reason for reason in reasons if (reason.kind, reason.subject) not in known]
    failed_lately = wish.failed_at is not None and deed.at - wish.failed_at < AFTER_FAILURE
    if new and not failed_lately:
        settling = wish.planned_at is None
        request_run(conn, deed, kind="replan", automatic=True, reasons=new, settling=settling)


def _reasons(
    conn: Connection, now: datetime, outlook: Outlook, expected: Mapping[int, int], planned_at: datetime | None
) -> list[RunReason]:
    """What no longer holds of the newest plan, made from what was known at `planned_at` (None: there is none)."""
    reasons = [RunReason("order", off.order, {"why": off.why}) for off in orders_off_plan(conn)]
    if planned_at is None:
        return reasons
    reasons += [RunReason("shortage", item, {"state": state}) for item, state in changed_since(conn, planned_at)]
    reasons += [RunReason("receipt", ref) for ref in receipts_changed(conn, planned_at)]
    reasons += _lines_down(conn, now, outlook.plant, planned_at)
    reasons += _drift(now, outlook, expected, planned_at)
    version = version_at(conn, now)
    if version and version.applied_at > planned_at:
        reasons.append(RunReason("plant", f"version/{version.id}"))
    return reasons


def _lines_down(conn: Connection, now: datetime, plant: Plant, planned_at: datetime) -> Iterable[RunReason]:
    """Lines that stand longer than the plan knew, and lines it took to be down that run again."""
    for down in load_down(conn, sorted(plant.lines), now=now, since=planned_at):
        limit = timedelta(minutes=plant.lines[down.line].replan.down_minutes)
        was_known = down.is_known(planned_at, limit)
        if was_known and down.to_at is not None:
            yield RunReason("line_up", down.line)
        elif down.is_known(now, limit) and not (was_known and now <= down.expected_until(planned_at, limit)):
            yield RunReason("line_down", down.line, {"since": down.from_at})


def _drift(now: datetime, outlook: Outlook, expected: Mapping[int, int], planned_at: datetime) -> Iterable[RunReason]:
    """Lines that make an order so much later than planned, each with the one that is most behind."""
    worst: dict[str, tuple[timedelta, str]] = {}
    for number, order in outlook.orders.items():
        if order.head.planned_at is None or number not in expected:
            continue
        behind = instant(expected[number]) - order.head.planned_at
        for line in {one.lot.line for one in order.lots if one.left}:
            worst[line] = max(worst.get(line, (timedelta(0), "")), (behind, order.head.subject))
    for line, (behind, subject) in sorted(worst.items()):
        known = outlook.plant.lines.get(line)
        limit = timedelta(minutes=known.replan.drift_minutes if known else 0)
        if known and known.planning != "manual" and behind >= limit and now - planned_at >= limit:
            yield RunReason("drift", line, {"order": subject})
