"""What the api says of material: receipts, call-offs, balances, shortages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row, dict_row

from mes.domain.fields import Quantity, Signed
from mes.domain.material.documents import ExpectedReceipt
from mes.store.material import CallOff
from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class Balance:
    """What lies at a location of an item: what was stated or counted at `as_of`, moved and used since.

    `stated` false: only elsewhere was the item ever stated; this place is taken to have been empty then.
    """

    location: str
    item: str
    unit: str
    on_hand: Signed
    stated: bool
    kind: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody answered to a shortage."""

    at: datetime
    by: str
    answer: str
    ref: str | None
    quantity: Quantity | None
    expected_at: datetime | None


@dataclass(frozen=True, slots=True)
class ShortageLine:
    """A shortage: what is missing by when, of what for which orders, and how it stands."""

    id: int
    item: str
    unit: str
    state: str
    opened_at: datetime
    changed_at: datetime
    short_quantity: Quantity
    needed_by: datetime
    on_hand: Signed
    line: str | None
    orders: list[Any]
    receipts: list[Any]
    covered_by: str | None
    covered_at: datetime | None
    cause: str
    confirmed_at: datetime | None
    closed_at: datetime | None
    closed_cause: str | None
    answers: list[Answer]


def list_receipts(
    conn: Connection, *, item: str | None, after: tuple[Any, ...] | None, limit: int
) -> list[ExpectedReceipt]:
    """Expected receipts by number, those no longer expected (quantity 0) left out."""
    system, number, line_no = after or (None, None, None)
    with conn.cursor(row_factory=class_row(ExpectedReceipt)) as cur:
        return cur.execute(
            """
            select item, quantity, unit, expected_at, system, number, line_no, ext from expected_receipt
            where quantity > 0 and (%(item)s::text is null or item = %(item)s)
              and (%(system)s::text is null or (system, number, line_no) > (%(system)s, %(number)s, %(line_no)s))
            order by system, number, line_no limit %(limit)s
            """,
            {"item": item, "system": system, "number": number, "line_no": line_no, "limit": limit},
        ).fetchall()


def list_call_offs(
    conn: Connection,
    *,
    line: str | None,
    lines: Collection[str] | None,
    is_open: bool | None,
    after: int | None,
    limit: int,
) -> list[CallOff]:
    """Call-offs, oldest first. `lines`: only of these (None: all)."""
    with conn.cursor(row_factory=class_row(CallOff)) as cur:
        return cur.execute(
            """
            select id, client_id, line, location, item, quantity, needed_at, called_at, called_by, delivered_at,
                   delivered_by, delivered_quantity, cancelled_at, cancelled_why
            from call_off
            where (%(line)s::text is null or line = %(line)s)
              and (%(lines)s::text[] is null or line = any(%(lines)s))
              and (%(is_open)s::boolean is null
                   or (delivered_at is null and cancelled_at is null) = %(is_open)s)
              and (%(after)s::int8 is null or id > %(after)s)
            order by id limit %(limit)s
            """,
            {
                "line": line,
                "lines": None if lines is None else sorted(lines),
                "is_open": is_open,
                "after": after,
                "limit": limit,
            },
        ).fetchall()


def list_balances(
    conn: Connection,
    *,
    location: str | None,
    item: str | None,
    hidden: Collection[str],
    after: tuple[Any, ...] | None,
    limit: int,
) -> list[Balance]:
    """Balances by location and item, those of `hidden` locations left out."""
    after_location, after_item = after or (None, None)
    with conn.cursor(row_factory=class_row(Balance)) as cur:
        return cur.execute(
            """
            select b.location, b.item, i.unit, b.quantity as on_hand, b.stated, b.kind, b.as_of
            from balance b join item i on i.code = b.item
            where (%(location)s::text is null or b.location = %(location)s)
              and (%(item)s::text is null or b.item = %(item)s)
              and b.location <> all(%(hidden)s)
              and (%(after_location)s::text is null or (b.location, b.item) > (%(after_location)s, %(after_item)s))
            order by b.location, b.item limit %(limit)s
            """,
            {
                "location": location,
                "item": item,
                "hidden": sorted(hidden),
                "after_location": after_location,
                "after_item": after_item,
                "limit": limit,
            },
        ).fetchall()


def list_shortages(
    conn: Connection, *, item: str | None, states: Sequence[str] | None, after: int | None, limit: int
) -> list[ShortageLine]:
    """Shortages, oldest first, with what was answered."""
    with conn.cursor(row_factory=dict_row) as cur:
        rows = cur.execute(
            """
            select s.id, s.item, i.unit, v.state, s.opened_at, s.changed_at, s.short_quantity, s.needed_by, s.on_hand,
                   s.line, s.orders, s.receipts, s.covered_by, s.covered_at, s.cause, s.confirmed_at, s.closed_at,
                   s.closed_cause
            from shortage s join item i on i.code = s.item join shortage_state v on v.id = s.id
            where (%(item)s::text is null or s.item = %(item)s)
              and (%(states)s::text[] is null or v.state = any(%(states)s))
              and (%(after)s::int8 is null or s.id > %(after)s)
            order by s.id limit %(limit)s
            """,
            {"item": item, "states": None if states is None else list(states), "after": after, "limit": limit},
        ).fetchall()
    answers = _answers(conn, [row["id"] for row in rows])
    return [ShortageLine(**row, answers=answers[row["id"]]) for row in rows]


def _answers(conn: Connection, shortage_ids: Sequence[int]) -> dict[int, list[Answer]]:
    found: dict[int, list[Answer]] = defaultdict(list)
    for shortage_id, *answer in conn.execute(
        """
        select shortage_id, at, by, answer, ref, quantity, expected_at from shortage_answer
        where shortage_id = any(%(ids)s) order by id
        """,
        {"ids": list(shortage_ids)},
    ):
        found[shortage_id].append(Answer(*answer))
    return found
