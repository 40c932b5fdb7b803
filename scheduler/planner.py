"""Answers plan runs (process `mes plan serve`): claim one, read one snapshot, solve with nothing open, check, write.

Two desks work side by side, each with a warm solver process of its own: one for what people wait for (edits, promises,
scenarios), one for re-plans. A desk holds its run with a lease of two seconds; when it falls, another planner takes the
run over, and the published plan stands as it was.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from mes.actions.plan import request_run
from mes.actions.record import Deed
from mes.clock import Clock, mono
from mes.domain.plan import RunKind, RunReason
from mes.errors import MesError, UnavailableError
from mes.settings import Settings
from mes.store import plan as store
from mes.store.bell import Ear, ring
from mes.store.house import load_clock
from mes.store.plan import RUN_TRIES_MAX, PlanRun
from mes.store.pool import AWAY, Pool, open_pool, transaction
from scheduler.child import Child, Told
from scheduler.files import plain
from scheduler.run import Given, StaleBaseError, answer, read, write

INTERACTIVE: tuple[RunKind, ...] = ("edit", "promise", "scenario")
BACKGROUND: tuple[RunKind, ...] = ("replan",)
RENEW_EVERY_S = 0.6
HEAR_S_MAX = 1.0
HEAR_S_MIN = 0.02
AWAY_S = 1.0

log = structlog.get_logger(__name__)


def main(settings: Settings) -> None:
    """Plan until SIGTERM or SIGINT. What fells one desk ends the process, so that whoever watches it starts it anew."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with open_pool(settings.database_url, name="planner", size_max=4) as pool:
        desks = [
            Desk(settings.database_url, pool, INTERACTIVE, stopping, child=Child(niceness=0)),
            Desk(settings.database_url, pool, BACKGROUND, stopping),
        ]
        with ThreadPoolExecutor(len(desks), thread_name_prefix="desk") as threads:
            working = [threads.submit(desk.run) for desk in desks]
            wait(working, return_when=FIRST_COMPLETED)
            stopping.set()
            for desk_done in working:
                desk_done.result()


class _LostError(Exception):
    """The run is no longer ours to work on."""


@dataclass
class Desk:
    """Works on runs of some kinds, one at a time."""

    url: str
    pool: Pool
    kinds: tuple[RunKind, ...]
    stopping: threading.Event = field(default_factory=threading.Event)
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}")
    child: Child = field(default_factory=Child)

    def run(self) -> None:
        """Work whenever a run is due, until `stopping`."""
        ear = Ear(self.url, ("plan",), name=f"planner {self.kinds[0]}")
        self.child.warm()
        away = False
        try:
            while not self.stopping.is_set():
                try:
                    while self.work_once():
                        away = self._say(away, None)
                    ear.hear(self._wait_s())
                    away = self._say(away, None)
                except (UnavailableError, *AWAY) as error:
                    away = self._say(away, error)
                    self.stopping.wait(AWAY_S)
        finally:
            ear.close()
            self.child.close()

    def work_once(self, run_id: int | None = None) -> bool:
        """Claim a run that is due (or that one), answer it; False when there is none."""
        if self.stopping.is_set():
            return False
        with transaction(self.pool) as conn:
            clock = load_clock(conn)
            run = store.claim_run(conn, self.owner, kinds=self.kinds, plant_now=clock.now(), run_id=run_id)
            if run is not None:
                ring(conn, "plan")
        if run is None:
            return False
        self.answer(run, clock)
        return True

    def ask_and_answer(self, by: str, *, now: datetime | None = None, time_limit_s: float | None = None) -> int:
        """Ask for a re-plan as of `now` (plant time) and answer it here; the run's id."""
        with transaction(self.pool) as conn:
            clock = load_clock(conn)
            at = now or clock.now()
            run_id = request_run(
                conn, Deed(by, at), kind="replan", reasons=[RunReason("asked", by)], time_limit_s=time_limit_s
            )
            run = store.claim_run(conn, self.owner, kinds=self.kinds, plant_now=at, run_id=run_id)
        assert run is not None
        self.answer(run, clock, now=now)
        return run_id

    def answer(self, run: PlanRun, clock: Clock, *, now: datetime | None = None) -> None:
        """Answer a claimed run; whatever goes wrong with it ends in its error."""
        began = mono()
        try:
            if run.tries > RUN_TRIES_MAX:
                raise MesError(f"The planner fell {run.tries - 1} times over this run", remedy="See its log.")
            self._answer(run, clock, now)
            log.info("run answered", run=run.id, kind=run.kind, seconds=round(mono() - began, 2))
        except _LostError:
            log.info("run left", run=run.id, kind=run.kind)
        except AWAY:
            raise
        except MesError as error:
            self._fail(run, clock, str(error))
        except Exception as error:
            log.exception("run failed", run=run.id, kind=run.kind)
            self._fail(run, clock, f"Something unforeseen happened: {error!r}")

    def _answer(self, run: PlanRun, clock: Clock, now: datetime | None) -> None:
        with transaction(self.pool) as conn:
            given = read(conn, run, now or clock.now())
        found = answer(given, self.child, self._look(run))
        try:
            with transaction(self.pool) as conn:
                if not write(conn, given, found, owner=self.owner, at=max(clock.now(), given.basis.now)):
                    raise _LostError
        except StaleBaseError:
            self._again(run, given, clock)

    def _again(self, run: PlanRun, given: Given, clock: Clock) -> None:
        """Another plan was published while an automatic run was worked on: ask anew, for the same reasons."""
        with transaction(self.pool) as conn:
            if not store.finish_run(conn, run.id, self.owner, state="superseded", at=clock.now()):
                raise _LostError
            given.ask_again(conn, clock.now())

    def _look(self, run: PlanRun) -> Any:
        """What the child's work is watched with: renews the lease, tells the screens, ends it when it is in vain."""
        due_at = 0.0
        heard: dict[str, Any] | None = None

        def look(told: Told | None) -> bool:
            nonlocal due_at, heard
            if self.stopping.is_set():
                raise _LostError
            if told is not None:
                heard = {"elapsed_s": round(told.elapsed_s, 2), "phase": told.phase, **plain(told.objective)}
            if mono() >= due_at:
                self._renew(run, heard)
                due_at, heard = mono() + RENEW_EVERY_S, None
            return False

        return look

    def _renew(self, run: PlanRun, progress: dict[str, Any] | None) -> None:
        with transaction(self.pool) as conn:
            if not store.renew_run(conn, run.id, self.owner, progress=progress):
                raise _LostError
            if progress is not None:
                ring(conn, "plan")

    def _fail(self, run: PlanRun, clock: Clock, why: str) -> None:
        with transaction(self.pool) as conn:
            store.finish_run(conn, run.id, self.owner, state="failed", at=clock.now(), error=why)
            ring(conn, "plan")
        log.warning("run failed", run=run.id, kind=run.kind, why=why)

    def _wait_s(self) -> float:
        """Until the next run is due, but no longer than a moment: a bell may have been missed."""
        with transaction(self.pool) as conn:
            due_at, clock = store.next_due(conn, kinds=self.kinds), load_clock(conn)
        if due_at is None:
            return HEAR_S_MAX
        return min(max(clock.real_s(due_at - clock.now()), HEAR_S_MIN), HEAR_S_MAX)

    def _say(self, away: bool, error: Exception | None) -> bool:
        if error is not None and not away:
            log.warning("the database is away", desk=self.kinds[0], reason=str(error).splitlines()[0])
        elif error is None and away:
            log.info("the database is back", desk=self.kinds[0])
        return error is not None
