"""Plan runs, plans and the jobs they become.

A run is claimed with a short lease that runs on the database's machine time; `not_before` is plant time. A plan is
written once, whole; afterwards only its state changes. Orders are numbers here and `system/number` above.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from mes.domain.exchange import plain
from mes.domain.plan import PlanBody, RunKind, RunState
from mes.store.house import hold_name
from mes.store.planned import parted
from mes.store.pool import Connection

RUN_LEASE_S = 2.0
RUN_TRIES_MAX = 3
SETTLING_MAX = 10
JOB_LOOKED_AT_DAYS = 14
"""Jobs planned to end longer ago are left as they are."""


# ------------------------------------------------------------------ runs
@dataclass(frozen=True, slots=True)
class PlanRun:
    """A run as it stands; `reasons` and `changes` are documents of `mes.domain.plan`."""

    id: int
    kind: RunKind
    state: RunState
    automatic: bool
    reasons: list[dict[str, Any]]
    base_plan_id: int | None
    changes: list[dict[str, Any]]
    time_limit_s: float | None
    requested_by: str
    requested_at: datetime
    not_before: datetime
    tries: int
    progress: dict[str, Any] | None
    result: dict[str, Any] | None
    plan_id: int | None
    error: str | None
    finished_at: datetime | None


def insert_run(
    conn: Connection,
    *,
    kind: RunKind,
    automatic: bool,
    reasons: Sequence[dict[str, Any]],
    base_plan_id: int | None,
    changes: Sequence[dict[str, Any]],
    time_limit_s: float | None,
    requested_by: str,
    requested_at: datetime,
    not_before: datetime,
    client_id: UUID | None,
    settling: bool = False,
) -> int:
    """Ask for a plan; the run's id. An automatic wish joins the one that waits, a known client_id is that run.

    `settling`: the one that waits waits on until nothing joins it, up to `SETTLING_MAX` times as long.
    """
    row = conn.execute(
        """
        insert into plan_run as r (client_id, kind, automatic, reasons, base_plan_id, changes, time_limit_s,
                                   requested_by, requested_at, not_before)
        select %(client_id)s, %(kind)s, %(automatic)s, %(reasons)s, %(base_plan_id)s, %(changes)s, %(time_limit_s)s,
               %(requested_by)s, %(requested_at)s, %(not_before)s
        where %(client_id)s::uuid is null
           or not exists (select from plan_run where client_id = %(client_id)s)
        on conflict ((true)) where state = 'waiting' and automatic do update
        set reasons = r.reasons || (
                select coalesce(jsonb_agg(fresh), '[]') from jsonb_array_elements(excluded.reasons) fresh
                where not r.reasons @> jsonb_build_array(fresh)),
            changes = r.changes || (
                select coalesce(jsonb_agg(fresh), '[]') from jsonb_array_elements(excluded.changes) fresh
                where not r.changes @> jsonb_build_array(fresh)),
            not_before = case when %(settling)s::bool
                then least(excluded.not_before,
                           r.requested_at + %(settling_max)s::float8 * (excluded.not_before - excluded.requested_at))
                else least(r.not_before, excluded.not_before) end
        returning id
        """,
        {
            "client_id": client_id,
            "kind": kind,
            "automatic": automatic,
            "reasons": Jsonb(list(reasons)),
            "base_plan_id": base_plan_id,
            "changes": Jsonb(list(changes)),
            "time_limit_s": time_limit_s,
            "requested_by": requested_by,
            "requested_at": requested_at,
            "not_before": not_before,
            "settling": settling,
            "settling_max": SETTLING_MAX,
        },
    ).fetchone()
    if row is None:
        row = conn.execute("select id from plan_run where client_id = %(id)s", {"id": client_id}).fetchone()
    assert row is not None
    return int(row[0])


def supersede_runs(conn: Connection, *, kind: RunKind, requested_by: str, before_id: int, at: datetime) -> int:
    """Older runs of that kind by the same person that still wait or run are of no interest any more; how many."""
    return conn.execute(
        """
        update plan_run set state = 'superseded', finished_at = %(at)s
        where state in ('waiting', 'running') and kind = %(kind)s and requested_by = %(requested_by)s
          and not automatic and id < %(before_id)s
        """,
        {"kind": kind, "requested_by": requested_by, "before_id": before_id, "at": at},
    ).rowcount


def withdraw_automatic(conn: Connection, *, at: datetime) -> bool:
    """Take back the automatic wish that waits; False when none does."""
    return bool(
        conn.execute(
            "update plan_run set state = 'superseded', finished_at = %(at)s where state = 'waiting' and automatic",
            {"at": at},
        ).rowcount
    )


def claim_run(
    conn: Connection, owner: str, *, kinds: Sequence[RunKind], plant_now: datetime, run_id: int | None = None
) -> PlanRun | None:
    """Take the next run that is due, interactive ones first, or one whose planner fell silent; None when none is.

    `run_id`: that one or none.
    """
    row = conn.execute(
        """
        update plan_run set state = 'running', tries = tries + 1, claimed_by = %(owner)s,
                            claimed_until = now() + %(lease)s
        where id = (
            select id from plan_run
            where kind = any(%(kinds)s) and id = coalesce(%(run_id)s, id)
              and (state = 'waiting' and not_before <= %(plant_now)s
                   or state = 'running' and claimed_until < now())
            order by kind = 'replan', automatic, id
            limit 1 for update skip locked)
        returning id
        """,
        {
            "owner": owner,
            "kinds": list(kinds),
            "plant_now": plant_now,
            "lease": timedelta(seconds=RUN_LEASE_S),
            "run_id": run_id,
        },
    ).fetchone()
    return None if row is None else load_run(conn, row[0])


def next_due(conn: Connection, *, kinds: Sequence[RunKind]) -> datetime | None:
    """When the next waiting run is due, in plant time; None when none waits."""
    row = conn.execute(
        "select min(not_before) from plan_run where state = 'waiting' and kind = any(%(kinds)s)", {"kinds": list(kinds)}
    ).fetchone()
    return None if row is None else row[0]


def renew_run(conn: Connection, run_id: int, owner: str, *, progress: dict[str, Any] | None) -> bool:
    """Hold on to a claimed run and say how far it is; False when it is no longer ours to work on."""
    return bool(
        conn.execute(
            """
            update plan_run set claimed_until = now() + %(lease)s, progress = coalesce(%(progress)s, progress)
            where id = %(run_id)s and state = 'running' and claimed_by = %(owner)s
            """,
            {
                "lease": timedelta(seconds=RUN_LEASE_S),
                "progress": None if progress is None else Jsonb(progress),
                "run_id": run_id,
                "owner": owner,
            },
        ).rowcount
    )


def finish_run(
    conn: Connection,
    run_id: int,
    owner: str,
    *,
    state: RunState,
    at: datetime,
    plan_id: int | None = None,
    result: dict[str, Any] | None = None,
    error: str | None = None,
) -> bool:
    """End a claimed run; False when it is no longer ours (superseded, or another planner took it over)."""
    return bool(
        conn.execute(
            """
            update plan_run set state = %(state)s, finished_at = %(at)s, plan_id = %(plan_id)s, result = %(result)s,
                                error = %(error)s, claimed_until = null
            where id = %(run_id)s and state = 'running' and claimed_by = %(owner)s
            """,
            {
                "state": state,
                "at": at,
                "plan_id": plan_id,
                "result": None if result is None else Jsonb(result),
                "error": error,
                "run_id": run_id,
                "owner": owner,
            },
        ).rowcount
    )


def load_run(conn: Connection, run_id: int) -> PlanRun | None:
    """A run as it stands."""
    with conn.cursor(row_factory=class_row(PlanRun)) as cur:
        return cur.execute(
            """
            select id, kind, state, automatic, reasons, base_plan_id, changes, time_limit_s, requested_by,
                   requested_at, not_before, tries, progress, result, plan_id, error, finished_at
            from plan_run where id = %(run_id)s
            """,
            {"run_id": run_id},
        ).fetchone()


# ------------------------------------------------------------------ plans
def insert_plan(
    conn: Connection,
    body: PlanBody,
    *,
    run_id: int | None,
    base_plan_id: int | None,
    name: str,
    known_at: datetime,
    created_at: datetime,
) -> int:
    """Store a plan as a proposal, whole; its id. Every order it names must be there, or be a tentative one.

    `known_at`: what stood in the database then is in it; its own `now_at` is the whole minute after.
    """
    placed, tentative = parted(body)
    row = conn.execute(
        """
        insert into plan (run_id, base_plan_id, state, name, known_at, now_at, horizon_end_at, objective, shortages,
                          unplanned, tentative, log, created_at)
        values (%(run_id)s, %(base_plan_id)s, 'proposed', %(name)s, %(known_at)s, %(now_at)s, %(horizon_end_at)s,
                %(objective)s, %(shortages)s, %(unplanned)s, %(tentative)s, %(log)s, %(created_at)s)
        returning id
        """,
        {
            "run_id": run_id,
            "base_plan_id": base_plan_id,
            "name": name,
            "known_at": known_at,
            "now_at": body.now_at,
            "horizon_end_at": body.horizon_end_at,
            "objective": Jsonb(body.objective),
            "shortages": Jsonb(list(body.shortages)),
            "unplanned": Jsonb(list(body.unplanned)),
            "tentative": Jsonb(plain(asdict(tentative))),
            "log": Jsonb(body.log),
            "created_at": created_at,
        },
    ).fetchone()
    assert row is not None
    plan_id = int(row[0])
    _copy_parts(conn, plan_id, placed)
    return plan_id


def _copy_parts(conn: Connection, plan_id: int, body: PlanBody) -> None:
    ids = order_ids(conn, {order.order for order in body.orders})
    _copy(
        conn,
        """copy plan_lot (plan_id, lot_no, order_id, operation_seq, line, quantity, setup_minutes, start_at, end_at,
                          wanted_at, shift_day, shift, pinned) from stdin""",
        ((plan_id, x.lot_no, ids[x.order], x.operation_seq, x.line, x.quantity, x.setup_minutes, x.start_at, x.end_at,
          x.wanted_at, x.shift_day, x.shift, x.pinned) for x in body.lots),
    )  # fmt: skip
    _copy(
        conn,
        """copy plan_line (plan_id, order_id, operation_seq, line, shift_day, shift, sequence, quantity, start_at,
                           end_at, made) from stdin""",
        ((plan_id, ids[x.order], x.operation_seq, x.line, x.shift_day, x.shift, x.sequence, x.quantity, x.start_at,
          x.end_at, x.made) for x in body.lines),
    )  # fmt: skip
    _copy(
        conn,
        """copy plan_order (plan_id, order_id, order_version, completed_at, late_minutes, unplanned_quantity)
           from stdin""",
        ((plan_id, ids[x.order], x.order_version, x.completed_at, x.late_minutes, x.unplanned_quantity)
         for x in body.orders),
    )  # fmt: skip
    numbers: dict[tuple[str, str], int] = {}
    rows = []
    for x in body.reasons:
        no = numbers[x.order, x.kind] = numbers.get((x.order, x.kind), 0) + 1
        rows.append((plan_id, ids[x.order], x.kind, no, x.cause, Jsonb(x.detail), x.minutes))
    _copy(conn, "copy plan_reason (plan_id, order_id, kind, no, cause, detail, minutes) from stdin", rows)


def _copy(conn: Connection, statement: Any, rows: Iterable[Sequence[Any]]) -> None:
    with conn.cursor() as cur, cur.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def order_ids(conn: Connection, subjects: Iterable[str]) -> dict[str, int]:
    """The number of each order `system/number`; those that are not there are left out."""
    pairs = [subject.split("/", 1) for subject in sorted(set(subjects)) if "/" in subject]
    rows = conn.execute(
        """
        select o.system || '/' || o.number, o.id from production_order o
        join unnest(%(systems)s::text[], %(numbers)s::text[]) as w (system, number) using (system, number)
        """,
        {"systems": [pair[0] for pair in pairs], "numbers": [pair[1] for pair in pairs]},
    )
    return {subject: int(order_id) for subject, order_id in rows}


def lock_published(conn: Connection) -> int | None:
    """The published plan's id, or None; nobody else changes which one it is until this transaction ends."""
    hold_name(conn, "published plan")
    return published_id(conn)


