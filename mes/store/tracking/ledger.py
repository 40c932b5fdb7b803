"""The time ledger as booked: where the time of each post and shift went."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from mes.store.pool import Connection
from mes.store.tracking.arrays import texts, wholes
from mes.store.tracking.counts import ShiftKey, key_arrays


class LedgerRow(NamedTuple):
    """A post's shift, µs by element; `detail` is what the elements were made of."""

    machine: str
    shift_day: str
    shift: str
    line: str
    calendar_us: int
    planned_stop_us: int
    apt_us: int
    aust_us: int
    adet_us: int
    adot_us: int
    no_data_us: int
    ideal_us: int
    good: int
    reject: int
    rework: int
    scrap: int
    order_us: int
    failures: int
    failure_us: int
    unpaced: int
    detail: dict[str, Any]


def load_ledger(conn: Connection, keys: Sequence[ShiftKey]) -> list[LedgerRow]:
    """The ledger rows of posts and shifts (`ShiftKey.station` is the post's code)."""
    rows = conn.execute(
        """
        select t.machine, t.shift_day::text, t.shift, t.line, t.calendar_us, t.planned_stop_us, t.apt_us, t.aust_us,
               t.adet_us, t.adot_us, t.no_data_us, t.ideal_us, t.good, t.reject, t.rework, t.scrap,
               t.order_us, t.failures, t.failure_us, t.unpaced, t.detail
        from unnest(%(station)s::text[], %(shift_day)s::date[], %(shift)s::text[]) as w (machine, shift_day, shift)
        join time_ledger t using (machine, shift_day, shift)
        """,
        key_arrays(keys),
    ).fetchall()
    return [LedgerRow(*row) for row in rows]


def save_ledger(conn: Connection, gone: Sequence[LedgerRow], put: Sequence[LedgerRow]) -> None:
    """Take ledger rows away and put others."""
    if gone:
        conn.execute(
            """
            delete from time_ledger t
            using unnest(%(station)s::text[], %(shift_day)s::date[], %(shift)s::text[]) as w (machine, shift_day, shift)
            where (t.machine, t.shift_day, t.shift) = (w.machine, w.shift_day, w.shift)
            """,
            key_arrays([ShiftKey(*row[:3]) for row in gone]),
        )
    if put:
        conn.execute(
            """
            insert into time_ledger (machine, shift_day, shift, line, calendar_us, planned_stop_us, apt_us, aust_us,
                                     adet_us, adot_us, no_data_us, ideal_us, good, reject, rework, scrap, order_us,
                                     failures, failure_us, unpaced, detail)
            select * from unnest(
                %(station)s::text[], %(shift_day)s::date[], %(shift)s::text[], %(line)s::text[],
                %(calendar_us)s::int8[], %(planned_stop_us)s::int8[], %(apt_us)s::int8[], %(aust_us)s::int8[],
                %(adet_us)s::int8[], %(adot_us)s::int8[], %(no_data_us)s::int8[], %(ideal_us)s::int8[],
                %(good)s::int8[], %(reject)s::int8[], %(rework)s::int8[], %(scrap)s::int8[], %(order_us)s::int8[],
                %(failures)s::int4[], %(failure_us)s::int8[], %(unpaced)s::int8[], %(detail)s::jsonb[])
            on conflict (machine, shift_day, shift) do update
            set line = excluded.line, calendar_us = excluded.calendar_us, planned_stop_us = excluded.planned_stop_us,
                apt_us = excluded.apt_us, aust_us = excluded.aust_us, adet_us = excluded.adet_us,
                adot_us = excluded.adot_us, no_data_us = excluded.no_data_us, ideal_us = excluded.ideal_us,
                good = excluded.good, reject = excluded.reject, rework = excluded.rework, scrap = excluded.scrap,
                order_us = excluded.order_us, failures = excluded.failures, failure_us = excluded.failure_us,
                unpaced = excluded.unpaced, detail = excluded.detail
            """,
            {
                **key_arrays([ShiftKey(*row[:3]) for row in put]),
                "line": texts(row.line for row in put),
                **{name: wholes(getattr(row, name) for row in put) for name in LedgerRow._fields[4:-1]},
                "detail": texts(json.dumps(row.detail) for row in put),
            },
        )
