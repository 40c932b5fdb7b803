"""When a simulated line is open."""

from __future__ import annotations

from itertools import islice
from typing import Any

from simulators import plantfile
from simulators.instants import from_iso, to_iso
from simulators.shifts import open_intervals


def plant(zone: str = "Asia/Shanghai", **more: Any) -> plantfile.Plant:
    """A plant of one line with a day and a night shift."""
    days = ["mon", "tue", "wed", "thu", "fri"]
    day = {"code": "D", "starts_at": "08:00", "ends_at": "20:00", "days": days, "breaks": [["12:00", "13:00"]]}
    night = {"code": "N", "starts_at": "20:00", "ends_at": "08:00", "days": days, "breaks": [["00:00", "00:30"]]}
    line = {"code": "L1", "shifts": more.pop("shifts", ["D"])}
    return plantfile.parse({"site": {"time_zone": zone}, "shift": [day, night], "line": [line], **more})


def opened(model: plantfile.Plant, since: str, count: int) -> list[list[str]]:
    """The first open intervals as text."""
    found = open_intervals(model, model.lines[0], from_iso(since))
    return [[to_iso(start)[:16], to_iso(end)[:16]] for start, end in islice(found, count)]


def test_breaks_are_left_out() -> None:
    """A shift with a break is open twice a day; weekends are left out."""
    assert opened(plant(), "2026-01-09T00:00:00Z", 3) == [
        ["2026-01-09T00:00", "2026-01-09T04:00"],
        ["2026-01-09T05:00", "2026-01-09T12:00"],
        ["2026-01-12T00:00", "2026-01-12T04:00"],
    ]


def test_a_night_shift_crosses_midnight() -> None:
    """A break after midnight belongs to the shift that began the evening before."""
    assert opened(plant(shifts=["N"]), "2026-01-05T12:00:00Z", 3) == [
        ["2026-01-05T12:00", "2026-01-05T16:00"],
        ["2026-01-05T16:30", "2026-01-06T00:00"],
        ["2026-01-06T12:00", "2026-01-06T16:00"],
    ]


def test_shifts_meet_without_a_gap() -> None:
    """One interval may begin where the last one ends."""
    intervals = opened(plant(shifts=["D", "N"]), "2026-01-05T00:00:00Z", 3)
    assert intervals[1][1] == intervals[2][0] == "2026-01-05T12:00"


def test_exceptions_close_and_open_days() -> None:
    """A holiday is closed for all, a worked Saturday open for the lines it names."""
    exceptions = [
        {"on": "2026-01-09", "kind": "holiday"},
        {"on": "2026-01-10", "kind": "workday", "lines": ["L1"], "shifts": ["D"]},
        {"on": "2026-01-11", "kind": "overtime", "lines": ["L2"]},
    ]
    intervals = opened(plant(calendar_exception=exceptions), "2026-01-09T00:00:00Z", 3)
    assert [start[:10] for start, _ in intervals] == ["2026-01-10", "2026-01-10", "2026-01-12"]


def test_exceptions_with_times_change_part_of_a_day() -> None:
    """A stop is cut out of the shift, overtime is worked after it; the later of two that meet counts."""
    exceptions = [
        {"on": "2026-01-09", "kind": "stop", "lines": ["L1"], "starts_at": "11:00", "ends_at": "15:00"},
        {"on": "2026-01-09", "kind": "overtime", "starts_at": "14:00", "ends_at": "15:00"},
        {"on": "2026-01-09", "kind": "overtime", "starts_at": "20:00", "ends_at": "22:00"},
        {"on": "2026-01-09", "kind": "stop", "lines": ["L2"], "starts_at": "08:00", "ends_at": "20:00"},
    ]
    assert opened(plant(calendar_exception=exceptions), "2026-01-09T00:00:00Z", 5) == [
        ["2026-01-09T00:00", "2026-01-09T03:00"],
        ["2026-01-09T06:00", "2026-01-09T07:00"],
        ["2026-01-09T07:00", "2026-01-09T12:00"],
        ["2026-01-09T12:00", "2026-01-09T14:00"],
        ["2026-01-12T00:00", "2026-01-12T04:00"],
    ]


def test_a_night_shift_is_cut_on_both_its_dates() -> None:
    """A stop after midnight belongs to the shift that began the evening before."""
    stop = [{"on": "2026-01-06", "kind": "stop", "starts_at": "01:00", "ends_at": "03:00"}]
    assert opened(plant(shifts=["N"], calendar_exception=stop), "2026-01-05T12:00:00Z", 3) == [
        ["2026-01-05T12:00", "2026-01-05T16:00"],
        ["2026-01-05T16:30", "2026-01-05T17:00"],
        ["2026-01-05T19:00", "2026-01-06T00:00"],
    ]


def test_a_night_is_an_hour_shorter_when_clocks_go_forward() -> None:
    """Shift times are local; their length is what really passes."""
    (start, end), (after, _) = opened(plant("Europe/Berlin", shifts=["N"]), "2026-03-27T19:00:00Z", 2)
    assert (start, end, after) == ("2026-03-27T19:00", "2026-03-27T23:00", "2026-03-27T23:30")
    sunday = plant("Europe/Berlin", calendar_exception=[{"on": "2026-03-28", "kind": "overtime"}], shifts=["N"])
    night = opened(sunday, "2026-03-28T19:00:00Z", 2)
    assert night == [["2026-03-28T19:00", "2026-03-28T23:00"], ["2026-03-28T23:30", "2026-03-29T06:00"]]


def test_a_line_without_shifts_never_opens() -> None:
    """The search for a shift ends."""
    assert opened(plant(shifts=[]), "2026-01-05T00:00:00Z", 1) == []
