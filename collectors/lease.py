"""The keeper: takes sources, keeps them by a beat each second, and brings what changed in the plant.

One thread with a connection of its own. While the database is away nobody can take anything over, so what we have we
keep; when it is back and somebody else has been faster, we stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

import psycopg
import structlog

from collectors.source import Assignment, Numbered, group_by_source
from mes.clock import Clock, mono
from mes.domain.plant import Plant
from mes.errors import MesError, UnavailableError
from mes.formats.plant_file import plant_from
from mes.store.house import load_clock
from mes.store.plant import tag_numbers, version_at, version_mark
from mes.store.pool import AWAY, Connection, connect
from mes.store.source import Beat, SourceLease, release_sources, renew_sources, take_source

BEAT_S = 1.0
LOOK_S = 2.0
_log = structlog.get_logger("collectors.lease")


@dataclass(frozen=True, slots=True)
class Orders:
    """What the plant model in force wants heard here."""

    mark: str
    assignments: Mapping[str, Assignment]
    clock: Clock


class Household(Protocol):
    """Whoever runs the sources. Called from the keeper's thread."""

    def beats(self) -> Sequence[Beat]:
        """How each owned source is."""

    def ordered(self, orders: Orders) -> None:
        """The plant in force has changed (or is known for the first time)."""

    def taken(self, lease: SourceLease) -> None:
        """This source is ours now."""

    def taken_away(self, sources: frozenset[str]) -> None:
        """These are no longer ours."""


def is_ours(source: str, shard: tuple[int, int]) -> bool:
    """Whether shard (i, n), 1 <= i <= n, has this source: by its name, so that all agree without talking."""
    return crc32(source.encode()) % shard[1] == shard[0] - 1


def assignments_of(plant: Plant, numbers: Mapping[str, int], shard: tuple[int, int]) -> dict[str, Assignment]:
    """What each of our sources has to hear. Sources of kind http come to us by themselves."""
    numbered = [Numbered(numbers[tag.address], tag) for tag in plant.tag if tag.address in numbers]
    tags = group_by_source(numbered)
    return {
        source.code: Assignment(source, tags.get(source.code, ()), plant.site.time_zone)
        for source in plant.source
        if source.kind != "http" and is_ours(source.code, shard)
    }


class Keeper:
    """Keeps leases for the household."""

    def __init__(self, url: str, owner: str, household: Household, shard: tuple[int, int]) -> None:
        self._url = url
        self._owner = owner
        self._household = household
        self._shard = shard
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._conn: Connection | None = None
        self._wanted: frozenset[str] = frozenset()
        self._owned: dict[str, int] = {}
        self._known: tuple[str, Clock] | None = None
        self._looked_s = -LOOK_S
        self._away = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, timeout_s: float) -> None:
        """Give everything back."""
        self._stopping.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            started = mono()
            self._step(self._beat)
            self._stopping.wait(max(0.0, BEAT_S - (mono() - started)))
        self._step(self._leave)
        self._close()

    def _step(self, step: Callable[[Connection], None]) -> None:
        try:
            if self._conn is None:
                self._conn = connect(self._url, name="collector keeper")
            with self._conn.transaction():
                step(self._conn)
            self._away = False
        except (*AWAY, psycopg.Error, UnavailableError) as error:
            self._close()
            if not self._away:
                self._away = True
                _log.warning("leases cannot be renewed", reason=(str(error).strip().splitlines() or ["?"])[0])
        except MesError as error:
            _log.error("the plant model cannot be used; what runs goes on as it is", reason=str(error))

    def _beat(self, conn: Connection) -> None:
        self._renew(conn)
        if mono() - self._looked_s >= LOOK_S:
            self._look(conn)
            self._looked_s = mono()
        for source in sorted(self._wanted - set(self._owned)):
            lease = take_source(conn, source, self._owner)
            if lease is not None:
                self._owned[source] = lease.epoch
                self._household.taken(lease)

    def _renew(self, conn: Connection) -> None:
        beats = [beat for beat in self._household.beats() if beat.source in self._owned]
        kept = renew_sources(conn, self._owner, beats) if beats else frozenset()
        lost = frozenset(beat.source for beat in beats) - kept
        if lost:
            for source in lost:
                del self._owned[source]
            self._household.taken_away(lost)

    def _look(self, conn: Connection) -> None:
        """Read the plant in force, and tell when it is another one."""
        clock = load_clock(conn)
        now = clock.now()
        mark = version_mark(conn, now)
        if mark is None or self._known == (mark, clock):
            return
        version = version_at(conn, now)
        assert version is not None
        assignments = assignments_of(plant_from(version.document), tag_numbers(conn), self._shard)
        unwanted = [source for source in self._owned if source not in assignments]
        release_sources(conn, self._owner, unwanted)
        for source in unwanted:
            del self._owned[source]
        self._wanted = frozenset(assignments)
        self._household.ordered(Orders(mark, assignments, clock))
        self._known = mark, clock

    def _leave(self, conn: Connection) -> None:
        self._renew(conn)
        release_sources(conn, self._owner, list(self._owned))

    def _close(self) -> None:
        if self._conn is not None:
            with suppress(psycopg.Error):
                self._conn.close()
            self._conn = None
