"""Sequence numbers of a subscription: what is missing is asked for again, or is a gap and everything is read anew."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asyncua import ua

from collectors.look import Ear
from collectors.opcua.decode import Notice
from collectors.opcua.items import item_of
from collectors.opcua.session import Limits
from collectors.opcua.subscribe import REPUBLISHED_MAX, Subscription
from collectors.source import GapNote, Numbered
from mes.domain.plant import Source, Tag


class Server:
    """A session with a server that still has the messages `kept`; each has the value of its number."""

    namespaces = ("http://opcfoundation.org/UA/", "urn:a")
    limits = Limits()

    def __init__(self, kept: range) -> None:
        self.kept = kept
        self.asked: list[int] = []
        self.reads = 0

    async def request(self, request: Any, answer: type[Any]) -> Any:
        sequence = int(request.Parameters.RetransmitSequenceNumber)
        self.asked.append(sequence)
        if sequence not in self.kept:
            raise ua.UaStatusCodeError(ua.StatusCodes.BadMessageNotAvailable)
        change = ua.MonitoredItemNotification(ua.UInt32(1), ua.DataValue(ua.Variant(sequence, ua.VariantType.Int64)))
        response = answer()
        response.NotificationMessage.NotificationData = [ua.DataChangeNotification([change], [])]
        return response

    async def read(self, nodes: list[ua.NodeId]) -> list[ua.DataValue]:
        self.reads += 1
        return [ua.DataValue(ua.Variant(99, ua.VariantType.Int64)) for _node in nodes]


class Kept(Ear):
    """An outlet that keeps values and gaps in the order they came."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[Any] = []
        self.gaps: list[GapNote] = []
        self.plant_time = 0

    def now(self) -> int:
        return self.plant_time

    def deliver(self, heard: Any, *, unreadable: Any = (), gaps: Any = (), thank: Any = None) -> None:
        self.values += [sample.value for sample in heard]
        self.gaps += gaps


def told(server: Server, *sequences: int) -> Kept:
    """What is heard when messages with these numbers arrive, after number 1."""

    async def run() -> Kept:
        outlet = Kept()
        subscription = Subscription(server, Source("plc", "opcua", "opc.tcp://a"), outlet)  # type: ignore[arg-type]
        item = item_of(1, Numbered(1, Tag("M1", "good_total", "plc", node="nsu=urn:a;s=Good")))
        item.server_id = 7
        subscription._items[1] = item
        for sequence in (1, *sequences):
            outlet.plant_time += 1_000_000
            changes = [(1, sequence, 0, 0, 0)]
            subscription._take(Notice(0, sequence, (), changes, is_keep_alive=False))
        await asyncio.gather(*subscription._repairs)
        return outlet

    return asyncio.run(run())


def test_what_is_missing_is_fetched() -> None:
    """Messages the server still has are stored, and no gap is left."""
    server = Server(range(2, 5))
    outlet = told(server, 5)
    assert (outlet.values, outlet.gaps, server.reads) == ([1, 5, 2, 3, 4], [], 0)


@pytest.mark.parametrize(("until", "asked"), [(5, [2]), (REPUBLISHED_MAX + 3, [])])
def test_what_is_lost_is_a_gap_and_everything_is_read(until: int, asked: list[int]) -> None:
    """Messages the server no longer has, or more than any keeps: a gap since the last, and the values of now."""
    server = Server(range(0))
    outlet = told(server, until)
    assert (outlet.values, server.asked, server.reads) == ([1, until, 99], asked, 1)
    assert outlet.gaps == [GapNote(1_000_000, 2_000_000, "sequence", f"messages 2 to {until - 1} were lost")]
