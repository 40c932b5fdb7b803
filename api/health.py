"""Whether this process lives, and whether it can do its work."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.deps import Door, House, Visiting
from api.security.guard import needs
from mes.errors import SetupError
from mes.store.pool import AWAY, Connection, ping
from mes.store.schema import require_current

PATIENCE_S = 2.0

router = APIRouter(route_class=Door, tags=["operations"])


class Alive(BaseModel):
    """The process answers."""

    status: str = "ok"


class Readiness(BaseModel):
    """What is needed, and how it is: `ok`, or what is wrong."""

    status: str
    checks: dict[str, str]


@router.get("/health/live", **needs("public", holds="nothing"))
async def get_live() -> Alive:
    """The process lives."""
    return Alive()


@router.get("/health/ready", **needs("public", holds="nothing"))
def get_ready(visit: Visiting, response: Response) -> Readiness:
    """The process can do its work; 503 with what is failing when it cannot."""
    checks = ready(visit.house)
    failing = any(word != "ok" for word in checks.values())
    response.status_code = 503 if failing else 200
    return Readiness(status="failing" if failing else "ok", checks=checks)


def ready(house: House) -> dict[str, str]:
    """Every check with its word."""
    try:
        with house.pool.connection(timeout=PATIENCE_S) as conn:
            ping(conn)
            return {"database": "ok", "schema": _schema(house, conn)}
    except AWAY as error:
        return {"database": f"away: {type(error).__name__}"}


def _schema(house: House, conn: Connection) -> str:
    if not house.schema_is_current:
        try:
            require_current(conn)
        except SetupError as error:
            return str(error)
        house.schema_is_current = True
    return "ok"
