"""What is still stored when a disk fills: at 80 % it is said, at 90 % process values stop; signals always go on.

A database that meets the end of its disk stops altogether, and with it booking. So process values, which are most of
the bytes and feed no booking, stop long before; the hole is written down as a gap (`disk`) of each source. They go on
when there is room again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from collectors.batch import Part
from collectors.source import GapNote

WARN_PERCENT = 80.0
STOP_PERCENT = 90.0
RESUME_PERCENT = 88.0
NOTE_US = 60_000_000
"""While it lasts the gap is written down piece by piece, a minute each."""
_log = structlog.get_logger("collectors.ration")


def used_percent(folders: Iterable[Path]) -> float:
    """How full the fullest disk among those of `folders` is, of what may be used; folders that are not here count 0."""
    return max((_used_percent(folder) for folder in folders if folder.exists()), default=0.0)


def _used_percent(folder: Path) -> float:
    usage = shutil.disk_usage(folder)
    return 100 * usage.used / max(1, usage.used + usage.free)


@dataclass(slots=True)
class _Refused:
    """Process values of one source that were not stored."""

    rows: int
    from_at: int
    to_at: int


class Ration:
    """`look` once in a while, from any thread; `apply` from the writer's."""

    def __init__(self, measure: Callable[[], float]) -> None:
        self._measure = measure
        self._refused: dict[str, _Refused] = {}
        self._warned = False
        self.percent = 0.0
        self.is_short = False

    def look(self) -> None:
        """Measure, and say what changed."""
        self.percent = self._measure()
        was_short = self.is_short
        self.is_short = self.percent >= (RESUME_PERCENT if was_short else STOP_PERCENT)
        if self.is_short and not was_short:
            _log.error("the disk is nearly full: process values are no longer stored", percent=round(self.percent))
        elif was_short and not self.is_short:
            _log.info("there is room again: process values are stored", percent=round(self.percent))
        if self.percent < WARN_PERCENT:
            self._warned = False
        elif not self._warned:
            self._warned = True
            _log.warning("the disk fills; at 90 % process values stop", percent=round(self.percent))

    def apply(self, parts: Sequence[Part]) -> None:
        """Take process values out of `parts` while space is short, and see that the hole is written down."""
        if not (self.is_short or self._refused):
            return
        for part in parts:
            if self.is_short and part.rows.values:
                self._refuse(part)
            refused = self._refused.get(part.source)
            if refused is not None and (not self.is_short or refused.to_at - refused.from_at >= NOTE_US):
                del self._refused[part.source]
                detail = f"the disk is nearly full: {refused.rows} process values were not stored"
                part.gaps.append(GapNote(refused.from_at, refused.to_at, "disk", detail))

    def _refuse(self, part: Part) -> None:
        count, part.rows.values = len(part.rows.values), []
        refused = self._refused.get(part.source)
        if refused is None:
            self._refused[part.source] = _Refused(count, part.received_at, part.received_at)
        else:
            refused.rows, refused.to_at = refused.rows + count, part.received_at
