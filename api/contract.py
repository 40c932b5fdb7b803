"""The contract: /openapi.json, and /docs, which shows it without fetching anything from elsewhere."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from api.deps import Door
from api.manual import page
from api.security.guard import needs

router = APIRouter(route_class=Door, include_in_schema=False)


@router.get("/openapi.json", **needs("public", holds="nothing"))
async def get_openapi(request: Request) -> JSONResponse:
    """Every route, its documents and its failures."""
    document: dict[str, Any] = request.app.openapi()
    return JSONResponse(document)


@router.get("/docs", response_class=HTMLResponse, **needs("public", holds="nothing"))
async def get_docs(request: Request) -> HTMLResponse:
    """The same for people."""
    return HTMLResponse(page(request.app.openapi()))
