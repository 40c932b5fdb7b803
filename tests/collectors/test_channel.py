"""The short way through the secure channel: the same as asyncua's in every byte, and at least as strict."""

from __future__ import annotations

import asyncio
import copy
import hmac
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.connection import SecureConnection, TransportLimits
from asyncua.crypto import cert_gen, security_policies
from asyncua.ua.ua_binary import nodeid_to_binary, struct_to_binary
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.opcua import channel
from collectors.opcua.channel import Channel, open_chunk, seal_chunk
from collectors.opcua.decode import filetime_of
from collectors.opcua.encode import publish_request
from collectors.opcua.security import POLICIES, wanted_of

PLAIN, ENCRYPTED = "None", "Basic256Sha256/SignAndEncrypt"
SECURITIES = [PLAIN, *(f"{policy}/{mode}" for policy in POLICIES for mode in ("Sign", "SignAndEncrypt"))]
LIFETIME_MS = 3_600_000


@cache
def identity() -> tuple[Any, Any]:
    """A certificate and its key; the same for both ends, once for all tests."""
    key = cert_gen.generate_private_key()
    names = [x509.UniformResourceIdentifier("urn:takt:test")]
    return cert_gen.generate_self_signed_app_certificate(key, "t", {}, names, [ExtendedKeyUsageOID.SERVER_AUTH]), key


def policy(security: str) -> Any:
    wanted = wanted_of(security)
    if wanted.policy is None:
        return security_policies.SecurityPolicyNone()
    certificate, key = identity()
    return wanted.policy(certificate, certificate, key, wanted.mode)


class Pair:
    """A client's and a server's end of an open channel."""

    def __init__(self, security: str) -> None:
        limits = TransportLimits(65535, 65535, 0, 0)
        self.client = SecureConnection(policy(security), copy.copy(limits))
        self.server = SecureConnection(policy(security), limits)
        self.renew(token=7)

    def renew(self, token: int) -> None:
        """New keys for both."""
        ours, theirs = os.urandom(32), os.urandom(32)
        for end, local, remote in ((self.client, ours, theirs), (self.server, theirs, ours)):
            end.security_token = ua.ChannelSecurityToken(5, token, datetime.now(UTC), LIFETIME_MS)
            if end.security_policy.URI != security_policies.SecurityPolicyNone.URI:
                end.security_policy.make_local_symmetric_key(remote, local)
                end.security_policy.make_remote_symmetric_key(local, remote, LIFETIME_MS)

    def said(self, body: bytes, request_id: int = 1) -> bytes:
        """What the server sends."""
        return bytes(self.server.message_to_binary(body, request_id=request_id))


class Wire:
    """A transport that only remembers."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.is_closed = True


class Listening:
    """A channel that waits for the answers to three requests."""

    def __init__(self, pair: Pair) -> None:
        self.channel = Channel(1.0)
        self.channel._connection = pair.client
        self.wire = Wire()
        self.channel.transport = self.wire  # type: ignore[assignment]
        loop = asyncio.get_running_loop()
        self.answers = {number: loop.create_future() for number in (1, 2, 3)}
        self.channel._callbackmap = dict(self.answers)

    def heard(self) -> dict[int, bytes]:
        answers = self.answers.items()
        return {n: bytes(f.result()) for n, f in answers if f.done() and f.exception() is None}


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What went to asyncua."""
    left: list[bytes] = []
    real = Channel._process_received_data

    def process(self: Channel, data: bytes) -> None:
        left.append(data)
        real(self, data)

    monkeypatch.setattr(Channel, "_process_received_data", process)
    return left


def hear(pair: Pair, *pieces: bytes) -> tuple[dict[int, bytes], bool]:
    """What a channel hears in these pieces, and whether it ends the connection."""

    async def run() -> tuple[dict[int, bytes], bool]:
        listening = Listening(pair)
        for piece in pieces:
            if not listening.wire.is_closed:
                listening.channel.data_received(piece)
        return listening.heard(), listening.wire.is_closed

    return asyncio.run(run())


