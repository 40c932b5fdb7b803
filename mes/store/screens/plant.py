"""What every page says of the plant itself: which site, in which time zone, and what shift it is."""

from __future__ import annotations

from dataclasses import dataclass

from mes.domain.plant import Name, Plant


@dataclass(frozen=True, slots=True)
class SiteImage:
    """The site; `time_zone` (IANA) is the zone of every time a page shows."""

    code: str
    name: Name
    time_zone: str
    palette: str


@dataclass(frozen=True, slots=True)
class ShiftImage:
    """The shift that is on: its shift-day, and from .. to in epoch milliseconds."""

    code: str
    name: Name
    day: str
    from_at: int
    to_at: int


def site_image(plant: Plant) -> SiteImage:
    """The site of a plant."""
    return SiteImage(
        code=plant.site.code, name=plant.site.name, time_zone=plant.site.time_zone, palette=plant.site.palette
    )
