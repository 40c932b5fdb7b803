"""What has to be booked again. Everybody who changed what booking reads says so here, in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg.rows import class_row

from mes.store.bell import ring
from mes.store.pool import Connection

Kind = Literal["station", "line", "order", "item", "plan", "plant"]


@dataclass(frozen=True, slots=True)
class Touched:
    """A stretch to look at again: `keys` of `kind`, from..to in plant time (both None where time means nothing).

    `tries`: how often it failed already.
    """

    kind: Kind
    keys: list[str]
    from_at: datetime | None
    to_at: datetime | None
    why: str
    tries: int = 0


def touch(
    conn: Connection,
    kind: Kind,
    keys: Sequence[str],
    why: str,
    *,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
) -> None:
    """Ask for `keys` to be booked again, and ring. `station` keys are machine and station codes."""
    conn.execute(
        """
        insert into touched (kind, keys, from_at, to_at, why)
        values (%(kind)s, %(keys)s, %(from_at)s, %(to_at)s, %(why)s)
        """,
        {"kind": kind, "keys": list(keys), "from_at": from_at, "to_at": to_at, "why": why},
    )
    ring(conn, "touched")


def touch_again(conn: Connection, failed: Touched, why: str, *, retry_at: datetime) -> None:
    """Leave touched what could not be booked, saying why; not to be taken before `retry_at` (machine time)."""
    conn.execute(
        """
        insert into touched (kind, keys, from_at, to_at, why, tries, retry_at)
        values (%(kind)s, %(keys)s, %(from_at)s, %(to_at)s, %(why)s, %(tries)s, %(retry_at)s)
        """,
        {
            "kind": failed.kind,
            "keys": failed.keys,
            "from_at": failed.from_at,
            "to_at": failed.to_at,
            "why": why,
            "tries": failed.tries + 1,
            "retry_at": retry_at,
        },
    )


def take_touched(conn: Connection, *, wall_at: datetime | None = None, limit: int = 10_000) -> list[Touched]:
    """Take the visible rows out, oldest first; they are back if this transaction does not commit.

    `wall_at`: machine time now; what failed and waits for a later time stays. None: everything is taken.
    """
    with conn.cursor(row_factory=class_row(Touched)) as cur:
        return cur.execute(
            """
            with taken as (
                delete from touched
                where id in (
                    select id from touched
                    where retry_at is null or coalesce(%(wall_at)s::timestamptz, 'infinity') >= retry_at
                    order by id limit %(limit)s)
                returning id, kind, keys, from_at, to_at, why, tries
            )
            select kind, keys, from_at, to_at, why, tries from taken order by id
            """,
            {"limit": limit, "wall_at": wall_at},
        ).fetchall()


def list_touched(conn: Connection) -> list[Touched]:
    """The visible rows, oldest first, left where they are."""
    with conn.cursor(row_factory=class_row(Touched)) as cur:
        return cur.execute("select kind, keys, from_at, to_at, why, tries from touched order by id").fetchall()
