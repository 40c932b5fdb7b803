"""The plant model in force, and the tags it gives numbers to."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.deps import Calling, Door
from api.security.guard import needs
from api.wire import etag
from mes.actions.plant import plant_at
from mes.domain.exchange import content_sha256
from mes.domain.fields import Instant
from mes.formats.plant_file import document_of

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["plant"])


@router.get("/plant", **needs("plant:read"))
def get_plant(
    call: Calling, response: Response, at: Annotated[Instant | None, Query(description="as it was then")] = None
) -> dict[str, Any]:
    """The plant model in force, in the form of the plant file."""
    document = document_of(plant_at(call.conn, at or call.at))
    response.headers["ETag"] = etag(content_sha256(document)[:16])
    return document
