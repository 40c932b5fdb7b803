"""What is handed over at the end of a shift: figures as they stood, kept as they were said.

A snapshot is never changed. What is booked later (late data, a re-timed mark, a reason) may change the figures of the
same stretch; the difference is its restatement, shown beside what was handed over and never put in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mes.domain.fields import ClientId, Code, Instant, Text


@dataclass(frozen=True)
class HandoverDocument:
    """交接班: a line is handed over at an instant (absent: now), with words for the next team."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    line: Code
    at: Instant | None = None
    note: Text = ""
    client_id: ClientId | None = None


@dataclass(frozen=True, slots=True)
class Restated:
    """A figure that is no longer what was handed over; None: it was, or is, not there. `figure` as "jobs/17/good"."""

    figure: str
    was: int | str | None
    now: int | str | None


def restated(was: dict[str, Any], now: dict[str, Any]) -> list[Restated]:
    """What of a snapshot's figures has changed since, in the order of their names."""
    before, after = dict(_leaves(was)), dict(_leaves(now))
    return [
        Restated(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _leaves(figures: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value
