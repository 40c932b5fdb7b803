"""What a command given on this machine means by "the database" and "the broker".

    settings = settings_here()         # every command that is not `mes demo`, `mes up` or `mes db` begins so
    settings = settings_to_run()       # so does every process, which also wants the schema it knows

Addresses that were given (`MES_DATABASE_URL`, `MES_MQTT_URL`) win. Else, while `mes demo` or `mes up` runs for this
`MES_HOME`, it is theirs; else the private ones, as they were last started.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mes.errors import SetupError, UnavailableError
from mes.host import mosquitto, timescale
from mes.host.files import is_locked, make_folder, write_whole
from mes.settings import Settings, load_settings
from mes.store.pool import connect
from mes.store.schema import require_current
from mes.store.server import require_keeping

DATABASE = "mes"
RUN_LOCK = "run.lock"
RUNNING = "running.json"


def settings_here(settings: Settings | None = None) -> Settings:
    """The settings with both addresses filled in; the broker's stays empty where none was ever started.

    Raises `SetupError` when no database was ever set up here.
    """
    settings = settings or load_settings()
    running = _running(settings.home)
    changes: dict[str, object] = {}
    if not settings.database_url:
        if running:
            changes |= {"home": Path(running["home"]), "http_host": running["host"], "http_port": int(running["port"])}
        changes["database_url"] = running["database_url"] if running else _database_url(settings)
    if not settings.mqtt_url:
        changes["mqtt_url"] = running["mqtt_url"] if running else _mqtt_url(settings)
    return settings.model_copy(update=changes)


def settings_to_run(*, keeping: bool = False) -> Settings:
    """`settings_here()` for a process: raises `SetupError` when the database has another schema than this Takt knows.

    `keeping`: also when it may lose what it has committed. A database that is away is no reason not to begin: each
    process waits for it, and collectors spool meanwhile.
    """
    settings = settings_here()
    with suppress(UnavailableError), connect(settings.database_url, name="takt start") as conn:
        require_current(conn)
        if keeping:
            require_keeping(conn)
    return settings


@contextmanager
def announced(home: Path, here: Settings) -> Iterator[None]:
    """Tell other commands where we run, as long as we run; the caller holds `RUN_LOCK` in `home`."""
    told = {
        "home": str(here.home), "database_url": here.database_url, "mqtt_url": here.mqtt_url,
        "host": here.http_host, "port": str(here.http_port),
    }  # fmt: skip
    make_folder(home)
    write_whole(home / RUNNING, json.dumps(told), mode=0o600)
    try:
        yield
    finally:
        (home / RUNNING).unlink(missing_ok=True)


def _running(home: Path) -> dict[str, str] | None:
    """What the running `mes demo` or `mes up` told; a file left by a killed one counts for nothing."""
    try:
        told: dict[str, str] = json.loads((home / RUNNING).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return told if is_locked(home / RUN_LOCK) else None


def _database_url(settings: Settings) -> str:
    cluster = timescale.cluster_of(settings)
    if timescale.status(cluster).state == "absent":
        raise SetupError(
            f"There is no database at {cluster.folder} yet",
            remedy="Start one with `mes db start` (or `mes up`), or point MES_DATABASE_URL at a TimescaleDB.",
        )
    return timescale.url(cluster, DATABASE)


def _mqtt_url(settings: Settings) -> str:
    broker = mosquitto.broker_of(settings)
    return mosquitto.url(broker) if (broker.folder / "port").exists() else ""
