"""A private MQTT broker (mosquitto): fetched, configured, started, stopped.

It keeps sessions and queued messages in `<folder>/data`, limits neither queue nor in-flight window (the defaults
silently drop the newest messages after 1,000) and listens on 127.0.0.1 at a port of its own. Even so its PUBACK is no
promise: it saves every few seconds. What must not be lost is acknowledged by whoever stored it.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mes.clock import mono
from mes.errors import SetupError
from mes.host import debian, processes
from mes.host.files import locked, make_folder, write_whole
from mes.host.keeper import Keeper
from mes.host.processes import Say, silent
from mes.settings import Settings

START_WAIT_S = 30
STOP_WAIT_S = 10
STARTS_AT_MOST = 4

MOSQUITTO = debian.Recipe(
    name="mosquitto",
    edition=1,
    packages=("mosquitto",),
    libraries=(
        "libc6", "libcap2", "libcjson1", "libdlt2", "libgcc-s1", "libmosquitto1", "libssl3t64", "libsystemd0",
        "libwebsockets19t64", "libwrap0", "libzstd1", "zlib1g",
    ),
    programs="usr/sbin",
    version_of="mosquitto",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Broker:
    """One private broker: where it lives and where its program is kept."""

    folder: Path
    cache: Path

    @property
    def data(self) -> Path:
        """What it saves: sessions, queued and retained messages."""
        return self.folder / "data"

    @property
    def configuration(self) -> Path:
        """The file it is started with; written anew at each start."""
        return self.folder / "mosquitto.conf"

    @property
    def log(self) -> Path:
        """What the broker says."""
        return self.folder.parent / "log" / "broker.log"


def broker_of(settings: Settings) -> Broker:
    """The private broker of this `MES_HOME`."""
    return Broker(folder=settings.home / "broker", cache=settings.cache)


def start(broker: Broker, say: Say = silent, *, leash: bool) -> bool:
    """Fetch what is missing, start it, wait until it answers; False when it ran already.

    `leash` makes it stop (and save) when the calling process dies.
    """
    debian.ensure([MOSQUITTO], broker.cache, say)
    make_folder(broker.folder)
    with locked(broker.folder / "lock", busy="Another process is starting or stopping this broker", wait_s=60):
        if running_pid(broker) is not None:
            return False
        processes.require_reachable(broker.folder)
        processes.require_reachable(broker.cache)
        say("Starting the MQTT broker")
        _start(broker, leash=leash)
        return True


def kill(broker: Broker) -> int | None:
    """End it as a crash would; its pid, None when it does not run."""
    pid = running_pid(broker)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return pid


def keeper(broker: Broker, say: Say) -> Keeper:
    """Who starts it again when it falls: at the port it had, so that clients find it."""
    return Keeper(
        "The MQTT broker", lambda: running_pid(broker) is not None, lambda: start(broker, leash=True), broker.log, say
    )


def stop(broker: Broker) -> bool:
    """Let it save and stop; False when it did not run."""
    make_folder(broker.folder)
    with locked(broker.folder / "lock", busy="Another process is starting or stopping this broker", wait_s=60):
        pid = running_pid(broker)
        if pid is None:
            return False
        if not processes.stop_pid(pid, (signal.SIGTERM, STOP_WAIT_S), (signal.SIGKILL, 5)):
            raise SetupError(f"The broker (pid {pid}) does not stop", remedy=f"Look into {broker.log}.")
        return True


def url(broker: Broker) -> str:
    """Where clients on this machine connect."""
    return f"mqtt://127.0.0.1:{_remembered_port(broker)}"


def running_pid(broker: Broker) -> int | None:
    """The pid of this folder's broker, None when it does not run, whatever a stale file says."""
    file = broker.folder / "pid"
    text = file.read_text().strip() if file.exists() else ""
    if not text.isdigit() or not processes.alive(int(text)):
        return None
    try:
        command = Path(f"/proc/{text}/cmdline").read_bytes()
    except OSError:
        return None
    return int(text) if os.fsencode(broker.configuration) in command.split(b"\0") else None


def _start(broker: Broker, *, leash: bool) -> None:
    for attempt in range(STARTS_AT_MOST):
        port = processes.free_port(_remembered_port(broker))
        why = _try_start(broker, port, leash=leash)
        if why is None:
            return
        if "Address already in use" not in why or attempt + 1 == STARTS_AT_MOST:
            raise SetupError(f"The MQTT broker does not start ({why})", remedy=f"Look into {broker.log}.")


def _try_start(broker: Broker, port: int, *, leash: bool) -> str | None:
    """One start; None when it answers, else what it said."""
    _write_configuration(broker, port)
    said_before = broker.log.stat().st_size if broker.log.exists() else 0
    argv: list[str | Path] = [MOSQUITTO.program(broker.cache, "mosquitto"), "-c", broker.configuration]
    pid = processes.launch(
        processes.service_command(argv, leash=signal.SIGTERM if leash else None),
        log=broker.log,
        env=processes.clean_environment(),
    )
    write_whole(broker.folder / "pid", f"{pid}\n")
    deadline = mono() + START_WAIT_S
    while processes.alive(pid):
        if processes.answers(port):
            return None
        if mono() > deadline:
            processes.stop_pid(pid, (signal.SIGTERM, STOP_WAIT_S), (signal.SIGKILL, 5))
            return f"no answer within {START_WAIT_S} s"
        time.sleep(0.02)
    return processes.last_lines(broker.log, said_before) or "it ended without a word"


def _write_configuration(broker: Broker, port: int) -> None:
    """Write the file and read it back: given an empty one, mosquitto would open its default port to everybody."""
    make_folder(broker.data, mode=0o700)
    owner = processes.service_owner()
    if owner is not None:
        os.chown(broker.data, *owner)
    text = _configuration(broker, port)
    write_whole(broker.configuration, text)
    write_whole(broker.folder / "port", f"{port}\n")
    if broker.configuration.read_text() != text:
        raise SetupError(f"{broker.configuration} does not hold what was written to it", remedy="Check the disk.")


def _configuration(broker: Broker, port: int) -> str:
    return f"""\
# Written by Takt at each start; changes are lost.
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {broker.data}/
autosave_interval 2
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
max_inflight_bytes 0
max_packet_size 8388608
persistent_client_expiration 14d
log_dest stderr
log_type error
log_type warning
log_timestamp_format %Y-%m-%dT%H:%M:%S
connection_messages false
"""


def _remembered_port(broker: Broker) -> int | None:
    file = broker.folder / "port"
    text = file.read_text().strip() if file.exists() else ""
    return int(text) if text.isdigit() else None
