"""What the api says of samples, sources, gaps and quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.rows import class_row

from mes.store.pool import Connection

LAST_VALUES = 50


@dataclass(frozen=True, slots=True)
class SampleLine:
    """A value as it was heard; numbers that JSON cannot hold are text."""

    address: str
    at: datetime
    value: float | int | str | None
    quality: int
    source_at: datetime | None
    server_at: datetime | None
    received_at: datetime
    h: int


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A source and how its owner last said it is; `is_owned` false: nobody collects it now.

    `gaps`: how many stretches of the day before it was last heard are missing, of the whole source or of single tags.
    """

    source: str
    owner: str
    epoch: int
    is_owned: bool
    state: str
    since_at: datetime | None
    heard_at: datetime | None
    health: dict[str, Any]
    gap_since: datetime | None
    gaps: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class GapLine:
    """A stretch in which a source, or the machine of one tag, was not (wholly) heard."""

    id: int
    source: str
    address: str | None
    from_at: datetime
    to_at: datetime | None
    why: str
    detail: str


@dataclass(frozen=True, slots=True)
class QuarantineLine:
    """Something that was not admitted."""

    id: int
    source: str
    received_at: datetime
    why: str
    detail: str
    address: str
    payload: str
    can_be_released: bool
    released_at: datetime | None
    released_by: str | None


def list_samples(
    conn: Connection,
    address: str,
    *,
    from_at: datetime,
    to_at: datetime,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[SampleLine]:
    """The samples of one tag in [from_at, to_at), in order."""
    after_at, after_h = after or (None, None)
    table = "value_sample" if address.rpartition("/")[2].startswith("value:") else "signal_sample"
    query = sql.SQL(
        """
        select %(address)s as address, at,
               coalesce(to_jsonb(num), to_jsonb(int), to_jsonb(txt)) as value,
               quality, source_at, server_at, received_at, h
        from {}
        where tag_id = (select id from tag where address = %(address)s) and at >= %(from_at)s and at < %(to_at)s
          and (%(after_at)s::timestamptz is null or (at, h) > (%(after_at)s, %(after_h)s))
        order by at, h limit %(limit)s
        """
    ).format(sql.Identifier(table))
    with conn.cursor(row_factory=class_row(SampleLine)) as cur:
        return cur.execute(
            query,
            {
                "address": address,
                "from_at": from_at,
                "to_at": to_at,
                "after_at": after_at,
                "after_h": after_h,
                "limit": limit,
            },
        ).fetchall()


def list_sources(conn: Connection, sources: Sequence[str]) -> list[SourceLine]:
    """How each of these is, by code; those nobody has collected yet are not among them."""
    with conn.cursor(row_factory=class_row(SourceLine)) as cur:
        return cur.execute(
            """
            select source, owner, epoch, expires_at > now() as is_owned, state, since_at, heard_at, health,
                   (select min(from_at) from gap where gap.source = l.source and tag_id is null and to_at is null)
                       as gap_since,
                   (select count(*) from gap where gap.source = l.source
                       and coalesce(to_at, 'infinity') > coalesce(l.heard_at, now()) - interval '1 day') as gaps,
                   (select count(*) from quarantine q where q.source = l.source and released_at is null) as quarantined
            from source_lease l where source = any(%(sources)s) order by source
            """,
            {"sources": list(sources)},
        ).fetchall()


def last_samples(conn: Connection, tag_ids: Sequence[int], *, since: datetime) -> list[SampleLine]:
    """The newest samples of some tags, newest first."""
    with conn.cursor(row_factory=class_row(SampleLine)) as cur:
        return cur.execute(
            """
            select tag.address, s.at, coalesce(to_jsonb(s.num), to_jsonb(s.int), to_jsonb(s.txt)) as value, s.quality,
                   s.source_at, s.server_at, s.received_at, s.h
            from (
                (select * from signal_sample where tag_id = any(%(tags)s) and at >= %(since)s
                 order by at desc limit %(limit)s)
                union all
                (select * from value_sample where tag_id = any(%(tags)s) and at >= %(since)s
                 order by at desc limit %(limit)s)
            ) s join tag on tag.id = s.tag_id
            order by s.at desc limit %(limit)s
            """,
            {"tags": list(tag_ids), "since": since, "limit": LAST_VALUES},
        ).fetchall()


def list_gaps(
    conn: Connection,
    sources: Sequence[str],
    *,
    from_at: datetime | None,
    to_at: datetime | None,
    after: int | None,
    limit: int,
) -> list[GapLine]:
    """Gaps of these sources that overlap a stretch, newest first."""
    with conn.cursor(row_factory=class_row(GapLine)) as cur:
        return cur.execute(
            """
            select gap.id, gap.source, tag.address, gap.from_at, gap.to_at, gap.why, gap.detail
            from gap left join tag on tag.id = gap.tag_id
            where gap.source = any(%(sources)s)
              and (%(to_at)s::timestamptz is null or gap.from_at < %(to_at)s)
              and (%(from_at)s::timestamptz is null or gap.to_at is null or gap.to_at >= %(from_at)s)
              and (%(after)s::int8 is null or gap.id < %(after)s)
            order by gap.id desc limit %(limit)s
            """,
            {"sources": list(sources), "from_at": from_at, "to_at": to_at, "after": after, "limit": limit},
        ).fetchall()


def list_quarantine(
    conn: Connection, sources: Sequence[str], *, released: bool, after: int | None, limit: int
) -> list[QuarantineLine]:
    """What was set aside of these sources, newest first; a payload is shown as text, as far as it is text."""
    with conn.cursor(row_factory=class_row(QuarantineLine)) as cur:
        return cur.execute(
            """
            select id, source, received_at, why, detail, address,
                   encode(substring(payload from 1 for 400), 'escape') as payload,
                   sample is not null and released_at is null as can_be_released, released_at, released_by
            from quarantine
            where source = any(%(sources)s) and (%(released)s or released_at is null)
              and (%(after)s::int8 is null or id < %(after)s)
            order by id desc limit %(limit)s
            """,
            {"sources": list(sources), "released": released, "after": after, "limit": limit},
        ).fetchall()
