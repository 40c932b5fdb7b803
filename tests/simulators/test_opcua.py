"""The simulated PLC, heard by a real OPC UA client."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from asyncua import Client, ua

from mes.host.processes import free_port
from simulators.instants import from_iso
from simulators.opcua import OpcuaServer
from simulators.plantfile import Source, Tag
from simulators.signals import Published

AT = from_iso("2026-01-05T00:00:00.123Z")
TAGS = [
    Tag("M1", "state", "plc", {"node": "nsu=urn:takt:sim;s=M1.State"}, preset="packml"),
    Tag("M1", "total", "plc", {"node": "nsu=urn:takt:sim;s=M1.Total"}, modulus=65536),
    Tag("M1", "good_total", "plc", {"node": "nsu=urn:takt:sim;s=M1.Good"}),
    Tag("M1", "stop_code", "plc", {"node": "nsu=urn:takt:sim;s=M1.Code"}),
]
NOW = [
    Published(AT, "M1", "state", 2),
    Published(AT, "M1", "total", 65535),
    Published(AT, "M1", "good_total", 10**12),
    Published(AT, "M1", "stop_code", ""),
]


class Ear:
    """Keeps what a subscription brings, per node."""

    def __init__(self) -> None:
        self.heard: dict[str, list[tuple[datetime, Any]]] = defaultdict(list)

    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        self.heard[node.nodeid.Identifier].append((data.monitored_item.Value.SourceTimestamp, value))


async def until(true: Any) -> None:
    """Wait until something holds; ten seconds at most."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  the client has no event for it
            await asyncio.sleep(0.02)


def test_every_change_arrives_with_plant_time_and_type() -> None:
    """A subscriber gets each value in order, with its source time to the millisecond, however fast they come."""

    async def scene() -> None:
        port = free_port(None)
        server = OpcuaServer(Source("plc", "opcua", f"opc.tcp://127.0.0.1:{port}"), TAGS)
        await server.start(NOW)
        ear = Ear()
        async with Client(f"opc.tcp://127.0.0.1:{port}/") as client:
            index = await client.get_namespace_index("urn:takt:sim")
            nodes = [client.get_node(f"ns={index};s=M1.{name}") for name in ("State", "Total", "Good", "Code")]
            kinds = [await node.read_data_type_as_variant_type() for node in nodes]
            assert kinds == [ua.VariantType.Int32, ua.VariantType.UInt16, ua.VariantType.UInt64, ua.VariantType.String]
            subscription = await client.create_subscription(50, ear)
            await subscription.subscribe_data_change(nodes, queuesize=500)
            await server.send([Published(AT + n, "M1", "total", (65535 + n) % 65536) for n in range(1, 301)])
            await server.send([Published(AT + 400, "M1", "state", 6), Published(AT + 400, "M1", "stop_code", "E1")])
            await until(lambda: len(ear.heard["M1.Total"]) == 301 and len(ear.heard["M1.Code"]) == 2)
        await server.stop()
        assert [value for _, value in ear.heard["M1.Total"]] == [(65535 + n) % 65536 for n in range(301)]
        assert ear.heard["M1.Total"][1][0].replace(tzinfo=UTC) == datetime(2026, 1, 5, 0, 0, 0, 124_000, UTC)
        assert [value for _, value in ear.heard["M1.State"]] == [2, 6]
        assert [value for _, value in ear.heard["M1.Good"]] == [10**12]

    asyncio.run(scene())


def test_a_reboot_shifts_the_namespace_index() -> None:
    """After power loss the server is back at the same port, its namespace at another index, its values current."""

    async def scene() -> None:
        port = free_port(None)
        server = OpcuaServer(Source("plc", "opcua", f"opc.tcp://127.0.0.1:{port}"), TAGS)
        await server.start(NOW)
        found: list[tuple[int, int]] = []
        for number in range(2):
            async with Client(f"opc.tcp://127.0.0.1:{port}/") as client:
                index = await client.get_namespace_index("urn:takt:sim")
                found.append((index, await client.get_node(f"ns={index};s=M1.State").read_value()))
            await server.power(False, [])
            if number == 0:
                await server.power(True, [*NOW[1:], Published(AT + 5, "M1", "state", 6)])
        assert found[0][1] == 2
        assert found[1] == (found[0][0] + 1, 6)

    asyncio.run(scene())


def test_two_servers_share_nothing_that_is_written() -> None:
    """The second server copies the standard nodes of the first; names, values and objects stay their own."""

    async def scene() -> None:
        ports = [free_port(None), free_port(None)]
        other = [Tag("M9", "good_total", "b", {"node": "nsu=urn:other;s=M9.Good"})]
        servers = [
            OpcuaServer(Source("plc", "opcua", f"opc.tcp://127.0.0.1:{ports[0]}"), TAGS),
            OpcuaServer(Source("b", "opcua", f"opc.tcp://127.0.0.1:{ports[1]}"), other),
        ]
        await servers[0].start(NOW)
        await servers[1].start([Published(AT, "M9", "good_total", 5)])
        found: list[tuple[list[str], list[str]]] = []
        for port in ports:
            async with Client(f"opc.tcp://127.0.0.1:{port}/") as client:
                children = [await child.read_browse_name() for child in await client.nodes.objects.get_children()]
                found.append((await client.get_namespace_array(), [name.Name for name in children]))
        for server in servers:
            await server.stop()
        assert "urn:takt:sim" in found[0][0]
        assert "urn:takt:sim" not in found[1][0]
        assert found[1][0][-1] == "urn:other"
        assert [name for name in found[0][1] if name.startswith("M")] == ["M1"]
        assert [name for name in found[1][1] if name.startswith("M")] == ["M9"]

    asyncio.run(scene())
