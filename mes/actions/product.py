"""Accept items and releases from whoever keeps them. The same document again changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from mes.actions.access import require_system
from mes.actions.record import Deed, Touch, record
from mes.domain.exchange import content_sha256, plain
from mes.domain.plant import Plant
from mes.domain.product import Item, Operation, Release, settled_bom, settled_routing
from mes.errors import ConflictError, Fault, InputError, NotFoundError, pointed
from mes.store import product as store
from mes.store.house import hold_name
from mes.store.pool import Connection

SHOWN_CHARACTERS_MAX = 80
LOCAL = "local"
"""Whose documents are that people entered here; another system may take them over."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What accepting a document did, and the version that stands now."""

    version: str
    created: bool
    changed: bool


def refuse(what: str, faults: list[Fault]) -> None:
    """Raise one InputError with all faults, if there are any."""
    if faults:
        raise InputError(f"{what} is not valid", faults=tuple(faults))


def accept_item(conn: Connection, deed: Deed, item: Item) -> Accepted:
    """Know an item, or know it better.

    Raises InputError, ForbiddenError for another system's item, ConflictError for a base unit changed after
    quantities in it were kept.
    """
    refuse(f"Item {item.code}", list(item.faults()))
    hold_name(conn, "item", item.code)
    kept = store.load_item(conn, item.code)
    system = deed.system or (kept.system if kept else LOCAL)
    item = replace(item, units=tuple(sorted(item.units, key=lambda other: other.unit)))
    if kept is not None:
        if kept.system != LOCAL:
            require_system(deed, kept.system)
        if kept.item == item and kept.system == system:
            return Accepted(str(kept.version), created=False, changed=False)
        if kept.item.unit != item.unit and store.is_used(conn, item.code):
            fault = Fault("/unit", "in_use", f"quantities of {item.code} are kept in {kept.item.unit}")
            raise ConflictError(
                f"The base unit of {item.code} cannot change any more",
                remedy="Send the other unit in `units`.",
                faults=(fault,),
            )
    version = store.save_item(conn, item, system=system, at=deed.at)
    record(
        conn,
        deed,
        action="item.accept",
        subject=f"item/{item.code}",
        detail={"version": version, "item": asdict(item)},
        touches=[] if kept is None else [Touch("item", (item.code,), "item changed")],
        rooms=("order",),
    )
    return Accepted(str(version), created=kept is None, changed=True)


def accept_release(conn: Connection, deed: Deed, release: Release, plant: Plant | None) -> Accepted:
    """Know a revision of an item. Its content never changes; its status and dates may.

    `plant` is the model in force, against which lines and resources are checked (None: there is none yet).
    Raises InputError naming each field, NotFoundError for the item, ConflictError for other content under a known
    revision.
    """
    release, faults = _settled(conn, release, plant)
    refuse(f"Release {release.item} {release.revision}", faults)
    hold_name(conn, "release", release.item, release.revision)
    kept = store.load_release(conn, release.item, release.revision)
    sha256 = _content(release)
    if kept is None:
        store.insert_release(conn, release, system=deed.system or LOCAL, sha256=sha256, at=deed.at)
    else:
        if kept.system != LOCAL:
            require_system(deed, kept.system)
        if kept.sha256 != sha256:
            raise ConflictError(
                f"Revision {release.revision} of {release.item} is known with other content",
                remedy="Send the change as a new revision.",
                faults=tuple(_changes(kept.release, release)),
                code="revision_immutable",
            )
        if kept.release == release:
            return Accepted(version_of(release, sha256), created=False, changed=False)
        store.set_release_life(conn, release)
    record(
        conn,
        deed,
        action="release.accept",
        subject=f"release/{release.item}/{release.revision}",
        detail={"sha256": sha256, "status": release.status, "release": asdict(release)},
        rooms=("order",),
    )
    return Accepted(version_of(release, sha256), created=kept is None, changed=True)


