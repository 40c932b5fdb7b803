"""A real server on a database of its own, for what screens watch through it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from api import app
from mes.actions import plant
from mes.formats.plant_file import read_plant
from mes.settings import Settings
from tests.api.callers import AT, PLANT, Site


@pytest.fixture
def serve(database_url: str) -> Iterator[Callable[..., Site]]:
    """Starts a server with these settings on a plant of two lines; stopped at the end."""
    with psycopg.connect(database_url) as conn:
        plant.apply(conn, AT, read_plant(PLANT))
    endings: list[Callable[[], None]] = []

    def start(**settings: Any) -> Site:
        server = app.server(app.create(Settings(database_url=database_url, **settings)), host="127.0.0.1", port=0)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        site = Site(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", database_url)

        def end() -> None:
            site.close()
            server.should_exit = True
            thread.join(20)

        endings.append(end)
        return site

    yield start
    for end in endings:
        end()


@pytest.fixture
def site(serve: Callable[..., Site]) -> Site:
    """A running server."""
    return serve()