@pytest.mark.parametrize("security", SECURITIES)
def test_both_ways_open_the_same(security: str, untouched: list[bytes]) -> None:
    """Every policy and mode: a message asyncua sealed is opened to the same bytes, without asyncua."""
    pair = Pair(security)
    for size in (0, 1, 15, 16, 31, 32, 33, 300, 60_000):
        body = os.urandom(size) or b"\0"
        assert hear(pair, pair.said(body)) == ({1: body}, False)
    assert untouched == []


@pytest.mark.parametrize("security", SECURITIES)
def test_both_ways_seal_the_same(security: str) -> None:
    """Every policy and mode: a request becomes the same bytes as asyncua's."""
    ours = Pair(security).client
    for size in (1, 15, 16, 31, 32, 33, 300, 5_000):
        body = os.urandom(size)
        before = ours._sequence_number
        sealed = seal_chunk(ours, body, 9)
        ours._sequence_number = before
        assert sealed == ours.message_to_binary(body, request_id=9)
    assert seal_chunk(ours, bytes(65_535), 9) is None


@pytest.mark.parametrize("security", [ENCRYPTED, "Basic256Sha256/Sign", "Aes128_Sha256_RsaOaep/SignAndEncrypt"])
def test_a_chunk_somebody_changed_is_refused(security: str) -> None:
    """One bit anywhere in it, be it head, token, words or signature: nothing is heard and the connection ends."""
    for at in (8, 12, 16, 20, 25, 40, -40, -17, -1):
        pair = Pair(security)
        chunk = bytearray(pair.said(b"a publish response of some length"))
        chunk[at] ^= 1
        assert hear(pair, bytes(chunk)) == ({}, True), at


@pytest.mark.parametrize(
    "mend", [lambda p: p[:-1] + b"\1", lambda p: p[:-1] + b"\xf0", lambda p: p[:-2] + b"\0" + p[-1:]]
)
def test_padding_that_is_not_the_standards_is_refused(mend: Callable[[bytes], bytes]) -> None:
    """Signed by the right key, but its padding says something else than its length: asyncua would have taken it."""
    pair = Pair(ENCRYPTED)
    crypto: Any = pair.server.security_policy.symmetric_cryptography
    plain = channel._SEQUENCE.pack(1, 1) + b"some words"
    padding = mend(crypto.padding(len(plain)))
    head = channel._HEAD.pack(b"MSG", b"F", 16 + len(plain) + len(padding) + 32, 5, 7)
    signed = plain + padding
    signed += hmac.digest(crypto.Signer.key, head + signed, "sha256")
    heard, is_closed = hear(pair, head + crypto.encrypt(signed))
    assert (heard, is_closed) == ({}, True)


@pytest.mark.parametrize("security", [PLAIN, ENCRYPTED])
def test_a_chunk_out_of_its_turn_is_refused(security: str) -> None:
    """Said twice, or one left out: the connection ends."""
    pair = Pair(security)
    first, _lost, third = (pair.said(b"words", number) for number in (1, 2, 3))
    assert hear(pair, first) == ({1: b"words"}, False)
    assert hear(pair, first) == ({}, True)
    assert hear(pair, third) == ({}, True)


@pytest.mark.parametrize("security", [PLAIN, ENCRYPTED])
def test_the_turn_may_begin_anew_at_its_end(security: str) -> None:
    """After 2**32 - 1 a server begins at 1 again."""
    pair = Pair(security)
    pair.client._peer_sequence_number = pair.server._sequence_number = (1 << 32) - 2
    last, first, second = (pair.said(b"words", number) for number in (1, 2, 3))
    assert hear(pair, last + first + second) == ({n: b"words" for n in (1, 2, 3)}, False)
    pair.client._sequence_number = (1 << 32) - 1
    assert seal_chunk(pair.client, b"words", 1) is None


def test_old_keys_and_other_channels_are_asyncuas(untouched: list[bytes]) -> None:
    """What was sealed before the keys were renewed is still taken; an answer of another channel is not."""
    pair = Pair(ENCRYPTED)
    before = pair.said(b"before")
    pair.client.prev_security_token = pair.client.security_token
    pair.renew(token=8)
    pair.client._allow_prev_token = True
    assert hear(pair, before + pair.said(b"after", 2)) == ({1: b"before", 2: b"after"}, False)
    assert len(untouched) == 1
    pair.server.security_token.ChannelId = 6
    assert hear(pair, pair.said(b"words", 3)) == ({}, True)


