"""One MQTT connection: made, watched, acknowledged on, and every refusal named for what it is.

Each connection is a client of its own; the session (fixed client id, clean start off) is the broker's to keep. An
acknowledgement goes out on the connection its message came in on, or not at all: the broker then says it again.
Protocol 5 is tried first and 3.1.1 when the broker does not know it; `?version=3.1.1` (or 5) in the URL decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from collectors.mqtt.client import BatchClient, Message, StockClient, new_client
from collectors.source import SourceLostError, Why
from mes.clock import mono
from mes.domain.plant import Source as SourceModel

KEEPALIVE_S = 15
CONNECT_S_MAX = 5.0
ANSWER_S_MAX = 10.0
SESSION_EXPIRY_S = 14 * 86_400
FULL_WAIT_S_MAX = 5.0
UNSUPPORTED_VERSION = 132
SESSION_TAKEN_OVER = 142
NOTHING = "takt/nothing"
_log = structlog.get_logger("collectors.mqtt")
_WHY_OF_CODE: dict[int, Why] = {
    133: "configuration",
    134: "password",
    135: "password",
    138: "password",
    140: "password",
    144: "configuration",
    149: "configuration",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is, taken from its URL."""

    host: str
    port: int
    is_tls: bool
    version: str
    user: str
    password: str


