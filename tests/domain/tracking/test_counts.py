"""From running totals to pieces."""

from __future__ import annotations

import pytest

from mes.domain.plant import Machine, Tag
from mes.domain.tracking.counts import GAPPED, REBOOTED, CounterRule, Flag, count_of, counter_rule, difference, split_of

SECOND = 1_000_000
RULE = CounterRule("good_total", 1, 0, 1 / SECOND)
ROLLING = CounterRule("good_total", 1, 1000, 1 / SECOND)


@pytest.mark.parametrize(
    ("before", "seconds", "value", "rule", "counts", "flags", "stands"),
    [
        (None, 0, 500, RULE, 0, 0, 500),
        ((0, 500, 0), 1, 507, RULE, 7, 0, 507),
        ((0, 500, GAPPED), 1, 507, RULE, 7, Flag.AFTER_GAP, 507),
        ((0, 500, 0), 10, 3, RULE, 3, Flag.RESET, 3),
        ((0, 500, 0), 10, 0, RULE, 0, Flag.RESET, 0),
        ((0, 500, 0), 10, 400, RULE, 0, Flag.OUT_OF_ORDER, 500),
        ((0, 998, 0), 10, 3, ROLLING, 5, Flag.ROLLOVER | Flag.AMBIGUOUS, 3),
        ((0, 998, 0), 10, 7, ROLLING, 9, Flag.ROLLOVER | Flag.AMBIGUOUS, 7),
        ((0, 900, 0), 10, 3, ROLLING, 3, Flag.RESET, 3),
        ((0, 995, 0), 10, 990, ROLLING, 0, Flag.OUT_OF_ORDER, 995),
        ((0, 998, REBOOTED), 10, 3, ROLLING, 3, Flag.RESET, 3),
        ((0, 500, REBOOTED), 10, 400, RULE, 0, Flag.RESTORED, 400),
        ((0, 500, REBOOTED), 10, 500, RULE, 0, 0, 500),
        ((0, 500, REBOOTED), 10, 502, RULE, 2, 0, 502),
        ((0, 500, GAPPED | REBOOTED), 10, 4, RULE, 4, Flag.RESET | Flag.AFTER_GAP, 4),
    ],
)
def test_what_a_totals_next_sample_means(before, seconds, value, rule, counts, flags, stands) -> None:  # noqa: PLR0917
    """Rise, rollover, reset, reboot, restored counter, out of order: pieces, flags, and where the counter stands."""
    found = difference(before, seconds * SECOND, value, rule)
    assert (found[0], found[1], found[2][1]) == (counts, flags, stands)


def test_a_counter_out_of_order_waits_for_the_next_sample() -> None:
    """What is set aside moves nothing: the next good sample counts from where the counter stood."""
    _, _, stands = difference((0, 500, 0), SECOND, 300, RULE)
    assert difference(stands, 2 * SECOND, 501, RULE)[0] == 1


def test_a_counters_pace_comes_from_tag_machine_or_default() -> None:
    """max_per_s of the tag, else three times the machine's rated pace per count, else ten a second."""
    tag = Tag("M", "good_total", "s", node="n", pieces_per_count=2)
    assert counter_rule(Tag("M", "total", "s", node="n", max_per_s=4), Machine("M", "L", 1)).max_per_us == 4e-6
    assert counter_rule(tag, Machine("M", "L", 1, seconds_per_piece=0.5)).max_per_us == pytest.approx(3e-6)
    assert counter_rule(tag, Machine("M", "L", 1)).max_per_us == pytest.approx(10e-6)


@pytest.mark.parametrize(
    ("signals", "made"),
    [
        ({"good_total": 5}, (5, 0)),
        ({"good_total": 5, "reject_total": 1}, (5, 1)),
        ({"total": 6}, (6, 0)),
        ({"total": 6, "reject_total": 1}, (5, 1)),
        ({"total": 6, "good_total": 5}, (5, 1)),
        ({"total": 9, "good_total": 5, "reject_total": 1}, (5, 1)),
        ({"reject_total": 2}, (0, 2)),
        ({"good_pulse": 3, "reject_pulse": 1}, (3, 1)),
    ],
)
def test_of_total_good_and_reject_a_missing_one_is_derived(signals, made) -> None:
    """Whichever two a machine counts, good and reject come out; where all three are, good and reject win."""
    split = split_of(frozenset(signals))
    good = sum(split.of.get(name, (0, 0))[0] * pieces for name, pieces in signals.items())
    reject = sum(split.of.get(name, (0, 0))[1] * pieces for name, pieces in signals.items())
    assert (good, reject) == made


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (7, 7),
        (7.9, 7),
        ("12", 12),
        ("12.0", 12),
        (True, 1),
        ("x", None),
        (None, None),
        (float("inf"), None),
        (1e300, None),
    ],
)
def test_what_can_be_counted(value, count) -> None:
    """Whole numbers in any clothes; nothing else."""
    assert count_of(value) == count