def published_id(conn: Connection) -> int | None:
    """The published plan's id, or None."""
    row = conn.execute("select id from plan where state = 'published'").fetchone()
    return None if row is None else int(row[0])


def publish_plan(conn: Connection, plan_id: int, *, at: datetime, by: str, moved_lines: Sequence[str]) -> int:
    """Make a proposal the published plan and give it its number; needs `lock_published`.

    The one before is superseded, and so are proposals that Takt made by itself on the same ground.
    """
    supersede_proposals(conn, but=plan_id)
    conn.execute("update plan set state = 'superseded' where state = 'published'")
    row = conn.execute(
        """
        update plan set state = 'published', published_at = %(at)s, published_by = %(by)s, moved_lines = %(moved)s,
                        version = (select coalesce(max(version), 0) + 1 from plan)
        where id = %(plan_id)s returning version
        """,
        {"plan_id": plan_id, "at": at, "by": by, "moved": list(moved_lines)},
    ).fetchone()
    assert row is not None
    return int(row[0])


def supersede_proposals(conn: Connection, *, but: int) -> int:
    """Proposals that Takt made by itself, but for one, are of no interest any more; how many."""
    return conn.execute(
        """
        update plan p set state = 'superseded' from plan_run r
        where p.state = 'proposed' and p.id <> %(but)s and r.id = p.run_id and r.automatic
        """,
        {"but": but},
    ).rowcount