def test_keys_of_the_past_are_forgotten() -> None:
    """Opening a chunk the short way lets go of older keys that ran out, as asyncua does."""
    pair = Pair(ENCRYPTED)
    pair.renew(token=8)
    crypto: Any = pair.client.security_policy.symmetric_cryptography
    assert crypto.Prev_Verifier is not None
    crypto.prev_key_expiration = 0.0
    assert open_chunk(pair.client, pair.said(b"words"), 0) is not None
    assert (crypto.Prev_Verifier, crypto.Prev_Decryptor) == (None, None)


def test_more_than_was_agreed_is_refused() -> None:
    """A chunk beyond the agreed size, a message beyond the agreed length, an answer nobody asked for."""
    for limits in (TransportLimits(200, 65535, 0, 0), TransportLimits(65535, 65535, 0, 200)):
        pair = Pair(ENCRYPTED)
        pair.client._limits = limits
        assert hear(pair, pair.said(bytes(500))) == ({}, True)
    pair = Pair(ENCRYPTED)
    assert hear(pair, pair.said(b"words", 99)) == ({}, True)


@settings(deadline=None)
@given(st.sampled_from([PLAIN, ENCRYPTED]), st.lists(st.integers(1, 150_000), max_size=6), st.data())
def test_however_it_is_cut_the_same_is_heard(security: str, cuts: list[int], data: st.DataObject) -> None:
    """Messages in one chunk and in several, in pieces of any size, come whole and in order."""
    pair = Pair(security)
    bodies = [bytes([n]) * data.draw(st.sampled_from([5, 3_000, 70_000])) for n in (1, 2, 3)]
    stream = b"".join(pair.said(body, number) for number, body in enumerate(bodies, 1))
    edges = [0, *sorted({cut for cut in cuts if cut < len(stream)}), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(edges)]
    assert hear(pair, *pieces) == (dict(enumerate(bodies, 1)), False)


def test_a_request_is_sent_and_answered() -> None:
    """What is sent as bytes reaches a server that speaks asyncua; its answer comes back to whoever asked."""

    async def run() -> tuple[Any, bytes]:
        pair = Pair(ENCRYPTED)
        listening = Listening(pair)
        listening.channel._request_id = 10
        answer = listening.channel.send_body(b"a request")
        header = ua.ua_binary.header_from_binary(buffer := ua.utils.Buffer(listening.wire.written[0]))
        message = pair.server.receive_from_header_and_body(header, buffer)
        listening.channel.data_received(pair.said(b"its answer", message.request_id()))
        return bytes(message.body()), bytes(await answer)

    assert asyncio.run(run()) == (b"a request", b"its answer")


def test_nothing_is_sent_without_a_connection() -> None:
    """Said as such."""

    async def run() -> None:
        Channel(1.0).send_body(b"a request")

    with pytest.raises(ConnectionError):
        asyncio.run(run())


@pytest.mark.parametrize("acknowledgements", [[], [(5, 1)], [(5, 1), (5, 2**32 - 1)]])
@pytest.mark.parametrize("token", [ua.NodeId(), ua.NodeId(7, 3), ua.NodeId(b"\1\2", 1), ua.NodeId("名", 2)])
def test_a_publish_request_is_asyncuas(acknowledgements: list[tuple[int, int]], token: ua.NodeId) -> None:
    """The same bytes as asyncua makes of it."""
    at = datetime(2026, 1, 5, 8, tzinfo=UTC)
    request = ua.PublishRequest()
    request.RequestHeader.AuthenticationToken, request.RequestHeader.RequestHandle = token, 9
    request.RequestHeader.Timestamp = at
    request.Parameters.SubscriptionAcknowledgements = [
        ua.SubscriptionAcknowledgement(ua.UInt32(s), ua.UInt32(n)) for s, n in acknowledgements
    ]
    ours = publish_request(nodeid_to_binary(token), 9, filetime_of(at), acknowledgements)
    assert ours == struct_to_binary(request)
