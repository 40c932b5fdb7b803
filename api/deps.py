"""What a route is given, and the one transaction of a request.

A route is registered through `Door`: who may not is turned away before anything is read; the body is read, in time,
before anything is held; then one connection in one transaction is opened, the route runs, and its answer is kept under
the request's Idempotency-Key and committed before it is sent. Whatever is raised rolls all of it back.

At most as many requests as there are connections are let through to a worker thread, so that none waits in a thread
for a connection another cannot give back for want of a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import AbstractContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, cast, get_type_hints

from anyio import CancelScope, CapacityLimiter
from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

from api import limits
from api.errors import BodyError, SlowBodyError, TooLargeError, UnsupportedError
from api.idempotency import Repeated, kept_answer, repeated, request_key
from api.security import guard
from api.security.login import BackOff
from api.wire import READERS
from mes import clock
from mes.actions.record import Deed
from mes.clock import Clock
from mes.domain.access import Caller, Permission
from mes.domain.plant import Plant
from mes.errors import Fault, NotFoundError, UnauthenticatedError, UnavailableError
from mes.settings import Settings
from mes.store.house import load_clock
from mes.store.pool import AWAY, RETRYABLE, Connection, Pool, snapshot, transaction

TRIES_MAX = 3
CONNECTIONS_MAX = 10
CONNECTIONS_SPARE = 2
"""Beside those of requests, for what is written whatever becomes of a request."""
CONNECTION_S_MAX = 3.0
PLACE_S_MAX = 5.0
STREAM_ASKED_AGAIN_S = 20.0


@dataclass(slots=True)
class House:
    """What one api process has: its settings, connections, plant clock, doorkeeper and budgets."""

    settings: Settings
    pool: Pool
    doorkeeper: guard.Doorkeeper
    buckets: limits.Buckets = field(default_factory=limits.Buckets)
    schema_is_current: bool = False
    failed_names: BackOff = field(init=False)
    """By name and address together, so that a stranger elsewhere keeps nobody out."""
    failed_addresses: BackOff = field(init=False)
    leaving: Callable[[], bool] = lambda: False
    _clock: Clock | None = None
    _places: CapacityLimiter | None = None

    def __post_init__(self) -> None:
        self.failed_names = BackOff(self.pool, "name", free=5)
        self.failed_addresses = BackOff(self.pool, "address", free=30)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """One of the places for requests that hold a connection. Raises UnavailableError when none gets free."""
        if self._places is None:
            self._places = CapacityLimiter(CONNECTIONS_MAX)
        try:
            async with asyncio.timeout(PLACE_S_MAX):
                await self._places.acquire()
        except TimeoutError:
            raise UnavailableError("Too much is asked for at this moment", remedy="Try again in a moment.") from None
        try:
            yield
        finally:
            self._places.release()

    def now(self) -> datetime:
        """Plant time, as anchored in the database; asked for once."""
        if self._clock is None:
            with snapshot(self.pool) as conn:
                self._clock = load_clock(conn)
        return self._clock.now()

    @property
    def clock(self) -> Clock:
        self.now()
        assert self._clock is not None
        return self._clock

    def transaction(self) -> AbstractContextManager[Connection]:
        """A transaction of its own, for routes that hold nothing."""
        return transaction(self.pool)

    def snapshot(self) -> AbstractContextManager[Connection]:
        """A snapshot of its own, for routes that hold nothing."""
        return snapshot(self.pool)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request at a route that holds nothing: who calls, from where, when in plant time."""

    house: House
    caller: Caller
    permission: Permission
    address: str

    @property
    def at(self) -> datetime:
        """Plant time now. Asks the database the first time a process needs it."""
        return self.house.now()

    @property
    def deed(self) -> Deed:
        """How what is done here is signed."""
        return Deed(by=self.caller.by, at=self.at, system=self.caller.system)

    @property
    def lines(self) -> frozenset[str] | None:
        """The lines the caller sees through this route; None is every line."""
        return self.caller.lines_for(self.permission)

    def sees(self, line: str) -> bool:
        lines = self.lines
        return lines is None or line in lines

    def leaving(self) -> bool:
        """Whether this process is about to end: whoever waits is answered now."""
        return self.house.leaving()

    def require_line(self, line: str, what: str) -> None:
        """Another line's things are not there. Raises NotFoundError."""
        if not self.sees(line):
            raise NotFoundError(f"There is no {what}")


