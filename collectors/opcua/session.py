"""A session with an OPC UA server, on asyncua's transport, without its reconnecting and subscribing.

Order of opening: discovery when security is wanted (the endpoint must offer it, its certificate must be trusted),
socket, secure channel, session, user. `reopen` takes the same session up again on a new channel (Part 4, 6.7), so
that its subscriptions go on. Leans on private names of asyncua's client (`_send_request` of session and protocol):
the version is pinned and `tests/collectors/test_opcua.py` opens, reopens and publishes for real.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.utils import Buffer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.ua_binary import nodeid_to_binary, struct_from_binary
from asyncua.ua.uaerrors import UaStatusCodeError
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from collectors.opcua.channel import Channel, speak_through_channel
from collectors.opcua.decode import filetime_of, plain
from collectors.opcua.encode import Acknowledgement, publish_request
from collectors.opcua.security import Own, Pki, Wanted, lost, wanted_of
from collectors.source import SourceLostError
from mes.clock import wall
from mes.domain.plant import Source as SourceModel

REQUEST_S_MAX = 10.0
CHANNEL_MS = 600_000
SESSION_MS = 60_000
ITEMS_PER_CALL_MAX = 500
READS_PER_CALL_MAX = 500
_PROFILES = {"S7-1200": 100, "S7-1500": 500, "SIMATIC": 200, "Ignition": 100, "Kepware": 1000, "Prosys": 800}
"""How many monitored items a vendor's server takes well in one call (after benthos-umh's profiles)."""
_NAMESPACES, _BUILD_INFO, _START_TIME, _STATE, _CURRENT_TIME = 2255, 2260, 2257, 2259, 2258
_MAX_ITEMS_PER_CALL, _MAX_NODES_PER_READ = 11714, 11705
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may hold."""

    items_per_call: int = ITEMS_PER_CALL_MAX
    reads_per_call: int = READS_PER_CALL_MAX


def standard(number: int) -> ua.NodeId:
    """A node of the standard's own namespace."""
    return ua.NodeId(ua.Int32(number))


