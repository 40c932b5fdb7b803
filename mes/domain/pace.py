"""Where a shift's plan wants a line to be by when: the figure behind "ahead" and "behind" on every screen.

The plan's pieces are spread evenly over the working time between a plan line's start and end, so the pace stands still
over breaks and planned changeovers (docs/glossary.md, plan attainment).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mes.domain.calendar import Interval

Knot = tuple[datetime, float]
_NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Portion:
    """`quantity` pieces a line is to make between two instants; `made` of that order were made before the plan."""

    start_at: datetime
    end_at: datetime
    quantity: int
    made: int = 0


def pace(portions: Sequence[Portion], opened: Sequence[Interval]) -> tuple[Knot, ...]:
    """Pieces wanted by when: (instant, pieces) in order, straight between them, flat before and after.

    `opened` are the line's working hours, sorted. A portion outside all of them is wanted whole at its end.
    """
    stretches = [stretch for portion in portions for stretch in _spread(portion, opened)]
    begun = float(sum(portion.made for portion in portions))
    instants = sorted({at for start, end, _ in stretches for at in (start, end)})
    return tuple((at, round(begun + sum(_part(stretch, at) for stretch in stretches), 2)) for at in instants)


_Stretch = tuple[datetime, datetime, float]


def _spread(portion: Portion, opened: Sequence[Interval]) -> list[_Stretch]:
    inside = [(max(a, portion.start_at), min(b, portion.end_at)) for a, b in opened]
    inside = [(a, b) for a, b in inside if a < b]
    working = sum((b - a for a, b in inside), _NOTHING)
    if not inside:
        return [(portion.end_at, portion.end_at, float(portion.quantity))]
    return [(a, b, portion.quantity * ((b - a) / working)) for a, b in inside]


def _part(stretch: _Stretch, at: datetime) -> float:
    start, end, quantity = stretch
    if at >= end:
        return quantity
    return 0.0 if at <= start else quantity * ((at - start) / (end - start))