@dataclass(frozen=True, slots=True)
class Call(Visit):
    """A request with its transaction; all of it happens at one instant of plant time."""

    conn: Connection
    now: datetime

    @property
    def at(self) -> datetime:
        return self.now

    def plant(self) -> Plant:
        """The plant model in force now. Raises NotFoundError when none was applied yet."""
        from mes.actions.plant import plant_at

        return plant_at(self.conn, self.at)


def house_of(request: Request) -> House:
    """The process's own things."""
    house: House = request.app.state.house
    return house


async def _visit(request: Request) -> Visit:
    visit: Visit = request.state.visit
    return visit


Calling = Annotated[Call, Depends(_visit)]
"""For a route: `def get_item(code: str, call: Calling)`."""

Visiting = Annotated[Visit, Depends(_visit)]
"""For a route with `holds="nothing"`."""


def _too_large() -> TooLargeError:
    fault = Fault("", "too_large", f"has at most {limits.BODY_BYTES_MAX} bytes")
    return TooLargeError(f"A body has at most {limits.BODY_BYTES_MAX} bytes", faults=(fault,))


async def _ended(task: asyncio.Future[Any]) -> None:
    """Once it is over, cancelled where it was not done; what it met is for whoever asks it."""
    task.cancel()
    await asyncio.wait({task})


