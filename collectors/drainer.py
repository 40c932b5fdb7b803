"""The drainer: notices that the database is back, and empties the spools, oldest first, beside the live batches."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import structlog

from collectors.batch import Part
from collectors.blobs import part_of, said_dropped, taken_apart
from collectors.depot import AwayError, BadRowsError, Depot, Door
from collectors.spool import Blob, Spool, left_behind
from mes.clock import mono
from mes.errors import SetupError
from mes.store.sample import Stored

DRAIN_ROWS_MAX = 20_000
TRY_AGAIN_S = 0.5
ADOPT_S = 5.0
_log = structlog.get_logger("collectors.drainer")


class Drainer:
    """One thread with a connection of its own. It also cuts off statements that hang, the writer's too."""

    def __init__(self, spools: Sequence[Spool], depot: Depot, door: Door, *, watch: Sequence[Depot]) -> None:
        self._spools = list(spools)
        self._depot = depot
        self._door = door
        self._watched = (depot, *watch)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drainer", daemon=True)
        self._watchman = threading.Thread(target=self._watch, name="watchman", daemon=True)
        self.drained = 0
        self._adopted_s = mono()
        self.failure: BaseException | None = None

    @property
    def rows(self) -> int:
        return sum(spool.rows for spool in self._spools)

    @property
    def bytes(self) -> int:
        return sum(spool.bytes for spool in self._spools)

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._watchman.start()

    def stop(self, *, timeout_s: float) -> bool:
        """End after the blobs at hand; the rest stays in the spools. False when it did not end in time."""
        self._stopping.set()
        self._door.closed.set()
        self._thread.join(timeout_s)
        self._watchman.join(timeout_s)
        return not self._thread.is_alive()

    def close_spools(self) -> None:
        """After the writer has ended too."""
        for spool in self._spools:
            spool.close()

    def _watch(self) -> None:
        while not self._stopping.wait(1.0):
            if any([depot.break_off() for depot in self._watched]):
                _log.warning("the database hung; its connection was cut")

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                if not self._try():
                    self._door.closed.wait(TRY_AGAIN_S)
                    self._door.closed.clear()
        except BaseException as error:
            self.failure = error
            _log.exception("the drainer failed")
        finally:
            self._depot.close()

    def _try(self) -> bool:
        """Drain a bit; whether there may be more."""
        try:
            return self._drain()
        except AwayError as error:
            self._door.lost(error)
        except SetupError as error:
            self._door.lost(error)
            self.failure = error
        return False

    def _drain(self) -> bool:
        for spool in self._spools:
            blobs = spool.oldest(rows_max=DRAIN_ROWS_MAX)
            if blobs:
                self._drain_blobs(spool, blobs)
                self._door.back()
                return True
        if self._door.away_since is not None:
            self._depot.open()
            self._door.back()
        self._adopt()
        return False

    def _adopt(self) -> None:
        """Take over, now and then, what collectors that have died left behind."""
        if mono() - self._adopted_s > ADOPT_S:
            self._adopted_s = mono()
            self._spools += left_behind(self._spools)

    def _drain_blobs(self, spool: Spool, blobs: list[Blob]) -> None:
        dropped = spool.take_dropped()
        parts = [*(part_of(blob) for blob in blobs), *(said_dropped(values) for values in dropped)]
        try:
            self._store(parts)
        except AwayError:
            spool.put_back(dropped)
            raise
        spool.remove(blobs)
        self.drained += sum(blob.rows for blob in blobs)

    def _store(self, parts: list[Part]) -> Stored:
        try:
            return self._depot.store(parts, fence=False)
        except BadRowsError as error:
            good = [self._depot.without_bad(taken_apart(part), str(error)) for part in parts]
            return self._depot.store(good, fence=False)
