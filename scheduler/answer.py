"""A timed board as a plan: its lots, orders, pieces left out with their reason, day rows and cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from scheduler.axis import instant
from scheduler.cost import missing, objective, tardy
from scheduler.daily import daily
from scheduler.decode import Board
from scheduler.plan import Fix, Log, Plan, PlanLot, PlannedOrder, Shortage, Unplanned, Used
from scheduler.shop import FAR, Shop
from scheduler.shortages import shortages
from scheduler.state import Desk
from scheduler.trace import missing_components, reasons


@dataclass(frozen=True, slots=True)
class Extras:
    """What only a whole run knows: starts were material no matter, minutes material costs each order, fixes."""

    wanted: list[int] | None = None
    added: Mapping[int, int] = field(default_factory=dict)
    fixes: Mapping[int, tuple[Fix, ...]] = field(default_factory=dict)


def plan_of(desk: Desk, log: Log, extras: Extras | None = None) -> Plan:
    """The plan a desk stands for, with its reasons and shortages."""
    board, problem = desk.board, desk.shop.problem
    extras = extras or Extras()
    lots = plan_lots(desk, extras.wanted)
    count = range(len(problem.orders))
    return Plan(
        status="feasible",
        objective=objective(board),
        lots=lots,
        daily=daily(problem, lots),
        orders=tuple(planned_order(desk, order, extras.fixes.get(order, ())) for order in count),
        shortages=short_rows(desk, extras),
        unplanned=tuple(row for order in count for row in _left_out(desk, order)),
        log=log,
    )


def short_rows(desk: Desk, extras: Extras) -> tuple[Shortage, ...]:
    """The shortages of a desk, where a run has found out when lots want their components."""
    return () if extras.wanted is None else shortages(desk, extras.wanted, extras.added)


def plan_lots(desk: Desk, wanted: list[int] | None = None) -> tuple[PlanLot, ...]:
    """The planned lots, by start, line and order."""
    board, shop = desk.board, desk.shop
    used = substituted(desk)
    planned = [lot for lot in range(len(shop.lots)) if board.end[lot] != FAR]
    planned.sort(key=lambda lot: (board.start(lot), board.line_of[lot], lot))
    wish = {lot: board.start(lot) if wanted is None else wanted[lot] for lot in planned}
    return tuple(_plan_lot(board, lot, wish[lot], used.get(lot, ())) for lot in planned)


def substituted(desk: Desk) -> dict[int, tuple[Used, ...]]:
    """By lot, what it takes instead of its components."""
    supply = desk.supply
    sums: dict[tuple[int, int, int], int] = {}
    for draw in supply.ready(desk.draws)[1]:
        if draw.item != draw.item_wanted:
            key = draw.lot, draw.item_wanted, draw.item
            sums[key] = sums.get(key, 0) + draw.units
    found: dict[int, tuple[Used, ...]] = {}
    for (lot, wanted, item), units in sums.items():
        used = Used(supply.items[wanted], supply.items[item], Decimal(units) / supply.scale[item])
        found[lot] = (*found.get(lot, ()), used)
    return found


def _plan_lot(board: Board, lot: int, wanted: int, used: tuple[Used, ...]) -> PlanLot:
    shop, line = board.shop, board.line_of[lot]
    held = shop.lots[lot]
    return PlanLot(
        order=shop.problem.orders[held.order].code,
        stage=shop.stage(lot).seq,
        line=shop.problem.lines[line].code if line < shop.real_lines else None,
        start_at=_instant(shop, board.start(lot)),
        end_at=_instant(shop, board.end[lot]),
        qty=held.qty,
        setup_minutes=board.setup[lot],
        wanted_at=_instant(shop, wanted) if wanted != FAR else None,
        pinned=held.pinned,
        substitutes=used,
    )


def _instant(shop: Shop, minute: int) -> datetime:
    return instant(shop.problem.now, minute)


def planned_order(desk: Desk, order: int, fixes: tuple[Fix, ...] = ()) -> PlannedOrder:
    """When an order's last planned lot ends, how late it (or each delivery) is, and why where it is late."""
    board, shop = desk.board, desk.shop
    lots = [lot for lot in shop.stage_lots[order][-1] if board.end[lot] != FAR]
    late = tardy(board, order)
    completed = _instant(shop, max(board.end[lot] for lot in lots)) if lots else None
    why = reasons(desk, order) if late else ()
    return PlannedOrder(shop.problem.orders[order].code, completed, late, why, fixes)


def _left_out(desk: Desk, order: int) -> list[Unplanned]:
    qty = missing(desk.board, order)
    if not qty:
        return []
    lots = desk.shop.stage_lots[order][-1]
    out = [lot for lot in lots if desk.board.end[lot] == FAR]
    reason, detail = why_left_out(desk, out[0]) if out else ("horizon", "")
    return [Unplanned(desk.shop.problem.orders[order].code, qty, reason, detail)]


def why_left_out(desk: Desk, lot: int) -> tuple[str, str]:
    """Why a lot is not planned: no line makes it, a lot before it is not, components never come, time runs out."""
    shop, board = desk.shop, desk.board
    for other in shop.preds[lot]:
        if board.end[other] == FAR:
            return why_left_out(desk, other)
    if not shop.lines_of[lot]:
        return _why_nowhere(shop, lot)
    if desk.ready.get(lot, 0) >= shop.horizon:
        return "material", " ".join(missing_components(desk, lot))
    if shop.release[lot] >= shop.horizon:
        return "earliest_start", ""
    stage = shop.stage(lot)
    lines = ", ".join(at.line for at in stage.lines)
    return "horizon", f"stage {stage.seq}: no time left before the horizon on {lines}" if lines else ""


def _why_nowhere(shop: Shop, lot: int) -> tuple[str, str]:
    stage = shop.stage(lot)
    if not stage.lines:
        return "no_line", f"no line makes stage {stage.seq}"
    if stage.uninterrupted:
        return "uninterrupted", f"stage {stage.seq}: {shop.lots[lot].qty} pieces fit between no two breaks"
    return "horizon", f"stage {stage.seq}: {shop.lots[lot].qty} pieces need more open time than there is"
