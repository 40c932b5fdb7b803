"""Scenes to draw: images as the server would send them, made up but whole, with long names and every status."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from mes.domain.plant import Name
from mes.store.screens.plant import ShiftImage, SiteImage
from mes.store.screens.wall import CallImage, LackImage, TileImage, WallImage

NOW = datetime(2026, 1, 5, 6, 12, 40, tzinfo=UTC)
"""Monday 14:12:40 in Shanghai."""
NOW_MS = int(NOW.timestamp() * 1000)
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
SITE = SiteImage("SZ1", Name("一号工厂", "Plant 1"), "Asia/Shanghai", "quiet")
SHIFT_FROM_MS = NOW_MS - 6 * HOUR_MS - 12 * MINUTE_MS - 40_000
SHIFT = ShiftImage("D", Name("白班", "Day"), "2026-01-05", SHIFT_FROM_MS, SHIFT_FROM_MS + 12 * HOUR_MS)
STATUSES = (
    "running", "running", "starved", "running", "slow", "running", "fault", "setup", "idle", "planned_stop",
    "offline", "blocked", "maintenance", "stopped",
)  # fmt: skip
LINES = (
    ("L01", Name("空调总装一线", "Air conditioner assembly 1"), Name("KFR-35GW 分体空调", "KFR-35GW split unit")),
    ("L02", Name("钣金喷涂线", "Cabinet forming and coating"), Name("室外机柜体 72", "Outdoor cabinet 72")),
    ("L03", Name("注塑线", "Injection moulding"), Name("轴流风叶 400", "Axial fan blade 400")),
    ("L04", Name("电机线", "Motor line"), Name("直流电机 40W", "DC motor 40 W")),
    ("L05", Name("线束手工线", "Wire harness, by hand"), Name("主线束 W-35", "Main harness W-35")),
)


def strip(rnd: random.Random, last: str, since_ms: int) -> dict[str, str]:
    """Eight hours of a line's life that end in `last`."""
    found: dict[str, str] = {}
    at = NOW_MS - 9 * HOUR_MS
    while at < since_ms:
        status = "running" if rnd.random() < 0.62 else rnd.choice(STATUSES)
        if at < SHIFT_FROM_MS:
            status = "planned_stop"
        found[str(at // 1000)] = status
        at += int(rnd.expovariate(1 / (9 * MINUTE_MS))) + MINUTE_MS
    found[str(since_ms // 1000)] = last
    return found


def pace(planned: int) -> tuple[tuple[int, int], ...]:
    """A plan that fills the shift and rests over lunch."""
    four, hour = SHIFT_FROM_MS + 4 * HOUR_MS, HOUR_MS
    part = round(planned * 4 / 11)
    return ((SHIFT_FROM_MS, 0), (four, part), (four + hour, part), (SHIFT_FROM_MS + 12 * hour, planned))


def tile(rnd: random.Random, place: int, status: str) -> TileImage:
    """A line doing `status`."""
    _code, name, product = LINES[place % len(LINES)]
    planned = rnd.choice((420, 560, 1240, 2104, 640))
    wanted = planned * 0.47
    since = NOW_MS - rnd.choice((12, 65, 3, 27, 190)) * MINUTE_MS
    alarm = status in {"fault", "starved", "blocked"}
    return TileImage(
        name=name, area=f"A{place % 3 + 1}", manual=place % 5 == 4, status=status, since=since,
        good=round(wanted * rnd.choice((0.91, 1.02, 0.985, 1.0, 0.8))), reject=rnd.randint(0, 14), planned=planned,
        pace=pace(planned), strip=strip(rnd, status, since), shift=SHIFT, order=f"MO26-{1100 + place}",
        item="KFR-35GW", product=product, machine="L01-M2" if alarm else None,
        reason=Name("焊枪故障", "Brazing torch") if status == "fault" else None,
    )  # fmt: skip


def wall(lines: int = 5, seed: int = 3) -> WallImage:
    """The wall of a plant with so many lines; the first five are the demo's."""
    rnd = random.Random(seed)
    codes = tuple(f"L{place + 1:02d}" for place in range(lines))
    tiles = {code: tile(rnd, place, STATUSES[place % len(STATUSES)]) for place, code in enumerate(codes)}
    return WallImage(
        site=SITE,
        lines=codes,
        tiles=tiles,
        calls={
            "1": CallImage(
                "L03", "maintenance", NOW_MS - 9 * MINUTE_MS, 1, station="L03-S1", escalated_at=NOW_MS - 4 * MINUTE_MS
            ),
            "2": CallImage("L02", "quality", NOW_MS - 3 * MINUTE_MS, 0, taken_at=NOW_MS - MINUTE_MS, taken_by="zhao"),
        },
        lacks={
            "s1": LackImage("shortage", "C-COMP-35", Name("旋转压缩机 35", "Rotary compressor 35"), "180", "pcs",
                            NOW_MS - 47 * MINUTE_MS, NOW_MS + 112 * MINUTE_MS, "projected", "L01"),
            "c1": LackImage("call_off", "C-COIL-35", Name("冷凝器 35", "Condenser coil 35"), "120", "pcs",
                            NOW_MS - 15 * MINUTE_MS, NOW_MS + 41 * MINUTE_MS, "open", "L01"),
        },
    )  # fmt: skip
