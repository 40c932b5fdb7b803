"""Samples as heard, and the quarantine of what was not admitted. Who hears them is `mes.store.source`.

A sample becomes bytes once (`row`): a row of PostgreSQL's binary COPY. The same bytes go to the spool and to the
database, so that draining a spool decodes nothing. `store_batch` copies them into a staging table of the session and
inserts what is not there yet: storing the same sample again changes nothing.

Instants in this file's rows are integers, microseconds since 1970 UTC, in plant time.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from weakref import WeakSet

from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from mes.domain.sample import INT8_MAX, INT8_MIN, Sample, word_crc
from mes.domain.signal import Value
from mes.store.bell import ring
from mes.store.pool import Connection
from mes.store.touched import touch

ROW_FORM = 1
"""Raised when `row` changes, so that a spool written by an older version is not misread."""
_EPOCH_2000 = 946_684_800_000_000
_EPOCH_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TAIL = b"\xff\xff"

# tag_id, at, h, num, int, txt, quality, source_at, server_at, received_at; -1 is null
_HEAD = "!hiiiqiI"
_INT8 = struct.Struct(_HEAD + "iiqiihiqiiq").pack
_INT8_SERVER = struct.Struct(_HEAD + "iiqiihiqiqiq").pack
_FLOAT8 = struct.Struct(_HEAD + "idiiihiqiiq").pack
_FLOAT8_SERVER = struct.Struct(_HEAD + "idiiihiqiqiq").pack
_START = struct.Struct(_HEAD).pack
_TIME = struct.Struct("!iq").pack
_QUALITY = struct.Struct("!ih").pack
_NULL = b"\xff\xff\xff\xff"
_NUMBERS = (int, float)


def row(  # noqa: PLR0917  once a sample: keywords would cost a fifth
    tag_id: int,
    at: int,
    value: Value,
    quality: int,
    identity: int | None,
    source_at: int | None,
    server_at: int | None,
    received_at: int,
) -> bytes:
    """One sample as a row of binary COPY. Raises `struct.error` for an instant PostgreSQL cannot hold."""
    h, at, received = word_crc(value, quality, identity), at - _EPOCH_2000, received_at - _EPOCH_2000
    if source_at is not None and isinstance(value, _NUMBERS):
        said = source_at - _EPOCH_2000
        is_whole = isinstance(value, int)
        try:
            if server_at is None:
                if is_whole:
                    return _INT8(10, 4, tag_id, 8, at, 4, h, -1, 8, value, -1, 2, quality, 8, said, -1, 8, received)
                return _FLOAT8(10, 4, tag_id, 8, at, 4, h, 8, value, -1, -1, 2, quality, 8, said, -1, 8, received)
            sent = server_at - _EPOCH_2000
            if is_whole:
                return _INT8_SERVER(
                    10, 4, tag_id, 8, at, 4, h, -1, 8, value, -1, 2, quality, 8, said, 8, sent, 8, received
                )
            return _FLOAT8_SERVER(
                10, 4, tag_id, 8, at, 4, h, 8, value, -1, -1, 2, quality, 8, said, 8, sent, 8, received
            )
        except struct.error:
            pass  # beyond int8, or no instant at all: the long way tells them apart
    times = (_NULL if t is None else _TIME(8, t - _EPOCH_2000) for t in (source_at, server_at))
    start = _START(10, 4, tag_id, 8, at, 4, h)
    return b"".join((start, _word(value), _QUALITY(2, quality), *times, _TIME(8, received)))


def _word(value: Value) -> bytes:
    """The columns num, int, txt. A whole number beyond int8 is kept as text: exactly what the device said."""
    if value is None:
        return _NULL * 3
    if isinstance(value, float):
        return struct.pack("!id", 8, value) + _NULL * 2
    if isinstance(value, int) and INT8_MIN <= value <= INT8_MAX:
        return _NULL + struct.pack("!iq", 8, value) + _NULL
    text = str(value).encode()
    return _NULL * 2 + struct.pack("!i", len(text)) + text


def row_of(sample: Sample, *, received_at: datetime) -> bytes:
    """A sample as a row."""
    source_at, server_at = (None if t is None else micros(t) for t in (sample.source_at, sample.server_at))
    at, received = micros(sample.at), micros(received_at)
    return row(sample.tag_id, at, sample.value, sample.quality, sample.identity, source_at, server_at, received)


def split_rows(packed: bytes) -> list[bytes]:
    """The rows that were joined into `packed`."""
    rows: list[bytes] = []
    start = end = 0
    while end < len(packed):
        columns = int.from_bytes(packed[end : end + 2])
        end += 2
        for _ in range(columns):
            end += 4 + max(0, int.from_bytes(packed[end : end + 4], signed=True))
        rows.append(packed[start:end])
        start = end
    return rows


def micros(at: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (at - _EPOCH_1970) // timedelta(microseconds=1)


def instant(at: int) -> datetime:
    """The instant of `micros`. Raises OverflowError beyond the year 9999."""
    return _EPOCH_1970 + timedelta(microseconds=at)


# --- batches


@dataclass(slots=True)
class Rows:
    """Samples on their way into the database; `pulses` have a sequence but no time: (tag, sequence, row)."""

    signals: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    pulses: list[tuple[int, int, bytes]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.signals) + len(self.values) + len(self.pulses)


@dataclass(frozen=True, slots=True)
class Stored:
    """What of a batch was new, and how many rows of which tag were there already (true of a transaction's first)."""

    signals: int = 0
    values: int = 0
    machines: tuple[str, ...] = ()
    repeated: Mapping[int, int] = field(default_factory=dict)


_staged: WeakSet[Connection] = WeakSet()


def make_staging(conn: Connection) -> None:
    """The session's tables that batches are copied into, if they are not there yet."""
    for table in ("signal", "value"):
        name, like = sql.Identifier(f"staged_{table}"), sql.Identifier(f"{table}_sample")
        conn.execute(sql.SQL("create temp table if not exists {} (like {}) on commit delete rows").format(name, like))


def keep_staging(conn: Connection, *, idle_ms_max: int, statement_ms_max: int) -> None:
    """Make them once for a connection that stores many batches. Commits.

    The server drops the connection when it stands still within a transaction for longer than `idle_ms_max`, so that a
    stalled writer holds nobody up. It ends a statement after `statement_ms_max`, and soon when nobody waits for it any
    longer: a writer that was cut off must not leave an insert behind that goes on holding its rows.
    """
    conn.execute(
        """
        select set_config('client_min_messages', 'warning', false),
               set_config('idle_in_transaction_session_timeout', %(idle)s, false),
               set_config('statement_timeout', %(statement)s, false),
               set_config('client_connection_check_interval', '2000', false)
        """,
        {"idle": str(idle_ms_max), "statement": str(statement_ms_max)},
    )
    make_staging(conn)
    conn.commit()
    _staged.add(conn)


def store_batch(conn: Connection, rows: Rows, *, by_tag: bool = True) -> Stored:
    """Store what is not there yet, say which machines have to be booked again, and ring.

    Without `by_tag` it is not said which process values were repeated: a tenth less work for the database.
    """
    repeated: Counter[int] = Counter()
    pulses = _new_pulses(conn, rows.pulses, repeated) if rows.pulses else []
    new = _store_signals(conn, [*rows.signals, *pulses], repeated) if rows.signals or pulses else []
    values = _store_values(conn, rows.values, repeated if by_tag else None) if rows.values else 0
    machines = tuple(sorted({address.rpartition("/")[0] for address, _from, _to, _n in new}))
    if machines:
        from_at, to_at = min(span[1] for span in new), max(span[2] for span in new)
        touch(conn, "station", machines, "sample", from_at=from_at, to_at=to_at)
    if new or values:
        ring(conn, "sample")
    return Stored(signals=sum(span[3] for span in new), values=values, machines=machines, repeated=repeated)


def _store_signals(
    conn: Connection, rows: Sequence[bytes], repeated: Counter[int]
) -> list[tuple[str, datetime, datetime, int]]:
    """(address, first, last, how many) of the rows that were new."""
    _stage(conn, "copy staged_signal from stdin (format binary)", rows)
    found = conn.execute(
        """
        with new as (
            insert into signal_sample select * from staged_signal on conflict do nothing returning tag_id, at
        ), heard as (
            select tag_id, count(*) as rows from staged_signal group by tag_id
        ), stored as (
            select tag_id, min(at) as from_at, max(at) as to_at, count(*) as rows from new group by tag_id
        )
        select tag_id, tag.address, from_at, to_at, coalesce(stored.rows, 0), heard.rows - coalesce(stored.rows, 0)
        from heard left join stored using (tag_id) join tag on tag.id = tag_id
        """
    ).fetchall()
    repeated.update({tag_id: again for tag_id, *_, again in found if again})
    return [(address, from_at, to_at, new) for _id, address, from_at, to_at, new, _again in found if new]


def _store_values(conn: Connection, rows: Sequence[bytes], repeated: Counter[int] | None) -> int:
    """How many rows were new. Only tags that said something again come back: mostly none."""
    _stage(conn, "copy staged_value from stdin (format binary)", rows)
    if repeated is None:
        return conn.execute("insert into value_sample select * from staged_value on conflict do nothing").rowcount
    found = conn.execute(
        """
        with new as (
            insert into value_sample select * from staged_value on conflict do nothing returning tag_id
        ), each as (
            select tag_id, 1 as again from staged_value union all select tag_id, -1 from new
        )
        select tag_id, sum(again)::int from each group by tag_id having sum(again) > 0
        """
    ).fetchall()
    again: dict[int, int] = dict(found)
    repeated.update(again)
    return len(rows) - sum(again.values())


def _stage(conn: Connection, statement: LiteralString, rows: Sequence[bytes]) -> None:
    if conn not in _staged:
        make_staging(conn)
    with conn.cursor() as cur, cur.copy(statement) as copy:
        copy.write(b"".join((_COPY_HEAD, *rows, _COPY_TAIL)))


def _new_pulses(conn: Connection, pulses: Sequence[tuple[int, int, bytes]], repeated: Counter[int]) -> list[bytes]:
    """The pulses above the last sequence stored of their tag, which is moved on in this transaction."""
    tags = sorted({tag_id for tag_id, _sequence, _row in pulses})
    query = "select tag_id, sequence from pulse_sequence where tag_id = any(%(tags)s) order by tag_id for update"
    last: dict[int, int] = dict(conn.execute(query, {"tags": tags}).fetchall())
    new: list[bytes] = []
    for tag_id, sequence, packed in sorted(pulses):
        if sequence > last.get(tag_id, INT8_MIN):
            last[tag_id] = sequence
            new.append(packed)
        else:
            repeated[tag_id] += 1
    conn.cursor().executemany(
        """
        insert into pulse_sequence (tag_id, sequence) values (%(tag_id)s, %(sequence)s)
        on conflict (tag_id) do update set sequence = greatest(pulse_sequence.sequence, excluded.sequence)
        """,
        [{"tag_id": tag_id, "sequence": last[tag_id]} for tag_id in tags],
    )
    return new


# --- quarantine


@dataclass(frozen=True, slots=True)
class SetAside:
    """What was not admitted, and why; `sample` (address, at, value, quality) when it may be released as it is."""

    source: str
    received_at: datetime
    why: str
    detail: str
    address: str = ""
    payload: bytes = b""
    sample: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row of the quarantine."""

    id: int
    source: str
    received_at: datetime
    why: str
    detail: str
    address: str
    payload: bytes
    sample: dict[str, Any] | None
    released_at: datetime | None
    released_by: str | None


def insert_quarantine(conn: Connection, things: Iterable[SetAside], *, once: bool = False) -> None:
    """Set things aside where people see them. `once`: not what the same source said already, word for word."""
    conn.cursor().executemany(
        """
        insert into quarantine (source, received_at, why, detail, address, payload, sample)
        select %(source)s, %(received_at)s, %(why)s, %(detail)s, %(address)s, %(payload)s, %(sample)s
        where not %(once)s or not exists (
            select from quarantine
            where source = %(source)s and address = %(address)s and why = %(why)s and payload = %(payload)s)
        """,
        [
            {
                "source": thing.source,
                "received_at": thing.received_at,
                "why": thing.why,
                "detail": thing.detail,
                "address": thing.address,
                "payload": thing.payload,
                "sample": None if thing.sample is None else Jsonb(thing.sample),
                "once": once,
            }
            for thing in things
        ],
    )


def lock_quarantined(conn: Connection, number: int) -> Quarantined | None:
    """One row, held until the transaction ends."""
    with conn.cursor(row_factory=class_row(Quarantined)) as cur:
        return cur.execute(
            """
            select id, source, received_at, why, detail, address, payload, sample, released_at, released_by
            from quarantine where id = %(id)s for update
            """,
            {"id": number},
        ).fetchone()


def mark_released(conn: Connection, number: int, *, at: datetime, by: str) -> None:
    """Say that the sample was let in after all."""
    conn.execute(
        "update quarantine set released_at = %(at)s, released_by = %(by)s where id = %(id)s",
        {"id": number, "at": at, "by": by},
    )


def is_durable(conn: Connection) -> bool:
    """Whether a commit of this server survives a power cut; a server of our tests says of itself that it need not."""
    fsync, profile = conn.execute(
        "select current_setting('fsync'), coalesce(current_setting('takt.profile', true), '')"
    ).fetchone() or ("off", "")
    return bool(fsync == "on" or profile == "fast")


def data_folders(conn: Connection) -> list[str]:
    """Where this server keeps its data, on its own machine; nothing when we may not know or it is another machine."""
    found = conn.execute(
        """
        select current_setting('data_directory', true)
        where pg_has_role('pg_read_all_settings', 'usage')
          and coalesce(host(inet_server_addr()), '127.0.0.1') in ('127.0.0.1', '::1')
        """
    ).fetchall()
    return [folder for (folder,) in found if folder]
