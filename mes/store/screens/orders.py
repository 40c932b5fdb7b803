"""`/orders`: how far each order is, when it will be done, whether its parts are there, and what the ERP was told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg.rows import class_row

from mes.domain.calendar import Calendar
from mes.domain.plant import Name, Plant
from mes.store.pool import Connection
from mes.store.screens.plant import SiteImage, site_image
from mes.store.screens.wire import ms, ms_or_none, name_of, quantity

DONE_SINCE = timedelta(days=3)
ORDERS_SHOWN_MAX = 300
MESSAGES_SHOWN_MAX = 12


@dataclass(frozen=True, slots=True)
class StepImage:
    """An operation (or stage of operations) of an order: pieces wanted of it, made, and waiting behind it."""

    seq: int
    name: Name
    lines: tuple[str, ...]
    good: int
    reject: int
    scrap: int
    wip: int


@dataclass(frozen=True, slots=True)
class UseImage:
    """A component: what the pieces made so far should have used and did use, what the rest needs and has cover."""

    item: str
    name: Name
    unit: str
    per_piece: str
    used: str
    standard: str
    still_needed: str
    covered: str


@dataclass(frozen=True, slots=True)
class MessageImage:
    """An event about the order, as told to other systems."""

    type: str
    at: int


@dataclass(frozen=True, slots=True)
class OrderImage:
    """One production order. `forecast` is the told ETA, else the plan's end.

    `kit_rate`: of the components it still needs, the share that lies in the plant in full, receipts left out.
    `short_of`: items of open shortages that hold it up, receipts counted.
    """

    number: str
    system: str
    item: str
    name: Name
    revision: str
    unit: str
    quantity: int
    good: int
    reject: int
    scrap: int
    wip: int
    status: str
    priority: int
    due: int
    late_minutes: int
    steps: tuple[StepImage, ...]
    uses: tuple[UseImage, ...]
    messages: tuple[MessageImage, ...]
    forecast: int | None = None
    kit_rate: float | None = None
    lines: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    short_of: tuple[str, ...] = ()
    customer: str | None = None


@dataclass(frozen=True, slots=True)
class OrdersImage:
    """Everything `/orders` shows."""

    site: SiteImage
    orders: dict[str, OrderImage]


def show_orders(conn: Connection, calendar: Calendar, at: datetime, lines: frozenset[str] | None = None) -> OrdersImage:
    """Orders that are open or were closed lately, most urgent first; of some `lines` alone what those make."""
    rows = _orders(conn, at - DONE_SINCE)
    ids = [row.id for row in rows]
    steps, uses, messages = _steps(conn, calendar.plant, rows), _uses(conn, ids), _messages(conn, rows)
    images = {f"{row.system}/{row.number}": _order(row, steps[row.id], uses[row.id], messages[row.id]) for row in rows}
    seen = {key: order for key, order in images.items() if lines is None or lines & set(order.lines)}
    return OrdersImage(site=site_image(calendar.plant), orders=seen)


@dataclass(frozen=True, slots=True)
class _OrderRow:
    id: int
    system: str
    number: str
    item: str
    name: dict[str, Any]
    revision: str
    unit: str
    quantity: Decimal
    priority: int
    order_status: str
    customer_order: dict[str, Any] | None
    due_at: datetime
    runs: bool
    planned_end_at: datetime | None
    planned_late: int | None
    told_end_at: datetime | None
    told_late: int | None
    told_reasons: list[Any] | None
    planned_reasons: list[str]
    kit_rate: Decimal | None
    short_of: list[str]


def _orders(conn: Connection, since: datetime) -> list[_OrderRow]:
    with conn.cursor(row_factory=class_row(_OrderRow)) as cur:
        return cur.execute(
            """
            select o.id, o.system, o.number, o.item, i.name, o.revision, o.unit, o.quantity, o.priority,
                   o.status as order_status, o.customer_order, o.due_at,
                   exists (select from job_span s where s.order_id = o.id and s.to_at is null) as runs,
                   p.completed_at as planned_end_at, p.late_minutes as planned_late,
                   e.eta_at as told_end_at, e.late_minutes as told_late, e.reasons as told_reasons,
                   coalesce((select array_agg(r.cause order by r.no) from plan_reason r
                             where r.plan_id = p.plan_id and r.order_id = o.id and r.kind = 'cause'), '{}')
                       as planned_reasons,
                   k.rate as kit_rate,
                   coalesce((select array_agg(s.item order by s.needed_by) from shortage s
                             where s.closed_at is null
                               and s.orders @> jsonb_build_array(jsonb_build_object('system', o.system,
                                                                                    'number', o.number))), '{}')
                       as short_of
            from production_order o
            join item i on i.code = o.item
            left join plan_order p on p.order_id = o.id and p.plan_id = (select id from plan where state = 'published')
            left join lateral (
                select eta_at, late_minutes, reasons from order_eta where order_id = o.id order by id desc limit 1
            ) e on true
            left join kit_rate k on k.order_id = o.id
            where o.status in ('released', 'held', 'forecast') or o.changed_at > %(since)s
            order by o.status in ('cancelled', 'closed'), o.due_at, o.id limit %(limit)s
            """,
            {"since": since, "limit": ORDERS_SHOWN_MAX},
        ).fetchall()


def _order(
    row: _OrderRow, steps: Sequence[StepImage], uses: Sequence[UseImage], messages: Sequence[MessageImage]
) -> OrderImage:
    good = steps[-1].good if steps else 0
    told = row.told_late is not None
    late = row.told_late if told else row.planned_late
    reasons = [str(r["cause"]) if isinstance(r, dict) else str(r) for r in row.told_reasons or ()]
    customer = row.customer_order or {}
    return OrderImage(
        number=row.number,
        system=row.system,
        item=row.item,
        name=name_of(row.name, row.item),
        revision=row.revision,
        unit=row.unit,
        quantity=int(row.quantity),
        good=good,
        reject=sum(step.reject for step in steps),
        scrap=sum(step.scrap for step in steps),
        wip=sum(step.wip for step in steps),
        status=_status(row, good, began=any(step.good or step.reject for step in steps)),
        priority=row.priority,
        due=ms(row.due_at),
        late_minutes=late or 0,
        steps=tuple(steps),
        uses=tuple(uses),
        messages=tuple(messages),
        forecast=ms_or_none(row.told_end_at if told else row.planned_end_at),
        kit_rate=None if row.kit_rate is None else float(row.kit_rate),
        lines=tuple(dict.fromkeys(line for step in steps for line in step.lines)),
        reasons=tuple(reasons or row.planned_reasons) if late else (),
        short_of=tuple(row.short_of),
        customer=str(customer.get("customer") or customer.get("number") or "") or None,
    )


def _status(row: _OrderRow, good: int, *, began: bool) -> str:
    """The order's life as the glossary has it: what its system says of it, and what the floor has done."""
    if row.order_status != "released":
        return row.order_status
    if good >= row.quantity:
        return "completed"
    return "running" if row.runs or began else "released"


