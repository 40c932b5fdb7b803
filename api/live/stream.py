"""`GET /api/v1/stream?topics=wall,andon,...`: one stream a page, topics told apart by their messages.

    hb        {epoch, seq, now, speed, build, away}             at once, then every 2 s; away: database, tracker
    snapshot  {topic, epoch, seq, now, speed, data}             the whole image
    d         {topic, epoch, seq, after, now, speed, patch}     RFC 7386, on top of the topic's message `after`
    resync    {}                                                too slow: open again without `since`

`now` is plant time in epoch milliseconds, which runs at `speed`. `Last-Event-ID` or `?since=` resumes within a minute.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

from api.live.hub import Client, Hub, Topic

RETRY = b"retry: 2000\n\n"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
TOPICS_MAX = 8


async def messages(hub: Hub, client: Client) -> AsyncIterator[bytes]:
    """What one screen gets, until it goes or the hub lets it go."""
    try:
        yield RETRY
        while chunk := await client.take():
            yield chunk
    finally:
        hub.leave(client)


def open_stream(hub: Hub, topics: list[Topic], since: str) -> StreamingResponse:
    """The response that carries `topics`, resuming after message `since` where that is possible."""
    client = hub.join(topics, since)
    return StreamingResponse(messages(hub, client), media_type="text/event-stream", headers=HEADERS)
