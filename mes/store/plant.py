"""Plant versions and tag numbers.

The model is kept whole, one document a version (docs/decisions/0001): applying is one insert, reading it as it was
at any time is one select, and nothing of an old version is ever rewritten.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class PlantVersion:
    """A stored plant document and when it came into force (plant time)."""

    id: int
    in_force_from: datetime
    applied_at: datetime
    applied_by: str
    sha256: str
    document: dict[str, Any]


def insert_version(
    conn: Connection,
    *,
    in_force_from: datetime,
    applied_at: datetime,
    applied_by: str,
    sha256: str,
    document: dict[str, Any],
) -> int:
    """Store a version; its id."""
    row = conn.execute(
        """
        insert into plant_version (in_force_from, applied_at, applied_by, sha256, document)
        values (%(in_force_from)s, %(applied_at)s, %(applied_by)s, %(sha256)s, %(document)s)
        returning id
        """,
        {
            "in_force_from": in_force_from,
            "applied_at": applied_at,
            "applied_by": applied_by,
            "sha256": sha256,
            "document": Jsonb(document),
        },
    ).fetchone()
    assert row is not None
    return int(row[0])


def version_at(conn: Connection, at: datetime) -> PlantVersion | None:
    """The version in force at `at`: of those that began by then, the one applied last."""
    with conn.cursor(row_factory=class_row(PlantVersion)) as cur:
        return cur.execute(
            """
            select id, in_force_from, applied_at, applied_by, sha256, document
            from plant_version where in_force_from <= %(at)s order by id desc limit 1
            """,
            {"at": at},
        ).fetchone()


def version_mark(conn: Connection, at: datetime) -> str | None:
    """The sha256 of the version in force at `at`: enough to know whether it is one already read."""
    row = conn.execute(
        "select sha256 from plant_version where in_force_from <= %(at)s order by id desc limit 1", {"at": at}
    ).fetchone()
    return None if row is None else str(row[0])


def versions_between(conn: Connection, from_at: datetime, to_at: datetime) -> list[PlantVersion]:
    """The versions that matter between two instants, in the order they were applied.

    Each is in force from its `in_force_from` until one applied later begins.
    """
    with conn.cursor(row_factory=class_row(PlantVersion)) as cur:
        return cur.execute(
            """
            select id, in_force_from, applied_at, applied_by, sha256, document
            from plant_version v
            where in_force_from < %(to_at)s
              and id >= coalesce((select max(id) from plant_version where in_force_from <= %(from_at)s), 0)
            order by id
            """,
            {"from_at": from_at, "to_at": to_at},
        ).fetchall()


def number_tags(conn: Connection, addresses: Iterable[str]) -> dict[str, int]:
    """The number of each address; addresses never seen before get one."""
    wanted = sorted(set(addresses))
    conn.execute(
        "insert into tag (address) select unnest(%(wanted)s::text[]) on conflict do nothing", {"wanted": wanted}
    )
    return tag_numbers(conn)


def tag_numbers(conn: Connection) -> dict[str, int]:
    """The number of every address there ever was."""
    return {address: number for address, number in conn.execute("select address, id from tag order by id")}
