"""KPIs from elements."""

from __future__ import annotations

import oee
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mes.domain.kpi import Elements, attainment, bottleneck, on_time, ratios, rolled_yield, why

MINUTE = 60_000_000


def test_the_glossarys_check_value() -> None:
    """420 planned minutes, 47 down, 60 a minute, 19,271 made, 423 rejected: OEE 0.7479."""
    shift = Elements(
        calendar_us=480 * MINUTE, planned_stop_us=60 * MINUTE, apt_us=373 * MINUTE, adot_us=47 * MINUTE,
        ideal_us=19_271 * MINUTE // 60, good=19_271 - 423, reject=423,
    )  # fmt: skip
    found = {name: ratio.value for name, ratio in ratios(shift).items()}
    assert [round(found[name] or 0, 4) for name in ("availability", "effectiveness", "quality_ratio", "oee")] == [
        0.8881, 0.8611, 0.9780, 0.7479,
    ]  # fmt: skip
    assert found["uptime_rate"] == pytest.approx(373 / 420)


def test_ratios_are_of_sums() -> None:
    """Two shifts together are the ratio of their sums, not the mean of their ratios."""
    long = Elements(calendar_us=9 * MINUTE, apt_us=9 * MINUTE, good=90)
    short = Elements(calendar_us=MINUTE, adot_us=MINUTE, reject=10)
    both = ratios(long + short)
    assert (both["availability"].value, both["quality_ratio"].value) == (0.9, 0.9)


def test_what_is_undefined_says_why() -> None:
    """Without planned time, run time or pieces a KPI has no value but a reason."""
    found = ratios(Elements(calendar_us=MINUTE, planned_stop_us=MINUTE))
    assert (found["availability"].value, found["availability"].undefined) == (None, "no planned time")
    assert (found["oee"].value, found["oee"].undefined) == (None, "no planned time")
    assert found["quality_ratio"].undefined == "nothing was made"
    faulty = ratios(Elements(calendar_us=MINUTE, adot_us=MINUTE))
    assert (faulty["availability"].value, faulty["effectiveness"].undefined) == (0.0, "did not run")


def test_nothing_is_clipped() -> None:
    """A machine faster than its standard pace shows more than one."""
    fast = Elements(calendar_us=MINUTE, apt_us=MINUTE, ideal_us=2 * MINUTE, good=2)
    assert ratios(fast)["oee"].value == 2.0


def test_a_kpi_answers_why() -> None:
    """Its formula, its inputs in the units people read, and for OEE the three it multiplies."""
    shift = Elements(
        calendar_us=60 * MINUTE, apt_us=45 * MINUTE, adot_us=15 * MINUTE, ideal_us=30 * MINUTE, good=9, reject=1
    )
    found = why("oee", shift)
    assert [factor.kpi for factor in found.factors] == ["availability", "effectiveness", "quality_ratio"]
    assert [(i.name, i.value, i.unit) for i in found.factors[0].inputs] == [("APT", 45, "min"), ("PBT", 60, "min")]
    assert found.result.value == pytest.approx(0.75 * 30 / 45 * 0.9)


def test_pieces_without_a_pace_leave_effectiveness_undefined() -> None:
    """Nobody said how long such a piece should take: no performance is made up."""
    shift = Elements(calendar_us=MINUTE, apt_us=MINUTE, ideal_us=MINUTE, good=2, unpaced=1)
    assert ratios(shift)["effectiveness"].undefined == "pieces without a standard pace"
    assert ratios(shift)["oee"].value is None


def test_failures_and_orders_have_their_own_time() -> None:
    """MTBF and MTTR by the failures there were, throughput by the time an order was on."""
    day = Elements(
        calendar_us=480 * MINUTE, apt_us=400 * MINUTE, adot_us=80 * MINUTE, good=90, reject=10, order_us=120 * MINUTE,
        failures=4, failure_us=60 * MINUTE, scrap=5, rework=3,
    )  # fmt: skip
    found = {name: ratio.value for name, ratio in ratios(day).items()}
    assert (found["mtbf"], found["mttr"], found["throughput"]) == (100, 15, 50)
    assert (found["scrap_ratio"], found["rework_ratio"]) == (0.05, 0.03)
    assert ratios(Elements())["mtbf"].undefined == "no failure"


COUNTS = st.integers(1, 10_000)


@given(planned=st.integers(1, 1440), share=st.floats(0.01, 1), speed=st.floats(0.05, 1), good=COUNTS, reject=COUNTS)
def test_the_published_package_agrees(planned, share, speed, good, reject) -> None:
    """PyPI's `oee` finds the same availability, performance, quality and OEE (which it clips and we do not)."""
    run_us = int(planned * MINUTE * share)
    piece_us = max(1, int(run_us * speed / (good + reject)))
    ideal_us = piece_us * (good + reject)
    assume(ideal_us <= run_us)
    mine = ratios(
        Elements(
            calendar_us=planned * MINUTE, apt_us=run_us, adot_us=planned * MINUTE - run_us, ideal_us=ideal_us,
            good=good, reject=reject,
        )
    )  # fmt: skip
    theirs = oee.oee(
        planned_production_time=planned * 60, run_time=run_us / 1e6, ideal_cycle_time=piece_us / 1e6,
        total_count=good + reject, good_count=good,
    )  # fmt: skip
    for name, value in (
        ("availability", theirs.availability), ("effectiveness", theirs.performance),
        ("quality_ratio", theirs.quality), ("oee", theirs.oee),
    ):  # fmt: skip
        assert mine[name].value == pytest.approx(value, rel=1e-9)


@given(st.lists(st.tuples(COUNTS, st.integers(0, 100)), min_size=1, max_size=6))
def test_rolled_yield_is_the_package_s_too(stations) -> None:
    """The product over operations of what passes at first."""
    mine = rolled_yield(Elements(good=good, reject=reject) for good, reject in stations)
    theirs = oee.rolled_throughput_yield([good / (good + reject) for good, reject in stations])
    assert mine.value == pytest.approx(getattr(theirs, "value", getattr(theirs, "rty", theirs)), rel=1e-9)


def test_attainment_forgives_no_shortfall_by_another_lots_surplus() -> None:
    """90 of 100 and 60 of 50: 140 of 150."""
    assert attainment([(90, 100), (60, 50)]).value == pytest.approx(140 / 150)
    assert attainment([]).undefined == "nothing was planned"
    assert on_time([True, False]).value == 0.5


def test_the_bottleneck_is_who_waits_least() -> None:
    """Downtime does not hide it: a machine that was repaired did not wait."""
    line = {
        "M1": Elements(calendar_us=100, apt_us=60, adet_us=40),
        "M2": Elements(calendar_us=100, apt_us=70, adot_us=25, adet_us=5),
        "M3": Elements(calendar_us=100, apt_us=65, adet_us=35),
        "M4": Elements(calendar_us=100, no_data_us=100),
    }
    assert bottleneck(line) == "M2"
    assert bottleneck({"M4": line["M4"]}) is None
