"""Every route declares who may use it, and every role may do exactly what stands in `permissions.txt`.

`TAKT_UPDATE_EXPECTED=1 pytest tests/house/test_permissions.py` writes the table anew; review it as a diff.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import get_args

import httpx
import psycopg
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.routing import Mount, Route

from api import app as application
from api import limits
from api.deps import Door
from dashboards import serve
from mes.actions import access
from mes.actions.record import Deed
from mes.clock import wall
from mes.domain.access import GRANTABLE, GRANTS, PERSON_ROLES, Grant, Permission, Role
from mes.settings import Settings

EXPECTED = Path(__file__).with_name("permissions.txt")
ROLES: tuple[Role, ...] = get_args(Role)


@pytest.fixture
def app(database_url: str, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The application as it is served, with patience for one who asks a lot."""
    monkeypatch.setitem(limits.BUDGETS, "nobody", limits.BUDGETS["known"])
    return application.create(Settings(database_url=database_url))


def doors(app: FastAPI) -> list[tuple[str, str, str]]:
    """(method, path, permission) of every route."""
    return sorted(
        (method, route.path_format, route.permission)
        for route in app.routes
        if isinstance(route, Door)
        for method in route.methods
    )


def test_every_route_declares_a_permission(app: FastAPI) -> None:
    """Whatever is no door hands out the built screens, and every door names a permission there is."""
    screens = {*serve.PAGES, "/assets", *(f"/{name}" for name in serve.LOOSE)}
    others = [route for route in app.routes if not isinstance(route, Door)]
    assert [r for r in others if not (isinstance(r, Mount | Route) and r.path in screens)] == []
    assert {permission for _, _, permission in doors(app)} <= set(get_args(Permission))


def test_a_route_without_permission_is_refused() -> None:
    """A route that forgets its permission does not even start."""
    with pytest.raises(TypeError, match="declares no permission"):
        Door("/open", lambda: None)


def test_every_permission_is_granted_and_used(app: FastAPI) -> None:
    """No role grants what is no permission, and nothing is granted to nobody."""
    assert frozenset().union(*GRANTS.values()) == GRANTABLE


@pytest.fixture
def url(app: FastAPI) -> Iterator[str]:
    """Where the application is served."""
    server: uvicorn.Server = application.server(app, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def callers(url: str, database_url: str) -> Iterator[tuple[str, httpx.Client]]:
    """Nobody, and one caller of each role as that role comes in."""
    deed = Deed("test", wall())
    yield "nobody", httpx.Client(base_url=url, trust_env=False, timeout=60)
    for role in ROLES:
        client = httpx.Client(base_url=url, trust_env=False, timeout=60)
        with psycopg.connect(database_url) as conn:
            if role in PERSON_ROLES:
                token = access.add_person(conn, deed, code=role, name=role, grants=(Grant(role),))
            elif role == "kiosk":
                enrolment = access.add_kiosk(conn, deed, code="T", lines=None)
            else:
                client.headers["Authorization"] = f"Bearer {access.add_key(conn, deed, system=role, scopes=[role])}"
        if role in PERSON_ROLES:
            taken = client.post("/api/v1/invitations/accept", json={"token": token, "password": "correct horse 9"})
            assert taken.status_code == 204
        elif role == "kiosk":
            client.post("/api/v1/kiosks/enrol", json={"enrolment": enrolment})
        yield role, client


def may(client: httpx.Client, method: str, path: str) -> bool:
    """Whether a request to a route is let in, whatever becomes of it then. Streams are not waited for."""
    address = re.sub(r"\{[^}]+\}", "1", path)
    with client.stream(method, address, json={} if method in {"POST", "PUT"} else None) as reply:
        assert reply.status_code not in {429, 500, 503}
        return reply.status_code not in {401, 403}


def test_every_role_may_do_exactly_what_is_written(app: FastAPI, url: str, database_url: str) -> None:
    """Role by route, every cell asked over HTTP: the table is what was reviewed."""
    cells: dict[tuple[str, str], str] = {}
    routes = [(method, path) for method, path, _ in doors(app) if path != "/api/v1/logout"]
    for _, client in callers(url, database_url):
        with closing(client):
            for method, path in routes:
                mark = "x" if may(client, method, path) else "."
                cells[method, path] = cells.get((method, path), "") + mark
    head = f"{' '.join(('nobody', *ROLES))}\n"
    table = head + "".join(f"{marks} {method} {path}\n" for (method, path), marks in cells.items())
    if os.environ.get("TAKT_UPDATE_EXPECTED"):
        EXPECTED.write_text(table, "utf-8")
    assert table == EXPECTED.read_text("utf-8")
