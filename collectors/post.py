"""A source's outlet: stamps what it hears with who and when, keeps its vitals and its silences."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from collectors.inbox import Inbox
from collectors.silence import Silence
from collectors.source import Delivery, GapNote, Heard, SourceLostError, State, Thank, Unreadable, Vitals
from mes.clock import Clock, mono
from mes.store.sample import instant, micros
from mes.store.source import Beat, SourceLease

ANNOUNCE_AFTER_S = 2.0
SKEW_WEIGHT = 0.05
BAD_TAGS_SHOWN_MAX = 50
CLOCK_STEP_S = 1.0
CLOCK_STEP_LASTS_S = 300.0
SKEW_S_MAX = 5.0
RATE_OVER_S = 10.0
_log = structlog.get_logger("collectors")


class PlantTime:
    """Plant time for stamping what is heard: it does not step when somebody sets the machine's clock.

    Small corrections are followed at once; a step of more than a second only when it has lasted for minutes.
    """

    def __init__(self, clock: Clock) -> None:
        self.anchor(clock)

    def anchor(self, clock: Clock) -> None:
        """Follow this clock from now on."""
        self.clock = clock
        self._mono = mono()
        self._at = micros(clock.now())
        self._stepped_since: float | None = None

    def now(self) -> int:
        """Microseconds since 1970."""
        return self._at + int((mono() - self._mono) * self.clock.speed * 1_000_000)

    def watch(self) -> bool:
        """Compare with the machine's clock, once a second; whether it has just been noticed to have stepped."""
        off_s = (micros(self.clock.now()) - self.now()) / 1_000_000 / self.clock.speed
        if abs(off_s) < CLOCK_STEP_S:
            self.anchor(self.clock)
            return False
        if self._stepped_since is None:
            self._stepped_since = mono()
            return True
        if mono() - self._stepped_since > CLOCK_STEP_LASTS_S:
            self.anchor(self.clock)
        return False


