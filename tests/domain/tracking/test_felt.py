"""A line's output as the line feels it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mes.domain.calendar import Stretch
from mes.domain.tracking.felt import Standstill, felt
from mes.domain.tracking.ledger import ELEMENTS, failures, times
from tests.domain.tracking.test_stops import SECOND, line, spans

STATES = ("running", "idle", "starved", "blocked", "setup", "fault", "stopped", "maintenance", "offline")


def standstill(from_s: int, to_s: int | None, state: str, *, again: bool = False) -> Standstill:
    """The output stands for a stop of A."""
    return Standstill(from_s * SECOND, None if to_s is None else to_s * SECOND, "A", state, again)


def test_waiting_for_another_machine_is_what_that_one_stands_in() -> None:
    """Its fault is ours; what is our own, or within a micro stop, stays; an unheard root says nothing."""
    own = spans((0, "running"), (100, "starved"), (200, "running"), (300, "starved"), (305, "running"), (400, "fault"))
    told, again = felt(own, [standstill(100, 200, "fault"), standstill(300, 305, "fault")], 10 * SECOND, 500 * SECOND)
    assert [span.state for span in told] == ["running", "fault", "running", "running", "running", "fault"]
    assert (failures(told, 0, 500 * SECOND, again), again) == (2, frozenset())
    told, _ = felt(own, [standstill(100, 200, "offline")], 0, 500 * SECOND)
    assert told[1].state == "starved"


def test_a_failure_told_before_is_counted_once() -> None:
    """The line stands still a second time for the same fault."""
    own = spans((0, "running"), (100, "starved"), (200, "running"), (300, "idle"), (400, "running"))
    stands = [standstill(100, 200, "fault"), standstill(300, 400, "fault", again=True)]
    told, again = felt(own, stands, 0, 500 * SECOND)
    assert [span.state for span in told] == ["running", "fault", "running", "fault", "running"]
    assert failures(told, 0, 500 * SECOND, again) == 1


def test_an_idle_machine_does_not_wait_for_one_that_waits_for_it() -> None:
    """A fell idle, then B starved behind it: A is the root of both, whoever is asked."""
    row = line(A=spans((0, "running"), (10, "idle")), B=spans((0, "running"), (20, "starved")))
    assert (row.cause("A", "idle", 30 * SECOND), row.root("B", "starved", 20 * SECOND)) == ("", "A")


@given(
    cuts=st.lists(st.integers(1, 500), min_size=1, max_size=12, unique=True).map(sorted),
    states=st.lists(st.sampled_from(STATES), min_size=13, max_size=13),
    roots=st.lists(st.tuples(st.integers(0, 500), st.integers(1, 90), st.sampled_from(STATES[1:])), max_size=5),
    micro=st.sampled_from((0, 20, 120)),
    phase=st.sampled_from(("production", "setup", "trial", "")),
)
def test_telling_time_otherwise_loses_none_of_it(cuts, states, roots, micro, phase) -> None:
    """Whatever a line stood for, its elements sum to the calendar, and a break stays one."""
    own = spans(*zip([0, *cuts], states, strict=False), job=7, phase=phase)
    starts = {start: (length, state) for start, length, state in roots}
    stands = [standstill(at, at + length, state) for at, (length, state) in sorted(starts.items())]
    calendar = [Stretch(0, 300 * SECOND, "2026-01-05", "D", True), Stretch(300 * SECOND, 600 * SECOND, "", "", False)]
    told, _ = felt(own, stands, micro * SECOND, 600 * SECOND)
    before, after = (times(calendar, some, 600 * SECOND) for some in (own, told))
    assert sum(after.elements[name] for name in ELEMENTS) == after.calendar == 600 * SECOND
    if not micro:
        assert after.elements["planned_stop"] >= before.elements["planned_stop"]
        assert after.elements["apt"] == before.elements["apt"]
        assert after.elements["no_data"] == before.elements["no_data"]
