"""Open andon calls alone, for pages that show nothing else live."""

from __future__ import annotations

from dataclasses import dataclass

from mes.store.screens.wall import CallImage


@dataclass(frozen=True, slots=True)
class AndonImage:
    """The calls nobody has resolved, by id."""

    calls: dict[str, CallImage]
