"""Routings and component lists as stages: consecutive operations on the same lines are one stage (pure).

A stage goes by its last operation's number, runs at the pace of its slowest operation, and loses what all of them lose.
Its pieces are counted once, at the station that counts its line's output.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal
from functools import reduce
from itertools import groupby

from mes.domain.plant import Plant
from mes.store.demand import ComponentLine, RouteStep
from scheduler.problem import Component, External, Stage, StageLine, Substitute

DEFAULT_SECONDS_PER_PIECE = Decimal(60)
"""The pace of an operation nobody gave one; the plan's log names such operations."""
_STEP = Decimal("0.000001")


def stages_of(plant: Plant, steps: Sequence[RouteStep]) -> tuple[Stage, ...]:
    """The stages of a routing (its operations in order)."""
    placed = [(step, _lines_of(plant, step)) for step in steps]
    together = groupby(placed, key=lambda one: (one[1], one[0].external is None or one[0].seq))
    return tuple(_stage([step for step, _ in run], lines) for (lines, _), run in together)


def _lines_of(plant: Plant, step: RouteStep) -> tuple[str, ...]:
    """The lines an operation may run on: those it names, and those of the groups it names, in the plant's order."""
    named = {code for group in step.lines for code in plant.lines_in(group)}
    return tuple(code for code in plant.lines if code in named) if step.external is None else ()


def _stage(steps: list[RouteStep], lines: tuple[str, ...]) -> Stage:
    last = steps[-1]
    least = max(step.lot_min for step in steps)
    most = min((step.lot_max for step in steps if step.lot_max is not None), default=None)
    return Stage(
        seq=last.seq,
        lines=tuple(StageLine(line, max(pace_of(step, line) for step in steps)) for line in lines),
        yield_rate=reduce(lambda product, step: product * step.yield_rate, steps, Decimal(1)),
        min_lot=least,
        max_lot=None if most is None else max(most, least),
        transfer_minutes=last.transfer_minutes,
        uninterrupted=any(step.uninterrupted for step in steps),
        resources=tuple(dict.fromkeys(code for step in steps for code in step.resources)),
        external=None if last.external is None else External(int(last.external["lead_minutes"])),
    )


def pace_of(step: RouteStep, line: str) -> Decimal:
    """Seconds a piece takes on a line."""
    own = step.seconds_by_line.get(line)
    if own is not None:
        return Decimal(str(own))
    return step.seconds_per_piece or DEFAULT_SECONDS_PER_PIECE


def unpaced(steps: Iterable[RouteStep]) -> tuple[int, ...]:
    """Operations nobody gave a pace."""
    return tuple(s.seq for s in steps if s.external is None and s.seconds_per_piece is None and not s.seconds_by_line)


def stage_of(stages: Sequence[Stage], seq: int) -> int:
    """The number of the stage that operation `seq` is part of."""
    return next((stage.seq for stage in stages if stage.seq >= seq), stages[-1].seq)


def components_of(
    lines: Iterable[ComponentLine], stages: Sequence[Stage], monitored: Iterable[str]
) -> tuple[Component, ...]:
    """What a piece takes at each stage, of items whose stock is known: what nobody counts holds nothing up.

    The planned loss raises the need: quantity_per / (1 - scrap_fraction), rounded up.
    """
    known = frozenset(monitored)
    return tuple(
        Component(
            item=line.component,
            qty_per=(line.quantity_per / (1 - line.scrap_fraction)).quantize(_STEP, ROUND_CEILING),
            stage=stage_of(stages, line.operation_seq),
            substitutes=tuple(Substitute(code) for code in line.substitutes if code in known),
        )
        for line in lines
        if line.component in known
    )