@dataclass(frozen=True, slots=True)
class _StepRow:
    order_id: int
    seq: int
    name: dict[str, Any] | None
    code: str
    lines: list[str]
    last_of_stage: bool
    good: int
    reject: int
    scrap: int
    entered: int


def _steps(conn: Connection, plant: Plant, orders: Sequence[_OrderRow]) -> dict[int, list[StepImage]]:
    """Operations of each order and what was made; operations in a row on the same lines count under the last one."""
    with conn.cursor(row_factory=class_row(_StepRow)) as cur:
        rows = cur.execute(
            """
            with routing as (
                select o.id as order_id, r.seq, r.name, r.code, r.lines
                from production_order o
                cross join lateral (
                    select seq, name, code, lines from order_operation where order_id = o.id
                    union all
                    select seq, name, code, lines from operation
                    where (item, revision) = (o.item, o.revision)
                      and not exists (select from order_operation where order_id = o.id)
                ) r
                where o.id = any(%(ids)s)
            )
            select r.order_id, r.seq, r.name, r.code, r.lines,
                   r.lines is distinct from lead(r.lines) over (partition by r.order_id order by r.seq)
                       as last_of_stage,
                   coalesce(p.good, 0) as good, coalesce(p.reject, 0) as reject, coalesce(p.scrap, 0) as scrap,
                   coalesce(p.entered, 0) as entered
            from routing r left join order_progress p on (p.order_id, p.operation_seq) = (r.order_id, r.seq)
            order by r.order_id, r.seq
            """,
            {"ids": [order.id for order in orders]},
        ).fetchall()
    found: dict[int, list[_StepRow]] = defaultdict(list)
    for row in rows:
        if row.last_of_stage:
            found[row.order_id].append(row)
    return defaultdict(list, {order_id: _with_wip(plant, own) for order_id, own in found.items()})


