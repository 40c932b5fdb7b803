"""What can run now on a line, read from orders, counts, balances and gates. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from mes.domain.gate import GateKind
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
    line: str
    state: str
    is_withdrawn: bool
    quantity: int
    good: int
    item: str
    family: str
    passed: list[GateKind]
    is_let_through: bool


def load_readiness(
    conn: Connection, plant: Plant, line: str, *, jobs: Collection[int] | None = None
) -> list[Readiness]:
    """Whether each open job of a line (of `jobs` only) can run now, in their sequence.

    Raises KeyError for a line that is not there.
    """
    stands = plant.lines[line]
    found = _jobs(conn, line, None if jobs is None else list(jobs))
    recipes = load_recipes(conn, {job.order_id for job in found})
    counts = load_station_counts(conn, sorted({job.order_id for job in found}))
    stock = _stock(conn, plant, stands, recipes)
    return [_readiness(plant, job, recipes[job.order_id], counts, stock) for job in found]


def closed_gates(conn: Connection, plant: Plant, line: str, job_id: int) -> tuple[GateKind, ...]:
    """The gates a job has not passed, and which no line lead let it pass."""
    return tuple(gate for job in _jobs(conn, line, [job_id]) for gate in _closed(plant, job))


def _jobs(conn: Connection, line: str, ids: list[int] | None) -> list[_Job]:
    rows = conn.execute(
        """
        select s.job_id, s.order_id, s.operation_seq, s.line, s.state, s.withdrawn_at is not null, s.quantity, s.good,
               o.item, i.family,
               array_remove(array[
                   case when jsonb_path_exists(r.documents, '$[*] ? (@.url != "")') then 'document' end,
                   case when exists (select from shift_count c where c.job_id = s.job_id and c.phase = 'first_article'
                                     and c.good > 0) then 'first_article' end], null) as passed,
               exists (select from entry e where e.job_id = s.job_id and e.kind = 'mark' and e.detail ? 'let_through_by'
                       and not exists (select from entry t where t.reverses = e.id)) as is_let_through
        from job_state s
        join production_order o on o.id = s.order_id
        join item i on i.code = o.item
        left join release r on (r.item, r.revision) = (o.item, o.revision)
        where s.line = %(line)s and (%(ids)s::int8[] is null or s.job_id = any(%(ids)s))
          and s.state not in ('completed', 'closed', 'aborted')
        order by s.shift_day, s.sequence, s.job_id
        """,
        {"line": line, "ids": ids},
    ).fetchall()
    return [_Job(*row) for row in rows]


def _closed(plant: Plant, job: _Job) -> tuple[GateKind, ...]:
    if job.is_let_through:
        return ()
    rules = [rule for rule in plant.gate if rule.stands_before(item=job.item, family=job.family, line=job.line)]
    return tuple(kind for kind in dict.fromkeys(rule.kind for rule in rules) if kind not in job.passed)


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
        gates=_closed(plant, job),
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
