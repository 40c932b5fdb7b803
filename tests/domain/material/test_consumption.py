"""Stages of a routing, and which station takes which component."""

from __future__ import annotations

from decimal import Decimal

from mes.domain.material.consumption import Recipe, Step, Taken, Use, stage_of, stages, taken_at, used
from mes.domain.plant import Line, Name, Plant, Site, Station

NAME = Name(zh="", en="")


def plant() -> Plant:
    """L1 and L2 assemble, each with two stations by hand; L3 paints with one that names no operation."""
    lines = tuple(
        Line(code, NAME, (), counts_at=f"{code}-B" if code != "L3" else "L3-A", groups=groups)
        for code, groups in (("L1", ("asm",)), ("L2", ("asm",)), ("L3", ()))
    )
    stations = [
        Station(f"{line}-{name}", line, position=place, operations=(seq,), counts_by="scan")
        for line in ("L1", "L2")
        for place, (name, seq) in enumerate((("A", 20), ("B", 30)), 1)
    ]
    return Plant(Site("T", NAME, "UTC"), line=lines, station=(*stations, Station("L3-A", "L3", counts_by="scan")))


RECIPE = Recipe(
    "A",
    (
        Step(10, ("L3",), Decimal(5)),
        Step(20, ("asm",), Decimal(30), (("L2", Decimal(40)),), Decimal("0.9")),
        Step(30, ("L2", "L1"), Decimal(35), (), Decimal("0.5")),
    ),
    (
        Use("paint", Decimal("0.25"), 10),
        Use("screw", Decimal(4), 20),
        Use("screw", Decimal(2), 20),
        Use("box", Decimal(1), 30),
    ),
)


def test_consecutive_operations_on_the_same_lines_are_one_stage() -> None:
    """Whether they name a group or its lines; the stage goes by its last operation, at the slowest one's pace."""
    first, second = stages(plant(), RECIPE)
    assert (first.seq, first.lines, second.seq, second.lines) == (10, ("L3",), 30, ("L1", "L2"))
    assert (second.seconds_on("L1"), second.seconds_on("L2"), second.yield_rate) == (35, 40, Decimal("0.45"))
    assert stage_of((first, second), 20) is second


def test_a_component_is_taken_where_its_operation_counts() -> None:
    """Screws at the station of operation 20, the box at that of 30, paint where L3 counts its output."""
    assert taken_at(plant(), "L1", "L1-A", 30, RECIPE) == (Taken("screw", Decimal(6)),)
    assert taken_at(plant(), "L1", "L1-B", 30, RECIPE) == (Taken("box", Decimal(1)),)
    assert taken_at(plant(), "L3", "L3-A", 10, RECIPE) == (Taken("paint", Decimal("0.25")),)


def test_what_was_used_is_rounded_once_half_to_even() -> None:
    """A third of a millionth is not lost piece by piece."""
    assert used(Taken("x", Decimal("0.3333335")), 3) == Decimal("1.000000")
    assert used(Taken("x", Decimal("0.0000005")), 1) == Decimal("0.000000")


def test_planned_loss_raises_the_need_only() -> None:
    """Ten percent of scrap: one ninth more has to be there, no more is used."""
    use = Use("x", Decimal(9), 10, Decimal("0.1"))
    assert (use.needed_per, use.quantity_per) == (Decimal(10), Decimal(9))
