"""Files that must survive a power cut or a second starter: written whole, locked, with room left on the disk."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mes.clock import mono
from mes.errors import SetupError


def make_folder(path: Path, *, mode: int = 0o755) -> Path:
    """Make `path` and what leads to it, with `mode` whatever the umask; an existing folder keeps its mode."""
    if path.is_dir():
        return path
    make_folder(path.parent)
    try:
        path.mkdir(exist_ok=True)
        path.chmod(mode)
    except OSError as error:
        raise SetupError(
            f"{path} cannot be made: {error.strerror}",
            remedy="Point MES_HOME (data) or MES_CACHE (programs) at a folder you may write to.",
        ) from None
    return path


def write_whole(path: Path, text: str, *, mode: int = 0o644, owner: int | None = None) -> None:
    """Replace `path` by `text`: after a power cut it holds the old text or the new one, never half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with open(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)
            if owner is not None:
                os.fchown(descriptor, owner, -1)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise SetupError(
            f"{path} cannot be written: {error.strerror}",
            remedy="Free some disk space or point MES_HOME at a folder you may write to.",
        ) from None


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, *, busy: str, wait_s: float) -> Iterator[None]:
    """Hold the lock file `path`; after `wait_s` in vain, `SetupError` with the sentence `busy`.

    The kernel lets go of the lock when its holder dies, however it dies.
    """
    make_folder(path.parent)
    deadline = mono() + wait_s
    with path.open("a") as file:
        while not _try_lock(file.fileno()):
            if mono() >= deadline:
                raise SetupError(busy, remedy="Wait for it, or stop it, and run this again.")
            time.sleep(0.1)
        yield


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock file `path` now."""
    if not path.exists():
        return False
    with path.open("a") as file:
        return not _try_lock(file.fileno())


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def free_mb(path: Path) -> int:
    """How many megabytes an ordinary user may still write where `path` is or will be."""
    there = path
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free // 1_000_000


def need_mb(path: Path, wanted_mb: int, what: str) -> None:
    """`SetupError` unless `wanted_mb` megabytes are free where `path` is or will be."""
    free = free_mb(path)
    if free < wanted_mb:
        raise SetupError(
            f"{what} needs {wanted_mb} MB at {path}, and {free} MB are free",
            remedy="Free some disk space, or point MES_HOME (data) or MES_CACHE (programs) at a larger disk.",
        )
