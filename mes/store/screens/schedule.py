"""`/schedule`: the published plan, what is proposed instead, and what that would change, on the lines' open hours.

Orders are keyed by their subject, `system/number`. A stored plan never changes, so its image is worked out once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg.rows import class_row

from mes.domain.calendar import Calendar
from mes.domain.exchange import plain
from mes.domain.material.shortage import is_as_told
from mes.domain.plan import PlanBody, PlannedOrder, PlanReason
from mes.domain.plan_diff import LotMove, OrderChange, diff
from mes.domain.plant import Name
from mes.store.planned import PlanHead, list_plans, load_body
from mes.store.pool import Connection
from mes.store.screens.plant import SiteImage, site_image
from mes.store.screens.wire import ms, ms_or_none, name_of
from mes.store.shortage import load_open

BACK = timedelta(hours=12)
AHEAD_MAX = timedelta(days=31)
PLANS_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class LotImage:
    """A bar: pieces of one order on one line, after a changeover of `setup_minutes`. Epoch ms."""

    order: str
    operation_seq: int
    line: str
    quantity: int
    start: int
    end: int
    setup_minutes: int
    pinned: bool


@dataclass(frozen=True, slots=True)
class WhyImage:
    """One cause of lateness with its minutes, or one fix with the minutes it saves; `detail` names what is meant."""

    cause: str
    minutes: int
    detail: dict[str, str]


@dataclass(frozen=True, slots=True)
class PlannedOrderImage:
    """How an order comes out in a plan: `end` absent where it is not finished, `unplanned` pieces no line makes."""

    late_minutes: int
    unplanned: int
    causes: tuple[WhyImage, ...]
    fixes: tuple[WhyImage, ...]
    end: int | None = None


@dataclass(frozen=True, slots=True)
class PlanLackImage:
    """A component the plan has to wait for: how much is missing, from when, and which orders it holds."""

    item: str
    name: Name
    quantity: str
    needed_by: int
    orders: tuple[str, ...]
    receipt: str | None = None
    receipt_at: int | None = None


@dataclass(frozen=True, slots=True)
class PlanImage:
    """One version of the plan; lots are keyed by lot number."""

    id: str
    state: str
    now: int
    horizon_end: int
    setup_minutes: int
    late_orders: int
    late_minutes: int
    lots: dict[str, LotImage]
    orders: dict[str, PlannedOrderImage]
    lacks: tuple[PlanLackImage, ...]
    unplanned: dict[str, str]
    created_at: int
    version: int | None = None
    published_at: int | None = None
    published_by: str | None = None


@dataclass(frozen=True, slots=True)
class MoveImage:
    """A lot that would stand elsewhere, come (no `from`) or go (no `to`)."""

    order: str
    operation_seq: int
    quantity: int
    from_line: str | None = None
    from_start: int | None = None
    to_line: str | None = None
    to_start: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeImage:
    """An order that would end at another time."""

    order: str
    late_before: int
    late_after: int
    end_before: int | None = None
    end_after: int | None = None


@dataclass(frozen=True, slots=True)
class DiffImage:
    """What the proposal changes against the published plan; pairs are before and after."""

    moved: int
    compared: int
    late_orders: tuple[int, int]
    late_minutes: tuple[int, int]
    setup_minutes: tuple[int, int]
    changes: tuple[ChangeImage, ...]
    moves: tuple[MoveImage, ...]


@dataclass(frozen=True, slots=True)
class RowImage:
    """A line's row: open intervals over the horizon, and until when its published lots are frozen."""

    name: Name
    planning: str
    frozen_until: int
    open: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class BoardOrderImage:
    """What the board says of an order, whatever plan it is in. `done` is good so far over its last operation."""

    number: str
    system: str
    item: str
    name: Name
    family: str
    quantity: int
    unit: str
    due: int
    priority: int
    status: str
    done: int


@dataclass(frozen=True, slots=True)
class RunReasonImage:
    """Why a plan was asked for: one word, and what it is about."""

    kind: str
    subject: str


@dataclass(frozen=True, slots=True)
class RunImage:
    """The plan run that is waiting, running or was last to end."""

    id: str
    kind: str
    state: str
    automatic: bool
    requested_by: str
    requested_at: int
    reasons: tuple[RunReasonImage, ...]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class BoardImage:
    """Everything `/schedule` shows. `lines` gives the order of `rows`."""

    site: SiteImage
    lines: tuple[str, ...]
    rows: dict[str, RowImage]
    orders: dict[str, BoardOrderImage]
    published: PlanImage | None = None
    proposal: PlanImage | None = None
    diff: DiffImage | None = None
    run: RunImage | None = None