def version_of(release: Release, sha256: str) -> str:
    """What of a release can change, as its version."""
    life = [release.status, release.effective_from, release.effective_until, release.ext]
    return f"{sha256[:12]}-{content_sha256(life)[:8]}"


_KEYS = {"bom": "line_no", "routing": "seq", "documents": "code"}


def _changes(before: Release, after: Release) -> Iterator[Fault]:
    """Where two contents of one revision part; a part's place is that in the order of line_no or seq."""
    for section, key in _KEYS.items():
        was = {part[key]: part for part in map(asdict, getattr(before, section))}
        now = {part[key]: part for part in map(asdict, getattr(after, section))}
        gone = [f"{key} {name}" for name in was if name not in now]
        if gone:
            yield Fault(f"/{section}", "immutable", f"lacks {', '.join(gone)} of the revision")
        for index, (name, part) in enumerate(now.items()):
            if name not in was:
                yield Fault(f"/{section}/{index}", "immutable", f"{key} {name} is not in the revision")
            else:
                yield from _changed_fields(f"/{section}/{index}", was[name], part)


def _changed_fields(at: str, was: dict[str, Any], now: dict[str, Any]) -> Iterator[Fault]:
    for key, old in was.items():
        if old != now[key]:
            shown = json.dumps(plain(old), ensure_ascii=False)[:SHOWN_CHARACTERS_MAX]
            yield Fault(f"{at}/{key}", "immutable", f"is {shown} in the revision")


def _content(release: Release) -> str:
    return content_sha256(
        [
            [asdict(line) for line in release.bom],
            [asdict(step) for step in release.routing],
            [asdict(document) for document in release.documents],
        ]
    )


def _settled(conn: Connection, release: Release, plant: Plant | None) -> tuple[Release, list[Fault]]:
    """A release in the form that is kept, and everything wrong with it."""
    mentioned = [code for line in release.bom for code in (line.item, *line.substitutes)]
    units = store.load_units(conn, [release.item, *mentioned])
    if release.item not in units:
        raise NotFoundError(f"There is no item {release.item}", remedy="Send the item before its releases.")
    routing = settled_routing(release.routing)
    bom, faults = settled_bom(release.bom, routing, units, "/bom")
    faults = [*release.faults(), *faults, *unknown_places(release.routing, plant, "/routing")]
    faults += [
        Fault(f"/bom/{index}/item", "circular", f"{release.item} is its own component")
        for index, line in enumerate(release.bom)
        if line.item == release.item
    ]
    return replace(release, bom=bom, routing=routing), faults


def unknown_places(routing: tuple[Operation, ...], plant: Plant | None, at: str) -> list[Fault]:
    """Lines, groups and resources that a routing names and the plant does not have."""
    if plant is None:
        return []
    resources = {resource.code for resource in plant.resource}
    return [
        Fault(f"{at}/{index}/{field}", "unknown", f"there is no {kind} {name}")
        for index, step in enumerate(routing)
        for field, kind, name in _places(step)
        if not (name in resources if kind == "resource" else plant.lines_in(name))
    ]


def _places(step: Operation) -> Iterator[tuple[str, str, str]]:
    """Every place an operation names: its field, its kind, its code."""
    if step.line_group:
        yield "line_group", "line or group", step.line_group
    yield from ((f"lines/{n}", "line or group", name) for n, name in enumerate(step.lines))
    yield from ((f"seconds_by_line/{pointed(name)}", "line", name) for name in step.seconds_by_line)
    yield from ((f"resources/{n}", "resource", name) for n, name in enumerate(step.resources))


def usable_revision(conn: Connection, item: str, at: datetime) -> Release | None:
    """The released revision of an item that counts at an instant."""
    revision = store.effective_revision(conn, item, at)
    kept = None if revision is None else store.load_release(conn, item, revision)
    return None if kept is None else kept.release
