"""One subscription with our own publish handling.

Several publish requests are always with the server. What comes back is decoded and delivered at once; its
acknowledgement travels with a later publish request, and only after it was stored. Sequence numbers are checked: what
is missing is asked for again, and when the server no longer has it a gap is written and every value read anew.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial

import structlog
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from collectors.opcua.decode import Notice, change_of, decode, take_notifications
from collectors.opcua.encode import Acknowledgement
from collectors.opcua.items import Item, NodeIdError, Taken, Translator, node_id
from collectors.opcua.security import lost
from collectors.opcua.session import Session
from collectors.source import GapNote, Outlet, SourceLostError
from mes.clock import mono
from mes.domain.plant import Source as SourceModel

PUBLISHES = 3
KEEP_ALIVE_MS = 5_000
LIFETIME_KEEP_ALIVES = 24
SILENT_KEEP_ALIVES_MAX = 3
RETRY_S_MIN, RETRY_S_MAX = 60.0, 1_800.0
FASTEST_MS = 10
QUEUE_MIN = 100
REPUBLISHED_MAX = 10_000
"""More messages than any server keeps are not asked for one by one: they are lost."""
_log = structlog.get_logger("collectors.opcua")


class Subscription:
    """Monitors items. A failure shows in `failure`; `watch` raises it."""

    def __init__(self, session: Session, source: SourceModel, outlet: Outlet) -> None:
        self._session = session
        self._source = source
        self._outlet = outlet
        self._translator = Translator(source.clock)
        self._items: dict[int, Item] = {}
        self._bad: dict[int, Item] = {}
        self._retry_s, self._retry_at_s = RETRY_S_MIN, 0.0
        self._id = 0
        self._next_sequence = 1
        self._stored: deque[int] = deque()
        self._outstanding, self._publishes, self._generation = 0, PUBLISHES, 0
        self._answered_s = mono()
        self._notified_at = outlet.now()
        self._silent_s_max = SILENT_KEEP_ALIVES_MAX * KEEP_ALIVE_MS / 1000
        self._repairs: set[asyncio.Task[None]] = set()
        self.failure: SourceLostError | None = None

    # --- making, taking over, ending

    async def create(self) -> None:
        """Ask the server for it. Raises UaStatusCodeError, and what a session raises."""
        request = ua.CreateSubscriptionRequest()
        asked = request.Parameters
        asked.RequestedPublishingInterval = float(self._source.publishing_ms)
        asked.RequestedMaxKeepAliveCount = max(1, KEEP_ALIVE_MS // max(1, self._source.publishing_ms))
        asked.RequestedLifetimeCount = LIFETIME_KEEP_ALIVES * asked.RequestedMaxKeepAliveCount
        given = (await self._session.request(request, ua.CreateSubscriptionResponse)).Parameters
        self._id, self._next_sequence = given.SubscriptionId, 1
        keep_alive_s = given.RevisedPublishingInterval * given.RevisedMaxKeepAliveCount / 1000
        self._silent_s_max = max(SILENT_KEEP_ALIVES_MAX * keep_alive_s, 5.0)

    async def transfer(self) -> bool:
        """Take it over into a new session; False when the server no longer has it or will not."""
        request = ua.TransferSubscriptionsRequest()
        request.Parameters.SubscriptionIds = [self._id]
        try:
            answer = await self._session.request(request, ua.TransferSubscriptionsResponse)
        except UaStatusCodeError:
            return False
        return bool(answer.Parameters.Results[0].StatusCode.is_good())

    async def resume(self) -> bool:
        """Go on after the connection was away: fetch what was sent meanwhile; whether nothing was lost."""
        self._forget_requests()
        while True:
            try:
                await self._republish(self._next_sequence)
            except UaStatusCodeError as error:
                complete = bool(error.code == StatusCodes.BadMessageNotAvailable)
                break
        self.publish()
        return complete

    def _forget_requests(self) -> None:
        self._generation += 1
        self.failure, self._outstanding, self._answered_s = None, 0, mono()

    def pause(self) -> None:
        """Pass over whatever comes from now on."""
        self._generation += 1
        self.failure = SourceLostError("session", "stopped")

    async def delete(self) -> None:
        """End it at the server."""
        request = ua.DeleteSubscriptionsRequest()
        request.Parameters.SubscriptionIds = [self._id]
        await self._session.request(request, ua.DeleteSubscriptionsResponse)

    # --- items

    async def add(self, items: Iterable[Item]) -> None:
        """Monitor these, in calls the server takes well; what it refuses is tried again later."""
        wanted = list(items)
        self._items |= {item.handle: item for item in wanted}
        resolved = [(item, node) for item in wanted if (node := self._resolve(item)) is not None]
        size = self._session.limits.items_per_call
        for first in range(0, len(resolved), size):
            await self._add_some(resolved[first : first + size])
        self._tell_bad()

    def _resolve(self, item: Item) -> ua.NodeId | None:
        try:
            return node_id(item.node, self._session.namespaces)
        except NodeIdError as error:
            self._put_aside(item, str(error))
            return None

    async def _add_some(self, resolved: Sequence[tuple[Item, ua.NodeId]]) -> None:
        request = ua.CreateMonitoredItemsRequest()
        request.Parameters.SubscriptionId = self._id
        request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        request.Parameters.ItemsToCreate = [self._create_request(item, node) for item, node in resolved]
        answer = await self._session.request(request, ua.CreateMonitoredItemsResponse)
        for (item, _node), result in zip(resolved, answer.Results, strict=True):
            if result.StatusCode.is_good():
                item.server_id = result.MonitoredItemId
                self._bad.pop(item.handle, None)
            else:
                self._put_aside(item, str(result.StatusCode.name))

    def _create_request(self, item: Item, node: ua.NodeId) -> ua.MonitoredItemCreateRequest:
        asked = ua.MonitoringParameters(
            ClientHandle=ua.UInt32(item.handle),
            SamplingInterval=float(self._source.sampling_ms),
            QueueSize=ua.UInt32(queue_size(self._source)),
            DiscardOldest=True,
        )
        what = ua.ReadValueId(NodeId=node, AttributeId=ua.UInt32(int(AttributeIds.Value)))
        return ua.MonitoredItemCreateRequest(what, ua.MonitoringMode.Reporting, asked)

    async def remove(self, handles: Iterable[int]) -> None:
        """No longer monitor these."""
        gone = [item for handle in handles if (item := self._items.pop(handle, None)) is not None]
        ids = [item.server_id for item in gone if item.server_id is not None]
        size = self._session.limits.items_per_call
        for first in range(0, len(ids), size):
            request = ua.DeleteMonitoredItemsRequest()
            request.Parameters.SubscriptionId = self._id
            request.Parameters.MonitoredItemIds = ids[first : first + size]
            await self._session.request(request, ua.DeleteMonitoredItemsResponse)
        for item in gone:
            self._bad.pop(item.handle, None)
        self._tell_bad()

    def _put_aside(self, item: Item, reason: str) -> None:
        if item.handle not in self._bad:
            _log.warning("a node is refused; the others go on", tag=item.address, node=item.node, reason=reason)
            self._retry_s = RETRY_S_MIN
            self._retry_at_s = mono() + self._retry_s
        self._bad[item.handle] = item
        self._outlet.vitals.bad_tags[item.address] = reason

    def _tell_bad(self) -> None:
        addresses = {item.address for item in self._bad.values()}
        shown = self._outlet.vitals.bad_tags
        self._outlet.vitals.bad_tags = {address: why for address, why in shown.items() if address in addresses}

    async def retry_bad(self) -> None:
        """Try refused nodes again, ever more rarely."""
        if self._bad and mono() >= self._retry_at_s:
            self._retry_s = min(self._retry_s * 2, RETRY_S_MAX)
            self._retry_at_s = mono() + self._retry_s
            stale = [item.handle for item in self._bad.values() if item.server_id is not None]
            again = list(self._bad.values())
            await self.remove(stale)
            for item in again:
                item.server_id = None
            await self.add(again)

    # --- publishing

    def publish(self) -> None:
        """See that enough publish requests are with the server, as long as the writer keeps up."""
        while self._outstanding < self._publishes and not self._outlet.is_full and self.failure is None:
            try:
                answer = self._session.publish(self._acknowledgements())
                answer.add_done_callback(partial(self._answered, self._generation))
            except ConnectionError as error:
                self._fail(error)
                return
            self._outstanding += 1

    def _acknowledgements(self) -> list[Acknowledgement]:
        acknowledged = []
        while self._stored:
            acknowledged.append((self._id, self._stored.popleft()))
        return acknowledged

    def _answered(self, generation: int, answer: asyncio.Future[Buffer]) -> None:
        failed = answer.cancelled() or answer.exception()  # looked at, lest asyncio complain of it
        if generation != self._generation or failed is True:
            return
        self._outstanding -= 1
        try:
            self._take(decode(bytes(answer.result())))
        except UaStatusCodeError as error:
            if not self._is_harmless(error.code):
                self._fail(error)
                return
        except Exception as error:
            self._fail(error)
            return
        self.publish()

    def _is_harmless(self, code: int) -> bool:
        """An answer that only costs this publish request."""
        if code == StatusCodes.BadTooManyPublishRequests and self._publishes > 1:
            self._publishes -= 1
            return True
        return code == StatusCodes.BadTimeout

    def _take(self, notice: Notice) -> None:
        self._answered_s = mono()
        if notice.subscription != self._id:
            return
        if notice.status is not None:
            raise SourceLostError("session", f"the server ended the subscription ({notice.status:#010x})")
        since, self._notified_at = self._notified_at, self._outlet.now()
        if 0 < notice.sequence - self._next_sequence < 1 << 31:
            self._repair(self._next_sequence, notice.sequence, since)
        if notice.is_keep_alive:
            self._next_sequence = notice.sequence or self._next_sequence
            self._outlet.alive()
            return
        self._next_sequence = _after(notice.sequence)
        self._deliver(notice)

    def _deliver(self, notice: Notice) -> None:
        taken = self._translator.take(notice.changes, self._items)
        self._outlet.vitals.count("notifications", len(notice.changes))
        self._remark(taken)
        thank = partial(self._stored.append, notice.sequence)
        self._outlet.deliver(taken.heard, unreadable=taken.unreadable, gaps=taken.gaps, thank=thank)

    def _remark(self, taken: Taken) -> None:
        if taken.gaps:
            self._outlet.vitals.count("overflow", len(taken.gaps))
        for item in taken.gone:
            self._put_aside(item, "the node is gone")

    def _fail(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = lost(error)

    # --- repairing

    def _repair(self, first: int, until: int, since: int) -> None:
        """Ask again for the messages [first, until) that did not arrive; the one before came at `since`."""
        task = asyncio.get_running_loop().create_task(self._fetch(first, until, since))
        self._repairs.add(task)
        task.add_done_callback(self._repairs.discard)

    async def _fetch(self, first: int, until: int, since: int) -> None:
        self._outlet.vitals.count("sequence_gap")
        try:
            if until - first > REPUBLISHED_MAX:
                raise UaStatusCodeError(StatusCodes.BadMessageNotAvailable)  # type: ignore[no-untyped-call]
            for sequence in range(first, until):
                await self._republish(sequence)
        except UaStatusCodeError:
            gap = GapNote(since, self._outlet.now(), "sequence", f"messages {first} to {until - 1} were lost")
            self._outlet.deliver((), gaps=[gap])
            await self.reread()
        except Exception as error:
            self._fail(error)

    async def _republish(self, sequence: int) -> None:
        request = ua.RepublishRequest()
        request.Parameters.SubscriptionId = self._id
        request.Parameters.RetransmitSequenceNumber = sequence
        message = (await self._session.request(request, ua.RepublishResponse)).NotificationMessage
        if not message.NotificationData:
            raise UaStatusCodeError(StatusCodes.BadMessageNotAvailable)  # type: ignore[no-untyped-call]  # said by silence
        notice = Notice(self._id, sequence, ())
        take_notifications(notice, message.NotificationData or ())
        if sequence == self._next_sequence:
            self._next_sequence = _after(sequence)
        self._outlet.vitals.count("republished")
        self._deliver(notice)

    async def reread(self) -> None:
        """Read every value anew: what was lost ends where the device is now."""
        items = [item for item in self._items.values() if item.server_id is not None]
        values = await self._session.read([node_id(item.node, self._session.namespaces) for item in items])
        changes = [change_of(item.handle, value) for item, value in zip(items, values, strict=True)]
        taken = self._translator.take(changes, self._items)
        self._outlet.deliver(taken.heard, unreadable=taken.unreadable)

    # --- watching

    async def watch(self) -> None:
        """Once a second. Raises SourceLostError when it has failed or nothing came for too long."""
        if self.failure is not None:
            raise self.failure
        if mono() - self._answered_s > self._silent_s_max and not self._outlet.is_full:
            raise SourceLostError("network", f"nothing was published for {self._silent_s_max:.0f} s")
        self.publish()
        await self.retry_bad()


def queue_size(source: SourceModel) -> int:
    """Ten times what one publishing interval can hold, so that none is lost while a connection is away a moment."""
    return max(QUEUE_MIN, 10 * source.publishing_ms // max(FASTEST_MS, source.sampling_ms))


def _after(sequence: int) -> int:
    """The next sequence number; 0 is never used (Part 4, 7.5)."""
    return sequence + 1 if sequence < 0xFFFF_FFFF else 1
