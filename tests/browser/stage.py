"""A stage for screens: the real hub, stream and files, with scenes instead of a database.

`python -m tests.browser.stage --port 8123 --lines 40` to look at them by hand.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import uvicorn
from playwright.sync_api import Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.live.hub import Answer, Hub, Topic
from api.live.stream import open_stream
from dashboards.serve import build_id, mount
from mes import clock
from mes.clock import Clock
from mes.store.screens.andon import AndonImage
from tests.browser import board_scene, page_scenes, scenes, station_scene

Scene = Callable[[str], Any]
HANG_MS = 60_000
STEP_MS = 50


class _NoEar:
    """Hears what the stage says to ring."""

    def __init__(self, rung: threading.Event) -> None:
        self._rung = rung

    def hear(self, timeout_s: float = 1.0) -> frozenset[str]:
        heard = self._rung.wait(timeout_s)
        self._rung.clear()
        return frozenset({"booked"}) if heard else frozenset()

    def close(self) -> None:
        """Nothing is held."""


class Stage:
    """Serves `scene(topic)` as the image of each topic; `ring()` makes screens look again."""

    def __init__(self, scene: Scene, *, speed: float = 1.0, away: tuple[str, ...] = ()) -> None:
        self.scene = scene
        self.away = away
        self.said: list[dict[str, Any]] = []
        self._rung = threading.Event()
        self._clock = Clock(plant_at=scenes.NOW, wall_at=clock.wall(), speed=speed)
        self.hub = Hub(self._ask, lambda: _NoEar(self._rung), build=build_id())  # type: ignore[arg-type,return-value]
        self.app = Starlette(routes=self._routes(), lifespan=self._life)
        mount(self.app)

    def ring(self) -> None:
        """What the database's bell would do."""
        self._rung.set()

    def heard(self, page: Page, path: str = "", count: int = 1) -> list[dict[str, Any]]:
        """What was said on paths that contain `path`, each once by its key, as soon as `count` of it has come.

        A page shows what it said before the server has heard it, so that what is read at once may be too early.
        """
        for _ in range(HANG_MS // STEP_MS):
            said = {one["key"] or n: one for n, one in enumerate(self.said) if path in one["path"]}
            if len(said) >= count:
                return list(said.values())
            page.wait_for_timeout(STEP_MS)
        raise AssertionError(f"{count} of {path or 'anything'} were waited for, this was heard: {self.said}")

    def _ask(self, topics: list[Topic]) -> Answer:
        return Answer({topic: self.scene(topic.name) for topic in topics}, self._clock, self.away)

    def _routes(self) -> list[Route]:
        return [
            Route("/api/v1/stream", self._stream),
            Route("/api/v1/{path:path}", self._hear, methods=["POST"]),
            Route("/api/v1/{path:path}", self._tell, methods=["GET"]),
        ]

    async def _stream(self, request: Request) -> Response:
        since = request.headers.get("last-event-id") or request.query_params.get("since", "")
        names = request.query_params["topics"].split(",")
        return open_stream(self.hub, [Topic(name, frozenset({"booked"})) for name in names], since)

    async def _hear(self, request: Request) -> Response:
        self.said.append(
            {"path": request.url.path, "key": request.headers.get("idempotency-key"), "body": await request.json()}
        )
        return JSONResponse({"id": len(self.said), "name": "吴 Wu"}, status_code=201)

    async def _tell(self, request: Request) -> Response:
        answer = self.scene(request.url.path.removeprefix("/api/v1"))
        return JSONResponse({"status": 404}, status_code=404) if answer is None else JSONResponse(answer)

    @contextlib.asynccontextmanager
    async def _life(self, _app: Starlette) -> AsyncIterator[None]:
        self.hub.start()
        yield
        await self.hub.stop()


@contextlib.contextmanager
def running(stage: Stage, port: int = 0) -> Iterator[str]:
    """The stage behind a port of its own; its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        config = uvicorn.Config(stage.app, log_level="warning", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def scene(topic: str, lines: int = 5) -> Any:
    """The image of a topic, or the answer of a path; None where there is none."""
    if topic.startswith("station:"):
        return station_scene.station(topic.removeprefix("station:"))
    if topic.startswith("line:"):
        return page_scenes.line(topic.removeprefix("line:"))
    if topic in page_scenes.ANSWERS:
        return page_scenes.ANSWERS[topic]
    drawn: dict[str, Callable[[], Any]] = {
        "/session": lambda: page_scenes.SESSION,
        "/plant": lambda: page_scenes.PLANT,
        "wall": lambda: scenes.wall(lines),
        "board": lambda: board_scene.board(lines),
        "andon": lambda: AndonImage(scenes.wall(lines).calls),
        "shortages": page_scenes.shortages,
        "orders": page_scenes.orders,
    }
    return drawn.get(topic, lambda: None)()


def main() -> None:
    """Serve until interrupted."""
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=8123)
    options.add_argument("--lines", type=int, default=5)
    options.add_argument("--speed", type=float, default=1.0)
    chosen = options.parse_args()
    stage = Stage(lambda name: scene(name, chosen.lines), speed=chosen.speed)
    with running(stage, chosen.port) as url:
        print(url)
        threading.Event().wait()


if __name__ == "__main__":
    main()
