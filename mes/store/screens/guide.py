"""What the demo's guide asks of Takt to tell whether a visitor's step was seen: what is booked, and only read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import LiteralString, TypeVar

from psycopg.rows import class_row

from mes.store.pool import Connection

Row = TypeVar("Row")


def state_at(conn: Connection, machine: str, at: datetime) -> str | None:
    """What a machine did at an instant; None where nothing is booked yet."""
    row = conn.execute(
        """
        select state from state_span
        where machine = %(machine)s and from_at <= %(at)s and (to_at is null or to_at > %(at)s)
        """,
        {"machine": machine, "at": at},
    ).fetchone()
    return row[0] if row else None


def first_fault(conn: Connection, machine: str, since: datetime) -> datetime | None:
    """When a machine's first fault began that lasted at an instant or came later; None where it had none."""
    row = conn.execute(
        """
        select min(from_at) from state_span
        where machine = %(machine)s and state = 'fault' and (to_at is null or to_at > %(since)s)
        """,
        {"machine": machine, "since": since},
    ).fetchone()
    return row[0] if row else None


def pieces_since(conn: Connection, stations: Sequence[str], since: datetime) -> int:
    """Good pieces booked at any of the stations since an instant."""
    row = conn.execute(
        """
        select coalesce(sum(good), 0)::int8 from minute_count
        where station = any(%(stations)s) and minute >= %(since)s
        """,
        {"stations": list(stations), "since": since},
    ).fetchone()
    return int(row[0]) if row else 0


@dataclass(frozen=True, slots=True)
class Called:
    """A call-off."""

    quantity: Decimal
    called_at: datetime


def first_call_off(conn: Connection, item: str) -> Called | None:
    """The first time a line called an item off."""
    sql = "select quantity, called_at from call_off where item = %(item)s order by id limit 1"
    return _one(conn, Called, sql, {"item": item})


@dataclass(frozen=True, slots=True)
class Lack:
    """A shortage, open or closed."""

    short_quantity: Decimal
    opened_at: datetime
    needed_by: datetime
    closed_at: datetime | None


def last_shortage(conn: Connection, item: str) -> Lack | None:
    """The newest shortage of an item."""
    sql = """
        select short_quantity, opened_at, needed_by, closed_at from shortage
        where item = %(item)s order by id desc limit 1
    """
    return _one(conn, Lack, sql, {"item": item})


@dataclass(frozen=True, slots=True)
class Published:
    """The plan in force."""

    version: int
    published_at: datetime


def plan_in_force(conn: Connection) -> Published | None:
    """The published plan."""
    return _one(conn, Published, "select version, published_at from plan where state = 'published'", {})


@dataclass(frozen=True, slots=True)
class Ear:
    """A source as its owner last said; `epoch` grows with each new owner."""

    source: str
    epoch: int
    state: str
    since_at: datetime | None


def ears(conn: Connection) -> list[Ear]:
    """Every source that somebody listens to."""
    with conn.cursor(row_factory=class_row(Ear)) as cur:
        return cur.execute("select source, epoch, state, since_at from source_lease order by source").fetchall()


def totals(conn: Connection, stations: Sequence[str], until: datetime) -> dict[str, tuple[int, int]]:
    """Good and reject of each station in all minutes before `until`."""
    rows = conn.execute(
        """
        select station, sum(good)::int8, sum(reject)::int8 from minute_count
        where station = any(%(stations)s) and minute < %(until)s group by station
        """,
        {"stations": list(stations), "until": until},
    )
    booked = {station: (int(good), int(reject)) for station, good, reject in rows}
    return {station: booked.get(station, (0, 0)) for station in stations}


@dataclass(frozen=True, slots=True)
class Heard:
    """How much was told, and how much of it the others have read."""

    told: int
    read: int


def feed_heard(conn: Connection) -> Heard:
    """How far the one who reads most is in the feed."""
    found = _one(
        conn,
        Heard,
        """
        select f.last_seq as told,
               coalesce((select max(through_seq) from feed_read), 0) as read
        from feed f
        """,
        {},
    )
    return found or Heard(0, 0)


def _one(conn: Connection, kind: type[Row], sql: LiteralString, values: Mapping[str, object]) -> Row | None:
    with conn.cursor(row_factory=class_row(kind)) as cur:
        return cur.execute(sql, values).fetchone()