def show_board(conn: Connection, calendar: Calendar, at: datetime, lines: frozenset[str] | None = None) -> BoardImage:
    """The board at an instant of plant time, cut down to `lines` where only those may be seen."""
    codes = tuple(line.code for line in calendar.plant.line if lines is None or line.code in lines)
    published, proposal = _standing(list_plans(conn, limit=PLANS_LOOKED_AT))
    before = _body(conn, published)
    after = _body(conn, proposal)
    names = _item_names(conn)
    told = {item: row.short_quantity for item, row in load_open(conn).items()}
    subjects = {order.order for body in (before, after) if body for order in body.orders}
    return BoardImage(
        site=site_image(calendar.plant),
        lines=codes,
        rows={code: _row(calendar, code, at, _horizon(at, before, after)) for code in codes},
        orders=_orders(conn, subjects, names),
        published=_plan(published, before, names, told, frozenset(codes)) if published and before else None,
        proposal=_plan(proposal, after, names, told, frozenset(codes)) if proposal and after else None,
        diff=_diff(before, after) if before and after else None,
        run=_run(conn),
    )


# --------------------------------------------------------------------- which plans


def _standing(heads: Sequence[PlanHead]) -> tuple[PlanHead | None, PlanHead | None]:
    """The published plan, and the newest proposal to put in its place."""
    published = next((head for head in heads if head.state == "published"), None)
    since = published.id if published else 0
    proposal = next(
        (h for h in heads if h.state == "proposed" and h.id > since and h.kind in (None, "replan", "edit")), None
    )
    return published, proposal


_bodies: dict[int, PlanBody] = {}


def _body(conn: Connection, head: PlanHead | None) -> PlanBody | None:
    """A plan whole; read once, because a stored plan never changes."""
    if head is None:
        return None
    if head.id not in _bodies:
        body = load_body(conn, head.id)
        if body is None:
            return None
        while len(_bodies) >= 4:
            _bodies.pop(next(iter(_bodies)))
        _bodies[head.id] = body
    return _bodies[head.id]


def _horizon(at: datetime, *bodies: PlanBody | None) -> datetime:
    ends = [lot.end_at for body in bodies if body for lot in body.lots]
    return min(at + AHEAD_MAX, max([at + timedelta(days=2), *ends]) + timedelta(hours=12))


# --------------------------------------------------------------------- images


def _row(calendar: Calendar, code: str, at: datetime, until: datetime) -> RowImage:
    line = calendar.plant.lines[code]
    midnight = at - BACK
    start = midnight.replace(minute=0, second=0, microsecond=0)
    minute = at.replace(second=0, microsecond=0)
    return RowImage(
        name=line.name,
        planning=line.planning,
        frozen_until=ms(minute + timedelta(minutes=line.frozen_minutes)),
        open=tuple((ms(a), ms(b)) for a, b in calendar.open_intervals(code, start, until)),
    )


def _plan(
    head: PlanHead, body: PlanBody, names: dict[str, Name], told: dict[str, Decimal], lines: frozenset[str]
) -> PlanImage:
    figures = _figures(body.orders)
    return PlanImage(
        id=str(head.id),
        state=head.state,
        now=ms(body.now_at),
        horizon_end=ms(body.horizon_end_at),
        setup_minutes=sum(lot.setup_minutes for lot in body.lots),
        late_orders=figures[0],
        late_minutes=figures[1],
        lots={
            str(lot.lot_no): LotImage(
                order=lot.order,
                operation_seq=lot.operation_seq,
                line=lot.line,
                quantity=lot.quantity,
                start=ms(lot.start_at),
                end=ms(lot.end_at),
                setup_minutes=lot.setup_minutes,
                pinned=lot.pinned,
            )
            for lot in body.lots
            if lot.line in lines
        },
        orders=_outcomes(body),
        lacks=tuple(_lack(row, names, told) for row in body.shortages),
        unplanned={str(row["order"]): str(row.get("reason", "")) for row in body.unplanned},
        created_at=ms(head.created_at),
        version=head.version,
        published_at=ms_or_none(head.published_at),
        published_by=head.published_by,
    )


def _figures(orders: Iterable[PlannedOrder]) -> tuple[int, int]:
    late = [order.late_minutes for order in orders if order.late_minutes > 0 or order.unplanned_quantity > 0]
    return len(late), sum(late)


def _outcomes(body: PlanBody) -> dict[str, PlannedOrderImage]:
    reasons: dict[tuple[str, str], list[WhyImage]] = defaultdict(list)
    for reason in body.reasons:
        reasons[reason.order, reason.kind].append(_why(reason))
    return {
        order.order: PlannedOrderImage(
            late_minutes=order.late_minutes,
            unplanned=order.unplanned_quantity,
            causes=tuple(reasons[order.order, "cause"]),
            fixes=tuple(reasons[order.order, "fix"]),
            end=ms_or_none(order.completed_at),
        )
        for order in body.orders
    }


