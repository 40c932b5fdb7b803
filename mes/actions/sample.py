"""Samples that do not come through a collector: from gateways, and released from quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from mes.actions.record import Deed, record
from mes.domain.plant import Plant
from mes.domain.sample import GatewayDocument, Sample, Unheard, kept_word, sort_out, word_kept
from mes.errors import ConflictError, Fault, InputError, NotFoundError
from mes.store.plant import tag_numbers
from mes.store.pool import Connection
from mes.store.sample import Rows, SetAside, insert_quarantine, lock_quarantined, mark_released, row_of, store_batch
from mes.store.source import Gap, insert_gap, note_gateway

QUARANTINED_PER_MESSAGE_MAX = 100
GATEWAY_SILENT_S_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a gateway's message. It is durable when this is answered; sent again, it changes nothing."""

    gateway: str
    sequence: int
    stored: int
    repeated: int
    set_aside: int


@dataclass(frozen=True, slots=True)
class Released:
    """The sample that was let in; `repeated`: it was there already."""

    id: int
    address: str
    at: datetime
    repeated: bool


def hear(conn: Connection, at: datetime, plant: Plant, document: GatewayDocument) -> Heard:
    """Store what a gateway heard; what cannot be admitted is set aside with its reason. Raises InputError."""
    source = plant.sources.get(document.gateway)
    if source is None or source.kind != "http":
        fault = Fault("/gateway", "unknown", f"there is no source {document.gateway} of kind http")
        raise InputError("The gateway is not known", faults=(fault,))
    numbers = tag_numbers(conn)
    tags = {tag.address: (numbers[tag.address], tag) for tag in plant.tag if tag.source == source.code}
    admitted, refused = sort_out(document, tags, at)
    rows = Rows()
    for sample, is_value in admitted:
        (rows.values if is_value else rows.signals).append(row_of(sample, received_at=at))
    stored = store_batch(conn, rows)
    kept = refused[:QUARANTINED_PER_MESSAGE_MAX]
    insert_quarantine(conn, [_set_aside(source.code, at, thing, tags) for thing in kept], once=True)
    new = stored.signals + stored.values
    heard = Heard(source.code, document.sequence, new, len(admitted) - new, len(refused))
    newest_at = max((sample.at for sample, _is_value in admitted), default=None)
    _note(conn, at, heard, sorted({tag.machine for _number, tag in tags.values()}), newest_at)
    return heard


def _note(conn: Connection, at: datetime, heard: Heard, machines: Sequence[str], newest_at: datetime | None) -> None:
    """How the gateway is; message numbers that were passed over are a gap, also when they come later after all."""
    counts = {"messages": 1, "heard": heard.stored, "repeated": heard.repeated, "set_aside": heard.set_aside}
    owned_s = GATEWAY_SILENT_S_MAX
    before = note_gateway(conn, heard.gateway, heard.sequence, at, counts, owned_s=owned_s, newest_at=newest_at)
    if before is not None and heard.sequence > before.sequence + 1:
        detail = f"messages {before.sequence + 1} to {heard.sequence - 1} have not come"
        gap = Gap(heard.gateway, min(before.heard_at, at), "sequence", at, detail=detail)
        insert_gap(conn, gap, epoch=1, machines=machines)


def _set_aside(source: str, at: datetime, thing: Unheard, tags: dict[str, tuple[int, Any]]) -> SetAside:
    said = thing.sample
    address = said.address or f"tag {said.tag}"
    sample: dict[str, Any] | None = None
    if thing.why in {"future", "too_late"} and said.address in tags:
        sample = kept_word(Sample(tags[said.address][0], said.at, said.value, said.quality))
    payload = repr(asdict(said)).encode()[:2000]
    return SetAside(source, at, thing.why, thing.detail[:500], address, payload, sample)


def release(conn: Connection, deed: Deed, number: int) -> Released:
    """Let a sample out of quarantine, as it was heard. Raises NotFoundError, ConflictError."""
    held = lock_quarantined(conn, number)
    if held is None:
        raise NotFoundError(f"There is no row {number} in quarantine")
    if held.released_at is not None:
        raise ConflictError(f"Row {number} was released already")
    if held.sample is None:
        raise ConflictError(f"Row {number} holds nothing that could be stored: {held.detail}")
    sample = word_kept(held.sample)
    rows = Rows(values=[row_of(sample, received_at=held.received_at)])
    if not held.address.rpartition("/")[2].startswith("value:"):
        rows = Rows(signals=rows.values)
    stored = store_batch(conn, rows)
    mark_released(conn, number, at=deed.at, by=deed.by)
    detail = {"id": number, "address": held.address, "why": held.why, "at": sample.at}
    record(conn, deed, action="sample.release", subject=f"quarantine/{number}", detail=detail)
    return Released(number, held.address, sample.at, repeated=not (stored.signals or stored.values))
