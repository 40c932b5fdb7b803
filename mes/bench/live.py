"""`mes bench live`: what two hundred screens cost the running product, and how soon a piece at a machine is a pixel.

    with changing_wall(settings) as wall: await told(wall, seconds=30)      what screens cost, how late they are told
    await seen(result, Plant(http_url, machines_url))                       pixels, of a demonstration at speed 1

Screens are bare sockets in this process. They watch a plant whose every line counts four times a second, so that each
screen is told as often as it may be: twice a second. `core_share` is all its api process uses, and what screens add is
`core_share` less `core_share_without` (equally long, nobody watching). `p50_ms` and `p99_ms` are from the instant the
server wrote a change down to its arrival at each screen; `bell_to_screen_ms` is from the bell of what was booked, and
so holds the pace.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlsplit

import httpx

from mes.bench.pixels import look_at_wall
from mes.bench.result import Measure, Result, cpu_s, of_times
from mes.bench.walls import Wall
from mes.clock import Clock, mono, real_clock
from mes.errors import SetupError
from mes.store.bell import Ear, Room
from mes.store.house import load_clock
from mes.store.pool import connect

SCREENS = 200
TOPICS = "wall,andon"
ROOMS: tuple[Room, ...] = ("booked",)
COUNTING = ("L01-M3", "L02-M3", "L03-M3", "L04-M3")
EVERY_S = 0.5
SETTLE_S = 5.0
LINE_BYTES_MAX = 4_000_000
BARS = {
    "core_share": 0.05, "p99_ms": 100.0, "machine_to_pixel_ms": 1000.0, "useful_paint_ms": 1000.0,
    "main_thread_ms_per_s": 50.0,
}  # fmt: skip
_NOW = re.compile(rb'"now":(\d+)')


@dataclass(frozen=True, slots=True)
class Plant:
    """A running demonstration at speed 1: its api, the door of its machines."""

    http_url: str
    machines_url: str


@dataclass(slots=True)
class Heard:
    """What screens were told: for each message and screen, written at and read at, epoch ms of the plant's clock."""

    clock: Clock
    told: list[tuple[int, float, int]] = field(default_factory=list)
    bells: list[float] = field(default_factory=list)

    def now_ms(self) -> float:
        """The plant's clock."""
        return self.clock.now().timestamp() * 1000

    def clear(self) -> None:
        """Forget what was heard so far."""
        self.told.clear()
        self.bells.clear()

    def delivered_s(self) -> list[float]:
        """From a message's writing to each screen's reading."""
        return [(read - written) / 1000 for written, read, _ in self.told]

    def belled_s(self) -> list[float]:
        """From the first bell after a message to the next message's arrival at the first screen."""
        took, since, bells = [], 0.0, sorted(self.bells)
        for written, read, screen in self.told:
            if screen:
                continue
            rung = next((bell for bell in bells if since < bell <= written), None)
            if rung is not None:
                took.append((read - rung) / 1000)
            since = float(written)
        return took


async def told(wall: Wall, *, seconds: float = 30.0, screens: int = SCREENS) -> Result:
    """Measure what screens cost and when they are told. Raises SetupError when they are not told anything."""
    began = mono()
    result = Result("live", 0.0)
    with connect(wall.database_url, name="takt bench") as conn:
        heard = Heard(load_clock(conn))
    with _ear(wall.database_url, heard):
        async with _watching(wall.http_url, heard, screens):
            await asyncio.sleep(SETTLE_S)
            heard.clear()
            share = await _core_share(wall.api_pid, seconds)
            _say(result, heard, seconds, screens)
        await asyncio.sleep(SETTLE_S)
        alone = await _core_share(wall.api_pid, seconds)
    result.measures["core_share"] = Measure(round(share, 4), "of a core", 1)
    result.measures["core_share_without"] = Measure(round(alone, 4), "of a core", 1)
    result.seconds = mono() - began
    return result


async def seen(result: Result, plant: Plant, *, screens: int = SCREENS) -> Result:
    """Measure pixels while other screens are told as well, and judge all."""
    began = mono()
    async with (
        httpx.AsyncClient(base_url=plant.machines_url, timeout=60, trust_env=False) as machines,
        _counting(machines),
        _watching(plant.http_url, Heard(real_clock()), screens),
    ):
        await asyncio.sleep(SETTLE_S)
        await _pixels(result, plant, machines)
    _judge(result)
    result.seconds += mono() - began
    return result


