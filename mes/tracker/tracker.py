"""The tracker process (`mes track`): wakes, takes what was touched, books it and reacts, one transaction a tick.

One tracker a plant, by a lease. It hears the bell, looks at plant time for what happens by itself (`schedule.py`) and
makes at most four passes a second, fewer when a pass takes long, so that it never uses more than a quarter of a core
for long. Everything touched is booked together; if that fails, line by line, each in a savepoint: a line whose rule
fails stays touched, with its reason, and the others go on.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from mes import clock
from mes.actions.record import Deed
from mes.domain.calendar import instant, micros
from mes.errors import UnavailableError
from mes.settings import Settings
from mes.store.bell import LOOK_AGAIN_S, Ear, ring
from mes.store.house import load_clock, release_lease, take_lease
from mes.store.pool import AWAY, RETRYABLE, Connection, Pool, open_pool, transaction
from mes.store.touched import Touched, take_touched, touch_again
from mes.store.tracking.raw import load_frontiers
from mes.tracker.andon import react_andon
from mes.tracker.book import Booked, Work, book
from mes.tracker.plants import Plants
from mes.tracker.react import AHEAD_S_MIN, Concern, Reactor
from mes.tracker.refold import Warm
from mes.tracker.schedule import FRESH_US, Schedule

DUTY = "tracker"
BY = "takt"
PASS_S_MIN = 0.25
DUTY_SHARE_MAX = 0.25
REST_S_MAX = 1.0
RENEW_S = 2.0
RETRY_S_FIRST, RETRY_S_MAX = 5.0, 300.0
AWAY_S = 1.0
FRESH_S_MIN = 2.0
"""What lies ahead is looked at each minute of plant time, but no more often than this (machine time)."""
CALLS_S_MIN = 1.0
"""Calls for help are looked at no more often than this (machine time)."""
_log = structlog.get_logger("mes.tracker")


def main(settings: Settings) -> None:
    """Book until SIGTERM or SIGINT; the tick at hand is finished first."""
    stop = threading.Event()
    with suppress(ValueError):  # not in the main thread: whoever started us stops us
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: stop.set())
    run(settings.database_url, stop)


def run(database_url: str, stop: threading.Event) -> None:
    """Book until `stop` is set. While the database is away, or another tracker has the duty, wait for it."""
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
    pool = open_pool(database_url, name="takt tracker", size_max=2)
    ear = Ear(database_url, ("touched", "plant"), name="takt tracker")
    try:
        _serve(pool, ear, owner, stop)
        with suppress(*AWAY), transaction(pool) as conn:
            release_lease(conn, DUTY, owner)
    finally:
        ear.close()
        pool.close()


def _serve(pool: Pool, ear: Ear, owner: str, stop: threading.Event) -> None:
    tracker, is_away, on_duty, renew_at = Tracker(), False, False, 0.0
    while not stop.is_set():
        try:
            if clock.mono() >= renew_at:
                had, on_duty, renew_at = on_duty, _keep_duty(pool, owner, on_duty), clock.mono() + RENEW_S
                tracker = tracker if had else Tracker()
            began = clock.mono()
            wait_s = tracker.tick(pool) if on_duty else RENEW_S
            if is_away:
                is_away = False
                _log.info("database is back")
        except (UnavailableError, *RETRYABLE, *AWAY) as error:
            if not is_away and not isinstance(error, RETRYABLE):
                is_away = True
                _log.warning("database is away", error=str(error).strip())
            stop.wait(AWAY_S)
            continue
        rest_s = min(REST_S_MAX, max(PASS_S_MIN, (clock.mono() - began) / DUTY_SHARE_MAX))
        stop.wait(rest_s - (clock.mono() - began))
        _listen(ear, min(wait_s, RENEW_S), stop)


def _listen(ear: Ear, wait_s: float, stop: threading.Event) -> None:
    if wait_s > 0 and not stop.is_set():
        ear.hear(wait_s)


def _keep_duty(pool: Pool, owner: str, had: bool) -> bool:
    with transaction(pool) as conn:
        has = take_lease(conn, DUTY, owner) is not None
    if has != had:
        _log.info("tracking" if has else "another tracker is on duty")
    return has


@dataclass(slots=True)
class Todo:
    """What a tick has to do: posts to book, lines of whose stops something was said, and what else is concerned."""

    works: dict[str, Work] = field(default_factory=dict)
    said: dict[str, int] = field(default_factory=dict)
    concern: Concern = field(default_factory=Concern)

    def add(self, code: str, work: Work) -> None:
        """Another stretch of a post."""
        known = self.works.get(code)
        self.works[code] = known.joined(work) if known else work


class Tracker:
    """One plant's bookkeeper. `tick` does everything there is to do now and says how long it may rest."""

    def __init__(self, ahead_s_min: float = AHEAD_S_MIN) -> None:
        self.plants = Plants()
        self.schedule = Schedule()
        self.reactor = Reactor(ahead_s_min)
        self._warm: Warm = {}
        self._is_new = True
        self._fresh_at = 0
        self._calls_s_min = min(ahead_s_min, CALLS_S_MIN)
        self._calls_at = -CALLS_S_MIN

    def tick(self, pool: Pool) -> float:
        """One pass, one transaction; the seconds of machine time after which something is due by itself."""
        try:
            with transaction(pool) as conn:
                ticking = load_clock(conn)
                return self.work(conn, ticking.now(), ticking.speed)
        except BaseException:
            self._rolled_back()
            raise

    def work(self, conn: Connection, now: datetime, speed: float = 1.0) -> float:
        """As `tick`, inside the caller's transaction."""
        now_us = micros(now)
        if self.plants.refresh(conn) or self._is_new:
            self._warm.clear()
            self.schedule.start(self.plants, load_frontiers(conn, sorted(self.plants.codes_on())), now_us)
            self._is_new = False
        if not self.plants.reigns:
            return LOOK_AGAIN_S
        taken = take_touched(conn, wall_at=clock.wall())
        todo = self._todo(taken, now_us)
        for code, work in self.schedule.due(self.plants, now_us).items():
            todo.add(code, work)
        if now_us - self._fresh_at >= max(FRESH_US, FRESH_S_MIN * speed * 1e6):
            todo.concern.all, self._fresh_at = True, now_us
        if todo.works or todo.said or todo.concern or self.reactor.is_owing:
            self._do(conn, todo, taken, Deed(by=BY, at=now))
        if clock.mono() - self._calls_at >= self._calls_s_min:
            self._look_after_calls(conn, Deed(by=BY, at=now))
        due_s = (self.schedule.next_at(self.plants, now_us) - now_us) / 1e6 / speed
        return min(LOOK_AGAIN_S, due_s, self.reactor.wait_s if self.reactor.is_owing else due_s)

    def _look_after_calls(self, conn: Connection, deed: Deed) -> None:
        """Calls for help; whatever is wrong with one, booking goes on."""
        self._calls_at = clock.mono()
        try:
            with conn.transaction():
                react_andon(conn, deed, self.plants.reigns[-1].plant)
        except (*RETRYABLE, *AWAY):
            raise
        except Exception:
            _log.exception("calls for help cannot be looked after")

    def _todo(self, taken: Sequence[Touched], now: int) -> Todo:
        todo = Todo()
        for touched in taken:
            start = micros(touched.from_at) if touched.from_at else now
            end = max(start, micros(touched.to_at) if touched.to_at else max(start, now))
            codes: set[str] = set()
            if touched.kind == "station":
                codes = self.plants.codes_of(touched.keys)
            elif touched.kind in {"line", "plant"}:
                codes = self.plants.codes_on(touched.keys if touched.kind == "line" else None)
            for code in codes:
                todo.add(code, Work(start, end))
                rules = self.plants.latest_rules(code)
                if touched.why != "sample" and rules:
                    todo.said[rules.line] = min(start, todo.said.get(rules.line, start))
            todo.concern.touched(touched.kind, touched.keys)
        return todo

    def _do(self, conn: Connection, todo: Todo, taken: Sequence[Touched], deed: Deed) -> None:
        """Book and react; if that fails, find out which line it is and leave only that one touched."""
        try:
            with conn.transaction():
                self._book(conn, todo, deed)
        except (*RETRYABLE, *AWAY):
            raise
        except Exception:
            _log.exception("booking failed; trying line by line")
            self._rolled_back()
            self._do_by_line(conn, todo, taken, deed)
        ring(conn, "booked")

    def _book(self, conn: Connection, todo: Todo, deed: Deed) -> Booked:
        orders = sorted(todo.concern.orders)
        booked = book(conn, self.plants, todo.works, said=todo.said, orders=orders, warm=self._warm)
        todo.concern.counted(conn, booked)
        self.reactor.react(conn, self.plants, deed, todo.concern)
        self.schedule.booked(booked.refolded.reached, booked.refolded.idle_at)
        return booked

    def _rolled_back(self) -> None:
        """What is remembered is no longer what is booked."""
        self._warm.clear()
        self.reactor.failed()

    def _do_by_line(self, conn: Connection, todo: Todo, taken: Sequence[Touched], deed: Deed) -> None:
        lines: dict[str, Todo] = {}
        for code, work in todo.works.items():
            rules = self.plants.latest_rules(code)
            lines.setdefault(rules.line if rules else "", Todo()).add(code, work)
        for line, at in todo.said.items():
            lines.setdefault(line, Todo()).said[line] = at
        rest = Todo(concern=todo.concern)
        for line, part in [*lines.items(), ("", rest)]:
            try:
                with conn.transaction():
                    self._book(conn, part, deed)
            except (*RETRYABLE, *AWAY):
                raise
            except Exception as error:
                _log.exception("line cannot be booked", line=line)
                self._rolled_back()
                self._leave_touched(conn, line, part, taken, f"{type(error).__name__}: {error}")

    def _leave_touched(self, conn: Connection, line: str, part: Todo, taken: Sequence[Touched], why: str) -> None:
        tries = max((touched.tries for touched in taken), default=0)
        retry_at = clock.wall() + timedelta(seconds=min(RETRY_S_MAX, RETRY_S_FIRST * 2**tries))
        works = part.works.values()
        if works:
            start, end = min(work.from_us for work in works), max(work.to_us for work in works)
            stretch = Touched("line", [line], instant(start), instant(end), why, tries)
            touch_again(conn, stretch, why, retry_at=retry_at)
        for failed in part.concern.as_touched(tries):
            touch_again(conn, failed, why, retry_at=retry_at)
