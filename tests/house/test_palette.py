"""The palette of states: told apart by everybody, and readable on every ground.

Sight is simulated as Machado, Oliveira and Fernandes 2009 have it (severity 1.0), distance is CIEDE2000 (Sharma 2005).
"""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import pytest

LOOK = Path(__file__).parents[2] / "dashboards" / "web" / "src" / "look"
DISTANCE_MIN = 15.0
CONTRAST_MIN = 4.5
SIGHTS: dict[str, tuple[tuple[float, ...], ...] | None] = {
    "normal": None,
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
RGB = tuple[float, ...]
STATES = ("running", "slow", "fault", "waiting", "setup", "planned")


def tokens() -> dict[str, str]:
    """The colours of tokens.css that are the same in both looks."""
    root = (LOOK / "tokens.css").read_text("utf-8").split(":root {", 1)[1].split("}", 1)[0]
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{3,6});", root))


def linear(colour: str) -> RGB:
    digits = colour.lstrip("#")
    digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    shares = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    return tuple(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares)


def seen(rgb: RGB, sight: str) -> RGB:
    matrix = SIGHTS[sight]
    if matrix is None:
        return rgb
    return tuple(min(1.0, max(0.0, sum(m * c for m, c in zip(row, rgb, strict=True)))) for row in matrix)


def contrast(a: str, b: str) -> float:
    low, high = sorted(0.2126 * r + 0.7152 * g + 0.0722 * blue for r, g, blue in (linear(a), linear(b)))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: RGB) -> RGB:
    r, g, b = rgb
    x = (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047
    y = 0.2126729 * r + 0.7151522 * g + 0.0721750 * b
    z = (0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def ciede2000(one: RGB, two: RGB) -> float:
    (l1, a1, b1), (l2, a2, b2) = one, two
    c_mean = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(c_mean**7 / (c_mean**7 + 25**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = (math.degrees(math.atan2(b, a)) % 360 if (a, b) != (0, 0) else 0.0 for a, b in ((a1, b1), (a2, b2)))
    turn = 0.0 if c1 * c2 == 0 else (h2 - h1 + 180) % 360 - 180
    d_hue = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn) / 2)
    c, lightness = (c1 + c2) / 2, (l1 + l2) / 2
    hue = h1 + h2 if c1 * c2 == 0 else (h1 + turn / 2) % 360
    t = (
        1
        - 0.17 * math.cos(math.radians(hue - 30))
        + 0.24 * math.cos(math.radians(2 * hue))
        + 0.32 * math.cos(math.radians(3 * hue + 6))
        - 0.2 * math.cos(math.radians(4 * hue - 63))
    )
    s_l = 1 + 0.015 * (lightness - 50) ** 2 / math.sqrt(20 + (lightness - 50) ** 2)
    s_c, s_h = 1 + 0.045 * c, 1 + 0.015 * c * t
    r_c = 2 * math.sqrt(c**7 / (c**7 + 25**7))
    r_t = -r_c * math.sin(math.radians(60 * math.exp(-(((hue - 275) / 25) ** 2))))
    d_l, d_c, d_h = (l2 - l1) / s_l, (c2 - c1) / s_c, d_hue / s_h
    return math.sqrt(d_l**2 + d_c**2 + d_h**2 + r_t * d_c * d_h)


@pytest.mark.parametrize(
    ("one", "two", "distance"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, -1.0, 2.0), (50.0, 0.0, 0.0), 2.3669),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_distance_is_ciede2000(one: RGB, two: RGB, distance: float) -> None:
    """The measure gives the published values of Sharma, Wu and Dalal."""
    assert ciede2000(one, two) == pytest.approx(distance, abs=0.0001)


@pytest.mark.parametrize("sight", SIGHTS)
def test_states_are_told_apart(sight: str) -> None:
    """Any two fills of states differ clearly for every kind of sight; no data is a hatch and differs by form."""
    colours = tokens()
    near = {
        f"{a}/{b}": round(d, 1)
        for a, b in itertools.combinations((*STATES, "track"), 2)
        if (d := ciede2000(lab(seen(linear(colours[a]), sight)), lab(seen(linear(colours[b]), sight)))) < DISTANCE_MIN
    }
    assert near == {}


def test_text_is_readable_on_the_tiles_that_alarm() -> None:
    """Words on a whole tile of colour keep the contrast of small text."""
    colours = tokens()
    assert contrast(colours["fault"], colours["on-dark"]) >= CONTRAST_MIN
    assert contrast(colours["waiting"], colours["on-bright"]) >= CONTRAST_MIN
    assert contrast(colours["running"], colours["on-dark"]) >= CONTRAST_MIN


def test_canvases_paint_the_palette() -> None:
    """What canvases paint with is what the style sheet says."""
    painted = dict(re.findall(r"^  (\w+): '(#[0-9a-f]{6})',$", (LOOK / "status.ts").read_text("utf-8"), re.MULTILINE))
    colours = tokens()
    assert {state: painted[state] for state in STATES} == {state: colours[state] for state in STATES}
    assert painted["offline"] == colours["offline-a"]
