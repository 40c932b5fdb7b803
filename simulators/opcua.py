"""A simulated PLC: an OPC UA server whose nodes change when its machines do, each with the plant's time as source time.

Node ids come from the plant file (`nsu=urn:takt:sim;s=L01-M1.State`); a counter's type follows its modulus (65536 is a
UInt16). After a reboot the server registers another namespace first, so the index of ours shifts, as it does on real
controllers after a firmware update.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Sequence
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AttributeValue, NodeData
from asyncua.server.internal_server import InternalServer
from asyncua.server.server import Server

from simulators.instants import to_datetime
from simulators.plantfile import COUNTERS, Source, Tag
from simulators.signals import Published, Word
from simulators.wire import address

_EMPTY: dict[ua.VariantType, Word] = {
    ua.VariantType.String: "",
    ua.VariantType.Boolean: False,
    ua.VariantType.Double: 0.0,
    ua.VariantType.Int32: 0,
    ua.VariantType.UInt16: 0,
    ua.VariantType.UInt32: 0,
    ua.VariantType.UInt64: 0,
}

logging.getLogger("asyncua").setLevel(logging.ERROR)


class _Inner(InternalServer):
    """asyncua's server with the standard's 6,000 nodes built once a process (2 s) and copied afterwards (0.2 s)."""

    _standard: dict[Any, Any] = {}  # noqa: RUF012  shared by all servers of the process on purpose

    async def load_standard_address_space(self, shelf_file: Any = None) -> None:
        """Build the nodes, or take a copy of those that were built before; without looking for garbage meanwhile."""
        gc.disable()
        try:
            if not self._standard:
                await super().load_standard_address_space(shelf_file)
                self._standard.update(self.aspace._nodes)
            self.aspace._nodes = _copies(self._standard)
        finally:
            gc.enable()
            gc.freeze()


def _copies(nodes: dict[Any, Any]) -> dict[Any, Any]:
    """Nodes that may be written and referred from without touching the given ones; values are shared, never changed."""
    copies: dict[Any, Any] = {}
    for node_id, node in nodes.items():
        copies[node_id] = copy = NodeData(node.nodeid)
        copy.attributes = {key: AttributeValue(attribute.value) for key, attribute in node.attributes.items()}
        copy.references = list(node.references)
        copy.call = node.call
    return copies


class OpcuaServer:
    """The OPC UA server of one source."""

    def __init__(self, source: Source, tags: Sequence[Tag]) -> None:
        self.source = source
        self._tags = [tag for tag in tags if tag.source == source.code]
        self._nodes: dict[tuple[str, str], tuple[ua.NodeId, ua.VariantType]] = {}
        self._server: Server | None = None
        self._starts = 0

    async def start(self, now: Sequence[Published]) -> None:
        """Listen, with every node at its current value."""
        self._server = server = Server(_Inner())
        await server.init()
        host, port = address(self.source.url, 4840)
        server.set_endpoint(f"opc.tcp://{host}:{port}/")
        server.set_server_name(f"Takt simulator {self.source.code}")
        await server.set_application_uri(f"urn:takt:sim:{self.source.code}")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        for number in range(self._starts):
            await server.register_namespace(f"urn:takt:sim:firmware-{number + 1}")
        self._starts += 1
        await self._build(server, {(value.machine, value.signal): value for value in now})
        await server.start()

    async def _build(self, server: Server, now: dict[tuple[str, str], Published]) -> None:
        """An object per machine under Objects, a variable per tag."""
        objects: dict[str, Any] = {}
        for tag in self._tags:
            uri, _, identifier = tag.at["node"].removeprefix("nsu=").partition(";")
            index = await server.register_namespace(uri)
            if tag.machine not in objects:
                object_id = ua.NodeId.from_string(f"ns={index};s={tag.machine}")
                objects[tag.machine] = await server.nodes.objects.add_object(object_id, f"{index}:{tag.machine}")
            found = now.get((tag.machine, tag.signal))
            kind = variant_type(tag, found.value if found else "")
            node_id = ua.NodeId.from_string(f"ns={index};{identifier}")
            name = f"{index}:{identifier.rpartition('.')[2] or identifier}"
            await objects[tag.machine].add_variable(node_id, name, ua.Variant(_EMPTY[kind], kind), varianttype=kind)
            self._nodes[tag.machine, tag.signal] = node_id, kind
            if found:
                await server.write_attribute_value(node_id, _data_value(found, kind))

    async def send(self, values: Sequence[Published]) -> None:
        """Write each value with its own source time; subscribers' queues keep what they have not fetched."""
        if self._server is None:
            return
        for value in values:
            node_id, kind = self._nodes[value.machine, value.signal]
            await self._server.write_attribute_value(node_id, _data_value(value, kind))

    async def power(self, on: bool, now: Sequence[Published]) -> None:
        """Stop listening with all connections cut; or start again with what is true by then."""
        if on:
            await self.start(now)
        else:
            await self.stop()

    async def stop(self) -> None:
        """Close all sessions and stop listening."""
        server, self._server = self._server, None
        if server is not None:
            async with asyncio.timeout(10):
                await server.stop()


def variant_type(tag: Tag, value: Word) -> ua.VariantType:
    """The OPC UA type of a tag's node."""
    if tag.signal in COUNTERS:
        return {1 << 16: ua.VariantType.UInt16, 1 << 32: ua.VariantType.UInt32}.get(tag.modulus, ua.VariantType.UInt64)
    if isinstance(value, bool):
        return ua.VariantType.Boolean
    if isinstance(value, int):
        return ua.VariantType.Int32
    return (
        ua.VariantType.Double if isinstance(value, float) or tag.signal.startswith("value:") else ua.VariantType.String
    )


def _data_value(value: Published, kind: ua.VariantType) -> ua.DataValue:
    at: Any = to_datetime(value.at).replace(tzinfo=None)
    return ua.DataValue(ua.Variant(value.value, kind), SourceTimestamp=at, ServerTimestamp=at)
