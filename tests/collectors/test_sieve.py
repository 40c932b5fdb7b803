"""Change detection: nothing that changes is lost, nothing is invented, whatever the order of arrival."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collectors.sieve import Rule, Sieve
from collectors.source import Heard

S = 1_000_000
RULE = Rule("M1/state")


def heard(at_s: float, value: object, quality: int = 0) -> Heard:
    return Heard(1, int(at_s * S), value, quality)  # type: ignore[arg-type]


def sift(*samples: Heard, rule: Rule = RULE) -> list[tuple[float, object]]:
    sieve = Sieve()
    return [((kept.at or 0) / S, kept.value) for sample in samples for kept in sieve.signal(rule, sample)]


def test_a_repetition_is_dropped_within_a_minute() -> None:
    """Equal samples are stored once a minute; one that differs at once."""
    assert sift(heard(0, "A"), heard(30, "A"), heard(60, "A"), heard(61, "A"), heard(62, "B")) == [
        (0, "A"), (61, "A"), (62, "B"),
    ]  # fmt: skip


def test_quality_and_type_are_part_of_the_word() -> None:
    """The same value with another quality, or as another type, is no repetition."""
    assert len(sift(heard(0, 1), heard(1, 1, quality=2), heard(2, 1.0, quality=2), heard(3, True, quality=2))) == 4


def test_a_late_change_is_followed_by_what_was_last_known() -> None:
    """A change that arrives late but within the window brings the held repetition after it into the store."""
    assert sift(heard(0, "A"), heard(5, "A"), heard(3, "B")) == [(0, "A"), (3, "B"), (5, "A")]


def test_a_change_later_than_the_window_is_followed_by_the_newest_word() -> None:
    """Beyond the window the sample is stored and so is the last one heard, once."""
    samples = [heard(0, "A"), *(heard(t, "A") for t in range(1, 50)), heard(3, "B"), heard(4, "B")]
    assert sift(*samples) == [(0, "A"), (3, "B"), (49, "A"), (4, "B")]


def test_a_double_is_dropped() -> None:
    """The same sample delivered again is not stored again, and counted; what only says no news is no double."""
    sieve = Sieve()
    samples = [heard(0, "A"), heard(1, "B"), heard(1, "B"), heard(0, "A"), heard(2, "B")]
    assert [len(sieve.signal(RULE, one)) for one in samples] == [1, 1, 0, 0, 0]
    assert (sieve.take_doubles(), sieve.take_doubles()) == (2, 0)


def test_pulses_are_always_stored() -> None:
    """Every pulse is a piece, whatever it repeats."""
    assert len(sift(heard(0, 1), heard(0, 1), heard(1, 1), rule=Rule("M1/good_pulse", is_pulse=True))) == 3


def test_forgetting_stores_the_next_sample() -> None:
    """After forgetting, the next sample is stored though it repeats."""
    sieve = Sieve()
    sieve.signal(RULE, heard(0, "A"))
    sieve.forget([1])
    assert len(sieve.signal(RULE, heard(1, "A"))) == 1


def word_at(samples: list[Heard], at: int) -> object:
    """The device's word at an instant, if all of `samples` are known."""
    known = [s for s in samples if s.at is not None and s.at <= at]
    return max(known, key=lambda s: s.at or 0).value if known else None


@given(
    st.lists(st.tuples(st.integers(0, 90), st.sampled_from("AB")), min_size=1, max_size=120, unique_by=lambda s: s[0]),
    st.randoms(use_true_random=False),
    st.floats(0, 9.9),
)
def test_the_stored_words_tell_what_all_words_tell(
    words: list[tuple[int, str]], random: object, shuffle_s: float
) -> None:
    """However samples are reordered within the window, what is stored says at every instant what was heard."""
    samples = [heard(at, value) for at, value in words]
    arrival = sorted(samples, key=lambda s: (s.at or 0) + random.uniform(0, shuffle_s) * S)  # type: ignore[attr-defined]
    sieve = Sieve()
    first = arrival[0].at or 0
    stored = [kept for sample in arrival for kept in sieve.signal(RULE, sample)]
    assert all(any(kept is sample for sample in samples) for kept in stored)
    for at in range(91):
        if at * S >= max(first, min(s.at or 0 for s in samples)):
            assert word_at(stored, at * S) == word_at(samples, at * S)


@given(st.lists(st.tuples(st.integers(0, 600), st.sampled_from("AB")), min_size=1, max_size=60))
def test_no_sample_is_stored_twice_in_a_row(words: list[tuple[int, str]]) -> None:
    """The sieve never stores the same object twice."""
    sieve = Sieve()
    stored = [id(kept) for at, value in words for kept in sieve.signal(RULE, heard(at, value))]
    assert len(stored) <= len(words)


def values(rule: Rule, *samples: Heard) -> list[float]:
    sieve = Sieve()
    return [(s.at or 0) / S for s in samples if sieve.value(rule, s)]


def test_process_values_pass_unless_told() -> None:
    """Without dead-band or interval every process value is stored."""
    assert values(Rule("M1/value:T", is_value=True), heard(0, 1.0), heard(1, 1.0)) == [0, 1]


def test_a_dead_band_drops_what_differs_too_little() -> None:
    """Within the dead-band of the last stored value a value is dropped, but one a minute is kept."""
    rule = Rule("M1/value:T", is_value=True, dead_band=0.5)
    samples = [heard(0, 20.0), heard(1, 20.4), heard(2, 20.6), heard(3, 20.2), heard(63, 20.3), heard(64, 20.3, 2)]
    assert values(rule, *samples) == [0, 2, 63, 64]


def test_an_interval_drops_what_comes_too_soon() -> None:
    """Of values that come more often than the interval some are dropped."""
    rule = Rule("M1/value:T", is_value=True, interval_us=10 * S)
    assert values(rule, heard(0, 1.0), heard(9, 2.0), heard(10, 3.0), heard(12, 4.0)) == [0, 10]
