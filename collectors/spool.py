"""The spool: batches on disk while the database is away. SQLite, WAL, fsynced at every append, one blob a batch.

A blob is already in the form the database copies (`mes.store.sample.row`), so that draining decodes nothing. Oldest
first, signals before process values. It is bounded by bytes, by age and by the free space of its disk; when it is
full process values go first, and what went is said as a gap; when only signals are left it refuses (`SpoolFullError`),
and the devices have to wait.

Every process has a spool of its own under a lock. One left behind by a process that died is drained by the next.
"""

from __future__ import annotations

import fcntl
import math
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mes.clock import wall
from mes.errors import MesError

Kind = Literal["signal", "pulse", "note", "value"]
KINDS: tuple[Kind, ...] = ("signal", "pulse", "note", "value")
BYTES_MAX = 4_000_000_000
VALUE_AGE_S_MAX = 7 * 86_400
DISK_FREE_BYTES_MIN = 500_000_000
_SCHEMA = """
create table if not exists blob (
    id integer primary key,
    rank integer not null,
    kind text not null,
    form integer not null,
    source text not null,
    epoch integer not null,
    rows integer not null,
    from_at integer not null,
    to_at integer not null,
    wall_s real not null,
    body blob not null
);
create index if not exists blob_rank on blob (rank, id);
"""


class SpoolFullError(MesError):
    """The spool is full of signals; devices have to wait until the database is back."""

    code = "spool_full"
    retryable = True


@dataclass(frozen=True, slots=True)
class Blob:
    """What one source contributed to one batch, of one kind. from_at..to_at: its samples' times, microseconds."""

    kind: Kind
    form: int
    source: str
    epoch: int
    rows: int
    from_at: int
    to_at: int
    body: bytes
    id: int = 0


@dataclass(frozen=True, slots=True)
class Dropped:
    """Process values of a source that had to go."""

    source: str
    rows: int
    from_at: int
    to_at: int


class Spool:
    """One file. `append` from one thread, `oldest` and `remove` from another."""

    def __init__(
        self, path: Path, *, bytes_max: int = BYTES_MAX, disk_free_bytes_min: int = DISK_FREE_BYTES_MIN
    ) -> None:
        """Raises BlockingIOError while another process has it."""
        self.path = path
        self._bytes_max = bytes_max
        self._disk_free_bytes_min = disk_free_bytes_min
        self._mutex = threading.Lock()
        self._dropped: list[Dropped] = []
        self._held = _lock(path.with_suffix(".lock"))
        self._db = _open(path)
        rows, size = self._db.execute(
            "select coalesce(sum(rows), 0), coalesce(sum(length(body)), 0) from blob"
        ).fetchone()
        self.rows, self.bytes = int(rows), int(size)

    def oldest_wall_s(self) -> float | None:
        """When the oldest blob was put here, in seconds since 1970."""
        with self._mutex:
            found = self._db.execute("select min(wall_s) from blob").fetchone()
        return None if found[0] is None else float(found[0])

    def append(self, blobs: Sequence[Blob]) -> None:
        """Put blobs on the disk, all or none; process values may have to go for them. Raises SpoolFullError."""
        with self._mutex:
            if not self._make_room(_size(blobs)):
                self._dropped += [_as_dropped(blob) for blob in blobs if blob.kind == "value"]
                blobs = [blob for blob in blobs if blob.kind != "value"]
                if not self._fits(_size(blobs)):
                    raise SpoolFullError
            self._insert(blobs)

    def take_dropped(self) -> list[Dropped]:
        """The process values that had to go since the last call."""
        with self._mutex:
            dropped, self._dropped = self._dropped, []
        return dropped

    def put_back(self, dropped: Sequence[Dropped]) -> None:
        """Say them again at the next call: they could not be written down."""
        with self._mutex:
            self._dropped = [*dropped, *self._dropped]

    def _insert(self, blobs: Sequence[Blob]) -> None:
        now_s = wall().timestamp()
        try:
            with _transaction(self._db):
                self._db.executemany(
                    "insert into blob (rank, kind, form, source, epoch, rows, from_at, to_at, wall_s, body)"
                    " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [(KINDS.index(b.kind), *_columns(b), now_s, b.body) for b in blobs],
                )
        except sqlite3.OperationalError as error:
            raise SpoolFullError(f"The spool cannot be written: {error}") from error
        self.rows += sum(blob.rows for blob in blobs)
        self.bytes += _size(blobs)

    def _fits(self, more: int) -> bool:
        free = shutil.disk_usage(self.path.parent).free
        return self.bytes + more <= self._bytes_max and free - more >= self._disk_free_bytes_min

    def _make_room(self, more: int) -> bool:
        """Drop process values that are too old, then the oldest until `more` bytes fit; whether they do."""
        self._drop_values(before_wall_s=wall().timestamp() - VALUE_AGE_S_MAX)
        while not self._fits(more):
            if not self._drop_values(before_wall_s=math.inf):
                return False
        return True

    def _drop_values(self, *, before_wall_s: float, blobs_max: int = 16) -> bool:
        old = self._db.execute(
            "select id, source, rows, from_at, to_at, length(body) from blob"
            " where kind = 'value' and wall_s < ? order by id limit ?",
            (before_wall_s, blobs_max),
        ).fetchall()
        self._dropped += [Dropped(*row[1:5]) for row in old]
        self._delete([row[0] for row in old], rows=sum(row[2] for row in old), size=sum(row[5] for row in old))
        return bool(old)

    def oldest(self, *, rows_max: int) -> list[Blob]:
        """The next blobs to drain: signals before values, oldest first; at least one while there is any."""
        with self._mutex:
            found = self._db.execute(
                "select kind, form, source, epoch, rows, from_at, to_at, body, id from blob order by rank, id limit 100"
            ).fetchall()
        taken: list[Blob] = []
        rows = 0
        for blob in (Blob(*row) for row in found):
            rows += blob.rows
            if taken and rows > rows_max:
                break
            taken.append(blob)
        return taken

    def remove(self, blobs: Sequence[Blob]) -> None:
        """Forget what is stored elsewhere now."""
        with self._mutex:
            self._delete([blob.id for blob in blobs], rows=sum(blob.rows for blob in blobs), size=_size(blobs))
            if not self.bytes:
                self._shrink()

    def _delete(self, ids: Sequence[int], *, rows: int, size: int) -> None:
        with _transaction(self._db):
            self._db.executemany("delete from blob where id = ?", [(number,) for number in ids])
        self.rows, self.bytes = self.rows - rows, self.bytes - size

    def _shrink(self) -> None:
        """Give the space of an emptied spool back to the disk."""
        self._db.executescript("pragma incremental_vacuum")  # `execute` would free one page
        self._db.execute("pragma wal_checkpoint(truncate)").fetchall()

    def close(self) -> None:
        """Let go of the file; another process may have it now."""
        with self._mutex:
            self._db.close()
            os.close(self._held)


