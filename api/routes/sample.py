"""What was heard: samples from gateways and of tags, sources, gaps, quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.deps import Call, Calling, Door
from api.security.guard import needs
from api.wire import Cursor, Id, Limit, Page, cursor_key, instant_of, page_of
from mes.actions import sample as actions
from mes.domain.fields import Instant
from mes.domain.plant import Plant
from mes.domain.sample import GatewayDocument
from mes.errors import NotFoundError
from mes.store.plant import tag_numbers
from mes.store.screens import api_sample as screens
from mes.store.screens.api_sample import GapLine, QuarantineLine, SampleLine, SourceLine

router = APIRouter(prefix="/api/v1", route_class=Door, tags=["samples"])
LAST_WITHIN = timedelta(days=1)
SourceCode = Annotated[str, Path(description="code of a source")]
SourceFilter = Annotated[str | None, Query(description="only of this source")]


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source and the newest of its samples."""

    source: SourceLine
    last: list[SampleLine]


def _seen_sources(call: Call, plant: Plant, source: str | None = None) -> list[str]:
    """The sources that hear something of a line the caller sees, or the one asked for. Raises NotFoundError."""
    seen = {tag.source for tag in plant.tag if call.sees(plant.machines[tag.machine].line)}
    if call.lines is None:
        seen |= set(plant.sources)
    if source is not None and source not in seen:
        raise NotFoundError(f"There is no source {source}")
    return sorted(seen if source is None else {source})


# ------------------------------------------------------------------ samples
@router.post("/samples", **needs("samples:write", also=("application/msgpack",)))
def post_samples(body: GatewayDocument, call: Calling) -> actions.Heard:
    """Store what a gateway heard, in JSON or MessagePack. What is answered is durable; a repetition changes nothing."""
    return actions.hear(call.conn, call.at, call.plant(), body)


@router.get("/samples", **needs("tracking:read"))
def list_samples(
    call: Calling,
    *,
    tag: Annotated[str, Query(description="address of the tag: machine/signal")],
    from_at: Annotated[Instant, Query(alias="from")],
    to_at: Annotated[Instant, Query(alias="to")],
    cursor: Cursor = None,
    limit: Limit = 500,
) -> Page[SampleLine]:
    """The samples of a tag in [from, to), in the order booking takes them."""
    machine = call.plant().machines.get(tag.rpartition("/")[0])
    if machine is None or not call.sees(machine.line):
        raise NotFoundError(f"There is no tag {tag}")
    key = cursor_key(cursor, str, int)
    after = None if key is None else (instant_of(key[0]), key[1])
    rows = screens.list_samples(call.conn, tag, from_at=from_at, to_at=to_at, after=after, limit=limit + 1)
    return page_of(rows, limit, lambda row: (row.at, row.h))


# ------------------------------------------------------------------ sources
@router.get("/sources", **needs("sources:read"))
def list_sources(call: Calling) -> list[SourceLine]:
    """How each source is: owner, state and since when, what it last heard, its counters."""
    return screens.list_sources(call.conn, _seen_sources(call, call.plant()))


@router.get("/sources/{source:code}", **needs("sources:read"))
def get_source(source: SourceCode, call: Calling) -> SourceView:
    """One source with its last 50 values."""
    plant = call.plant()
    found = screens.list_sources(call.conn, _seen_sources(call, plant, source))
    if not found:
        raise NotFoundError(f"Nobody has collected {source} yet")
    numbers = tag_numbers(call.conn)
    own = [numbers[tag.address] for tag in plant.tag if tag.source == source]
    return SourceView(found[0], screens.last_samples(call.conn, own, since=call.at - LAST_WITHIN))


@router.get("/gaps", **needs("sources:read"))
def list_gaps(
    call: Calling,
    *,
    source: SourceFilter = None,
    from_at: Annotated[Instant | None, Query(alias="from", description="ending after")] = None,
    to_at: Annotated[Instant | None, Query(alias="to", description="starting before")] = None,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> Page[GapLine]:
    """When sources were not heard, and why; newest first. A gap without an end still lasts."""
    key = cursor_key(cursor, int)
    sources = _seen_sources(call, call.plant(), source)
    after = None if key is None else key[0]
    rows = screens.list_gaps(call.conn, sources, from_at=from_at, to_at=to_at, after=after, limit=limit + 1)
    return page_of(rows, limit, lambda row: (row.id,))


# ------------------------------------------------------------------ quarantine
@router.get("/quarantine", **needs("sources:read"))
def list_quarantine(
    call: Calling,
    *,
    source: SourceFilter = None,
    released: Annotated[bool, Query(description="also what was released")] = False,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> Page[QuarantineLine]:
    """What was heard and not admitted, and why; newest first."""
    key = cursor_key(cursor, int)
    sources = _seen_sources(call, call.plant(), source)
    after = None if key is None else key[0]
    rows = screens.list_quarantine(call.conn, sources, released=released, after=after, limit=limit + 1)
    return page_of(rows, limit, lambda row: (row.id,))


@router.post("/quarantine/{number}/release", **needs("quarantine:release"))
def release_quarantined(number: Annotated[Id, Path()], call: Calling) -> actions.Released:
    """Let a sample in after all, as it was heard."""
    return actions.release(call.conn, call.deed, number)
