"""What can run now on a line, and why the rest cannot: held, no pieces from the operation before, no material, a gate.

A job can run when one piece can be made; `pieces` says how many could with what is there now. Material nobody counts
holds nothing up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from mes.domain.gate import GateKind

Obstacle = Literal[
    "held", "not_released", "withdrawn", "finished", "previous_operation", "material", "document", "first_article"
]
Weight = Literal["refused", "override", "warned"]
WEIGHTS: dict[Obstacle, Weight] = {
    "held": "refused",
    "not_released": "refused",
    "withdrawn": "refused",
    "finished": "refused",
    "document": "override",
    "first_article": "override",
    "previous_operation": "warned",
    "material": "warned",
}
"""Whether a start is refused, needs a line lead, or is warned of only: counts of pieces and parts may be wrong."""


@dataclass(frozen=True, slots=True)
class PartStock:
    """A component of a job: what a piece needs, and what of it lies at the line and elsewhere in the plant."""

    item: str
    needed_per: Decimal
    at_line: Decimal
    elsewhere: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why a job cannot run: what, about which item, and whether the plant has it (then it is called for)."""

    kind: Obstacle
    item: str = ""
    can_be_called: bool = False

    @property
    def weight(self) -> Weight:
        return WEIGHTS[self.kind]


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a job can run; `pieces` that could be made now, at most those still wanted."""

    job_id: int
    pieces: int
    hindrances: tuple[Hindrance, ...]

    @property
    def can_run(self) -> bool:
        return not self.hindrances


def readiness(
    job_id: int,
    *,
    state: str,
    is_withdrawn: bool,
    left: int,
    before: int | None,
    parts: Sequence[PartStock],
    gates: Sequence[GateKind] = (),
) -> Readiness:
    """Whether a job can run. `before`: good pieces of the operation before that wait here; None: it is the first.

    `gates`: those the job has not passed.
    """
    found = list(_by_state(state, is_withdrawn, left))
    found += [Hindrance(gate) for gate in gates]
    if before is not None and before <= 0:
        found.append(Hindrance("previous_operation"))
    possible = [left] if before is None else [left, max(before, 0)]
    for part in parts:
        enough = int(part.at_line // part.needed_per) if part.at_line > 0 else 0
        possible.append(enough)
        if enough < 1:
            found.append(Hindrance("material", part.item, can_be_called=part.elsewhere >= part.needed_per))
    return Readiness(job_id, max(0, min(possible)), tuple(found))


def _by_state(state: str, is_withdrawn: bool, left: int) -> Iterable[Hindrance]:
    if is_withdrawn:
        yield Hindrance("withdrawn")
    if state == "held":
        yield Hindrance("held")
    if state == "waiting":
        yield Hindrance("not_released")
    if state in {"completed", "closed", "aborted"} or left <= 0:
        yield Hindrance("finished")
