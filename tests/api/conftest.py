"""A real server on a database of its own, and callers that speak HTTP to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn

from api import app
from mes.actions import plant
from mes.formats.plant_file import read_plant
from mes.settings import Settings
from tests.api.callers import AT, ITEM, PART, PLANT, RELEASE, Site


@pytest.fixture
def serve(database_url: str) -> Iterator[Callable[..., Site]]:
    """Starts a server with these settings; stopped at the end."""
    running: list[tuple[uvicorn.Server, threading.Thread, Site]] = []

    def start(*, port_of_nothing: bool = False, **settings: Any) -> Site:
        url = "postgresql://nobody@127.0.0.1:1/nothing" if port_of_nothing else database_url
        server = app.server(app.create(Settings(database_url=url, **settings)), host="127.0.0.1", port=0)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        running.append((server, thread, Site(f"http://127.0.0.1:{port}", database_url)))
        return running[-1][2]

    yield start
    for server, thread, site in running:
        site.close()
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def site(serve: Callable[..., Site], database_url: str) -> Site:
    """A running server whose plant is PLANT."""
    with psycopg.connect(database_url) as conn:
        plant.apply(conn, AT, read_plant(PLANT))
    return serve()


@pytest.fixture
def erp(site: Site) -> httpx.Client:
    """The ERP with all that its role may do."""
    return site.with_key("erp")


@pytest.fixture
def known(erp: httpx.Client) -> httpx.Client:
    """The ERP, after it sent item AC, its part SCR and revision A."""
    for path, body in (("/items/AC", ITEM), ("/items/SCR", PART), ("/releases/AC/A", RELEASE)):
        reply = erp.put(path, json=body)
        assert reply.status_code == 201, reply.text
    return erp