class Post:
    """An `Outlet`."""

    def __init__(self, lease: SourceLease, inbox: Inbox, time: PlantTime) -> None:
        self.code = lease.source
        self.epoch = lease.epoch
        self.vitals = Vitals(since_at=time.now())
        self._inbox = inbox
        self._time = time
        self._mutex = threading.Lock()
        absent_since = None if lease.heard_at is None else micros(lease.heard_at)
        self._silence = Silence(absent_since=absent_since, is_open=lease.gap_is_open)
        self._silent_since_s: float | None = mono()
        self._looks: deque[tuple[float, int]] = deque([(mono(), 0)])
        self._is_skewed = False
        self._log = _log.bind(source=lease.source)

    @property
    def is_full(self) -> bool:
        return self._inbox.is_full

    @property
    def speed(self) -> float:
        """How many times faster than the machine's time plant time runs."""
        return self._time.clock.speed

    def now(self) -> int:
        return self._time.now()

    def connected(self, *, kept_all: bool) -> None:
        now = self.now()
        with self._mutex:
            notes = self._silence.ended(now, kept_all=kept_all)
            self._silent_since_s = None
        self.vitals.heard_at = now
        if self.vitals.state == "lost":
            self._log.info("source back")
        elif self.vitals.state != "running":
            self._log.info("source connected")
        self._turn("running", "")
        self._note(notes)

    def lost(self, error: SourceLostError) -> None:
        """The source was lost, or not reached."""
        with self._mutex:
            self._silence.began(self.vitals.heard_at or self.now(), error.why, error.detail)
            if self._silent_since_s is None:
                self._silent_since_s = mono()
        refused = error.why in {"certificate", "password", "configuration"}
        state: State = "refused" if refused else "lost"
        if self.vitals.state != state:
            self._log.warning("source refused" if refused else "source lost", why=error.why, reason=error.detail)
        self._turn(state, f"{error.why}: {error.detail}")

    def tick(self) -> None:
        """Once a second: a silence that lasts is said, a clock that is off too, and how much is heard is reckoned."""
        self._reckon_rate()
        self._watch_skew()
        with self._mutex:
            lasts = self._silent_since_s is not None and mono() - self._silent_since_s > ANNOUNCE_AFTER_S
            notes = self._silence.announce() if lasts else []
        self._note(notes)

    def _reckon_rate(self) -> None:
        """Over the last seconds."""
        now_s, heard = mono(), self.vitals.counts.get("heard", 0)
        self._looks.append((now_s, heard))
        while len(self._looks) > 2 and now_s - self._looks[1][0] > RATE_OVER_S:
            self._looks.popleft()
        since_s, before = self._looks[0]
        self.vitals.per_s = round((heard - before) / max(now_s - since_s, 0.001), 2)

    def _watch_skew(self) -> None:
        """The samples keep their own time; somebody has to set the device's clock."""
        is_skewed = abs(self.vitals.skew_s) > SKEW_S_MAX
        if is_skewed and not self._is_skewed:
            self._log.warning("the source's clock is off", behind_s=round(self.vitals.skew_s, 1))
        elif self._is_skewed and not is_skewed:
            self._log.info("the source's clock is right again")
        self._is_skewed = is_skewed

    def alive(self) -> None:
        self.vitals.heard_at = self.now()

    def deliver(
        self,
        heard: Sequence[Heard],
        *,
        unreadable: Sequence[Unreadable] = (),
        gaps: Sequence[GapNote] = (),
        thank: Thank | None = None,
    ) -> None:
        now = self.now()
        vitals = self.vitals
        vitals.heard_at = now
        if heard:
            vitals.count("heard", len(heard))
            self._look_at_time(heard[-1], now)
        self._count_gaps(gaps)
        self._inbox.put(Delivery(self.code, self.epoch, now, heard, unreadable, gaps, thank))

    def _look_at_time(self, sample: Heard, now: int) -> None:
        """How far the device's clock is from ours, in seconds of the machine's time."""
        at = sample.source_at or sample.server_at
        self.vitals.last_at = sample.at or now
        self.vitals.lag_s = max(0.0, (now - self.vitals.last_at) / 1_000_000 / self.speed)
        if at is not None:
            off_s = (now - at) / 1_000_000 / self.speed
            self.vitals.skew_s += (off_s - self.vitals.skew_s) * SKEW_WEIGHT

    def _note(self, notes: list[GapNote]) -> None:
        if notes:
            self._count_gaps(notes)
            self._inbox.put(Delivery(self.code, self.epoch, self.now(), gaps=notes))

    def _count_gaps(self, notes: Sequence[GapNote]) -> None:
        begun = sum(note.from_at is not None for note in notes)
        if begun:
            self.vitals.count("gaps", begun)

    def _turn(self, state: State, detail: str) -> None:
        if self.vitals.state != state:
            self.vitals.state, self.vitals.since_at = state, self.now()
        self.vitals.detail = detail

    def beat(self, shared: dict[str, object]) -> Beat:
        """What is said of the source each second; `shared` is what concerns the whole collector."""
        vitals = self.vitals
        health = {
            "detail": vitals.detail,
            "skew_s": round(vitals.skew_s, 3),
            "is_skewed": self._is_skewed,
            "lag_s": round(vitals.lag_s, 3),
            "per_s": vitals.per_s,
            "last_at": _text(vitals.last_at),
            "counts": dict(vitals.counts),
            "bad_tags": dict(list(vitals.bad_tags.items())[:BAD_TAGS_SHOWN_MAX]),
            **shared,
        }
        return Beat(self.code, self.epoch, vitals.state, instant(vitals.since_at), _at(vitals.heard_at), health)


def _at(at: int | None) -> datetime | None:
    return None if at is None else instant(at)


def _text(at: int | None) -> str | None:
    return None if at is None else (instant(at) + timedelta()).isoformat()
