"""Hands out the built screens: `mount(app)` after all other routes.

Every page is the same small document; what is in the address decides in the browser what is drawn. Files under
`/assets/` carry a hash in their name and are kept for ever, the document never is. `build_id()` names the build, so
that a screen left open takes up a new one by itself.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

DIST = Path(__file__).with_name("dist")
PAGES = (
    *("/", "/wall", "/lines/{code:path}", "/schedule", "/shortages", "/orders", "/station", "/station/{code:path}"),
    *("/oee", "/devices", "/shift", "/material", "/andon", "/kiosk"),
    *("/login", "/first", "/enrol"),
)
LOOSE = ("icon.svg", "manifest.webmanifest", "sw.js")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
DOCUMENT_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


@lru_cache(maxsize=1)
def build_id() -> str:
    """Names the build: twelve hex digits over the document, which names every other file by its hash."""
    document = DIST / "index.html"
    return hashlib.sha256(document.read_bytes()).hexdigest()[:12] if document.exists() else "none"


class _Kept(StaticFiles):
    """Files whose name changes with their content."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


async def _page(_request: Request) -> Response:
    return FileResponse(DIST / "index.html", headers=DOCUMENT_HEADERS)


async def _loose(request: Request) -> Response:
    return FileResponse(DIST / request.url.path.lstrip("/"), headers={"Cache-Control": "no-cache"})


def mount(app: Starlette) -> None:
    """Add the screens to an application, behind every route it has already."""
    app.router.routes += [
        Mount("/assets", _Kept(directory=DIST / "assets"), name="assets"),
        *(Route(f"/{name}", _loose) for name in LOOSE if (DIST / name).exists()),
        *(Route(path, _page) for path in PAGES),
    ]
