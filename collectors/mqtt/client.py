"""paho-mqtt with batch receive and batch acknowledge.

Stock paho reads a packet's header byte by byte and answers every message with a system call and a wake-up. This
subclass reads whole buffers, hands over every PUBLISH found in one list (`on_batch`), and sends acknowledgements of a
batch as one piece. All other packets go through paho's own handlers. It leans on private names of paho; when a
version of paho no longer has them as expected (`is_as_expected`), `new_client` falls back to stock paho behind the
same `on_batch` and `ack_many`, slower but right.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt import __version__ as paho_version
from paho.mqtt.client import MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.exception import MalformedPacket

from mes.clock import mono

RECEIVE_BYTES = 262_144
PACKET_BYTES_MAX = 4_194_304
LONG_KEPT_BYTES = 262_144
"""Of a packet longer than the limit this much is kept; the rest is read and dropped, so that it can be acknowledged."""
GATHER_S = 0.01
"""A broker writes message by message; a moment after each read the next one brings many, for half the CPU. Shorter
than the inbox waits for quiet (`QUIET_S`), so that a broker which waits to be thanked is not held up by it."""
_PUBLISH, _PUBLISH_QOS_1, _QOS_2 = 0x30, 0x32, 0x04
_SHORT_HEAD_BYTES = 4


class Message(NamedTuple):
    """One PUBLISH. `size` is the payload's length, also when only its beginning was kept."""

    topic: bytes
    payload: bytes
    qos: int
    mid: int
    retained: bool
    size: int


OnBatch = Callable[[list[Message]], None]


class _Client(paho.Client):
    """What both kinds have: two doors, and a word when the network's thread ends by an error of ours."""

    on_batch: OnBatch
    on_fall: Callable[[Exception], None]
    heard_s = 0.0
    """When bytes came last (`mono`)."""

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """The network's thread. Nobody would notice that it has fallen: the line stays open, and is silent."""
        try:
            return super().loop_forever(timeout, retry_first_connection)
        except Exception as error:  # whatever it is, the connection is of no use any more
            self.on_fall(error)
            return MQTTErrorCode.MQTT_ERR_UNKNOWN


