"""Background work: whatever has to happen without anybody asking for it (process `mes work`).

One process of a plant holds the duty `sequencer`; others stand by. It gives committed events their place in the feed
and chains the audit as soon as the bell rings, turns plan lines into jobs as the dispatch window moves, and forgets
what has been kept long enough. Each step is one transaction; a step that fails is said once and tried again.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from mes.actions.plan import dispatch
from mes.actions.plant import plant_at
from mes.actions.record import Deed
from mes.clock import mono, wall
from mes.domain.plant import Plant
from mes.domain.sample import KEEP_SIGNAL_DAYS, KEEP_VALUE_DAYS, kept_days
from mes.errors import NotFoundError, UnavailableError
from mes.settings import Settings
from mes.store.access import drop_answers
from mes.store.audit import chain_audit
from mes.store.bell import Ear, Room, ring
from mes.store.exchange import drop_reads, end_feed, number_outbox
from mes.store.house import load_clock, release_lease, take_lease
from mes.store.plan import drop_plans
from mes.store.pool import AWAY, Connection, Pool, open_pool, transaction
from mes.store.retention import compress_next, drop_samples
from mes.store.sign_in import drop_failures

DUTY = "sequencer"
ROOMS: tuple[Room, ...] = ("exchange", "plant")
HEAR_S = 1.0
DISPATCH_EVERY_S = 5.0
FORGET_EVERY_S = 3600.0
AWAY_S = 1.0
COMPRESS_EVERY_S = 60.0
SIGNALS_COMPRESSED_AFTER_DAYS = 7
VALUES_COMPRESSED_AFTER_DAYS = 1
ANSWERS_KEPT_HOURS = 48
FAILURES_KEPT_HOURS = 24
EVENTS_KEPT_DAYS = 90
PLANS_KEPT_DAYS = 365
PROPOSALS_KEPT_DAYS = 14

log = structlog.get_logger(__name__)


def main(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    pool = open_pool(settings.database_url, name="work", size_max=2)
    try:
        Worker(settings.database_url, pool).run(stopping)
    finally:
        pool.close()


@dataclass(slots=True)
class _Step:
    """Something to do every so often, at once when `room` rings; `failing` so that a failure is said once."""

    name: str
    run: Callable[[Connection], None]
    every_s: float
    room: Room | None = None
    due_at: float = 0.0
    failing: bool = False


@dataclass
class Worker:
    """The duty's holder, or one who waits for it."""

    url: str
    pool: Pool
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        self._holds = False
        self._steps = [
            _Step("number events", self._number, HEAR_S, "exchange"),
            _Step("dispatch jobs", self._dispatch, DISPATCH_EVERY_S, "plant"),
            _Step("forget", self._forget, FORGET_EVERY_S),
            _Step("compress samples", self._compress, COMPRESS_EVERY_S),
        ]

    def run(self, stopping: threading.Event) -> None:
        """Look, whenever the bell rings and at least once a second, until `stopping`."""
        ear = Ear(self.url, ROOMS, name="work")
        away = False
        while not stopping.is_set():
            try:
                self.look(ear.hear(HEAR_S))
                away = self._say_back(away)
            except (UnavailableError, *AWAY) as error:
                away = self._say_away(away, error)
                stopping.wait(AWAY_S)
        ear.close()
        self._let_go()

    def look(self, rung: frozenset[str] = frozenset()) -> None:
        """Do what is due; nothing while somebody else holds the duty."""
        for step in self._steps:
            if mono() >= step.due_at or step.room in rung:
                self._do(step)

    def _do(self, step: _Step) -> None:
        try:
            with transaction(self.pool) as conn:
                if not self._on_duty(conn):
                    return
                step.run(conn)
            step.due_at, step.failing = mono() + step.every_s, False
        except AWAY:
            raise
        except Exception:
            if not step.failing:
                log.exception("step failed, will be tried again", step=step.name)
            step.due_at, step.failing = mono() + step.every_s, True

    def _on_duty(self, conn: Connection) -> bool:
        """Take or renew the duty in the step's own transaction, so that nobody works on a lease that ran out."""
        holds = take_lease(conn, DUTY, self.owner) is not None
        if holds != self._holds:
            self._holds = holds
            log.info("took the duty" if holds else "somebody else has the duty", duty=DUTY)
        return holds

    def _number(self, conn: Connection) -> None:
        numbered = number_outbox(conn)
        chain_audit(conn)
        if numbered:
            ring(conn, "exchange")

    def _dispatch(self, conn: Connection) -> None:
        now = load_clock(conn).now()
        if (plant := _plant(conn, now)) is not None:
            dispatch(conn, Deed("takt", now), plant, now)

    def _forget(self, conn: Connection) -> None:
        now = load_clock(conn).now()
        signals, values = _days_kept(_plant(conn, now))
        dropped = drop_samples(conn, "signal_sample", now - timedelta(days=signals))
        dropped += drop_samples(conn, "value_sample", now - timedelta(days=values))
        answers = drop_answers(conn, wall() - timedelta(hours=ANSWERS_KEPT_HOURS))
        events = end_feed(conn, wall() - timedelta(days=EVENTS_KEPT_DAYS))
        drop_reads(conn, now - timedelta(days=EVENTS_KEPT_DAYS))
        drop_failures(conn, before=wall() - timedelta(hours=FAILURES_KEPT_HOURS))
        plans = drop_plans(
            conn,
            proposals_before=now - timedelta(days=PROPOSALS_KEPT_DAYS),
            published_before=now - timedelta(days=PLANS_KEPT_DAYS),
        )
        if dropped or answers or events or plans:
            log.info("forgot", chunks=dropped, answers=answers, events=events, plans=plans)

    def _compress(self, conn: Connection) -> None:
        """Where the database's edition has it: a chunk at a time, once late samples have become rare."""
        now = load_clock(conn).now()
        for table, days in (
            ("value_sample", VALUES_COMPRESSED_AFTER_DAYS),
            ("signal_sample", SIGNALS_COMPRESSED_AFTER_DAYS),
        ):
            if chunk := compress_next(conn, table, now - timedelta(days=days)):
                log.info("compressed", chunk=chunk)

    def _let_go(self) -> None:
        if self._holds:
            try:
                with transaction(self.pool) as conn:
                    release_lease(conn, DUTY, self.owner)
            except AWAY:
                log.info("the database is away; the duty runs out by itself", duty=DUTY)

    def _say_away(self, away: bool, error: Exception) -> bool:
        if not away:
            log.warning("the database is away", reason=str(error).splitlines()[0])
        return True

    def _say_back(self, away: bool) -> bool:
        if away:
            log.info("the database is back")
        return False


def _plant(conn: Connection, now: datetime) -> Plant | None:
    try:
        return plant_at(conn, now)
    except NotFoundError:
        return None


def _days_kept(plant: Plant | None) -> tuple[int, int]:
    """Signals and process values: as long as the tag that wants it longest."""
    tags = plant.tag if plant else ()
    signals = max([KEEP_SIGNAL_DAYS, *(kept_days(tag) for tag in tags if not tag.is_value)])
    return signals, max([KEEP_VALUE_DAYS, *(kept_days(tag) for tag in tags if tag.is_value)])
