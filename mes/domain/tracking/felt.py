"""The time of a line: that of the machine its output is counted at, told by what it stood for.

Where the output waits for another machine of the line, its time is of the kind of the stop at that machine: behind a
machine in fault the line is down (ADOT), behind one that is set up it is set up, behind one that waits for a component
it waits for a component. Stops within the line's limit for micro stops are running. docs/decisions/0016.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from mes.domain.tracking.fold import WAITS, Span
from mes.domain.tracking.stops import bridged

UNTOLD = ("", "offline")
"""States of a root that say nothing of why the line stood: it keeps its own."""


class Standstill(NamedTuple):
    """A line's output stood, for a stop at `machine` that is a `state`; `to_at` None while it lasts.

    `again`: that stop had stood the line still before, so that it is no failure of its own.
    """

    from_at: int
    to_at: int | None
    machine: str
    state: str
    again: bool


def felt(
    spans: Sequence[Span], standstills: Sequence[Standstill], micro_us: int, until: int
) -> tuple[list[Span], frozenset[int]]:
    """The spans of a line's output as the line feels them, and the instants at which no new failure began.

    Both in order; `standstills` are those that another machine than the output was the root of.
    """
    begins = [one.from_at for one in standstills]
    told: list[Span] = []
    again: set[int] = set()
    for span in bridged(spans, micro_us, until):
        index = bisect_right(begins, span.from_at) - 1
        stands = standstills[index] if index >= 0 else None
        if stands and _is_for(span, stands):
            told.append(_told(span, stands.state))
            if stands.again:
                again.add(span.from_at)
        else:
            told.append(span)
    return told, frozenset(again)


def _is_for(span: Span, stands: Standstill) -> bool:
    within = stands.to_at is None or span.from_at < stands.to_at
    return within and span.state in WAITS and span.phase not in {"setup", "trial"} and stands.state not in UNTOLD


def _told(span: Span, state: str) -> Span:
    """Waiting through a break for a machine that is being set up is still a break: the phase says it, not the state."""
    return span._replace(phase="setup") if state == "setup" else span._replace(state=state)
