"""`mes doctor`: is this machine ready, and what to do where it is not.

A check is a function `(settings) -> str`: it returns what it found when all is well, and raises a `MesError` (sentence
and remedy) when not. A room contributes one by standing in `CHECKS`. What only tests need never makes the whole wrong.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from mes import clock
from mes.domain.plant import Source
from mes.errors import MesError, SetupError, UnavailableError
from mes.host import debian, mosquitto, processes, timescale
from mes.host.files import free_mb
from mes.host.here import settings_here
from mes.settings import Settings, unknown_variables

if TYPE_CHECKING:
    from mes.store.pool import Connection

PYTHON_OLDEST, PYTHON_NEWEST = (3, 11), (3, 13)
FREE_MB_MIN = 2000
USED_PERCENT_MAX = 80
SKEW_S_MAX = 5.0
CLOCK_FLOOR = datetime(2026, 1, 1, tzinfo=UTC)
PROJECT = "takt-mes"
PROCESSES = {
    "serve": "takt api", "track": "takt tracker", "plan serve": "planner", "work": "work", "collect": "collector",
}  # fmt: skip
"""How each process of Takt calls itself at the database, on whatever machine it runs."""
CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Check:
    """One question to this machine; `needed` tells whether the product needs it, or only its tests do."""

    name: str
    ask: Callable[[Settings], str]
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer: what is well, or what is wrong and how to put it right."""

    name: str
    ok: bool
    says: str
    remedy: str = ""
    needed: bool = True


def examine(settings: Settings, checks: Sequence[Check] | None = None) -> list[Finding]:
    """Ask everything; one failing check never stops the others."""
    try:
        here = settings_here(settings)
    except MesError:
        here = settings
    return [_ask(check, here) for check in (CHECKS if checks is None else checks)]


def all_well(findings: Sequence[Finding]) -> bool:
    """Whether the product could run here."""
    return all(finding.ok or not finding.needed for finding in findings)


def _ask(check: Check, settings: Settings) -> Finding:
    try:
        return Finding(check.name, ok=True, says=check.ask(settings), needed=check.needed)
    except MesError as error:
        return Finding(check.name, ok=False, says=error.detail, remedy=error.remedy, needed=check.needed)
    except Exception as error:  # a doctor who faints helps nobody
        says = f"The check itself failed: {type(error).__name__}: {error}"
        return Finding(check.name, ok=False, says=says, remedy="Please report this.", needed=check.needed)


def python(settings: Settings) -> str:
    """The Python that runs this, and whether the packages Takt needs are in it."""
    running = sys.version.split()[0]
    if not PYTHON_OLDEST <= sys.version_info[:2] <= PYTHON_NEWEST:
        raise SetupError(f"Python {running} runs this", remedy="Use Python 3.11 to 3.13, then `make setup`.")
    wanted = [line for line in importlib.metadata.requires(PROJECT) or [] if "extra ==" not in line]
    names = [re.split(r"[\s;<>=!~\[]", line, maxsplit=1)[0] for line in wanted]
    missing = [name for name in names if not _is_installed(name)]
    if missing:
        raise SetupError(f"Packages are missing: {', '.join(missing)}", remedy="Run `make setup`.")
    return f"Python {running}, {len(names)} packages, Takt {importlib.metadata.version(PROJECT)}"


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def settings_sound(settings: Settings) -> str:
    """Settings that mean nothing are most likely misspelt."""
    if unknown := unknown_variables():
        raise SetupError(f"These variables mean nothing: {', '.join(unknown)}", remedy="Correct or unset them.")
    return f"home {settings.home}, page {settings.http_url}"


def programs(settings: Settings) -> str:
    """PostgreSQL and mosquitto, fetched or elsewhere."""
    found = []
    for given, recipe in ((settings.database_url, timescale.POSTGRESQL), (settings.mqtt_url, mosquitto.MOSQUITTO)):
        if debian.fetched(recipe, settings.cache):
            found.append(f"{recipe.name} {debian.version(recipe, settings.cache)}")
        elif not given:
            raise SetupError(f"{recipe.name} is not here yet", remedy="`mes up` and `mes demo` fetch it.")
    return ", ".join(found) or "not needed: database and broker are elsewhere"


