"""When lines work: across midnight, DST, breaks, exceptions, teams and changed plant versions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from mes.domain.calendar import (
    Calendar,
    instant,
    micros,
    open_intervals,
    reigns,
    shift_at,
    shift_windows,
    stretches,
    teams_on,
)
from mes.domain.plant import CalendarException, Line, Name, Plant, Shift, Site, Team

NAME = Name(zh="", en="")
ALL_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = Shift("D", "08:00", "20:00", ALL_WEEK, (("12:00", "13:00"),))
NIGHT = Shift("N", "20:00", "08:00", ALL_WEEK, (("00:00", "00:30"), ("04:00", "04:15")))


def plant(*shifts: Shift, zone: str = "Asia/Shanghai", **more) -> Plant:
    """A plant with one line that works these shifts."""
    line = Line("L", NAME, tuple(shift.code for shift in shifts), counts_at="S")
    return Plant(Site("T", NAME, zone), shift=shifts, line=(line,), **more)


def local(text: str, zone: str = "Asia/Shanghai") -> datetime:
    """A local reading as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def hours(window) -> float:
    return (window.to_at - window.from_at) / timedelta(hours=1)


def test_a_night_shift_belongs_to_the_day_it_begins() -> None:
    """03:00 on Tuesday lies in Monday's night shift."""
    window = shift_at(plant(DAY, NIGHT), "L", local("2026-01-06T03:00"))
    assert window is not None
    assert (window.shift, window.shift_day) == ("N", date(2026, 1, 5))
    assert (window.from_at, window.to_at) == (local("2026-01-05T20:00"), local("2026-01-06T08:00"))


def test_breaks_of_a_night_shift_lie_on_the_right_side_of_midnight() -> None:
    """A break at 00:00 of a shift that begins at 20:00 is on the next day."""
    (window,) = shift_windows(plant(NIGHT), "L", local("2026-01-05T20:00"), local("2026-01-06T07:00"))
    assert window.breaks == (
        (local("2026-01-06T00:00"), local("2026-01-06T00:30")),
        (local("2026-01-06T04:00"), local("2026-01-06T04:15")),
    )


def test_open_intervals_leave_breaks_out_and_join_shifts() -> None:
    """Day and night meet at 20:00 without a seam; breaks are holes."""
    found = open_intervals(plant(DAY, NIGHT), "L", local("2026-01-05T11:00"), local("2026-01-06T01:00"))
    assert found == [
        (local("2026-01-05T11:00"), local("2026-01-05T12:00")),
        (local("2026-01-05T13:00"), local("2026-01-06T00:00")),
        (local("2026-01-06T00:30"), local("2026-01-06T01:00")),
    ]


def test_a_shift_over_the_spring_gap_is_an_hour_shorter() -> None:
    """In Berlin the night to 29 March 2026 lacks an hour; the shift's local times stay."""
    shift = Shift("N", "22:00", "06:00", ALL_WEEK)
    (window,) = shift_windows(
        plant(shift, zone="Europe/Berlin"), "L", local("2026-03-28T22:00", "Europe/Berlin"),
        local("2026-03-29T05:00", "Europe/Berlin"),
    )  # fmt: skip
    assert hours(window) == 7


def test_a_shift_over_the_autumn_overlap_is_an_hour_longer() -> None:
    """In Berlin the night to 25 October 2026 has 02:00 to 03:00 twice."""
    shift = Shift("N", "22:00", "06:00", ALL_WEEK)
    (window,) = shift_windows(
        plant(shift, zone="Europe/Berlin"), "L", local("2026-10-24T22:00", "Europe/Berlin"),
        local("2026-10-25T05:00", "Europe/Berlin"),
    )  # fmt: skip
    assert hours(window) == 9


