"""`/lines/{code}`: one line hour by hour, its machines and its stops this shift."""

from __future__ import annotations

from dataclasses import dataclass

from mes.domain.plant import Name
from mes.store.screens.plant import SiteImage
from mes.store.screens.wall import TileImage


@dataclass(frozen=True, slots=True)
class HourImage:
    """Good and reject of one clock hour of the shift."""

    good: int
    reject: int


@dataclass(frozen=True, slots=True)
class MachineImage:
    """A machine of the line: its state now, and its strip as a tile has it."""

    name: Name
    status: str
    since: int
    strip: dict[str, str]


@dataclass(frozen=True, slots=True)
class LineImage:
    """Everything a line's page shows; hours are keyed by the epoch second at which they begin."""

    site: SiteImage
    code: str
    tile: TileImage
    hours: dict[str, HourImage]
    machines: dict[str, MachineImage]
    order: tuple[str, ...]
