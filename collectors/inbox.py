"""Where sources leave deliveries and the writer takes them: in batches, by number, by time, or when it falls quiet.

A batch is taken when it is large, when its first delivery has waited `LINGER_S`, or when nothing new came for
`QUIET_S`. The last matters to brokers that allow few unacknowledged messages (20 is a common default): they stop
talking until thanked, and waiting for the linger would cap them at some 200 messages a second.
"""

from __future__ import annotations

import threading
from collections import deque

from collectors.source import Delivery
from mes.clock import mono

LINGER_S = 0.1
QUIET_S = 0.02
BATCH_ROWS_MAX = 5_000
INBOX_ROWS_MAX = 100_000


class Inbox:
    """Thread-safe. `put` never blocks; a source asks `is_full` and stops reading."""

    def __init__(self, *, rows_max: int = INBOX_ROWS_MAX) -> None:
        self._rows_max = rows_max
        self._changed = threading.Condition()
        self._waiting: deque[Delivery] = deque()
        self._arrivals = 0
        self._closed = False
        self.rows = 0

    @property
    def is_full(self) -> bool:
        return self.rows >= self._rows_max

    def put(self, delivery: Delivery) -> None:
        """Leave a delivery."""
        weight = _weight(delivery)
        with self._changed:
            was_small = self.rows < BATCH_ROWS_MAX
            self._waiting.append(delivery)
            self._arrivals += 1
            self.rows += weight
            if len(self._waiting) == 1 or (was_small and self.rows >= BATCH_ROWS_MAX):
                self._changed.notify()

    def take(self, *, timeout_s: float) -> list[Delivery]:
        """The next batch; empty when nothing came within `timeout_s`, or at once when closed and empty."""
        with self._changed:
            if not self._waiting and not self._closed:
                self._changed.wait(timeout_s)
            if self._waiting:
                self._linger()
            taken: list[Delivery] = []
            rows = 0
            while self._waiting and rows < BATCH_ROWS_MAX:
                delivery = self._waiting.popleft()
                rows += _weight(delivery)
                taken.append(delivery)
            self.rows -= rows
            return taken

    def _linger(self) -> None:
        deadline = mono() + LINGER_S
        while self.rows < BATCH_ROWS_MAX and not self._closed and mono() < deadline:
            before = self._arrivals
            self._changed.wait(QUIET_S)
            if self._arrivals == before:
                return

    def close(self) -> None:
        """Nothing waits any longer: what is there is taken at once."""
        with self._changed:
            self._closed = True
            self._changed.notify()


def _weight(delivery: Delivery) -> int:
    return len(delivery.heard) + len(delivery.unreadable) + 1
