"""Automatic plan runs as the tracker sees them: does a wish wait, does one run, did one fail. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from mes.store.pool import Connection


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
