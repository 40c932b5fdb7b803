"""A broker of one connection at a time that writes down every packet a client sends (MQTT 3.1.1 and 5).

For assertions about what goes over the wire: a real broker does not tell a client's will, flags or order of packets.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass
from typing import Any

CONNECT, PUBLISH, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 8, 10, 12, 14


@dataclass(frozen=True)
class Packet:
    """What a client sent. Publications and wills have topic, payload, qos and retain; a CONNECT says `clean`."""

    kind: int
    topic: str = ""
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    clean: bool = False
    expiry_s: int = 0
    topics: tuple[str, ...] = ()


class RecordingBroker:
    """`packets` in the order they came; `say` publishes to the client that is connected."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._line: socket.socket | None = None
        self._is_v5 = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def sent(self, kind: int) -> list[Packet]:
        return [packet for packet in list(self.packets) if packet.kind == kind]

    def say(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0."""
        assert self._line is not None
        body = _text(topic) + (b"\0" if self._is_v5 else b"") + payload
        self._line.sendall(bytes([PUBLISH << 4]) + _length(len(body)) + body)

    def close(self) -> None:
        self.cut()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def cut(self) -> None:
        """End the connection without a word."""
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            try:
                line, _peer = self._listener.accept()
            except OSError:
                return
            self._line = line
            with line, line.makefile("rb") as stream, contextlib.suppress(OSError):
                while self._next(line, stream):
                    pass

    def _next(self, line: socket.socket, stream: Any) -> bool:
        first = stream.read(1)
        if not first:
            return False
        length = shift = 0
        while True:
            byte = stream.read(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        answer = self._take(first[0], stream.read(length))
        if answer:
            line.sendall(answer)
        return True

    def _take(self, first: int, body: bytes) -> bytes:
        kind = first >> 4
        if kind == CONNECT:
            self._is_v5 = body[6] == 5
            self.packets.append(_connect(body, self._is_v5))
            return b"\x20\x03\0\0\0" if self._is_v5 else b"\x20\x02\0\0"
        if kind == PUBLISH:
            packet, mid = _publish(first, body, self._is_v5)
            self.packets.append(packet)
            return b"\x40\x02" + mid if packet.qos else b""
        if kind in {SUBSCRIBE, UNSUBSCRIBE}:
            at = 3 + body[2] if self._is_v5 else 2
            topics = _topics(body, at, with_options=kind == SUBSCRIBE)
            self.packets.append(Packet(kind, topics=topics))
            codes = bytes(len(topics)) if kind == SUBSCRIBE or self._is_v5 else b""
            answer = body[:2] + (b"\0" if self._is_v5 else b"") + codes
            return bytes([(kind + 1) << 4]) + _length(len(answer)) + answer
        self.packets.append(Packet(kind))
        return b"\xd0\0" if kind == PINGREQ else b""


def _connect(body: bytes, is_v5: bool) -> Packet:
    flags, at, expiry_s = body[7], 10, 0
    if is_v5:
        properties = body[11 : 11 + body[10]]
        if 0x11 in properties[:1]:
            expiry_s = int.from_bytes(properties[1:5])
        at = 11 + body[10]
    _client, at = _read_text(body, at)
    topic, payload = "", b""
    if flags & 4:
        at += 1 + body[at] if is_v5 else 0
        topic, at = _read_text(body, at)
        size = int.from_bytes(body[at : at + 2])
        payload = body[at + 2 : at + 2 + size]
    clean = bool(flags & 2)
    return Packet(CONNECT, topic, payload, flags >> 3 & 3, bool(flags & 0x20), clean, expiry_s)


def _publish(first: int, body: bytes, is_v5: bool) -> tuple[Packet, bytes]:
    topic, at = _read_text(body, 0)
    qos, mid = first >> 1 & 3, b""
    if qos:
        mid, at = body[at : at + 2], at + 2
    at += 1 + body[at] if is_v5 else 0
    return Packet(PUBLISH, topic, body[at:], qos, bool(first & 1)), mid


def _topics(body: bytes, at: int, *, with_options: bool) -> tuple[str, ...]:
    found = []
    while at < len(body):
        topic, at = _read_text(body, at)
        at += with_options
        found.append(topic)
    return tuple(found)


def _read_text(body: bytes, at: int) -> tuple[str, int]:
    end = at + 2 + int.from_bytes(body[at : at + 2])
    return body[at + 2 : end].decode(), end


def _text(text: str) -> bytes:
    return len(text.encode()).to_bytes(2) + text.encode()


def _length(size: int) -> bytes:
    encoded = b""
    while True:
        size, low = divmod(size, 128)
        encoded += bytes([low | (0x80 if size else 0)])
        if not size:
            return encoded
