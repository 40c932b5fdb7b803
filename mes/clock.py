"""The only place that asks what time it is.

Two times live side by side and are never mixed. *Plant time* (`Clock.now`) is what samples, spans and plans are
stamped with; a demonstration may run it fast. *Machine time* (`mono`, `wall`) is what leases, time-outs and sessions
are measured with; it always runs at the speed of the machine.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def mono() -> float:
    """Seconds on a clock that never steps; only differences mean something."""
    return time.monotonic()


def wall() -> datetime:
    """The machine's own time of day, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """Plant time: it read `plant_at` when the machine's clock read `wall_at`, and runs `speed` times as fast.

    The anchor is stored in the database (`mes.store.house`), so that every process of a plant reads the same time.
    """

    plant_at: datetime
    wall_at: datetime
    speed: float = 1.0

    def now(self) -> datetime:
        """The plant's time now, in UTC."""
        return self.at(wall())

    def at(self, wall_at: datetime) -> datetime:
        """The plant's time when the machine's clock read `wall_at`."""
        return self.plant_at + (wall_at - self.wall_at) * self.speed

    def real_s(self, plant: timedelta) -> float:
        """How many seconds of machine time pass during `plant`."""
        return plant.total_seconds() / self.speed


def real_clock() -> Clock:
    """Plant time that is the machine's own time."""
    at = wall()
    return Clock(plant_at=at, wall_at=at)
