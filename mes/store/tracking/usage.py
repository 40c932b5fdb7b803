"""Consumption as booked."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from mes.store.pool import Connection
from mes.store.tracking.arrays import texts, wholes
from mes.store.tracking.counts import ShiftKey, key_arrays


class Consumed(NamedTuple):
    """What pieces of a job used of an item at a station in a shift, taken from the line's location."""

    station: str
    shift_day: str
    shift: str
    job: int
    item: str
    line: str
    location: str
    order_id: int
    operation_seq: int
    revision: str
    pieces: int
    quantity: Decimal


def load_consumption(conn: Connection, keys: Sequence[ShiftKey]) -> list[Consumed]:
    """The consumption of stations and shifts."""
    rows = conn.execute(
        """
        select c.station, c.shift_day::text, c.shift, c.job_id, c.item, c.line, c.location, c.order_id,
               c.operation_seq, c.revision, c.pieces, c.quantity
        from unnest(%(station)s::text[], %(shift_day)s::date[], %(shift)s::text[]) as w (station, shift_day, shift)
        join consumption c using (station, shift_day, shift)
        """,
        key_arrays(keys),
    ).fetchall()
    return [Consumed(*row) for row in rows]


def shifts_of_orders(conn: Connection, order_ids: Sequence[int]) -> list[ShiftKey]:
    """The stations and shifts in which orders were made."""
    rows = conn.execute(
        "select distinct station, shift_day::text, shift from shift_count where order_id = any(%(ids)s)",
        {"ids": list(order_ids)},
    )
    return [ShiftKey(*row) for row in rows]


def save_consumption(conn: Connection, gone: Sequence[Consumed], put: Sequence[Consumed]) -> None:
    """Take consumption away and put other."""
    if gone:
        conn.execute(
            """
            delete from consumption c
            using unnest(%(station)s::text[], %(shift_day)s::date[], %(shift)s::text[], %(job)s::int8[],
                         %(item)s::text[]) as w (station, shift_day, shift, job_id, item)
            where (c.station, c.shift_day, c.shift, c.job_id, c.item)
                = (w.station, w.shift_day, w.shift, w.job_id, w.item)
            """,
            {
                **key_arrays([ShiftKey(*row[:3]) for row in gone]),
                "job": wholes(row.job for row in gone),
                "item": texts(row.item for row in gone),
            },
        )
    if put:
        conn.execute(
            """
            insert into consumption (station, shift_day, shift, job_id, item, line, location, order_id, operation_seq,
                                     revision, pieces, quantity)
            select * from unnest(
                %(station)s::text[], %(shift_day)s::date[], %(shift)s::text[], %(job)s::int8[], %(item)s::text[],
                %(line)s::text[], %(location)s::text[], %(order_id)s::int8[], %(operation_seq)s::int4[],
                %(revision)s::text[], %(pieces)s::int8[], %(quantity)s::numeric[])
            on conflict (station, shift_day, shift, job_id, item) do update
            set line = excluded.line, location = excluded.location, order_id = excluded.order_id,
                operation_seq = excluded.operation_seq, revision = excluded.revision, pieces = excluded.pieces,
                quantity = excluded.quantity
            """,
            {
                **key_arrays([ShiftKey(*row[:3]) for row in put]),
                **{
                    name: wholes(getattr(row, name) for row in put)
                    for name in ("job", "order_id", "operation_seq", "pieces")
                },
                **{name: texts(getattr(row, name) for row in put) for name in ("item", "line", "location", "revision")},
                "quantity": texts(str(row.quantity) for row in put),
            },
        )
