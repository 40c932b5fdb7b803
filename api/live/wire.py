"""A way past the layers of a response for what two hundred screens are told twice a second.

Each message goes through router, middleware and server once to encode it and never again: a stream that has begun, and
whose screen keeps up, is handed the finished chunk of its HTTP response. Whoever does not keep up, and every server
but ours (a test's), goes the ordinary way: `wire_of(scope)` is None, or `is_free` says no.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION = "takt.wire"


def chunk_of(message: bytes) -> bytes:
    """A message as one chunk of a response in chunked encoding (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(message), message)


@dataclass(frozen=True, slots=True)
class Wire:
    """A connection: what is written joins the response under way, which must be a chunked one."""

    transport: asyncio.Transport
    flow: FlowControl

    @property
    def is_free(self) -> bool:
        """Whether it takes what is written now, without a queue growing for a screen that does not read."""
        return not (self.flow.write_paused or self.transport.is_closing())

    def write(self, chunk: bytes) -> None:
        """Send a chunk; several of one turn of the event loop leave in one write."""
        self.transport.write(chunk)


class Protocol(HttpToolsProtocol):
    """The server's protocol, which lets a response have its wire (an ASGI extension)."""

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"wire": Wire(self.transport, self.flow)}}


def wire_of(scope: MutableMapping[str, Any]) -> Wire | None:
    """The wire of a request's connection, where the server has one."""
    found = scope.get("extensions", {}).get(EXTENSION, {}).get("wire")
    return found if isinstance(found, Wire) else None
