"""The event feed: what other systems follow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, get_args

from annotated_types import Ge, Le
from fastapi import APIRouter, Query

from api.deps import Calling, Door
from api.security.guard import needs
from mes.domain.exchange import EventType
from mes.errors import Fault, GoneError, InputError
from mes.store.exchange import OutboxRow, feed_bounds, list_events, note_feed_read

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["exchange"])

FEED_MAX = 1000
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


@router.get("/events", **needs("events:read", holds="write"))
def list_feed(
    call: Calling,
    after: Annotated[
        Sequence | None, Query(description="next_cursor of the page before; absent: from the oldest")
    ] = None,
    types: Annotated[str | None, Query(description="only these types, with commas")] = None,
    limit: Annotated[int, Ge(1), Le(FEED_MAX), Query()] = 100,
) -> Feed:
    """What happened, oldest first, each at least once, without gaps.

    410 with `oldest_cursor` when what follows `after` is no longer kept. How far a key has read decides which reports
    its next stock statement includes.
    """
    oldest, newest = feed_bounds(call.conn)
    cursor = max(oldest - 1, 0) if after is None else after
    if cursor + 1 < oldest or cursor > newest:
        raise GoneError(
            "What follows this cursor is no longer kept" if cursor < oldest else "This cursor was never given out",
            remedy="Read on from oldest_cursor, and reconcile what lies between.",
            facts={"oldest_cursor": max(oldest - 1, 0)},
        )
    rows = list_events(call.conn, after=cursor, types=_types(types), limit=limit + 1)
    has_more = len(rows) > limit
    kept = rows[:limit]
    next_cursor = kept[-1].seq if has_more else max(newest, kept[-1].seq if kept else 0)
    note_feed_read(call.conn, reader=call.caller.by, through_seq=next_cursor, read_at=call.at)
    return Feed([_event(row) for row in kept], next_cursor, has_more)


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
