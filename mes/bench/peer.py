"""Programs of others that npm fetches: installed once into the cache, exactly as their package-lock says.

    installed("node-red", settings.cache)      the folder to run it in

What is pinned is in `tests/peers/NAME`, so they are there in a checkout only.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mes.errors import SetupError

PEERS = Path(__file__).parents[2] / "tests" / "peers"
INSTALL_S_MAX = 900
_LOCK = "package-lock.json"
_PINS = ("package.json", _LOCK, ".npmrc")


def installed(name: str, cache: Path) -> Path:
    """Install it if need be; processes that come at once wait for one of them. Raises SetupError with its remedy."""
    source, folder = PEERS / name, cache / "peers" / name
    if not source.exists():
        raise SetupError(f"{name} is compared with in a checkout of Takt only", remedy="Run this in one.")
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise SetupError(f"{name} needs {program}, which is not here", remedy="Install Node.js 20 or newer.")
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        pins = hashlib.sha256((source / _LOCK).read_bytes()).hexdigest()
        done = folder / "installed"
        if not done.exists() or done.read_text() != pins:
            _install(name, source, folder)
            done.write_text(pins)
        for file in source.glob("*.js"):
            _copy(file, folder / file.name)
    return folder


def _install(name: str, source: Path, folder: Path) -> None:
    (folder / "installed").unlink(missing_ok=True)
    for pin in _PINS:
        shutil.copy(source / pin, folder)
    try:
        npm = subprocess.run(
            ["npm", "ci"], cwd=folder, capture_output=True, text=True, timeout=INSTALL_S_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        raise SetupError(f"npm did not fetch {name} within {INSTALL_S_MAX} s", remedy="Try again.") from None
    if npm.returncode != 0:
        said = npm.stderr.strip().splitlines()
        remedy = "See that npm reaches its registry (npm ping), and that Node.js is 20 or newer."
        raise SetupError(f"npm cannot fetch {name}: {said[-1] if said else 'it said nothing'}", remedy=remedy)


def _copy(file: Path, target: Path) -> None:
    """Only what differs: another process may be reading it."""
    if not target.exists() or target.read_bytes() != file.read_bytes():
        draft = target.with_suffix(".draft")
        shutil.copy(file, draft)
        draft.replace(target)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
