"""What a tile says, and what a pace is learned from."""

from __future__ import annotations

import pytest

from mes.domain.tracking.learned import Observation, learned_pace
from mes.domain.tracking.status import Rate, status

MINUTE = 60_000_000


def test_a_state_becomes_a_status_by_calendar_and_pace() -> None:
    """Planned outside working time unless it runs or is set up; slow below four fifths of its pace,
    the piece under way included."""
    assert status("fault", is_open=False) == "planned_stop"
    assert status("setup", is_open=False) == "setup"
    assert status("running", is_open=False) == "running"
    assert status("starved", is_open=True) == "starved"
    assert status("running", is_open=True, rate=Rate(6, 10 * MINUTE, MINUTE)) == "slow"
    assert status("running", is_open=True, rate=Rate(7, 10 * MINUTE, MINUTE)) == "running"


def test_no_data_is_never_idle() -> None:
    """Nothing heard, or a silence, is offline even at night."""
    assert status("", is_open=True) == status("offline", is_open=False) == "offline"


def test_a_pace_is_not_judged_too_early_or_without_one() -> None:
    """Five pieces' time has to pass; without a rated pace nothing is slow."""
    assert Rate(0, 4 * MINUTE, MINUTE).share is None
    assert Rate(0, 40 * MINUTE, None).share is None
    assert Rate(4, 5 * MINUTE, MINUTE).share == pytest.approx(0.8)


def shifts(*seconds: float, pieces: int = 100) -> list[Observation]:
    """Shifts in which a piece took so long."""
    return [Observation(pieces, round(one * pieces * 1e6)) for one in seconds]


def test_a_pace_is_proposed_after_three_shifts_with_n_and_spread() -> None:
    """The median; the spread between the quarters as a share of it."""
    assert learned_pace(shifts(65, 66), 50) is None
    found = learned_pace(shifts(65, 66, 64, 70, 65), 50)
    assert found is not None
    assert (found.seconds_per_piece, found.n, found.spread) == (65, 5, pytest.approx(1 / 65, abs=1e-4))


def test_a_pace_that_is_right_is_not_proposed_again() -> None:
    """Within a tenth of the rated one; shifts with a handful of pieces do not count."""
    assert learned_pace(shifts(53, 54, 55), 50) is None
    assert learned_pace(shifts(80, 80, 80, pieces=5), 50) is None
    assert learned_pace(shifts(53, 54, 55), None) is not None
