"""When something stood still, and why.

A machine's stop is the longest stretch in which it did not run; setting up and silence are stretches of their own. What
people said about it (a reason for an instant, or for from..to) is laid over it in the order of the entries: a from..to
cuts the stop, an instant means the part it lies in. So a stop is split, merged, re-timed and re-classified by entries
alone, and an open stop never swallows a later one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from mes.domain.calendar import Stretch
from mes.domain.tracking.fold import Span
from mes.domain.tracking.jobs import Entry

GRAVITY = ("idle", "blocked", "starved", "stopped", "setup", "maintenance", "fault", "offline")
"""From the least to the gravest: what a stop is called when a machine passed through several states."""
BY_DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop, or the part of one that has a reason of its own. `to_at` None while it lasts.

    `root_state`: what the stop at the root is called from which a line's standstill has its reason; else as `state`.
    `again`: that stop had stood the line still before.
    """

    scope: str
    from_at: int
    to_at: int | None
    line: str
    machine: str
    root_machine: str
    root_state: str
    state: str
    cause: str
    stop_code: str
    reason: str
    reason_by: str
    micro: bool
    loss_us: int | None
    job: int
    shift_day: str
    shift: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch in which a machine did not run. `to_at` None while it lasts; `grave_at`: when its state began."""

    from_at: int
    to_at: int | None
    grave_at: int
    state: str
    cause: str
    stop_code: str
    job: int
    shift_day: str
    shift: str


def runs(spans: Iterable[Span]) -> list[Run]:
    """The stretches in which a machine did not run, of its spans in order."""
    found: list[Run] = []
    open_kind, last_end = "", -1
    for span in spans:
        kind = _kind(span)
        if kind and kind == open_kind and span.from_at == last_end:
            found[-1] = _longer(found[-1], span)
        elif kind:
            found.append(
                Run(span.from_at, span.to_at, span.from_at, span.state, span.cause, span.stop_code, *_start(span))
            )
        open_kind, last_end = kind, -1 if span.to_at is None else span.to_at
    return found


def _kind(span: Span) -> str:
    if span.state in ("running", "offline"):
        return span.state if span.state == "offline" else ""
    return "setup" if span.state == "setup" or (span.phase == "setup" and span.state != "fault") else "stop"


def _start(span: Span) -> tuple[int, str, str]:
    return span.job, span.shift_day, span.shift


def _longer(run: Run, span: Span) -> Run:
    graver = GRAVITY.index(span.state) > GRAVITY.index(run.state)
    return replace(
        run,
        to_at=span.to_at,
        grave_at=span.from_at if graver else run.grave_at,
        state=span.state if graver else run.state,
        cause=span.cause if graver else run.cause,
        stop_code=(span.stop_code if graver else "") or run.stop_code or span.stop_code,
    )


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a run and what was said of it; `entry` 0: nothing yet."""

    from_at: int
    to_at: int | None
    reason: str
    by: str
    entry: int = 0


def parts(run: Run, said: Iterable[Entry], reason_of_code: Mapping[str, str]) -> list[Part]:
    """A run cut and named by what people said of it, in the order they said it; before that by the device's code."""
    automatic = reason_of_code.get(run.stop_code, "") if run.stop_code else ""
    cut = [Part(run.from_at, run.to_at, automatic, BY_DEVICE if automatic else "")]
    for entry in sorted(said, key=lambda entry: entry.id):
        cut = _said(cut, entry) if entry.from_at is None else _laid_over(cut, entry, entry.from_at)
    return _merged(cut)


def _said(cut: list[Part], entry: Entry) -> list[Part]:
    return [
        replace(p, reason=entry.reason, by=entry.by, entry=entry.id)
        if p.from_at <= entry.at and (p.to_at is None or entry.at < p.to_at)
        else p
        for p in cut
    ]


def _laid_over(cut: list[Part], entry: Entry, from_at: int) -> list[Part]:
    laid: list[Part] = []
    for part in cut:
        start, end = max(part.from_at, from_at), entry.at if part.to_at is None else min(part.to_at, entry.at)
        if start >= end:
            laid.append(part)
            continue
        if part.from_at < start:
            laid.append(replace(part, to_at=start))
        laid.append(Part(start, end, entry.reason, entry.by, entry.id))
        if part.to_at is None or end < part.to_at:
            laid.append(replace(part, from_at=end))
    return laid


def _merged(cut: Sequence[Part]) -> list[Part]:
    """Neighbours that one entry named, or that nobody cut apart, are one part."""
    merged: list[Part] = []
    for part in cut:
        last = merged[-1] if merged else None
        if last and (last.reason, last.by, last.entry) == (part.reason, part.by, part.entry):
            merged[-1] = replace(last, to_at=part.to_at)
        else:
            merged.append(part)
    return merged


def lost(calendar: Iterable[Stretch], from_at: int, to_at: int) -> int:
    """Microseconds of working time within from..to."""
    return sum(
        max(0, min(stretch.to_us, to_at) - max(stretch.from_us, from_at)) for stretch in calendar if stretch.open
    )


def bridged(spans: Sequence[Span], micro_us: int, until: int) -> list[Span]:
    """Spans as a line sees them: a stop no longer than `micro_us` between two runs of its shift is part of running.

    Spans are cut at `until`; what lasts until then is not yet known to be short.
    """
    cut = [span._replace(to_at=_before(span.to_at, until)) for span in spans if span.from_at < until]
    short = {
        index
        for first, last in _stretches_of_stops(cut)
        if first > 0 and last + 1 < len(cut) and _joins(cut, first, last) and _length(cut, first, last) <= micro_us
        for index in range(first, last + 1)
    }
    return [span._replace(state="running") if index in short else span for index, span in enumerate(cut)]


def _before(to_at: int | None, until: int) -> int | None:
    return to_at if to_at is not None and to_at < until else None


def _stretches_of_stops(spans: Sequence[Span]) -> list[tuple[int, int]]:
    """First and last index of each row of spans that are plain stops."""
    found: list[tuple[int, int]] = []
    for index, span in enumerate(spans):
        if _kind(span) != "stop":
            continue
        if found and found[-1][1] == index - 1:
            found[-1] = (found[-1][0], index)
        else:
            found.append((index, index))
    return found


def _joins(spans: Sequence[Span], first: int, last: int) -> bool:
    """Whether a row of stops lies between two runs of one shift without a hole."""
    row = spans[first - 1 : last + 2]
    touching = all(a.to_at == b.from_at and a[-2:] == b[-2:] for a, b in pairwise(row))
    return touching and row[0].state == row[-1].state == "running"


def _length(spans: Sequence[Span], first: int, last: int) -> int:
    return (spans[last].to_at or 0) - spans[first].from_at
