"""A TCP proxy that breaks connections the way the world does, one route for each connection worth breaking.

    python -m simulators faults --route broker=127.0.0.1:18830:127.0.0.1:1883 --control-port 18831
    POST /set {"route": "broker", "mode": "delay", "delay_ms": 200}

Modes: `pass`; `delay` (each chunk arrives `delay_ms` later, both ways); `throttle` (`bytes_per_s`); `cut` (connections
are reset and new ones refused); `black_hole` (nothing arrives, nothing is closed, new ones are accepted and never
answered); `half_open` (the server's side is closed, the client is never told); `truncate` (after `bytes` more towards
the client the connection is reset in the middle of whatever it was saying; then as `pass`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulators.control import Control

MODES = ("pass", "delay", "throttle", "cut", "black_hole", "half_open", "truncate")
CHUNK_BYTES_MAX = 65_536
WAITING_CHUNKS_MAX = 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """How a route misbehaves."""

    mode: str = "pass"
    delay_ms: float = 0.0
    bytes_per_s: float = 0.0
    bytes: int = 0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}, not {self.mode!r}")
        if self.mode == "throttle" and self.bytes_per_s <= 0:
            raise ValueError("throttle needs bytes_per_s above 0")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a route listens and where it leads."""

    name: str
    listen: tuple[str, int]
    target: tuple[str, int]


def route_of(text: str) -> Address:
    """`broker=127.0.0.1:18830:127.0.0.1:1883` as an address."""
    name, _, rest = text.partition("=")
    parts = rest.split(":")
    if not name or len(parts) != 4:
        raise ValueError(f"a route is NAME=LISTEN_HOST:PORT:TARGET_HOST:PORT, not {text!r}")
    return Address(name, (parts[0], int(parts[1])), (parts[2], int(parts[3])))


@dataclass(eq=False)
class _Link:
    """One client's connection and its continuation to the server."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def reset(self) -> None:
        """Break both sides at once, with a reset."""
        for task in self.tasks:
            task.cancel()
        for writer in (self.client, self.server):
            _reset(writer)


class Route:
    """One listening port in front of one server."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.fault = Fault()
        self.passed = {"to_server": 0, "to_client": 0}
        self.accepted = 0
        self._links: set[_Link] = set()
        self._held: set[asyncio.StreamWriter] = set()
        self._left = 0
        self._moved = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def listen(self) -> int:
        """Open the port; 0 in the address takes a free one. The port it is."""
        self._server = await asyncio.start_server(self._accept, *self.address.listen)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Break everything and stop listening."""
        self._break_all()
        if self._server is not None:
            self._server.close()

    def set(self, fault: Fault) -> None:
        """Misbehave like this from now on."""
        self.fault = fault
        self._left = fault.bytes
        if fault.mode == "cut":
            self._break_all()
        elif fault.mode == "half_open":
            for link in self._links:
                _reset(link.server)
        elif fault.mode not in {"black_hole", "truncate"}:
            for writer in self._held:
                _reset(writer)
            self._held.clear()
        self._moved.set()
        self._moved = asyncio.Event()

    def _break_all(self) -> None:
        for link in self._links:
            link.reset()
        for writer in self._held:
            _reset(writer)
        self._links.clear()
        self._held.clear()

    async def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self.fault.mode == "cut":
            _reset(client)
            return
        if self.fault.mode in {"black_hole", "half_open"}:
            self._held.add(client)
            return
        try:
            from_server, server = await asyncio.open_connection(*self.address.target)
        except OSError:
            _reset(client)
            return
        link = _Link(client, server)
        self._links.add(link)
        link.tasks = [
            asyncio.create_task(self._carry(link, reader, server, "to_server")),
            asyncio.create_task(self._carry(link, from_server, client, "to_client")),
        ]

    async def _carry(self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        """Carry bytes one way until the end of the connection, as the fault of the moment allows."""
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while chunk := await reader.read(CHUNK_BYTES_MAX):
                await self._suffer(link, len(chunk), way)
                if self._cuts_within(chunk, way):
                    writer.write(chunk[: self._left])
                    await writer.drain()
                    self.fault = Fault()
                    link.reset()
                    break
                writer.write(chunk)
                self.passed[way] += len(chunk)
                await writer.drain()
        if link in self._links and self.fault.mode not in {"black_hole", "half_open"}:
            self._links.discard(link)
            link.reset()

    async def _suffer(self, link: _Link, size: int, way: str) -> None:
        while self.fault.mode in {"black_hole", "half_open"}:
            await self._moved.wait()
            if self.fault.mode == "pass" and way == "to_server" and link.server.is_closing():
                raise ConnectionResetError
        if self.fault.mode == "delay":
            await asyncio.sleep(self.fault.delay_ms / 1000)
        elif self.fault.mode == "throttle":
            await asyncio.sleep(size / self.fault.bytes_per_s)

    def _cuts_within(self, chunk: bytes, way: str) -> bool:
        if self.fault.mode != "truncate" or way != "to_client":
            return False
        if len(chunk) > self._left:
            return True
        self._left -= len(chunk)
        return False


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset instead of a farewell."""
    held = writer.get_extra_info("socket")
    if held is not None:
        with contextlib.suppress(OSError):
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Proxy:
    """Some routes and the door that sets their faults."""

    def __init__(self, addresses: list[Address], control_port: int = 0) -> None:
        self.routes = {address.name: Route(address) for address in addresses}
        self.ports: dict[str, int] = {}
        self.url = ""
        self._control_port = control_port
        self._control: Control | None = None

    async def start(self) -> str:
        """Open all ports and the door; where the door is."""
        for name, route in self.routes.items():
            self.ports[name] = await route.listen()
        loop = asyncio.get_running_loop()

        def in_loop(deed: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
            async def run(body: dict[str, Any]) -> dict[str, Any]:
                return deed(body)

            return lambda body: asyncio.run_coroutine_threadsafe(run(body), loop).result(5)

        routes = {("POST", "/set"): in_loop(self._set), ("GET", "/routes"): in_loop(self._said)}
        self._control = Control(self._control_port, routes)
        self.url = self._control.url
        return self.url

    async def stop(self) -> None:
        """Close everything."""
        if self._control is not None:
            await asyncio.to_thread(self._control.close)
        for route in self.routes.values():
            await route.close()

    def set(self, name: str, fault: Fault) -> None:
        """Misbehave on a route."""
        if name not in self.routes:
            raise KeyError(f"no route {name!r}; there is {', '.join(self.routes)}")
        self.routes[name].set(fault)

    def _set(self, body: dict[str, Any]) -> dict[str, Any]:
        self.set(body.get("route", ""), Fault(**{key: value for key, value in body.items() if key != "route"}))
        return self._said({})

    def _said(self, _: dict[str, Any]) -> dict[str, Any]:
        return {
            name: {"port": self.ports[name], "mode": route.fault.mode, "accepted": route.accepted, **route.passed}
            for name, route in self.routes.items()
        }


async def run(addresses: list[Address], control_port: int) -> None:
    """Run a proxy in this process until it is told to stop; prints one JSON line when all ports are open."""
    proxy = Proxy(addresses, control_port)
    url = await proxy.start()
    print(json.dumps({"ready": "faults", "control": url, "ports": proxy.ports}), flush=True)
    told = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, told.set)
    await told.wait()
    await proxy.stop()
