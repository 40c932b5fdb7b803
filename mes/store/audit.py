"""Who did what. Rows are only added; the sequencer chains them after commit, so that a changed row is found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from mes.domain.exchange import content_sha256, plain
from mes.store.pool import Connection


def insert_audit(
    conn: Connection, *, at: datetime, wall_at: datetime, actor: str, action: str, subject: str, detail: dict[str, Any]
) -> None:
    """Write down one deed."""
    conn.execute(
        """
        insert into audit (at, wall_at, actor, action, subject, detail)
        values (%(at)s, %(wall_at)s, %(actor)s, %(action)s, %(subject)s, %(detail)s)
        """,
        {
            "at": at,
            "wall_at": wall_at,
            "actor": actor,
            "action": action,
            "subject": subject,
            "detail": Jsonb(plain(detail)),
        },
    )


def chain_audit(conn: Connection, *, limit: int = 1000) -> int:
    """Chain committed rows onto the last one: sha256(previous chain || row); how many. Lease holder only."""
    with conn.cursor(row_factory=dict_row) as cur:
        last = cur.execute(
            "select seq, chain_sha256 from audit where seq is not null order by seq desc limit 1"
        ).fetchone()
        rows = cur.execute(
            """
            select id, at, wall_at, actor, action, subject, detail from audit
            where seq is null order by id limit %(limit)s
            """,
            {"limit": limit},
        ).fetchall()
        seq, chain = (last["seq"], last["chain_sha256"]) if last else (0, "")
        for row in rows:
            seq, chain = seq + 1, content_sha256([chain, row])
            cur.execute(
                "update audit set seq = %(seq)s, chain_sha256 = %(chain)s where id = %(id)s",
                {"seq": seq, "chain": chain, "id": row["id"]},
            )
    return len(rows)


@dataclass(frozen=True, slots=True)
class ChainState:
    """The audit trail as it stands: `rows` that hold together, the chain at the last of them, and what breaks it."""

    rows: int
    head: str
    broken: str = ""
    unchained: int = 0


def verify_chain(conn: Connection, *, anchor: str = "") -> ChainState:
    """Recompute the whole chain: a changed, removed, added or reordered row breaks it there.

    `anchor` is a head noted earlier, outside the database: without it a trail cut at its end would hold together.
    """
    chain, rows, anchored = "", 0, not anchor
    with conn.cursor("audit_trail", row_factory=dict_row) as cur:
        cur.execute(
            """
            select id, at, wall_at, actor, action, subject, detail, seq, chain_sha256 from audit
            where seq is not null order by seq
            """
        )
        for row in cur:
            seq, kept = row.pop("seq"), row.pop("chain_sha256")
            if seq != rows + 1:
                return ChainState(rows, chain, f"row {rows + 1} is missing")
            expected = content_sha256([chain, row])
            if kept != expected:
                return ChainState(rows, chain, f"row {seq} was changed ({row['action']} by {row['actor']})")
            chain, rows = expected, seq
            anchored = anchored or chain == anchor
    unchained = conn.execute("select count(*) from audit where seq is null").fetchone()
    broken = "" if anchored else f"the trail does not hold the head {anchor}: it was cut or made anew"
    return ChainState(rows, chain, broken, int(unchained[0]) if unchained else 0)