def _why(reason: PlanReason) -> WhyImage:
    detail = {key: str(value) for key, value in plain(reason.detail).items() if value not in (None, "")}
    return WhyImage(cause=reason.cause, minutes=reason.minutes, detail=detail)


def _lack(row: dict[str, Any], names: dict[str, Name], told: dict[str, Decimal]) -> PlanLackImage:
    """A plan's shortage; in the quantity everybody was told, where the plan found hardly another."""
    item, receipt = str(row["item"]), row.get("receipt") or {}
    found, known = Decimal(str(row["qty"])), told.get(str(row["item"]))
    return PlanLackImage(
        item=item,
        name=names.get(item) or name_of(None, item),
        quantity=str(row["qty"]) if known is None or not is_as_told(known, found) else f"{known.normalize():f}",
        needed_by=ms(datetime.fromisoformat(row["needed_by"])),
        orders=tuple(str(order["order"]) for order in row.get("orders", ())),
        receipt=receipt.get("ref"),
        receipt_at=ms(datetime.fromisoformat(receipt["at"])) if receipt.get("at") else None,
    )


def _diff(before: PlanBody, after: PlanBody) -> DiffImage:
    change = diff(before, after)
    return DiffImage(
        moved=change.moved,
        compared=change.compared,
        late_orders=(change.before.orders_late, change.after.orders_late),
        late_minutes=(change.before.late_minutes, change.after.late_minutes),
        setup_minutes=(change.before.setup_minutes, change.after.setup_minutes),
        changes=tuple(map(_change, change.orders)),
        moves=tuple(map(_moved, change.moves)),
    )


def _change(change: OrderChange) -> ChangeImage:
    return ChangeImage(
        order=change.order,
        late_before=change.late_minutes_before,
        late_after=change.late_minutes_after,
        end_before=ms_or_none(change.completed_before),
        end_after=ms_or_none(change.completed_after),
    )


def _moved(move: LotMove) -> MoveImage:
    return MoveImage(
        order=move.order,
        operation_seq=move.operation_seq,
        quantity=move.quantity,
        from_line=move.from_line,
        from_start=ms_or_none(move.from_start_at),
        to_line=move.to_line,
        to_start=ms_or_none(move.to_start_at),
    )


# --------------------------------------------------------------------- rows


def _item_names(conn: Connection) -> dict[str, Name]:
    return {code: name_of(words, code) for code, words in conn.execute("select code, name from item")}


@dataclass(frozen=True, slots=True)
class _OrderRow:
    subject: str
    system: str
    number: str
    item: str
    family: str
    quantity: Any
    unit: str
    due_at: datetime
    priority: int
    status: str
    done: int


def _orders(conn: Connection, subjects: set[str], names: dict[str, Name]) -> dict[str, BoardOrderImage]:
    with conn.cursor(row_factory=class_row(_OrderRow)) as cur:
        rows = cur.execute(
            """
            select o.system || '/' || o.number as subject, o.system, o.number, o.item, i.family, o.quantity, o.unit,
                   o.due_at, o.priority, o.status, coalesce(p.good, 0)::int8 as done
            from production_order o join item i on i.code = o.item
            left join lateral (
                select good from order_progress where order_id = o.id order by operation_seq desc limit 1
            ) p on true
            where o.system || '/' || o.number = any(%(subjects)s)
            order by o.id
            """,
            {"subjects": list(subjects)},
        ).fetchall()
    return {
        row.subject: BoardOrderImage(
            number=row.number,
            system=row.system,
            item=row.item,
            name=names.get(row.item) or name_of(None, row.item),
            family=row.family,
            quantity=int(row.quantity),
            unit=row.unit,
            due=ms(row.due_at),
            priority=row.priority,
            status=row.status,
            done=row.done,
        )
        for row in rows
    }


@dataclass(frozen=True, slots=True)
class _RunRow:
    id: int
    kind: str
    state: str
    automatic: bool
    requested_by: str
    requested_at: datetime
    reasons: list[dict[str, Any]]
    error: str | None


def _run(conn: Connection) -> RunImage | None:
    """The run in progress, else the one that ended last."""
    with conn.cursor(row_factory=class_row(_RunRow)) as cur:
        row = cur.execute(
            """
            select id, kind, state, automatic, requested_by, requested_at, reasons, error from plan_run
            where kind in ('replan', 'edit') and state <> 'superseded'
            order by state in ('running', 'waiting') desc, id desc limit 1
            """
        ).fetchone()
    if row is None:
        return None
    return RunImage(
        id=str(row.id),
        kind=row.kind,
        state=row.state,
        automatic=row.automatic,
        requested_by=row.requested_by,
        requested_at=ms(row.requested_at),
        reasons=tuple(RunReasonImage(str(r["kind"]), str(r.get("subject", ""))) for r in row.reasons),
        error=row.error,
    )
