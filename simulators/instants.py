"""Plant time as the simulators count it: whole milliseconds since 1970, and the anchor that ties it to the real clock.

Simulators import nothing of the product, so the anchor (plant time, wall time, speed) comes in as arguments. Instants
in demo files may be written relative to the first day of a run: `+1 14:00` is two in the afternoon of the second day,
in the plant's zone; `start` is the instant the run begins.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RELATIVE = re.compile(r"\+(\d+) (\d\d):(\d\d)(?::(\d\d))?")

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def to_ms(at: datetime) -> int:
    """Whole milliseconds since 1970 of an aware instant, rounded down."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def to_datetime(ms: int) -> datetime:
    """The aware UTC instant of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=ms)


def to_iso(ms: int) -> str:
    """RFC 3339 with milliseconds, in UTC: `2026-01-05T00:00:00.000Z`."""
    return to_datetime(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> int:
    """Milliseconds of an RFC 3339 instant; one without an offset is read as UTC."""
    at = datetime.fromisoformat(text)
    return to_ms(at if at.tzinfo else at.replace(tzinfo=UTC))


def local_ms(on: date, minute: int, zone: tzinfo) -> int:
    """The instant at which clocks in `zone` first read `minute` minutes after midnight of `on`."""
    midnight = datetime(on.year, on.month, on.day)  # noqa: DTZ001  the zone is attached to the local reading below
    return to_ms((midnight + timedelta(minutes=minute)).replace(tzinfo=zone))


def resolve(text: str, begin_ms: int, zone: tzinfo) -> int:
    """Milliseconds of `+D HH:MM[:SS]`, `start` or an RFC 3339 instant, in a run that begins at `begin_ms`."""
    if text == "start":
        return begin_ms
    found = _RELATIVE.fullmatch(text)
    if not found:
        return from_iso(text)
    day, hour, minute, second = (int(part or 0) for part in found.groups())
    first = to_datetime(begin_ms).astimezone(zone).date()
    return local_ms(first + timedelta(days=day), hour * 60 + minute, zone) + second * 1000


def is_relative(text: str) -> bool:
    """Whether a text of a demo file is an instant that `resolve` has to work out."""
    return text == "start" or _RELATIVE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Anchor:
    """Plant time read `plant_ms` when this machine's clock read `wall_s`, and runs `speed` times as fast."""

    plant_ms: int
    wall_s: float
    speed: float

    def __post_init__(self) -> None:
        if self.speed <= 0:
            raise ValueError("speed must be above 0")

    def now(self) -> int:
        """Plant time now, in milliseconds; never before the anchor, however early the program was started."""
        return self.plant_ms + max(0, int((time.time() - self.wall_s) * self.speed * 1000))

    def real_s(self, until_ms: int) -> float:
        """Seconds of this machine's time until plant time `until_ms`; 0 when it has passed."""
        return max(0.0, self.wall_s + (until_ms - self.plant_ms) / (self.speed * 1000) - time.time())


def anchor(plant_at: str, wall_at: str, speed: float) -> Anchor:
    """An anchor from the arguments of a command; an empty instant means now."""
    now_s = time.time()
    return Anchor(
        plant_ms=from_iso(plant_at) if plant_at else int(now_s * 1000),
        wall_s=from_iso(wall_at) / 1000 if wall_at else now_s,
        speed=speed,
    )
