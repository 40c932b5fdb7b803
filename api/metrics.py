"""Figures for Prometheus: requests by route and status, how long they took, who was refused, connections in use."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.deps import Door, Visiting
from api.security.guard import needs, on_this_machine
from mes import clock
from mes.errors import UnauthenticatedError

router = APIRouter(route_class=Door, tags=["operations"])

REGISTRY = CollectorRegistry()
REQUESTS = Counter("takt_http_requests", "Requests answered", ("method", "route", "status"), registry=REGISTRY)
SECONDS = Histogram(
    "takt_http_request_seconds",
    "How long answering took, by route",
    ("method", "route"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
UNDER_WAY = Gauge("takt_http_requests_under_way", "Requests not yet answered", registry=REGISTRY)
CONNECTIONS = Gauge("takt_http_connections", "Database connections of this process", ("state",), registry=REGISTRY)


@router.get("/metrics", response_class=Response, **needs("public", holds="nothing"))
def get_metrics(request: Request, visit: Visiting) -> Response:
    """This process's figures, for whoever may read them and for programs on this machine."""
    if not visit.caller.may("metrics:read") and not on_this_machine(request):
        raise UnauthenticatedError()
    stats = visit.house.pool.get_stats()
    CONNECTIONS.labels("open").set(stats.get("pool_size", 0))
    CONNECTIONS.labels("free").set(stats.get("pool_available", 0))
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


class Measure:
    """Counts every request under the route it was for; unknown addresses share one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        begun = clock.mono()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        UNDER_WAY.inc()
        try:
            await self._app(scope, receive, send_and_note)
        finally:
            UNDER_WAY.dec()
            route = getattr(scope.get("route"), "path_format", "unknown")
            method = scope["method"] if route != "unknown" else "ANY"
            REQUESTS.labels(method, route, str(status)).inc()
            SECONDS.labels(method, route).observe(clock.mono() - begun)
