"""Programs on this machine: started on a leash, watched by pid, stopped in order.

A program on a leash is told to stop by the kernel when whoever started it dies, even by kill -9 (`setpriv
--pdeathsig`). Servers that refuse root (PostgreSQL) or need no rights (mosquitto) run as `nobody` when we are root.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mes.clock import mono
from mes.errors import SetupError
from mes.host.files import make_folder

SERVICE_USER = "nobody"
LOG_KEPT_MB = 20
Say = Callable[[str], None]
"""Takes one line of progress and shows it."""

_IF_PARENT = 'test "$PPID" = "$0" && exec "$@"'
"""Whoever died before the leash was on can no longer pull it: then do not even begin."""

_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}
"""What this process launched: kept so that the kernel's zombies are reaped."""


def silent(line: str) -> None:
    """Show nothing."""


def aloud(line: str) -> None:
    """Show a line of progress on stdout; whoever stops reading does not stop us."""
    try:
        sys.stdout.write(f"  {line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - stays open until we end


def as_service() -> bool:
    """Whether servers run as another user than we do."""
    return os.geteuid() == 0


def service_owner() -> tuple[int, int] | None:
    """User and group id servers run as; None when they run as ourselves."""
    if not as_service():
        return None
    entry = pwd.getpwnam(SERVICE_USER)
    return entry.pw_uid, entry.pw_gid


def service_command(argv: Sequence[str | Path], *, leash: signal.Signals | None = None) -> list[str]:
    """`argv` as the service user, and on a leash that pulls with the given signal."""
    prefix: list[str] = []
    owner = service_owner()
    if owner is not None:
        prefix += [f"--reuid={owner[0]}", f"--regid={owner[1]}", "--clear-groups"]
    return _with_setpriv([*prefix, *_leash(leash)], argv)


def own_command(argv: Sequence[str | Path], *, leash: signal.Signals | None = None) -> list[str]:
    """`argv` as ourselves, and on a leash that pulls with the given signal."""
    return _with_setpriv(_leash(leash), argv)


def _leash(leash: signal.Signals | None) -> list[str]:
    return [] if leash is None else ["--pdeathsig", leash.name.removeprefix("SIG")]


def _with_setpriv(options: list[str], argv: Sequence[str | Path]) -> list[str]:
    words = [str(part) for part in argv]
    if not options:
        return words
    setpriv = shutil.which("setpriv", path="/usr/bin:/bin:/usr/sbin:/sbin")
    if setpriv is None:
        raise SetupError("The program setpriv is missing", remedy="Install it: apt-get install util-linux.")
    only_if = ["/bin/sh", "-c", _IF_PARENT, str(os.getpid())] if "--pdeathsig" in options else []
    return [setpriv, *options, "--", *only_if, *words]


def clean_environment() -> dict[str, str]:
    """What a server gets to see: nothing of the user's PG*, LD_* or locale variables."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}


def launch(argv: Sequence[str], *, log: Path, env: Mapping[str, str], cwd: Path | None = None) -> int:
    """Start `argv` in a session of its own, its output appended to `log`; returns its pid."""
    make_folder(log.parent)
    shorten(log)
    with log.open("ab") as output:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd or "/",
            start_new_session=True,
            umask=0o022,
        )
    _CHILDREN[child.pid] = child
    return child.pid


def shorten(log: Path, *, kept_mb: int = LOG_KEPT_MB) -> None:
    """When `log` has outgrown `kept_mb`, move its text to `<log>.1`; its writers (O_APPEND) go on undisturbed."""
    if log.exists() and log.stat().st_size > kept_mb * 1_000_000:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)


def alive(pid: int) -> bool:
    """Whether `pid` is a running process; one that has ended and only waits to be reaped is not."""
    child = _CHILDREN.get(pid)
    if child is not None:
        return child.poll() is None
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}


def wait_gone(pid: int, within_s: float) -> bool:
    """Wait until `pid` no longer runs; False when it still does after `within_s`."""
    deadline = mono() + within_s
    while alive(pid):
        if mono() >= deadline:
            return False
        time.sleep(0.02)
    return True


def stop_pid(pid: int, *steps: tuple[signal.Signals, float]) -> bool:
    """Send each signal in turn and give it its seconds; True once the process is gone."""
    for number, within_s in steps:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        if wait_gone(pid, within_s):
            return True
    return not alive(pid)


PORTS = range(20_000, 30_000)
_handed_out: set[int] = set()


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether we could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(remembered: int | None = None) -> int:
    """The remembered port of 127.0.0.1 while it is free, else a free one that no outgoing connection will take.

    The system gives outgoing connections ports from 32768 on; one of those could be gone again before it is used.
    """
    if remembered and port_is_free(remembered):
        return remembered
    for _ in range(1000):
        port = secrets.choice(PORTS)
        if port not in _handed_out and port_is_free(port):
            _handed_out.add(port)
            return port
    raise SetupError("No free port was found", remedy="Stop programs that listen on ports 20000 to 29999.")


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


LISTENING = "0A"


def listens(pid: int, port: int) -> bool:
    """Whether it is this process of ours that listens at a TCP port of this machine, and not somebody else."""
    sockets: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(FileNotFoundError):
            for row in Path(table).read_text().splitlines()[1:]:
                _, local, _, state, *rest = row.split()
                if state == LISTENING and int(local.rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{rest[5]}]")
    found = False
    for handle in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):
            found = found or os.readlink(handle) in sockets
    return found


def last_lines(log: Path, since: int, count: int = 3) -> str:
    """The last lines written to `log` after byte `since`, joined into one."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(since)
        lines = file.read().decode(errors="replace").split("\n")
    return " / ".join([line.strip() for line in lines if line.strip()][-count:])


def require_reachable(path: Path) -> None:
    """`SetupError` unless the service user can reach `path` through every folder above it."""
    if not as_service():
        return
    for folder in [path, *path.parents]:
        if folder.exists() and not folder.stat().st_mode & 0o001:
            raise SetupError(
                f"As root, servers run as user {SERVICE_USER}, who cannot enter {folder}",
                remedy=f"Open it (chmod o+x {folder}), or point MES_HOME and MES_CACHE elsewhere, e.g. below /var/lib.",
            )
