"""What every page says of the plant itself: which site, in which time zone, and what shift it is."""

from __future__ import annotations

from dataclasses import dataclass

from mes.domain.calendar import ShiftWindow
from mes.domain.plant import Name, Plant
from mes.store.pool import Connection
from mes.store.screens.wire import ms


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


def shift_image(plant: Plant, window: ShiftWindow) -> ShiftImage:
    """A shift as it really happens."""
    shift = plant.shifts.get(window.shift)
    name = shift.name if shift and shift.name else Name(window.shift, window.shift)
    return ShiftImage(
        code=window.shift,
        name=name,
        day=window.shift_day.isoformat(),
        from_at=ms(window.from_at),
        to_at=ms(window.to_at),
    )


def post_of(plant: Plant, station: str) -> str:
    """Where a station's states are booked: its machine, or the station itself where people count."""
    found = plant.stations.get(station)
    return found.machine if found and found.machine else station


def tracker_is_on(conn: Connection) -> bool:
    """Whether somebody holds the duty of booking: without, every figure stands still. Runs on database time."""
    row = conn.execute("select exists (select from lease where name = 'tracker' and expires_at > now())").fetchone()
    return row is not None and bool(row[0])
