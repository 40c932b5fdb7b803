"""Calls for help: whom they are for, and how they climb."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mes.domain.andon import AndonRule, rule_for

RAISED = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def test_a_call_climbs_by_time_and_reaches_more_roles() -> None:
    """To maintenance at once, to the line lead after 5 minutes, to the planner after 15; then no further."""
    rule = AndonRule("maintenance", roles=("maintenance", "line_lead", "planner"), escalate_minutes=(5, 15))
    levels = [rule.level(RAISED, RAISED + timedelta(minutes=m)) for m in (0, 4.99, 5, 14, 15, 600)]
    assert levels == [0, 0, 1, 1, 2, 2]
    assert [rule.told(level) for level in (0, 1, 2)] == [
        ("maintenance",), ("maintenance", "line_lead"), ("maintenance", "line_lead", "planner"),
    ]  # fmt: skip


def test_a_lines_own_rule_comes_before_that_for_all() -> None:
    """Routed by kind: the line's rule, else everybody's, else what is ordinary."""
    own, everywhere = AndonRule("quality", lines=("L1",), roles=("admin",)), AndonRule("quality", roles=("planner",))
    rules = (everywhere, own)
    assert [rule_for(rules, "quality", line).told(0) for line in ("L1", "L2")] == [("admin",), ("planner",)]
    assert rule_for(rules, "maintenance", "L1").told(0) == ("maintenance",)


@pytest.mark.parametrize(
    "wrong", [{"escalate_minutes": (5, 5)}, {"escalate_minutes": (0,)}, {"roles": ()}, {"from_fault_minutes": 0}]
)
def test_a_rule_that_makes_no_sense_is_refused(wrong) -> None:
    """Minutes rise, somebody is told, and no machine calls before it stands."""
    with pytest.raises(ValueError, match=r".+"):
        AndonRule("leader", **wrong)
