"""The hub: one question for all screens, the same bytes for each, and nobody held up by a slow one."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from api.live import hub as live
from api.live.hub import RESYNC, Answer, Client, Hub, Topic
from api.live.wire import Wire, chunk_of
from mes.clock import Clock, wall

WALL = Topic("wall", frozenset({"booked"}))
BOARD = Topic("board", frozenset({"plan"}))


class Bell:
    """An ear that hears what the test rings."""

    def __init__(self) -> None:
        self._rooms: set[str] = set()
        self._rung = threading.Event()

    def ring(self, *rooms: str) -> None:
        self._rooms |= set(rooms)
        self._rung.set()

    def hear(self, timeout_s: float) -> frozenset[str]:
        if not self._rung.wait(min(timeout_s, 0.05)):
            return frozenset()
        self._rung.clear()
        rooms, self._rooms = self._rooms, set()
        return frozenset(rooms)

    def close(self) -> None:
        """Nothing is held."""


class Plant:
    """What the database would answer, and how often it was asked."""

    def __init__(self) -> None:
        self.images: dict[str, Any] = {"wall": {"good": 1}, "board": {"plan": 7}}
        self.asked: list[list[str]] = []
        self.away: Exception | None = None
        self.answers = threading.Event()
        self.answers.set()

    def ask(self, topics: list[Topic]) -> Answer:
        self.answers.wait()
        if self.away:
            raise self.away
        self.asked.append(sorted(topic.name for topic in topics))
        images = {topic: json.loads(json.dumps(self.images[topic.name])) for topic in topics}
        return Answer(images, Clock(wall(), wall()))


Stage = tuple[Hub, Plant, Bell]


def on_stage(play: Callable[[Hub, Plant, Bell], Awaitable[None]], *, plant: Plant | None = None) -> None:
    """Run a play against a running hub."""

    async def run(plant: Plant, bell: Bell) -> None:
        hub = Hub(plant.ask, lambda: bell, build="b1")  # type: ignore[arg-type,return-value]
        hub.start()
        try:
            await asyncio.wait_for(play(hub, plant, bell), 20)
        finally:
            await hub.stop()

    asyncio.run(run(plant or Plant(), Bell()))


def read(chunk: bytes) -> list[tuple[str, dict[str, Any]]]:
    """The events of a chunk of a stream."""
    events = []
    for block in chunk.decode().strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        events.append((lines["event"], json.loads(lines["data"])))
    return events


async def until(client: Client, event: str) -> dict[str, Any]:
    """The next event of a kind a client gets."""
    while True:
        for kind, data in read(await client.take()):
            if kind == event:
                return data


async def first_two(client: Client) -> list[tuple[str, dict[str, Any]]]:
    """The first two events a client gets, in one chunk or in two."""
    events: list[tuple[str, dict[str, Any]]] = []
    while len(events) < 2:
        events += read(await client.take())
    return events[:2]


def test_a_screen_gets_the_whole_image_then_what_changes() -> None:
    """First a heartbeat and a snapshot, then patches that name the message they follow."""

    async def play(hub: Hub, plant: Plant, bell: Bell) -> None:
        client = hub.join([WALL])
        (beat, _), (_, snapshot) = await first_two(client)
        plant.images["wall"] = {"good": 2, "reject": 1}
        bell.ring("booked")
        delta = await until(client, "d")
        assert (beat, snapshot["data"]) == ("hb", {"good": 1})
        assert (delta["patch"], delta["after"]) == ({"good": 2, "reject": 1}, snapshot["seq"])

    on_stage(play)


def test_all_screens_share_the_same_bytes() -> None:
    """A message is encoded once; two screens that watch the same are handed the same object."""

    async def play(hub: Hub, plant: Plant, bell: Bell) -> None:
        one, two = hub.join([WALL]), hub.join([WALL])
        for client in (one, two):
            await until(client, "snapshot")
        plant.images["wall"] = {"good": 2}
        bell.ring("booked")
        await asyncio.sleep(2 * live.REFRESH_S)
        shared = {id(message) for message in one.waiting} & {id(message) for message in two.waiting}
        assert shared

    on_stage(play)


def test_nobody_is_asked_for_what_nobody_watches() -> None:
    """A room that rings costs a question only for watched topics, and an unchanged image no message."""

    async def play(hub: Hub, plant: Plant, bell: Bell) -> None:
        client = hub.join([WALL])
        await until(client, "snapshot")
        bell.ring("plan")
        plant.images["wall"] = {"good": 1}
        bell.ring("booked")
        await asyncio.sleep(1.2)
        assert {name for names in plant.asked for name in names} == {"wall"}
        assert all(kind == "hb" for kind, _ in read(b"".join(client.waiting) or b"event: hb\ndata: {}\n\n"))

    on_stage(play)


def test_a_storm_of_bells_is_two_questions_a_second() -> None:
    """However often a room rings, a topic is looked at no more than its refresh allows."""

    async def play(hub: Hub, plant: Plant, bell: Bell) -> None:
        client = hub.join([WALL])
        await until(client, "snapshot")
        before = len(plant.asked)
        for k in range(100):
            plant.images["wall"] = {"good": k}
            bell.ring("booked")
            await asyncio.sleep(0.01)
        assert len(plant.asked) - before <= 1 + round(100 * 0.02 / live.REFRESH_S)

    on_stage(play)


def test_the_hub_rests_when_the_last_screen_has_gone() -> None:
    """A topic nobody watches any more, whatever rang since, is no reason to wake before the next beat."""

    async def play(hub: Hub, plant: Plant, bell: Bell) -> None:
        client = hub.join([WALL])
        await until(client, "snapshot")
        hub.leave(client)
        hub._mark(frozenset({"booked"}))
        assert hub._idle_s() > 0

    on_stage(play)


def test_a_screen_that_comes_back_gets_what_it_missed() -> None:
    """With the id of its last message it gets the messages after it and no new snapshot."""

    async def play(hub: Hub, plant: Plant, bell: Bell) -> None:
        client, other = hub.join([WALL]), hub.join([WALL])
        last = await until(client, "snapshot")
        hub.leave(client)
        plant.images["wall"] = {"good": 2}
        bell.ring("booked")
        await until(other, "d")
        events = read(await hub.join([WALL], since=f"{hub.epoch}-{last['seq']}").take())
        assert [kind for kind, _ in events] == ["hb", "d"]
        assert events[1][1]["after"] == last["seq"]

    on_stage(play)


@pytest.mark.parametrize("since", ["dead-1", "nonsense", "-", "{epoch}-x"])
def test_a_screen_of_another_server_starts_over(since: str) -> None:
    """An id that is not this server's gives whole images."""

    async def play(hub: Hub, plant: Plant, bell: Bell) -> None:
        await until(hub.join([WALL]), "snapshot")
        events = read(await hub.join([WALL], since=since.format(epoch=hub.epoch)).take())
        assert [kind for kind, _ in events] == ["hb", "snapshot"]

    on_stage(play)


