"""Where the time of a shift went: every microsecond of the calendar in exactly one element (ISO 22400-2).

calendar = planned_stop + APT + AUST + ADET + ADOT + no_data. Whether time was planned comes from calendar, job and
phase, never from the machine alone: outside working time nothing is lost, but a machine that works through a break
works (APT); maintenance while no job runs is planned; a trial is no production. Silence is no_data and stays in the
planned busy time, where it is seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from mes.domain.calendar import Stretch
from mes.domain.tracking.fold import Span

ELEMENTS = ("planned_stop", "apt", "aust", "adet", "adot", "no_data")
UNKNOWN = ""


def element(state: str, job: int, phase: str, is_open: bool) -> str:
    """The element that time in a state belongs to; `is_open` is working time of the line's calendar."""
    if phase == "trial":
        return "planned_stop"
    if state == "running":
        return "aust" if phase == "setup" else "apt"
    if state == "setup":
        return "aust"
    if not is_open:
        return "planned_stop"
    return _stopped(state, job, phase)


def _stopped(state: str, job: int, phase: str) -> str:
    """The element of working time in which nothing ran."""
    if state in (UNKNOWN, "offline"):
        return "no_data"
    if state == "maintenance":
        return "adot" if job else "planned_stop"
    if state == "fault":
        return "adot"
    return "aust" if phase == "setup" else "adet"


@dataclass(slots=True)
class Times:
    """Microseconds by element; `states` says which states they were spent in, by element and state.

    `order_us`: of it with an order on, planned stops left out. `failures`: faults that began within.
    """

    calendar: int = 0
    order_us: int = 0
    failures: int = 0
    elements: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ELEMENTS, 0))
    states: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, name: str, state: str, us: int) -> None:
        """Put time into an element."""
        self.calendar += us
        self.elements[name] += us
        spent = self.states.setdefault(name, {})
        spent[state] = spent.get(state, 0) + us


def failures(spans: Sequence[Span], from_us: int, until: int, again: Collection[int] = ()) -> int:
    """Faults that began within [from_us, until), each counted once however it was cut.

    Those that begin at instants of `again` are faults that were counted before.
    """
    begun = 0
    for index, span in enumerate(spans):
        before = spans[index - 1] if index else None
        goes_on = before is not None and before.state == "fault" and before.to_at == span.from_at
        if span.state == "fault" and from_us <= span.from_at < until and not goes_on and span.from_at not in again:
            begun += 1
    return begun


def times(calendar: Iterable[Stretch], spans: Sequence[Span], until: int) -> Times:
    """The time of calendar stretches up to `until`, by what the post did. Both are in order; spans may have holes."""
    found = Times()
    first = 0
    for stretch in calendar:
        at, end = stretch.from_us, min(stretch.to_us, until)
        while first < len(spans) and _end(spans[first], until) <= at:
            first += 1
        index = first
        while at < end:
            span = spans[index] if index < len(spans) and spans[index].from_at < end else None
            if span is None or span.from_at > at:
                to = end if span is None else span.from_at
                found.add(element(UNKNOWN, 0, "", stretch.open), UNKNOWN, to - at)
            else:
                to = max(at, min(_end(span, until), end))
                _spend(found, span, stretch, to - at)
                index += 1
            at = to
    return found


def _spend(found: Times, span: Span, stretch: Stretch, us: int) -> None:
    name = element(span.state, span.job, span.phase, stretch.open)
    if us:
        found.add(name, span.state, us)
        found.order_us += us if span.job and name != "planned_stop" else 0


def _end(span: Span, until: int) -> int:
    return until if span.to_at is None else span.to_at
