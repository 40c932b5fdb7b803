"""The secure channel's usual chunk, opened and sealed in one go (OPC UA Part 6, 6.7).

asyncua takes a chunk apart field by field, through several copies. `Channel` does at once what nearly every chunk
needs: a message in one piece, under the present keys, in its turn. Every check is made: channel, token, sizes,
signature, sequence, and that the padding is what the standard says, which asyncua does not look at. A chunk that is
anything else, or fails a check, goes to asyncua untouched: it takes older keys and messages in parts, and refuses the
rest in its own words. Leans on private names of asyncua: the version is pinned, and `tests/collectors/test_channel.py`
holds both ways to the same bytes.
"""

from __future__ import annotations

import asyncio
import hmac
import struct
from functools import partial
from typing import Any, NamedTuple

from asyncua.client.ua_client import UaClient, UASocketProtocol
from asyncua.common.connection import SecureConnection
from asyncua.common.utils import Buffer
from asyncua.crypto.security_policies import (
    Cryptography,
    CryptographyNone,
    DecryptorAesCbc,
    EncryptorAesCbc,
    SignerHMac256,
    VerifierHMac256,
)
from asyncua.ua.uaerrors import UaError

_HEAD = struct.Struct("<3scIII")
"""Message type, kind of chunk, size of all, channel, token."""
_SEQUENCE = struct.Struct("<II")
"""Sequence number, request id: the first of what is encrypted."""
_MESSAGE, _WHOLE = b"MSG", b"F"
_AES_BLOCK, _SIGNATURE = 16, 32


class Opened(NamedTuple):
    """A message that came in one chunk, and how many bytes the chunk had."""

    size: int
    request_id: int
    body: bytes


class Channel(UASocketProtocol):
    """asyncua's protocol with a short way for the usual chunk."""

    _parts: list[bytes]
    _missing = 0

    def data_received(self, data: bytes) -> None:
        """Answer the requests whose answers are in it; the connection ends on the first thing that is wrong."""
        if self._missing > 0:
            self._parts.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return
            data, self._parts = b"".join(self._parts), []
        elif self.receive_buffer:
            data, self.receive_buffer = self.receive_buffer + data, None
        at = 0
        try:
            while (opened := open_chunk(self._connection, data, at)) is not None:
                at += opened.size
                self._call_callback(opened.request_id, Buffer(opened.body))
        except Exception as error:
            self._fail_all_pending(error)
            self.disconnect_socket()
            return
        if at < len(data):
            self._leave(data[at:] if at else data)

    def _leave(self, data: bytes) -> None:
        """What is not opened: the beginning of a chunk waits for its end, anything else is asyncua's."""
        self._missing = missing_bytes(self._connection, data)
        if self._missing > 0:
            self._parts = [data]
        else:
            self._process_received_data(data)

    def send_body(self, body: bytes) -> asyncio.Future[Buffer]:
        """Send a request that is bytes already; its answer, however long it takes. Raises ConnectionError."""
        if self.transport is None:
            raise ConnectionError("the connection is not open")
        self.revolve_security_token()
        request_id = self._request_id + 1
        chunk = seal_chunk(self._connection, body, request_id)
        self.transport.write(chunk or self._connection.message_to_binary(body, request_id=request_id))
        self._request_id = request_id
        answer: asyncio.Future[Buffer] = asyncio.get_running_loop().create_future()
        self._callbackmap[request_id] = answer
        return answer


def speak_through_channel(client: UaClient) -> None:
    """Have this client open its connections as `Channel`s."""
    client._make_protocol = partial(_new_channel, client)  # type: ignore[method-assign]


def _new_channel(client: UaClient) -> Channel:
    client.protocol = channel = Channel(client._timeout, security_policy=client.security_policy)
    channel.pre_request_hook = client._pre_request_hook
    channel.on_connection_lost = client._on_transport_lost
    channel.is_session_closing = client._is_session_closing
    return channel


# --- opening


def missing_bytes(connection: SecureConnection, data: bytes) -> int:
    """How many bytes are still to come of the message that begins here; 0 when it is whole, or asyncua's to judge."""
    if len(data) < _HEAD.size:
        return 0
    kind, _chunk, size, _channel, _token = _HEAD.unpack_from(data)
    is_ours = kind == _MESSAGE and size <= connection._limits.max_recv_buffer
    return max(0, size - len(data)) if is_ours else 0


