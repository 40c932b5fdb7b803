"""The small plant of `small_plant.py`, in a database of its own."""

from __future__ import annotations

import psycopg
import pytest

from mes.actions import plant as plants
from tests.planning.small_plant import PLANNER, Site1, line, plant_of


@pytest.fixture
def site(conn: psycopg.Connection) -> Site1:
    """Two assisted lines, two products, nothing ordered."""
    plant = plant_of(line("L01"), line("L02"))
    plants.apply(conn, PLANNER, plant)
    made = Site1(conn, plant)
    made.products()
    return made
