"""For servers without subscriptions: read every node again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from asyncua import ua

from collectors.opcua.decode import Change, change_of
from collectors.opcua.items import Item, NodeIdError, Translator, node_id
from collectors.opcua.security import lost
from collectors.opcua.session import Session
from collectors.source import Outlet, SourceLostError
from mes.domain.plant import Source as SourceModel


class Poll:
    """Same doors as a subscription. A value is delivered when it, its quality or its time changed."""

    def __init__(self, session: Session, source: SourceModel, outlet: Outlet) -> None:
        self._session = session
        self._source = source
        self._outlet = outlet
        self._translator = Translator(source.clock)
        self._items: dict[int, Item] = {}
        self._nodes: dict[int, ua.NodeId] = {}
        self._last: dict[int, Change] = {}
        self._task: asyncio.Task[None] | None = None
        self.failure: SourceLostError | None = None

    async def add(self, items: Iterable[Item]) -> None:
        """Read these too."""
        for item in items:
            self._items[item.handle] = item
            try:
                self._nodes[item.handle] = node_id(item.node, self._session.namespaces)
            except NodeIdError as error:
                self._outlet.vitals.bad_tags[item.address] = str(error)
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def remove(self, handles: Iterable[int]) -> None:
        """No longer read these."""
        for handle in handles:
            item = self._items.pop(handle, None)
            self._nodes.pop(handle, None)
            self._last.pop(handle, None)
            if item is not None:
                self._outlet.vitals.bad_tags.pop(item.address, None)

    async def _run(self) -> None:
        try:
            while True:
                if not self._outlet.is_full:
                    await self._read()
                await asyncio.sleep(max(self._source.publishing_ms, self._source.sampling_ms) / 1000)
        except Exception as error:
            self.failure = lost(error)

    async def _read(self) -> None:
        nodes = dict(self._nodes)
        values = await self._session.read(list(nodes.values()))
        changes = [change_of(handle, value) for handle, value in zip(nodes, values, strict=True)]
        new = [change for change in changes if self._last.get(change[0], ())[:4] != change[:4]]
        self._last |= {change[0]: change for change in new}
        taken = self._translator.take(new, self._items)
        self._tell_bad(taken.gone, [change[0] for change in new])
        self._outlet.alive()
        self._outlet.deliver(taken.heard, unreadable=taken.unreadable)

    def _tell_bad(self, gone: Sequence[Item], changed: Iterable[int]) -> None:
        """Nodes that are not there are named; they are read again like all others, and named no more when they are."""
        bad = self._outlet.vitals.bad_tags
        for handle in changed:
            if (item := self._items.get(handle)) is not None:
                bad.pop(item.address, None)
        bad |= {item.address: "the node is gone" for item in gone}

    async def watch(self) -> None:
        """Once a second. Raises SourceLostError when reading has failed."""
        if self.failure is not None:
            raise self.failure

    def pause(self) -> None:
        """No longer read."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
