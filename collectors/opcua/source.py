"""An OPC UA server as a source: session, subscription (or polling), and the way back after every kind of loss."""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from pathlib import Path
from typing import Any

import structlog
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from collectors.opcua.items import Item, item_of
from collectors.opcua.poll import Poll
from collectors.opcua.security import Pki, lost
from collectors.opcua.session import Session
from collectors.opcua.subscribe import Subscription
from collectors.source import Assignment, GapNote, Outlet, SourceLostError

WATCH_S = 1.0
PULSE_S = 5.0
_NO_SUBSCRIPTIONS = {
    StatusCodes.BadServiceUnsupported,
    StatusCodes.BadNotSupported,
    StatusCodes.BadNotImplemented,
    StatusCodes.BadTooManySubscriptions,
}
_log = structlog.get_logger("collectors.opcua")
logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # every loss is said once, by the supervisor


class OpcUaSource:
    """Hears the nodes its tags name."""

    def __init__(self, assignment: Assignment, outlet: Outlet, pki_folder: Path) -> None:
        self._assignment = assignment
        self._outlet = outlet
        self._session = Session(assignment.source, Pki(pki_folder))
        self._subscription: Subscription | Poll | None = None
        self._handles = count(1)
        self._items: dict[int, Item] = {}
        self._started_at: Any = None

    async def run(self) -> None:
        try:
            kept_all = await self._resume()
            if kept_all is None:
                kept_all = await self._begin()
            self._outlet.connected(kept_all=kept_all)
            await self._watch()
        except asyncio.CancelledError:
            if self._subscription is not None:
                self._subscription.pause()
            raise
        except Exception as error:
            if isinstance(self._subscription, Poll):
                self._subscription.pause()
            raise lost(error) from error

    async def _resume(self) -> bool | None:
        """Go on with the same session and subscription; None when the server has them no more."""
        if not isinstance(self._subscription, Subscription) or not await self._session.reopen():
            return None
        try:
            return await self._subscription.resume()
        except UaStatusCodeError:
            return None

    async def _begin(self) -> bool:
        """A new session, with the old subscription if the server still has it; whether nothing was lost."""
        await self._session.open()
        restarted = self._note_start(self._session.started_at)
        before = self._subscription
        if isinstance(before, Subscription) and not restarted and await before.transfer():
            return await before.resume()
        self._items = {n.number: item_of(next(self._handles), n) for n in self._assignment.tags}
        self._subscription = await self._subscribe()
        return False

    def _note_start(self, started_at: Any) -> bool:
        """Whether the server has started anew since we heard it last; then its counters may stand elsewhere."""
        before, self._started_at = self._started_at, started_at
        if before is None or started_at is None or before == started_at:
            return False
        now = self._outlet.now()
        self._outlet.deliver((), gaps=[GapNote(now, now, "reboot", "the server was started anew")])
        return True

    async def _subscribe(self) -> Subscription | Poll:
        subscription = Subscription(self._session, self._assignment.source, self._outlet)
        try:
            await subscription.create()
        except UaStatusCodeError as error:
            if error.code not in _NO_SUBSCRIPTIONS:
                raise
            _log.warning("the server has no subscriptions for us; its values are read instead", source=self._code)
            poll = Poll(self._session, self._assignment.source, self._outlet)
            await poll.add(self._items.values())
            return poll
        subscription.publish()
        await subscription.add(self._items.values())
        return subscription

    async def _watch(self) -> None:
        """Stay as long as all is well. Raises what is not."""
        pulse_at = 0.0
        loop = asyncio.get_running_loop()
        while True:
            assert self._subscription is not None
            await self._subscription.watch()
            if loop.time() >= pulse_at:
                await self._pulse()
                pulse_at = loop.time() + PULSE_S
            await asyncio.sleep(WATCH_S)

    async def _pulse(self) -> None:
        state, _now, started_at = await self._session.pulse()
        self._outlet.alive()
        if self._note_start(started_at):
            raise SourceLostError("session", "the server was started anew")
        self._outlet.vitals.detail = "" if state == 0 else f"the server says it is not running (state {state})"

    @property
    def _code(self) -> str:
        return self._assignment.source.code

    async def retag(self, assignment: Assignment) -> None:
        before, self._assignment = {n.number: n for n in self._assignment.tags}, assignment
        if self._subscription is None:
            return
        after = {n.number: n for n in assignment.tags}
        gone = [number for number, numbered in before.items() if after.get(number) != numbered]
        new = {n: item_of(next(self._handles), tag) for n, tag in after.items() if before.get(n) != tag}
        await self._subscription.remove([self._items.pop(number).handle for number in gone if number in self._items])
        self._items |= new
        await self._subscription.add(new.values())

    async def close(self) -> None:
        await self._session.close()
        self._subscription = None
