"""What happened at one post, in the order in which it is booked.

A tape is a list of (at, rank, tie, payload). At one instant counts come before marks, so that a piece at a mark's very
instant belongs to the job before it; totals ascend; a silence begins after what was heard last; everything else keeps
the order of its hash or entry number. Arrival plays no part, so any order of arrival gives the same tape.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from mes.domain.calendar import Stretch
from mes.domain.plant import PULSES, TOTALS
from mes.domain.sample import Quality
from mes.domain.signal import Value
from mes.domain.tracking.counts import count_of
from mes.domain.tracking.jobs import COUNT_KINDS, Entry
from mes.domain.tracking.posts import Rules
from mes.domain.tracking.states import word_of

RULES, REBOOT, TOTAL, PULSE, PERSON, MARK, EDGE, CODE, WORD, BUSY, SILENCE, ORDER = range(12)

Event = tuple[int, int, int, Any]
"""(at, rank, tie, payload). Payload by rank: RULES Rules or None; TOTAL signal (tie is the value); PULSE (signal,
value); PERSON and MARK Entry; EDGE Stretch; CODE, WORD and ORDER text; BUSY nothing (tie is until); SILENCE (ends,
concerns state)."""


class Heard(NamedTuple):
    """A sample as booking reads it; `at` in µs."""

    signal: str
    at: int
    h: int
    value: Value
    quality: int


class Silence(NamedTuple):
    """A gap of a source; `to_at` None while it lasts. `why` reboot is an instant, not a silence."""

    id: int
    source: str
    from_at: int
    to_at: int | None
    why: str


def heard_events(samples: Iterable[Heard]) -> list[Event]:
    """Samples as events. Values of bad or stale quality, and totals that are no numbers, say nothing."""
    events: list[Event] = []
    for signal, at, h, value, quality in samples:
        if quality not in (Quality.GOOD, Quality.UNCERTAIN):
            continue
        if signal in TOTALS:
            total = count_of(value)
            if total is not None:
                events.append((at, TOTAL, total, signal))
        elif signal in PULSES:
            events.append((at, PULSE, h, (signal, count_of(value) or 0)))
        elif signal == "state":
            events.append((at, WORD, h, word_of(value)))
        elif signal == "stop_code":
            events.append((at, CODE, h, word_of(value)))
        elif signal == "order":
            events.append((at, ORDER, h, word_of(value)))
    return events


def silence_events(silences: Iterable[Silence], state_source: str) -> list[Event]:
    """Gaps as events: their beginning, their end, a reboot."""
    events: list[Event] = []
    for gap in silences:
        concerns_state = not state_source or gap.source == state_source
        if gap.why == "reboot":
            events.append((gap.from_at, REBOOT, gap.id, None))
            continue
        events.append((gap.from_at, SILENCE, gap.id, (False, concerns_state)))
        if gap.to_at is not None:
            events.append((gap.to_at, SILENCE, gap.id, (True, concerns_state)))
    return events


def entry_events(entries: Iterable[Entry], rules: Rules) -> list[Event]:
    """Marks and counts of one post as events; an hourly entry also says that the post was busy from..to."""
    events: list[Event] = []
    for entry in entries:
        if not entry.concerns(rules.station, rules.machine):
            continue
        if entry.kind == "mark" and entry.mark:
            events.append((entry.at, MARK, entry.id, entry))
        elif entry.kind in COUNT_KINDS and entry.station:
            events.append((entry.at, PERSON, entry.id, entry))
            if entry.from_at is not None and rules.states is None:
                events.append((entry.from_at, BUSY, entry.at + rules.idle_after_us, None))
    return events


def edge_events(calendar: Sequence[Stretch], every_edge: bool) -> list[Event]:
    """Where the shift changes; with `every_edge` also where a break begins or ends. The first stretch is no edge."""
    events: list[Event] = []
    for before, after in pairwise(calendar):
        if every_edge or (before.shift_day, before.shift) != (after.shift_day, after.shift):
            events.append((after.from_us, EDGE, 0, after))
    return events
