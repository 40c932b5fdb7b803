"""What a source's outlet says of it, and the time it stamps with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from collectors.inbox import Inbox
from collectors.post import CLOCK_STEP_LASTS_S, PlantTime, Post
from collectors.source import Heard, SourceLostError
from mes.clock import real_clock
from mes.store.source import SourceLease

US = 1_000_000


class SetClock:
    """A machine's clock that somebody sets."""

    speed = 1.0

    def __init__(self) -> None:
        self.off = timedelta()
        self._real = real_clock()

    def now(self) -> datetime:
        return self._real.now() + self.off


@pytest.fixture
def post() -> Post:
    return Post(SourceLease("plc", 1, None, gap_is_open=False), Inbox(), PlantTime(real_clock()))


def test_a_loss_is_said_once_and_once_that_it_is_back(post: Post) -> None:
    """However often the source is tried meanwhile, the log has one line for each turn."""
    with capture_logs() as said:
        post.connected(kept_all=False)
        for _ in range(20):
            post.lost(SourceLostError("network", "no answer"))
        post.connected(kept_all=False)
    assert post.vitals.counts["gaps"] == 1
    assert [line["event"] for line in said] == ["source connected", "source lost", "source back"]


def test_an_outage_of_an_hour_is_two_lines_and_one_gap(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tried every 15 s with ever other words, looked at every second: said lost once, back once, and one gap."""
    second = [1000.0]
    monkeypatch.setattr("collectors.post.mono", lambda: second[0])
    post.connected(kept_all=False)
    with capture_logs() as said:
        for n in range(3600):
            second[0] += 1
            if n % 15 == 0:
                post.lost(SourceLostError("network" if n % 2 else "session", f"no answer to try {n}"))
            post.tick()
        post.connected(kept_all=False)
        post.tick()
    assert [line["event"] for line in said] == ["source lost", "source back"]
    notes = [note for delivery in post._inbox.take(timeout_s=0) for note in delivery.gaps]
    assert [(note.from_at is not None, note.to_at is not None) for note in notes] == [(True, False), (False, True)]


def test_a_source_that_flaps_is_said_in_turns(post: Post) -> None:
    """Each loss has its return, in order, however fast they follow each other."""
    post.connected(kept_all=True)
    with capture_logs() as said:
        for _ in range(5):
            post.lost(SourceLostError("network", "cut"))
            post.lost(SourceLostError("network", "refused"))
            post.connected(kept_all=True)
    assert [line["event"] for line in said] == ["source lost", "source back"] * 5


def test_a_refusal_is_another_word_than_a_loss(post: Post) -> None:
    """Who can mend it is said: a password needs a person, a network mends itself."""
    with capture_logs() as said:
        post.lost(SourceLostError("password", "BadUserAccessDenied"))
        post.lost(SourceLostError("password", "BadUserAccessDenied"))
    assert [(line["event"], line["why"]) for line in said] == [("source refused", "password")]
    assert post.vitals.detail == "password: BadUserAccessDenied"


def test_a_devices_clock_that_is_off_shows(post: Post) -> None:
    """The skew settles at what the device's clock is behind; the samples keep their own time."""
    for _ in range(200):
        at = post.now() - 8 * US
        post.deliver([Heard(1, at, 5, source_at=at)])
    assert post.vitals.skew_s == pytest.approx(8, abs=0.5)
    with capture_logs() as said:
        post.tick()
        post.tick()
    assert [(line["event"], round(line["behind_s"])) for line in said] == [("the source's clock is off", 8)]
    health = post.beat({}).health
    assert health["skew_s"] == pytest.approx(8, abs=0.5)
    assert health["lag_s"] == pytest.approx(8, abs=0.5)
    assert health["is_skewed"]


def test_how_much_is_heard_lately_is_said(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values a second over the last ten seconds; nothing heard for longer than that is nothing a second."""
    second = [1000.0]
    monkeypatch.setattr("collectors.post.mono", lambda: second[0])
    post._looks[0] = (second[0], 0)
    rates = []
    for heard in (*(20,) * 15, *(0,) * 15):
        second[0] += 1
        post.deliver([Heard(1, None, n) for n in range(heard)])
        post.tick()
        rates.append(post.vitals.per_s)
    assert (rates[14], rates[-1]) == (20, 0)
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_step_of_the_machines_clock_is_not_followed_at_once(hours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples go on in the old reckoning, in order; a step that lasts for minutes was meant, and is followed."""
    clock = SetClock()
    time = PlantTime(clock)  # type: ignore[arg-type]
    before = time.now()
    clock.off = timedelta(hours=hours)
    assert time.watch()
    assert not time.watch()
    assert 0 <= time.now() - before < 60 * US
    monkeypatch.setattr("collectors.post.CLOCK_STEP_LASTS_S", -1.0)
    assert not time.watch()
    assert time.now() - before == pytest.approx(hours * 3600 * US, abs=60 * US)
    assert CLOCK_STEP_LASTS_S > 60


def test_small_corrections_are_followed() -> None:
    """NTP moves a clock by milliseconds; stamps follow."""
    clock = SetClock()
    time = PlantTime(clock)  # type: ignore[arg-type]
    clock.off = timedelta(milliseconds=400)
    assert not time.watch()
    assert abs(time.now() - round(clock.now().astimezone(UTC).timestamp() * US)) < US / 4
