"""How orders are made and of what. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from mes.domain.material.consumption import Recipe, Step, Use
from mes.store.pool import Connection


def load_recipes(conn: Connection, order_ids: Iterable[int]) -> dict[int, Recipe]:
    """How orders are made and of what: their own components and operations if any, else the revision's."""
    wanted = {"ids": sorted(set(order_ids))}
    if not wanted["ids"]:
        return {}
    revisions = dict(conn.execute("select id, revision from production_order where id = any(%(ids)s)", wanted))
    steps: dict[int, list[Step]] = {order_id: [] for order_id in revisions}
    uses: dict[int, list[Use]] = {order_id: [] for order_id in revisions}
    for order_id, seq, lines, seconds, by_line, rate, external in conn.execute(
        """
        select o.id, p.seq, p.lines, p.seconds_per_piece, p.seconds_by_line, p.yield_rate, p.external is not null
        from production_order o
        cross join lateral (
            select seq, lines, seconds_per_piece, seconds_by_line, yield_rate, external
            from order_operation where order_id = o.id
            union all
            select seq, lines, seconds_per_piece, seconds_by_line, yield_rate, external
            from operation where (item, revision) = (o.item, o.revision)
              and not exists (select from order_operation where order_id = o.id)
        ) p
        where o.id = any(%(ids)s) order by o.id, p.seq
        """,
        wanted,
    ):
        paces = tuple((line, Decimal(str(pace))) for line, pace in sorted(by_line.items()))
        steps[order_id].append(Step(seq, tuple(lines), seconds, paces, rate, external))
    for order_id, item, quantity_per, seq, scrap in conn.execute(
        """
        select o.id, b.component, b.quantity_per, b.operation_seq, b.scrap_fraction
        from production_order o
        cross join lateral (
            select line_no, component, quantity_per, operation_seq, scrap_fraction
            from order_component where order_id = o.id
            union all
            select line_no, component, quantity_per, operation_seq, scrap_fraction
            from bom_line where (item, revision) = (o.item, o.revision)
              and not exists (select from order_component where order_id = o.id)
        ) b
        where o.id = any(%(ids)s) order by o.id, b.line_no
        """,
        wanted,
    ):
        uses[order_id].append(Use(item, quantity_per, seq, scrap))
    return {
        order_id: Recipe(revision, tuple(steps[order_id]), tuple(uses[order_id]))
        for order_id, revision in revisions.items()
    }
