"""Taking MQTT apart: whatever the network cuts where, the same messages come out."""

from __future__ import annotations

import socket

import pytest

from collectors.mqtt.client import BatchClient, Message, new_client


def publish(topic: bytes, payload: bytes, *, mid: int = 0, flags: int = 0, properties: bytes | None = None) -> bytes:
    """A PUBLISH packet; QoS 1 with a `mid`, of protocol 5 with `properties`."""
    body = len(topic).to_bytes(2) + topic + (mid.to_bytes(2) if mid else b"")
    body += payload if properties is None else bytes([len(properties)]) + properties + payload
    size, length = b"", len(body)
    while length > 0x7F:
        size, length = size + bytes([length & 0x7F | 0x80]), length >> 7
    return bytes([0x30 | flags | (2 if mid else 0)]) + size + bytes([length]) + body


SAID = [
    Message(b"a/b", b'{"v":1}', 1, 1, False, 7),
    Message(b"a/b", b"", 1, 2, False, 0),
    Message(b"a", b"x", 0, 0, False, 1),
    Message(b"a/long", b"y" * 300, 1, 3, True, 300),
    Message(b"a/again", b"z", 1, 65_535, False, 1),
    Message(b"", b"short", 1, 4, True, 5),
]
FLAGS = [0, 8, 0, 1, 8, 9]


def taken(stream: bytes, pieces: int, *, is_v5: bool, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """What a client hands over that gets the stream in pieces of this many bytes."""
    monkeypatch.setattr("collectors.mqtt.client.GATHER_S", 0)
    client = new_client(client_id="cut", is_v5=is_v5)
    assert isinstance(client, BatchClient)
    got: list[Message] = []
    client.on_batch = got.extend
    client._sock, broker = socket.socketpair()
    client._sock.setblocking(False)
    with client._sock, broker:
        for first in range(0, len(stream), pieces):
            broker.sendall(stream[first : first + pieces])
            client.loop_read()
    client._sock = None
    return got


@pytest.mark.parametrize("pieces", [1, 2, 3, 5, 7, 64, 10_000])
@pytest.mark.parametrize("is_v5", [False, True])
def test_messages_come_whole_wherever_the_stream_is_cut(
    pieces: int, is_v5: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short and long, QoS 0 and 1, retained and repeated: each once, with its number, in order."""
    properties = b"" if is_v5 else None
    said = zip(SAID, FLAGS, strict=True)
    stream = b"".join(publish(m.topic, m.payload, mid=m.mid, flags=f, properties=properties) for m, f in said)
    assert taken(stream, pieces, is_v5=is_v5, monkeypatch=monkeypatch) == SAID


def test_properties_of_a_message_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protocol 5: a message with properties between ones without is read like them."""
    with_one = publish(b"t", b"p", mid=7, properties=b"\x01\x01")
    stream = publish(b"t", b"o", mid=6, properties=b"") + with_one + publish(b"t", b"q", mid=8, properties=b"")
    messages = taken(stream, 10_000, is_v5=True, monkeypatch=monkeypatch)
    assert [(m.payload, m.mid) for m in messages] == [(b"o", 6), (b"p", 7), (b"q", 8)]
