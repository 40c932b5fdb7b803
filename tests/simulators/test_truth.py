"""The world of the machines: the same every time, nothing made or lost, one state at a time."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import plantfile, plants, world
from simulators.changes import Change, Code, Count, Loaded, Reset, State
from simulators.instants import HOUR_MS, MINUTE_MS, from_iso
from simulators.truth import Truth
from simulators.world import Command

DEMO = Path("simulators/demo")
PLANT = plantfile.read(DEMO / "plant.toml")
WORLD = world.read(DEMO / "world.toml")
BEGIN = from_iso("2026-01-04T23:50:00Z")  # Monday 07:50 in the plant
OPEN = BEGIN + 10 * MINUTE_MS
LONG = 120  # minutes of a run with random commands
MACHINES = [machine for line in PLANT.lines for machine in line.machines]


def run(minutes: int, *commands: tuple[int, Command], seed: int = 1) -> tuple[Truth, list[Change]]:
    """The demo plant run for some minutes with commands at minutes after its beginning."""
    truth = Truth(PLANT, WORLD, seed, BEGIN)
    changes = list(truth.initial)
    for minute, command in commands:
        changes += truth.command(BEGIN + minute * MINUTE_MS, command)
    return truth, changes + truth.advance(BEGIN + minutes * MINUTE_MS)


def commands_of() -> st.SearchStrategy[list[tuple[int, Command]]]:
    """Anything people may do to the machines within a run, in the order of time."""
    machine = st.sampled_from(MACHINES)
    state = st.sampled_from(["fault", "stopped", "maintenance"])
    minutes = st.integers(1, 40)
    line = st.sampled_from(["L01", "L02", "L03", "L04"])
    deed = st.one_of(
        st.builds(lambda m, s, n: Command("stop", machine=m, state=s, minutes=n), machine, state, minutes),
        st.builds(lambda m: Command("clear", machine=m), machine),
        st.builds(lambda m: Command("reset", machine=m), machine),
        st.builds(lambda m, n: Command("slow", machine=m, factor=2.0, minutes=n), machine, minutes),
        st.builds(
            lambda n, o, m: Command("job", line=n, order=o, minutes=m), line, st.sampled_from(["A", "B", ""]), minutes
        ),
        st.builds(lambda q: Command("deliver", location="L01-side", item="CMP-12", quantity=q), minutes),
        st.builds(lambda k: Command("reboot", source="spb-1", minutes=2, kept=k), st.booleans()),
    )
    return st.lists(st.tuples(st.integers(0, LONG), deed), max_size=12).map(
        lambda c: sorted(c, key=lambda pair: pair[0])
    )


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), commands=commands_of())
def test_same_seed_and_commands_give_the_same_world(seed: int, commands: list[tuple[int, Command]]) -> None:
    """Seed, world and commands decide every change, however the time is cut into steps."""
    _, at_once = run(LONG, *commands, seed=seed)
    truth = Truth(PLANT, WORLD, seed, BEGIN)
    stepped = list(truth.initial)
    waiting = list(commands)
    for minute in range(LONG + 1):
        while waiting and waiting[0][0] <= minute:
            stepped += truth.command(BEGIN + waiting[0][0] * MINUTE_MS, waiting[0][1])
            waiting.pop(0)
        stepped += truth.advance(BEGIN + minute * MINUTE_MS)
    assert stepped == at_once


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), commands=commands_of())
def test_pieces_are_conserved_along_the_line(seed: int, commands: list[tuple[int, Command]]) -> None:
    """What one machine made well is at the next one, between the two, or still held by the first."""
    truth, _ = run(LONG, *commands, seed=seed)
    for line in PLANT.lines:
        for before, after in pairwise(truth.machines[code] for code in line.machines):
            entered = after.good + after.reject + after.in_work + after.aside
            assert before.good == before.held + len(after.inbox) + entered
            assert len(after.inbox) <= WORLD.flows[line.code].buffer


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), commands=commands_of())
def test_a_machine_is_in_one_state_at_a_time(seed: int, commands: list[tuple[int, Command]]) -> None:
    """States partition time: one from the beginning, each another than the last, no two in one millisecond."""
    _, changes = run(LONG, *commands, seed=seed)
    for code in MACHINES:
        states = [change for change in changes if isinstance(change, State) and change.machine == code]
        assert states[0].at == BEGIN
        assert all(a.at < b.at and a.state != b.state for a, b in pairwise(states))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), commands=commands_of())
def test_counters_show_what_was_made(seed: int, commands: list[tuple[int, Command]]) -> None:
    """Each counter is its start plus pieces since the last reset, wrapped at its modulus; one change a millisecond."""
    _, changes = run(LONG, *commands, seed=seed)
    for code in MACHINES:
        tags = {tag.signal: tag for tag in PLANT.tags_of(code) if tag.signal in plantfile.COUNTERS}
        expected = {signal: WORLD.paces[code].counters.get(signal, 0) for signal in tags}
        counted_at: list[int] = []
        for change in changes:
            if isinstance(change, Reset) and change.machine == code:
                expected = dict.fromkeys(expected, 0)
                assert change.shown == expected
                counted_at.append(change.at)
            elif isinstance(change, Count) and change.machine == code:
                made = {"good_total": change.good, "reject_total": change.reject, "total": change.good + change.reject}
                for signal, tag in tags.items():
                    expected[signal] += made[signal] // tag.pieces_per_count
                    expected[signal] %= tag.modulus or 1 << 62
                    assert change.shown.get(signal, expected[signal]) == expected[signal]
                counted_at.append(change.at)
        assert len(counted_at) == len(set(counted_at))


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(200))
def test_nothing_is_made_or_lost_over_two_days(seed: int) -> None:
    """Pieces are conserved with every seed, over breaks, nights, reboots and everything else the demo does."""
    truth, _ = run(48 * 60, seed=seed)
    for line in PLANT.lines:
        for before, after in pairwise(truth.machines[code] for code in line.machines):
            assert before.good == before.held + len(after.inbox) + after.good + after.reject + after.in_work


def test_a_stopped_machine_makes_nothing_and_stops_its_neighbours() -> None:
    """Behind a fault the line fills up and blocks, before it the line runs dry and starves."""
    stop = Command("stop", machine="L02-M2", state="fault", code="E201", minutes=30)
    _, changes = run(150, (60, stop), seed=3)
    begin, end = BEGIN + 60 * MINUTE_MS, BEGIN + 90 * MINUTE_MS
    within = [change for change in changes if begin < change.at < end]
    assert not [c for c in within if isinstance(c, Count) and c.machine == "L02-M2"]
    said = {(c.machine, c.state) for c in within if isinstance(c, State)}
    assert ("L02-M1", "blocked") in said
    assert ("L02-M3", "starved") in said
    codes = [c for c in changes if isinstance(c, Code) and c.machine == "L02-M2" and begin <= c.at <= end]
    assert [code.code for code in codes] == ["E201", ""]


def test_the_calendar_stops_everything() -> None:
    """Before the shift and in the break machines are stopped and count nothing."""
    _, changes = run(10 + 5 * 60)
    noon = OPEN + 4 * HOUR_MS
    counts = [change.at for change in changes if isinstance(change, Count)]
    assert not [at for at in counts if at < OPEN or noon <= at < noon + HOUR_MS]
    assert [at for at in counts if at < OPEN + 5 * MINUTE_MS]


def test_a_line_that_works_round_the_clock_never_closes() -> None:
    """Where one shift meets the next nobody stops."""
    files = plants.generate(plants.Size(lines=1, protocols=("mqtt",)))
    truth = Truth(plantfile.parse(files.plant), world.parse(files.world), 1, BEGIN)
    truth.advance(BEGIN + HOUR_MS)
    changes = truth.advance(BEGIN + 48 * HOUR_MS)
    midnights = [from_iso("2026-01-05T16:00:00Z"), from_iso("2026-01-06T16:00:00Z")]
    assert not [c for c in changes if isinstance(c, State) and c.at in midnights]


def test_a_missing_component_starves_the_machine_until_it_is_delivered() -> None:
    """The compressor station stops when the side of the line is empty, and goes on with what is brought."""
    truth, changes = run(8 * 60)
    assert truth.machines["L01-M2"].good == 280
    assert truth.machines["L01-M2"].state == "starved"
    truth.command(truth.at + 1, Command("deliver", location="L01-side", item="CMP-12", quantity=40))
    truth.advance(truth.at + 3 * HOUR_MS)
    assert truth.machines["L01-M2"].good == 320
    assert truth.shared.stock["L01-side", "CMP-12"] == 0
    assert changes


def test_an_order_passes_from_machine_to_machine() -> None:
    """After a switch each machine finishes the old order's pieces, is set up, then makes only the new order's."""
    truth, changes = run(
        160,
        (15, Command("job", line="L02", order="A")),
        (60, Command("job", line="L02", order="B", minutes=10)),
    )
    for code in ("L02-M1", "L02-M2", "L02-M3"):
        loaded = [c for c in changes if isinstance(c, Loaded) and c.machine == code]
        assert [load.order for load in loaded] == ["A", "B"]
        counts = [c for c in changes if isinstance(c, Count) and c.machine == code]
        assert all(count.order == "B" for count in counts if count.at > loaded[1].at)
        assert all(count.order in {"A", ""} for count in counts if count.at <= loaded[1].at)
        setups = [c for c in changes if isinstance(c, State) and c.machine == code and c.state == "setup"]
        assert [setup.at for setup in setups] == [loaded[1].at]
    made = Counter[tuple[str, str]]()
    for change in changes:
        if isinstance(change, Count):
            made[change.machine, change.order] += change.good
    assert made["L02-M3", "A"] <= made["L02-M2", "A"] <= made["L02-M1", "A"]
    assert truth.machines["L02-M3"].order == "B"


def test_a_line_without_an_order_runs_dry() -> None:
    """An empty order feeds no more pieces: the first machine idles, the others starve."""
    truth, _ = run(90, (60, Command("job", line="L04", order="")))
    assert [truth.machines[f"L04-M{n}"].state for n in (1, 2, 3)] == ["idle", "starved", "starved"]
    assert not any(truth.machines[f"L04-M{n}"].inbox for n in (2, 3))


def test_people_wait_for_a_job_and_then_work() -> None:
    """The manual line is a world of its own: it begins with its first job and feels no PLC reboot."""
    truth = Truth(PLANT, WORLD, 1, BEGIN, manual=True)
    assert list(truth.machines) == ["L05-S1", "L05-S2", "L05-S3", "L05-S4"]
    truth.advance(OPEN + HOUR_MS)
    assert not any(machine.good for machine in truth.machines.values())
    truth.command(OPEN + HOUR_MS, Command("job", line="L05", order="X", item="HRN-35"))
    truth.advance(OPEN + 3 * HOUR_MS)
    assert all(machine.good > 60 for machine in truth.machines.values())
    truth.advance(OPEN + 8 * HOUR_MS)
    assert {machine.state for machine in truth.machines.values()} <= {"running", "stopped", "starved", "blocked"}


def test_a_machine_says_the_nearest_state_it_has_a_word_for() -> None:
    """PackML by number says Suspended both for blocked and for starved, and the truth does not claim more."""
    stop = Command("stop", machine="L01-M2", state="fault", minutes=60)
    _, changes = run(120, (40, stop))
    blocked = [c for c in changes if isinstance(c, State) and c.machine == "L01-M1" and c.really == "blocked"]
    assert blocked
    assert {state.state for state in blocked} == {"starved"}


def test_a_reboot_without_battery_zeroes_the_counters() -> None:
    """While a device server is gone its machines are offline; back again they count from 0 or from where they were."""
    for kept, expected in ((False, 0), (True, WORLD.paces["L04-M1"].counters["good_total"])):
        truth, changes = run(9, (5, Command("reboot", source="spb-1", minutes=2, kept=kept)))
        states = [c.state for c in changes if isinstance(c, State) and c.machine == "L04-M1"]
        assert states == ["stopped", "offline", "stopped"]
        assert truth.machines["L04-M1"].counters.shown["good_total"] == expected


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"do": "explode"}, "do is one of"),
        ({"machine": "L01-M1"}, "do is missing"),
        ({"do": "stop"}, "stop needs machine"),
        ({"do": "stop", "machine": "L01-M1", "state": "asleep"}, "state is one of"),
        ({"do": "count", "machine": "L01-M1", "n": -1}, "not negative"),
        ({"do": "count", "machine": "L01-M1", "m": 1}, "unknown field m"),
    ],
)
def test_a_wrong_command_says_what_is_wrong(body: dict[str, object], what: str) -> None:
    """A command names what it lacks or what it may be."""
    with pytest.raises(ValueError, match=what):
        world.command(body)


def test_a_command_for_a_stranger_is_refused() -> None:
    """A machine that is not there cannot be stopped."""
    truth = Truth(PLANT, WORLD, 1, BEGIN)
    with pytest.raises(KeyError, match="no machine 'L09-M1' here"):
        truth.command(BEGIN + 1, Command("stop", machine="L09-M1"))


def test_pieces_that_lack_a_component_are_put_aside_for_another_order() -> None:
    """A line that starved goes on with another order; what was stranded on it is neither lost nor in the way."""
    truth, _ = run(8 * 60, (5, Command("job", line="L01", order="A", item="AC-35")))
    first, second = truth.machines["L01-M1"], truth.machines["L01-M2"]
    assert second.missing == "CMP-12"
    stranded = truth.wip("L01")
    truth.command(truth.at + 1, Command("job", line="L01", order="B", item="AC-26", minutes=20))
    truth.advance(truth.at + HOUR_MS)
    assert (second.order, second.state) == ("A", "starved")
    truth.command(truth.at + 1, Command("job", line="L01", order="B", item="AC-26", minutes=20, aside="A"))
    truth.advance(truth.at + HOUR_MS)
    assert (second.order, second.missing) == ("B", "")
    assert 0 < second.aside <= stranded
    assert first.good == first.held + len(second.inbox) + second.good + second.in_work + second.aside
