"""Consumption as booked, and the recipes it is reckoned with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from mes.domain.material.consumption import Recipe, Step, Use
from mes.store.pool import Connection
from mes.store.tracking.arrays import texts, wholes
from mes.store.tracking.counts import ShiftKey, key_arrays


def load_recipes(conn: Connection, order_ids: Iterable[int]) -> dict[int, Recipe]:
    """How orders are made and of what: their own components and operations if any, else the revision's."""
    wanted = {"ids": sorted(set(order_ids))}
    if not wanted["ids"]:
        return {}
    revisions = dict(conn.execute("select id, revision from production_order where id = any(%(ids)s)", wanted))
    steps: dict[int, list[Step]] = {order_id: [] for order_id in revisions}
    uses: dict[int, list[Use]] = {order_id: [] for order_id in revisions}
    for order_id, seq, lines, seconds, by_line, rate, external in conn.execute(
        """
        select o.id, p.seq, p.lines, p.seconds_per_piece, p.seconds_by_line, p.yield_rate, p.external is not null
        from production_order o
        cross join lateral (
            select seq, lines, seconds_per_piece, seconds_by_line, yield_rate, external
            from order_operation where order_id = o.id
            union all
            select seq, lines, seconds_per_piece, seconds_by_line, yield_rate, external
            from operation where (item, revision) = (o.item, o.revision)
              and not exists (select from order_operation where order_id = o.id)
        ) p
        where o.id = any(%(ids)s) order by o.id, p.seq
        """,
        wanted,
    ):
        paces = tuple((line, Decimal(str(pace))) for line, pace in sorted(by_line.items()))
        steps[order_id].append(Step(seq, tuple(lines), seconds, paces, rate, external))
    for order_id, item, quantity_per, seq, scrap in conn.execute(
        """
        select o.id, b.component, b.quantity_per, b.operation_seq, b.scrap_fraction
        from production_order o
        cross join lateral (
            select line_no, component, quantity_per, operation_seq, scrap_fraction
            from order_component where order_id = o.id
            union all
            select line_no, component, quantity_per, operation_seq, scrap_fraction
            from bom_line where (item, revision) = (o.item, o.revision)
              and not exists (select from order_component where order_id = o.id)
        ) b
        where o.id = any(%(ids)s) order by o.id, b.line_no
        """,
        wanted,
    ):
        uses[order_id].append(Use(item, quantity_per, seq, scrap))
    return {
        order_id: Recipe(revision, tuple(steps[order_id]), tuple(uses[order_id]))
        for order_id, revision in revisions.items()
    }


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
