"""`/lines/{code}`: one line hour by hour, its machines and its stops this shift."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mes.domain.calendar import Calendar
from mes.domain.plant import Name
from mes.store.pool import Connection
from mes.store.screens.hours import HourImage, load_hours
from mes.store.screens.plant import SiteImage, post_of, site_image
from mes.store.screens.strip import load_strips
from mes.store.screens.wall import TileImage, show_tiles
from mes.store.screens.wire import ms


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


def show_line(conn: Connection, calendar: Calendar, at: datetime, code: str) -> LineImage:
    """A line that is in the plant, at an instant of plant time."""
    plant = calendar.plant
    line = plant.lines[code]
    window = calendar.at(code, at)
    stations = plant.stations_of(code)
    posts = {post_of(plant, station.code): station for station in stations}
    strips = load_strips(conn, calendar, at, dict.fromkeys(posts, code))
    machines = {}
    for post, station in posts.items():
        status, since = strips.now(post)
        machine = plant.machines.get(post)
        name = (machine and machine.name) or station.name or Name(post, post)
        machines[post] = MachineImage(name=name, status=status, since=ms(since), strip=strips.of(post))
    return LineImage(
        site=site_image(plant),
        code=code,
        tile=show_tiles(conn, calendar, at, [line])[code],
        hours=load_hours(conn, window, line.counts_at, [station.code for station in stations]) if window else {},
        machines=machines,
        order=tuple(posts),
    )
