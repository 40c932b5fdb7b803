"""What a printed job card says, for whoever reads it and whoever draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobCard:
    """What a job card says; texts as people read them, times in the plant's zone."""

    job_id: int
    order: str
    item: str
    product: str
    revision: str
    operation: str
    line: str
    shift: str
    quantity: str
    start: str
    end: str
    parts: Sequence[tuple[str, str, str]]
    """Components: (item, name, quantity with unit)."""
