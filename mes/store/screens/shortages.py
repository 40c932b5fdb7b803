"""`/shortages`: what will stop which line and when, who was told, and what they answered; call-offs beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg.rows import class_row

from mes.domain.calendar import Calendar
from mes.domain.plant import Name
from mes.store.pool import Connection
from mes.store.screens.plant import SiteImage, site_image
from mes.store.screens.wire import ms, ms_or_none, name_of, quantity

CLOSED_SINCE = timedelta(days=1)
CLOSED_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class AnswerImage:
    """What a system or person answered to a shortage."""

    at: int
    by: str
    answer: str
    ref: str | None = None
    quantity: str | None = None
    expected_at: int | None = None


@dataclass(frozen=True, slots=True)
class ReceiptImage:
    """A quantity that is on order."""

    number: str
    quantity: str
    expected_at: int


@dataclass(frozen=True, slots=True)
class ShortOrderImage:
    """An order the missing part holds up."""

    number: str
    quantity: str


@dataclass(frozen=True, slots=True)
class ShortageImage:
    """A shortage: need = on hand + on order in time + short. `told_at`: when a system had read of it.

    `counted_at`: how old the oldest statement is that the figure on hand stands on.
    """

    item: str
    name: Name
    unit: str
    state: str
    cause: str
    short: str
    on_hand: str
    on_order: str
    need: str
    needed_by: int
    opened_at: int
    orders: tuple[ShortOrderImage, ...]
    receipts: tuple[ReceiptImage, ...]
    line: str | None = None
    told_at: int | None = None
    answer: AnswerImage | None = None
    covered_by: str | None = None
    counted_at: int | None = None


@dataclass(frozen=True, slots=True)
class ClosedImage:
    """A shortage of the last day that is over, and why."""

    item: str
    name: Name
    opened_at: int
    closed_at: int
    cause: str


@dataclass(frozen=True, slots=True)
class CallOffImage:
    """The line runs out, the plant has it: to be brought by `needed_at`. `at_line` and `in_store` are balances."""

    line: str
    location: str
    item: str
    name: Name
    unit: str
    quantity: str
    needed_at: int
    called_at: int
    called_by: str
    at_line: str
    in_store: str
    store: str | None = None


@dataclass(frozen=True, slots=True)
class ShortagesImage:
    """Everything `/shortages` shows."""

    site: SiteImage
    shortages: dict[str, ShortageImage]
    call_offs: dict[str, CallOffImage]
    closed: dict[str, ClosedImage]


def show_shortages(
    conn: Connection, calendar: Calendar, at: datetime, lines: frozenset[str] | None = None
) -> ShortagesImage:
    """What is short or running out at an instant; where only some `lines` may be seen, what stops those."""
    codes = None if lines is None else sorted(lines)
    return ShortagesImage(
        site=site_image(calendar.plant),
        shortages=_open(conn, codes),
        call_offs=_call_offs(conn, calendar, codes),
        closed=_closed(conn, at - CLOSED_SINCE, codes),
    )


@dataclass(frozen=True, slots=True)
class _ShortRow:
    id: int
    item: str
    name: dict[str, Any]
    unit: str
    state: str
    cause: str
    short_quantity: Decimal
    on_hand: Decimal
    needed_by: datetime
    opened_at: datetime
    line: str | None
    orders: list[dict[str, Any]]
    receipts: list[dict[str, Any]]
    covered_by: str | None
    told_at: datetime | None
    counted_at: datetime | None
    answer: dict[str, Any] | None


def _open(conn: Connection, lines: Sequence[str] | None) -> dict[str, ShortageImage]:
    with conn.cursor(row_factory=class_row(_ShortRow)) as cur:
        rows = cur.execute(
            """
            select s.id, s.item, i.name, i.unit, t.state, s.cause, s.short_quantity, s.on_hand, s.needed_by,
                   s.opened_at, s.line, s.orders, s.receipts, s.covered_by, told.at as told_at,
                   (select min(as_of) from balance b where b.item = s.item) as counted_at,
                   (select to_jsonb(a) from shortage_answer a where a.shortage_id = s.id order by a.id desc limit 1)
                       as answer
            from shortage s join shortage_state t using (id) join item i on i.code = s.item
            left join lateral (
                select min(f.read_at) as at from outbox e join feed_read f on f.through_seq >= e.seq
                where e.subject = s.item and e.type = 'mes.shortage.opened'
                  and (e.body ->> 'shortage_id')::int8 = s.id
            ) told on true
            where s.closed_at is null and (%(lines)s::text[] is null or s.line = any(%(lines)s))
            order by s.needed_by, s.id
            """,
            {"lines": lines},
        ).fetchall()
    return {str(row.id): _shortage(row) for row in rows}


def _shortage(row: _ShortRow) -> ShortageImage:
    receipts = [(r, datetime.fromisoformat(r["expected_at"])) for r in row.receipts]
    in_time = sum((Decimal(str(r["quantity"])) for r, due in receipts if due <= row.needed_by), Decimal(0))
    return ShortageImage(
        item=row.item,
        name=name_of(row.name, row.item),
        unit=row.unit,
        state=row.state,
        cause=row.cause,
        short=quantity(row.short_quantity),
        on_hand=quantity(row.on_hand),
        on_order=quantity(in_time),
        need=quantity(row.on_hand + in_time + row.short_quantity),
        needed_by=ms(row.needed_by),
        opened_at=ms(row.opened_at),
        orders=tuple(ShortOrderImage(str(o["number"]), str(o["quantity"])) for o in row.orders),
        receipts=tuple(ReceiptImage(str(r["ref"]), str(r["quantity"]), ms(due)) for r, due in receipts),
        line=row.line,
        told_at=ms_or_none(row.told_at),
        answer=_answer(row.answer) if row.answer else None,
        covered_by=row.covered_by,
        counted_at=ms_or_none(row.counted_at),
    )


def _answer(row: dict[str, Any]) -> AnswerImage:
    due = row.get("expected_at")
    amount = row.get("quantity")
    return AnswerImage(
        at=ms(datetime.fromisoformat(row["at"])),
        by=str(row["by"]),
        answer=str(row["answer"]),
        ref=row.get("ref"),
        quantity=None if amount is None else quantity(Decimal(str(amount))),
        expected_at=ms(datetime.fromisoformat(due)) if due else None,
    )


@dataclass(frozen=True, slots=True)
class _ClosedRow:
    id: int
    item: str
    name: dict[str, Any]
    opened_at: datetime
    closed_at: datetime
    closed_cause: str | None


def _closed(conn: Connection, since: datetime, lines: Sequence[str] | None) -> dict[str, ClosedImage]:
    with conn.cursor(row_factory=class_row(_ClosedRow)) as cur:
        rows = cur.execute(
            """
            select s.id, s.item, i.name, s.opened_at, s.closed_at, s.closed_cause
            from shortage s join item i on i.code = s.item
            where s.closed_at > %(since)s and (%(lines)s::text[] is null or s.line = any(%(lines)s))
            order by s.closed_at desc limit %(limit)s
            """,
            {"since": since, "lines": lines, "limit": CLOSED_SHOWN_MAX},
        ).fetchall()
    return {
        str(row.id): ClosedImage(
            item=row.item,
            name=name_of(row.name, row.item),
            opened_at=ms(row.opened_at),
            closed_at=ms(row.closed_at),
            cause=row.closed_cause or "",
        )
        for row in rows
    }


@dataclass(frozen=True, slots=True)
class _CallRow:
    id: int
    line: str
    location: str
    item: str
    name: dict[str, Any]
    unit: str
    quantity: Decimal
    needed_at: datetime
    called_at: datetime
    called_by: str
    at_line: Decimal | None
    in_store: Decimal | None
    store: str | None


def _call_offs(conn: Connection, calendar: Calendar, lines: Sequence[str] | None) -> dict[str, CallOffImage]:
    stores = [place.code for place in calendar.plant.location if place.kind == "store"]
    with conn.cursor(row_factory=class_row(_CallRow)) as cur:
        rows = cur.execute(
            """
            with wanted as (
                select * from call_off where delivered_at is null and cancelled_at is null
                  and (%(lines)s::text[] is null or line = any(%(lines)s))
            ), lies as materialized (
                select location, item, quantity from balance where item in (select item from wanted)
            )
            select c.id, c.line, c.location, c.item, i.name, i.unit, c.quantity, c.needed_at, c.called_at, c.called_by,
                   (select sum(quantity) from lies where (location, item) = (c.location, c.item)) as at_line,
                   s.in_store, s.store
            from wanted c join item i on i.code = c.item
            left join lateral (
                select sum(quantity) as in_store, (array_agg(location order by quantity desc))[1] as store
                from lies where item = c.item and location = any(%(stores)s)
            ) s on true
            order by c.needed_at, c.id
            """,
            {"lines": lines, "stores": stores},
        ).fetchall()
    return {
        str(row.id): CallOffImage(
            line=row.line,
            location=row.location,
            item=row.item,
            name=name_of(row.name, row.item),
            unit=row.unit,
            quantity=quantity(row.quantity),
            needed_at=ms(row.needed_at),
            called_at=ms(row.called_at),
            called_by=row.called_by,
            at_line=quantity(row.at_line),
            in_store=quantity(row.in_store),
            store=row.store,
        )
        for row in rows
    }
