"""The house itself: the anchor of plant time, and leases on duties that only one process may have."""

from __future__ import annotations

from datetime import timedelta

from psycopg.rows import class_row

from mes.clock import Clock, real_clock
from mes.store.pool import Connection

LEASE_S = 6.0


def save_clock(conn: Connection, clock: Clock) -> None:
    """Anchor plant time; every process reads it from here."""
    conn.execute(
        """
        insert into clock (plant_at, wall_at, speed) values (%(plant_at)s, %(wall_at)s, %(speed)s)
        on conflict (only_one) do update
        set plant_at = excluded.plant_at, wall_at = excluded.wall_at, speed = excluded.speed
        """,
        {"plant_at": clock.plant_at, "wall_at": clock.wall_at, "speed": clock.speed},
    )


def load_clock(conn: Connection) -> Clock:
    """Plant time as anchored; the machine's own time where nobody anchored it."""
    with conn.cursor(row_factory=class_row(Clock)) as cur:
        return cur.execute("select plant_at, wall_at, speed from clock").fetchone() or real_clock()


def take_lease(conn: Connection, name: str, owner: str, *, lease_s: float = LEASE_S) -> int | None:
    """Take or renew a duty: its epoch, or None while somebody else holds it. Housekeeping: runs on database time."""
    row = conn.execute(
        """
        insert into lease as l (name, owner, epoch, expires_at) values (%(name)s, %(owner)s, 1, now() + %(span)s)
        on conflict (name) do update
        set owner = excluded.owner,
            epoch = l.epoch + (l.owner <> excluded.owner)::int,
            expires_at = excluded.expires_at
        where l.owner = excluded.owner or l.expires_at < now()
        returning epoch
        """,
        {"name": name, "owner": owner, "span": timedelta(seconds=lease_s)},
    ).fetchone()
    return None if row is None else int(row[0])


def release_lease(conn: Connection, name: str, owner: str) -> None:
    """Give a duty back, so that the next holder need not wait."""
    conn.execute(
        "update lease set expires_at = now() where name = %(name)s and owner = %(owner)s",
        {"name": name, "owner": owner},
    )


def hold_name(conn: Connection, *name: str) -> None:
    """Let only one transaction at a time deal with what is called so; held until this one ends."""
    conn.execute("select pg_advisory_xact_lock(hashtextextended(%(name)s, 0))", {"name": "\x1f".join(name)})
