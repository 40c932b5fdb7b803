"""What can run now on a line, read from orders, counts and balances. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from mes.domain.material.consumption import Recipe, Stage, stage_of, stages
from mes.domain.plant import Line, Plant
from mes.domain.readiness import PartStock, Readiness, readiness
from mes.store.outlook import StationCount, load_balances, load_station_counts
from mes.store.pool import Connection
from mes.store.recipes import load_recipes


class _Job(NamedTuple):
    job_id: int
    order_id: int
    operation_seq: int
    state: str
    is_withdrawn: bool
    quantity: int
    good: int


def load_readiness(conn: Connection, plant: Plant, line: str) -> list[Readiness]:
    """Whether each open job of a line can run now, in their sequence. Raises KeyError for a line that is not there."""
    stands = plant.lines[line]
    rows = conn.execute(
        """
        select job_id, order_id, operation_seq, state, withdrawn_at is not null, quantity, good
        from job_state where line = %(line)s and state not in ('completed', 'closed', 'aborted')
        order by shift_day, sequence, job_id
        """,
        {"line": line},
    ).fetchall()
    jobs = [_Job(*row) for row in rows]
    recipes = load_recipes(conn, {job.order_id for job in jobs})
    counts = load_station_counts(conn, sorted({job.order_id for job in jobs}))
    stock = _stock(conn, plant, stands, recipes)
    return [_readiness(plant, job, recipes[job.order_id], counts, stock) for job in jobs]


Stock = Mapping[str, tuple[Decimal, Decimal]]
"""Of monitored items: (at the line, elsewhere where it may be fetched)."""


def _stock(conn: Connection, plant: Plant, line: Line, recipes: Mapping[int, Recipe]) -> Stock:
    barred = {place.code for place in plant.location if place.kind == "quarantine"}
    items = sorted({use.item for recipe in recipes.values() for use in recipe.uses})
    found: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for balance in load_balances(conn, items):
        if balance.location not in barred:
            found[balance.item][balance.location != line.location] += balance.quantity
    return {item: (here, elsewhere) for item, (here, elsewhere) in found.items()}


def _readiness(plant: Plant, job: _Job, recipe: Recipe, counts: Iterable[StationCount], stock: Stock) -> Readiness:
    found = stages(plant, recipe)
    stage = stage_of(found, job.operation_seq)
    needs: dict[str, Decimal] = defaultdict(Decimal)
    for use in recipe.uses:
        if stage_of(found, use.seq) == stage:
            needs[use.item] += use.quantity_per
    return readiness(
        job.job_id,
        state=job.state,
        is_withdrawn=job.is_withdrawn,
        left=job.quantity - job.good,
        before=_before(found, stage, [one for one in counts if one.order_id == job.order_id]),
        parts=[PartStock(item, needed, *stock[item]) for item, needed in sorted(needs.items()) if item in stock],
    )


def _before(found: tuple[Stage, ...], stage: Stage | None, counts: Iterable[StationCount]) -> int | None:
    """Good pieces of the stage before that have not entered this one; None for the first stage."""
    if stage is None or stage == found[0]:
        return None
    before = found[found.index(stage) - 1]
    waiting = 0
    for one in counts:
        of = stage_of(found, one.operation_seq)
        waiting += one.good if of == before and one.leaves else 0
        waiting -= one.entered if of == stage and one.enters else 0
    return waiting