def test_in_an_overlap_the_first_reading_holds() -> None:
    """A shift that ends at 02:30 on the night with two 02:30s ends at the first."""
    shift = Shift("N", "22:00", "02:30", ALL_WEEK)
    (window,) = shift_windows(
        plant(shift, zone="Europe/Berlin"),
        "L",
        datetime(2026, 10, 24, 20, tzinfo=UTC),
        datetime(2026, 10, 25, tzinfo=UTC),
    )
    assert window.to_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_holiday_closes_and_a_worked_sunday_opens() -> None:
    """Exceptions name dates, lines and shifts; a later one overrides an earlier."""
    shift = replace(DAY, days=("mon", "tue", "wed", "thu", "fri"))
    exceptions = (
        CalendarException(date(2026, 1, 5), "holiday"),
        CalendarException(date(2026, 1, 4), "workday", lines=("L",), shifts=("D",)),
        CalendarException(date(2026, 1, 6), "stop", lines=("other",)),
        CalendarException(date(2026, 1, 7), "stop"),
        CalendarException(date(2026, 1, 7), "overtime"),
    )
    found = shift_windows(
        plant(shift, calendar_exception=exceptions), "L", local("2026-01-03T00:00"), local("2026-01-08T00:00")
    )
    assert [window.shift_day.day for window in found] == [4, 6, 7]


def test_shifts_that_overlap_on_paper_follow_each_other() -> None:
    """The later shift begins when the earlier one ends; its breaks before that are gone."""
    early, late = Shift("E", "06:00", "15:00", ALL_WEEK), Shift("L", "14:00", "23:00", ALL_WEEK, (("14:30", "14:45"),))
    found = shift_windows(plant(early, late), "L", local("2026-01-05T06:00"), local("2026-01-05T20:00"))
    assert [(w.shift, w.from_at, w.breaks) for w in found] == [
        ("E", local("2026-01-05T06:00"), ()), ("L", local("2026-01-05T15:00"), ()),
    ]  # fmt: skip


def test_teams_rotate_and_close_nothing() -> None:
    """三班两运转: who is on changes by the pattern, when the line works does not."""
    teams = (
        Team("甲", ("L",), date(2026, 1, 5), ("D", "D", "N", "N", "-", "-")),
        Team("乙", ("L",), date(2026, 1, 5), ("N", "N", "-", "-", "D", "D")),
    )
    made = plant(DAY, NIGHT, team=teams)
    assert [teams_on(made, "L", date(2026, 1, 5) + timedelta(days=n), "D") for n in range(6)] == [
        ("甲",), ("甲",), (), (), ("乙",), ("乙",),
    ]  # fmt: skip
    assert teams_on(made, "L", date(2026, 1, 4), "D") == ()
    assert len(shift_windows(made, "L", local("2026-01-05T08:00"), local("2026-01-11T08:00"))) == 12


def test_stretches_follow_the_plant_version_in_force() -> None:
    """When the shift's end is moved while it runs, each part of the day follows what was in force then."""
    before, after = plant(DAY), plant(replace(DAY, ends_at="16:00"))
    noon = local("2026-01-05T14:00")
    ruling = reigns([(0, Calendar(before)), (micros(noon), Calendar(after))])
    found = stretches(ruling, "L", micros(local("2026-01-05T08:00")), micros(local("2026-01-06T00:00")))
    assert [(instant(s.to_us), s.shift, s.open) for s in found] == [
        (local("2026-01-05T12:00"), "D", True),
        (local("2026-01-05T13:00"), "D", False),
        (local("2026-01-05T16:00"), "D", True),
        (local("2026-01-06T00:00"), "", False),
    ]


def test_a_version_applied_later_rules_from_where_it_begins() -> None:
    """A correction that reaches back overrides what was applied before it, in its own time only."""
    first, second, third = (Calendar(plant(DAY)) for _ in range(3))
    ruling = reigns([(0, first), (100, second), (50, third)])
    assert [(reign.from_us, reign.calendar) for reign in ruling] == [(0, first), (50, third)]