def _with_wip(plant: Plant, rows: Sequence[_StepRow]) -> list[StepImage]:
    """WIP behind an operation: its good pieces that have not begun the next one. Groups are named by their lines."""
    following = [row.entered for row in rows[1:]]
    return [
        StepImage(
            seq=row.seq,
            name=name_of(row.name, row.code or str(row.seq)),
            lines=tuple(dict.fromkeys(line for group in row.lines for line in plant.lines_in(group) or (group,))),
            good=row.good,
            reject=row.reject,
            scrap=row.scrap,
            wip=max(0, row.good - following[place]) if place < len(following) else 0,
        )
        for place, row in enumerate(rows)
    ]


@dataclass(frozen=True, slots=True)
class _UseRow:
    order_id: int
    item: str
    name: dict[str, Any]
    unit: str
    per_piece: Decimal
    used: Decimal
    standard: Decimal
    still_needed: Decimal
    on_hand: Decimal | None


def _uses(conn: Connection, order_ids: Sequence[int]) -> dict[int, list[UseImage]]:
    """Components of each order: standard is the bill of materials times good pieces, used what was booked."""
    with conn.cursor(row_factory=class_row(_UseRow)) as cur:
        rows = cur.execute(
            """
            with part as (
                select o.id as order_id, o.quantity, c.component as item, c.unit, sum(c.quantity_per) as per_piece,
                       sum(c.quantity_per / (1 - c.scrap_fraction)) as per_need
                from production_order o
                cross join lateral (
                    select component, unit, quantity_per, scrap_fraction from order_component where order_id = o.id
                    union all
                    select component, unit, quantity_per, scrap_fraction from bom_line
                    where (item, revision) = (o.item, o.revision)
                      and not exists (select from order_component where order_id = o.id)
                ) c
                where o.id = any(%(ids)s) group by o.id, o.quantity, c.component, c.unit
            ), made as (
                select distinct on (order_id) order_id, good from order_progress
                where order_id = any(%(ids)s) order by order_id, operation_seq desc
            ), used as (
                select order_id, item, sum(quantity) as quantity from consumption
                where order_id = any(%(ids)s) group by order_id, item
            ), stock as (
                select item, sum(quantity) as quantity from balance
                where item in (select item from part) group by item
            )
            select p.order_id, p.item, i.name, p.unit, p.per_piece, coalesce(u.quantity, 0) as used,
                   p.per_piece * coalesce(m.good, 0) as standard,
                   p.per_need * greatest(p.quantity - coalesce(m.good, 0), 0) as still_needed, s.quantity as on_hand
            from part p join item i on i.code = p.item
            left join made m using (order_id)
            left join used u on (u.order_id, u.item) = (p.order_id, p.item)
            left join stock s on s.item = p.item
            order by p.order_id, p.item
            """,
            {"ids": list(order_ids)},
        ).fetchall()
    found: dict[int, list[UseImage]] = defaultdict(list)
    for row in rows:
        found[row.order_id].append(_use(row))
    return found


def _use(row: _UseRow) -> UseImage:
    covered = row.still_needed if row.on_hand is None else max(Decimal(0), min(row.still_needed, row.on_hand))
    return UseImage(
        item=row.item,
        name=name_of(row.name, row.item),
        unit=row.unit,
        per_piece=quantity(row.per_piece),
        used=quantity(row.used),
        standard=quantity(row.standard),
        still_needed=quantity(row.still_needed),
        covered=quantity(covered),
    )


def _messages(conn: Connection, orders: Sequence[_OrderRow]) -> dict[int, list[MessageImage]]:
    """The newest events about each order that stand in the feed, oldest of them first."""
    ids = {f"{order.system}/{order.number}": order.id for order in orders}
    rows = conn.execute(
        """
        select w.subject, e.type, e.at from unnest(%(subjects)s::text[]) as w (subject)
        cross join lateral (
            select type, at, id from outbox where subject = w.subject order by id desc limit %(limit)s
        ) e
        order by w.subject, e.id
        """,
        {"subjects": list(ids), "limit": MESSAGES_SHOWN_MAX},
    )
    found: dict[int, list[MessageImage]] = defaultdict(list)
    for subject, kind, at in rows:
        found[ids[subject]].append(MessageImage(type=kind, at=ms(at)))
    return found
