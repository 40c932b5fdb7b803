"""A running site as its callers see it, and documents that are in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg

from mes.actions import access
from mes.actions.record import Deed
from mes.clock import wall
from mes.domain.access import Grant

PLANT = """
[site]
code = "T1"
name = { zh = "试验厂", en = "Test plant" }
time_zone = "Asia/Shanghai"

[[shift]]
code = "D"
starts_at = "00:00"
ends_at = "00:00"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

[[line]]
code = "L01"
name = { zh = "一线", en = "Line 1" }
groups = ["assembly"]
shifts = ["D"]
counts_at = "L01-S1"
location = "L01-side"

[[line]]
code = "L02"
name = { zh = "二线", en = "Line 2" }
groups = ["assembly"]
shifts = ["D"]
counts_at = "L02-S1"
location = "L02-side"

[[station]]
code = "L01-S1"
line = "L01"
counts_by = "scan"

[[station]]
code = "L02-S1"
line = "L02"
counts_by = "scan"

[[location]]
code = "WH"
kind = "store"

[[location]]
code = "L01-side"
kind = "line"

[[location]]
code = "L02-side"
kind = "line"

[[resource]]
code = "M1"

[[reason]]
code = "R1"
name = { zh = "缺料", en = "No material" }
kind = "stop"

[[reason]]
code = "S1"
name = { zh = "划伤", en = "Scratch" }
kind = "reject"
"""
AT = Deed("test", datetime(2026, 1, 5, 0, 0, tzinfo=UTC))
ERP = "erp"


@dataclass(frozen=True, slots=True)
class Site:
    """A running server and its database."""

    url: str
    database_url: str
    clients: list[httpx.Client] = field(default_factory=list)

    def caller(self, **headers: str) -> httpx.Client:
        """A client of its own, without cookies of others."""
        self.clients.append(httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, trust_env=False, timeout=60))
        return self.clients[-1]

    def close(self) -> None:
        """Hang up on everybody's behalf."""
        for client in self.clients:
            client.close()

    def with_key(self, *scopes: str, system: str = ERP) -> httpx.Client:
        """A client with a new API key."""
        with psycopg.connect(self.database_url) as conn:
            key = access.add_key(conn, AT, system=system, scopes=scopes)
        return self.caller(authorization=f"Bearer {key}")

    def signed_in(self, code: str, *grants: Grant, password: str = "correct horse 9") -> httpx.Client:
        """A client in which somebody with these roles has signed in."""
        with psycopg.connect(self.database_url) as conn:
            token = access.add_person(conn, AT, code=code, name=code, grants=grants)
        client = self.caller()
        assert client.post("/invitations/accept", json={"token": token, "password": password}).status_code == 204
        return client

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """What stands in the database."""
        with psycopg.connect(self.database_url) as conn:
            return conn.execute(statement, values).fetchall()


ITEM = {"name": {"zh": "空调", "en": "Air conditioner"}, "unit": "pcs", "kind": "product", "family": "AC"}
PART = {
    "name": {"zh": "螺钉", "en": "Screw"}, "unit": "pcs", "kind": "raw", "units": [{"unit": "box", "per_base": "1000"}],
}  # fmt: skip
RELEASE = {
    "bom": [{"line_no": 1, "item": "SCR", "quantity_per": "24", "unit": "pcs", "operation_seq": 10}],
    "routing": [{"seq": 10, "line_group": "assembly", "seconds_per_piece": "50"}],
}


def order(**changes: Any) -> dict[str, Any]:
    """A production order of AC that is in order."""
    due = wall() + timedelta(days=3)
    return {"item": "AC", "revision": "A", "quantity": "500", "unit": "pcs", "due_at": due.isoformat()} | changes


def pointers(reply: httpx.Response) -> list[str]:
    """The fields a problem names."""
    assert reply.headers["content-type"] == "application/problem+json"
    return [error["pointer"] for error in reply.json()["errors"]]


def make_job(site: Site, number: str, *, line: str = "L01", quantity: int = 100) -> int:
    """A job of an order on a line, as publishing a plan leaves it; its id."""
    with psycopg.connect(site.database_url) as conn:
        row = conn.execute(
            """
            with kept as (
                insert into plan (state, known_at, now_at, horizon_end_at, objective, shortages, unplanned, log,
                              created_at)
                values ('superseded', %(at)s, %(at)s, %(at)s, '{}', '[]', '[]', '{}', %(at)s) returning id
            )
            insert into job (order_id, operation_seq, line, shift_day, shift, sequence, quantity, planned_start_at,
                             planned_end_at, plan_id, created_at)
            select o.id, 10, %(line)s, '2026-01-05', 'D', 1, %(quantity)s, %(at)s, %(at)s, kept.id, %(at)s
            from production_order o, kept where o.number = %(number)s returning id
            """,
            {"at": wall(), "line": line, "quantity": quantity, "number": number},
        ).fetchone()
    assert row is not None
    return int(row[0])


def count_pieces(
    site: Site, order_id: int, *, good: int, reject: int = 0, job_id: int = 0, phase: str = "production"
) -> None:
    """Pieces of an order's only operation, as booking leaves them."""
    with psycopg.connect(site.database_url) as conn:
        conn.execute(
            """
            insert into shift_count (station, shift_day, shift, job_id, phase, line, order_id, operation_seq, good,
                                     reject, rework, scrap, entered, enters, leaves)
            values ('L01-S1', '2026-01-05', 'D', %(job_id)s, %(phase)s, 'L01', %(order_id)s, 10, %(good)s,
                    %(reject)s, 0, 0, %(good)s + %(reject)s, true, true)
            """,
            {"job_id": job_id, "order_id": order_id, "good": good, "reject": reject, "phase": phase},
        )
