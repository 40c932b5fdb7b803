"""A wire tap between a collector and its broker: what the collector has acknowledged, by each message's content.

MQTT 3.1.1. A message counts as accepted when the collector's PUBACK for it has passed; from then on nobody else has it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

PUBLISH, PUBACK = 3, 4
Look = Callable[[int, bytes], None]


class Tap:
    """Listens on `port`; leads to `target`. Connections that break on one side are broken on the other."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.accepted: set[bytes] = set()
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._lines: list[socket.socket] = []
        self._run(self._serve)

    def _run(self, function: Callable[..., None], *words: object) -> None:
        thread = threading.Thread(target=function, args=words, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _peer = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target, timeout=5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            self._lines += [client, server]
            said: dict[bytes, bytes] = {}
            self._run(self._pump, server, client, lambda kind, body, said=said: self._hear(said, kind, body))
            self._run(self._pump, client, server, lambda kind, body, said=said: self._note(said, kind, body))

    def _hear(self, said: dict[bytes, bytes], kind: int, body: bytes) -> None:
        """The broker says something: remember its content by its number."""
        if kind >> 4 == PUBLISH and kind & 6:
            end = 2 + int.from_bytes(body[:2])
            said[body[end : end + 2]] = body[end + 2 :]

    def _note(self, said: dict[bytes, bytes], kind: int, body: bytes) -> None:
        """The collector says something: an acknowledgement is a promise."""
        if kind >> 4 == PUBACK and body[:2] in said:
            self.accepted.add(said.pop(body[:2]))

    def _pump(self, source: socket.socket, sink: socket.socket, look: Look) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                rest = _packets(rest + data, look)
                sink.sendall(data)
        for line in (source, sink):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in self._lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for line in self._lines:
            line.close()


def _packets(data: bytes, look: Look) -> bytes:
    """Show each whole packet to `look`; what is left."""
    while True:
        length = shift = 0
        at = 1
        while at < len(data):
            byte = data[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        else:
            return data
        if len(data) < at + length:
            return data
        look(data[0], data[at : at + length])
        data = data[at + length :]
