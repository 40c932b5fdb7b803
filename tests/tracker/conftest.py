"""The scene the tracker's tests play in."""

from __future__ import annotations

import psycopg
import pytest

from tests.tracker.scene import Scene


@pytest.fixture
def scene(conn: psycopg.Connection) -> Scene:
    """A small plant in a fresh database."""
    return Scene(conn)
