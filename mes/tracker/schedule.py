"""What happens without anybody saying so: shifts and breaks begin and end, people who count fall idle, time goes by.

`Schedule` knows what has to be booked because plant time passed it, and when the next such instant is. It holds no
truth: after a restart it begins at the frontiers of what is booked.
"""

from __future__ import annotations

from collections.abc import Mapping

from mes.domain.calendar import MINUTE_US
from mes.tracker.plants import DAY_US, Plants
from mes.tracker.refold import Work

FRESH_US = MINUTE_US
"""While a line works its posts are booked at least this often, so that a silent machine's losses are seen."""
AHEAD_US = DAY_US


class Schedule:
    """Edges of lines' calendars, deadlines of people's stations, and how fresh each post's rows are."""

    def __init__(self) -> None:
        self._reached: dict[str, int] = {}
        self._idle_at: dict[str, int] = {}

    def start(self, plants: Plants, frontiers: Mapping[str, int], now: int) -> None:
        """Begin, after a start or a change of plant: posts reach as far as their rows do."""
        self._reached = {code: frontiers.get(code, now) for code in plants.posts_at(now)}
        self._idle_at = {
            code: self._idle_at.get(code, now) for code, rules in plants.posts_at(now).items() if rules.states is None
        }

    def booked(self, reached: Mapping[str, int], idle_at: Mapping[str, int]) -> None:
        """Note what was booked."""
        for code, at in reached.items():
            if code in self._reached:
                self._reached[code] = max(self._reached[code], at)
        for code, at in idle_at.items():
            if at:
                self._idle_at[code] = at
            else:
                self._idle_at.pop(code, None)

    def due(self, plants: Plants, now: int) -> dict[str, Work]:
        """The posts that have to be booked because it is `now`."""
        works: dict[str, Work] = {}
        for code, rules in plants.posts_at(now).items():
            reached = self._reached.get(code, now)
            instants = [edge for edge in self._edges(plants, rules.line, reached, now) if edge <= now]
            deadline = self._idle_at.get(code)
            if deadline is not None and deadline <= now:
                instants.append(deadline)
            if now - reached >= FRESH_US and self._works(plants, rules.line, reached, now):
                instants.append(now)
            if instants:
                works[code] = Work(min(instants), max(instants))
        return works

    def next_at(self, plants: Plants, now: int) -> int:
        """The next instant at which something will be due."""
        edges = [
            edge
            for line in {rules.line for rules in plants.posts_at(now).values()}
            for edge in self._edges(plants, line, now, now + AHEAD_US)[:1]
        ]
        return min([*edges, *self._idle_at.values(), now + FRESH_US])

    def _edges(self, plants: Plants, line: str, after: int, until: int) -> list[int]:
        """Where a line's calendar changes within (after, until]."""
        if after >= until:
            return []
        parts = plants.calendar(line, after, until + 1)
        return [part.from_us for part in parts[1:] if after < part.from_us <= until]

    def _works(self, plants: Plants, line: str, after: int, until: int) -> bool:
        return any(part.open for part in plants.calendar(line, after, until))
