"""One connection to the database for batches: connects when asked, stores in one transaction, says why not.

`store` either stores everything of the parts, or nothing and raises: `AwayError` (the database is away or cannot
write), `FencedError` (somebody took sources over), or `BadRowsError` with the rows the database will never take.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import structlog

from collectors.batch import Part
from collectors.source import GapNote
from mes.clock import mono
from mes.errors import MesError, SetupError, UnavailableError
from mes.store.pool import RETRYABLE, Connection, connect
from mes.store.sample import (
    Rows,
    SetAside,
    Stored,
    data_folders,
    insert_quarantine,
    instant,
    is_durable,
    keep_staging,
    store_batch,
)
from mes.store.source import Gap, close_gap, insert_gap, owned_sources

TRIES_MAX = 6
HANGS_S_MAX = 10.0
IDLE_IN_TRANSACTION_MS_MAX = 5_000
"""Shorter than a lease: what a stopped process had not committed is gone before the next owner begins."""
STATEMENT_MS_MAX = 60_000
"""A batch takes milliseconds. The drainer, whom nobody breaks off, waits at most this long for a lock or a disk."""
_log = structlog.get_logger("collectors")

Machines = Callable[[str, int | None], Sequence[str]]
"""The machines a gap concerns: of a source, or of one tag."""
SourceOf = Callable[[int], str]
"""The source of a tag; empty for one that a new plant version took away."""
Counted = Callable[[str, str, int], None]
"""Told of a source what happened to how many of its rows."""


class AwayError(UnavailableError):
    """The database is away, or cannot write."""


class FencedError(MesError):
    """Another collector has taken these sources over."""

    def __init__(self, sources: frozenset[str]) -> None:
        self.sources = sources
        super().__init__(f"Another collector has taken over {', '.join(sorted(sources))}")


class BadRowsError(MesError):
    """The database will never take some of these rows."""


class Door:
    """Whether the database takes batches, as every thread sees it. Says it once when it goes, once when it is back."""

    def __init__(self) -> None:
        self.away_since: float | None = None
        self.detail = ""
        self.closed = threading.Event()
        """Wakes whoever tries again."""

    @property
    def away_s(self) -> float:
        return 0.0 if self.away_since is None else mono() - self.away_since

    def lost(self, error: MesError) -> None:
        """It went."""
        if self.away_since is None:
            self.away_since, self.detail = mono(), error.detail
            _log.warning("database lost; samples go into the spool", reason=error.detail)
        self.closed.set()

    def back(self) -> None:
        """It took a batch."""
        if self.away_since is not None:
            _log.info("database back", away_s=round(self.away_s, 1))
            self.away_since, self.detail = None, ""


class Depot:
    """Not thread-safe, but for `break_off`: each thread has its own."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        owner: str,
        machines: Machines,
        source_of: SourceOf = lambda _tag: "",
        counted: Counted = lambda _source, _what, _times: None,
    ) -> None:
        self._url = url
        self._name = name
        self._owner = owner
        self._machines = machines
        self._source_of = source_of
        self._counted = counted
        self._conn: Connection | None = None
        self._busy_since: float | None = None
        self.hangs_s_max = HANGS_S_MAX
        self.folders: tuple[Path, ...] = ()
        """Where the database keeps its data, when it may be asked and that is on this machine."""

    def open(self) -> None:
        """Connect if necessary. Raises AwayError, and SetupError for a database that would forget."""
        if self._conn is not None:
            return
        try:
            conn = connect(self._url, name=self._name)
            if not is_durable(conn):
                conn.close()
                raise SetupError(
                    "This database runs with fsync off and would forget samples in a power cut",
                    remedy="Set fsync = on in its configuration.",
                )
            self.folders = tuple(Path(folder) for folder in data_folders(conn))
            keep_staging(conn, idle_ms_max=IDLE_IN_TRANSACTION_MS_MAX, statement_ms_max=STATEMENT_MS_MAX)
        except (psycopg.Error, UnavailableError) as error:
            raise AwayError(_reason(error)) from error
        self._conn = conn

    def close(self) -> None:
        """Let the connection go."""
        if self._conn is not None:
            with suppress(psycopg.Error):
                self._conn.close()
            self._conn = None

    def break_off(self) -> bool:
        """From another thread: end a statement that hangs, by cutting its socket; whether one did."""
        conn, since = self._conn, self._busy_since
        if conn is None or since is None or mono() - since < self.hangs_s_max:
            return False
        with suppress(OSError, psycopg.Error), socket.socket(fileno=socket.dup(conn.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
        return True

    def store(self, parts: Sequence[Part], *, fence: bool) -> Stored:
        """All of `parts` in one transaction; tried again when the database asks for it."""
        for attempt in range(TRIES_MAX):
            try:
                return self._store_once(parts, fence=fence)
            except RETRYABLE as error:
                if attempt + 1 == TRIES_MAX:
                    raise AwayError(_reason(error)) from error
                time.sleep(random.uniform(0, 0.02 * 2**attempt))
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                raise BadRowsError(_reason(error)) from error
            except psycopg.Error as error:
                self.close()
                raise AwayError(_reason(error)) from error
        raise AssertionError("the loop returns or raises")

    def _store_once(self, parts: Sequence[Part], *, fence: bool) -> Stored:
        self.open()
        assert self._conn is not None
        self._busy_since = mono()
        try:
            with self._conn.transaction():
                rows, is_mixed = _joined(parts), len({part.source for part in parts}) > 1
                stored = store_batch(self._conn, rows, by_tag=is_mixed)
                self._store_notes(self._conn, parts)
                if fence:
                    self._refuse_taken(self._conn, {part.source: part.epoch for part in parts})
            if again := len(rows) - stored.signals - stored.values:
                self._count_repeated(self._by_source(stored.repeated) if is_mixed else {parts[0].source: again})
            return stored
        finally:
            self._busy_since = None

    def _by_source(self, rows_of_tags: Mapping[int, int]) -> Mapping[str, int]:
        found: Counter[str] = Counter()
        for tag_id, rows in rows_of_tags.items():
            found[self._source_of(tag_id)] += rows
        return found

    def _count_repeated(self, rows: Mapping[str, int]) -> None:
        """After the commit."""
        for source, times in rows.items():
            self._counted(source, "repeated", times)

    def _store_notes(self, conn: Connection, parts: Sequence[Part]) -> None:
        aside = [thing for part in parts for thing in part.set_aside]
        if aside:
            insert_quarantine(conn, aside)
        for part in parts:
            for note in part.gaps:
                self._store_gap(conn, part, note)

    def _store_gap(self, conn: Connection, part: Part, note: GapNote) -> None:
        machines = self._machines(part.source, note.tag_id)
        to_at = None if note.to_at is None else instant(note.to_at)
        if note.from_at is None:
            assert to_at is not None
            close_gap(conn, part.source, to_at=to_at, epoch=part.epoch, machines=machines, tag_id=note.tag_id)
            return
        gap = Gap(part.source, instant(note.from_at), note.why, to_at, note.tag_id, note.detail)
        insert_gap(conn, gap, epoch=part.epoch, machines=machines)

    def _refuse_taken(self, conn: Connection, epochs: Mapping[str, int]) -> None:
        """The last question before the commit."""
        taken = frozenset(epochs) - owned_sources(conn, self._owner, epochs)
        if taken:
            raise FencedError(taken)

    def without_bad(self, part: Part, detail: str) -> Part:
        """The part with the rows the database refuses set aside. Raises AwayError."""
        signals, bad_signals = self._good(part.rows.signals, lambda rows: Rows(signals=rows))
        values, bad_values = self._good(part.rows.values, lambda rows: Rows(values=rows))
        refused = [
            SetAside(part.source, instant(part.received_at), "database", detail[:500], payload=packed)
            for packed in (*bad_signals, *bad_values)
        ]
        rows = Rows(signals=signals, values=values, pulses=part.rows.pulses)
        return replace(part, rows=rows, set_aside=[*part.set_aside, *refused])

    def _good(self, rows: list[bytes], as_rows: Callable[[list[bytes]], Rows]) -> tuple[list[bytes], list[bytes]]:
        if not rows or self._would_take(as_rows(rows)):
            return rows, []
        if len(rows) == 1:
            return [], rows
        middle = len(rows) // 2
        (left, bad_left), (right, bad_right) = self._good(rows[:middle], as_rows), self._good(rows[middle:], as_rows)
        return left + right, bad_left + bad_right

    def _would_take(self, rows: Rows) -> bool:
        self.open()
        assert self._conn is not None
        try:
            with self._conn.transaction(force_rollback=True):
                store_batch(self._conn, rows)
        except (psycopg.DataError, psycopg.IntegrityError):
            return False
        except psycopg.Error as error:
            self.close()
            raise AwayError(_reason(error)) from error
        return True


def _joined(parts: Sequence[Part]) -> Rows:
    if len(parts) == 1:
        return parts[0].rows
    return Rows(
        signals=[packed for part in parts for packed in part.rows.signals],
        values=[packed for part in parts for packed in part.rows.values],
        pulses=[pulse for part in parts for pulse in part.rows.pulses],
    )


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