ZONES = st.sampled_from(["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
TIMES = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02d}:{quarter % 4 * 15:02d}")


@settings(max_examples=150, deadline=None)
@given(
    zone=ZONES,
    spans=st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=3),
    pause=st.tuples(TIMES, TIMES),
    begin=st.integers(0, 350 * 1440).map(lambda minute: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)),
    days=st.integers(1, 5),
)
def test_stretches_cover_time_exactly_once(zone, spans, pause, begin, days) -> None:
    """Whatever the shifts, stretches join without hole or overlap and agree with the windows."""
    shifts = tuple(Shift(f"S{n}", start, end, ALL_WEEK, (pause,)) for n, (start, end) in enumerate(spans))
    made = plant(*shifts, zone=zone)
    start = micros(begin)
    end = start + days * 86_400_000_000
    found = stretches(reigns([(0, Calendar(made))]), "L", start, end)
    assert (found[0].from_us, found[-1].to_us) == (start, end)
    assert all(a.to_us == b.from_us for a, b in pairwise(found))
    opened = sum(s.to_us - s.from_us for s in found if s.open)
    windows = open_intervals(made, "L", instant(start), instant(end))
    assert opened == sum(micros(b) - micros(a) for a, b in windows)


def spans(line_plant: Plant, *days: int) -> list[tuple[datetime, datetime]]:
    return open_intervals(
        line_plant, "L", local(f"2026-01-{days[0]:02}T00:00"), local(f"2026-01-{days[-1] + 1:02}T00:00")
    )


def test_overtime_adds_to_the_shift_it_lies_nearest_to() -> None:
    """Two hours after the day's shift, its break worked through, are of that shift; the gap between is a break."""
    exceptions = (
        CalendarException(date(2026, 1, 5), "overtime", ("L",), (), "20:00", "22:00"),
        CalendarException(date(2026, 1, 6), "overtime", ("L",), (), "12:00", "13:00"),
        CalendarException(date(2026, 1, 7), "overtime", ("L",), (), "05:00", "07:00"),
        CalendarException(date(2026, 1, 7), "overtime", ("other",), (), "20:00", "22:00"),
    )
    worked = plant(DAY, calendar_exception=exceptions)
    found = shift_windows(worked, "L", local("2026-01-05T00:00"), local("2026-01-08T00:00"))
    assert [(window.shift_day.day, window.shift, hours(window)) for window in found] == [
        (5, "D", 14),
        (6, "D", 12),
        (7, "D", 15),
    ]
    assert [len(window.breaks) for window in found] == [1, 0, 2]
    assert spans(worked, 7)[:2] == [
        (local("2026-01-07T05:00"), local("2026-01-07T07:00")),
        (local("2026-01-07T08:00"), local("2026-01-07T12:00")),
    ]


def test_work_on_a_free_day_is_a_shift_of_its_own() -> None:
    """Four hours on a Sunday belong to the shift that would be then."""
    weekly = replace(DAY, days=("mon",))
    exceptions = (CalendarException(date(2026, 1, 4), "overtime", (), (), "22:00", "02:00"),)
    (window,) = shift_windows(
        plant(weekly, replace(NIGHT, days=("mon",)), calendar_exception=exceptions),
        "L",
        local("2026-01-04T00:00"),
        local("2026-01-05T03:00"),
    )
    assert (window.shift, window.shift_day, hours(window)) == ("N", date(2026, 1, 4), 4)


def test_a_stop_of_some_hours_cuts_the_shifts_it_lies_in() -> None:
    """From 07:00 to 09:00 it takes an hour of last night's shift and one of today's; a later exception undoes it."""
    stop = CalendarException(date(2026, 1, 6), "stop", ("L",), (), "07:00", "09:00")
    stopped = plant(DAY, NIGHT, calendar_exception=(stop,))
    assert local("2026-01-06T07:00") in {end for _, end in spans(stopped, 5, 6)}
    assert local("2026-01-06T09:00") in {start for start, _ in spans(stopped, 5, 6)}
    undone = replace(stop, kind="overtime")
    assert spans(plant(DAY, NIGHT, calendar_exception=(stop, undone)), 5, 6) == spans(plant(DAY, NIGHT), 5, 6)
