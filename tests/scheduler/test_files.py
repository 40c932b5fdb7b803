"""Problem and plan files: every fault has its pointer, what is written is read back."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mes.errors import InputError
from scheduler.plan import read_plan, write_plan
from scheduler.problem import Problem, read_problem, write_problem
from scheduler.solve import Params, solve
from tests.scheduler.problems import any_problem

GOOD: dict[str, Any] = {
    "name": "small",
    "now": "2026-01-05T00:00:00Z",
    "horizon_end": "2026-02-04T00:00:00Z",
    "lines": [{"code": "L1", "open": [["2026-01-05T00:00:00Z", "2026-01-09T00:00:00Z"]]}],
    "products": [{"code": "P1", "stages": [{"seq": 10, "lines": [{"line": "L1", "seconds_per_piece": 190}]}]}],
    "orders": [{"code": "MO1", "product": "P1", "qty": 5, "due_at": "2026-01-09T00:00:00Z"}],
}


def faults(document: Any) -> dict[str, str]:
    """Pointer and code of every fault of a problem file."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(InputError) as caught:
        read_problem(data)
    return {fault.pointer: fault.code for fault in caught.value.faults}


def test_a_small_file_is_read_with_its_defaults() -> None:
    """Only name, times, lines, products and orders are needed."""
    problem = read_problem(json.dumps(GOOD).encode())
    stage = problem.products[0].stages[0]
    assert (stage.min_lot, stage.max_lot, stage.yield_rate, stage.transfer_minutes) == (1, None, 1, 0)
    assert (problem.weights.unplanned, problem.weights.move, problem.orders[0].weight) == (1_000_000, 300, 1)


@settings(deadline=None, max_examples=40)
@given(st.randoms(use_true_random=False))
def test_a_problem_is_read_as_it_was_written(random: Random) -> None:
    """Writing and reading a problem gives the same problem."""
    problem = any_problem(random)
    assert read_problem(write_problem(problem)) == problem


def test_a_plan_is_read_as_it_was_written() -> None:
    """Writing and reading a plan gives the same plan, reasons, fixes and shortages included."""
    for seed in range(5):
        plan = solve(any_problem(Random(seed)), Params(work=300))
        assert read_plan(write_plan(plan)) == plan


def test_every_fault_is_named_with_its_pointer() -> None:
    """One reading finds all faults: wrong types, unknown fields, missing ones, impossible values."""
    bad = GOOD | {
        "colour": "red",
        "setups": [{"from": "F0", "to": "F1", "minutes": "ten"}, {"line": "L9", "from": "a", "to": "b", "minutes": -1}],
        "orders": [
            {"code": "MO1", "product": "P1", "qty": 1.5, "due_at": "2026-01-09T00:00:00Z"},
            {"code": "MO1", "product": "P7", "qty": 0, "due_at": "2026-01-09T00:00:00"},
            {"product": "P1", "qty": 3, "due_at": "2026-01-09T00:00:00Z", "weight": -1},
        ],
        "stock": [{"item": "C1", "qty": "many"}],
    }
    assert faults(bad) == {
        "/colour": "unknown_field",
        "/setups/0/minutes": "wrong_type",
        "/setups/1/line": "unknown",
        "/setups/1/minutes": "too_small",
        "/orders/0/qty": "wrong_type",
        "/orders/1/code": "duplicate",
        "/orders/1/product": "unknown",
        "/orders/1/qty": "too_small",
        "/orders/1/due_at": "wrong_type",
        "/orders/2/code": "missing",
        "/orders/2/weight": "too_small",
        "/stock/0/qty": "wrong_type",
    }


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff\xfe", "not_utf8"),
        (b'{"a": NaN}', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"[]", "wrong_type"),
        (b"null", "wrong_type"),
    ],
)
def test_what_is_no_problem_at_all_is_refused(data: bytes, code: str) -> None:
    """Bytes that are no JSON object are one fault at the root."""
    assert faults(data) == {"": code}


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"horizon_end": "2026-01-05T00:00:00Z"}, "/horizon_end", "not_after_now"),
        ({"horizon_end": "2036-01-05T00:00:00Z"}, "/horizon_end", "too_far"),
        ({"name": " "}, "/name", "empty"),
        ({"weights": {"move": -1}}, "/weights/move", "too_small"),
        ({"crews": [{"code": "K", "lines": {"L/2": 1}, "size": []}]}, "/crews/0/lines/L~12", "unknown"),
        ({"resources": [{"code": "M", "count": -1}]}, "/resources/0/count", "too_small"),
        (
            {"lines": [{"code": "L1", "open": [["2026-01-06T00:00:00Z", "2026-01-05T00:00:00Z"]]}]},
            "/lines/0/open/0",
            "backwards",
        ),
        (
            {"under_way": [{"order": "MO1", "stage": 20, "line": "L1", "start_at": "2026-01-05T00:00:00Z", "qty": 2}]},
            "/under_way/0/stage",
            "unknown",
        ),
        (
            {
                "under_way": [
                    {
                        "order": "MO1",
                        "stage": 10,
                        "line": "L1",
                        "start_at": "2026-01-05T00:00:00Z",
                        "qty": 2,
                        "done_qty": 3,
                    }
                ]
            },
            "/under_way/0/done_qty",
            "out_of_range",
        ),
    ],
)
def test_impossible_values_are_refused(change: dict[str, Any], pointer: str, code: str) -> None:
    """Values that contradict each other are faults at the value."""
    assert faults(GOOD | change) == {pointer: code}


def test_a_problem_built_in_code_is_checked_by_the_same_rules() -> None:
    """The dataclass checks itself, whoever builds it."""
    good = read_problem(json.dumps(GOOD).encode())
    with pytest.raises(InputError) as caught:
        Problem(good.name, good.now, good.now, good.lines, good.products, good.orders)
    assert [fault.pointer for fault in caught.value.faults] == ["/horizon_end"]
