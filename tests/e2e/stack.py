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


def settled(conn: psycopg.Connection[object]) -> bool:
    """Whether nothing waits to be booked."""
    row = conn.execute("select count(*) from touched").fetchone()
    conn.rollback()
    return row is not None and row[0] == 0
