"""A publisher as fast as a whole plant: MQTT JSON, quality of service 1, at a fixed rate, every message numbered.

Written on a bare socket, because in a bench the generator must cost less than what it measures (about 2 µs a message
against paho's 30). Tag k of n publishes on `load/k` the payload {"v": counter, "ts": plant time in microseconds,
"seq": its own message number}; afterwards the result says how many were sent and acknowledged and the last number of
each tag, so that a checker can tell exactly what is missing.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from simulators.instants import Anchor
from simulators.wire import address

TICK_S = 0.005
UNACKNOWLEDGED_MAX = 20_000
ACK_WAIT_S = 30.0
PACKET_IDS = 65_535


@dataclass(slots=True)
class Result:
    """What was sent."""

    sent: int = 0
    acknowledged: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    last: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """In plain types, with the rate it reached."""
        return {
            "sent": self.sent,
            "acknowledged": self.acknowledged,
            "seconds": round(self.seconds, 3),
            "per_s": round(self.sent / self.seconds, 1) if self.seconds else 0.0,
            "cpu_us_per_message": round(self.cpu_s / self.sent * 1e6, 3) if self.sent else 0.0,
            "last": self.last,
        }


class Publisher:
    """One MQTT 3.1.1 connection that publishes and counts acknowledgements."""

    def __init__(self, url: str, client_id: str, tags: int, prefix: str) -> None:
        self.topics = [f"{prefix}/{number}".encode() for number in range(tags)]
        self.numbers = [0] * tags
        self.result = Result()
        self._packet_id = 0
        self._rest = b""
        self._outbox = bytearray()
        self._socket = socket.create_connection(address(url, 1883), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(_connect_packet(client_id))
        reply = _read_exactly(self._socket, 4)
        if reply[0] != 0x20 or reply[3] != 0:
            raise ConnectionError(f"the broker refused the connection (code {reply[3]})")
        self._socket.setblocking(False)

    @property
    def waiting(self) -> int:
        """Messages sent and not acknowledged."""
        return self.result.sent - self.result.acknowledged

    def publish(self, count: int, ts_us: int) -> None:
        """Queue the next `count` messages, tag after tag."""
        tags = len(self.topics)
        packets: list[bytes] = []
        for index in range(count):
            tag = self.result.sent % tags
            self.numbers[tag] = number = self.numbers[tag] + 1
            self._packet_id = self._packet_id % PACKET_IDS + 1
            payload = b'{"v":%d,"ts":%d,"seq":%d}' % (number, ts_us + index // tags, number)
            packets.append(_publish_packet(self.topics[tag], self._packet_id, payload))
            self.result.sent += 1
        self._outbox += b"".join(packets)

    def turn(self) -> None:
        """Send what can be sent, read the acknowledgements that came; waits for neither."""
        with contextlib.suppress(BlockingIOError):
            while self._outbox:
                del self._outbox[: self._socket.send(self._outbox)]
        with contextlib.suppress(BlockingIOError):
            self._read()

    def _read(self) -> None:
        """Every packet a publisher gets is a PUBACK of four bytes."""
        data = self._socket.recv(262_144)
        if not data:
            raise ConnectionError("the broker closed the connection")
        data = self._rest + data
        whole = len(data) // 4
        self._rest = data[whole * 4 :]
        self.result.acknowledged += whole

    def close(self) -> None:
        """Say good-bye."""
        self._socket.setblocking(True)
        self._socket.sendall(b"\xe0\x00")
        self._socket.close()


def publish(url: str, anchor: Anchor, *, rate: float, seconds: float, tags: int, prefix: str = "load") -> Result:
    """Publish `rate` messages a second for `seconds`, then wait for the last acknowledgement.

    Messages of one tag are at least a microsecond of plant time apart, so that each is a sample of its own.
    """
    publisher = Publisher(url, f"sim-load-{prefix.replace('/', '-')}", tags, prefix)
    begin, cpu = time.monotonic(), time.process_time()
    while (passed := time.monotonic() - begin) < seconds:
        due = min(int(passed * rate) - publisher.result.sent, UNACKNOWLEDGED_MAX - publisher.waiting)
        if due > 0:
            publisher.publish(due, anchor.now() * 1000)
        publisher.turn()
        time.sleep(TICK_S)
    until = time.monotonic() + ACK_WAIT_S
    while publisher.waiting and time.monotonic() < until:
        publisher.turn()
        time.sleep(TICK_S)
    result = publisher.result
    result.seconds, result.cpu_s = time.monotonic() - begin, time.process_time() - cpu
    result.last = {topic.decode(): number for topic, number in zip(publisher.topics, publisher.numbers, strict=True)}
    publisher.close()
    return result


def _connect_packet(client_id: str) -> bytes:
    """CONNECT of MQTT 3.1.1, clean session, no keep-alive limit."""
    name = client_id.encode()
    body = b"\x00\x04MQTT\x04\x02\x00\x00" + struct.pack("!H", len(name)) + name
    return b"\x10" + _length(len(body)) + body


def _publish_packet(topic: bytes, packet_id: int, payload: bytes) -> bytes:
    size = 4 + len(topic) + len(payload)
    return b"\x32" + _length(size) + struct.pack("!H", len(topic)) + topic + struct.pack("!H", packet_id) + payload


def _length(size: int) -> bytes:
    """MQTT's variable byte integer."""
    out = bytearray()
    while True:
        size, digit = divmod(size, 128)
        out.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(out)


def _read_exactly(held: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = held.recv(size - len(data))
        if not chunk:
            raise ConnectionError("the broker closed the connection")
        data += chunk
    return data
