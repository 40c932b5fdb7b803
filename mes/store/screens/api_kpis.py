"""What the api says of KPIs: the time ledger's elements, summed by shift or day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from mes.domain.kpi import Elements, Ratio, ratios
from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class KpiLine:
    """KPIs of one shift or shift-day (`shift` empty), with the elements they are made of."""

    shift_day: date
    shift: str
    elements: Elements
    kpis: dict[str, Ratio]


def list_kpis(
    conn: Connection, *, posts: Sequence[str], from_day: date, to_day: date, by: Literal["shift", "day"]
) -> list[KpiLine]:
    """KPIs of some machines (or stations where people count) together, shift-days `from_day` to `to_day` included."""
    rows = conn.execute(
        """
        select shift_day, case when %(by_shift)s then shift else '' end as shift,
               sum(calendar_us)::int8, sum(planned_stop_us)::int8, sum(apt_us)::int8, sum(aust_us)::int8,
               sum(adet_us)::int8, sum(adot_us)::int8, sum(no_data_us)::int8, sum(ideal_us)::int8, sum(good)::int8,
               sum(reject)::int8
        from time_ledger
        where machine = any(%(posts)s) and shift_day between %(from_day)s and %(to_day)s
        group by 1, 2 order by 1, 2
        """,
        {"by_shift": by == "shift", "posts": list(posts), "from_day": from_day, "to_day": to_day},
    )
    lines = []
    for day, shift, *figures in rows:
        elements = Elements(*figures)
        lines.append(KpiLine(day, shift, elements, ratios(elements)))
    return lines