def discard_plan(conn: Connection, plan_id: int) -> bool:
    """Lay a proposal aside; False when it is none (any more)."""
    return bool(
        conn.execute(
            "update plan set state = 'discarded' where id = %(plan_id)s and state = 'proposed'", {"plan_id": plan_id}
        ).rowcount
    )


_PARTS_GOING: tuple[LiteralString, ...] = (
    "delete from plan_reason where plan_id = any(%(gone)s)",
    "delete from plan_order where plan_id = any(%(gone)s)",
    "delete from plan_line where plan_id = any(%(gone)s)",
    "delete from plan_lot where plan_id = any(%(gone)s)",
    "update plan set base_plan_id = null where base_plan_id = any(%(gone)s)",
    "delete from plan where id = any(%(gone)s)",
)


def drop_plans(conn: Connection, *, proposals_before: datetime, published_before: datetime) -> int:
    """Delete plans made before an instant that were never published, and published ones of before the other.

    The published plan, the one before it and those that jobs were made from stay. How many went.
    """
    rows = conn.execute(
        """
        select id from plan p
        where not exists (select from job where plan_id = p.id)
          and (version is null and created_at < %(proposals_before)s
               or published_at < %(published_before)s and version < (select max(version) - 1 from plan))
        """,
        {"proposals_before": proposals_before, "published_before": published_before},
    )
    gone = [plan_id for (plan_id,) in rows]
    for statement in _PARTS_GOING if gone else ():
        conn.execute(statement, {"gone": gone})
    return len(gone)


