"""Which topics there are: who may watch one, which bell concerns it, and the one query that answers it.

    wall  board  shortages  orders  andon  line:CODE  station:CODE

`topic_named` turns what a screen asked for into a `Topic`, `asking(pool)` is how the hub looks into the database.
Somebody bound to some lines sees pages cut down to those, and another line's own topics are not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from api.live.hub import Answer, Ask, Topic
from mes.actions.plant import plant_at
from mes.domain.access import Caller, Permission
from mes.domain.calendar import Calendar
from mes.domain.plant import Plant
from mes.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from mes.store.bell import Room
from mes.store.house import load_clock
from mes.store.pool import AWAY, Connection, Pool, snapshot
from mes.store.screens.andon import show_andon
from mes.store.screens.line import show_line
from mes.store.screens.orders import show_orders
from mes.store.screens.plant import tracker_is_on
from mes.store.screens.schedule import show_board
from mes.store.screens.shortages import show_shortages
from mes.store.screens.station import show_station
from mes.store.screens.wall import show_wall

_log = structlog.get_logger(__name__)
ShowPage = Callable[[Connection, Calendar, datetime, frozenset[str] | None], Any]
ShowOne = Callable[[Connection, Calendar, datetime, str], Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A topic of the whole plant."""

    permission: Permission
    rooms: frozenset[Room]
    show: ShowPage


@dataclass(frozen=True, slots=True)
class One:
    """A topic of one line or station: `line_of` finds the line it belongs to, None where there is no such thing."""

    permission: Permission
    rooms: frozenset[Room]
    show: ShowOne
    line_of: Callable[[Plant, str], str | None]


def _own_line(plant: Plant, code: str) -> str | None:
    return code if code in plant.lines else None


def _line_of_station(plant: Plant, code: str) -> str | None:
    station = plant.stations.get(code)
    return station.line if station else None


_FLOOR: frozenset[Room] = frozenset({"booked", "floor", "plan", "plant"})
PAGES: dict[str, Page] = {
    "wall": Page("tracking:read", _FLOOR | {"material"}, show_wall),
    "board": Page("plans:read", frozenset({"plan", "order", "plant", "booked"}), show_board),
    "shortages": Page("material:read", frozenset({"material", "exchange", "plant"}), show_shortages),
    "orders": Page("orders:read", _FLOOR | {"order", "material", "exchange"}, show_orders),
    "andon": Page("tracking:read", frozenset({"floor", "plant"}), show_andon),
}
ONES: dict[str, One] = {
    "line": One("tracking:read", _FLOOR, show_line, _own_line),
    "station": One("tracking:read", _FLOOR | {"material", "order"}, show_station, _line_of_station),
}


def topic_named(name: str, caller: Caller, plant: Plant) -> Topic:
    """The topic a caller asked for. Raises NotFoundError, ForbiddenError, UnauthenticatedError."""
    kind, _, code = name.partition(":")
    if page := PAGES.get(name):
        return Topic(name, page.rooms, _seen(caller, page.permission))
    one = ONES.get(kind)
    if one is None or not code:
        raise NotFoundError(f"There is no topic {name}")
    seen = _seen(caller, one.permission)
    line = one.line_of(plant, code)
    if line is None or (seen is not None and line not in seen):
        raise NotFoundError(f"There is no {kind} {code}")
    return Topic(name, one.rooms)


def _seen(caller: Caller, permission: Permission) -> frozenset[str] | None:
    """The lines a caller sees with a permission; None is every line."""
    if not caller.may(permission):
        if not caller.known:
            raise UnauthenticatedError()
        raise ForbiddenError(f"{caller.name or caller.by} may not watch this: it needs {permission}")
    return caller.lines_for(permission)


def asking(pool: Pool) -> Ask:
    """How the hub looks: all topics that are due from one snapshot of the database."""
    calendars: dict[int, Calendar] = {}

    def ask(topics: list[Topic]) -> Answer:
        with snapshot(pool) as conn:
            clock = load_clock(conn)
            away = () if tracker_is_on(conn) else ("tracker",)
            if not topics:
                return Answer({}, clock, away)
            at = clock.now()
            try:
                plant = plant_at(conn, at)
            except NotFoundError:
                return Answer({}, clock, ("plant",))
            calendar = calendars.get(id(plant))
            if calendar is None:
                calendars.clear()
                calendar = calendars[id(plant)] = Calendar(plant)
            return Answer(dict(_images(conn, calendar, at, topics)), clock, away)

    return ask


def _images(conn: Connection, calendar: Calendar, at: datetime, topics: list[Topic]) -> Iterator[tuple[Topic, Any]]:
    """Each topic's image. One that cannot be answered keeps its last, says so in the log, and holds up no other."""
    for topic in topics:
        try:
            with conn.transaction():
                image = _image(conn, calendar, at, topic)
        except AWAY:
            raise
        except Exception:
            _log.exception("a topic could not be answered", topic=topic.name)
        else:
            yield topic, image


def _image(conn: Connection, calendar: Calendar, at: datetime, topic: Topic) -> Any:
    kind, _, code = topic.name.partition(":")
    if page := PAGES.get(topic.name):
        return page.show(conn, calendar, at, topic.lines)
    one = ONES[kind]
    # A plant version that came into force meanwhile may no longer have it.
    return one.show(conn, calendar, at, code) if one.line_of(calendar.plant, code) else {}