def open_chunk(connection: SecureConnection, data: bytes, at: int) -> Opened | None:
    """The message in the chunk at `at`; None: asyncua's to judge. Raises UaError where the padding is wrong."""
    if len(data) - at < _HEAD.size:
        return None
    kind, chunk, size, channel, token = _HEAD.unpack_from(data, at)
    present, limits = connection.security_token, connection._limits
    if (
        kind != _MESSAGE
        or chunk != _WHOLE
        or not _HEAD.size + _SEQUENCE.size <= size <= min(len(data) - at, limits.max_recv_buffer)
        or channel != present.ChannelId
        or token != present.TokenId
        or connection._incoming_parts
    ):
        return None
    plain = _unseal(connection.security_policy.symmetric_cryptography, data[at : at + size])
    if plain is None or 0 < limits.max_message_size < len(plain) - _SEQUENCE.size:
        return None
    sequence, request_id = _SEQUENCE.unpack_from(plain)
    if sequence != (connection._peer_sequence_number or 0) + 1:
        return None
    connection._peer_sequence_number = sequence
    return Opened(size, request_id, plain[_SEQUENCE.size :])


def _unseal(crypto: Any, chunk: bytes) -> bytes | None:
    """What the chunk says, if its signature is right; None when it is not, or made in a way asyncua has to read."""
    if type(crypto) is CryptographyNone:
        return chunk[_HEAD.size :]
    if type(crypto) is not Cryptography or type(crypto.Verifier) is not VerifierHMac256:
        return None
    head, sealed = chunk[: _HEAD.size], chunk[_HEAD.size :]
    if crypto.is_encrypted:
        crypto.revolved_expired_key()  # type: ignore[no-untyped-call]
        if type(crypto.Decryptor) is not DecryptorAesCbc or len(sealed) % _AES_BLOCK:
            return None
        sealed = crypto.Decryptor.cipher.decryptor().update(sealed)
    signed = sealed[:-_SIGNATURE]
    signature = hmac.digest(crypto.Verifier.key, head + signed, "sha256")
    if not hmac.compare_digest(signature, sealed[-_SIGNATURE:]):
        return None
    return _without_padding(signed) if crypto.is_encrypted else signed


def _without_padding(signed: bytes) -> bytes:
    """Each byte of the padding says how many follow the first. Raises UaError when they do not."""
    count = signed[-1] + 1 if signed else 0
    if len(signed) < count + _SEQUENCE.size or signed[-count:] != signed[-1:] * count:
        raise UaError("the padding of a chunk is wrong")
    return signed[:-count]


# --- sealing


def seal_chunk(connection: SecureConnection, body: bytes, request_id: int) -> bytes | None:
    """A message as one chunk, with the next sequence number; None: asyncua's to make."""
    crypto: Any = connection.security_policy.symmetric_cryptography
    present = connection.security_token
    sequence = connection._sequence_number + 1
    room = connection._limits.max_send_buffer - _HEAD.size - _SEQUENCE.size - _SIGNATURE - 256
    if sequence >= 1 << 32 or len(body) > room or not _can_seal(crypto):
        return None
    plain: bytes = _SEQUENCE.pack(sequence, request_id) + body
    plain += crypto.padding(len(plain))
    size = _HEAD.size + len(plain) + crypto.signature_size()
    head = _HEAD.pack(_MESSAGE, _WHOLE, size, present.ChannelId, present.TokenId)
    connection._sequence_number = sequence
    if type(crypto) is CryptographyNone:
        return head + plain
    plain += hmac.digest(crypto.Signer.key, head + plain, "sha256")
    return head + (bytes(crypto.Encryptor.cipher.encryptor().update(plain)) if crypto.is_encrypted else plain)


def _can_seal(crypto: Any) -> bool:
    if type(crypto) is CryptographyNone:
        return True
    is_usual = type(crypto) is Cryptography and type(crypto.Signer) is SignerHMac256
    return is_usual and (not crypto.is_encrypted or type(crypto.Encryptor) is EncryptorAesCbc)
