"""A door on 127.0.0.1 through which a demonstration ends one of Takt's own processes, as a crash would.

    with mishap_door(port, {"collect": kill_collector}):      POST /kill {"program": "collect"} -> {"pid": 4711}

The simulators have such doors for what happens in a plant; this one is for what happens to the computer. Only
`mes demo` opens it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_BYTES_MAX = 1000

Kill = Callable[[], int | None]
"""Kills a process (SIGKILL); its pid, None when it does not run."""


@contextmanager
def mishap_door(port: int, kills: Mapping[str, Kill]) -> Iterator[None]:
    """Open until left. Handlers run in the door's own thread."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(kills))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="mishaps", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _handler(kills: Mapping[str, Kill]) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = min(int(self.headers.get("Content-Length") or 0), BODY_BYTES_MAX)
            try:
                name = str(json.loads(self.rfile.read(length))["program"])
            except (ValueError, KeyError, TypeError):
                self._send(400, {"error": 'say which: {"program": "collect"}'})
                return
            if self.path != "/kill" or name not in kills:
                self._send(404, {"error": f"there is POST /kill of {', '.join(kills)}"})
                return
            pid = kills[name]()
            self._send(*((409, {"error": f"{name} does not run just now"}) if pid is None else (200, {"pid": pid})))

        def _send(self, status: int, body: dict[str, object]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing: who asked is no news."""

    return Door
