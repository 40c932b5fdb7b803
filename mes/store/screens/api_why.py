"""What the api shows beneath a booked figure: the samples that were heard, the counts by minute, the plan's reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from mes.store.pool import Connection
from mes.store.screens.api_sample import SampleLine

SAMPLES_MAX = 200
MINUTES_MAX = 1500


@dataclass(frozen=True, slots=True)
class MinuteLine:
    """What a station counted in a minute for a job in a phase; `job_id` null: nobody's."""

    minute: datetime
    job_id: int | None
    phase: str
    good: int
    reject: int
    rework: int
    scrap: int
    entered: int
    flags: int


@dataclass(frozen=True, slots=True)
class JobStretch:
    """A station worked for a job from .. to; `to_at` null: it still does."""

    from_at: datetime
    to_at: datetime | None
    job_id: int
    phase: str


@dataclass(frozen=True, slots=True)
class PlanReason:
    """kind cause: why the plan has an order late or short; kind fix: what would mend it, measured."""

    kind: str
    cause: str
    detail: Any
    minutes: int


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """An order as the published plan has it; `completed_at` null: not within the plan."""

    plan_id: int
    plan_version: int
    planned_at: datetime
    order_version: int
    completed_at: datetime | None
    late_minutes: int
    unplanned_quantity: int


def heard_around(conn: Connection, addresses: Sequence[str], from_at: datetime, to_at: datetime) -> list[SampleLine]:
    """Signals of these tags in [from_at, to_at], and of each the last one before: what booking went by.

    At most SAMPLES_MAX, oldest first; `list_samples` has the rest.
    """
    with conn.cursor(row_factory=class_row(SampleLine)) as cur:
        return cur.execute(
            """
            with tags as (select id, address from tag where address = any(%(addresses)s)), found as (
                select t.address, b.* from tags t cross join lateral (
                    select * from signal_sample where tag_id = t.id and at < %(from_at)s
                    order by at desc, h desc limit 1
                ) b
                union all
                select t.address, s.* from tags t join signal_sample s on s.tag_id = t.id
                where s.at between %(from_at)s and %(to_at)s
            )
            select address, at, coalesce(to_jsonb(num), to_jsonb(int), to_jsonb(txt)) as value, quality, source_at,
                   server_at, received_at, h
            from found order by at, address, h limit %(limit)s
            """,
            {"addresses": list(addresses), "from_at": from_at, "to_at": to_at, "limit": SAMPLES_MAX},
        ).fetchall()


def list_minutes(conn: Connection, station: str, from_at: datetime, to_at: datetime) -> list[MinuteLine]:
    """What a station counted, minute by minute, those that begin in [from_at, to_at)."""
    with conn.cursor(row_factory=class_row(MinuteLine)) as cur:
        return cur.execute(
            """
            select minute, nullif(job_id, 0) as job_id, phase, good, reject, rework, scrap, entered, flags
            from minute_count
            where station = %(station)s and minute >= date_trunc('minute', %(from_at)s::timestamptz)
              and minute < %(to_at)s
            order by minute, job_id, phase limit %(limit)s
            """,
            {"station": station, "from_at": from_at, "to_at": to_at, "limit": MINUTES_MAX},
        ).fetchall()


def list_job_stretches(conn: Connection, station: str, from_at: datetime, to_at: datetime) -> list[JobStretch]:
    """For which jobs a station worked in a stretch, by its marks."""
    with conn.cursor(row_factory=class_row(JobStretch)) as cur:
        return cur.execute(
            """
            select from_at, to_at, job_id, phase from job_span
            where station = %(station)s and from_at < %(to_at)s and (to_at is null or to_at > %(from_at)s)
            order by from_at
            """,
            {"station": station, "from_at": from_at, "to_at": to_at},
        ).fetchall()


def find_planned(conn: Connection, order_id: int) -> PlannedOrder | None:
    """What the published plan takes an order to be; None when it does not know it."""
    with conn.cursor(row_factory=class_row(PlannedOrder)) as cur:
        return cur.execute(
            """
            select o.plan_id, p.version as plan_version, p.now_at as planned_at, o.order_version, o.completed_at,
                   o.late_minutes, o.unplanned_quantity
            from plan_order o join plan p on p.id = o.plan_id
            where p.state = 'published' and o.order_id = %(order_id)s
            """,
            {"order_id": order_id},
        ).fetchone()


def list_plan_reasons(conn: Connection, plan_id: int, order_id: int) -> list[PlanReason]:
    """Why a plan has an order late or short, and what would mend it."""
    with conn.cursor(row_factory=class_row(PlanReason)) as cur:
        return cur.execute(
            """
            select kind, cause, detail, minutes from plan_reason
            where plan_id = %(plan_id)s and order_id = %(order_id)s order by kind, no
            """,
            {"plan_id": plan_id, "order_id": order_id},
        ).fetchall()
