"""The fault proxy, between real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from simulators.faults import Address, Fault, Proxy, route_of

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Scene = Callable[[Proxy, "Echo", Callable[[], Awaitable[Streams]]], Awaitable[None]]


class Echo:
    """A server that says everything back, and knows how many connections it has."""

    def __init__(self) -> None:
        self.open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while data := await reader.read(1024):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def stage() -> AsyncIterator[tuple[Proxy, Echo, Callable[[], Awaitable[Streams]]]]:
    """A proxy in front of an echo, and a way to connect through it."""
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    target = ("127.0.0.1", server.sockets[0].getsockname()[1])
    proxy = Proxy([Address("echo", ("127.0.0.1", 0), target)])
    await proxy.start()

    async def connect() -> Streams:
        return await asyncio.open_connection("127.0.0.1", proxy.ports["echo"])

    try:
        async with asyncio.timeout(20):
            yield proxy, echo, connect
    finally:
        await proxy.stop()
        server.close()


def play(scene: Scene) -> None:
    """Run a scene on a stage of its own."""

    async def run() -> None:
        async with stage() as (proxy, echo, connect):
            await scene(proxy, echo, connect)

    asyncio.run(run())


async def said_back(streams: Streams, text: bytes) -> bytes:
    """What comes back of a text; empty at the end of the connection."""
    reader, writer = streams
    writer.write(text)
    await writer.drain()
    return await reader.read(1024)


async def closed(reader: asyncio.StreamReader) -> bool:
    """Whether the connection ended, by farewell or reset."""
    try:
        return await reader.read(1024) == b""
    except OSError:
        return True


def test_pass_and_delay() -> None:
    """Bytes go both ways unchanged; with a delay they take at least twice as long."""

    async def scene(proxy: Proxy, _: Echo, connect: Callable[[], Awaitable[Streams]]) -> None:
        streams = await connect()
        assert await said_back(streams, b"hello") == b"hello"
        proxy.set("echo", Fault("delay", delay_ms=150))
        began = asyncio.get_running_loop().time()
        assert await said_back(streams, b"slow") == b"slow"
        assert asyncio.get_running_loop().time() - began >= 0.3
        streams[1].close()

    play(scene)


def test_cut_breaks_what_is_open_and_refuses_what_comes() -> None:
    """Both sides see a reset, new connections too, until it passes again."""

    async def scene(proxy: Proxy, echo: Echo, connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        assert await said_back((reader, writer), b"hello") == b"hello"
        proxy.set("echo", Fault("cut"))
        assert await closed(reader)
        refused, other = await connect()
        assert await closed(refused)
        while echo.open:  # noqa: ASYNC110  the server says nothing about it
            await asyncio.sleep(0.01)
        proxy.set("echo", Fault())
        streams = await connect()
        assert await said_back(streams, b"again") == b"again"
        for each in (writer, other, streams[1]):
            each.close()

    play(scene)


def test_black_hole_swallows_and_gives_back() -> None:
    """Nothing arrives and nothing closes; what was said meanwhile arrives when it passes again."""

    async def scene(proxy: Proxy, echo: Echo, connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        assert await said_back((reader, writer), b"hello") == b"hello"
        proxy.set("echo", Fault("black_hole"))
        writer.write(b"lost?")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(10), 0.2)
        silent, other = await connect()
        other.write(b"nobody")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(silent.read(10), 0.2)
        assert echo.open == 1
        proxy.set("echo", Fault())
        assert await reader.read(10) == b"lost?"
        assert await closed(silent)
        writer.close()
        other.close()

    play(scene)


def test_half_open_closes_the_far_side_only() -> None:
    """The server loses the connection, the client never hears of it."""

    async def scene(proxy: Proxy, echo: Echo, connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        assert await said_back((reader, writer), b"hello") == b"hello"
        proxy.set("echo", Fault("half_open"))
        while echo.open:  # noqa: ASYNC110  the server says nothing about it
            await asyncio.sleep(0.01)
        writer.write(b"anybody?")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(10), 0.2)
        writer.close()

    play(scene)


def test_truncate_cuts_in_the_middle() -> None:
    """So many bytes more reach the client, then the connection is reset; the next one is whole."""

    async def scene(proxy: Proxy, _: Echo, connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        assert await said_back((reader, writer), b"hello") == b"hello"
        proxy.set("echo", Fault("truncate", bytes=3))
        writer.write(b"a long message")
        got = b""
        try:
            while data := await reader.read(1024):
                got += data
        except OSError:
            pass
        assert b"a l".startswith(got)
        streams = await connect()
        assert await said_back(streams, b"whole") == b"whole"
        writer.close()
        streams[1].close()

    play(scene)


def test_the_door_sets_faults() -> None:
    """A fault is set over HTTP, and a wrong one is refused."""

    async def scene(proxy: Proxy, _: Echo, connect: Callable[[], Awaitable[Streams]]) -> None:
        url = proxy.url
        async with httpx.AsyncClient(trust_env=False) as client:
            set_to = await client.post(f"{url}/set", json={"route": "echo", "mode": "cut"})
            wrong = await client.post(f"{url}/set", json={"route": "echo", "mode": "melt"})
            stranger = await client.post(f"{url}/set", json={"route": "x", "mode": "cut"})
        reader, writer = await connect()
        assert await closed(reader)
        writer.close()
        assert set_to.json()["echo"]["mode"] == "cut"
        assert "mode is one of" in wrong.json()["error"]
        assert "no route 'x'" in stranger.json()["error"]

    play(scene)


def test_a_route_is_written_in_one_word() -> None:
    """NAME=LISTEN_HOST:PORT:TARGET_HOST:PORT, and nothing else."""
    assert route_of("b=127.0.0.1:1:localhost:2") == Address("b", ("127.0.0.1", 1), ("localhost", 2))
    with pytest.raises(ValueError, match="a route is NAME="):
        route_of("127.0.0.1:1:localhost:2")
