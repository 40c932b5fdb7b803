"""What people on the floor said: entries and andon calls. Append-only; a call is taken and resolved once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from mes.domain.exchange import plain
from mes.errors import ConflictError
from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry as it is kept."""

    client_id: UUID
    kind: str
    mark: str | None
    line: str
    station: str | None
    machine: str | None
    job_id: int | None
    phase: str | None
    effective_at: datetime
    from_at: datetime | None
    quantity: Decimal | None
    reason: str | None
    serial: str | None
    reverses: int | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class JobHead:
    """What an entry needs to know of a job: where it runs and how its order stands."""

    id: int
    line: str
    order_id: int
    order_subject: str
    order_status: str
    withdrawn_at: datetime | None


def insert_entry(
    conn: Connection, entry: EntryRow, *, timed: bool, entered_at: datetime, entered_by: str
) -> int | None:
    """Add an entry; its id, None when this client id was heard before.

    `timed`: its instant was said and not taken from the clock. Raises ConflictError if the id said otherwise before.
    """
    row = conn.execute(
        """
        insert into entry (client_id, kind, mark, line, station, machine, job_id, phase, effective_at, from_at,
                           quantity, reason, serial, reverses, detail, entered_at, entered_by)
        values (%(client_id)s, %(kind)s, %(mark)s, %(line)s, %(station)s, %(machine)s, %(job_id)s, %(phase)s,
                %(effective_at)s, %(from_at)s, %(quantity)s, %(reason)s, %(serial)s, %(reverses)s, %(detail)s,
                %(entered_at)s, %(entered_by)s)
        on conflict (client_id) do nothing returning id
        """,
        asdict(entry) | {"detail": Jsonb(plain(entry.detail)), "entered_at": entered_at, "entered_by": entered_by},
    ).fetchone()
    if row is not None:
        return int(row[0])
    known = find_entry(conn, client_id=entry.client_id)
    if known is None or not _says_the_same(known, entry, timed=timed):
        raise ConflictError("This client_id was used for another entry", code="client_id_reused")
    return None


def _says_the_same(known: EntryRow, entry: EntryRow, *, timed: bool) -> bool:
    if timed and (known.effective_at, known.from_at) != (entry.effective_at, entry.from_at):
        return False
    return known == replace(entry, effective_at=known.effective_at, from_at=known.from_at)


def find_entry(conn: Connection, *, entry_id: int | None = None, client_id: UUID | None = None) -> EntryRow | None:
    """One entry, by our number or the sender's."""
    with conn.cursor(row_factory=class_row(EntryRow)) as cur:
        return cur.execute(
            """
            select client_id, kind, mark, line, station, machine, job_id, phase, effective_at, from_at, quantity,
                   reason, serial, reverses, detail
            from entry where id = %(id)s or client_id = %(client_id)s
            """,
            {"id": entry_id, "client_id": client_id},
        ).fetchone()


def entry_id(conn: Connection, client_id: UUID) -> int | None:
    """The id of the entry with this client id."""
    row = conn.execute("select id from entry where client_id = %(id)s", {"id": client_id}).fetchone()
    return None if row is None else int(row[0])


def reversed_by(conn: Connection, reverses: int) -> int | None:
    """The entry that takes back another one, if it was taken back; the reversed one is held until the end."""
    conn.execute("select from entry where id = %(id)s for update", {"id": reverses})
    row = conn.execute("select id from entry where reverses = %(id)s", {"id": reverses}).fetchone()
    return None if row is None else int(row[0])


def load_job(conn: Connection, job_id: int) -> JobHead | None:
    """One job."""
    with conn.cursor(row_factory=class_row(JobHead)) as cur:
        return cur.execute(
            """
            select j.id, j.line, j.order_id, o.system || '/' || o.number as order_subject, o.status as order_status,
                   j.withdrawn_at
            from job j join production_order o on o.id = j.order_id where j.id = %(id)s
            """,
            {"id": job_id},
        ).fetchone()


# ------------------------------------------------------------------ andon
@dataclass(frozen=True, slots=True)
class AndonCall:
    """A call for help and how it stands."""

    id: int
    client_id: UUID
    line: str
    station: str | None
    machine: str | None
    kind: str
    note: str
    raised_at: datetime
    raised_by: str
    level: int
    escalated_at: datetime | None
    taken_at: datetime | None
    taken_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None


