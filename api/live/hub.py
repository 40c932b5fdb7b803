"""The hub: hears the bell, asks one query per watched topic, and hands every screen the same bytes.

Three parts. The *ear* thread marks topics whose room rang. The *asking* thread loads what is marked, at most twice a
second per topic and only while somebody watches, compares it with the last image and encodes the difference once.
The event loop owns clients and the ring of recent messages, so joining and fanning out never race.

A slow screen never holds up another: its backlog is thrown away and it is told to start over.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog

from api.live.patch import Tree, difference, tree_of
from api.live.wire import Wire, chunk_of
from mes import clock
from mes.clock import Clock
from mes.errors import UnavailableError
from mes.store.bell import Ear, Room
from mes.store.pool import AWAY

REFRESH_S = 0.5
LOOK_AGAIN_S = 5.0
BEAT_S = 2.0
LEAVING_LOOKS = 8
"""How often between two beats the hub looks whether the server is ending."""
FORGET_S = 60.0
RING_S = 60.0
BACKLOG_MESSAGES_MAX = 64
RESYNCS_PER_MINUTE_MAX = 3

RESYNC = b"event: resync\ndata: {}\n\n"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Topic:
    """Something to watch: when one of `rooms` rings, its image may have changed.

    `lines` are those the image is cut down to, None for all; screens that may see the same share the same bytes.
    """

    name: str
    rooms: frozenset[Room]
    lines: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The images of one look into the database, the plant clock they were taken by, and what was found away."""

    images: dict[Topic, Any]
    clock: Clock
    away: tuple[str, ...] = ()


Ask = Callable[[list[Topic]], Answer]


@dataclass(slots=True)
class Watch:
    """A watched topic. What screens have (`tree` as of message `seq`) is the event loop's, `asked` the other side's."""

    topic: Topic
    clients: set[Client] = field(default_factory=set)
    tree: Tree | None = None
    seq: int = 0
    snapshot: bytes = b""
    left_at: float = 0.0
    asked: tuple[Tree, int] | None = None
    asked_at: float = -LOOK_AGAIN_S
    rung: bool = True

    def due_at(self) -> float:
        return self.asked_at + (REFRESH_S if self.rung else LOOK_AGAIN_S)


@dataclass(eq=False, slots=True)
class Client:
    """One open stream. `waiting` holds what it has not taken yet; `take` joins it into one write.

    While it waits in `take` for more (`is_idle`), nothing is under way to its screen: what is offered then goes
    straight to its `wire`, if it has one, and in order.
    """

    topics: tuple[Topic, ...]
    wire: Wire | None = None
    is_idle: bool = False
    waiting: deque[bytes] = field(default_factory=deque)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    resyncs: deque[float] = field(default_factory=deque)
    closed: bool = False

    def offer(self, message: bytes, chunk: bytes = b"") -> None:
        """Hand over a message, which `chunk` is a chunk of; one that cannot go at once is queued.

        A full queue is dropped for a resync, and a client that never keeps up is let go.
        """
        if chunk and self.is_idle and self.wire is not None and not self.waiting and self.wire.is_free:
            self.wire.write(chunk)
            return
        if len(self.waiting) >= BACKLOG_MESSAGES_MAX:
            self.waiting.clear()
            self.waiting.append(RESYNC)
            self._count_resync()
        else:
            self.waiting.append(message)
        self.ready.set()

    def _count_resync(self) -> None:
        now = clock.mono()
        self.resyncs.append(now)
        while self.resyncs[0] < now - 60:
            self.resyncs.popleft()
        self.closed = self.closed or len(self.resyncs) > RESYNCS_PER_MINUTE_MAX

    async def take(self) -> bytes:
        """Everything that waits, as soon as anything does; empty once the client is closed."""
        while not self.waiting:
            if self.closed:
                return b""
            self.ready.clear()
            self.is_idle = True
            await self.ready.wait()
            self.is_idle = False
        joined = b"".join(self.waiting)
        self.waiting.clear()
        return joined


