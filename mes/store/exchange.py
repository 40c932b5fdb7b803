"""The outbox and its feed: facts for others, numbered after they are committed, read by cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from mes.domain.exchange import Event, plain
from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event as it stands in the feed; `seq` is the cursor."""

    seq: int
    id: int
    type: str
    subject: str
    at: datetime
    wall_at: datetime
    body: dict[str, Any]


def insert_event(conn: Connection, event: Event, *, at: datetime, wall_at: datetime) -> int:
    """Put an event into the outbox, in the transaction of its fact; its id. It is in the feed once numbered."""
    row = conn.execute(
        """
        insert into outbox (type, subject, at, wall_at, body)
        values (%(type)s, %(subject)s, %(at)s, %(wall_at)s, %(body)s) returning id
        """,
        {
            "type": event.type,
            "subject": event.subject,
            "at": at,
            "wall_at": wall_at,
            "body": Jsonb(plain(event.body)),
        },
    ).fetchone()
    assert row is not None
    return int(row[0])


def number_outbox(conn: Connection) -> int:
    """Give committed events their place in the feed, in id order; how many. Only the holder of the lease calls this.

    A number given at insert would be visible out of order: a reader could pass it before a slower transaction commits.
    """
    return conn.execute(
        """
        with fresh as (
            select id, row_number() over (order by id) as place from outbox where seq is null
        ), last as (
            select coalesce(max(seq), 0) as seq from outbox
        )
        update outbox o set seq = last.seq + fresh.place from fresh, last where o.id = fresh.id
        """
    ).rowcount


def list_events(conn: Connection, *, after: int, types: Sequence[str] | None, limit: int) -> list[OutboxRow]:
    """Events of the feed after cursor `after`, oldest first."""
    with conn.cursor(row_factory=class_row(OutboxRow)) as cur:
        return cur.execute(
            """
            select seq, id, type, subject, at, wall_at, body from outbox
            where seq > %(after)s and (%(types)s::text[] is null or type = any(%(types)s))
            order by seq limit %(limit)s
            """,
            {"after": after, "types": None if types is None else list(types), "limit": limit},
        ).fetchall()


def feed_bounds(conn: Connection) -> tuple[int, int]:
    """The oldest and newest cursor still in the feed; (0, 0) when it is empty."""
    row = conn.execute("select coalesce(min(seq), 0), coalesce(max(seq), 0) from outbox").fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def note_feed_read(conn: Connection, *, reader: str, through_seq: int, read_at: datetime) -> None:
    """Remember how far a reader had read and when, so that a later stock statement's `as_of` can be understood."""
    conn.execute(
        """
        insert into feed_read (reader, through_seq, read_at) values (%(reader)s, %(through_seq)s, %(read_at)s)
        on conflict do nothing
        """,
        {"reader": reader, "through_seq": through_seq, "read_at": read_at},
    )


def read_through(conn: Connection, *, reader: str, by: datetime) -> int:
    """The cursor a reader had reached by an instant of plant time; 0 when it had read nothing."""
    row = conn.execute(
        "select coalesce(max(through_seq), 0) from feed_read where reader = %(reader)s and read_at <= %(by)s",
        {"reader": reader, "by": by},
    ).fetchone()
    assert row is not None
    return int(row[0])
