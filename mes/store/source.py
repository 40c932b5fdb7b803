"""Sources as the database knows them: when they were not heard (gaps), who owns them (leases), how they are.

Leases run on the machine time of the database, everything else here on plant time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from mes.domain.sample import GapWhy
from mes.store.pool import Connection
from mes.store.touched import touch

SOURCE_LEASE_S = 6.0


# --- gaps


@dataclass(frozen=True, slots=True)
class Gap:
    """A source (or, with `tag_id`, the machine of that tag) was not heard from..to; `to_at` None while it lasts."""

    source: str
    from_at: datetime
    why: GapWhy
    to_at: datetime | None = None
    tag_id: int | None = None
    detail: str = ""


def insert_gap(conn: Connection, gap: Gap, *, epoch: int, machines: Sequence[str]) -> bool:
    """Write a gap and have its machines booked again.

    False when one is open already, or when somebody else owns the source now. A gap that is over is a fact and never
    refused.
    """
    new = conn.execute(
        """
        insert into gap (source, tag_id, from_at, to_at, why, detail, epoch)
        select %(source)s, %(tag_id)s, %(from_at)s, %(to_at)s, %(why)s, %(detail)s, %(epoch)s
        where %(to_at)s::timestamptz is not null
           or exists (select from source_lease where source = %(source)s and epoch = %(epoch)s)
          and not exists (
              select from gap where source = %(source)s and tag_id is not distinct from %(tag_id)s and to_at is null)
        """,
        {
            "source": gap.source,
            "tag_id": gap.tag_id,
            "from_at": gap.from_at,
            "to_at": gap.to_at,
            "why": gap.why,
            "detail": gap.detail,
            "epoch": epoch,
        },
    ).rowcount
    if new and machines:
        touch(conn, "station", machines, f"gap {gap.why}", from_at=gap.from_at, to_at=gap.to_at)
    return bool(new)


def close_gap(
    conn: Connection, source: str, *, to_at: datetime, epoch: int, machines: Sequence[str], tag_id: int | None = None
) -> bool:
    """End the open gap (never before it began) and have its machines booked again; False when none was open."""
    closed = conn.execute(
        """
        update gap set to_at = greatest(from_at, %(to_at)s)
        where source = %(source)s and tag_id is not distinct from %(tag_id)s and to_at is null
          and exists (select from source_lease where source = %(source)s and epoch = %(epoch)s)
        returning from_at, to_at
        """,
        {"source": source, "tag_id": tag_id, "to_at": to_at, "epoch": epoch},
    ).fetchall()
    if closed and machines:
        from_at, until = min(span[0] for span in closed), max(span[1] for span in closed)
        touch(conn, "station", machines, "gap closed", from_at=from_at, to_at=until)
    return bool(closed)


# --- leases


@dataclass(frozen=True, slots=True)
class SourceLease:
    """The right to one source. `heard_at` is when (plant time) anybody last heard it; a gap may still be open."""

    source: str
    epoch: int
    heard_at: datetime | None
    gap_is_open: bool


@dataclass(frozen=True, slots=True)
class Beat:
    """What an owner says of its source each second."""

    source: str
    epoch: int
    state: str
    since_at: datetime | None
    heard_at: datetime | None
    health: Mapping[str, Any]


def take_source(conn: Connection, source: str, owner: str, *, lease_s: float = SOURCE_LEASE_S) -> SourceLease | None:
    """Become the owner of a source, or None while somebody else is."""
    with conn.cursor(row_factory=class_row(SourceLease)) as cur:
        return cur.execute(
            """
            insert into source_lease as l (source, owner, epoch, expires_at)
            values (%(source)s, %(owner)s, 1, now() + %(span)s)
            on conflict (source) do update
            set owner = excluded.owner, epoch = l.epoch + (l.owner <> excluded.owner)::int,
                expires_at = excluded.expires_at
            where l.owner = excluded.owner or l.expires_at < now()
            returning source, epoch, heard_at, exists (
                select from gap where gap.source = l.source and tag_id is null and to_at is null) as gap_is_open
            """,
            {"source": source, "owner": owner, "span": timedelta(seconds=lease_s)},
        ).fetchone()


def renew_sources(
    conn: Connection, owner: str, beats: Sequence[Beat], *, lease_s: float = SOURCE_LEASE_S
) -> frozenset[str]:
    """Keep sources and say how they are; the ones that are still ours."""
    beats = sorted(beats, key=lambda beat: beat.source)
    kept = conn.execute(
        """
        update source_lease as l
        set expires_at = now() + %(span)s, state = b.state, since_at = b.since_at,
            heard_at = greatest(b.heard_at, l.heard_at), health = b.health
        from unnest(%(source)s::text[], %(epoch)s::int8[], %(state)s::text[], %(since_at)s::timestamptz[],
                    %(heard_at)s::timestamptz[], %(health)s::jsonb[])
             as b(source, epoch, state, since_at, heard_at, health)
        where l.source = b.source and l.epoch = b.epoch and l.owner = %(owner)s
        returning l.source
        """,
        {
            "owner": owner,
            "span": timedelta(seconds=lease_s),
            "source": [beat.source for beat in beats],
            "epoch": [beat.epoch for beat in beats],
            "state": [beat.state for beat in beats],
            "since_at": [beat.since_at for beat in beats],
            "heard_at": [beat.heard_at for beat in beats],
            "health": [Jsonb(dict(beat.health)) for beat in beats],
        },
    ).fetchall()
    return frozenset(source for (source,) in kept)


def owned_sources(conn: Connection, owner: str, epochs: Mapping[str, int]) -> frozenset[str]:
    """Those of `epochs` that nobody has taken over. The last question before a batch commits."""
    kept = conn.execute(
        """
        select l.source from source_lease l
        join unnest(%(source)s::text[], %(epoch)s::int8[]) as b(source, epoch) using (source, epoch)
        where l.owner = %(owner)s
        """,
        {"owner": owner, "source": list(epochs), "epoch": list(epochs.values())},
    ).fetchall()
    return frozenset(source for (source,) in kept)


def release_sources(conn: Connection, owner: str, sources: Sequence[str]) -> None:
    """Give sources back, so that the next owner need not wait."""
    conn.execute(
        """
        update source_lease set expires_at = now(), state = 'stopped'
        where owner = %(owner)s and source = any(%(sources)s)
        """,
        {"owner": owner, "sources": list(sources)},
    )


# --- gateways, which come to us by themselves


@dataclass(frozen=True, slots=True)
class GatewayWord:
    """The last message of a gateway before this one."""

    sequence: int
    heard_at: datetime


def note_gateway(
    conn: Connection,
    source: str,
    sequence: int,
    at: datetime,
    counts: Mapping[str, int],
    *,
    owned_s: float,
    newest_at: datetime | None = None,
) -> GatewayWord | None:
    """Write down that a gateway was heard, what became of it, and until when it counts as being there.

    `newest_at` is the time of its newest sample. Returns what it said before.
    Messages of one gateway wait here for each other until they are committed.
    """
    before = conn.execute(
        "select (health ->> 'sequence')::int8, heard_at, health -> 'counts' from source_lease"
        " where source = %(source)s for update",
        {"source": source},
    ).fetchone()
    known = before is not None and before[0] is not None
    so_far: Mapping[str, int] = (before[2] or {}) if before else {}
    health = {
        "sequence": max(sequence, before[0]) if known and before is not None else sequence,
        "last_at": (newest_at or at).isoformat(),
        "lag_s": max(0.0, (at - newest_at).total_seconds()) if newest_at else 0.0,
        "per_s": _per_s(counts, at, before[1] if before is not None else None),
        "counts": {name: so_far.get(name, 0) + counts.get(name, 0) for name in {**so_far, **counts}},
    }
    conn.execute(
        """
        insert into source_lease as l (source, owner, epoch, expires_at, heard_at, state, since_at, health)
        values (%(source)s, 'gateway', 1, now() + %(span)s, %(at)s, 'running', %(at)s, %(health)s)
        on conflict (source) do update
        set expires_at = excluded.expires_at, heard_at = greatest(l.heard_at, excluded.heard_at), state = 'running',
            since_at = case when l.expires_at < now() then excluded.since_at else coalesce(l.since_at, %(at)s) end,
            health = excluded.health
        """,
        {"source": source, "span": timedelta(seconds=owned_s), "at": at, "health": Jsonb(health)},
    )
    return GatewayWord(before[0], before[1]) if known and before is not None else None


def _per_s(counts: Mapping[str, int], at: datetime, before_at: datetime | None) -> float:
    """Values a second since the message before."""
    elapsed_s = (at - before_at).total_seconds() if before_at else 0.0
    heard = counts.get("heard", 0) + counts.get("repeated", 0)
    return round(heard / elapsed_s, 2) if elapsed_s > 0 else 0.0
