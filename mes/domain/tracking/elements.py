"""From spans and counts to the elements KPIs are made of; the same for a shift, an hour, any window, a machine, a line.

A machine's elements are its own time and counts at its own pace. A line's are those of the post its output is counted
at, as the line feels them (`mes.domain.tracking.felt`); good is what leaves the line, reject is what any of its
stations rejected, the pace is the job's on the line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from mes.domain.calendar import Stretch
from mes.domain.kpi import Elements
from mes.domain.tracking.fold import Span
from mes.domain.tracking.jobs import YIELD_PHASES
from mes.domain.tracking.ledger import ELEMENTS, Times, failures, times


@dataclass(frozen=True, slots=True)
class Made:
    """Pieces of one job in one phase. `leaves`: where the scope's good is counted; `piece_us`: their pace, if any."""

    phase: str
    good: int
    reject: int
    rework: int
    scrap: int
    leaves: bool = True
    piece_us: int | None = None


@dataclass(frozen=True, slots=True)
class Reckoned:
    """Elements, and the times they were made of."""

    elements: Elements
    times: Times


def reckon(
    calendar: Sequence[Stretch],
    spans: Iterable[Span],
    made: Iterable[Made],
    until: int,
    *,
    again: Collection[int] = (),
) -> Reckoned:
    """The elements of a scope over calendar stretches (in order, joined) up to `until`.

    `spans`, in order, reach back to the one before the first stretch and may reach beyond the last; a line's are as it
    feels them. `again`: where one begins a failure that was one before.
    """
    start, end = calendar[0].from_us, min(until, calendar[-1].to_us)
    own = [span for span in spans if span.from_at < end and (span.to_at is None or span.to_at >= start)]
    spent = times(calendar, own, until)
    pieces = _pieces(made)
    elements = Elements(
        calendar_us=spent.calendar,
        **{f"{name}_us": spent.elements[name] for name in ELEMENTS},
        order_us=spent.order_us,
        failures=failures(own, start, end, again),
        failure_us=spent.states.get("adot", {}).get("fault", 0),
    )
    return Reckoned(elements + pieces, spent)


def _pieces(made: Iterable[Made]) -> Elements:
    """What was made, as elements. Rework takes time and is no output; set-up and trial pieces are neither."""
    found = Elements()
    for one in made:
        good = one.good if one.leaves else 0
        is_rework, is_yield = one.phase == "rework", one.phase in YIELD_PHASES
        timed = good + one.reject if is_rework or is_yield else 0
        found += Elements(
            good=good if is_yield else 0,
            reject=one.reject if is_yield else 0,
            rework=one.rework + (good if is_rework else 0),
            scrap=one.scrap,
            ideal_us=timed * (one.piece_us or 0),
            unpaced=timed if one.piece_us is None else 0,
        )
    return found
