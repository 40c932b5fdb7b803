"""Parts of a batch as blobs for the spool, and back."""

from __future__ import annotations

import msgspec

from collectors.batch import Part
from collectors.source import GapNote
from collectors.spool import Blob, Dropped, Kind
from mes.errors import SetupError
from mes.store.sample import ROW_FORM, Rows, SetAside, split_rows


class _Note(msgspec.Struct, array_like=True):
    """What of a part is no sample."""

    set_aside: list[SetAside]
    gaps: list[GapNote]


_note = msgspec.msgpack.Decoder(_Note).decode
_pulses = msgspec.msgpack.Decoder(list[tuple[int, int, bytes]]).decode


def blobs_of(part: Part) -> list[Blob]:
    """A part as it lies in the spool: rows as the database copies them."""
    rows = part.rows
    blobs = []
    if rows.signals:
        blobs.append(_blob(part, "signal", len(rows.signals), b"".join(rows.signals)))
    if rows.pulses:
        blobs.append(_blob(part, "pulse", len(rows.pulses), msgspec.msgpack.encode(rows.pulses)))
    if rows.values:
        blobs.append(_blob(part, "value", len(rows.values), b"".join(rows.values)))
    if part.set_aside or part.gaps:
        blobs.append(_blob(part, "note", 1, msgspec.msgpack.encode(_Note(part.set_aside, part.gaps))))
    return blobs


def _blob(part: Part, kind: Kind, rows: int, body: bytes) -> Blob:
    first = min(part.first_at, part.last_at or part.received_at)
    return Blob(kind, ROW_FORM, part.source, part.epoch, rows, first, part.last_at or part.received_at, body)


def part_of(blob: Blob) -> Part:
    """A blob as a part whose rows may be joined. Raises SetupError for one that another version wrote."""
    if blob.form != ROW_FORM:
        raise SetupError(
            f"The spool holds rows of form {blob.form}, this version writes form {ROW_FORM}",
            remedy="Drain it with the version that wrote it.",
        )
    part = Part(blob.source, blob.epoch, received_at=blob.to_at)
    if blob.kind == "signal":
        part.rows = Rows(signals=[blob.body])
    elif blob.kind == "value":
        part.rows = Rows(values=[blob.body])
    elif blob.kind == "pulse":
        part.rows = Rows(pulses=_pulses(blob.body))
    else:
        note = _note(blob.body)
        part.set_aside, part.gaps = note.set_aside, note.gaps
    return part


def taken_apart(part: Part) -> Part:
    """The same part with one entry for each row."""
    part.rows = Rows(
        signals=[row for joined in part.rows.signals for row in split_rows(joined)],
        values=[row for joined in part.rows.values for row in split_rows(joined)],
        pulses=part.rows.pulses,
    )
    return part


def said_dropped(dropped: Dropped) -> Part:
    """The gap that says which process values did not fit into the spool."""
    detail = f"{dropped.rows} process values did not fit into the spool"
    gap = GapNote(dropped.from_at, dropped.to_at, "spool", detail)
    return Part(dropped.source, 0, gaps=[gap], received_at=dropped.to_at)
