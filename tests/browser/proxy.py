"""A TCP proxy between browser and server that breaks the way networks do: cut, silent, or answering nonsense."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

BAD_GATEWAY = b"\r\n".join(
    (
        b"HTTP/1.1 502 Bad Gateway",
        b"content-type: text/html",
        b"content-length: 14",
        b"connection: close",
        b"",
        b"<h1>Sorry</h1>",
    )
)
CHUNK_BYTES = 65_536


class Proxy:
    """Passes bytes on while `mode` is `pass`; `hang` swallows them, `cut` refuses, `gateway` answers 502."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.mode = "pass"
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """End every connection there is."""
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if self.mode == "cut":
            client.close()
        elif self.mode == "gateway":
            with client, contextlib.suppress(OSError):
                client.recv(CHUNK_BYTES)
                client.sendall(BAD_GATEWAY)
        else:
            with contextlib.suppress(OSError):
                server = socket.create_connection(("127.0.0.1", self._port))
                with self._kept(client), self._kept(server):
                    back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
                    back.start()
                    self._pump(client, server)
                    back.join()

    @contextlib.contextmanager
    def _kept(self, one: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(one)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(one)
            one.close()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        # A connection that lost bytes is lost: TCP never goes on after a hole.
        lost = False
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                lost = lost or self.mode == "hang"
                if not lost:
                    target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
