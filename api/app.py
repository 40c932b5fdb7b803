"""The api, assembled: rooms' routes behind one guard, failures in one form, the screens beside it.

api.app.create(settings)      the application, for a server or a test
api.app.main(settings)        serve it until SIGTERM, then finish what is under way within 5 s
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import APIRouter, FastAPI

from api import contract, errors, health, metrics
from api.deps import CONNECTION_S_MAX, CONNECTIONS_MAX, CONNECTIONS_SPARE, House
from api.export import Export
from api.limits import Headers
from api.live import stream, wire
from api.routes import (
    access,
    exchange,
    floor,
    kpi,
    material,
    order,
    plan,
    plant,
    product,
    sales_order,
    sample,
    session,
    shift,
    tracking,
    why,
)
from api.security.guard import Doorkeeper
from api.wire import RawPath
from dashboards.serve import mount as mount_screens
from mes.settings import Settings
from mes.store.pool import open_pool

PREFIX = "/api/v1"
DRAIN_S = 5
KEEP_ALIVE_S = 30

ROUTERS: tuple[APIRouter, ...] = (
    plant.router,
    product.router,
    order.router,
    sales_order.router,
    plan.router,
    floor.router,
    tracking.router,
    shift.router,
    kpi.router,
    why.router,
    sample.router,
    material.router,
    exchange.router,
    stream.router,
    session.router,
    access.router,
    health.router,
    metrics.router,
    contract.router,
)


def create(settings: Settings) -> FastAPI:
    """The application. The database may be away when it starts; it answers 503 until it is there."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        pool = open_pool(settings.database_url, name="takt api", size_max=CONNECTIONS_MAX + CONNECTIONS_SPARE)
        pool.timeout = CONNECTION_S_MAX
        app.state.house = House(
            settings, pool, Doorkeeper(pool, visitor=settings.demo), leaving=lambda: bool(app.state.leaving())
        )
        app.state.hub = stream.open_hub(settings, pool, app.state.leaving)
        app.state.hub.start()
        try:
            yield
        finally:
            await app.state.hub.stop()
            pool.close()

    app = FastAPI(
        title="Takt",
        version="1",
        description="A machine counts a part, and within seconds the plan is right again and the ERP knows why. "
        "Every list also comes as a file: ask with format=csv or format=xlsx.",
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.leaving = lambda: False
    for router in ROUTERS:
        app.router.routes.extend(router.routes)
    if settings.demo:
        app.router.routes.extend(_guide().routes)
    mount_screens(app)
    errors.install(app)
    app.add_middleware(Export, prefix=f"{PREFIX}/")
    app.add_middleware(metrics.Measure)
    app.add_middleware(RawPath, prefix=f"{PREFIX}/")
    app.add_middleware(Headers, prefix=f"{PREFIX}/")
    return app


def _guide() -> APIRouter:
    """The demo's guide; a real plant does not even load it."""
    from api.routes.demo import routes_of_demo

    return routes_of_demo()


def server(app: FastAPI, *, host: str, port: int) -> uvicorn.Server:
    """A server for the application; `run()` serves until `should_exit` or a signal, then drains."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=wire.Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
    )
    serving = uvicorn.Server(config)
    app.state.leaving = lambda: serving.should_exit
    return serving


def main(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    serving = server(create(settings), host=settings.http_host, port=settings.http_port)

    def leave(*_: object) -> None:
        serving.should_exit = True

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, leave)
    serving.run()
