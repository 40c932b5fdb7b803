"""What a printed job card says, read in one go."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from mes.domain.exchange import quantity_text
from mes.domain.job_card import JobCard
from mes.domain.plant import Plant
from mes.store.pool import Connection
from mes.store.screens.wire import name_of


def load_job_card(conn: Connection, plant: Plant, job_id: int) -> JobCard | None:
    """A job's card; None for a job that is not there."""
    row = conn.execute(
        """
        select o.system || '/' || o.number, o.item, i.name, o.revision, j.operation_seq, j.line, j.shift_day, j.shift,
               j.quantity, o.unit, j.planned_start_at, j.planned_end_at
        from job j join production_order o on o.id = j.order_id join item i on i.code = o.item where j.id = %(id)s
        """,
        {"id": job_id},
    ).fetchone()
    if row is None:
        return None
    order, item, name, revision, seq, line, day, shift, quantity, unit, start, end = row
    product, at_line = name_of(name, item), plant.lines.get(line)
    return JobCard(
        job_id=job_id, order=order, item=item, product=f"{product.zh} {product.en}", revision=revision,
        operation=str(seq), line=f"{line}  {at_line.name.zh} {at_line.name.en}" if at_line else line,
        shift=f"{day} {shift}", quantity=f"{quantity} {unit}", start=_local(plant, start), end=_local(plant, end),
        parts=_parts(conn, job_id, quantity),
    )  # fmt: skip


def _local(plant: Plant, at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(plant.site.time_zone)):%m-%d %H:%M}"


def _parts(conn: Connection, job_id: int, pieces: int) -> list[tuple[str, str, str]]:
    rows = conn.execute(
        """
        select c.component, i.name, c.unit, sum(c.quantity_per)
        from job j join production_order o on o.id = j.order_id
        cross join lateral (
            select line_no, component, unit, quantity_per from order_component where order_id = o.id
            union all
            select line_no, component, unit, quantity_per from bom_line
            where (item, revision) = (o.item, o.revision)
              and not exists (select from order_component where order_id = o.id)
        ) c
        join item i on i.code = c.component
        where j.id = %(id)s group by c.component, i.name, c.unit order by min(c.line_no)
        """,
        {"id": job_id},
    ).fetchall()
    return [
        (item, name_of(name, item).zh, f"{quantity_text(Decimal(per * pieces))} {unit}")
        for item, name, unit, per in rows
    ]
