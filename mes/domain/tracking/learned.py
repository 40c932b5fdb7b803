"""The pace a line really has, learned from shifts and proposed beside the one somebody wrote down.

Of each shift in which an operation of an item ran on a line: running time by pieces. The proposal is the median over
shifts with how many there were and how far they lie apart. It is never used by itself: a planner takes it over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

SHIFTS_MIN = 3
PIECES_MIN = 20
"""A shift with fewer pieces says nothing about a pace."""
DIFFERS_FROM = 0.1
"""A learned pace closer to the rated one than this share is the rated one."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One shift of an operation on a line: pieces, and the time the line ran for them."""

    pieces: int
    running_us: int

    @property
    def seconds(self) -> float:
        """Seconds a piece took."""
        return self.running_us / self.pieces / 1e6


@dataclass(frozen=True, slots=True)
class LearnedPace:
    """What is proposed: seconds a piece, from `n` shifts, `spread` between their quarters as a share of it."""

    seconds_per_piece: float
    n: int
    spread: float


def learned_pace(observations: Sequence[Observation], rated_s: float | None) -> LearnedPace | None:
    """The pace to propose; None while too little is known or where the rated pace is right."""
    seconds = [one.seconds for one in observations if one.pieces >= PIECES_MIN and one.running_us > 0]
    if len(seconds) < SHIFTS_MIN:
        return None
    middle = median(seconds)
    if rated_s is not None and abs(middle - rated_s) <= DIFFERS_FROM * rated_s:
        return None
    low, _, high = quantiles(seconds, n=4, method="inclusive")
    return LearnedPace(round(middle, 3), len(seconds), round((high - low) / middle, 4))
