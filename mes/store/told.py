"""What was told of orders: ETAs and production reports. Only added to, by the tracker alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from mes.domain.exchange import plain
from mes.store.pool import Connection


# --- ETAs
@dataclass(frozen=True, slots=True)
class Eta:
    """When an order was last told to be complete (`eta_at` None: not in sight)."""

    order_id: int
    at: datetime
    eta_at: datetime | None
    due_at: datetime
    late_minutes: int
    reasons: list[dict[str, Any]]


def load_etas(conn: Connection, order_ids: Sequence[int]) -> dict[int, Eta]:
    """The ETA that stands of each order."""
    with conn.cursor(row_factory=class_row(Eta)) as cur:
        rows = cur.execute(
            """
            select w.order_id, e.at, e.eta_at, e.due_at, e.late_minutes, e.reasons
            from unnest(%(ids)s::int8[]) as w (order_id)
            cross join lateral (
                select at, eta_at, due_at, late_minutes, reasons from order_eta
                where order_id = w.order_id order by id desc limit 1) e
            """,
            {"ids": list(order_ids)},
        ).fetchall()
    return {row.order_id: row for row in rows}


def insert_eta(conn: Connection, eta: Eta) -> None:
    """Say when an order will be complete."""
    conn.execute(
        """
        insert into order_eta (order_id, at, eta_at, due_at, late_minutes, reasons)
        values (%(order_id)s, %(at)s, %(eta_at)s, %(due_at)s, %(late_minutes)s, %(reasons)s)
        """,
        {
            "order_id": eta.order_id,
            "at": eta.at,
            "eta_at": eta.eta_at,
            "due_at": eta.due_at,
            "late_minutes": eta.late_minutes,
            "reasons": Jsonb(plain(eta.reasons)),
        },
    )


def told_types(conn: Connection, subjects: Sequence[str], types: Sequence[str]) -> set[tuple[str, str]]:
    """Which (subject, type) were ever told."""
    rows = conn.execute(
        """
        select distinct subject, type from outbox
        where subject = any(%(subjects)s) and type = any(%(types)s)
        """,
        {"subjects": list(subjects), "types": list(types)},
    )
    return {(row[0], row[1]) for row in rows}


@dataclass(frozen=True, slots=True)
class Milestone:
    """How far an operation of an order is that has begun."""

    operation_seq: int
    line: str
    started_at: datetime
    last_at: datetime | None
    good: int
    reject: int
    scrap: int


def load_milestones(conn: Connection, order_ids: Sequence[int]) -> dict[int, list[Milestone]]:
    """The operations of orders at which work has begun."""
    found: dict[int, list[Milestone]] = {}
    for order_id, *row in conn.execute(
        """
        select s.order_id, s.operation_seq, min(s.line), min(s.from_at), max(p.last_at), coalesce(max(p.good), 0),
               coalesce(max(p.reject), 0), coalesce(max(p.scrap), 0)
        from job_span s left join order_progress p using (order_id, operation_seq)
        where s.order_id = any(%(ids)s) group by s.order_id, s.operation_seq order by s.order_id, s.operation_seq
        """,
        {"ids": list(order_ids)},
    ):
        found.setdefault(order_id, []).append(Milestone(*row))
    return found


# --- production reports
@dataclass(frozen=True, slots=True)
class Used:
    """What a report says was used of an item from a place."""

    item: str
    location: str
    unit: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Report:
    """A production report of a job and shift; a reversing one has the figures of the one it reverses, negative."""

    order_id: int
    job_id: int
    operation_seq: int
    is_final: bool
    line: str
    shift_day: date
    shift: str
    good: int
    reject: int
    rework: int
    scrap: int
    started_at: datetime | None
    ended_at: datetime | None
    through_at: datetime | None
    posting_on: date
    consumption: tuple[Used, ...]
    reported_by: str
    reverses: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A report that stands: neither reversed nor reversing."""

    id: int
    order_id: int
    job_id: int
    operation_seq: int
    line: str
    shift_day: date
    shift: str
    good: int
    reject: int
    rework: int
    scrap: int
    started_at: datetime | None
    ended_at: datetime | None
    through_at: datetime | None
    posting_on: date
    consumption: list[dict[str, Any]]
    is_final: bool

    @property
    def used(self) -> tuple[Used, ...]:
        """Its consumption, as it was told."""
        return tuple(
            Used(one["item"], one["location"], one["unit"], Decimal(one["quantity"])) for one in self.consumption
        )


