"""A private PostgreSQL 17 with TimescaleDB: fetched, set up, started, stopped.

    cluster = timescale.cluster_of(settings)
    timescale.start(cluster, leash=True)          # fetches and sets up the first time
    timescale.ensure_database(cluster, "mes")
    psycopg.connect(timescale.url(cluster, "mes"))

It listens on 127.0.0.1 at a port of its own, asks for a password (in `<folder>/password`) and keeps its data in
`<folder>/data`. Profile `durable` loses nothing that was committed; `fast` is for tests, and loses all in a crash.
After a crash of any kind the next `start` puts it right without a hand.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from mes.clock import mono
from mes.errors import SetupError
from mes.host import debian, processes
from mes.host.files import locked, make_folder, need_mb, write_whole
from mes.host.keeper import Keeper
from mes.host.processes import Say, silent
from mes.settings import Settings

Profile = Literal["durable", "fast"]

OWNER = "mes"
DATA_NEEDS_MB = 300
START_WAIT_S = 600
STOP_WAIT_S = 30
LEFTOVER_WAIT_S = 20
STARTS_AT_MOST = 4

POSTGRESQL = debian.Recipe(
    name="postgresql-17-timescaledb",
    edition=1,
    packages=("postgresql-17", "postgresql-client-17", "postgresql-17-timescaledb"),
    libraries=(
        "libaudit1", "libc6", "libcap-ng0", "libcap2", "libcom-err2", "libgcc-s1", "libgssapi-krb5-2", "libicu76",
        "libk5crypto3", "libkeyutils1", "libkrb5-3", "libkrb5support0", "libldap2", "liblz4-1", "liblzma5", "libpam0g",
        "libpq5", "libreadline8t64", "libsasl2-2", "libssl3t64", "libstdc++6", "libsystemd0", "libtinfo6", "libxml2",
        "libxxhash0", "libzstd1", "zlib1g",
    ),
    programs="usr/lib/postgresql/17/bin",
    version_of="postgresql-17-timescaledb",
    kept=("usr/lib/postgresql/17/lib", "usr/share/postgresql/17"),
    dropped=(
        "usr/lib/postgresql/17/lib/bitcode",
        "usr/lib/postgresql/17/lib/llvmjit*",
        "usr/share/postgresql/17/man",
        "usr/share/postgresql/17/extension/timescaledb--*--*.sql",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cluster:
    """One private PostgreSQL: where it lives, where its programs are kept, how it is tuned."""

    folder: Path
    cache: Path
    profile: Profile = "durable"

    @property
    def data(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder.parent / "log" / "database.log"

    def program(self, name: str) -> Path:
        """One of PostgreSQL's programs: `psql`, `pg_dump`, `pg_basebackup`."""
        return POSTGRESQL.program(self.cache, name)


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a cluster without starting it."""

    state: Literal["absent", "stopped", "between", "running"]
    pid: int | None = None
    port: int | None = None


def cluster_of(settings: Settings, profile: Profile = "durable") -> Cluster:
    """The private cluster of this `MES_HOME`."""
    return Cluster(folder=settings.home / "db", cache=settings.cache, profile=profile)


def start(cluster: Cluster, say: Say = silent, *, leash: bool) -> bool:
    """Fetch and set up what is missing, start it, wait until it answers; False when it ran already.

    `leash` makes it shut down when the calling process dies; without it, it runs until `stop`.
    """
    debian.ensure([POSTGRESQL], cluster.cache, say)
    make_folder(cluster.folder)
    with locked(cluster.folder / "lock", busy="Another process is starting or stopping this database", wait_s=60):
        if _settled(cluster, say) == "running":
            return False
        processes.require_reachable(cluster.folder)
        processes.require_reachable(cluster.cache)
        if not (cluster.data / "PG_VERSION").exists():
            say("Setting up the database")
            _set_up(cluster)
        say("Starting the database")
        _start(cluster, say, leash=leash)
        return True


def keeper(cluster: Cluster, say: Say) -> Keeper:
    """Who starts it again when it falls: at the port it had, without waiting until it has repeated its journal."""
    return Keeper(
        "The database", lambda: status(cluster).state != "stopped", lambda: _revive(cluster), cluster.log, say
    )


def stop(cluster: Cluster) -> bool:
    """Shut down cleanly, connections or not; False when it did not run. `SetupError` when it cannot be stopped."""
    make_folder(cluster.folder)
    with locked(cluster.folder / "lock", busy="Another process is starting or stopping this database", wait_s=60):
        pid = _postmaster(cluster)
        if pid is None:
            return False
        steps = ((signal.SIGINT, STOP_WAIT_S), (signal.SIGQUIT, 10), (signal.SIGKILL, 5))
        if not processes.stop_pid(pid, *steps):
            raise SetupError(f"The database (pid {pid}) does not stop", remedy=_look(cluster))
        return True


def status(cluster: Cluster) -> Status:
    """Whether it is there, and whether it runs."""
    if not cluster.data.exists():
        return Status("absent")
    pid = _postmaster(cluster)
    if pid is None:
        return Status("stopped")
    lines = _pid_file(cluster)
    ready = len(lines) >= 8 and lines[7].strip() == "ready"
    return Status("running" if ready else "between", pid, int(lines[3]) if len(lines) > 3 else None)


def url(cluster: Cluster, database: str) -> str:
    """The address of one of its databases, password included: hand it on, never print it."""
    port = (cluster.folder / "port").read_text().strip()
    password = (cluster.folder / "password").read_text().strip()
    return f"postgresql://{OWNER}:{quote(password)}@127.0.0.1:{port}/{database}"


def with_database(server_url: str, database: str) -> str:
    """The same server's address with another database in it."""
    return urlsplit(server_url)._replace(path=f"/{quote(database)}").geturl()