def test_those_who_see_other_lines_share_nothing() -> None:
    """The same page cut to other lines is another image."""

    async def play(hub: Hub, plant: Plant, bell: Bell) -> None:
        cut = Topic("wall", WALL.rooms, frozenset({"L01"}))
        await until(hub.join([WALL]), "snapshot")
        await until(hub.join([cut]), "snapshot")
        assert sum(name == "wall" for names in plant.asked for name in names) >= 2

    on_stage(play)


def test_nothing_is_said_before_the_first_look() -> None:
    """A screen that comes while the hub starts hears the plant's clock and no false alarm, however long that takes."""

    async def play(hub: Hub, plant: Plant, bell: Bell) -> None:
        client = hub.join([WALL])
        assert not client.waiting
        plant.answers.set()
        (beat, told), (image, _) = await first_two(client)
        assert (beat, told["away"], image) == ("hb", [], "snapshot")

    silent = Plant()
    silent.answers.clear()
    on_stage(play, plant=silent)


@pytest.mark.parametrize("failure", [psycopg.OperationalError("gone"), ValueError("odd")], ids=["away", "failing"])
def test_the_beat_says_when_figures_stand_still_and_when_they_move_again(failure: Exception) -> None:
    """Figures that stand still are never passed off as fresh."""

    async def play(hub: Hub, plant: Plant, bell: Bell) -> None:
        client = hub.join([WALL])
        await until(client, "snapshot")
        plant.away = failure
        bell.ring("booked")
        while (await until(client, "hb"))["away"] != ["database"]:
            pass
        plant.away = None
        while (await until(client, "hb"))["away"] != []:
            pass

    on_stage(play)


def test_a_slow_screen_is_told_to_start_over_and_then_let_go() -> None:
    """Its backlog is thrown away for a resync; whoever never keeps up is closed."""
    client = Client((WALL,))
    for _ in range(live.BACKLOG_MESSAGES_MAX + 1):
        client.offer(b"event: d\ndata: {}\n\n")
    assert list(client.waiting) == [RESYNC]
    for _ in range((live.BACKLOG_MESSAGES_MAX + 1) * (live.RESYNCS_PER_MINUTE_MAX + 1)):
        client.offer(b"event: d\ndata: {}\n\n")
    assert client.closed


class Socket(asyncio.Transport):
    """A connection that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return False


def test_a_screen_that_keeps_up_is_written_to_at_once() -> None:
    """While nothing waits the finished chunk goes straight to the socket; while the socket is full it is queued."""

    async def run() -> None:
        socket = Socket()
        flow = FlowControl(socket)
        client = Client((WALL,), Wire(socket, flow))
        client.offer(b"one", b"3\r\none\r\n")
        assert await client.take() == b"one"
        taking = asyncio.create_task(client.take())
        await asyncio.sleep(0)
        client.offer(b"two", chunk_of(b"two"))
        assert (socket.written, list(client.waiting)) == ([b"3\r\ntwo\r\n"], [])
        flow.pause_writing()
        client.offer(b"three", chunk_of(b"three"))
        flow.resume_writing()
        client.offer(b"four", chunk_of(b"four"))
        assert (await taking, len(socket.written)) == (b"threefour", 1)

    asyncio.run(run())


def test_streams_end_when_the_server_leaves() -> None:
    """A server that wants to end need not wait for its screens."""

    async def run() -> None:
        leaving = threading.Event()
        plant, bell = Plant(), Bell()
        hub = Hub(plant.ask, lambda: bell, build="b1", leaving=leaving.is_set)  # type: ignore[arg-type,return-value]
        hub.start()
        client = hub.join([WALL, BOARD])
        leaving.set()
        while await asyncio.wait_for(client.take(), 10):
            pass
        await hub.stop()

    asyncio.run(run())