def database(settings: Settings) -> str:
    """A TimescaleDB that answers and loses nothing."""
    from mes.store.pool import connect
    from mes.store.server import server_facts

    with connect(settings.database_url or settings_here(settings).database_url, name="takt doctor") as conn:
        facts = server_facts(conn)
    if not facts.timescaledb:
        raise SetupError("The database has no TimescaleDB in it", remedy="Run `mes db upgrade`.")
    if facts.profile != "durable":
        raise SetupError(
            f"The database may lose committed data (profile {facts.profile})",
            remedy="Set fsync, full_page_writes and synchronous_commit to on.",
        )
    if not facts.knows_zones:
        raise SetupError("The database server knows no time zones", remedy="On its machine: apt-get install tzdata.")
    timescaledb = f"TimescaleDB {facts.timescaledb} ({facts.edition} edition)"
    return f"PostgreSQL {facts.version}, {timescaledb}, {facts.profile}, {facts.size_mb} MB"


def _database_asked(settings: Settings, *, current: bool = False) -> Connection:
    """A connection for a check that needs one, and with `current` our schema; why not is said once, by their checks."""
    from mes.store import schema as schemas
    from mes.store.pool import connect

    try:
        conn = connect(settings.database_url or settings_here(settings).database_url, name="takt doctor")
        if current:
            schemas.require_current(conn)
        return conn
    except MesError:
        raise UnavailableError("The database cannot be asked", remedy="Put the database right first.") from None


def schema(settings: Settings) -> str:
    """The newest schema."""
    from mes.store import schema as schemas

    with _database_asked(settings) as conn:
        schemas.require_current(conn)
    return "up to date"


def processes_running(settings: Settings) -> str:
    """All of Takt's processes, here or on other machines: each is connected to the database."""
    from mes.store.server import connected_programs

    with _database_asked(settings) as conn:
        names = connected_programs(conn)
    absent = [word for word, name in PROCESSES.items() if not any(each.startswith(name) for each in names)]
    if len(absent) == len(PROCESSES):
        raise SetupError("Takt does not run", remedy="`mes up` runs everything, `mes demo` a simulated plant.")
    if absent:
        commands = ", ".join(f"`mes {word}`" for word in absent)
        raise SetupError(f"Of Takt's processes do not run: {commands}", remedy=f"Look into {settings.log_dir}.")
    return f"{len(PROCESSES)} run"


def sources(settings: Settings) -> str:
    """Whether each source of the plant model is heard."""
    from mes.actions.plant import plant_at
    from mes.store.house import load_clock
    from mes.store.screens.api_sample import list_sources

    with _database_asked(settings, current=True) as conn:
        plant = plant_at(conn, load_clock(conn).now())
        wanted = [source.code for source in plant.source if source.kind != "http"]
        known = {source.source: source for source in list_sources(conn, wanted)}
    unheard = [code for code in wanted if code not in known or not known[code].is_owned]
    if unheard:
        raise SetupError(f"Nobody collects {', '.join(unheard)}", remedy="Run `mes collect` (`mes up` does).")
    troubled = {code: source for code, source in known.items() if source.state != "running"}
    if troubled:
        told = "; ".join(
            f"{code} is {source.state} ({source.health.get('detail') or 'no reason given'})"
            for code, source in troubled.items()
        )
        raise UnavailableError(told, remedy=f"Run `mes source test {next(iter(troubled))}`.")
    return f"{len(wanted)} are heard"


def broker(settings: Settings) -> str:
    """An MQTT broker that accepts connections."""
    if not settings.mqtt_url:
        raise SetupError("No broker was ever started here", remedy="`mes up` starts one, or set MES_MQTT_URL.")
    address = urlsplit(settings.mqtt_url)
    host, port = address.hostname or "127.0.0.1", address.port or (8883 if address.scheme == "mqtts" else 1883)
    if not processes.answers(port, host):
        raise UnavailableError(
            f"The broker at {host}:{port} does not answer",
            remedy="`mes up` starts the private one; else check MES_MQTT_URL.",
        )
    return f"answers at {host}:{port}"


