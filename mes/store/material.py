"""What was said of material: stock, receipts, movements, call-offs, answers to shortages. Quantities in base units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from mes.domain.material.documents import ExpectedReceipt
from mes.errors import ConflictError
from mes.store.pool import Connection


# ------------------------------------------------------------------ stock
@dataclass(frozen=True, slots=True)
class StatementRow:
    """What lay at a location of one item and lot, as a system stated (`erp`) or somebody counted (`count`)."""

    item: str
    lot: str
    on_hand: Decimal
    reserved: Decimal


def newest_statement(conn: Connection, location: str) -> datetime | None:
    """The `as_of` of the newest statement a system made about a location."""
    row = conn.execute(
        "select max(as_of) from stock_statement where location = %(location)s and kind = 'erp'",
        {"location": location},
    ).fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]


def list_statement(conn: Connection, location: str, as_of: datetime) -> list[StatementRow]:
    """What a system stated about a location at exactly this instant."""
    with conn.cursor(row_factory=class_row(StatementRow)) as cur:
        return cur.execute(
            """
            select item, lot, on_hand, reserved from stock_statement
            where location = %(location)s and kind = 'erp' and as_of = %(as_of)s order by item, lot
            """,
            {"location": location, "as_of": as_of},
        ).fetchall()


def insert_statement(
    conn: Connection,
    rows: Sequence[StatementRow],
    *,
    location: str,
    kind: Literal["erp", "count"],
    as_of: datetime,
    applied_through: int | None,
    stated_by: str,
    accepted_at: datetime,
) -> None:
    """Add what was stated or counted. A second count of the same instant takes the place of the first."""
    shared = {
        "location": location,
        "kind": kind,
        "as_of": as_of,
        "applied_through": applied_through,
        "stated_by": stated_by,
        "accepted_at": accepted_at,
    }
    with conn.cursor() as cur:
        cur.executemany(
            """
            insert into stock_statement (location, item, lot, kind, as_of, applied_through, on_hand, reserved,
                                         stated_by, accepted_at)
            values (%(location)s, %(item)s, %(lot)s, %(kind)s, %(as_of)s, %(applied_through)s, %(on_hand)s,
                    %(reserved)s, %(stated_by)s, %(accepted_at)s)
            on conflict (location, item, lot, kind, as_of) do update
            set on_hand = excluded.on_hand, reserved = excluded.reserved, stated_by = excluded.stated_by,
                applied_through = excluded.applied_through, accepted_at = excluded.accepted_at
            """,
            [shared | asdict(row) for row in rows],
        )


# ------------------------------------------------------------------ receipts
@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """An expected receipt and how often it was changed."""

    receipt: ExpectedReceipt
    version: int


def load_receipt(conn: Connection, system: str, number: str, line_no: int) -> KeptReceipt | None:
    """One expected receipt."""
    with conn.cursor(row_factory=dict_row) as cur:
        row = cur.execute(
            """
            select item, quantity, unit, expected_at, system, number, line_no, ext, version from expected_receipt
            where system = %(system)s and number = %(number)s and line_no = %(line_no)s
            """,
            {"system": system, "number": number, "line_no": line_no},
        ).fetchone()
    if row is None:
        return None
    version = row.pop("version")
    return KeptReceipt(ExpectedReceipt(**row), version)


def save_receipt(conn: Connection, receipt: ExpectedReceipt, *, at: datetime) -> int:
    """Store an expected receipt as it now is; its version."""
    row = conn.execute(
        """
        insert into expected_receipt as r (system, number, line_no, item, quantity, unit, expected_at, ext, changed_at)
        values (%(system)s, %(number)s, %(line_no)s, %(item)s, %(quantity)s, %(unit)s, %(expected_at)s, %(ext)s, %(at)s)
        on conflict (system, number, line_no) do update
        set item = excluded.item, quantity = excluded.quantity, unit = excluded.unit,
            expected_at = excluded.expected_at, ext = excluded.ext, version = r.version + 1,
            changed_at = excluded.changed_at
        returning version
        """,
        asdict(receipt) | {"ext": Jsonb(receipt.ext), "at": at},
    ).fetchone()
    assert row is not None
    return int(row[0])


# ------------------------------------------------------------------ movements
@dataclass(frozen=True, slots=True)
class MovementRow:
    """Material that somebody moved."""

    client_id: UUID
    kind: str
    item: str
    lot: str
    from_location: str | None
    to_location: str | None
    quantity: Decimal
    at: datetime
    job_id: int | None
    call_off_id: int | None
    note: str


def insert_movement(
    conn: Connection, movement: MovementRow, *, timed: bool, entered_at: datetime, entered_by: str
) -> int | None:
    """Add a movement; its id, None when this client id was heard before.

    `timed`: its instant was said and not taken from the clock. Raises ConflictError if the id said otherwise before.
    """
    row = conn.execute(
        """
        insert into stock_movement (client_id, kind, item, lot, from_location, to_location, quantity, at, job_id,
                                    call_off_id, note, entered_at, entered_by)
        values (%(client_id)s, %(kind)s, %(item)s, %(lot)s, %(from_location)s, %(to_location)s, %(quantity)s, %(at)s,
                %(job_id)s, %(call_off_id)s, %(note)s, %(entered_at)s, %(entered_by)s)
        on conflict (client_id) do nothing returning id
        """,
        asdict(movement) | {"entered_at": entered_at, "entered_by": entered_by},
    ).fetchone()
    if row is not None:
        return int(row[0])
    with conn.cursor(row_factory=class_row(MovementRow)) as cur:
        known = cur.execute(
            """
            select client_id, kind, item, lot, from_location, to_location, quantity, at, job_id, call_off_id, note
            from stock_movement where client_id = %(client_id)s
            """,
            {"client_id": movement.client_id},
        ).fetchone()
    if known is None or (known if timed else replace(known, at=movement.at)) != movement:
        raise ConflictError("This client_id was used for another movement", code="client_id_reused")
    return None


def find_movement(conn: Connection, client_id: UUID) -> int | None:
    """The id of the movement with this client id."""
    row = conn.execute("select id from stock_movement where client_id = %(id)s", {"id": client_id}).fetchone()
    return None if row is None else int(row[0])


# ------------------------------------------------------------------ call-offs
@dataclass(frozen=True, slots=True)
class CallOff:
    """A line asks for material; open until it is delivered or cancelled."""

    id: int
    client_id: UUID
    line: str
    location: str
    item: str
    quantity: Decimal
    needed_at: datetime
    called_at: datetime
    called_by: str
    delivered_at: datetime | None
    delivered_by: str | None
    delivered_quantity: Decimal | None
    cancelled_at: datetime | None
    cancelled_why: str | None

    @property
    def is_open(self) -> bool:
        return self.delivered_at is None and self.cancelled_at is None


def insert_call_off(
    conn: Connection,
    *,
    client_id: UUID,
    line: str,
    location: str,
    item: str,
    quantity: Decimal,
    needed_at: datetime,
    called_at: datetime,
    called_by: str,
) -> int | None:
    """Open a call-off; its id, None while one for this item at this location is open or this client id was heard."""
    row = conn.execute(
        """
        insert into call_off (client_id, line, location, item, quantity, needed_at, called_at, called_by)
        values (%(client_id)s, %(line)s, %(location)s, %(item)s, %(quantity)s, %(needed_at)s, %(called_at)s,
                %(called_by)s)
        on conflict do nothing returning id
        """,
        {
            "client_id": client_id,
            "line": line,
            "location": location,
            "item": item,
            "quantity": quantity,
            "needed_at": needed_at,
            "called_at": called_at,
            "called_by": called_by,
        },
    ).fetchone()
    return None if row is None else int(row[0])


def find_call_off(conn: Connection, *, call_off_id: int | None = None, client_id: UUID | None = None) -> CallOff | None:
    """One call-off, held until the transaction ends."""
    with conn.cursor(row_factory=class_row(CallOff)) as cur:
        return cur.execute(
            """
            select id, client_id, line, location, item, quantity, needed_at, called_at, called_by, delivered_at,
                   delivered_by, delivered_quantity, cancelled_at, cancelled_why
            from call_off where id = %(id)s or client_id = %(client_id)s for update
            """,
            {"id": call_off_id, "client_id": client_id},
        ).fetchone()


def open_call_off(conn: Connection, location: str, item: str) -> CallOff | None:
    """The open call-off of an item at a location."""
    with conn.cursor(row_factory=class_row(CallOff)) as cur:
        return cur.execute(
            """
            select id, client_id, line, location, item, quantity, needed_at, called_at, called_by, delivered_at,
                   delivered_by, delivered_quantity, cancelled_at, cancelled_why
            from call_off
            where location = %(location)s and item = %(item)s and delivered_at is null and cancelled_at is null
            """,
            {"location": location, "item": item},
        ).fetchone()


def close_call_off(conn: Connection, call_off_id: int, *, at: datetime, by: str, quantity: Decimal) -> None:
    """A call-off was delivered."""
    conn.execute(
        """
        update call_off set delivered_at = %(at)s, delivered_by = %(by)s, delivered_quantity = %(quantity)s
        where id = %(id)s
        """,
        {"at": at, "by": by, "quantity": quantity, "id": call_off_id},
    )


def cancel_call_off(conn: Connection, call_off_id: int, *, at: datetime, why: str) -> bool:
    """A call-off is not needed any more; False when it is not open."""
    return bool(
        conn.execute(
            """
            update call_off set cancelled_at = %(at)s, cancelled_why = %(why)s
            where id = %(id)s and delivered_at is null and cancelled_at is null
            """,
            {"at": at, "why": why, "id": call_off_id},
        ).rowcount
    )


# ------------------------------------------------------------------ answers to shortages
def shortage_item(conn: Connection, shortage_id: int) -> tuple[str, datetime | None] | None:
    """The item of a shortage and when it was closed; None when there is no such shortage."""
    row = conn.execute("select item, closed_at from shortage where id = %(id)s", {"id": shortage_id}).fetchone()
    return None if row is None else (row[0], row[1])


def insert_answer(conn: Connection, answer: dict[str, Any]) -> int | None:
    """Add an answer (columns of shortage_answer); its id, None when this client id was heard before."""
    row = conn.execute(
        """
        insert into shortage_answer (client_id, shortage_id, at, by, answer, ref, quantity, expected_at)
        values (%(client_id)s, %(shortage_id)s, %(at)s, %(by)s, %(answer)s, %(ref)s, %(quantity)s, %(expected_at)s)
        on conflict (client_id) do nothing returning id
        """,
        answer,
    ).fetchone()
    return None if row is None else int(row[0])
