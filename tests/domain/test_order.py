"""ETAs, and what may be reported when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mes.domain.order import AheadLot, Through, ends, is_news, late_minutes, report_through

HOUR = 3_600_000_000
START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def ahead(order: int, hours: float, start: float, **more) -> AheadLot:
    """A lot of so many hours of work, planned from an hour of the day."""
    defaults = {"pieces": 10, "setup_us": 0, "has_begun": False, "is_last_stage": True}
    return AheadLot(order, work_us=int(hours * HOUR), start_us=int(start * HOUR), **(defaults | more))


def test_lots_of_a_line_follow_each_other() -> None:
    """What is late pushes what comes after; what could begin early still waits for its time in the plan."""
    opens = [(8 * HOUR, 12 * HOUR), (13 * HOUR, 20 * HOUR)]
    lots = [ahead(1, 3, 8, has_begun=True), ahead(2, 2, 11, setup_us=HOUR // 2), ahead(3, 1, 18)]
    assert ends(lots, opens, 9 * HOUR) == {1: 13 * HOUR - HOUR, 2: 13 * HOUR + 5 * HOUR // 2, 3: 19 * HOUR}


def test_only_the_last_stage_completes_an_order_and_finished_lots_take_no_time() -> None:
    """An earlier stage's lot and a lot nothing is left of do not count."""
    opens = [(0, 24 * HOUR)]
    lots = [ahead(1, 5, 0, pieces=0), ahead(2, 2, 0, is_last_stage=False), ahead(1, 1, 0)]
    assert ends(lots, opens, 0) == {1: 3 * HOUR}


def is_told(told: datetime | None, eta: datetime | None, told_due: datetime, due: datetime, now: float = -60) -> bool:
    return is_news(told, eta, told_due, due, at(now))


def test_an_eta_is_news_when_it_moves_or_crosses_the_due_date() -> None:
    """Fifteen minutes, from in time to late, out of sight, or another due date."""
    assert not is_told(at(0), at(14), at(60), at(60))
    assert is_told(at(0), at(15), at(60), at(60))
    assert is_told(at(59), at(61), at(60), at(60))
    assert is_told(at(0), None, at(60), at(60))
    assert is_told(None, at(0), at(60), at(60))
    assert not is_told(None, None, at(60), at(60))
    assert is_told(at(0), at(0), at(60), at(90))


def test_an_eta_of_next_week_is_not_told_again_for_a_quarter_of_an_hour() -> None:
    """What is a twentieth of the time to go is news: of five days six hours."""
    due = at(9000)
    assert not is_told(at(7200), at(7500), due, due, now=0)
    assert is_told(at(7200), at(7600), due, due, now=0)


def test_lateness_is_in_whole_minutes_rounded_up() -> None:
    """A second late is a minute late; in time and out of sight are none."""
    assert [late_minutes(eta, at(0)) for eta in (at(1 / 60), at(2), at(0), at(-5), None)] == [1, 2, 0, 0, 0]


def through(mode: str, **more) -> Through | None:
    """Pieces of 08:00 to 09:59 in a shift until 16:00, at 10:30."""
    facts = {
        "first_at": at(0), "last_at": at(119), "confirmed_at": None, "ran_on": False, "finished_at": None,
        "shift_ends_at": at(480), "now": at(150),
    }  # fmt: skip
    return report_through(mode, **(facts | more))  # type: ignore[arg-type]


def test_confirmation_releases_what_was_made_before_it() -> None:
    """Everything, once the job rests; whole minutes before it, while the job runs on; nothing without it."""
    assert through("confirmation") is None
    assert through("confirmation", confirmed_at=at(130)) == Through()
    assert through("confirmation", confirmed_at=at(100.5), ran_on=True) == Through(at(100))
    assert through("confirmation", confirmed_at=at(-10)) is None


def test_other_modes_release_at_job_end_by_the_hour_and_after_the_shift() -> None:
    """job_end once finished; hourly whole hours, all once finished; automatic after the shift or when finished."""
    assert through("job_end") is None
    assert through("job_end", finished_at=at(140)) == Through()
    assert through("hourly") == Through(None)
    assert through("hourly", now=at(110)) == Through(at(60))
    assert through("hourly", now=at(30)) is None
    assert through("automatic") is None
    assert through("automatic", now=at(480)) == Through()
    assert through("automatic", finished_at=at(140)) == Through()
