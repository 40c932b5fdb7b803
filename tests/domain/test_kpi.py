"""KPIs from elements."""

from __future__ import annotations

import pytest

from mes.domain.kpi import Elements, ratios

MINUTE = 60_000_000


def test_the_glossarys_check_value() -> None:
    """420 planned minutes, 47 down, 60 a minute, 19,271 made, 423 rejected: OEE 0.7479."""
    shift = Elements(
        calendar_us=480 * MINUTE, planned_stop_us=60 * MINUTE, apt_us=373 * MINUTE, adot_us=47 * MINUTE,
        ideal_us=19_271 * MINUTE // 60, good=19_271 - 423, reject=423,
    )  # fmt: skip
    found = {name: ratio.value for name, ratio in ratios(shift).items()}
    assert [round(found[name] or 0, 4) for name in ("availability", "effectiveness", "quality_ratio", "oee")] == [
        0.8881, 0.8611, 0.9780, 0.7479,
    ]  # fmt: skip
    assert found["uptime_rate"] == pytest.approx(373 / 420)


def test_ratios_are_of_sums() -> None:
    """Two shifts together are the ratio of their sums, not the mean of their ratios."""
    long = Elements(calendar_us=9 * MINUTE, apt_us=9 * MINUTE, good=90)
    short = Elements(calendar_us=MINUTE, adot_us=MINUTE, reject=10)
    both = ratios(long + short)
    assert (both["availability"].value, both["quality_ratio"].value) == (0.9, 0.9)


def test_what_is_undefined_says_why() -> None:
    """Without planned time, run time or pieces a KPI has no value but a reason."""
    found = ratios(Elements(calendar_us=MINUTE, planned_stop_us=MINUTE))
    assert (found["availability"].value, found["availability"].undefined) == (None, "no planned time")
    assert (found["oee"].value, found["oee"].undefined) == (None, "no planned time")
    assert found["quality_ratio"].undefined == "nothing was made"
    faulty = ratios(Elements(calendar_us=MINUTE, adot_us=MINUTE))
    assert (faulty["availability"].value, faulty["effectiveness"].undefined) == (0.0, "did not run")


def test_nothing_is_clipped() -> None:
    """A machine faster than its standard pace shows more than one."""
    fast = Elements(calendar_us=MINUTE, apt_us=MINUTE, ideal_us=2 * MINUTE, good=2)
    assert ratios(fast)["oee"].value == 2.0