def open_spools(folder: Path, **limits: int) -> list[Spool]:
    """A spool for this process first, then those that dead processes left behind."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = sorted(int(path.stem) for path in folder.glob("*.sqlite") if path.stem.isdigit())
    spools = [spool for number in numbers if (spool := _try_spool(folder, number, limits))]
    number = numbers[-1] if numbers else 0
    while not spools:
        number += 1
        spools = [spool for spool in [_try_spool(folder, number, limits)] if spool]
    return spools


def left_behind(held: Sequence[Spool]) -> list[Spool]:
    """Spools beside ours whose processes have died since, and that hold something."""
    ours = {spool.path for spool in held}
    folder = held[0].path.parent
    others = [path for path in sorted(folder.glob("*.sqlite")) if path.stem.isdigit() and path not in ours]
    found = [spool for path in others if (spool := _try_spool(folder, int(path.stem), {}))]
    for spool in found:
        if not spool.rows:
            spool.close()
    return [spool for spool in found if spool.rows]


def _try_spool(folder: Path, number: int, limits: dict[str, int]) -> Spool | None:
    try:
        return Spool(folder / f"{number}.sqlite", **limits)
    except BlockingIOError:
        return None


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("auto_vacuum = incremental", "journal_mode = wal", "synchronous = full"):
        db.execute(f"pragma {pragma}").fetchall()
    db.executescript(_SCHEMA)
    return db


def _lock(path: Path) -> int:
    """An open file that holds the lock; the kernel lets go of it when the process dies, however it dies."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("begin immediate")
    try:
        yield
        db.execute("commit")
    finally:
        if db.in_transaction:
            db.execute("rollback")


def _columns(blob: Blob) -> tuple[str | int, ...]:
    return blob.kind, blob.form, blob.source, blob.epoch, blob.rows, blob.from_at, blob.to_at


def _size(blobs: Sequence[Blob]) -> int:
    return sum(len(blob.body) for blob in blobs)


def _as_dropped(blob: Blob) -> Dropped:
    return Dropped(blob.source, blob.rows, blob.from_at, blob.to_at)