class Session:
    """One after the other: `open`, or `reopen` what was open before."""

    def __init__(self, source: SourceModel, pki: Pki) -> None:
        self._source = source
        self._pki = pki
        self._client: Client | None = None
        self._phase = ""
        self._renewal: asyncio.Task[None] | None = None
        self.namespaces: list[str] = []
        self.limits = Limits()
        self.product = ""
        self.started_at: Any = None

    @property
    def is_secure(self) -> bool:
        return self._source.security not in {"", "None"}

    async def open(self) -> None:
        """A new session. Raises SourceLostError."""
        await self.drop()
        wanted = wanted_of(self._source.security)
        url = self._source.url if _has_port(self._source.url) else f"{self._source.url.rstrip('/')}:4840"
        try:
            self._client = client = Client(url, timeout=REQUEST_S_MAX)
            speak_through_channel(client.uaclient)
            self._dress(client)
            if wanted.policy is not None:
                await self._secure(client, wanted)
            await self._open_channel(client)
            self._phase = "session"
            await client.create_session()
            await self._activate(client)
            await self._look_around()
        except Exception as error:
            await self.drop()
            raise lost(error, phase=self._phase, is_secure=self.is_secure) from error

    async def reopen(self) -> bool:
        """The same session on a new channel; False when there was none or the server has forgotten it."""
        client = self._client
        if client is None or not client.uaclient.has_session:
            return False
        await self._drop_transport(client)
        try:
            await self._open_channel(client)
            client.uaclient.session.rebind_authentication_token()
            await self._activate(client)
        except UaStatusCodeError:
            await self.drop()
            return False
        except Exception as error:
            await self._drop_transport(client)
            raise lost(error, phase=self._phase, is_secure=self.is_secure) from error
        return True

    def _dress(self, client: Client) -> None:
        source = self._source
        client.name = client.description = "Takt collector"
        client.application_uri = f"urn:{socket.gethostname()}:takt:collector"
        client.product_uri = "urn:takt:collector"
        client.session_timeout, client.secure_channel_timeout = SESSION_MS, CHANNEL_MS
        if source.user:
            client.set_user(source.user)
            client.set_password(_password(source))
        if source.cert:
            client.user_certificate, client.user_private_key = _user_certificate(source)

    async def _secure(self, client: Client, wanted: Wanted) -> None:
        """Exactly the security that was asked for, with a server somebody accepted, or nothing."""
        self._phase = "discovery"
        own = await asyncio.to_thread(self._pki.own)
        client.application_uri = own.application_uri
        endpoints = await client.connect_and_get_server_endpoints()
        self._phase = "channel"
        offered = [e for e in endpoints if e.SecurityPolicyUri == wanted.uri and e.SecurityMode == wanted.mode]
        if not offered:
            names = sorted({f"{str(e.SecurityPolicyUri).rpartition('#')[2]}/{e.SecurityMode.name}" for e in endpoints})
            detail = f"the server does not offer {self._source.security}; it offers {', '.join(names).replace('_', '')}"
            raise SourceLostError("configuration", detail)
        certificate = self._pki.judge(offered[0].ServerCertificate, application_uri=offered[0].Server.ApplicationUri)
        client.security_policy = _policy(wanted, certificate, own)
        client.uaclient.set_security(client.security_policy)

    async def _open_channel(self, client: Client) -> None:
        self._phase = "socket"
        await client.connect_socket()
        await client.send_hello()
        self._phase = "channel"
        await client.open_secure_channel()
        self._renewal = asyncio.create_task(_renew(client))

    async def _activate(self, client: Client) -> None:
        self._phase = "user"
        user, password = (self._source.user or None), (_password(self._source) if self._source.user else None)
        await client.activate_session(username=user, password=password, certificate=client.user_certificate)

    async def _look_around(self) -> None:
        """What the server is and takes: namespaces by their names, limits, vendor."""
        self._phase = "browse"
        numbers = [_NAMESPACES, _BUILD_INFO, _START_TIME, _MAX_ITEMS_PER_CALL, _MAX_NODES_PER_READ]
        found = await self.read([standard(number) for number in numbers], batch=len(numbers))
        namespaces, build, self.started_at, items, reads = (
            None if value.Value is None else value.Value.Value for value in found
        )
        self.namespaces = list(namespaces or ())
        info = plain(build)
        self.product = " ".join(str(info.get(k) or "") for k in ("ManufacturerName", "ProductName")) if info else ""
        profile = next((size for name, size in _PROFILES.items() if name in self.product), ITEMS_PER_CALL_MAX)
        self.limits = Limits(min(profile, items or profile), min(READS_PER_CALL_MAX, reads or READS_PER_CALL_MAX))

    # --- services

    async def request(self, request: Any, answer: type[T]) -> T:
        """One service call. Raises UaStatusCodeError, ConnectionError, TimeoutError."""
        assert self._client is not None
        data = await self._client.uaclient.session._send_request(request)
        response: Any = struct_from_binary(answer, data)
        response.ResponseHeader.ServiceResult.check()
        return response  # type: ignore[no-any-return]

    def publish(self, acknowledgements: Sequence[Acknowledgement]) -> asyncio.Future[Buffer]:
        """Send a publish request and leave its answer to the caller, however late. Raises ConnectionError."""
        assert self._client is not None
        channel = self._client.uaclient.protocol
        if not isinstance(channel, Channel):
            raise ConnectionError("the connection is not open")
        channel._request_handle += 1
        token = nodeid_to_binary(channel.authentication_token)
        request = publish_request(token, channel._request_handle, filetime_of(wall()), acknowledgements)
        return channel.send_body(request)

    async def read(self, nodes: Sequence[ua.NodeId], *, batch: int | None = None) -> list[ua.DataValue]:
        """The values of nodes, however many."""
        assert self._client is not None
        size = batch or self.limits.reads_per_call
        values: list[ua.DataValue] = []
        for first in range(0, len(nodes), size):
            some = list(nodes[first : first + size])
            values += await self._client.uaclient.session.read_attributes(some, AttributeIds.Value)
        return values

    async def pulse(self) -> tuple[int, Any, Any]:
        """A sign of life: the server's state (0 is running), its time, and when it started."""
        nodes = [standard(number) for number in (_STATE, _CURRENT_TIME, _START_TIME)]
        state, now, started = (None if v.Value is None else v.Value.Value for v in await self.read(nodes, batch=3))
        return int(state or 0), now, started

    @property
    def client(self) -> Client:
        """asyncua's client, for browsing."""
        assert self._client is not None
        return self._client

    # --- ending

    async def close(self) -> None:
        """Take leave: subscriptions and session end at the server."""
        client = self._client
        if client is not None and client.uaclient.protocol is not None:
            await _quietly(client.uaclient.close_session(True))
            await _quietly(client.uaclient.close_secure_channel())
        await self.drop()

    async def drop(self) -> None:
        """Let go without a word."""
        client, self._client = self._client, None
        if client is not None:
            await self._drop_transport(client)

    async def _drop_transport(self, client: Client) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)
            self._renewal = None
        client.disconnect_socket()


async def _renew(client: Client) -> None:
    """New keys for the channel after three quarters of their life (Part 4, 5.5.2)."""
    while True:
        await asyncio.sleep(client.secure_channel_timeout / 1000 * 0.75)
        await client.open_secure_channel(renew=True)
        client.uaclient.revolve_security_token()


async def _quietly(step: Awaitable[object]) -> None:
    with contextlib.suppress(Exception):
        await asyncio.wait_for(step, 1.0)


def _policy(wanted: Wanted, certificate: x509.Certificate, own: Own) -> Any:
    assert wanted.policy is not None
    return wanted.policy(certificate, own.certificate, own.key, wanted.mode)


def _password(source: SourceModel) -> str:
    if not source.password_env:
        return ""
    if source.password_env not in os.environ:
        raise SourceLostError("password", f"the variable {source.password_env} with the password is not set")
    return os.environ[source.password_env]


def _user_certificate(source: SourceModel) -> tuple[x509.Certificate, Any]:
    try:
        content, key = Path(source.cert).read_bytes(), Path(source.key or source.cert).read_bytes()
        load = x509.load_pem_x509_certificate if b"-----BEGIN" in content else x509.load_der_x509_certificate
        return load(content), serialization.load_pem_private_key(key, None)
    except (OSError, ValueError) as error:
        raise SourceLostError("configuration", f"the user certificate cannot be read: {error}") from error


def _has_port(url: str) -> bool:
    return url.rpartition("//")[2].partition("/")[0].rpartition("@")[2].count(":") > 0
