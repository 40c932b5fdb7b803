"""What pieces use up: an order's recipe, which station takes which component, and how much.

Consecutive operations on the same lines are one stage: one job, known by its last operation, at the pace of its slowest
operation. A component is taken where pieces enter the station that counts for its operation; where no station of the
line names the operation, at the station that counts the line's output.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import groupby

from mes.domain.plant import Plant

_STEP = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Step:
    """An operation of a routing; `lines` names lines or groups."""

    seq: int
    lines: tuple[str, ...]
    seconds_per_piece: Decimal | None = None
    seconds_by_line: tuple[tuple[str, Decimal], ...] = ()
    yield_rate: Decimal = Decimal(1)
    external: bool = False

    def seconds_on(self, line: str) -> Decimal | None:
        """Seconds a piece takes on a line; None where nobody said."""
        return dict(self.seconds_by_line).get(line, self.seconds_per_piece)


@dataclass(frozen=True, slots=True)
class Use:
    """A component: `quantity_per` piece in base units, taken at operation `seq`; `scrap_fraction` is planned loss."""

    item: str
    quantity_per: Decimal
    seq: int
    scrap_fraction: Decimal = Decimal(0)

    @property
    def needed_per(self) -> Decimal:
        """What has to be there for a piece: the planned loss raises the need, never what was used."""
        return self.quantity_per / (1 - self.scrap_fraction)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an order is made and of what, by its present document."""

    revision: str
    steps: tuple[Step, ...]
    uses: tuple[Use, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """Consecutive operations on the same lines; `seq` is the last one's."""

    seq: int
    steps: tuple[Step, ...]
    lines: tuple[str, ...]

    @property
    def yield_rate(self) -> Decimal:
        """The share of pieces that leaves the stage good."""
        rate = Decimal(1)
        for step in self.steps:
            rate *= step.yield_rate
        return rate

    def seconds_on(self, line: str) -> Decimal | None:
        """Seconds a piece takes on a line: those of the slowest operation; None where nobody said."""
        said = [seconds for step in self.steps if (seconds := step.seconds_on(line)) is not None]
        return max(said, default=None)


def stages(plant: Plant, recipe: Recipe) -> tuple[Stage, ...]:
    """The stages of a routing, in order."""
    placed = [(step, _lines(plant, step)) for step in recipe.steps]
    together = groupby(placed, key=lambda one: (one[1], one[0].seq if one[0].external else 0))
    found = []
    for (lines, _), run in together:
        steps = tuple(step for step, _ in run)
        found.append(Stage(steps[-1].seq, steps, lines))
    return tuple(found)


def _lines(plant: Plant, step: Step) -> tuple[str, ...]:
    named = {code for group in step.lines for code in plant.lines_in(group)}
    return () if step.external else tuple(code for code in plant.lines if code in named)


def stage_of(found: Sequence[Stage], seq: int) -> Stage | None:
    """The stage operation `seq` belongs to: the first that ends with it or later, else the last."""
    return next((stage for stage in found if stage.seq >= seq), found[-1] if found else None)


def piece_us(plant: Plant, line: str, job_seq: int, recipe: Recipe | None, *, machine: str = "") -> int | None:
    """The time a piece is planned to take, µs: a machine's own pace, else the job's on its line; None: nobody said."""
    stands = plant.machines.get(machine)
    if stands and stands.seconds_per_piece is not None:
        return round(stands.seconds_per_piece * 1_000_000)
    stage = stage_of(stages(plant, recipe), job_seq) if recipe else None
    seconds = stage.seconds_on(line) if stage else None
    return None if seconds is None else round(seconds * 1_000_000)


@dataclass(frozen=True, slots=True)
class Taken:
    """What one piece takes of an item where it enters a station."""

    item: str
    quantity_per: Decimal


def taken_at(plant: Plant, line: str, station: str, job_seq: int, recipe: Recipe) -> tuple[Taken, ...]:
    """What a piece of a job (operation `job_seq`) on a line takes at a station, by item."""
    found = stages(plant, recipe)
    stage = stage_of(found, job_seq)
    sums: dict[str, Decimal] = {}
    for use in recipe.uses:
        if stage_of(found, use.seq) == stage and station in takers(plant, line, use.seq):
            sums[use.item] = sums.get(use.item, Decimal(0)) + use.quantity_per
    return tuple(Taken(item, quantity) for item, quantity in sorted(sums.items()))


def takers(plant: Plant, line: str, seq: int) -> tuple[str, ...]:
    """The stations of a line at which components of an operation are taken."""
    named = tuple(station.code for station in plant.stations_of(line) if seq in station.operations)
    stands = plant.lines.get(line)
    return named or ((stands.counts_at,) if stands else ())


def used(taken: Taken, pieces: int) -> Decimal:
    """What so many pieces used of an item, rounded once."""
    return (taken.quantity_per * pieces).quantize(_STEP, ROUND_HALF_EVEN)


def items_of(recipes: Iterable[Recipe]) -> frozenset[str]:
    """Every component of some recipes."""
    return frozenset(use.item for recipe in recipes for use in recipe.uses)
