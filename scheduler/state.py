"""What a search changes: the sequences of the lines and the order in which lots draw scarce components.

A `Desk` is a state being worked on: a board whose releases follow from who draws first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scheduler.decode import Change, Sequences
from scheduler.files import Number
from scheduler.shared import board_for
from scheduler.shop import FAR, Shop
from scheduler.supply import Supply

NO_SUPPLY = Supply([], [], [], {})


@dataclass(frozen=True, slots=True)
class State:
    """Sequences by line, and the lots that need scarce components in the order they draw."""

    sequences: Sequences
    draws: list[int] = field(default_factory=list)


class Desk:
    """A board and the order of draws behind its releases. `supply` without needs: material is no matter."""

    def __init__(self, shop: Shop, supply: Supply = NO_SUPPLY) -> None:
        self.shop, self.supply = shop, supply
        self.board = board_for(shop)
        self.draws: list[int] = []
        self.ready: dict[int, int] = {}
        self.held = {lot for lots in shop.prefix for lot in lots}  # what is staged draws before anybody
        self._saved: tuple[list[int], dict[int, int]] | None = None

    def load(self, state: State) -> Number:
        """Take over a state; returns its cost. Lots without a place in the order draw last."""
        needs = self.supply.needs
        wish = dict.fromkeys([*(lot for lot in state.draws if lot in needs), *sorted(needs)])
        self.draws = sorted(wish, key=lambda lot: lot not in self.held)
        self.ready, _ = self.supply.ready(self.draws)
        self.board.release = self._releases()
        return self.board.load(state.sequences)

    def _releases(self) -> list[int]:
        release = list(self.shop.release)
        for lot, at in self.ready.items():
            release[lot] = max(release[lot], at)
        return release

    def state(self) -> State:
        """A copy of what is on the desk, lots left out last on their line: there they never hold up others."""
        return State([self._tidy(line) for line in range(len(self.board.sequences))], list(self.draws))

    def _tidy(self, line: int) -> list[int]:
        sequence, end, held = self.board.sequences[line], self.board.end, len(self.shop.prefix[line])
        planned = [lot for lot in sequence[held:] if end[lot] != FAR]
        return [*sequence[:held], *planned, *(lot for lot in sequence[held:] if end[lot] == FAR)]

    # ---- changes: attempt, then keep or undo

    def attempt(self, changes: Sequence[Change]) -> Number | None:
        """As the board's."""
        return self.board.attempt(changes)

    def attempt_draws(self, draws: list[int]) -> Number | None:
        """The cost after lots draw in another order."""
        self._saved = self.draws, self.ready
        self.draws = draws
        self.ready, _ = self.supply.ready(draws)
        release = self.shop.release
        return self.board.attempt((), [(lot, max(release[lot], at)) for lot, at in self.ready.items()])

    def keep(self) -> None:
        """The attempted change stands."""
        self._saved = None
        self.board.keep()

    def undo(self) -> None:
        """The attempted change never was."""
        if self._saved is not None:
            self.draws, self.ready = self._saved
            self._saved = None
        self.board.undo()

    # ---- draws

    def propose_draws(self, chance: Callable[[], float]) -> list[int] | None:
        """An order of draws in which a lot kept waiting draws before one that has what it wants."""
        release, ready = self.shop.release, self.ready
        waiting = [place for place, lot in enumerate(self.draws) if ready[lot] > release[lot] and place]
        if not waiting:
            return None
        place = waiting[int(chance() * len(waiting))]
        lot = self.draws[place]
        first = 0 if lot in self.held else sum(other in self.held for other in self.draws)
        rivals = [
            k for k in range(first, place) if ready[self.draws[k]] < ready[lot] and self._share(lot, self.draws[k])
        ]
        if not rivals:
            return None
        before = rivals[int(chance() * len(rivals))]
        return [*self.draws[:before], lot, *self.draws[before:place], *self.draws[place + 1 :]]

    def _share(self, lot: int, other: int) -> bool:
        mine = {item for need in self.supply.needs[lot] for item, _ in need.options}
        return any(item in mine for need in self.supply.needs[other] for item, _ in need.options)

    def settle_draws(self) -> bool:
        """Let lots draw in the order they start, which never delays one without substitutes; True if it was kept."""
        start = {lot: self.board.start(lot) if self.board.end[lot] != FAR else FAR for lot in self.draws}
        draws = sorted(self.draws, key=lambda lot: (lot not in self.held, start[lot], lot))
        before = self.board.costs.total
        if draws == self.draws:
            return False
        cost = self.attempt_draws(draws)
        if cost is None or cost > before:
            self.undo()
            return False
        self.keep()
        return True
