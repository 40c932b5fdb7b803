"""Automatic plan runs as the tracker sees them, and what may no longer hold of the newest plan. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import class_row

from mes.store.pool import Connection

DOWN_DAYS = 2
"""A line that has been down for longer is closed by people."""


@dataclass(frozen=True, slots=True)
class Wish:
    """`waiting`: the reasons of the automatic run that waits; None when none does.

    `planned_at`: what was known then is in the newest plan; None when there is none. `failed_at`: when the last
    re-plan failed, if it did.
    """

    waiting: list[dict[str, Any]] | None
    is_running: bool
    planned_at: datetime | None
    failed_at: datetime | None


def load_wish(conn: Connection) -> Wish:
    """How the wish for a new plan stands."""
    with conn.cursor(row_factory=class_row(Wish)) as cur:
        wish = cur.execute(
            """
            select (select reasons from plan_run where state = 'waiting' and automatic) as waiting,
                   exists (select from plan_run where state = 'running' and kind = 'replan') as is_running,
                   (select max(p.known_at) from plan p left join plan_run r on r.id = p.run_id
                    where p.state = 'published' or r.kind = 'replan') as planned_at,
                   (select case when state = 'failed' then finished_at end from plan_run
                    where kind = 'replan' and state in ('done', 'failed') order by id desc limit 1) as failed_at
            """
        ).fetchone()
    assert wish is not None
    return wish


@dataclass(frozen=True, slots=True)
class Down:
    """A line that stands because of a fault, or stood (`to_at`)."""

    line: str
    from_at: datetime
    to_at: datetime | None

    def is_known(self, at: datetime, limit: timedelta) -> bool:
        """Whether it was, at an instant, down for so long that a plan made then counts on it."""
        return self.from_at + limit <= at and (self.to_at is None or self.to_at > at)

    def expected_until(self, at: datetime, limit: timedelta) -> datetime:
        """Until when it is taken to stand, seen from `at`: once more as long as it has, at least the limit."""
        return at + max(limit, at - self.from_at)


def load_down(conn: Connection, lines: Sequence[str], *, now: datetime, since: datetime) -> list[Down]:
    """Stops of lines by faults that last, or ended after `since`."""
    with conn.cursor(row_factory=class_row(Down)) as cur:
        return cur.execute(
            """
            select scope as line, from_at, to_at from stop
            where scope = any(%(lines)s) and state = 'fault' and from_at > %(now)s - %(back)s::interval
              and (to_at is null or to_at > %(since)s)
            order by scope, from_at
            """,
            {"lines": list(lines), "now": now, "since": since, "back": timedelta(days=DOWN_DAYS)},
        ).fetchall()


def receipts_changed(conn: Connection, since: datetime) -> list[str]:
    """Receipts (system/number/line_no) that changed after an instant, of items the newest plan has to wait for."""
    rows = conn.execute(
        """
        select r.system || '/' || r.number || '/' || r.line_no from expected_receipt r
        where r.changed_at > %(since)s and r.item in (
            select lack ->> 'item' from jsonb_array_elements((
                select p.shortages from plan p left join plan_run n on n.id = p.run_id
                where p.state = 'published' or n.kind = 'replan' order by p.id desc limit 1)) as lack)
        order by 1
        """,
        {"since": since},
    )
    return [ref for (ref,) in rows]
