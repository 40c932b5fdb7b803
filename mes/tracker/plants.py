"""The plant versions that were in force one after another, read once and kept parsed.

`Plants.refresh` looks whether a version came; everything else answers from memory. A *post* is a machine with its
station, or a station where people count (`mes.domain.tracking.posts`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from mes.domain.calendar import Calendar, Reign, Stretch, floor_minute, reigns, stretches
from mes.domain.plant import Plant
from mes.domain.tracking.posts import Rules, posts
from mes.domain.tracking.tape import RULES, Event
from mes.formats.plant_file import plant_from
from mes.store.plant import tag_numbers
from mes.store.pool import Connection
from mes.store.tracking.raw import Version, load_documents, load_versions

DAY_US = 86_400_000_000


class Plants:
    """Plant versions, their posts and calendars."""

    def __init__(self) -> None:
        self._versions: list[Version] = []
        self._calendars: dict[int, Calendar] = {}
        self._posts: dict[int, dict[str, Rules]] = {}
        self._keyed: dict[str, set[str]] = {}
        self._ends: dict[tuple[int, str], tuple[str, str]] = {}
        self.reigns: list[Reign] = []
        self.tags: dict[str, int] = {}

    def refresh(self, conn: Connection) -> bool:
        """Read versions that came since; whether there were any."""
        versions = load_versions(conn)
        if versions == self._versions:
            return False
        for number, document in load_documents(conn, [v.id for v in versions if v.id not in self._calendars]).items():
            self._calendars[number] = Calendar(plant_from(document))
        self._versions = versions
        self.reigns = reigns([(version.from_us, self._calendars[version.id]) for version in versions])
        if self.reigns:
            # Minutes are booked whole: the first one may hold samples, so there is a plant from its beginning on.
            self.reigns[0] = replace(self.reigns[0], from_us=floor_minute(self.reigns[0].from_us))
        self._posts = {id(reign.calendar): posts(reign.plant) for reign in self.reigns}
        self.tags = tag_numbers(conn)
        self._keyed = self._index()
        self._ends.clear()
        self._stretches.cache_clear()
        return True

    @property
    def begins(self) -> int:
        """Since when there is a plant at all, µs."""
        return self.reigns[0].from_us if self.reigns else 0

    def reign_at(self, at: int) -> Reign | None:
        """The version in force at an instant."""
        return next((reign for reign in reversed(self.reigns) if reign.from_us <= at), None)

    def plant_at(self, at: int) -> Plant | None:
        """The plant as it is at an instant."""
        reign = self.reign_at(at)
        return reign.plant if reign else None

    def posts_at(self, at: int) -> dict[str, Rules]:
        """Every post at an instant."""
        reign = self.reign_at(at)
        return self._posts[id(reign.calendar)] if reign else {}

    def rules(self, code: str, at: int) -> Rules | None:
        """What the plant says of a post at an instant; None when it is not there."""
        return self.posts_at(at).get(code)

    def latest_rules(self, code: str) -> Rules | None:
        """What the last version that knows a post says of it."""
        found = (self._posts[id(reign.calendar)].get(code) for reign in reversed(self.reigns))
        return next((rules for rules in found if rules), None)

    def rule_events(self, code: str, from_us: int, to_us: int) -> list[Event]:
        """Where the plant said something else of a post, within [from, to)."""
        return [
            (reign.from_us, RULES, 0, self._posts[id(reign.calendar)].get(code))
            for reign in self.reigns
            if from_us <= reign.from_us < to_us
        ]

    def codes_of(self, keys: Iterable[str]) -> set[str]:
        """The posts that touched keys (machines, stations) mean, in any version."""
        found: set[str] = set()
        for key in keys:
            found |= self._keyed.get(key, set())
        return found

    def _index(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for known in self._posts.values():
            for code, rules in known.items():
                for key in filter(None, (code, rules.machine, rules.station)):
                    found.setdefault(key, set()).add(code)
        return found

    def ends_of(self, line: str, at: int) -> tuple[str, str]:
        """The stations at which pieces enter and leave a line at an instant; empty where there is none."""
        reign = self.reign_at(at) or self.reigns[0]
        key = (id(reign.calendar), line)
        if key not in self._ends:
            stands = reign.plant.lines.get(line)
            first = reign.plant.stations_of(line)[:1]
            self._ends[key] = (first[0].code if first else "", stands.counts_at if stands else "")
        return self._ends[key]

    def codes_on(self, lines: Iterable[str] | None = None) -> set[str]:
        """The posts of lines (None: of all), in any version."""
        wanted = None if lines is None else set(lines)
        return {
            code
            for reign in self.reigns
            for code, rules in self._posts[id(reign.calendar)].items()
            if wanted is None or rules.line in wanted
        }

    def calendar(self, line: str, from_us: int, to_us: int) -> list[Stretch]:
        """A line's calendar over [from, to)."""
        start, end = from_us - from_us % DAY_US, to_us - to_us % -DAY_US
        return [
            stretch
            for stretch in self._stretches(line, start, end)
            if stretch.from_us < to_us and stretch.to_us > from_us
        ]

    @lru_cache(maxsize=512)  # noqa: B019  one Plants a process
    def _stretches(self, line: str, from_us: int, to_us: int) -> list[Stretch]:
        return stretches(self.reigns, line, from_us, to_us)
