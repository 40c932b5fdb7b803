"""What a tile says: a machine's state, made a status by calendar and pace.

Outside working time what does not run is a planned stop. A machine that runs clearly below its rated pace is slow, once
there was time enough to tell. No data is never drawn as idle.
"""

from __future__ import annotations

from dataclasses import dataclass

from mes.domain.plant import MACHINE_STATES

STATUSES = (*MACHINE_STATES, "slow", "planned_stop")
SLOW_BELOW = 0.8
"""Share of the rated pace below which a running machine is slow."""
SLOW_AFTER_PIECES = 5
"""It is not judged before it ran for as long as this many pieces should have taken."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Pieces made in so much running time lately; `piece_us`: what a piece should take (None: nobody said)."""

    pieces: int
    running_us: int
    piece_us: int | None

    @property
    def share(self) -> float | None:
        """Of the rated pace; None where it cannot be told (yet)."""
        if not self.piece_us or self.running_us < SLOW_AFTER_PIECES * self.piece_us:
            return None
        return self.pieces * self.piece_us / self.running_us

    @property
    def is_slow(self) -> bool:
        """Clearly below the rated pace, even with the piece that is under way: of few pieces one says little."""
        if self.share is None or self.piece_us is None:
            return False
        return (self.pieces + 1) * self.piece_us < SLOW_BELOW * self.running_us


def status(state: str, *, is_open: bool, rate: Rate | None = None) -> str:
    """What a tile says of a state (empty: nothing was ever heard) in or outside working time."""
    if state in {"", "offline"}:
        return "offline"
    if state == "running":
        return "slow" if rate and rate.is_slow else "running"
    return state if is_open or state == "setup" else "planned_stop"