class BatchClient(_Client):
    """Receives and acknowledges in batches. Used with `manual_ack` and subscriptions of at most QoS 1."""

    _rest = b""
    _to_skip = 0

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read what is there, hand over whole messages, keep the rest for the next time."""
        if self._sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        try:
            received = self._sock_recv(RECEIVE_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError:
            received = b""
        if not received:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        self.heard_s = mono()
        with self._msgtime_mutex:
            self._last_bytes_received = self.heard_s
        if self._to_skip:
            skipped = min(self._to_skip, len(received))
            self._to_skip -= skipped
            received = received[skipped:]
        return self._take_apart(self._rest + received)

    def _take_apart(self, data: bytes) -> MQTTErrorCode:
        """Whole packets out of `data`; what is left of it waits in `_rest`."""
        messages: list[Message] = []
        start, end, is_v5 = 0, len(data), self._protocol == MQTTv5
        code = MQTTErrorCode.MQTT_ERR_SUCCESS
        while True:
            start = _take_short(data, start, is_v5, messages)
            body, length = _header(data, start, end)
            after = body + length
            is_long = length > PACKET_BYTES_MAX and end - body >= LONG_KEPT_BYTES
            if length < 0 or (after > end and not is_long):
                break
            first = data[start]
            if first & 0xF0 == _PUBLISH and not first & _QOS_2:
                messages.append(_publish(data, first, body, after, is_v5))
            else:
                self._hand_over(messages)
                messages = []
                code = self._handle_other(first, data[body:after])
            start, self._to_skip = min(after, end), max(0, after - end)
            if code or self._sock is None:
                break
        self._rest = data[start:]
        self._hand_over(messages)
        if messages:
            time.sleep(GATHER_S)
        return self._loop_rc_handle(code) if code else code

    def _hand_over(self, messages: list[Message]) -> None:
        if messages:
            self.on_batch(messages)

    def _handle_other(self, first: int, packet: bytes) -> MQTTErrorCode:
        """Let paho handle a packet that is no PUBLISH (or one of QoS 2, which nobody subscribed to)."""
        self._in_packet = _in_packet(first, packet)
        try:
            return self._packet_handle()
        except MalformedPacket:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        finally:
            self._in_packet = _in_packet(0, b"")

    def ack_many(self, mids: Iterable[int]) -> None:
        """Acknowledge messages of QoS 1, in this order; from any thread."""
        packet = b"".join([b"@\x02" + mid.to_bytes(2) for mid in mids])
        if packet:
            self._packet_queue(paho.PUBACK, packet, 0, 0)


class StockClient(_Client):
    """Stock paho behind the same two doors."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.on_message = self._one

    def _one(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        self.heard_s = mono()
        topic, payload = message.topic.encode(), bytes(message.payload)
        self.on_batch([Message(topic, payload, message.qos, message.mid, message.retain, len(payload))])

    def ack_many(self, mids: Iterable[int]) -> None:
        """Acknowledge messages of QoS 1, in this order; from any thread."""
        for mid in mids:
            self.ack(mid, 1)


def _in_packet(first: int, packet: bytes) -> Any:
    """A packet as paho's own reading would have left it."""
    return {
        "command": first,
        "have_remaining": 0,
        "remaining_count": [],
        "remaining_mult": 1,
        "remaining_length": len(packet),
        "packet": bytearray(packet),
        "to_process": 0,
        "pos": 0,
    }


def _header(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Where a packet's body begins and how long it is; (0, -1) while its header is not all there."""
    length, shift, at = 0, 0, start + 1
    while at < end:
        byte = data[at]
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return at, length
        shift += 7
    return 0, -1


def _take_short(data: bytes, start: int, is_v5: bool, messages: list[Message]) -> int:
    """Add the plain messages from `start` on: QoS 1, short, whole, without properties; where the first other begins.

    Nearly every message is one, so each number is read by hand, and the tuple made without its keyword-taking
    constructor.
    """
    append, make, end = messages.append, tuple.__new__, len(data) - _SHORT_HEAD_BYTES
    skipped = 3 if is_v5 else 2
    while start < end:
        length = data[start + 1]
        after = start + 2 + length
        if data[start] & 0xF6 != _PUBLISH_QOS_1 or length > 0x7F or after > end + _SHORT_HEAD_BYTES:
            break
        at = start + 4 + (data[start + 2] << 8 | data[start + 3])
        payload = at + skipped
        if payload > after or (is_v5 and data[at + 2]):
            break
        mid, retained = data[at] << 8 | data[at + 1], data[start] & 1 == 1
        append(make(Message, (data[start + 4 : at], data[payload:after], 1, mid, retained, after - payload)))
        start = after
    return start


def _publish(data: bytes, first: int, body: int, after: int, is_v5: bool) -> Message:
    """A message of any length, QoS 0 or 1."""
    at = topic_end = body + 2 + (data[body] << 8 | data[body + 1])
    mid, qos = 0, (first >> 1) & 3
    if qos:
        mid = data[at] << 8 | data[at + 1]
        at += 2
    if is_v5:
        if data[at]:
            properties, length = _header(data, at - 1, after)
            at = properties + length
        else:
            at += 1
    return Message(data[body + 2 : topic_end], data[at:after], qos, mid, first & 1 == 1, after - at)


def is_as_expected() -> bool:
    """Whether this paho has what `BatchClient` leans on, as it leans on it."""
    names = ("_sock_recv", "_packet_handle", "_packet_queue", "_loop_rc_handle", "_handle_publish")
    if not paho_version.startswith("2.2.") or not all(hasattr(paho.Client, name) for name in names):
        return False
    queue = list(inspect.signature(paho.Client._packet_queue).parameters)
    state = vars(paho.Client(CallbackAPIVersion.VERSION2))
    return queue[:5] == ["self", "command", "packet", "mid", "qos"] and {
        "_in_packet",
        "_msgtime_mutex",
        "_last_bytes_received",
        "_protocol",
        "_sock",
    } <= {*state, *dir(paho.Client)}


def new_client(*, client_id: str, is_v5: bool, clean: bool = False, batched: bool = True) -> BatchClient | StockClient:
    """A client that acknowledges only when told; its session outlives its connection unless `clean`."""
    kind = BatchClient if batched and is_as_expected() else StockClient
    session: Any = {} if is_v5 else {"clean_session": clean}
    return kind(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=MQTTv5 if is_v5 else MQTTv311,
        manual_ack=True,
        reconnect_on_failure=False,
        **session,
    )