def ensure_database(cluster: Cluster, database: str) -> bool:
    """Create `database` unless it is there; True when it was created."""
    with psycopg.connect(url(cluster, "postgres"), autocommit=True) as conn:
        found = conn.execute("select from pg_database where datname = %s", [database]).rowcount
        if not found:
            conn.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
        return not found


# --- setting up


def _set_up(cluster: Cluster) -> None:
    """`initdb` into a draft folder, put in place when whole."""
    need_mb(cluster.folder, DATA_NEEDS_MB, "Setting up a database")
    draft = cluster.folder / "data.draft"
    shutil.rmtree(draft, ignore_errors=True)
    make_folder(draft, mode=0o700)
    owner = processes.service_owner()
    if owner is not None:
        os.chown(draft, *owner)
    password = secrets.token_urlsafe(24)
    handed_over = cluster.folder / "password.draft"
    write_whole(cluster.folder / "password", password, mode=0o600)
    write_whole(handed_over, password, mode=0o600, owner=owner[0] if owner else None)
    try:
        _initdb(cluster, draft, handed_over)
    finally:
        handed_over.unlink(missing_ok=True)
    with (draft / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("include 'takt.conf'\n")
    draft.rename(cluster.data)


def _initdb(cluster: Cluster, data: Path, password: Path) -> None:
    argv: list[str | Path] = [
        cluster.program("initdb"), "--pgdata", data, "--username", OWNER, "--pwfile", password,
        "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--locale-provider", "builtin",
        "--builtin-locale", "C.UTF-8", "--data-checksums", *(["--no-sync"] if cluster.profile == "fast" else []),
    ]  # fmt: skip
    done = subprocess.run(
        processes.service_command(argv),
        cwd="/",
        env=processes.clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        why = [line for line in done.stderr.split("\n") if "error" in line or "FATAL" in line]
        raise SetupError(
            f"The database could not be set up ({(why or [done.stderr.strip()])[0].strip()})",
            remedy=f"Check disk space and rights at {cluster.folder} and run this again.",
        )


# --- configuration


def _configuration(cluster: Cluster, port: int) -> str:
    """What `takt.conf` says: what both profiles need, then the profile's own."""
    shared = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "shared_preload_libraries": "timescaledb",
        "timescaledb.telemetry_level": "off",
        "timescaledb.max_background_workers": 0,
        "max_locks_per_transaction": 256,
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_messages": "warning",
        "log_line_prefix": "%m [%p] %d ",
        "password_encryption": "scram-sha-256",
    }
    tuned = _durable() if cluster.profile == "durable" else _fast()
    return "".join(f"{name} = '{value}'\n" for name, value in {**shared, **tuned}.items())


def _durable() -> dict[str, str | int]:
    """A commit survives a power cut; a standby may be attached without a restart."""
    return {
        "max_connections": 150,
        "shared_buffers": f"{_shared_buffers_mb()}MB",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "wal_level": "replica",
        "max_wal_senders": 5,
        "wal_compression": "lz4",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "log_checkpoints": "off",
        "idle_in_transaction_session_timeout": "10min",
    }


def _shared_buffers_mb() -> int:
    """An eighth of the memory we may use, between 128 MB and 1 GB: other processes live here too."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    allowed = limit.read_text().strip() if limit.exists() else ""
    if allowed.isdigit():
        memory = min(memory, int(allowed))
    return max(128, min(1024, memory // 8_000_000))


def _fast() -> dict[str, str | int]:
    """For tests alone: nothing reaches the disk in time."""
    return {
        "max_connections": 60,
        "shared_buffers": "96MB",
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "wal_level": "minimal",
        "max_wal_senders": 0,
        "max_wal_size": "2GB",
        "checkpoint_timeout": "1h",
        "autovacuum_naptime": "5min",
        "takt.profile": "fast",
    }


# --- starting


def _settled(cluster: Cluster, say: Say) -> str:
    """Wait while a server is just starting or stopping (its former owner may have died a moment ago)."""
    deadline = mono() + START_WAIT_S
    if status(cluster).state == "between":
        say("Waiting for a database that is just starting or stopping")
    while (state := status(cluster).state) == "between":
        if mono() > deadline:
            raise SetupError(f"The database neither starts nor stops within {START_WAIT_S} s", remedy=_look(cluster))
        time.sleep(0.05)
    return state


def _look(cluster: Cluster) -> str:
    return f"Look into {cluster.log}."


def _start(cluster: Cluster, say: Say, *, leash: bool) -> None:
    """Try until it runs: a port may be taken meanwhile, children of a killed server may still be leaving."""
    deadline = mono() + LEFTOVER_WAIT_S
    for attempt in range(STARTS_AT_MOST * 10):
        _forget_dead_server(cluster)
        port = processes.free_port(_remembered_port(cluster))
        why = _try_start(cluster, port, say, leash=leash)
        if why is None:
            return
        port_taken = "could not bind" in why and attempt < STARTS_AT_MOST
        leftovers = re.search(r"still in use|lock file .* already exists", why) and mono() < deadline
        if not port_taken and not leftovers:
            raise SetupError(f"The database does not start ({why})", remedy=_look(cluster))
        time.sleep(0.5)


def _try_start(cluster: Cluster, port: int, say: Say, *, leash: bool) -> str | None:
    """One start; None when it answers, else what the server said."""
    said_before = cluster.log.stat().st_size if cluster.log.exists() else 0
    pid = _launch(cluster, port, leash=leash)
    begun, told = mono(), 1.0
    while processes.alive(pid):
        if status(cluster).state == "running":
            return None
        if mono() - begun > START_WAIT_S:
            processes.stop_pid(pid, (signal.SIGINT, STOP_WAIT_S), (signal.SIGKILL, 5))
            return f"no answer within {START_WAIT_S} s"
        if mono() - begun > told:
            told *= 4
            say("Waiting for the database (after a crash it first repeats its journal)")
        time.sleep(0.02)
    return processes.last_lines(cluster.log, said_before) or "it ended without a word"


def _revive(cluster: Cluster) -> None:
    """Start a fallen server where its clients look for it. `SetupError` when another program took its port."""
    port = _remembered_port(cluster)
    if port is None or not processes.port_is_free(port):
        raise SetupError(
            f"Port {port} of the database is taken by another program", remedy="Stop that program, or start Takt anew."
        )
    with locked(cluster.folder / "lock", busy="Another process is starting or stopping this database", wait_s=0):
        if status(cluster).state == "stopped":
            _forget_dead_server(cluster)
            _launch(cluster, port, leash=True)


def _launch(cluster: Cluster, port: int, *, leash: bool) -> int:
    """Write its configuration and start it; its pid. It does not answer yet."""
    owner = processes.service_owner()
    settings_file = cluster.data / "takt.conf"
    write_whole(settings_file, _configuration(cluster, port), mode=0o600, owner=owner[0] if owner else None)
    write_whole(cluster.folder / "port", f"{port}\n")
    argv: list[str | Path] = [cluster.program("postgres"), "-D", cluster.data]
    return processes.launch(
        processes.service_command(argv, leash=signal.SIGINT if leash else None),
        log=cluster.log,
        env=processes.clean_environment(),
    )


def _remembered_port(cluster: Cluster) -> int | None:
    file = cluster.folder / "port"
    text = file.read_text().strip() if file.exists() else ""
    return int(text) if text.isdigit() else None


def _pid_file(cluster: Cluster) -> list[str]:
    try:
        return (cluster.data / "postmaster.pid").read_text().split("\n")
    except FileNotFoundError:
        return []


def _postmaster(cluster: Cluster) -> int | None:
    """The pid of the server on this data directory; None when there is none, whatever a stale file says.

    A pid may have been given to another program since, so we look where the process stands: a server works in its
    data directory.
    """
    lines = _pid_file(cluster)
    if not lines or not lines[0].strip().isdigit():
        return None
    pid = int(lines[0])
    if not processes.alive(pid):
        return None
    try:
        return pid if Path(f"/proc/{pid}/cwd").resolve() == cluster.data.resolve() else None
    except OSError:
        return None


def _forget_dead_server(cluster: Cluster) -> None:
    """Remove the pid file of a server that died: PostgreSQL refuses to start when the pid is in use again."""
    if _pid_file(cluster) and _postmaster(cluster) is None:
        (cluster.data / "postmaster.pid").unlink(missing_ok=True)