def load_standing(conn: Connection, order_ids: Sequence[int]) -> list[Standing]:
    """The reports of orders that stand."""
    with conn.cursor(row_factory=class_row(Standing)) as cur:
        return cur.execute(
            """
            select r.id, r.order_id, r.job_id, r.operation_seq, r.line, r.shift_day, r.shift, r.good, r.reject,
                   r.rework, r.scrap, r.started_at, r.ended_at, r.through_at, r.posting_on, r.consumption, r.is_final
            from production_report r
            where r.order_id = any(%(ids)s) and r.reverses is null
              and not exists (select from production_report b where b.reverses = r.id)
            order by r.id
            """,
            {"ids": list(order_ids)},
        ).fetchall()


def reported_so_far(conn: Connection, report: Report) -> dict[str, int]:
    """What an order's operation is reported to have made, with a report that is about to be added."""
    row = conn.execute(
        """
        select coalesce(sum(good), 0)::int8, coalesce(sum(reject), 0)::int8, coalesce(sum(scrap), 0)::int8
        from production_report where order_id = %(order_id)s and operation_seq = %(seq)s
        """,
        {"order_id": report.order_id, "seq": report.operation_seq},
    ).fetchone()
    assert row is not None
    return {"good": row[0] + report.good, "reject": row[1] + report.reject, "scrap": row[2] + report.scrap}


