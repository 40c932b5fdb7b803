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
    """Give committed events their place in the feed, in id order; how many.

    A number given at insert would be visible out of order: a reader could pass it before a slower transaction commits.
    Only the holder of the lease calls this; should two, the second waits, and then sees what the first has numbered.
    """
    conn.execute("select from feed for update")
    row = conn.execute(
        """
        with fresh as (
            select id, row_number() over (order by id) as place from outbox where seq is null
        ), numbered as (
            update outbox o set seq = feed.last_seq + fresh.place from fresh, feed where o.id = fresh.id returning o.seq
        )
        update feed set last_seq = (select max(seq) from numbered)
        where exists (select from numbered)
        returning (select count(*) from numbered)
        """
    ).fetchone()
    return 0 if row is None else int(row[0])


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
    """The cursor before the oldest event that is still handed out, and the newest cursor; equal when there is none."""
    row = conn.execute("select dropped_through, last_seq from feed").fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


PASSING = (
    "mes.plan.published",
    "mes.eta.changed",
    "mes.shortage.changed",
    "mes.andon.raised",
    "mes.andon.resolved",
)  # fmt: skip
"""Events nothing of ours rests on once they were handed out. The others stay: balances count by their reports, and
what was told of an order is not told again."""


def end_feed(conn: Connection, before: datetime) -> int:
    """Hand out no more what was written before an instant of machine time; how many events were deleted."""
    row = conn.execute(
        """
        update feed set dropped_through = greatest(dropped_through, coalesce(
            (select seq - 1 from outbox where seq > dropped_through and wall_at >= %(before)s order by seq limit 1),
            last_seq))
        returning dropped_through
        """,
        {"before": before},
    ).fetchone()
    assert row is not None
    return conn.execute(
        "delete from outbox where seq <= %(through)s and type = any(%(passing)s)",
        {"through": row[0], "passing": list(PASSING)},
    ).rowcount


def drop_reads(conn: Connection, before: datetime) -> int:
    """Forget how far readers had read before an instant of plant time, but for the last of each; how many rows."""
    return conn.execute(
        """
        delete from feed_read r where r.read_at < %(before)s
        and exists (select from feed_read n where n.reader = r.reader and n.read_at < %(before)s
                    and n.through_seq > r.through_seq)
        """,
        {"before": before},
    ).rowcount


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
