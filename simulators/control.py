"""A small HTTP door on 127.0.0.1, through which a demonstration, a test or a bench does things to a simulator.

    control = Control(port, {("POST", "/fault"): handler, ("GET", "/now"): handler})

A handler gets the parsed JSON body (of a GET: the query) and returns what is sent back as JSON; ValueError and KeyError
become 400 with one sentence. Handlers run in the door's own threads.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

BODY_BYTES_MAX = 65_536

Handler = Callable[[dict[str, Any]], dict[str, Any]]


class Control:
    """The door: open from construction until `close`; `port` 0 takes a free one, `url` says which."""

    def __init__(self, port: int, routes: dict[tuple[str, str], Handler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(routes))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="control", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _handler(routes: dict[tuple[str, str], Handler]) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._answer(parts.path, dict(parse_qsl(parts.query)))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if length > BODY_BYTES_MAX:
                self._send(413, {"error": f"a body has at most {BODY_BYTES_MAX} bytes"})
                return
            try:
                body = json.loads(self.rfile.read(length) or b"{}")
            except ValueError as error:
                self._send(400, {"error": f"not JSON: {error}"})
                return
            self._answer(urlsplit(self.path).path, body)

        def _answer(self, path: str, body: dict[str, Any]) -> None:
            handler = routes.get((self.command, path))
            if handler is None:
                known = ", ".join(f"{method} {known}" for method, known in routes)
                self._send(404, {"error": f"no {self.command} {path} here; there is {known}"})
                return
            try:
                self._send(200, handler(body))
            except (KeyError, TypeError, ValueError) as error:
                self._send(400, {"error": str(error.args[0] if error.args else error)})

        def _send(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Say nothing: who asked is no news."""

    return Door
