"""Working time of a line and the tables between it and plant time."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.axis import Days, axis_of, instant, minute_down, minute_up
from tests.scheduler.problems import DAY, NOW, at, line

spans = st.lists(st.tuples(st.integers(-20, 200), st.integers(-20, 200)), max_size=6)


@given(spans)
def test_tables_count_open_minutes(given_spans: list[tuple[int, int]]) -> None:
    """Both tables say what counting the open minutes one by one says."""
    axis = axis_of(given_spans, 100)
    is_open = [any(a <= t < b for a, b in given_spans) for t in range(100)]
    assert list(axis.starts) == [t for t in range(100) if is_open[t]]
    assert list(axis.before) == [sum(is_open[:t]) for t in range(101)]
    assert axis.total == sum(is_open)


@given(spans)
def test_closing_times_end_each_open_interval(given_spans: list[tuple[int, int]]) -> None:
    """From any open minute the line runs without a break until its interval closes."""
    axis = axis_of(given_spans, 100)
    for x, closes in enumerate(axis.closes):
        assert axis.starts[closes - 1] - axis.starts[x] == closes - 1 - x
        assert closes == axis.total or axis.starts[closes] > axis.starts[closes - 1] + 1
    assert sum(b - a for a, b in axis.spans) == axis.total


@pytest.mark.parametrize(("second", "first"), [(0, 0), (1, 1), (59, 1)])
def test_a_now_between_minutes_begins_with_the_next(second: int, first: int) -> None:
    """Plant minute 0 is the whole minute that is not before now."""
    now = datetime(2026, 1, 5, 8, 0, second, tzinfo=UTC)
    assert instant(now, 0) == datetime(2026, 1, 5, 8, first, tzinfo=UTC)
    assert minute_up(now, datetime(2026, 1, 5, 8, 5, 30, tzinfo=UTC)) == 6 - first
    assert minute_down(now, datetime(2026, 1, 5, 8, 5, 30, tzinfo=UTC)) == 5 - first


def test_a_lot_belongs_to_the_latest_shift_begun() -> None:
    """Overtime after a night shift still counts to the night shift's day."""
    night = line("L1")
    shifts = (("D", NOW.date(), at(0), at(8)), ("N", NOW.date(), at(14), at(22)))
    days = Days(NOW, type(night)("L1", night.open, None, shifts))
    assert days.at(60) == ("D", date(2026, 1, 5))
    assert days.at(23 * 60) == ("N", date(2026, 1, 5))
    assert days.next_border(60) == 14 * 60


def test_without_shifts_the_day_is_utc() -> None:
    """A line without shifts changes its day at midnight UTC."""
    days = Days(NOW, line("L1"))
    assert days.at(0) == (None, NOW.date())
    assert days.at(16 * 60) == (None, (NOW + DAY).date())
    assert days.next_border(5) == 16 * 60
