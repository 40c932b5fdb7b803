"""What booking reads: samples, gaps and entries as heard, plant versions, and where booking stood.

Everything comes for many posts at once, instants as integers (µs since 1970 UTC). Ranges are half-open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from mes.domain.calendar import instant
from mes.domain.signal import Value
from mes.domain.tracking.fold import Checkpoint
from mes.domain.tracking.jobs import Entry
from mes.domain.tracking.tape import Silence
from mes.store.pool import Connection
from mes.store.tracking.arrays import LAST_US, instants, texts, wholes

_LAST = datetime(9999, 12, 31, tzinfo=UTC)


def timestamp(us: int) -> datetime:
    """The instant of microseconds since 1970, no later than PostgreSQL and Python both can hold."""
    return instant(us) if us < LAST_US else _LAST


class Version(NamedTuple):
    """A plant version's number and when it came into force, µs."""

    id: int
    from_us: int


def load_versions(conn: Connection) -> list[Version]:
    """All plant versions in the order they were applied."""
    rows = conn.execute("select id, micros(in_force_from) from plant_version order by id")
    return [Version(*row) for row in rows]


def load_documents(conn: Connection, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The documents of plant versions."""
    rows = conn.execute("select id, document from plant_version where id = any(%(ids)s)", {"ids": list(ids)})
    return dict(rows.fetchall())


class Stand(NamedTuple):
    """Where booking of a post stood before a minute: the checkpoint's minute and state, and how far rows reach.

    `minute` and `state` None: nothing is booked before. `through` None: nothing is booked at all. `last`: the last
    minute with a checkpoint.
    """

    minute: int | None
    state: Checkpoint | None
    through: int | None
    last: int | None


def load_stands(conn: Connection, before: Mapping[str, int]) -> dict[str, Stand]:
    """The last checkpoint of each post before a minute."""
    rows = conn.execute(
        """
        select w.station, micros(c.minute), c.state, micros(f.through_at),
               micros((select max(minute) from checkpoint where station = w.station))
        from unnest(%(stations)s::text[], %(minutes)s::int8[]) as w (station, minute)
        left join frontier f on f.station = w.station
        left join lateral (
            select minute, state from checkpoint
            where station = w.station and minute < instant(w.minute) order by minute desc limit 1
        ) c on true
        """,
        {"stations": texts(before), "minutes": instants(before.values())},
    ).fetchall()
    return {row[0]: Stand(*row[1:]) for row in rows}


Ranges = Mapping[str, tuple[int, int]]
"""For each post's code a range of time."""


def spread(ranges: Ranges) -> dict[str, str]:
    """Ranges as the arrays `codes` (text), `froms` and `tos` (int8, µs)."""
    return {
        "codes": texts(ranges),
        "froms": instants(start for start, _ in ranges.values()),
        "tos": instants(end for _, end in ranges.values()),
    }


def load_checkpoints(conn: Connection, ranges: Ranges) -> dict[str, dict[int, Checkpoint]]:
    """The checkpoints of posts within ranges of minutes."""
    found: dict[str, dict[int, Checkpoint]] = {code: {} for code in ranges}
    rows = conn.execute(
        """
        select c.station, micros(c.minute), c.state
        from unnest(%(codes)s::text[], %(froms)s::int8[], %(tos)s::int8[]) as w (code, from_us, to_us)
        join checkpoint c on c.station = w.code and c.minute >= instant(w.from_us) and c.minute < instant(w.to_us)
        """,
        spread(ranges),
    ).fetchall()
    for code, minute, state in rows:
        found[code][minute] = state
    return found


class Sampled(NamedTuple):
    """A signal sample: tag, instant, hash, value, quality."""

    tag_id: int
    at: int
    h: int
    value: Value
    quality: int


def load_samples(conn: Connection, ranges: Iterable[tuple[int, int, int]]) -> list[Sampled]:
    """The signal samples of (tag, from, to), those of a tag in order."""
    wanted = list(ranges)
    if not wanted:
        return []
    rows = conn.execute(
        """
        select s.tag_id, micros(s.at), s.h, s.num, s.int, s.txt, s.quality
        from unnest(%(tags)s::int4[], %(froms)s::int8[], %(tos)s::int8[]) as w (tag_id, from_us, to_us)
        join signal_sample s on s.tag_id = w.tag_id and s.at >= instant(w.from_us) and s.at < instant(w.to_us)
        where s.at >= %(first)s and s.at < %(last)s
        """,
        {
            "tags": wholes(tag for tag, _, _ in wanted),
            "froms": instants(start for _, start, _ in wanted),
            "tos": instants(end for _, _, end in wanted),
            "first": timestamp(min(start for _, start, _ in wanted)),
            "last": timestamp(max(end for _, _, end in wanted)),
        },
    ).fetchall()
    return [
        Sampled(tag_id, at, h, whole if whole is not None else num if num is not None else text, quality)
        for tag_id, at, h, num, whole, text, quality in rows
    ]


class Gap(NamedTuple):
    """A silence, and the one machine it concerns; empty: every machine of its source."""

    silence: Silence
    machine: str


def load_gaps(conn: Connection, from_us: int, to_us: int) -> list[Gap]:
    """The gaps that touch a range of time."""
    rows = conn.execute(
        """
        select g.id, g.source, micros(g.from_at), micros(g.to_at), g.why, split_part(coalesce(t.address, ''), '/', 1)
        from gap g left join tag t on t.id = g.tag_id
        where g.from_at < %(to_at)s and coalesce(g.to_at, 'infinity') >= %(from_at)s
        order by g.id
        """,
        {"from_at": timestamp(from_us), "to_at": timestamp(to_us)},
    ).fetchall()
    return [Gap(Silence(*row[:5]), row[5]) for row in rows]


def load_entries(conn: Connection, lines: Sequence[str], kinds: Sequence[str], from_us: int, to_us: int) -> list[Entry]:
    """What people said of lines within a range of time, in the order they said it, without what was taken back.

    An entry from..to is in when any of it lies within.
    """
    rows = conn.execute(
        """
        select e.id, e.kind, micros(e.effective_at), e.line, coalesce(e.station, ''), coalesce(e.machine, ''),
               coalesce(e.mark, ''), coalesce(e.job_id, 0), coalesce(e.phase, ''), micros(e.from_at), e.quantity,
               coalesce(e.reason, ''), e.entered_by, e.reverses is not null,
               e.serial is not null and e.phase is distinct from 'rework' and exists (
                   select from entry b
                   where b.station = e.station and b.serial = e.serial and b.kind = e.kind and b.id < e.id
                     and not exists (select from entry r where r.reverses = b.id))
        from entry e
        where e.line = any(%(lines)s) and e.kind = any(%(kinds)s)
          and e.effective_at >= %(from_at)s and coalesce(e.from_at, e.effective_at) < %(to_at)s
          and not exists (select from entry r where r.reverses = e.id)
        order by e.id
        """,
        {"lines": list(lines), "kinds": list(kinds), "from_at": timestamp(from_us), "to_at": timestamp(to_us)},
    ).fetchall()
    return [Entry(*row) for row in rows]


def load_frontiers(conn: Connection, codes: Sequence[str]) -> dict[str, int]:
    """How far the rows of posts reach, µs; posts never booked are left out."""
    rows = conn.execute(
        "select station, micros(through_at) from frontier where station = any(%(codes)s)", {"codes": list(codes)}
    )
    return dict(rows.fetchall())
