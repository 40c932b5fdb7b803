"""The writer: each batch into the database, or into the spool while it is away. Then, and only then, it thanks.

A batch that can go neither way is held and tried again: the inbox fills, and sources stop reading.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from collectors.batch import Packer, Part
from collectors.blobs import blobs_of
from collectors.depot import AwayError, BadRowsError, Depot, Door, FencedError
from collectors.inbox import Inbox
from collectors.ration import Ration
from collectors.spool import Spool, SpoolFullError
from mes.clock import mono
from mes.errors import SetupError
from mes.store.sample import Stored

TRY_AGAIN_S = 0.5
_log = structlog.get_logger("collectors.writer")


@dataclass(slots=True)
class Figures:
    """What the writer did since it started."""

    batches: int = 0
    heard: int = 0
    stored: int = 0
    repeated: int = 0
    spooled: int = 0
    last_batch_s: float = 0.0
    is_stuck: bool = False


class Writer:
    """One thread. `fenced` is told which sources others have taken over, `counted` what happened to whom how often."""

    def __init__(
        self,
        inbox: Inbox,
        packer: Packer,
        spool: Spool,
        depot: Depot,
        door: Door,
        *,
        ration: Ration,
        fenced: Callable[[frozenset[str]], None],
        counted: Callable[[str, str, int], None],
    ) -> None:
        self._inbox = inbox
        self._packer = packer
        self._spool = spool
        self._depot = depot
        self._door = door
        self._ration = ration
        self._fenced = fenced
        self._counted = counted
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self.figures = Figures()
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, timeout_s: float) -> bool:
        """Settle what is in the inbox and end; False when that took longer than `timeout_s`."""
        self._stopping.set()
        self._inbox.close()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set() or self._inbox.rows:
                deliveries = self._inbox.take(timeout_s=0.5)
                if deliveries and not self._settle(self._rationed(self._packer.pack(deliveries))):
                    return
        except BaseException as error:
            self.failure = error
            _log.exception("the writer failed")
        finally:
            self._depot.close()

    def _rationed(self, parts: list[Part]) -> list[Part]:
        self._ration.apply(parts)
        return parts

    def _settle(self, parts: list[Part]) -> bool:
        """See that `parts` become durable, then thank; False when told to stop while nobody takes them."""
        started = mono()
        left = [part for part in parts if not part.is_empty]
        while left:
            try:
                self._count(left, self._put(left))
                break
            except FencedError as error:
                left = self._without(left, error.sources)
                parts = [part for part in parts if part.source not in error.sources]
            except BadRowsError as error:
                left = self._without_bad(left, str(error))
            except SpoolFullError as error:
                if not self._wait(error):
                    return False
        self._unstuck()
        self.figures.batches += 1
        self.figures.heard += sum(part.heard for part in parts)
        self.figures.last_batch_s = mono() - started
        _thank(parts)
        return True

    def _put(self, parts: list[Part]) -> Stored | None:
        """Into the database, or None when they went into the spool."""
        if self._door.away_since is None:
            try:
                return self._depot.store(parts, fence=True)
            except (AwayError, SetupError) as error:
                self._door.lost(error)
        self._spool.append([blob for part in parts for blob in blobs_of(part)])
        self.figures.spooled += sum(len(part.rows) for part in parts)
        return None

    def _count(self, parts: list[Part], stored: Stored | None) -> None:
        if stored is not None:
            new = stored.signals + stored.values
            self.figures.stored += new
            self.figures.repeated += sum(len(part.rows) for part in parts) - new

    def _without(self, parts: list[Part], sources: frozenset[str]) -> list[Part]:
        """Nobody thanks for what is refused: the new owner will be told again."""
        for part in parts:
            if part.source in sources:
                self._packer.forget(part)
                self._counted(part.source, "fenced", len(part.rows))
        self._fenced(sources)
        return [part for part in parts if part.source not in sources]

    def _without_bad(self, parts: list[Part], detail: str) -> list[Part]:
        """The parts with what the database refuses set aside; as they are when it goes away meanwhile."""
        with suppress(AwayError):
            return [self._depot.without_bad(part, detail) for part in parts]
        return parts

    def _wait(self, error: SpoolFullError) -> bool:
        if not self.figures.is_stuck:
            self.figures.is_stuck = True
            _log.error("neither database nor spool takes samples; sources wait", reason=error.detail)
        self._door.closed.set()
        return not self._stopping.wait(TRY_AGAIN_S)

    def _unstuck(self) -> None:
        if self.figures.is_stuck:
            self.figures.is_stuck = False
            _log.info("samples are taken again")


def _thank(parts: list[Part]) -> None:
    for part in parts:
        for thank in part.thanks:
            try:
                thank()
            except Exception:
                _log.exception("a source could not be thanked", source=part.source)