class Hub:
    """Starts with the server's event loop, ends with it. `ask` looks into the database for some topics at once.

    `leaving` says whether the server wants to end: the streams end then by themselves.
    """

    def __init__(
        self, ask: Ask, ear: Callable[[], Ear], *, build: str, leaving: Callable[[], bool] = lambda: False
    ) -> None:
        self._ask = ask
        self._ear = ear
        self._build = build
        self._leaving = leaving
        self.epoch = format(int(clock.wall().timestamp()) & 0xFFFFFFFF, "x")
        self._seq = 0
        self._shown = 0
        self._watches: dict[Topic, Watch] = {}
        self._ring: deque[tuple[float, int, Topic, bytes]] = deque()
        self._clock = clock.real_clock()
        self._away: tuple[str, ...] = ()
        self._looked = False
        """Before the first look into the database nothing is known, so nothing is said."""
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._beating: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # ------------------------------------------------------------- life

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._beating = self._loop.create_task(self._beat())
        for name, run in (("ear", self._listen), ("asking", self._work)):
            thread = threading.Thread(target=run, name=f"live {name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    async def stop(self) -> None:
        """End: streams close, threads finish what they do."""
        self._ending.set()
        self._wake.set()
        if self._beating:
            self._beating.cancel()
        self._let_go()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    # ------------------------------------------------------------- screens (event loop)

    def join(self, topics: Iterable[Topic], since: str = "", wire: Wire | None = None) -> Client:
        """A new stream: what it missed since message `since`, where the ring still has it, else whole images."""
        client = Client(tuple(topics), wire)
        missed = self._missed(client, since)
        if self._looked:
            client.offer(self._beat_message())
        with self._lock:
            for topic in client.topics:
                watch = self._watches.setdefault(topic, Watch(topic))
                watch.clients.add(client)
                if missed is None and watch.tree is not None:
                    client.offer(self._snapshot(watch))
        for message in missed or ():
            client.offer(message)
        self._wake.set()
        return client

    def leave(self, client: Client) -> None:
        """A stream ended."""
        for topic in client.topics:
            if watch := self._watches.get(topic):
                watch.clients.discard(client)
                watch.left_at = clock.mono()

    def _missed(self, client: Client, since: str) -> list[bytes] | None:
        epoch, _, seq = since.rpartition("-")
        known = all((watch := self._watches.get(t)) and watch.tree is not None for t in client.topics)
        if epoch != self.epoch or not seq.isdigit() or not known:
            return None
        if int(seq) < self._shown and (not self._ring or self._ring[0][1] > int(seq) + 1):
            return None
        missed = [message for _, s, topic, message in self._ring if s > int(seq) and topic in client.topics]
        return missed if len(missed) < BACKLOG_MESSAGES_MAX else None

    def _snapshot(self, watch: Watch) -> bytes:
        if not watch.snapshot:
            watch.snapshot = self._encode("snapshot", watch.seq, {"topic": watch.topic.name, "data": watch.tree})
        return watch.snapshot

    async def _beat(self) -> None:
        while not self._leaving():
            if self._looked:
                self._send_beat()
            for _ in range(LEAVING_LOOKS):
                await asyncio.sleep(BEAT_S / LEAVING_LOOKS)
                if self._leaving():
                    break
        self._let_go()

    def _clients(self) -> set[Client]:
        return {client for watch in self._watches.values() for client in watch.clients}

    def _let_go(self) -> None:
        """End every stream, so that the server need not wait for them."""
        for client in self._clients():
            client.closed = True
            client.ready.set()

    def _send_beat(self) -> None:
        message = self._beat_message()
        chunk = chunk_of(message)
        for client in self._clients():
            client.offer(message, chunk)

    def _beat_message(self) -> bytes:
        return self._encode("hb", None, {"build": self._build, "away": self._away})

    def _encode(self, event: str, seq: int | None, body: dict[str, Any]) -> bytes:
        now = int(self._clock.now().timestamp() * 1000)
        head = {"epoch": self.epoch, "seq": seq or 0, "now": now, "speed": self._clock.speed}
        number = b"" if seq is None else f"id: {self.epoch}-{seq}\n".encode()
        return number + f"event: {event}\ndata: ".encode() + msgspec.json.encode({**head, **body}) + b"\n\n"

    def _publish(self, watch: Watch, seq: int, message: bytes) -> None:
        at = clock.mono()
        self._ring.append((at, seq, watch.topic, message))
        while self._ring[0][0] < at - RING_S:
            self._ring.popleft()
        chunk = chunk_of(message)
        for client in watch.clients:
            client.offer(message, chunk)

    # ------------------------------------------------------------- the ear (its own thread)

    def _listen(self) -> None:
        ear = self._ear()
        while not self._ending.is_set():
            try:
                rooms = ear.hear(1.0)
            except UnavailableError:
                self._ending.wait(1.0)
                continue
            except Exception:
                _log.exception("the bell was not heard; listening again")
                self._ending.wait(1.0)
                continue
            if rooms:
                self._mark(rooms)
        ear.close()

    def _mark(self, rooms: frozenset[str]) -> None:
        with self._lock:
            for watch in self._watches.values():
                watch.rung = watch.rung or not rooms.isdisjoint(watch.topic.rooms)
        self._wake.set()

    # ------------------------------------------------------------- asking (its own thread)

    def _work(self) -> None:
        while not self._ending.is_set():
            self._wake.wait(self._idle_s())
            self._wake.clear()
            due = self._due()
            if due or self._away or not self._looked:
                self._look(due)

    def _idle_s(self) -> float:
        """Until the next look. Only what is watched is ever due: a topic left alone would never let it rest."""
        with self._lock:
            due = [watch.due_at() for watch in self._watches.values() if watch.clients]
        return max(0.0, min([*due, clock.mono() + BEAT_S]) - clock.mono())

    def _due(self) -> list[Watch]:
        now = clock.mono()
        with self._lock:
            for topic, watch in list(self._watches.items()):
                if not watch.clients and watch.left_at < now - FORGET_S:
                    del self._watches[topic]
            due = [w for w in self._watches.values() if w.clients and w.due_at() <= now]
            for watch in due:
                watch.rung, watch.asked_at = False, now
        return due

    def _look(self, due: list[Watch]) -> None:
        try:
            answer = self._ask([watch.topic for watch in due])
        except AWAY as error:
            if "database" not in self._away:
                _log.warning("live images stand still: the database is away", reason=str(error).splitlines()[0])
            self._stand_still(due)
            return
        except Exception:
            _log.exception("live images stand still: the question failed")
            self._stand_still(due)
            return
        if "database" in self._away:
            _log.info("live images move again")
        self._clock, self._away = answer.clock, answer.away
        self._know()
        for watch in due:
            if watch.topic in answer.images:
                self._compare(watch, tree_of(answer.images[watch.topic]))

    def _stand_still(self, due: list[Watch]) -> None:
        """Say so with every beat, and look again soon."""
        self._away = ("database",)
        self._know()
        for watch in due:
            watch.rung = True
        self._ending.wait(1.0)

    def _know(self) -> None:
        """After the first look: screens that came before it hear at once how things are."""
        if not self._looked:
            self._looked = True
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._send_beat)

    def _compare(self, watch: Watch, tree: Tree) -> None:
        body: Tree
        if watch.asked is None:
            event, body = "snapshot", {"topic": watch.topic.name, "data": tree}
        elif patch := difference(watch.asked[0], tree):
            event, body = "d", {"topic": watch.topic.name, "after": watch.asked[1], "patch": patch}
        else:
            return
        assert self._loop is not None
        self._seq += 1
        watch.asked = (tree, self._seq)
        message = self._encode(event, self._seq, body)
        self._loop.call_soon_threadsafe(self._take_over, watch, tree, self._seq, message)

    def _take_over(self, watch: Watch, tree: Tree, seq: int, message: bytes) -> None:
        watch.tree, watch.seq, watch.snapshot, self._shown = tree, seq, b"", seq
        self._publish(watch, seq, message)
