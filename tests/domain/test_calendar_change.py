"""A plan's change of a line's hours as exceptions of the plant model."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from mes.domain.calendar import open_intervals
from mes.domain.calendar_change import with_changes
from mes.domain.plan import ChangeCalendar
from scheduler.changes import joined, without
from tests.domain.test_calendar import DAY, NIGHT, local, plant

START, END = local("2026-01-04T00:00"), local("2026-01-12T00:00")


@given(
    st.booleans(),
    st.integers(0, 5 * 24 * 12),
    st.integers(1, 40 * 12),
    st.sampled_from([(DAY,), (DAY, NIGHT), (NIGHT,)]),
    st.sampled_from(["Asia/Shanghai", "Europe/Berlin"]),
)
def test_the_model_has_the_hours_the_plan_was_made_for(is_open, start, length, shifts, zone) -> None:
    """Overtime and stops of any length at any time open and close exactly those minutes."""
    five = timedelta(minutes=5)
    from_at = START + start * five
    change = ChangeCalendar("L", is_open, from_at, from_at + length * five)
    before = plant(*shifts, zone=zone)
    spans = open_intervals(before, "L", START, END)
    wanted = joined([*spans, (from_at, change.to_at)]) if is_open else without(spans, from_at, change.to_at)
    assert tuple(open_intervals(with_changes(before, [change]), "L", START, END)) == wanted


def test_nothing_is_added_twice_nor_to_what_is_not_there() -> None:
    """A change the model has already, or of a line it lacks, leaves it as it is."""
    change = ChangeCalendar("L", True, local("2026-01-05T21:00"), local("2026-01-05T23:00"))
    once = with_changes(plant(DAY), [change])
    assert len(once.calendar_exception) == 1
    assert with_changes(once, [change]) is once
    assert with_changes(once, [ChangeCalendar("gone", True, change.from_at, change.to_at)]) is once
