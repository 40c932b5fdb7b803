"""`/wall`: every line at a glance, and what is open, oldest first."""

from __future__ import annotations

from dataclasses import dataclass

from mes.domain.plant import Name
from mes.store.screens.plant import ShiftImage, SiteImage


@dataclass(frozen=True, slots=True)
class TileImage:
    """One line. Instants are epoch ms.

    `status` is what the tile says and `since` since when. `pace` is what the plan of this shift wants by when:
    (instant, pieces) knots, straight between them, flat over breaks and changeovers. `strip` is the last eight hours:
    epoch second -> status from then on, empty where nothing is known.
    """

    name: Name
    area: str
    manual: bool
    status: str
    since: int
    good: int
    reject: int
    planned: int
    pace: tuple[tuple[int, int], ...]
    strip: dict[str, str]
    shift: ShiftImage | None = None
    order: str | None = None
    item: str | None = None
    product: Name | None = None
    machine: str | None = None
    reason: Name | None = None
    waits_for: str | None = None
    heard_at: int | None = None


@dataclass(frozen=True, slots=True)
class CallImage:
    """An open andon call."""

    line: str
    kind: str
    raised_at: int
    level: int
    station: str | None = None
    note: str | None = None
    taken_at: int | None = None
    taken_by: str | None = None


@dataclass(frozen=True, slots=True)
class LackImage:
    """An open shortage or call-off as the wall names it; `needed_by` is when the line stops for it."""

    kind: str
    item: str
    name: Name
    quantity: str
    unit: str
    since: int
    needed_by: int
    state: str
    line: str | None = None


@dataclass(frozen=True, slots=True)
class WallImage:
    """Everything `/wall` shows. `lines` gives the order of `tiles`."""

    site: SiteImage
    lines: tuple[str, ...]
    tiles: dict[str, TileImage]
    calls: dict[str, CallImage]
    lacks: dict[str, LackImage]
