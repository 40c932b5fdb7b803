"""Everything on one machine: database, broker and all of Takt's processes, until told to stop.

    run(settings, say=print)

What was started is stopped in reverse order: programs, broker, database; a database that ran before goes on.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import httpx

from mes.clock import mono
from mes.errors import SetupError
from mes.host import debian, mosquitto, processes, timescale
from mes.host.files import locked, make_folder, need_mb
from mes.host.here import DATABASE, RUN_LOCK, announced
from mes.host.keeper import Keeper
from mes.host.processes import Say
from mes.host.supervisor import Program, Supervisor
from mes.settings import Settings

READY_WAIT_S = 120.0
FALLS_MAX = 3
RUN_NEEDS_MB = 200
LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is ready to run: the settings the programs get, further programs, and the page to open first.

    `beside` is what runs in this very process as long as the programs do.
    """

    settings: Settings
    programs: Sequence[Program] = ()
    page: str = ""
    beside: Callable[[Supervisor], AbstractContextManager[None]] = lambda _: nullcontext()


Prepare = Callable[[Settings, Say], Prepared]
"""Makes the database ready; gets the settings with the servers' addresses."""


def mes_program(name: str, *words: str) -> Program:
    """One of Takt's own processes, run by this very Python."""
    return Program(name, (sys.executable, "-m", "mes", *(words or (name,))))


SERVE = "serve"
PROGRAMS = (
    mes_program(SERVE),
    mes_program("track"),
    mes_program("plan", "plan", "serve"),
    mes_program("work"),
    mes_program("collect"),
)


def prepare_plant(here: Settings, say: Say) -> Prepared:
    """For a real plant: the newest schema, and a one-time link while nobody can sign in as administrator."""
    from mes.actions.access import first_admin, invite_link
    from mes.actions.record import Deed
    from mes.store import migrate
    from mes.store.house import load_clock
    from mes.store.pool import connect

    say("Bringing the schema up to date")
    migrate.upgrade(here.database_url)
    with connect(here.database_url, name="takt up") as conn:
        token = first_admin(conn, Deed("cli", load_clock(conn).now()))
    return Prepared(here, page="" if token is None else invite_link(token))


def run(settings: Settings, say: Say, *, prepare: Prepare = prepare_plant, home: Path | None = None) -> None:
    """Start everything, print the address, watch until SIGINT, SIGTERM or SIGHUP, stop everything.

    `home` is where the programs and the broker keep their things if not in `settings.home`, as the database does; it
    is emptied first.
    """
    make_folder(settings.home)
    with (
        _interruptible(),
        locked(settings.home / RUN_LOCK, busy=f"Takt is already running for {settings.home}", wait_s=2),
    ):
        _require_port(settings)
        need_mb(settings.home, RUN_NEEDS_MB, "Running Takt")
        if home is not None:
            shutil.rmtree(home, ignore_errors=True)
        with servers(settings, say, home=home) as served:
            prepared = prepare(served, say)
            here = prepared.settings
            with (
                announced(settings.home, here),
                Supervisor(here.log_dir, {**os.environ, **here.environment()}, say) as supervisor,
                prepared.beside(supervisor),
            ):
                for program in (*PROGRAMS, *prepared.programs):
                    supervisor.start(program)
                say("Waiting until everything answers")
                wait_ready(here, supervisor)
                say(f"Takt is ready: {here.http_url}{prepared.page}  (Ctrl-C stops it)")
                _watch([supervisor, *_keepers(settings, here, say)], say)


@contextmanager
def servers(settings: Settings, say: Say, *, home: Path | None = None) -> Iterator[Settings]:
    """Database and broker, running; the settings with their addresses and `home` filled in. Stops what it started."""
    cluster = timescale.cluster_of(settings)
    settings = settings.model_copy(update={"home": home or settings.home})
    broker = mosquitto.broker_of(settings)
    wanted = [*_needed(settings.database_url, timescale.POSTGRESQL), *_needed(settings.mqtt_url, mosquitto.MOSQUITTO)]
    debian.ensure(wanted, settings.cache, say)
    ours: list[Callable[[], object]] = []
    try:
        if not settings.database_url:
            if timescale.start(cluster, say, leash=True):
                ours.append(lambda: timescale.stop(cluster))
            timescale.ensure_database(cluster, DATABASE)
            settings = settings.model_copy(update={"database_url": timescale.url(cluster, DATABASE)})
        if not settings.mqtt_url:
            if mosquitto.start(broker, say, leash=True):
                ours.append(lambda: mosquitto.stop(broker))
            settings = settings.model_copy(update={"mqtt_url": mosquitto.url(broker)})
        yield settings
    finally:
        for stop in reversed(ours):
            stop()


def _needed(given_url: str, recipe: debian.Recipe) -> list[debian.Recipe]:
    return [] if given_url else [recipe]


def wait_ready(settings: Settings, supervisor: Supervisor, *, within_s: float = READY_WAIT_S) -> None:
    """Until our own `serve` answers `/health/ready` with 200; `SetupError` naming who falls or what is not ready."""
    deadline = mono() + within_s
    missing = "nothing answers"
    while mono() < deadline:
        supervisor.look()
        _require_standing(supervisor)
        ready, missing = _ask_ready(settings, supervisor.pids().get(SERVE))
        if ready:
            return
        time.sleep(LOOK_EVERY_S)
    raise SetupError(
        f"Not everything is ready after {within_s:.0f} s ({missing})", remedy=f"Look into {settings.log_dir}."
    )


def _ask_ready(settings: Settings, serving: int | None) -> tuple[bool, str]:
    """Another program that took our port meanwhile is not believed, whatever it answers."""
    if serving is None or not processes.listens(serving, settings.http_port):
        return False, f"{SERVE} does not listen at port {settings.http_port} yet"
    try:
        answer = httpx.get(f"{settings.http_url}/health/ready", timeout=5, trust_env=False)
    except httpx.HTTPError as error:
        return False, f"{settings.http_url} does not answer: {error}"
    return answer.status_code == httpx.codes.OK, " ".join(answer.text.split())[:300]


def _require_standing(supervisor: Supervisor) -> None:
    for name, falls in supervisor.falls().items():
        if falls >= FALLS_MAX:
            log = supervisor.log_of(name)
            raise SetupError(
                f"{name} falls again and again ({processes.last_lines(log, 0, count=1)})", remedy=f"Look into {log}."
            )


def _keepers(given: Settings, here: Settings, say: Say) -> Iterator[Keeper]:
    """Who keeps the servers standing that are ours; one that was given is its owner's."""
    if not given.database_url:
        yield timescale.keeper(timescale.cluster_of(given), say)
    if not given.mqtt_url:
        yield mosquitto.keeper(mosquitto.broker_of(here), say)


def _watch(watchers: Sequence[Supervisor | Keeper], say: Say) -> None:
    try:
        while True:
            for watcher in watchers:
                watcher.look()
            time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        say("Stopping")


def _require_port(settings: Settings) -> None:
    if not processes.port_is_free(settings.http_port, settings.http_host):
        raise SetupError(
            f"Port {settings.http_port} of {settings.http_host} is taken by another program",
            remedy=f"Stop that program, or choose another port: MES_HTTP_PORT={settings.http_port + 1}.",
        )


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt once; while we clean up after it, more are ignored."""
    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    signals = [each for each in wanted if each == signal.SIGINT or signal.getsignal(each) is not signal.SIG_IGN]

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
