"""The bench of booking runs, and finds every piece of a small flow booked."""

from __future__ import annotations

from mes.bench.tracker import run
from mes.settings import Settings


def test_what_machines_say_at_a_pace_is_booked_and_told_in_figures(database_url: str) -> None:
    """Two hundred machines speak for a second; the tracker's process books all of it, beside the ceiling."""
    result = run(Settings(database_url=database_url), seconds=1, rate=1000)
    assert result.measures["cpu_us_per_sample"].n >= 1000
    assert set(result.measures) >= {"core_share", "samples_per_s", "drain_s"}
    assert result.ratios["tracker_vs_read_once_cpu"] > 0
