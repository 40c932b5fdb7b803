"""Local search on sequences: simulated annealing over the moves, each tried by re-timing what it touches.

Worse plans are accepted with a probability that falls with the heat (Kirkpatrick, Gelatt and Vecchi 1983), which goes
down geometrically over the run. Same desk, same random numbers, same number of tries: the same plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from random import Random

from scheduler.decode import Change
from scheduler.files import Number
from scheduler.moves import Moves
from scheduler.shop import Shop
from scheduler.state import Desk, State

TRIES_BETWEEN_LOOKS = 64
DRAW_SHARE = 0.15
FEW = 40  # setup classes that a mean is taken of

Spent = Callable[[int, Number, State], float]
"""Asked from time to time with tries, best cost and best state so far: how much of the run is over, 0 .. 1?"""


@dataclass(frozen=True, slots=True)
class Heat:
    """Cost by which a plan may be worse and still be accepted one time in e: at the start, at the end."""

    start: float
    end: float


def natural_heat(shop: Shop) -> Heat:
    """A heat of the order of what one move changes: a changeover, or a lot's minutes for an order of mean weight."""
    weights, problem = shop.problem.weights, shop.problem
    setups = [minutes for rows in shop.setup[: shop.real_lines] for row in rows[:FEW] for minutes in row[:FEW]]
    work = [minutes for by_lot in shop.minutes[: shop.real_lines] for minutes in by_lot.values()]
    weight = _mean([order.weight for order in problem.orders])
    step = weights.setup_minute * _mean(setups) + weights.tardy_minute * weight * _mean(work)
    start = max(1.0, float(step) / 4)
    return Heat(start, start / 40)


def _mean(values: list[int] | list[Number]) -> float:
    return sum(values) / len(values) if values else 0.0


def anneal(desk: Desk, random: Random, heat: Heat, spent: Spent) -> tuple[Number, State]:
    """The best cost and state found; the desk is left where the walk ended.

    The run ends when `spent` says 1, or when nothing is left to better.
    """
    moves = Moves(desk.board, random)
    chance, factor = random.random, heat.end / heat.start
    cost = best = desk.board.costs.total
    state, copied = desk.state(), True
    tries, done = 0, spent(0, best, state)
    draw_share = DRAW_SHARE if desk.supply.needs else 0.0
    while done < 1 and best > 0 and (moves.lots or draw_share):
        moves.look()
        temperature = heat.start * factor**done
        for _ in range(TRIES_BETWEEN_LOOKS):
            draws = changes = None
            if draw_share and chance() < draw_share:
                draws = desk.propose_draws(chance)
            else:
                changes = moves.propose()
            found = _attempted(desk, changes, draws)
            if found is None or (found > cost and found - cost > -temperature * log(1.0 - chance())):
                desk.undo()
                continue
            if found < best:
                best, copied = found, False
            elif not copied:  # the best is left only now: copied once, not with each step towards it
                desk.undo()
                state, copied = desk.state(), True
                _attempted(desk, changes, draws)
            desk.keep()
            cost = found
        if not copied:
            state, copied = desk.state(), True
        tries += TRIES_BETWEEN_LOOKS
        done = spent(tries, best, state)
    return best, state


def _attempted(desk: Desk, changes: list[Change] | None, draws: list[int] | None) -> Number | None:
    """The cost after a change of sequences or of draws; None: it cannot be, or nothing was proposed."""
    if draws is not None:
        return desk.attempt_draws(draws)
    return None if changes is None else desk.attempt(changes)
