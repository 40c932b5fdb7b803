"""What can run now, and why the rest cannot."""

from __future__ import annotations

from decimal import Decimal

from mes.domain.readiness import Hindrance, PartStock, readiness


def part(at_line: str, elsewhere: str = "0") -> PartStock:
    """A component of which a piece needs two."""
    return PartStock("C", Decimal(2), Decimal(at_line), Decimal(elsewhere))


def judged(**more):
    """A ready job of 50 pieces with everything there."""
    facts = {"state": "ready", "is_withdrawn": False, "left": 50, "before": None, "parts": [part("500")]}
    return readiness(1, **(facts | more))


def test_a_job_with_everything_there_can_run() -> None:
    """As many pieces as are wanted, or as material and the operation before allow."""
    assert (judged().can_run, judged().pieces) == (True, 50)
    assert judged(parts=[part("41")]).pieces == 20
    assert judged(before=7).pieces == 7


def test_missing_material_is_named_and_whether_the_plant_has_it() -> None:
    """Not enough for a piece at the line: to be called for, or short."""
    assert judged(parts=[part("1", "10")]).hindrances == (Hindrance("material", "C", can_be_called=True),)
    assert judged(parts=[part("-3", "1")]).hindrances == (Hindrance("material", "C", can_be_called=False),)


def test_what_is_held_finished_or_without_pieces_cannot_run() -> None:
    """Each with its reason."""
    assert [h.kind for h in judged(state="held", before=0).hindrances] == ["held", "previous_operation"]
    assert [h.kind for h in judged(left=0).hindrances] == ["finished"]
    assert [h.kind for h in judged(is_withdrawn=True).hindrances] == ["withdrawn"]
    assert [h.kind for h in judged(state="waiting").hindrances] == ["not_released"]


def test_a_gate_needs_a_line_lead_and_material_only_warns() -> None:
    """Each hindrance says whether a start is refused, overridden by a line lead, or warned of."""
    found = judged(gates=("first_article",), parts=[part("0")], state="held").hindrances
    assert [(h.kind, h.weight) for h in found] == [
        ("held", "refused"),
        ("first_article", "override"),
        ("material", "warned"),
    ]
