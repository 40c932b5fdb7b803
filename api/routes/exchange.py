"""The event feed: what other systems follow."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, get_args

from annotated_types import Ge, Le
from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool

from api.deps import Door, Visit, Visiting
from api.security.guard import needs
from mes import clock
from mes.domain.exchange import EventType
from mes.errors import Fault, GoneError, InputError
from mes.store.exchange import OutboxRow, feed_bounds, list_events, note_feed_read

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["exchange"])

FEED_MAX = 1000
REPORTS: frozenset[EventType] = frozenset({"mes.production.reported", "mes.production.reversed"})
WAIT_S_MAX = 30.0
LOOK_EVERY_S = 0.25
Sequence = Annotated[int, Ge(0), Le(2**63 - 1)]


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """An event. Its `id` never changes, `sequence` is its cursor, and order is kept by `subject`."""

    id: str
    sequence: int
    type: str
    subject: str
    at: datetime
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Feed:
    """Events after a cursor. `next_cursor` continues after them, whether or not there are any."""

    items: list[FeedEvent]
    next_cursor: int
    has_more: bool


@router.get("/events", **needs("events:read", holds="nothing"))
async def list_feed(
    visit: Visiting,
    *,
    after: Annotated[
        Sequence | None, Query(description="next_cursor of the page before; absent: from the oldest")
    ] = None,
    types: Annotated[str | None, Query(description="only these types, with commas")] = None,
    limit: Annotated[int, Ge(1), Le(FEED_MAX), Query()] = 100,
    wait: Annotated[float, Ge(0), Le(WAIT_S_MAX), Query(description="seconds to wait for an event")] = 0.0,
) -> Feed:
    """What happened, oldest first, each at least once, without gaps.

    410 with `oldest_cursor` when what follows `after` is no longer kept. How far a key has read decides which reports
    its next stock statement includes. With `wait` an empty page is answered only when that time is over.
    """
    wanted = _types(types)
    until = clock.mono() + wait
    while True:
        async with visit.house.place():
            feed = await run_in_threadpool(_read, visit, after, wanted, limit)
        if feed.items or clock.mono() >= until or visit.leaving():
            return feed
        after = feed.next_cursor
        await asyncio.sleep(LOOK_EVERY_S)


def _read(visit: Visit, after: int | None, types: list[str] | None, limit: int) -> Feed:
    """A page. The newest number is asked for first: what is numbered meanwhile is in the list or after the cursor."""
    with visit.house.transaction() as conn:
        dropped, newest = feed_bounds(conn)
        cursor = dropped if after is None else after
        if not dropped <= cursor <= newest:
            raise GoneError(
                "What follows this cursor is no longer kept" if cursor < dropped else "This cursor was never given out",
                remedy="Read on from oldest_cursor, and reconcile what lies between.",
                faults=(Fault("query/after", "gone", f"lies between {dropped} and {newest}"),),
                facts={"oldest_cursor": dropped},
            )
        if cursor == newest:
            return Feed([], newest, has_more=False)
        rows = list_events(conn, after=cursor, types=types, limit=limit + 1)
        has_more = len(rows) > limit
        kept = rows[:limit]
        next_cursor = kept[-1].seq if has_more else max(newest, kept[-1].seq if kept else 0)
        note_feed_read(conn, reader=_reader(visit, types), through_seq=next_cursor, read_at=visit.at)
        return Feed([_event(row) for row in kept], next_cursor, has_more)


def _reader(visit: Visit, types: list[str] | None) -> str:
    """Under what name a reading is remembered: a key that leaves reports out has not read them."""
    if types is None or set(types) >= REPORTS:
        return visit.caller.by
    return f"{visit.caller.by} {','.join(sorted(set(types)))}"


def _types(words: str | None) -> list[str] | None:
    if words is None:
        return None
    known = set(get_args(EventType))
    asked = [word.strip() for word in words.split(",") if word.strip()]
    faults = tuple(Fault("query/types", "unknown", f"there is no event type {w}") for w in asked if w not in known)
    if faults:
        raise InputError("The feed has no such events", faults=faults)
    return asked


def _event(row: OutboxRow) -> FeedEvent:
    return FeedEvent(str(row.id), row.seq, row.type, row.subject, row.at, row.body)
