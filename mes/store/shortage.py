"""Shortages: opened, changed and closed by the tracker alone. Their state is a view (`shortage_state`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from mes.domain.exchange import plain
from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class Shortage:
    """An open shortage as it stands and was told. `orders` and `receipts` as in its event."""

    id: int
    item: str
    opened_at: datetime
    changed_at: datetime
    short_quantity: Decimal
    needed_by: datetime
    on_hand: Decimal
    line: str | None
    orders: list[dict[str, Any]]
    receipts: list[dict[str, Any]]
    covered_by: str | None
    covered_at: datetime | None
    cause: str
    confirmed_at: datetime | None
    state: str


def load_open(conn: Connection, items: Sequence[str] | None = None) -> dict[str, Shortage]:
    """The open shortages by item; of `items`, or all."""
    with conn.cursor(row_factory=class_row(Shortage)) as cur:
        rows = cur.execute(
            """
            select s.id, s.item, s.opened_at, s.changed_at, s.short_quantity, s.needed_by, s.on_hand, s.line, s.orders,
                   s.receipts, s.covered_by, s.covered_at, s.cause, s.confirmed_at, v.state
            from shortage s join shortage_state v on v.id = s.id
            where s.closed_at is null and (%(items)s::text[] is null or s.item = any(%(items)s))
            """,
            {"items": None if items is None else list(items)},
        ).fetchall()
    return {row.item: row for row in rows}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is found to be missing of an item: the columns of a shortage that may change."""

    short_quantity: Decimal
    needed_by: datetime
    on_hand: Decimal
    line: str | None
    orders: list[dict[str, Any]]
    receipts: list[dict[str, Any]]
    cause: str
    covered_by: str | None = None
    covered_at: datetime | None = None
    confirmed_at: datetime | None = None


def _columns(found: Finding) -> dict[str, Any]:
    return {
        "short_quantity": found.short_quantity,
        "needed_by": found.needed_by,
        "on_hand": found.on_hand,
        "line": found.line,
        "orders": Jsonb(plain(found.orders)),
        "receipts": Jsonb(plain(found.receipts)),
        "cause": found.cause,
        "covered_by": found.covered_by,
        "covered_at": found.covered_at,
        "confirmed_at": found.confirmed_at,
    }


def open_shortage(conn: Connection, item: str, found: Finding, *, at: datetime) -> int:
    """Open a shortage of an item that has none open; its id."""
    row = conn.execute(
        """
        insert into shortage (item, opened_at, changed_at, short_quantity, needed_by, on_hand, line, orders, receipts,
                              cause, covered_by, covered_at, confirmed_at)
        values (%(item)s, %(at)s, %(at)s, %(short_quantity)s, %(needed_by)s, %(on_hand)s, %(line)s, %(orders)s,
                %(receipts)s, %(cause)s, %(covered_by)s, %(covered_at)s, %(confirmed_at)s)
        returning id
        """,
        _columns(found) | {"item": item, "at": at},
    ).fetchone()
    assert row is not None
    return int(row[0])


def change_shortage(conn: Connection, shortage_id: int, found: Finding, *, at: datetime) -> None:
    """Say anew what is missing."""
    conn.execute(
        """
        update shortage
        set changed_at = %(at)s, version = version + 1, short_quantity = %(short_quantity)s, needed_by = %(needed_by)s,
            on_hand = %(on_hand)s, line = %(line)s, orders = %(orders)s, receipts = %(receipts)s, cause = %(cause)s,
            covered_by = %(covered_by)s, covered_at = %(covered_at)s, confirmed_at = %(confirmed_at)s
        where id = %(id)s
        """,
        _columns(found) | {"id": shortage_id, "at": at},
    )


def close_shortage(conn: Connection, shortage_id: int, *, at: datetime, cause: str) -> None:
    """Nothing is missing any more, and why not."""
    conn.execute(
        """
        update shortage set changed_at = %(at)s, closed_at = %(at)s, closed_cause = %(cause)s, version = version + 1
        where id = %(id)s
        """,
        {"id": shortage_id, "at": at, "cause": cause},
    )


def closing_cause(conn: Connection, item: str, *, since: datetime) -> str:
    """What happened to an item since a shortage of it was opened: why it is over.

    delivered (goods came in), miscount (somebody counted more), unscanned_move (found elsewhere), else plan_changed.
    """
    row = conn.execute(
        """
        select case
            when exists (select from stock_movement where item = %(item)s and entered_at >= %(since)s
                         and (kind = 'receive' or from_location is null)) then 'delivered'
            when exists (select from stock_statement where item = %(item)s and accepted_at >= %(since)s
                         and kind = 'count') then 'miscount'
            when exists (select from stock_statement where item = %(item)s and accepted_at >= %(since)s
                         and kind = 'erp') then 'delivered'
            when exists (select from stock_movement where item = %(item)s and entered_at >= %(since)s)
                then 'unscanned_move'
            else 'plan_changed' end
        """,
        {"item": item, "since": since},
    ).fetchone()
    assert row is not None
    return str(row[0])


def changed_since(conn: Connection, since: datetime) -> list[tuple[str, str]]:
    """(item, state) of shortages opened, changed or closed after an instant."""
    return conn.execute(
        """
        select s.item, v.state from shortage s join shortage_state v on v.id = s.id
        where s.changed_at > %(since)s order by s.item
        """,
        {"since": since},
    ).fetchall()
