"""Routings and component lists as the solver's stages and components (pure).

What a stage is, booking and planning know from the same place (`mes.domain.material.consumption`): consecutive
operations on the same lines, by the last one's number, at the pace of the slowest, with the losses of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal

from mes.domain.material import consumption
from mes.domain.material.consumption import Recipe, Step
from mes.domain.plant import Plant
from mes.store.demand import ComponentLine, RouteStep
from scheduler.problem import Component, External, Stage, StageLine, Substitute

DEFAULT_SECONDS_PER_PIECE = Decimal(60)
"""The pace of a stage nobody gave one; the plan's log names such stages."""
_STEP = Decimal("0.000001")


def stages_of(plant: Plant, steps: Sequence[RouteStep]) -> tuple[Stage, ...]:
    """The stages of a routing (its operations in order)."""
    by_seq = {step.seq: step for step in steps}
    found = _known_stages(plant, steps)
    return tuple(_stage(stage, [by_seq[step.seq] for step in stage.steps]) for stage in found)


def unpaced(plant: Plant, steps: Sequence[RouteStep]) -> tuple[int, ...]:
    """Stages nobody gave a pace on some line."""
    found = _known_stages(plant, steps)
    return tuple(stage.seq for stage in found if any(stage.seconds_on(line) is None for line in stage.lines))


def _known_stages(plant: Plant, steps: Iterable[RouteStep]) -> tuple[consumption.Stage, ...]:
    return consumption.stages(plant, Recipe("", tuple(_step(step) for step in steps), ()))


def _step(step: RouteStep) -> Step:
    return Step(
        seq=step.seq,
        lines=tuple(step.lines),
        seconds_per_piece=step.seconds_per_piece,
        seconds_by_line=tuple((line, Decimal(str(seconds))) for line, seconds in step.seconds_by_line.items()),
        yield_rate=step.yield_rate,
        external=step.external is not None,
    )


def _stage(stage: consumption.Stage, steps: Sequence[RouteStep]) -> Stage:
    last = steps[-1]
    least = max(step.lot_min for step in steps)
    most = min((step.lot_max for step in steps if step.lot_max is not None), default=None)
    return Stage(
        seq=stage.seq,
        lines=tuple(StageLine(line, stage.seconds_on(line) or DEFAULT_SECONDS_PER_PIECE) for line in stage.lines),
        yield_rate=stage.yield_rate,
        min_lot=least,
        max_lot=None if most is None else max(most, least),
        transfer_minutes=last.transfer_minutes,
        uninterrupted=any(step.uninterrupted for step in steps),
        resources=tuple(dict.fromkeys(code for step in steps for code in step.resources)),
        external=None if last.external is None else External(int(last.external["lead_minutes"])),
    )


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