def insert_report(conn: Connection, report: Report, *, cumulative: dict[str, int], at: datetime) -> tuple[int, int]:
    """Add a report; its id and its number among its order's."""
    row = conn.execute(
        """
        insert into production_report (order_id, order_report_no, job_id, operation_seq, is_final, line, shift_day,
                                       shift, good, reject, rework, scrap, started_at, ended_at, through_at,
                                       posting_on, consumption, cumulative, reverses, reported_at, reported_by)
        values (%(order_id)s,
                (select coalesce(max(order_report_no), 0) + 1 from production_report where order_id = %(order_id)s),
                %(job_id)s, %(operation_seq)s, %(is_final)s, %(line)s, %(shift_day)s, %(shift)s, %(good)s, %(reject)s,
                %(rework)s, %(scrap)s, %(started_at)s, %(ended_at)s, %(through_at)s, %(posting_on)s, %(consumption)s,
                %(cumulative)s, %(reverses)s, %(at)s, %(reported_by)s)
        returning id, order_report_no
        """,
        {name: getattr(report, name) for name in Report.__slots__}
        | {
            "at": at,
            "consumption": Jsonb(plain([_used(used) for used in report.consumption])),
            "cumulative": Jsonb(cumulative),
        },
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _used(used: Used) -> dict[str, Any]:
    return {"item": used.item, "location": used.location, "unit": used.unit, "quantity": used.quantity}


def number_report(conn: Connection, report_id: int, *, event_id: int, consumption: Sequence[Used]) -> None:
    """Tie a report to the event that told it, so that a stock statement's `applied_through` can be understood."""
    conn.execute(
        "update production_report set event_id = %(event_id)s where id = %(id)s",
        {"id": report_id, "event_id": event_id},
    )
    conn.execute(
        """
        insert into reported_use (report_id, event_id, item, location, quantity)
        select %(id)s, %(event_id)s, * from unnest(%(item)s::text[], %(location)s::text[], %(quantity)s::numeric[])
        """,
        {
            "id": report_id,
            "event_id": event_id,
            "item": [used.item for used in consumption],
            "location": [used.location for used in consumption],
            "quantity": [used.quantity for used in consumption],
        },
    )


@dataclass(frozen=True, slots=True)
class Made:
    """What a job made in a shift, and what is known of its confirmation.

    `confirmed_at`, `finished_at`: the last instants said; `ran_on`: pieces were still being made when it was confirmed.
    """

    job_id: int
    order_id: int
    operation_seq: int
    line: str
    shift_day: date
    shift: str
    good: int
    reject: int
    rework: int
    scrap: int
    first_at: datetime | None
    last_at: datetime | None
    confirmed_at: datetime | None
    confirmed_by: str | None
    finished_at: datetime | None
    ran_on: bool


def load_made(conn: Connection, order_ids: Sequence[int]) -> list[Made]:
    """What the jobs of orders made, shift by shift: good where pieces leave the line, rejects of all its stations."""
    with conn.cursor(row_factory=class_row(Made)) as cur:
        return cur.execute(
            """
            select c.job_id, c.order_id, c.operation_seq, c.line, c.shift_day, c.shift, c.good, c.reject, c.rework,
                   c.scrap, c.first_at, c.last_at, confirmed.at as confirmed_at, confirmed.by as confirmed_by,
                   finished.at as finished_at,
                   exists (select from job_span s where s.job_id = c.job_id and s.from_at <= confirmed.at
                           and coalesce(s.to_at, 'infinity') > confirmed.at) as ran_on
            from (
                select job_id, order_id, operation_seq, line, shift_day, shift,
                       coalesce(sum(good) filter (where leaves and phase in ('production', 'first_article')), 0)::int8
                           as good,
                       coalesce(sum(reject) filter (where phase in ('production', 'first_article')), 0)::int8
                           as reject,
                       (coalesce(sum(good) filter (where leaves and phase = 'rework'), 0) + sum(rework))::int8
                           as rework,
                       sum(scrap)::int8 as scrap, min(first_at) as first_at, max(last_at) as last_at
                from shift_count where order_id = any(%(ids)s) and job_id <> 0
                group by job_id, order_id, operation_seq, line, shift_day, shift
            ) c
            left join lateral (
                select e.effective_at as at, e.entered_by as by from entry e
                where e.job_id = c.job_id and e.kind = 'confirm'
                  and not exists (select from entry r where r.reverses = e.id)
                order by e.effective_at desc, e.id desc limit 1
            ) confirmed on true
            left join lateral (
                select max(e.effective_at) as at from entry e
                where e.job_id = c.job_id and e.kind = 'mark' and e.mark = 'finish'
                  and not exists (select from entry r where r.reverses = e.id)
            ) finished on true
            order by c.order_id, c.job_id, c.shift_day, c.shift
            """,
            {"ids": list(order_ids)},
        ).fetchall()


class Part(NamedTuple):
    """What a job made in a shift before an instant."""

    good: int
    reject: int
    rework: int
    scrap: int


def load_part(conn: Connection, made: Made, before: datetime) -> tuple[Part, list[Used]]:
    """What a job made and used in a shift in the minutes before an instant."""
    key = {
        "job": made.job_id, "day": made.shift_day, "shift": made.shift, "from_at": made.first_at, "before": before,
    }  # fmt: skip
    row = conn.execute(
        """
        select coalesce(sum(m.good) filter (where c.leaves and m.phase in ('production', 'first_article')), 0)::int8,
               coalesce(sum(m.reject) filter (where m.phase in ('production', 'first_article')), 0)::int8,
               (coalesce(sum(m.good) filter (where c.leaves and m.phase = 'rework'), 0)
                + coalesce(sum(m.rework), 0))::int8,
               coalesce(sum(m.scrap), 0)::int8
        from shift_count c
        join minute_count m on m.station = c.station and m.job_id = c.job_id and m.phase = c.phase
                           and m.minute >= %(from_at)s and m.minute < %(before)s
        where (c.job_id, c.shift_day, c.shift) = (%(job)s, %(day)s, %(shift)s)
        """,
        key,
    ).fetchone()
    assert row is not None
    used = conn.execute(
        """
        select c.item, c.location, i.unit, sum(round(c.quantity / c.pieces * m.entered, 6))
        from consumption c
        join item i on i.code = c.item
        cross join lateral (
            select coalesce(sum(entered), 0) as entered from minute_count
            where station = c.station and job_id = c.job_id and minute >= %(from_at)s and minute < %(before)s
        ) m
        where (c.job_id, c.shift_day, c.shift) = (%(job)s, %(day)s, %(shift)s)
        group by c.item, c.location, i.unit having sum(m.entered) <> 0 order by c.item, c.location
        """,
        key,
    )
    return Part(*row), [Used(*one) for one in used]


def load_used(conn: Connection, job_ids: Sequence[int]) -> dict[tuple[int, date, str], list[Used]]:
    """What the pieces of jobs used, by (job, shift-day, shift)."""
    found: dict[tuple[int, date, str], list[Used]] = {}
    for job_id, day, shift, item, location, unit, quantity in conn.execute(
        """
        select c.job_id, c.shift_day, c.shift, c.item, c.location, i.unit, sum(c.quantity)
        from consumption c join item i on i.code = c.item
        where c.job_id = any(%(ids)s)
        group by c.job_id, c.shift_day, c.shift, c.item, c.location, i.unit order by c.item, c.location
        """,
        {"ids": list(job_ids)},
    ):
        found.setdefault((job_id, day, shift), []).append(Used(item, location, unit, quantity))
    return found
