"""Waiting for a running demonstration: until plant time reaches an instant, until everything is booked."""

from __future__ import annotations

import time
from datetime import datetime

import psycopg

from mes.host.launch import Stack
from mes.store.house import load_clock


def wait_until(stack: Stack, at: datetime, wait_s_max: float = 300.0) -> None:
    """Until plant time reaches `at`."""
    with stack.connect() as conn:
        plant = load_clock(conn)
    deadline = time.monotonic() + wait_s_max
    while plant.now() < at:
        stack.require_running()
        assert time.monotonic() < deadline, f"plant time stands at {plant.now()}"
        time.sleep(0.2)


def unsettled(conn: psycopg.Connection[object], until: datetime) -> list[object]:
    """What of before an instant still waits to be booked; the plant goes on meanwhile."""
    rows = conn.execute(
        """
        select kind, keys, from_at, why, tries from touched
        where kind in ('station', 'line', 'plant') and (from_at is null or from_at < %s)
        """,
        [until],
    ).fetchall()
    conn.rollback()
    return rows