async def _whole_body(request: Request) -> bytes:
    """The body, refused as soon as it is too large."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > limits.BODY_BYTES_MAX:
        raise _too_large()
    chunks: list[bytes] = []
    left = limits.BODY_BYTES_MAX
    async for chunk in request.stream():
        chunks.append(chunk)
        left -= len(chunk)
        if left < 0:
            raise _too_large()
    return b"".join(chunks)


def _also_read(endpoint: Callable[..., Any], kinds: tuple[str, ...]) -> dict[str, Any]:
    """What the contract says of bodies that are not JSON: the same document."""
    if not kinds:
        return {}
    schema = {"$ref": f"#/components/schemas/{get_type_hints(endpoint)['body'].__name__}"}
    return {"requestBody": {"content": {kind: {"schema": schema} for kind in kinds}}}


class Door(APIRoute):
    """A route behind the guard. `needs(...)` is not optional."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        extra = options.get("openapi_extra") or {}
        if not extra.get("x-permission"):
            raise TypeError(f"{path} declares no permission: add **needs(...)")
        self.permission: Permission = extra["x-permission"]
        self.keeps: guard.Keeps = extra["x-keeps"]
        changes = bool(set(options.get("methods") or {"GET"}) & guard.CHANGING)
        self.holds: guard.Holds = extra["x-holds"] or ("write" if changes else "read")
        self.kinds: tuple[str, ...] = ("application/json", *extra["x-also"])
        options["openapi_extra"] = {"x-permission": self.permission, **_also_read(endpoint, extra["x-also"])}
        options["operation_id"] = options.get("operation_id") or getattr(endpoint, "__name__", path)
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            house = house_of(request)
            caller = house.doorkeeper.remembered(request)
            if caller is None:
                async with house.place():
                    caller = await run_in_threadpool(house.doorkeeper.find, request)
            address = request.client.host if request.client else ""
            budget = ("floor" if self.permission in limits.FLOOR else "known") if caller.known else "nobody"
            if self.permission != "public" or request.method in guard.CHANGING:
                house.buckets.take(caller.by or address, budget)
            guard.admit(caller, self.permission, request)
            await self._read(request)
            if self.holds == "nothing":
                request.state.visit = Visit(house, caller, self.permission, address)
                response = await inner(request)
                if isinstance(response, StreamingResponse):
                    response.body_iterator = self._while_admitted(
                        house, request, cast("AsyncGenerator[Any, None]", response.body_iterator)
                    )
                return response
            async with house.place():
                return await self._in_transaction(house, caller, address, request, inner)

        return handle

    async def _while_admitted(
        self, house: House, request: Request, pieces: AsyncGenerator[Any, None]
    ) -> AsyncGenerator[Any, None]:
        """A stream, which ends soon after its caller lost the right to it, whether pieces pass by here or not."""
        asked = clock.mono()
        async with aclosing(pieces):
            while True:
                coming = asyncio.ensure_future(anext(pieces, None))
                try:
                    while not coming.done():
                        await asyncio.wait({coming}, timeout=asked + STREAM_ASKED_AGAIN_S - clock.mono())
                        if clock.mono() - asked >= STREAM_ASKED_AGAIN_S:
                            if not await self._still_admitted(house, request):
                                return
                            asked = clock.mono()
                finally:
                    await _ended(coming)
                if (piece := coming.result()) is None:
                    return
                yield piece

    async def _still_admitted(self, house: House, request: Request) -> bool:
        """Whether a caller may still do this; while the database is away nobody loses a right."""
        try:
            async with house.place():
                caller = await run_in_threadpool(house.doorkeeper.find, request)
        except (*AWAY, UnavailableError):
            return True
        except UnauthenticatedError:
            return False
        return caller.may(self.permission)

    async def _read(self, request: Request) -> None:
        """The whole body, checked, before anything is held."""
        if request.method not in guard.CHANGING:
            return
        try:
            async with asyncio.timeout(limits.BODY_S_MAX):
                body = request._body = await _whole_body(request)
        except TimeoutError:
            raise SlowBodyError() from None
        except ClientDisconnect:
            raise BodyError("The connection ended inside the body") from None
        if self.body_field is not None and body:
            read = READERS[self._kind_of(request)]
            request._json = read(body) if len(body) < 65_536 else await run_in_threadpool(read, body)

    def _kind_of(self, request: Request) -> str:
        """What the body is written in; FastAPI is told JSON in any case. Raises UnsupportedError."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind.startswith("application/") and kind.endswith("+json"):
            kind = "application/json"
        if kind not in self.kinds:
            fault = Fault("header/Content-Type", "media_type", f"is {' or '.join(self.kinds)}")
            raise UnsupportedError(f"A body here is {' or '.join(self.kinds)}", faults=(fault,))
        if kind != "application/json":
            request._headers = Headers({**request.headers, "content-type": "application/json"})
        return kind

    async def _in_transaction(
        self,
        house: House,
        caller: Caller,
        address: str,
        request: Request,
        inner: Callable[[Request], Coroutine[Any, Any, Response]],
    ) -> Response:
        for tries_left in range(TRIES_MAX - 1, -1, -1):
            held = _Held(house, caller, self, address, request)
            try:
                return await held.run(inner)
            except RETRYABLE:
                if not tries_left:
                    raise
            except Repeated as answer:
                return answer.response
        raise AssertionError("the last try returns or raises")


class _Held:
    """One try of a request in its transaction. Opened, used and closed on worker threads, one after the other."""

    def __init__(self, house: House, caller: Caller, door: Door, address: str, request: Request) -> None:
        self._house = house
        self._caller = caller
        self._door = door
        self._address = address
        self._request = request
        self._key = request_key(request, caller, door.keeps) if door.holds == "write" else None
        self._edge = house.transaction() if door.holds == "write" else house.snapshot()
        self._conn: Connection | None = None

    async def run(self, inner: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
        await run_in_threadpool(self._open)
        try:
            response = await inner(self._request)
        except BaseException as error:
            with CancelScope(shield=True):
                await run_in_threadpool(self._edge.__exit__, type(error), error, error.__traceback__)
            raise
        with CancelScope(shield=True):
            await run_in_threadpool(self._close, response)
        return response

    def _open(self) -> None:
        at = self._house.now()
        conn = self._conn = self._edge.__enter__()
        try:
            if self._key is not None:
                repeated(conn, self._key)
        except BaseException as error:
            self._edge.__exit__(type(error), error, error.__traceback__)
            raise
        self._request.state.visit = Call(self._house, self._caller, self._door.permission, self._address, conn, at)

    def _close(self, response: Response) -> None:
        assert self._conn is not None
        try:
            if self._key is not None and response.status_code < 400:
                kept_answer(self._conn, self._key, response)
        except BaseException as error:
            self._edge.__exit__(type(error), error, error.__traceback__)
            raise
        self._edge.__exit__(None, None, None)
