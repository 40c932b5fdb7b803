"""When a source is silent, from when, and what is said about it (pure).

A gap begins when the source was last heard, not when its loss was noticed. It is written down when the silence has
lasted a moment, or when it is over; when somebody kept for us what was said meanwhile, there was none.
"""

from __future__ import annotations

from collectors.source import GapNote
from mes.domain.sample import GapWhy


class Silence:
    """The silences of one source, one after the other."""

    def __init__(self, *, absent_since: int | None, is_open: bool) -> None:
        """At start: when anybody last heard the source (None: nobody ever), and whether a gap is still open."""
        self._since = absent_since
        self._why: GapWhy = "collector"
        self._detail = "nobody collected"
        self._is_open = is_open

    def began(self, heard_at: int, why: GapWhy, detail: str) -> None:
        """The source was lost; it was last heard at `heard_at`."""
        if self._since is None:
            self._since, self._why, self._detail = heard_at, why, detail
        elif not self._is_open and self._why != "collector":
            self._why, self._detail = why, detail

    def announce(self) -> list[GapNote]:
        """It has lasted a moment: say that it began, once."""
        if self._since is None or self._is_open:
            return []
        self._is_open = True
        return [GapNote(self._since, None, self._why, self._detail)]

    def ended(self, at: int, *, kept_all: bool) -> list[GapNote]:
        """The source is heard again."""
        since, is_open = self._since, self._is_open
        self._since, self._is_open = None, False
        if is_open:
            return [GapNote(None, since if kept_all and since is not None else at, self._why)]
        if since is None or kept_all:
            return []
        return [GapNote(since, max(at, since), self._why, self._detail)]
