"""What an OPC UA server has: its tree, walked level by level in calls it takes well."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua

from collectors.opcua.decode import plain
from collectors.opcua.items import node_id
from collectors.opcua.session import Session, standard

DEPTH_MAX = 12
NODES_MAX = 50_000
BATCH = 50
_OBJECTS, _HIERARCHICAL = 85, 33
_SKIPPED = {"Server", "Aliases", "Locations"}


@dataclass(frozen=True, slots=True)
class Found:
    """A node. `node` is what a tag names; `type_name` the type of an object; variables have a value."""

    path: tuple[str, ...]
    node: str
    is_variable: bool
    type_name: str = ""
    value: Any = None

    @property
    def name(self) -> str:
        return self.path[-1]


async def walk(session: Session) -> AsyncIterator[list[Found]]:
    """The nodes below Objects, some at a time, parents before children. Variables come with their values."""
    level: list[tuple[tuple[str, ...], ua.NodeId]] = [((), standard(_OBJECTS))]
    seen: set[Any] = set()
    for _depth in range(DEPTH_MAX):
        below: list[tuple[tuple[str, ...], ua.NodeId]] = []
        for first in range(0, len(level), BATCH):
            some = level[first : first + BATCH]
            found: list[Found] = []
            references = await _browse(session, [node for _path, node in some])
            for (path, _node), children in zip(some, references, strict=True):
                for child in children:
                    if child.NodeId in seen or child.BrowseName.Name in _SKIPPED or len(seen) >= NODES_MAX:
                        continue
                    seen.add(child.NodeId)
                    here = (*path, str(child.BrowseName.Name))
                    found.append(_found(session, here, child))
                    below.append((here, _local(child.NodeId)))
            if found:
                yield await _with_values(session, found)
        level = below


def _found(session: Session, path: tuple[str, ...], reference: Any) -> Found:
    is_variable = reference.NodeClass == ua.NodeClass.Variable
    type_name = _text_of(session, reference.TypeDefinition) if not is_variable else ""
    return Found(path, _text_of(session, reference.NodeId), is_variable, type_name)


def _text_of(session: Session, node: Any) -> str:
    """A node id that stays right when the server numbers its namespaces anew."""
    index = node.NamespaceIndex
    text = str(_local(node).to_string())
    if index == 0 or index >= len(session.namespaces):
        return text
    return f"nsu={session.namespaces[index]};{text.partition(';')[2]}"


def _local(node: Any) -> ua.NodeId:
    return ua.NodeId(node.Identifier, node.NamespaceIndex, node.NodeIdType)


async def _browse(session: Session, nodes: Sequence[ua.NodeId]) -> list[list[Any]]:
    """The children of some nodes, whole however many there are."""
    request = ua.BrowseRequest()
    request.Parameters.RequestedMaxReferencesPerNode = 0
    for node in nodes:
        wanted = ua.BrowseDescription()
        wanted.NodeId = node
        wanted.BrowseDirection = ua.BrowseDirection.Forward
        wanted.ReferenceTypeId = standard(_HIERARCHICAL)
        wanted.IncludeSubtypes = True
        wanted.NodeClassMask = ua.NodeClass.Object | ua.NodeClass.Variable
        wanted.ResultMask = ua.BrowseResultMask.All
        request.Parameters.NodesToBrowse.append(wanted)
    results = (await session.request(request, ua.BrowseResponse)).Results
    children = [list(result.References or ()) for result in results]
    for index, result in enumerate(results):
        point = result.ContinuationPoint
        while point:
            more = ua.BrowseNextRequest()
            more.Parameters.ContinuationPoints = [point]
            (next_result,) = (await session.request(more, ua.BrowseNextResponse)).Parameters.Results
            children[index] += next_result.References or ()
            point = next_result.ContinuationPoint
    return children


async def _with_values(session: Session, found: Sequence[Found]) -> list[Found]:
    variables = [node for node in found if node.is_variable]
    values = await session.read([node_id(node.node, session.namespaces) for node in variables])
    value_of = {
        node.node: None if value.Value is None else plain(value.Value.Value)
        for node, value in zip(variables, values, strict=True)
    }
    return [Found(n.path, n.node, n.is_variable, n.type_name, value_of.get(n.node)) for n in found]
