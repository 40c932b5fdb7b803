"""`GET /api/v1/stream?topics=wall,andon,...`: one stream a page, topics told apart by their messages.

    hb        {epoch, seq, now, speed, build, away}             at once, then every 2 s; away: database, tracker
    snapshot  {topic, epoch, seq, now, speed, data}             the whole image
    d         {topic, epoch, seq, after, now, speed, patch}     RFC 7386, on top of the topic's message `after`
    resync    {}                                                too slow: open again without `since`

`now` is plant time in epoch milliseconds, which runs at `speed`. `Last-Event-ID` or `?since=` resumes within a minute.
`open_hub(...)` makes what the application keeps as `app.state.hub`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from api.deps import Door, Visit, Visiting
from api.live.hub import Client, Hub, Topic
from api.live.topics import asking, topic_named
from api.live.wire import Wire, wire_of
from api.security.guard import needs
from dashboards.serve import build_id
from mes.actions.plant import plant_at
from mes.errors import Fault, InputError
from mes.settings import Settings
from mes.store.bell import Ear, Room
from mes.store.pool import Pool

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["live"])
RETRY = b"retry: 2000\n\n"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
TOPICS_MAX = 8
EVERY_ROOM: tuple[Room, ...] = ("booked", "order", "plan", "floor", "material", "exchange", "plant")


def open_hub(settings: Settings, pool: Pool, leaving: Callable[[], bool]) -> Hub:
    """The hub of one api process; `start()` it on the event loop, `await stop()` it before the pool closes."""
    return Hub(
        asking(pool),
        lambda: Ear(settings.database_url, EVERY_ROOM, name="takt live"),
        build=build_id(),
        leaving=leaving,
    )


@router.get("/stream", response_class=StreamingResponse, **needs("self", holds="nothing"))
async def get_stream(
    request: Request,
    visit: Visiting,
    topics: Annotated[str, Query(description="comma-separated: wall, board, line:L01, ...", max_length=500)],
    since: Annotated[str, Query(description="the id of the last message received", max_length=40)] = "",
    last_event_id: Annotated[str, Header(max_length=40)] = "",
) -> StreamingResponse:
    """Watch topics: whole images first, then what changes, as server-sent events."""
    names = list(dict.fromkeys(name for name in topics.split(",") if name))
    if not 0 < len(names) <= TOPICS_MAX:
        faults = (Fault("query/topics", "topics", f"names 1 to {TOPICS_MAX} topics"),)
        raise InputError("Say what to watch", faults=faults)
    wanted = await run_in_threadpool(_topics, visit, names)
    return open_stream(request.app.state.hub, wanted, last_event_id or since, wire_of(request.scope))


def _topics(visit: Visit, names: list[str]) -> list[Topic]:
    with visit.house.snapshot() as conn:
        plant = plant_at(conn, visit.at)
    return [topic_named(name, visit.caller, plant) for name in names]


async def messages(hub: Hub, client: Client) -> AsyncIterator[bytes]:
    """What one screen gets, until it goes or the hub lets it go."""
    try:
        yield RETRY
        while chunk := await client.take():
            yield chunk
    finally:
        hub.leave(client)


def open_stream(hub: Hub, topics: list[Topic], since: str, wire: Wire | None = None) -> StreamingResponse:
    """The response that carries `topics`, resuming after message `since` where that is possible."""
    client = hub.join(topics, since, wire)
    return StreamingResponse(messages(hub, client), media_type="text/event-stream", headers=HEADERS)