def insert_call(
    conn: Connection,
    *,
    client_id: UUID,
    line: str,
    station: str | None,
    machine: str | None,
    kind: str,
    note: str,
    at: datetime,
    by: str,
) -> int | None:
    """Raise a call; its id, None when this client id was heard before."""
    row = conn.execute(
        """
        insert into andon_call (client_id, line, station, machine, kind, note, raised_at, raised_by)
        values (%(client_id)s, %(line)s, %(station)s, %(machine)s, %(kind)s, %(note)s, %(at)s, %(by)s)
        on conflict (client_id) do nothing returning id
        """,
        {
            "client_id": client_id,
            "line": line,
            "station": station,
            "machine": machine,
            "kind": kind,
            "note": note,
            "at": at,
            "by": by,
        },
    ).fetchone()
    return None if row is None else int(row[0])


def find_call(conn: Connection, *, call_id: int | None = None, client_id: UUID | None = None) -> AndonCall | None:
    """One call, held until the transaction ends."""
    with conn.cursor(row_factory=class_row(AndonCall)) as cur:
        return cur.execute(
            """
            select id, client_id, line, station, machine, kind, note, raised_at, raised_by, level, escalated_at,
                   taken_at, taken_by, resolved_at, resolved_by
            from andon_call where id = %(id)s or client_id = %(client_id)s for update
            """,
            {"id": call_id, "client_id": client_id},
        ).fetchone()


def take_call(conn: Connection, call_id: int, *, at: datetime, by: str) -> None:
    """Somebody comes."""
    conn.execute(
        "update andon_call set taken_at = %(at)s, taken_by = %(by)s where id = %(id)s",
        {"at": at, "by": by, "id": call_id},
    )


def resolve_call(conn: Connection, call_id: int, *, at: datetime, by: str) -> None:
    """The trouble is over."""
    conn.execute(
        "update andon_call set resolved_at = %(at)s, resolved_by = %(by)s where id = %(id)s",
        {"at": at, "by": by, "id": call_id},
    )


def escalate_call(conn: Connection, call_id: int, *, level: int, at: datetime) -> None:
    """Nobody came: the call climbs."""
    conn.execute(
        "update andon_call set level = %(level)s, escalated_at = %(at)s where id = %(id)s",
        {"level": level, "at": at, "id": call_id},
    )


def untaken_calls(conn: Connection) -> list[AndonCall]:
    """Open calls nobody has taken, oldest first, held until the transaction ends."""
    with conn.cursor(row_factory=class_row(AndonCall)) as cur:
        return cur.execute(
            """
            select id, client_id, line, station, machine, kind, note, raised_at, raised_by, level, escalated_at,
                   taken_at, taken_by, resolved_at, resolved_by
            from andon_call where resolved_at is null and taken_at is null order by raised_at, id
            for update skip locked
            """
        ).fetchall()


class StandingFault(NamedTuple):
    """A machine stands in fault since an instant."""

    machine: str
    since: datetime
    stop_code: str


def standing_faults(conn: Connection, machines: Sequence[str]) -> list[StandingFault]:
    """Machines that stand in fault now, by a fault of their own."""
    rows = conn.execute(
        """
        select s.scope, s.from_at, s.stop_code
        from unnest(%(machines)s::text[]) as w (machine)
        cross join lateral (
            select scope, from_at, to_at, state, stop_code, root_machine from stop where scope = w.machine
            order by from_at desc limit 1) s
        where s.to_at is null and s.state = 'fault' and s.root_machine = s.scope
        """,
        {"machines": list(machines)},
    ).fetchall()
    return [StandingFault(*row) for row in rows]


def calls_of_machines_that_run(conn: Connection) -> list[int]:
    """Open calls that machines raised themselves and that run again."""
    rows = conn.execute(
        """
        select c.id from andon_call c
        cross join lateral (
            select state from state_span where machine = c.machine order by from_at desc limit 1) s
        where c.resolved_at is null and c.raised_by = 'device:' || c.machine and s.state = 'running'
        order by c.id
        """
    ).fetchall()
    return [number for (number,) in rows]