def windows(settings: Settings) -> str:
    """How many unacknowledged messages each broker allows; few are a brake, however fast the collector is."""
    from collectors.mqtt.window import ASKED, window_of

    found = {source.url: window_of(source) for source in _brokers(settings)}
    narrow = [f"{url} lets only {count} messages be unacknowledged" for url, count in found.items() if count < ASKED]
    if narrow:
        raise SetupError("; ".join(narrow), remedy="In mosquitto: max_inflight_messages 0 and max_queued_messages 0.")
    return ", ".join(f"{url} allows {ASKED} and more unacknowledged messages" for url in found) or "no broker to ask"


def _brokers(settings: Settings) -> list[Source]:
    """The brokers of the plant in force and the one of these settings, each once, under a client id of our own."""
    from mes.actions.plant import plant_at
    from mes.store.house import load_clock
    from mes.store.pool import connect

    given = [Source("doctor", "mqtt", settings.mqtt_url)] if settings.mqtt_url else []
    with suppress(MesError), connect(settings.database_url, name="takt doctor") as conn:
        given += [source for source in plant_at(conn, load_clock(conn).now()).source if source.kind == "mqtt"]
    by_url = {source.url: replace(source, client_id="takt-doctor") for source in given}
    return list(by_url.values())


def clocks(settings: Settings) -> str:
    """This machine's clock against reason, and against the database's."""
    from mes.store.server import server_time

    if clock.wall() < CLOCK_FLOOR:
        raise SetupError(f"This machine's clock says {clock.wall():%Y-%m-%d}", remedy="Set it, best by NTP.")
    with _database_asked(settings) as conn:
        skew_s = abs((server_time(conn) - clock.wall()).total_seconds())
    if skew_s > SKEW_S_MAX:
        raise SetupError(f"This machine's clock is {skew_s:.0f} s off the database's", remedy="Set both by NTP.")
    return f"{skew_s:.2f} s off the database's"


def disk(settings: Settings) -> str:
    """Room where the data are."""
    there = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    usage = shutil.disk_usage(there)
    used_percent = round(100 * usage.used / (usage.used + usage.free))
    if free_mb(there) < FREE_MB_MIN or used_percent >= USED_PERCENT_MAX:
        raise SetupError(
            f"The disk of {settings.home} is {used_percent} % full, {free_mb(there)} MB are free",
            remedy="Free some space, or move MES_HOME to a larger disk.",
        )
    return f"{free_mb(there) // 1000} GB free at {settings.home}, {used_percent} % used"


def page_port(settings: Settings) -> str:
    """The port people open: free, or ours."""
    if processes.port_is_free(settings.http_port, settings.http_host):
        return f"{settings.http_port} is free"
    try:
        answer = httpx.get(f"{settings.http_url}/health/live", timeout=3, trust_env=False)
    except httpx.HTTPError:
        answer = None
    if answer is None or answer.status_code != httpx.codes.OK:
        raise SetupError(
            f"Port {settings.http_port} is taken by another program",
            remedy=f"Stop it, or choose another port: MES_HTTP_PORT={settings.http_port + 1}.",
        )
    return f"Takt answers at {settings.http_url}"


def screens(settings: Settings) -> str:
    """The built screens."""
    import dashboards

    if not (Path(dashboards.__file__).parent / "dist" / "index.html").exists():
        raise SetupError("The built screens are missing", remedy="cd dashboards/web && npm ci && npm run build.")
    return "built"


def browser(settings: Settings) -> str:
    """What the screen tests need."""
    has_font = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc").exists()
    missing = [*([] if shutil.which("chromium") else ["chromium"]), *([] if has_font else ["fonts-noto-cjk"])]
    if missing:
        raise SetupError(
            f"The screen tests lack {' and '.join(missing)}",
            remedy=f"As root: apt-get install --no-install-recommends {' '.join(missing)}.",
        )
    return "chromium and a Chinese font for the screen tests"


CHECKS: tuple[Check, ...] = (
    Check("python", python),
    Check("settings", settings_sound),
    Check("programs", programs),
    Check("database", database),
    Check("schema", schema),
    Check("broker", broker),
    Check("processes", processes_running),
    Check("sources", sources),
    Check("window", windows, needed=False),
    Check("clock", clocks),
    Check("disk", disk),
    Check("port", page_port),
    Check("screens", screens),
    *((Check("browser", browser, needed=False),) if (CHECKOUT / "tests").is_dir() else ()),
)
