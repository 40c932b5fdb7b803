"""Applying plant models, and telling owners of orders what was refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from mes.actions import order, plant
from mes.actions.record import Deed
from mes.errors import Fault, NotFoundError
from mes.formats.plant_file import read_plant

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
DEED = Deed("test", NOW)
TEXT = """
[site]
code = "T1"
name = { zh = "厂", en = "Plant" }
time_zone = "Asia/Shanghai"

[[shift]]
code = "D"
starts_at = "08:00"
ends_at = "20:00"

[[line]]
code = "L1"
name = { zh = "一", en = "One" }
shifts = ["D"]
counts_at = "S1"

[[station]]
code = "S1"
line = "L1"
counts_by = "scan"
"""


def test_a_plant_is_applied_once(conn: psycopg.Connection) -> None:
    """The same model again is no new version; another one is, and has everything booked again from where it begins."""
    first = plant.apply(conn, DEED, read_plant(TEXT), in_force_from=NOW - timedelta(hours=2))
    again = plant.apply(conn, DEED, read_plant(TEXT))
    other = plant.apply(conn, DEED, read_plant(TEXT.replace("08:00", "07:00")), in_force_from=NOW - timedelta(hours=1))
    assert (first.changed, again.changed, other.changed) == (True, False, True)
    assert again.version == first.version
    touched = conn.execute("select from_at, to_at from touched where kind = 'plant' order by id").fetchall()
    assert touched == [(NOW - timedelta(hours=2), NOW), (NOW - timedelta(hours=1), NOW)]


def test_the_plant_is_as_it_was(conn: psycopg.Connection) -> None:
    """At each instant the model is the one that was in force then; before the first there is none."""
    plant.apply(conn, DEED, read_plant(TEXT))
    later = NOW + timedelta(days=1)
    plant.apply(conn, DEED, read_plant(TEXT.replace("08:00", "07:00")), in_force_from=later)
    assert plant.plant_at(conn, NOW).shifts["D"].starts_at == "08:00"
    assert plant.plant_at(conn, later).shifts["D"].starts_at == "07:00"
    assert plant.plant_if_any(conn, NOW - timedelta(seconds=1)) is None
    with pytest.raises(NotFoundError):
        plant.plant_at(conn, NOW - timedelta(seconds=1))


def test_a_refused_order_is_told(conn: psycopg.Connection) -> None:
    """Where nobody waits for the answer, the owner of a refused order hears of it in the feed."""
    order.reject(
        conn, DEED, "erp", "MO-1", why="is not valid", faults=[Fault("/item", "unknown", "there is no item X")]
    )
    told = conn.execute("select type, subject, body -> 'errors' -> 0 ->> 'pointer' from outbox").fetchall()
    assert told == [("mes.order.rejected", "erp/MO-1", "/item")]