def address_of(source: SourceModel) -> Address:
    """Raises SourceLostError for a URL or a password that is not there."""
    parts = urlsplit(source.url)
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
        raise SourceLostError(
            "configuration", f"{source.url!r} is no broker: write mqtt://host:1883 or mqtts://host:8883"
        )
    password = unquote(parts.password or "")
    if source.password_env:
        if source.password_env not in os.environ:
            raise SourceLostError("password", f"the variable {source.password_env} with the password is not set")
        password = os.environ[source.password_env]
    is_tls = parts.scheme == "mqtts"
    version = (parse_qs(parts.query).get("version") or [""])[0]
    user = source.user or unquote(parts.username or "")
    return Address(parts.hostname, parts.port or (8883 if is_tls else 1883), is_tls, version, user, password)


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we are gone."""

    topic: str
    payload: bytes


class Link:
    """A connection. `on_batch(link, messages)` is called in the network's thread."""

    def __init__(
        self,
        source: SourceModel,
        on_batch: Callable[[Link, list[Message]], None],
        *,
        is_full: Callable[[], bool],
        is_v5: bool,
        clean: bool = False,
        will: Will | None = None,
        batched: bool = True,
    ) -> None:
        self._source = source
        self._address = address_of(source)
        self._is_full = is_full
        self._is_v5 = is_v5
        self._clean = clean
        self._loop = asyncio.get_running_loop()
        self._connack: asyncio.Future[tuple[bool, ReasonCode]] = self._loop.create_future()
        self._gone: asyncio.Future[SourceLostError] = self._loop.create_future()
        self._answers: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        client_id = source.client_id or f"takt-{source.code}"
        self._client = new_client(client_id=client_id, is_v5=is_v5, clean=clean, batched=batched)
        self._deliver = on_batch
        self._prepare(self._client, will)

    def _prepare(self, client: BatchClient | StockClient, will: Will | None) -> None:
        client.on_batch = self._on_batch
        client.on_fall = self._on_fall
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_subscribe
        client.connect_timeout = CONNECT_S_MAX
        if self._address.user:
            client.username_pw_set(self._address.user, self._address.password or None)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)

    @property
    def heard_s(self) -> float:
        """When the broker last sent anything (`mono`)."""
        return self._client.heard_s

    # --- the event loop's side

    async def connect(self) -> bool:
        """Connect; whether the broker had kept our session. Raises SourceLostError."""
        try:
            if self._address.is_tls:
                await asyncio.to_thread(self._set_tls)
            await asyncio.to_thread(self._open)
        except ssl.SSLError as error:
            raise SourceLostError("certificate", _reason(error)) from error
        except OSError as error:
            raise SourceLostError(*_of_oserror(error)) from error
        self._client.loop_start()
        waited: tuple[asyncio.Future[Any], ...] = (self._connack, self._gone)
        await asyncio.wait(waited, timeout=ANSWER_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        if not self._connack.done():
            raise self._unanswered()
        present, code = self._connack.result()
        if code.is_failure:
            raise ConnectRefusedError(code)
        return present

    def _unanswered(self) -> SourceLostError:
        """A broker looks at a client's certificate after the handshake (TLS 1.3), and hangs up when it is not right."""
        if not self._gone.done():
            return SourceLostError("network", f"the broker does not answer within {ANSWER_S_MAX:.0f} s")
        if not self._address.is_tls:
            return self._gone.result()
        detail = "does not accept our certificate" if self._source.cert else "wants a certificate of ours, and has none"
        return SourceLostError("certificate", f"the broker hung up after the handshake: most likely it {detail}")

    def _set_tls(self) -> None:
        source = self._source
        context = ssl.create_default_context(cafile=source.ca or None)
        context.sslsocket_class = _Line
        if source.cert:
            context.load_cert_chain(source.cert, source.key or None)
        self._client.tls_set_context(context)

    def _open(self) -> None:
        more: dict[str, Any] = {}
        if self._is_v5:
            more["properties"] = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            more["properties"].SessionExpiryInterval = 0 if self._clean else SESSION_EXPIRY_S
            more["clean_start"] = self._clean
        self._client.connect(self._address.host, self._address.port, KEEPALIVE_S, **more)

    async def subscribe(self, filters: Sequence[str], *, qos: int = 1) -> dict[str, str]:
        """Subscribe; the filters that were refused, with the reason. Raises SourceLostError when it goes meanwhile."""
        refused: dict[str, str] = {}
        for first in range(0, len(filters), 100):
            some = filters[first : first + 100]
            wanted: list[Any] = [(name, self._options(qos)) for name in some]
            _code, mid = self._client.subscribe(wanted)
            if mid is None:
                raise await self.gone()
            codes = await self._answer(mid)
            refused |= {name: str(code) for name, code in zip(some, codes, strict=False) if code.is_failure}
        return refused

    def _options(self, qos: int) -> SubscribeOptions | int:
        """In protocol 5 retained messages come only with a subscription that is new."""
        if self._is_v5:
            return SubscribeOptions(qos=qos, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        return qos

    async def _answer(self, mid: int) -> list[ReasonCode]:
        answer = self._answers.setdefault(mid, self._loop.create_future())
        waited: tuple[asyncio.Future[Any], ...] = (answer, self._gone)
        await asyncio.wait(waited, timeout=ANSWER_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        self._answers.pop(mid, None)
        if answer.done():
            return answer.result()
        if self._gone.done():
            raise self._gone.result()
        raise SourceLostError("network", "the broker does not answer a subscription")

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """No longer want these."""
        if filters:
            self._client.unsubscribe(list(filters))

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> None:
        """Say something; it is lost when the connection is."""
        self._client.publish(topic, payload, qos=qos, retain=retain)

    async def gone(self) -> SourceLostError:
        """Wait until the connection is lost; why."""
        return await asyncio.shield(self._gone)

    async def close(self) -> None:
        """Take leave; what was acknowledged goes out first."""
        client = self._client
        if not self._gone.done() and client.is_connected():
            with contextlib.suppress(SourceLostError, TimeoutError):
                await asyncio.wait_for(self._round_trip(), 1.0)
            client.disconnect()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._gone), 1.0)
        await asyncio.to_thread(self.drop)

    async def _round_trip(self) -> None:
        """Brokers drop what a leaving client said last; an answered question shows that they have read it all."""
        _code, mid = self._client.unsubscribe(NOTHING)
        if mid is not None:
            await self._answer(mid)

    def drop(self) -> None:
        """Let go at once, without a word."""
        self._client.on_batch = lambda _messages: None
        with contextlib.suppress(OSError):
            if (line := self._client.socket()) is not None:
                line.close()
        self._client.loop_stop()

    # --- from any thread

    def ack(self, mids: Sequence[int]) -> None:
        """Acknowledge, in this order, if the connection is still there."""
        if not self._gone.done():
            self._client.ack_many(mids)

    # --- the network's thread

    def _on_batch(self, messages: list[Message]) -> None:
        deadline = mono() + FULL_WAIT_S_MAX
        while self._is_full() and mono() < deadline:
            time.sleep(0.01)
        self._deliver(self, messages)

    def _on_connect(self, _client: Any, _userdata: Any, flags: Any, code: ReasonCode, _properties: Any) -> None:
        self._tell(self._connack, (bool(flags.session_present), code))

    def _on_subscribe(self, _client: Any, _userdata: Any, mid: int, codes: list[ReasonCode], _properties: Any) -> None:
        self._call(self._subscribed, mid, codes)

    def _on_disconnect(self, _client: Any, _userdata: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        detail = "another client uses our client id" if code.value == SESSION_TAKEN_OVER else str(code)
        self._tell(self._gone, SourceLostError("session" if code.value == SESSION_TAKEN_OVER else "network", detail))

    def _on_fall(self, error: Exception) -> None:
        _log.error("the thread of a connection has fallen", source=self._source.code, exc_info=error)
        self._tell(self._gone, SourceLostError("network", f"an error of ours ended the connection: {_reason(error)}"))

    def _subscribed(self, mid: int, codes: list[ReasonCode]) -> None:
        answer = self._answers.setdefault(mid, self._loop.create_future())
        if not answer.done():
            answer.set_result(codes)

    def _tell(self, future: asyncio.Future[Any], result: object) -> None:
        self._call(lambda: None if future.done() else future.set_result(result))

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(function, *arguments)


class _Line(ssl.SSLSocket):
    """Paho leaves a socket open whose handshake failed."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class ConnectRefusedError(SourceLostError):
    """The broker answered with a refusal."""

    def __init__(self, code: ReasonCode) -> None:
        self.is_version = code.value == UNSUPPORTED_VERSION
        super().__init__(_WHY_OF_CODE.get(code.value, "network"), f"the broker refuses the connection: {code}")


def _of_oserror(error: OSError) -> tuple[Why, str]:
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
        return "configuration", f"{error.filename} cannot be read: {error.strerror}"
    return "network", _reason(error)


def _reason(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
