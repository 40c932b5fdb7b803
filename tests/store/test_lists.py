"""Lists of spans and stops hold what overlaps a stretch, page by page, whatever lies before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from mes.store.pool import Connection
from mes.store.screens.api_tracking import list_spans, list_stops

BEGIN = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
SCOPES = {"A1": "A", "A2": "A", "A": "A", "B1": "B", "B2": "B"}
Key = tuple[str, datetime]
Row = tuple[str, datetime, datetime | None]


def at(minute: int) -> datetime:
    return BEGIN + timedelta(minutes=minute)


@pytest.fixture
def rows(conn: Connection) -> list[Row]:
    """Hours of spans, one after another with holes; the last of some lasts. Stops are the same stretches."""
    random, made = Random(5), list[Row]()
    for scope in SCOPES:
        minute = random.randrange(30)
        while minute < 600:
            length = random.randrange(1, 90)
            made.append((scope, at(minute), at(minute + length)))
            minute += length + random.choice([0, 0, 7])
        if scope != "A2":
            made[-1] = (*made[-1][:2], None)
    conn.cursor().executemany(
        """
        insert into state_span (machine, from_at, to_at, state, cause, stop_code, job_id, order_id, phase, shift)
        values (%s, %s, %s, 'idle', '', '', 0, 0, '', '')
        """,
        made,
    )
    conn.cursor().executemany(
        """
        insert into stop (line, scope, from_at, to_at, machine, root_machine, state, cause, stop_code, reason,
                          reason_by, micro, job_id, shift)
        values (%s, %s, %s, %s, '', '', 'idle', '', '', %s, '', false, 0, '')
        """,
        [(SCOPES[scope], scope, a, b, "R1" if a.minute % 2 else "") for scope, a, b in made],
    )
    return made


STRETCHES = [(-60, 5), (0, 30), (61, 62), (200, 320), (599, 800), (900, 960), (0, 1000)]


@pytest.mark.parametrize("stretch", STRETCHES)
def test_spans_of_machines_that_overlap_a_stretch_come_page_by_page(
    conn: Connection, rows: list[Row], stretch: tuple[int, int]
) -> None:
    """What lasts as the stretch begins is the first of its machine; a page goes on where the one before ended."""
    wanted = ["A1", "B2", "C9"]

    def page(after: Key | None) -> list[Key]:
        found = list_spans(conn, machines=wanted, from_at=at(stretch[0]), to_at=at(stretch[1]), after=after, limit=3)
        return [(row.machine, row.from_at) for row in found]

    assert list(_all(page)) == _overlapping(rows, stretch, wanted)


@pytest.mark.parametrize("stretch", STRETCHES)
@pytest.mark.parametrize(
    ("asked", "scopes"),
    [
        ({}, list(SCOPES)),
        ({"scope": "A"}, ["A"]),
        ({"scope": "C9"}, []),
        ({"line": "B"}, ["B1", "B2"]),
        ({"lines": {"A"}}, ["A1", "A2", "A"]),
        ({"unexplained": True}, list(SCOPES)),
    ],
)
def test_stops_that_overlap_a_stretch_come_page_by_page(
    conn: Connection, rows: list[Row], stretch: tuple[int, int], asked: dict[str, Any], scopes: Sequence[str]
) -> None:
    """Of one scope, of a line, of some lines, or of all; only those nobody explained, where that is asked."""

    def page(after: Key | None) -> list[Key]:
        found = list_stops(
            conn,
            **{"scope": None, "line": None, "lines": None} | asked,
            from_at=at(stretch[0]),
            to_at=at(stretch[1]),
            after=after,
            limit=3,
        )
        return [(row.scope, row.from_at) for row in found]

    known = [row for row in rows if not asked.get("unexplained") or row[1].minute % 2 == 0]
    assert list(_all(page)) == _overlapping(known, stretch, scopes)


def _all(page: Callable[[Key | None], list[Key]]) -> Iterator[Key]:
    found = page(None)
    while found:
        yield from found
        found = page(found[-1])


def _overlapping(rows: list[Row], stretch: tuple[int, int], scopes: Sequence[str]) -> list[Key]:
    begin, end = at(stretch[0]), at(stretch[1])
    return sorted((scope, a) for scope, a, b in rows if scope in scopes and a < end and (b is None or b > begin))
