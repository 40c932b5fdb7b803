"""Stops: runs of standing still, what people said of them, who waits for whom."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mes.domain.calendar import Stretch
from mes.domain.plant import Tag
from mes.domain.tracking.fold import Span
from mes.domain.tracking.jobs import Entry
from mes.domain.tracking.ledger import ELEMENTS, element, times
from mes.domain.tracking.line import BUBBLE_US, Row
from mes.domain.tracking.states import StateMap
from mes.domain.tracking.stops import Run, bridged, lost, parts, runs

SECOND = 1_000_000


def spans(*states: tuple[int, str], end: int | None = None, **more) -> list[Span]:
    """Spans of (begins at second, state), each until the next; the last until `end`."""
    ends = [at for at, _ in states[1:]] + [end]
    return [
        Span(at * SECOND, None if to is None else to * SECOND, state, "", more.get("code", ""), more.get("job", 0),
             more.get("phase", ""), "2026-01-05", "D")
        for (at, state), to in zip(states, ends, strict=True)
    ]  # fmt: skip


def said(number: int, at: int, reason: str, from_at: int | None = None) -> Entry:
    """Somebody gives a reason."""
    return Entry(
        number, "reason", at * SECOND, "L", machine="M", reason=reason, by="person:a",
        from_at=None if from_at is None else from_at * SECOND,
    )  # fmt: skip


def shown(run: Run, *entries: Entry) -> list[tuple[float, float | None, str]]:
    """The parts of a run in seconds."""
    return [
        (p.from_at / SECOND, None if p.to_at is None else p.to_at / SECOND, p.reason)
        for p in parts(run, entries, {"E7": "R1"})
    ]


def test_a_stop_is_called_by_its_gravest_state_and_ends_when_it_runs() -> None:
    """idle, fault, stopped in a row are one stop, a fault; setting up is a stretch of its own."""
    found = runs(spans((0, "running"), (10, "idle"), (20, "fault"), (30, "stopped"), (40, "setup"), (50, "running")))
    assert [(run.from_at // SECOND, (run.to_at or 0) // SECOND, run.state) for run in found] == [
        (10, 40, "fault"), (40, 50, "setup"),
    ]  # fmt: skip


def test_an_open_stop_does_not_swallow_a_later_one() -> None:
    """Only the last stop is open; each earlier one ended when the machine ran (OpenMES 0.20's bug)."""
    found = runs(spans((0, "fault"), (10, "running"), (20, "fault"), (30, "running"), (40, "idle")))
    assert [run.to_at for run in found] == [10 * SECOND, 30 * SECOND, None]


def test_silence_is_no_stop_of_the_machine() -> None:
    """offline cuts a stop in three: nobody knows what happened meanwhile."""
    found = runs(spans((0, "fault"), (10, "offline"), (20, "fault"), end=30))
    assert [run.state for run in found] == ["fault", "offline", "fault"]


def test_the_devices_code_names_a_stop_until_somebody_says_better() -> None:
    """The stop code's reason holds; a person's entry for an instant re-classifies the whole stop."""
    (run,) = runs(spans((0, "fault"), end=60, code="E7"))
    assert shown(run) == [(0, 60, "R1")]
    assert shown(run, said(1, 30, "R2")) == [(0, 60, "R2")]


def test_a_stop_of_several_states_has_the_code_of_the_gravest() -> None:
    """Stopped with one code, then in fault with another: a fault, for the fault's own reason."""
    first, second = spans((0, "stopped"), (10, "fault"), end=60)
    (run,) = runs([first._replace(stop_code="E1"), second._replace(stop_code="E7")])
    assert (run.state, run.stop_code) == ("fault", "E7")


def test_stops_are_split_merged_and_retimed_by_entries() -> None:
    """A from..to cuts; an instant means the part it lies in; a from..to over everything joins again."""
    (run,) = runs(spans((0, "fault"), end=60))
    split = (said(1, 20, "R1", 0), said(2, 60, "R2", 20))
    assert shown(run, *split) == [(0, 20, "R1"), (20, 60, "R2")]
    assert shown(run, *split, said(3, 40, "R3")) == [(0, 20, "R1"), (20, 60, "R3")]
    assert shown(run, *split, said(3, 30, "R1", 0), said(4, 60, "R2", 30)) == [(0, 30, "R1"), (30, 60, "R2")]
    assert shown(run, *split, said(3, 60, "R3", 0)) == [(0, 60, "R3")]


def test_an_open_stop_takes_a_reason_too() -> None:
    """What is said of a stop that lasts holds on."""
    (run,) = runs(spans((0, "fault")))
    assert shown(run, said(1, 5, "R2")) == [(0, None, "R2")]
    assert shown(run, said(1, 30, "R2", 10)) == [(0, 10, ""), (10, 30, "R2"), (30, None, "")]


def line(**machines: list[Span]) -> Row:
    """Machines in a row."""
    return Row(tuple(machines), machines)


def test_the_root_of_a_standstill_is_found_along_the_line() -> None:
    """C starves behind B, which starves behind A, which has a fault: A is the root of all three."""
    row = line(
        A=spans((0, "running"), (10, "fault")), B=spans((0, "running"), (20, "starved")),
        C=spans((0, "running"), (30, "starved")),
    )  # fmt: skip
    assert (row.cause("C", "starved", 30 * SECOND), row.root("C", "starved", 30 * SECOND)) == ("upstream", "A")
    assert (row.cause("A", "fault", 10 * SECOND), row.root("A", "fault", 10 * SECOND)) == ("", "A")


def test_a_blocked_machine_waits_for_the_one_behind_it() -> None:
    """A is blocked because B stands; an idle machine before one that stands waits for it too."""
    row = line(A=spans((0, "running"), (20, "blocked")), B=spans((0, "running"), (10, "fault")))
    assert (row.cause("A", "blocked", 20 * SECOND), row.root("A", "blocked", 20 * SECOND)) == ("downstream", "B")
    assert row.cause("A", "idle", 20 * SECOND) == "downstream"


def test_the_first_machine_and_one_behind_a_full_buffer_wait_for_a_component() -> None:
    """Nobody is upstream of the first machine; and who starves while the one before is blocked lacks something else."""
    row = line(A=spans((0, "running"), (10, "starved")), B=spans((0, "running")))
    assert row.cause("A", "starved", 10 * SECOND) == "component"
    row = line(A=spans((0, "running"), (5, "blocked")), B=spans((0, "running"), (10, "starved")))
    assert (row.cause("B", "starved", 10 * SECOND), row.root("B", "starved", 10 * SECOND)) == ("component", "B")


def test_a_hole_travels_along_the_line() -> None:
    """A ran again before B felt the hole it left: A is the root; one that stood long ago is not."""
    row = line(A=spans((0, "running"), (10, "fault"), (40, "running")), B=spans((0, "running"), (50, "starved")))
    assert row.root("B", "starved", 50 * SECOND) == "A"
    far = 40 + BUBBLE_US // SECOND + 1
    row = line(
        A=spans((0, "running"), (far, "fault")), B=spans((0, "running"), (10, "starved"), (40, "running")),
        C=spans((0, "running"), (far, "starved")),
    )  # fmt: skip
    assert row.root("C", "starved", far * SECOND) == "B"


def test_what_happens_later_changes_no_earlier_reason() -> None:
    """B starves behind A's fault and has a fault of its own afterwards: C, which starved before that, waits for A."""
    row = line(
        A=spans((0, "running"), (10, "fault")), B=spans((0, "running"), (20, "starved"), (60, "fault")),
        C=spans((0, "running"), (30, "starved")),
    )  # fmt: skip
    assert row.root("C", "starved", 30 * SECOND) == "A"
    assert row.root("C", "starved", 70 * SECOND) == "B"


def test_short_stops_between_runs_are_running_for_the_line() -> None:
    """Up to the line's micro_stop_s; a longer one, setting up, or one not yet over stays."""
    own = spans((0, "running"), (10, "starved"), (15, "running"), (20, "fault"), (50, "running"), (60, "idle"), end=62)
    assert [span.state for span in bridged(own, 10 * SECOND, 100 * SECOND)] == [
        "running", "running", "running", "fault", "running", "idle",
    ]  # fmt: skip
    assert [span.state for span in bridged(own, 10 * SECOND, 13 * SECOND)] == ["running", "starved"]


def test_time_is_lost_only_while_the_line_works() -> None:
    """A stop over a break loses what lies outside the break."""
    calendar = [
        Stretch(0, 100, "2026-01-05", "D", True), Stretch(100, 200, "2026-01-05", "D", False),
        Stretch(200, 300, "2026-01-05", "D", True),
    ]  # fmt: skip
    assert lost(calendar, 50, 250) == 100


STATES = st.sampled_from(
    ["running", "idle", "starved", "blocked", "setup", "fault", "stopped", "maintenance", "offline"]
)


@given(
    cuts=st.lists(st.tuples(st.integers(0, 1000), st.booleans()), max_size=8),
    states=st.lists(
        st.tuples(st.integers(0, 1000), STATES, st.integers(0, 1), st.sampled_from(["", "setup", "trial"])), max_size=12
    ),
    hole=st.integers(0, 1000),
    until=st.integers(0, 1000),
)
def test_the_elements_of_a_ledger_sum_to_calendar_time(cuts, states, hole, until) -> None:
    """Every microsecond lies in exactly one element, whatever spans there are and whatever is missing."""
    edges = sorted({0, 1000, *(at for at, _ in cuts)})
    opens = dict(cuts)
    calendar = [Stretch(a, b, "2026-01-05", "D", opens.get(a, True)) for a, b in pairwise(edges)]
    begun = sorted({at: (state, job, phase) for at, state, job, phase in states if at != hole}.items())
    ends = [*(at for at, _ in begun[1:]), None][: len(begun)]
    own = [
        Span(at, to, state, "", "", job, phase, "", "")
        for (at, (state, job, phase)), to in zip(begun, ends, strict=True)
        if not at <= hole <= (to or 1000)
    ]
    spent = times(calendar, own, until)
    assert spent.calendar == until == sum(spent.elements.values())
    assert sum(us for states in spent.states.values() for us in states.values()) == until
    assert set(spent.elements) == set(ELEMENTS)


def test_what_was_planned_comes_from_calendar_job_and_phase() -> None:
    """A break loses nothing but may be worked; maintenance without a job is planned; a trial is no production."""
    assert element("idle", 1, "production", False) == "planned_stop"
    assert element("offline", 1, "production", False) == "planned_stop"
    assert element("running", 1, "production", False) == "apt"
    assert element("maintenance", 0, "", True) == "planned_stop"
    assert element("maintenance", 1, "production", True) == "adot"
    assert element("running", 1, "trial", True) == "planned_stop"
    assert element("running", 1, "setup", True) == "aust"
    assert element("idle", 1, "setup", True) == "aust"
    assert element("fault", 1, "setup", True) == "adot"
    assert element("starved", 1, "production", True) == "adet"
    assert element("", 0, "", True) == "no_data"


def test_device_words_are_mapped_as_text() -> None:
    """Numbers, truth values and names of the presets; what nobody mapped has no state."""
    packml = StateMap(Tag("M", "state", "s", preset="packml"))
    assert [packml.state(word) for word in ("6", "Execute", "11", "9", "99")] == [
        "running", "running", "stopped", "fault", None,
    ]  # fmt: skip
    own = StateMap(Tag("M", "state", "s", states={"true": "running", "FALSE": "idle"}))
    assert [own.state(word) for word in ("true", "1", "0", "False")] == ["running", "running", "idle", "idle"]
