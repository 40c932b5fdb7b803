"""Calls for help: to whom each kind goes, and how it climbs while nobody comes.

A call begins at level 0 and goes to the first role. Untaken for the first of `escalate_minutes` it goes to the second
role too, and so on; a call somebody took climbs no further. A machine that stands in fault calls by itself where its
line's rule says so, and takes its call back when it runs again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

CallKind = Literal["material", "quality", "maintenance", "leader"]
CallRole = Literal["operator", "line_lead", "planner", "quality", "maintenance", "admin"]


@dataclass(frozen=True, slots=True)
class AndonRule:
    """Who comes for a kind of call on some lines (absent: all).

    `roles`: whom it goes to, level by level. `escalate_minutes`: how long after it was raised it climbs. A machine that
    stands in fault for `from_fault_minutes` calls by itself (absent: never).
    """

    kind: CallKind
    lines: tuple[str, ...] = ()
    roles: tuple[CallRole, ...] = ("line_lead",)
    escalate_minutes: tuple[int, ...] = (5, 15)
    from_fault_minutes: int | None = None

    def __post_init__(self) -> None:
        if not self.roles:
            raise ValueError("a call goes to at least one role")
        if any(a >= b for a, b in pairwise((0, *self.escalate_minutes))):
            raise ValueError("escalate_minutes rise, beginning above 0")
        if self.from_fault_minutes is not None and self.from_fault_minutes < 1:
            raise ValueError("from_fault_minutes is at least 1")

    def level(self, raised_at: datetime, now: datetime) -> int:
        """How far a call that nobody took has climbed."""
        return sum(now - raised_at >= timedelta(minutes=minutes) for minutes in self.escalate_minutes)

    def told(self, level: int) -> tuple[CallRole, ...]:
        """Whom a call at a level is for: the roles it has reached so far."""
        return tuple(dict.fromkeys(self.roles[: level + 1]))


ORDINARY: dict[str, AndonRule] = {
    "material": AndonRule("material", roles=("operator", "line_lead")),
    "quality": AndonRule("quality", roles=("quality", "line_lead")),
    "maintenance": AndonRule("maintenance", roles=("maintenance", "line_lead")),
    "leader": AndonRule("leader", roles=("line_lead",)),
}
"""What holds where the plant says nothing."""


def rule_for(rules: Sequence[AndonRule], kind: str, line: str) -> AndonRule:
    """The rule of a kind of call on a line: one that names the line, else one for all lines, else the ordinary one."""
    own = [rule for rule in rules if rule.kind == kind]
    named = [rule for rule in own if line in rule.lines]
    everywhere = [rule for rule in own if not rule.lines]
    return next(iter(named or everywhere), ORDINARY[kind])
