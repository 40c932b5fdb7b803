"""Local search on sequences: simulated annealing over the moves, each tried by re-timing what it touches.

Worse plans are accepted with a probability that falls with the heat (Kirkpatrick, Gelatt and Vecchi 1983), which goes
down geometrically over the run. Same board, same random numbers, same number of tries: the same plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from random import Random

from scheduler.decode import Board, Sequences
from scheduler.files import Number
from scheduler.moves import Moves
from scheduler.shop import Shop

TRIES_BETWEEN_LOOKS = 64


@dataclass(frozen=True, slots=True)
class Heat:
    """Cost by which a plan may be worse and still be accepted one time in e: at the start, at the end."""

    start: float
    end: float


def natural_heat(shop: Shop) -> Heat:
    """A heat of the order of what one move changes: a changeover, or a lot's minutes for an order of mean weight."""
    weights, problem = shop.problem.weights, shop.problem
    setups = [minutes for rows in shop.setup[: shop.real_lines] for minutes in rows[0]]
    work = [minutes for by_lot in shop.minutes[: shop.real_lines] for minutes in by_lot.values()]
    weight = _mean([order.weight for order in problem.orders])
    step = weights.setup_minute * _mean(setups) + weights.tardy_minute * weight * _mean(work)
    start = max(1.0, float(step) / 4)
    return Heat(start, start / 40)


def _mean(values: list[int] | list[Number]) -> float:
    return sum(values) / len(values) if values else 0.0


def anneal(board: Board, random: Random, heat: Heat, spent: Callable[[int, Number], float]) -> tuple[Number, Sequences]:
    """The best cost and sequences found; the board is left where the walk ended.

    `spent(tries, best)` says from time to time how much of the run is over; the run ends at 1.
    """
    moves = Moves(board, random)
    chance, factor = random.random, heat.end / heat.start
    cost = best = board.costs.total
    sequences = [list(sequence) for sequence in board.sequences]
    tries, done = 0, spent(0, best)
    while done < 1 and moves.lots:
        moves.look()
        temperature = heat.start * factor**done
        for _ in range(TRIES_BETWEEN_LOOKS):
            changes = moves.propose()
            if changes is None:
                continue
            found = board.attempt(changes)
            if found is None or (found > cost and found - cost > -temperature * log(1.0 - chance())):
                board.undo()
                continue
            board.keep()
            cost = found
            if found < best:
                best = found
                sequences = [list(sequence) for sequence in board.sequences]
        tries += TRIES_BETWEEN_LOOKS
        done = spent(tries, best)
    return best, sequences
