"""The bench's screens read what a server tells them, and reckon delays from bell and writing."""

from __future__ import annotations

import asyncio

import pytest

from mes.bench.live import Heard, screen
from mes.clock import real_clock

ANSWER = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'1\r\nid: e-1\nevent: snapshot\ndata: {"epoch":"e","seq":1,"now":1,"data":{}}\n\n\r\n'
    b'1\r\nid: e-2\nevent: d\ndata: {"epoch":"e","seq":2,"now":%d,"patch":{}}\n\n\r\n'
    b'1\r\nevent: hb\ndata: {"epoch":"e","seq":0,"now":3}\n\n\r\n'
)


def test_every_screen_hears_each_change_once() -> None:
    """Whole images and beats are no changes; the delay is from the server's writing."""
    heard = Heard(real_clock())
    written = int(heard.now_ms()) - 250

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readline()).startswith(b"GET /api/v1/stream?topics=")
        writer.write(ANSWER % written)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def watch() -> None:
        async with await asyncio.start_server(tell, "127.0.0.1", 0) as server, asyncio.timeout(60):
            host, port = server.sockets[0].getsockname()
            await asyncio.gather(*(screen(host, port, heard, number) for number in range(3)))

    asyncio.run(watch())
    assert sorted(screen for _, _, screen in heard.told) == [0, 1, 2]
    assert all(delay >= 0.25 for delay in heard.delivered_s())


def test_a_change_is_late_by_the_first_bell_since_the_one_before() -> None:
    """Bells that ring together count from the first of them; a change without a bell is not counted."""
    heard = Heard(real_clock())
    heard.bells = [900.0, 1100.0, 1300.0]
    heard.told = [(1000, 1010.0, 0), (1000, 1011.0, 1), (1400, 1450.0, 0), (1900, 1950.0, 0)]
    assert heard.belled_s() == pytest.approx([0.11, 0.35])
