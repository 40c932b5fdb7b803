"""One post's history, folded: where it stood and what was heard -> spans, counts, job spans, and where it stands.

A `Fold` starts from a checkpoint (or from nothing), goes through a tape and leaves a checkpoint for every minute in
which something happened. Given the checkpoints that stand, it stops at the first one, from a minute on, that comes out
unchanged: from there everything already booked still holds. What it answers replaces what is booked of the stretch it
went through, never adds to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mes.domain.calendar import MINUTE_US, Stretch, floor_minute
from mes.domain.tracking import tape as on
from mes.domain.tracking.counts import CONTRADICTION_AFTER_US, GAPPED, REBOOTED, Baseline, Flag, difference
from mes.domain.tracking.jobs import PRODUCTION, UNASSIGNED, Assignment, Entry, after_mark, owner
from mes.domain.tracking.posts import Rules
from mes.domain.tracking.states import UNMAPPED

NEVER = 1 << 62
WAITS = ("idle", "starved", "blocked")
"""States in which a machine waits for others."""
Checkpoint = list[Any]


class Span(NamedTuple):
    """A post was in one state, on one job, in one shift; `to_at` None while it lasts. `shift_day` ISO or empty."""

    from_at: int
    to_at: int | None
    state: str
    cause: str
    stop_code: str
    job: int
    phase: str
    shift_day: str
    shift: str


class JobSpan(NamedTuple):
    """A station worked on a job; `to_at` None while it does."""

    station: str
    from_at: int
    to_at: int | None
    job: int
    phase: str


class MinuteCount(NamedTuple):
    """Pieces counted at a station in a minute for a job in a phase; `entered` are those that used up components."""

    station: str
    minute: int
    job: int
    phase: str
    good: int
    reject: int
    rework: int
    scrap: int
    entered: int
    flags: int


@dataclass(slots=True)
class Standing:
    """Where the fold over a post stands. Everything in it is in the checkpoint."""

    counters: dict[str, Baseline] = field(default_factory=dict)
    word: str = ""
    code: str = ""
    gaps: int = 0
    heard_in_gap: bool = False
    job: int = UNASSIGNED
    phase: str = ""
    job_since: int = 0
    busy_until: int = 0
    shift_day: str = ""
    shift: str = ""
    open: bool = False
    span: Span | None = None
    excess: int = 0
    excess_since: int = 0
    order: str = ""
    spent: bool = False
    """The code at hand already named a stop, and the machine has run since."""

    def checkpoint(self) -> Checkpoint:
        """As plain JSON values; equal standings give equal checkpoints."""
        return [
            [[signal, *baseline] for signal, baseline in sorted(self.counters.items())],
            self.word, self.code, self.gaps, self.heard_in_gap, self.job, self.phase, self.job_since, self.busy_until,
            self.shift_day, self.shift, self.open, list(self.span) if self.span else None,
            self.excess, self.excess_since, self.order, self.spent,
        ]  # fmt: skip


def standing(checkpoint: Checkpoint) -> Standing:
    """The standing a checkpoint holds."""
    counters, *rest = checkpoint
    stands = Standing({signal: (at, value, marks) for signal, at, value, marks in counters}, *rest)
    stands.span = Span(*rest[11]) if rest[11] else None
    return stands


@dataclass(slots=True)
class Folded:
    """What came out, in order. What is open at the end is among it if the fold went to the end of the last tape."""

    spans: list[Span] = field(default_factory=list)
    job_spans: list[JobSpan] = field(default_factory=list)
    counts: list[MinuteCount] = field(default_factory=list)
    checkpoints: dict[int, Checkpoint] = field(default_factory=dict)
    orders: list[tuple[int, str]] = field(default_factory=list)
    """Where the device began to say another order: (at, its word, empty for none)."""
    settled_at: int | None = None
    """The end of the minute whose checkpoint came out unchanged; None when the tape was gone through to its end."""


class Fold:
    """A fold on its way. `run` goes through a tape; after the last tape it may `run` on from where it is (kept warm).

    `stands` moves along. `rules` hold until a tape changes them. `known` are the checkpoints booked so far by minute:
    a run stops at the first minute >= `settle_from` that comes out as known. `now` is the instant gone through last;
    `minute` the one it lies in, -1 while none is at hand.
    """

    def __init__(
        self,
        stands: Standing,
        rules: Rules | None,
        *,
        known: Mapping[int, Checkpoint] | None = None,
        settle_from: int = NEVER,
    ) -> None:
        self.stands = stands
        self.rules = rules
        self.known = known or {}
        self.settle_from = settle_from
        self.assigned: Sequence[Assignment] = ()
        self.out = Folded()
        self.now = -1
        self.minute = -1
        self.changed = False
        self.rows: dict[tuple[str, int, str], list[int]] = {}

    def run(
        self, tape: Sequence[on.Event], until: int, *, assigned: Sequence[Assignment] = (), is_last: bool = True
    ) -> Folded:
        """Go through `tape` (sorted, after `now`) and on to instant `until` (included).

        Unless it `is_last`, the tape ends with a minute and another follows. What comes out of the minute at hand is
        what that minute holds so far.
        """
        self.out, self.assigned = Folded(), assigned
        if self._goes_to(tape, until):
            if is_last:
                self._book_minute()
                self._book_open()
            elif not self._leave_minute():
                self.now, self.minute = until, -1
        return self.out

    def _goes_to(self, tape: Sequence[on.Event], until: int) -> bool:
        does: dict[int, Callable[[Any, Any], None]] = {
            on.RULES: self._rules, on.REBOOT: self._reboot, on.TOTAL: self._total, on.PULSE: self._pulse,
            on.PERSON: self._person, on.MARK: self._mark, on.EDGE: self._edge, on.CODE: self._code,
            on.WORD: self._word, on.BUSY: self._busy, on.SILENCE: self._silence, on.ORDER: self._order,
        }  # fmt: skip
        for at, rank, tie, payload in tape:
            if at != self.now and not self._arrive(at):
                return False
            does[rank](tie, payload)
        if not self._idles_by(until + 1):
            return False
        if self.changed:
            self._settle()
        return True

    # Instants and minutes

    def _arrive(self, at: int) -> bool:
        """Go to the next instant at which something happens; False once a checkpoint came out unchanged."""
        if not self._idles_by(at):
            return False
        if self.changed:
            self._settle()
        return self._enter(at)

    def _idles_by(self, at: int) -> bool:
        """Let a post that runs while it counts fall idle, if its time is up before `at`."""
        deadline = self.stands.busy_until
        if not 0 < deadline < at:
            return True
        if self.changed:
            self._settle()
            deadline = self.stands.busy_until
        if not self.now < deadline < at:
            return True
        if not self._enter(deadline):
            return False
        self._settle()
        return True

    def _enter(self, at: int) -> bool:
        if at >= self.minute + MINUTE_US or self.minute < 0:
            if self._leave_minute():
                return False
            self.minute = floor_minute(at)
        self.now = at
        self.changed = self.changed or at == self.stands.busy_until
        return True

    def _leave_minute(self) -> bool:
        """Book the minute that is over; whether its checkpoint came out unchanged, so that nothing after it differs."""
        if self.minute < 0:
            return False
        checkpoint = self._book_minute()
        self.rows.clear()
        if self.minute >= self.settle_from and self.known.get(self.minute) == checkpoint:
            self.out.settled_at = self.minute + MINUTE_US
            return True
        return False

    def _book_minute(self) -> Checkpoint:
        checkpoint = self.stands.checkpoint()
        if self.minute >= 0:
            counts = self.out.counts
            for (station, job, phase), row in sorted(self.rows.items()):
                if any(row):
                    counts.append(MinuteCount(station, self.minute, job, phase, *row))
            self.out.checkpoints[self.minute] = checkpoint
        return checkpoint

    def _book_open(self) -> None:
        """The tape is at its end: what is open is booked open."""
        stands, station = self.stands, self.rules.station if self.rules else ""
        if stands.span:
            self.out.spans.append(stands.span)
        if stands.job and station:
            self.out.job_spans.append(JobSpan(station, stands.job_since, None, stands.job, stands.phase))

    # Spans

    def _settle(self) -> None:
        """Everything of this instant is known: cut the span where state, job or shift changed."""
        self.changed = False
        stands, at, span = self.stands, self.now, self.stands.span
        if 0 < stands.busy_until <= at:
            stands.busy_until = 0
        state, cause = self._state()
        now_is = (state, cause, stands.job, stands.phase, stands.shift_day, stands.shift)
        if span:
            if now_is == (span.state, span.cause, *span[5:]):
                if not span.stop_code and (code := self._code_of(state)):
                    stands.span = span._replace(stop_code=code)
                return
            stands.spent = stands.spent or (state == "running" and bool(stands.code) and span.stop_code == stands.code)
            self.out.spans.append(span._replace(to_at=at))
        stands.span = None
        if state:
            stands.span = Span(at, None, state, cause, self._code_of(state), *now_is[2:])

    def _code_of(self, state: str) -> str:
        """The device's code for a state. A code left over from a stop before the last run names no waiting."""
        stands = self.stands
        return "" if state == "running" or (stands.spent and state in WAITS) else stands.code

    def _state(self) -> tuple[str, str]:
        stands, rules = self.stands, self.rules
        if rules is None:
            return "", ""
        if stands.gaps > 0 and not stands.heard_in_gap:
            return "offline", "gap"
        if rules.states is None:
            return "running" if stands.busy_until else "idle", ""
        if not stands.word:
            return "", ""
        state = rules.states.state(stands.word)
        return (state, "") if state else ("offline", UNMAPPED)

    # What may happen

    def _rules(self, _tie: int, rules: Rules | None) -> None:
        if rules is None or (self.rules and rules.station != self.rules.station):
            self._end_job()
            self.stands.job, self.stands.phase = UNASSIGNED, ""
        self.rules = rules
        self.changed = True

    def _reboot(self, _tie: int, _nothing: None) -> None:
        self._mark_counters(REBOOTED)

    def _silence(self, _tie: int, what: tuple[bool, bool]) -> None:
        ends, concerns_state = what
        stands = self.stands
        if not ends:
            self._mark_counters(GAPPED)
        if concerns_state:
            if not ends and stands.gaps == 0:
                stands.heard_in_gap = False
            stands.gaps = max(0, stands.gaps + (-1 if ends else 1))
            self.changed = True

    def _mark_counters(self, mark: int) -> None:
        counters = self.stands.counters
        self.stands.counters = {s: (at, value, marks | mark) for s, (at, value, marks) in counters.items()}

    def _total(self, value: int, signal: str) -> None:
        rules = self.rules
        rule = rules.counters.get(signal) if rules else None
        if rules is None or rule is None:
            return
        counters = self.stands.counters
        counts, flags, counters[signal] = difference(counters.get(signal), self.now, value, rule)
        if counts or flags:
            self._pieces(rules, signal, counts * rule.pieces, flags)

    def _pulse(self, _tie: int, said: tuple[str, int]) -> None:
        signal, value = said
        rule = self.rules.counters.get(signal) if self.rules else None
        if self.rules and rule and value > 0:
            self._pieces(self.rules, signal, value * rule.pieces, 0)

    def _pieces(self, rules: Rules, signal: str, pieces: int, flags: int) -> None:
        if rules.split.checks_total:
            flags |= self._check_total(signal, pieces)
        if signal == "rework_total":
            row = self._row(rules.station, *self._owner())
            row[2] += pieces
        else:
            good, reject = rules.split.of.get(signal, (0, 0))
            row = self._made(rules.station, *self._owner(), good * pieces, reject * pieces)
        row[5] |= flags
        if rules.states is None and pieces:
            self._count_keeps_busy(rules)

    def _check_total(self, signal: str, pieces: int) -> int:
        """Compare total with good and reject; a difference that stays is flagged once."""
        stands = self.stands
        stands.excess += pieces if signal == "total" else -pieces if signal in {"good_total", "reject_total"} else 0
        if not stands.excess:
            stands.excess_since = 0
        elif not stands.excess_since:
            stands.excess_since = self.now
        elif self.now - stands.excess_since > CONTRADICTION_AFTER_US:
            stands.excess = stands.excess_since = 0
            return Flag.CONTRADICTION
        return 0

    def _owner(self) -> tuple[int, str]:
        return owner(self.now, self.stands.job, self.stands.phase, self.assigned)

    def _row(self, station: str, job: int, phase: str) -> list[int]:
        return self.rows.setdefault((station, job, phase), [0, 0, 0, 0, 0, 0])

    def _made(self, station: str, job: int, phase: str, good: int, reject: int) -> list[int]:
        row = self._row(station, job, phase)
        row[0] += good
        row[1] += reject
        if phase != "rework":
            row[4] += good + reject
        return row

    def _person(self, _tie: int, entry: Entry) -> None:
        rules, pieces = self.rules, entry.pieces
        if rules is None or not pieces:
            return
        job, phase = (entry.job, PRODUCTION) if entry.job else self._owner()
        phase = entry.phase or phase
        if entry.kind == "count":
            self._made(rules.station, job, phase, pieces, 0)
        elif entry.kind == "reject":
            self._made(rules.station, job, phase, 0 if rules.by_people else -pieces, pieces)
        else:
            self._row(rules.station, job, phase)[2 if entry.kind == "rework" else 3] += pieces
        if rules.states is None and entry.kind in {"count", "reject"}:
            self._count_keeps_busy(rules)

    def _count_keeps_busy(self, rules: Rules) -> None:
        stands = self.stands
        stands.heard_in_gap = True
        stands.busy_until = max(stands.busy_until, self.now + rules.idle_after_us)
        self.changed = True

    def _mark(self, _tie: int, mark: Entry) -> None:
        stands, rules = self.stands, self.rules
        job, phase = after_mark(mark, stands.job, stands.phase)
        if rules is None or (job, phase) == (stands.job, stands.phase):
            return
        self._end_job()
        stands.job, stands.phase, stands.job_since = job, phase, self.now
        if rules.states is None:
            stands.busy_until = self.now + rules.idle_after_us if job and stands.open else 0
        self.changed = True

    def _end_job(self) -> None:
        stands = self.stands
        if stands.job and self.rules and self.rules.station:
            span = JobSpan(self.rules.station, stands.job_since, self.now, stands.job, stands.phase)
            if span.from_at < self.now:
                self.out.job_spans.append(span)

    def _edge(self, _tie: int, stretch: Stretch) -> None:
        stands, rules = self.stands, self.rules
        if rules and rules.states is None:
            if stands.open and not stretch.open:
                stands.busy_until = min(stands.busy_until, self.now)
            elif stretch.open and not stands.open and stands.job:
                stands.busy_until = self.now + rules.idle_after_us
        stands.shift_day, stands.shift, stands.open = stretch.shift_day, stretch.shift, stretch.open
        self.changed = True

    def _code(self, _tie: int, code: str) -> None:
        self.stands.spent = self.stands.spent and code == self.stands.code
        self.stands.code = code
        self.changed = True

    def _word(self, _tie: int, word: str) -> None:
        self.stands.word, self.stands.heard_in_gap = word, True
        self.changed = True

    def _busy(self, until: int, _nothing: None) -> None:
        self.stands.busy_until = max(self.stands.busy_until, until)
        self.changed = True

    def _order(self, _tie: int, order: str) -> None:
        if order != self.stands.order:
            self.stands.order = order
            self.out.orders.append((self.now, order))