def _say(result: Result, heard: Heard, seconds: float, screens: int) -> None:
    delivered = sorted(heard.delivered_s())
    if not delivered:
        raise SetupError("The screens were not told anything", remedy="Read the logs of the demonstration.")
    times = of_times(delivered)
    result.measures |= {
        "screens": Measure(screens, "", 1),
        "messages_per_screen_s": Measure(round(len(delivered) / screens / seconds, 2), "1/s", len(delivered)),
        "p50_ms": Measure(times.p50 or 0.0, "ms", times.n),
        "p99_ms": Measure(times.p99 or 0.0, "ms", times.n),
        "bell_to_screen_ms": of_times(heard.belled_s()),
    }


async def _pixels(result: Result, plant: Plant, machines: httpx.AsyncClient) -> None:
    """What a browser needs for the wall, while the other screens go on being told."""
    try:
        seen = await look_at_wall(plant.http_url, machines, COUNTING[0])
    except SetupError as error:
        result.notes.append(str(error))
        return
    result.measures["machine_to_pixel_ms"] = of_times(seen.pixel_s)
    result.measures["useful_paint_ms"] = of_times(seen.useful_s)
    result.measures["main_thread_ms_per_s"] = Measure(round(seen.busy_ms_per_s, 1), "ms/s", 1)


def _judge(result: Result) -> None:
    """Each bar and whether it was met."""
    for name, bar in BARS.items():
        if measure := result.measures.get(name):
            figure = measure.value if measure.p95 is None else measure.p95
            met = "met" if figure <= bar else "MISSED"
            result.notes.append(f"bar: {name}{'' if measure.p95 is None else ' p95'} {figure:g} <= {bar:g} {met}")


# --- screens, machines, bells


async def _core_share(pid: int, seconds: float) -> float:
    before, since = cpu_s(pid), mono()
    await asyncio.sleep(seconds)
    return (cpu_s(pid) - before) / (mono() - since)


@asynccontextmanager
async def _watching(http_url: str, heard: Heard, screens: int) -> AsyncIterator[None]:
    """So many screens, each a socket; what they are told is noted. Raises SetupError when a stream ended."""
    where = urlsplit(http_url)
    tasks = [
        asyncio.create_task(screen(where.hostname or "", where.port or 80, heard, number)) for number in range(screens)
    ]
    try:
        yield
        for task in tasks:
            if task.done():
                raise SetupError("A screen's stream ended", remedy="Read the log of the api.")
    finally:
        await _ended(tasks)


async def screen(host: str, port: int, heard: Heard, number: int) -> None:
    """One screen, until its stream ends: notes each change it is told."""
    reader, writer = await asyncio.open_connection(host, port, limit=LINE_BYTES_MAX)
    try:
        writer.write(f"GET /api/v1/stream?topics={TOPICS} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        event = b""
        while line := await reader.readline():
            if line.startswith(b"event: "):
                event = line[7:-1]
            elif event == b"d" and line.startswith(b"data: ") and (now := _NOW.search(line)):
                heard.told.append((int(now[1]), heard.now_ms(), number))
    finally:
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def _counting(machines: httpx.AsyncClient) -> AsyncIterator[None]:
    """Twice a second one of the machines that lines are counted at makes a piece more."""

    async def go_on() -> None:
        for number in count():
            body = {"machine": COUNTING[number % len(COUNTING)], "n": 1}
            (await machines.post("/count", json=body)).raise_for_status()
            await asyncio.sleep(EVERY_S)

    task = asyncio.create_task(go_on())
    try:
        yield
    finally:
        await _ended([task])


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _ear(database_url: str, heard: Heard) -> Iterator[None]:
    """Notes when the bell rings for something the wall shows."""
    ended = threading.Event()

    def listen() -> None:
        ear = Ear(database_url, ROOMS, name="takt bench")
        while not ended.is_set():
            if ear.hear(0.5):
                heard.bells.append(heard.now_ms())
        ear.close()

    thread = threading.Thread(target=listen, name="bench ear", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(10)
