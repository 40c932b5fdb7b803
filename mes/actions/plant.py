"""Apply a plant model as a new version, and read the one in force.

A version is content: the same content is parsed once per process, however often it is asked for.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from mes.actions.record import Deed, Touch, record
from mes.domain.exchange import content_sha256
from mes.domain.plant import Plant
from mes.errors import NotFoundError
from mes.formats.plant_file import document_of, plant_from
from mes.store.plant import insert_version, number_tags, version_at, version_mark
from mes.store.pool import Connection

PARSED_MAX = 8


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying did: the version in force, and whether it is a new one."""

    version: int
    changed: bool
    in_force_from: datetime


def apply(conn: Connection, deed: Deed, plant: Plant, *, in_force_from: datetime | None = None) -> Applied:
    """Put a plant model in force from now or another instant; the same model again changes nothing.

    The whole plant is booked again from there. `plant` has no faults (`plant_file.read_plant` saw to that).
    """
    from_at = in_force_from or deed.at
    document = document_of(plant)
    sha256 = content_sha256(document)
    current = version_at(conn, from_at)
    if current is not None and current.sha256 == sha256:
        return Applied(current.id, changed=False, in_force_from=current.in_force_from)
    number_tags(conn, (tag.address for tag in plant.tag))
    version = insert_version(
        conn, in_force_from=from_at, applied_at=deed.at, applied_by=deed.by, sha256=sha256, document=document
    )
    record(
        conn,
        deed,
        action="plant.apply",
        subject=f"plant/{version}",
        detail={"version": version, "in_force_from": from_at, "sha256": sha256, "lines": len(plant.line)},
        touches=[Touch("plant", (str(version),), "plant applied", from_at, max(from_at, deed.at))],
        rooms=("plant",),
    )
    return Applied(version, changed=True, in_force_from=from_at)


_parsed: OrderedDict[str, Plant] = OrderedDict()


def plant_at(conn: Connection, at: datetime) -> Plant:
    """The plant model in force at an instant. Raises NotFoundError when none was applied by then."""
    mark = version_mark(conn, at)
    if mark is None:
        raise NotFoundError("There is no plant model yet", remedy="Apply one with `mes plant apply FILE`.")
    plant = _parsed.get(mark)
    if plant is None:
        version = version_at(conn, at)
        assert version is not None
        plant = _parsed[version.sha256] = plant_from(version.document)
        while len(_parsed) > PARSED_MAX:
            _parsed.popitem(last=False)
    return plant


def plant_if_any(conn: Connection, at: datetime) -> Plant | None:
    """The plant model in force at an instant, None when none was applied by then."""
    try:
        return plant_at(conn, at)
    except NotFoundError:
        return None
