"""Golden situations: folders with a problem and the plan expected for it, reviewed as a diff.

A scenario is `scenarios/<name>/problem.json` and `plan.expect`: the plan as lines of text. With `UPDATE_SCENARIOS=1`
the test writes what the planner says now.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.check import check
from scheduler.plan import Plan
from scheduler.problem import read_problem
from scheduler.solve import Params, solve

SCENARIOS = sorted(path.parent for path in Path(__file__).parent.glob("scenarios/*/problem.json"))


def shown(plan: Plan) -> str:
    """A plan as text: lots by line, orders with reasons and fixes, shortages, what is left out, day rows, cost."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    for line in sorted({lot.line or "outside" for lot in plan.lots}):
        yield f"{line}:"
        for lot in plan.lots:
            if (lot.line or "outside") == line:
                setup = f" after {lot.setup_minutes} min changeover" if lot.setup_minutes else ""
                instead = "".join(f" with {u.qty} {u.used} for {u.item}" for u in lot.substitutes)
                times = f"{lot.start_at:%a %H:%M} - {lot.end_at:%a %H:%M}"
                yield f"  {times} {lot.order}/{lot.stage} x{lot.qty}{setup}{instead}"
    for row in plan.orders:
        ended = f"{row.completed_at:%a %H:%M}" if row.completed_at else "never"
        yield f"{row.code}: {ended}" + (f", {row.tardy_minutes} min late" if row.tardy_minutes else "")
        yield from (f"  because {reason.cause} {reason.detail} {reason.minutes} min" for reason in row.reasons)
        for fix in row.fixes:
            yield f"  {fix.kind} {fix.target} {fix.minutes} min: {fix.tardy_minutes} min late, cost {fix.total:+}"
    for short in plan.shortages:
        covered = f"{short.receipt.ref}" if short.receipt else "nothing"
        whom = ", ".join(f"{one.order} {one.qty} (+{one.added_minutes} min)" for one in short.orders)
        yield f"short of {short.qty} {short.item} by {short.needed_by:%a %H:%M}, {covered} covers: {whom}"
    for out in plan.unplanned:
        yield f"left out: {out.qty} of {out.order}, {out.reason} {out.detail}".rstrip()
    for day in plan.daily:
        yield f"{day.day} {day.shift or '-'} {day.line} {day.sequence}. {day.order}/{day.stage} x{day.qty}"
    yield f"cost {plan.objective.total:g}"


@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda folder: folder.name)
def test_a_scenario_comes_out_as_expected(folder: Path) -> None:
    """The plan of each golden situation obeys the rules and reads as it was reviewed."""
    problem = read_problem((folder / "problem.json").read_bytes())
    plan = solve(problem, Params(work=2000))
    assert check(problem, plan) == []
    expected = folder / "plan.expect"
    if os.environ.get("UPDATE_SCENARIOS"):
        expected.write_text(shown(plan), encoding="utf-8")
    assert shown(plan) == expected.read_text("utf-8")
