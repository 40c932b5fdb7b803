"""The collector process (`mes collect`): one task for each source this process owns.

Three threads beside the event loop: the keeper (leases, health, the plant in force), the writer and the drainer. A
source that is lost is tried again after a pause (`collectors.patience`). A new plant version changes what it changes:
sources whose settings are the same keep their sessions. SIGTERM: reading ends, what was read is settled and thanked
for, then sources take leave and leases are given back, all within `STOP_S`.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import threading
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from collectors.batch import Packer
from collectors.depot import Depot, Door
from collectors.drainer import Drainer
from collectors.inbox import Inbox
from collectors.lease import Keeper, Orders
from collectors.metrics import served
from collectors.patience import PAUSE_S_MAX, pause_s
from collectors.post import PlantTime, Post
from collectors.protocols import new_source
from collectors.ration import Ration, used_percent
from collectors.sieve import Rule
from collectors.source import Assignment, Source, SourceLostError
from collectors.spool import open_spools
from collectors.writer import Writer
from mes.clock import mono, real_clock
from mes.settings import Settings
from mes.store.source import Beat, SourceLease

STOP_S = 5.0
_log = structlog.get_logger("collectors.supervisor")


def main(settings: Settings, shard: tuple[int, int] = (1, 1)) -> None:
    """Collect until SIGTERM or SIGINT. Raises SetupError when this machine or database is not fit for it."""
    collector = Collector(settings, shard)
    with suppress(ValueError):  # not in the main thread: whoever started us stops us
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: collector.stop())
    collector.run()


@dataclass(slots=True)
class Charge:
    """A source in our charge."""

    post: Post
    assignment: Assignment
    source: Source
    task: asyncio.Task[None]


class Collector:
    """All of one process. `run` blocks; `stop` may be called from any thread or a signal handler."""

    def __init__(self, settings: Settings, shard: tuple[int, int] = (1, 1)) -> None:
        self._settings = settings
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._time = PlantTime(real_clock())
        self._orders: Orders | None = None
        self._source_of: dict[int, str] = {}
        self._posts: dict[str, Post] = {}
        self._charges: dict[str, Charge] = {}
        self._inbox = Inbox()
        self._door = Door()
        self._packer = Packer({}, on_count=self._count)
        spools = open_spools(settings.home / "spool")
        writing = self._new_depot("collector writer")
        self._ration = Ration(lambda: used_percent([settings.home, *writing.folders]))
        self._writer = Writer(
            self._inbox,
            self._packer,
            spools[0],
            writing,
            self._door,
            ration=self._ration,
            fenced=self.taken_away,
            counted=self._count,
        )
        self._drainer = Drainer(spools, self._new_depot("collector drainer"), self._door, watch=[writing])
        self._keeper = Keeper(settings.database_url, self._owner, self, shard)

    def _new_depot(self, name: str) -> Depot:
        url, owner = self._settings.database_url, self._owner
        return Depot(
            url,
            name=name,
            owner=owner,
            machines=self._machines,
            source_of=lambda tag_id: self._source_of.get(tag_id, ""),
            counted=self._count,
        )

    def stop(self) -> None:
        """Ask to end."""
        self._stop.set()
        self._look()

    def run(self) -> None:
        """Collect until stopped. Raises what broke a thread."""
        with served(self._settings.collect_metrics_port, lambda: list(self._posts.values()), self._figures):
            asyncio.run(self._run())
        failure = self._writer.failure or self._drainer.failure
        if failure is not None:
            raise failure

    # --- the household, called by the keeper's and the writer's threads

    def beats(self) -> Sequence[Beat]:
        shared = self._shared_health()
        return [post.beat(shared) for post in list(self._posts.values())]

    def ordered(self, orders: Orders) -> None:
        if self._orders is None or orders.clock != self._orders.clock:
            self._time.anchor(orders.clock)
        self._packer.rules = {
            numbered.number: Rule.of(numbered.tag, reorder_s=assignment.source.reorder_s)
            for assignment in orders.assignments.values()
            for numbered in assignment.tags
        }
        self._source_of = {n.number: code for code, assignment in orders.assignments.items() for n in assignment.tags}
        self._orders = orders
        self._look()

    def taken(self, lease: SourceLease) -> None:
        self._posts[lease.source] = Post(lease, self._inbox, self._time)
        self._look()

    def taken_away(self, sources: frozenset[str]) -> None:
        for source in sources:
            if self._posts.pop(source, None) is not None:
                _log.warning("another collector has taken this source over", source=source)
        self._look()

    def _look(self) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(self._wake.set)

    def _count(self, source: str, what: str, times: int) -> None:
        post = self._posts.get(source)
        if post is not None:
            post.vitals.count(what, times)

    def _machines(self, source: str, tag_id: int | None) -> Sequence[str]:
        """The machines a gap of this source, or of one of its tags, concerns."""
        assignment = self._orders.assignments.get(source) if self._orders else None
        if assignment is None:
            return ()
        if tag_id is None:
            return assignment.machines
        return tuple({n.tag.machine for n in assignment.tags if n.number == tag_id})

    def _shared_health(self) -> dict[str, object]:
        figures = self._writer.figures
        return {
            "owner": self._owner,
            "queue_rows": self._inbox.rows,
            "spool_rows": self._drainer.rows,
            "spool_bytes": self._drainer.bytes,
            "database_away_s": round(self._door.away_s, 1),
            "is_stuck": figures.is_stuck,
            "disk_used_percent": round(self._ration.percent),
        }

    def _figures(self) -> dict[str, float]:
        figures = self._writer.figures
        return {
            "batches": figures.batches,
            "rows_stored": figures.stored,
            "rows_repeated": figures.repeated,
            "rows_spooled": figures.spooled,
            "rows_drained": self._drainer.drained,
            "last_batch_seconds": figures.last_batch_s,
            "queue_rows": self._inbox.rows,
            "spool_rows": self._drainer.rows,
            "spool_bytes": self._drainer.bytes,
            "database_away_seconds": self._door.away_s,
            "disk_used_percent": self._ration.percent,
        }

    # --- the event loop

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._writer.start()
        self._drainer.start()
        self._keeper.start()
        _log.info("collecting", owner=self._owner)
        while not self._stop.is_set() and not (self._writer.failure or self._drainer.failure):
            await self._reconcile()
            self._tick()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), 1.0)
            self._wake.clear()
        await self._leave()

    def _tick(self) -> None:
        if self._time.watch():
            _log.warning("the machine's clock was stepped; samples are stamped by the old reckoning for now")
        self._ration.look()
        for post in list(self._posts.values()):
            post.tick()

    async def _reconcile(self) -> None:
        """Make what runs what is wanted and owned."""
        wanted = self._orders.assignments if self._orders else {}
        for code, charge in list(self._charges.items()):
            assignment, post = wanted.get(code), self._posts.get(code)
            if assignment is None or post is not charge.post or assignment.source != charge.assignment.source:
                await self._end(code)
            elif assignment != charge.assignment:
                charge.assignment = assignment
                await self._guarded(code, charge.source.retag(assignment))
        for code in [code for code in self._posts if code not in wanted]:
            del self._posts[code]
        for code, post in list(self._posts.items()):
            if code not in self._charges:
                self._begin(post, wanted[code])

    def _begin(self, post: Post, assignment: Assignment) -> None:
        source = new_source(assignment, post, self._settings)
        task = asyncio.create_task(_keep_hearing(source, post), name=post.code)
        self._charges[post.code] = Charge(post, assignment, source, task)

    async def _end(self, code: str) -> None:
        charge = self._charges.pop(code)
        await _cancelled([charge.task])
        await self._guarded(code, charge.source.close())

    async def _guarded(self, code: str, step: Coroutine[object, object, None]) -> None:
        """One source's trouble is not the others'."""
        try:
            await asyncio.wait_for(step, STOP_S)
        except SourceLostError as error:
            self._charges[code].post.lost(error) if code in self._charges else None
        except Exception:
            _log.exception("a source could not be changed", source=code)

    async def _leave(self) -> None:
        """Within STOP_S: stop reading, settle, thank, take leave, give back."""
        deadline = mono() + STOP_S - 0.5
        charges = list(self._charges.values())
        await _cancelled([charge.task for charge in charges])
        settled = await asyncio.to_thread(self._writer.stop, timeout_s=2.5)
        partings = (charge.source.close() for charge in charges)
        parted = asyncio.gather(*partings, return_exceptions=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(parted, max(0.3, deadline - mono() - 0.5))
        await asyncio.to_thread(self._drainer.stop, timeout_s=max(0.3, deadline - mono()))
        await asyncio.to_thread(self._keeper.stop, timeout_s=max(0.3, deadline - mono()))
        if settled:
            self._drainer.close_spools()
        _log.info("collected", settled=settled)


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_hearing(source: Source, post: Post) -> None:
    """Run a source again and again, with growing pauses while it cannot be heard."""
    failures = 0
    while True:
        started = mono()
        try:
            await source.run()
            error = SourceLostError("session", "the other side ended it")
        except SourceLostError as lost:
            error = lost
        except Exception as unexpected:
            _log.exception("a source failed in an unexpected way", source=post.code)
            error = SourceLostError("session", f"{type(unexpected).__name__}: {unexpected}")
        was_well = post.vitals.state == "running" and mono() - started > PAUSE_S_MAX
        post.lost(error)
        failures = 1 if was_well else failures + 1
        await asyncio.sleep(pause_s(error, failures))