# ------------------------------------------------------------------ jobs
@dataclass(frozen=True, slots=True)
class JobChange:
    """What dispatching did to a job: new, changed, withdrawn or taken up again."""

    id: int
    line: str
    what: str


def upsert_jobs(conn: Connection, plan_id: int, *, due_by: dict[str, datetime], at: datetime) -> list[JobChange]:
    """Make jobs of the plan lines that start before their line's instant in `due_by`, and bring known jobs up to date.

    A job is what a line has to make of an order in a shift: several plan lines of one order in one shift are one job.
    Its quantity is what is still to be made and what was made when the plan was reckoned. Ids of what changed.
    """
    with conn.cursor(row_factory=class_row(JobChange)) as cur:
        return cur.execute(
            """
            with wanted as (
                select l.order_id, l.operation_seq, l.line, l.shift_day, l.shift, min(l.sequence) as sequence,
                       sum(l.quantity) + max(l.made) as quantity, min(l.start_at) as start_at, max(l.end_at) as end_at
                from plan_line l where l.plan_id = %(plan_id)s
                group by l.order_id, l.operation_seq, l.line, l.shift_day, l.shift
            ), due as (
                select w.* from wanted w
                left join unnest(%(lines)s::text[], %(due_by)s::timestamptz[]) as d (line, by_at) on d.line = w.line
                where w.start_at < d.by_at
                   or exists (select from job j
                              where (j.order_id, j.operation_seq, j.line, j.shift_day, j.shift)
                                  = (w.order_id, w.operation_seq, w.line, w.shift_day, w.shift))
            )
            insert into job as j (order_id, operation_seq, line, shift_day, shift, sequence, quantity,
                                  planned_start_at, planned_end_at, plan_id, created_at)
            select order_id, operation_seq, line, shift_day, shift, sequence, quantity, start_at, end_at,
                   %(plan_id)s, %(at)s from due
            order by line, shift_day, start_at
            on conflict (order_id, operation_seq, line, shift_day, shift) do update
            set sequence = excluded.sequence, quantity = excluded.quantity,
                planned_start_at = excluded.planned_start_at, planned_end_at = excluded.planned_end_at,
                plan_id = excluded.plan_id, withdrawn_at = null
            where (j.sequence, j.quantity, j.planned_start_at, j.planned_end_at, j.plan_id, j.withdrawn_at)
                  is distinct from (excluded.sequence, excluded.quantity, excluded.planned_start_at,
                                    excluded.planned_end_at, excluded.plan_id, null)
            returning id, line, case when xmax = 0 then 'new' else 'changed' end as what
            """,
            {
                "plan_id": plan_id,
                "lines": list(due_by),
                "due_by": list(due_by.values()),
                "at": at,
            },
        ).fetchall()


def settle_unplanned_jobs(conn: Connection, plan_id: int, *, at: datetime) -> list[JobChange]:
    """Withdraw jobs the plan no longer has and nobody began; take up again withdrawn ones somebody began meanwhile."""
    with conn.cursor(row_factory=class_row(JobChange)) as cur:
        return cur.execute(
            """
            with now_so as (
                select j.id, exists (
                    select from entry e where e.job_id = j.id and e.reverses is null
                      and not exists (select from entry r where r.reverses = e.id)) as begun
                from job j
                where (j.plan_id <> %(plan_id)s or j.withdrawn_at is not null)
                  and j.planned_end_at > %(at)s - %(looked_at)s::interval
            )
            update job j set withdrawn_at = case when n.begun then null else %(at)s end
            from now_so n
            where n.id = j.id and n.begun = (j.withdrawn_at is not null)
            returning j.id, j.line, case when n.begun then 'taken up' else 'withdrawn' end as what
            """,
            {"plan_id": plan_id, "at": at, "looked_at": timedelta(days=JOB_LOOKED_AT_DAYS)},
        ).fetchall()
