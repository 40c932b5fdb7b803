"""What is made and of what: items, their units, and releases (a revision with its BOM and routing).

These dataclasses are the documents other systems send; they check themselves where they stand alone, `faults` checks
what only the whole can know. Quantities inside the house are in the item's base unit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

from mes.domain.fields import Code, CodeOrNone, Count, Fraction, Instant, Number, Positive, Text, Yield, rounded
from mes.domain.plant import Name
from mes.errors import Fault


@dataclass(frozen=True, slots=True)
class ItemUnit:
    """Another unit of an item: one `unit` is `per_base` base units (`{"unit": "box", "per_base": "12"}`)."""

    unit: Code
    per_base: Positive


@dataclass(frozen=True)
class Item:
    """A product, component or raw material. `code` is filled in from the address it was put at."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    name: Name
    unit: Code
    kind: Literal["product", "component", "raw"]
    code: CodeOrNone = ""
    family: CodeOrNone = ""
    lot_tracked: bool = False
    units: tuple[ItemUnit, ...] = ()
    ext: dict[str, Any] = field(default_factory=dict)

    def faults(self) -> Iterator[Fault]:
        """Units named twice, or the base unit among the others."""
        times = Counter(other.unit for other in self.units)
        for index, other in enumerate(self.units):
            if other.unit == self.unit:
                yield Fault(f"/units/{index}/unit", "duplicate", f"{self.unit} is the base unit itself")
            elif times[other.unit] > 1:
                yield Fault(f"/units/{index}/unit", "duplicate", f"{other.unit} is there {times[other.unit]} times")

    @property
    def units_table(self) -> Units:
        return Units(self.unit, {other.unit: other.per_base for other in self.units})


@dataclass(frozen=True, slots=True)
class Units:
    """The units of one item: its base unit, and how many base units each other one is."""

    base: str
    per_base: dict[str, Decimal] = field(default_factory=dict)

    def in_base(self, quantity: Decimal, unit: str) -> Decimal | None:
        """A quantity in the base unit, rounded once; None when the item has no such unit."""
        if unit == self.base:
            return quantity
        factor = self.per_base.get(unit)
        return None if factor is None else rounded(quantity * factor)


@dataclass(frozen=True, slots=True)
class BomLine:
    """A component: `quantity_per` piece of the product, used where operation `operation_seq` counts.

    `scrap_fraction` is the planned loss: it raises what is needed, never what was used. `operation_seq` 0 is the
    first operation.
    """

    line_no: Number
    item: Code
    quantity_per: Positive
    unit: Code
    scrap_fraction: Fraction = Decimal(0)
    operation_seq: Number = 0
    substitutes: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True)
class External:
    """An operation done elsewhere (委外): how long until the pieces are back."""

    lead_minutes: Number


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of the routing. `lines` names lines or groups of lines; `line_group` is one more of them.

    The pace is `seconds_per_piece`, or by line where lines differ.
    """

    seq: Count
    code: CodeOrNone = ""
    name: Name | None = None
    line_group: CodeOrNone = ""
    lines: tuple[Code, ...] = ()
    seconds_per_piece: Positive | None = None
    seconds_by_line: dict[str, Positive] = field(default_factory=dict)
    yield_rate: Yield = Decimal(1)
    lot_min: Count = 1
    lot_max: Count | None = None
    transfer_minutes: Number = 0
    uninterrupted: bool = False
    resources: tuple[Code, ...] = ()
    external: External | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A drawing or instruction that belongs to a revision."""

    kind: Code
    code: Code
    revision: CodeOrNone = ""
    sha256: CodeOrNone = ""
    url: Text = ""


@dataclass(frozen=True)
class Release:
    """A revision of an item as engineering released it. Its content never changes; status and dates may."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    routing: tuple[Operation, ...]
    bom: tuple[BomLine, ...] = ()
    status: Literal["released", "obsolete"] = "released"
    item: CodeOrNone = ""
    revision: CodeOrNone = ""
    effective_from: Instant | None = None
    effective_until: Instant | None = None
    documents: tuple[Document, ...] = ()
    ext: dict[str, Any] = field(default_factory=dict)

    def faults(self) -> Iterator[Fault]:
        """Numbers given twice, components of operations that are not there, operations nobody can do."""
        yield from routing_faults(self.routing, "/routing")
        yield from bom_faults(self.bom, self.routing, "/bom")
        if not self.routing:
            yield Fault("/routing", "empty", "a release has at least one operation")
        if self.effective_from and self.effective_until and self.effective_until <= self.effective_from:
            yield Fault("/effective_until", "order", "effective_until lies after effective_from")


def routing_faults(routing: tuple[Operation, ...], at: str) -> Iterator[Fault]:
    """What is wrong with a routing; `at` is the pointer of its list."""
    yield from _twice([operation.seq for operation in routing], at, "seq")
    for index, operation in enumerate(routing):
        here = f"{at}/{index}"
        if operation.external is None and not (operation.lines or operation.line_group):
            yield Fault(f"{here}/lines", "missing", "an operation names its lines, a line_group, or is external")
        if operation.external is None and operation.seconds_per_piece is None and not operation.seconds_by_line:
            yield Fault(f"{here}/seconds_per_piece", "missing", "an operation has a pace: seconds_per_piece")
        if operation.lot_max is not None and operation.lot_max < operation.lot_min:
            yield Fault(f"{here}/lot_max", "order", "lot_max is at least lot_min")


def bom_faults(bom: tuple[BomLine, ...], routing: tuple[Operation, ...], at: str) -> Iterator[Fault]:
    """What is wrong with a component list; `at` is the pointer of its list."""
    yield from _twice([line.line_no for line in bom], at, "line_no")
    seqs = {operation.seq for operation in routing}
    for index, line in enumerate(bom):
        if line.operation_seq and seqs and line.operation_seq not in seqs:
            yield Fault(f"{at}/{index}/operation_seq", "unknown", f"there is no operation {line.operation_seq}")


def _twice(numbers: Iterable[int], at: str, key: str) -> Iterator[Fault]:
    listed = list(numbers)
    for index, number in enumerate(listed):
        if number in listed[:index]:
            yield Fault(f"{at}/{index}/{key}", "duplicate", f"{key} {number} is there more than once")


def settled_routing(routing: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """A routing in order, its `line_group` among its `lines`: the form that is kept and compared."""
    joined = (
        replace(
            op, lines=tuple(dict.fromkeys((*op.lines, *((op.line_group,) if op.line_group else ())))), line_group=""
        )
        for op in routing
    )
    return tuple(sorted(joined, key=lambda op: op.seq))


def settled_bom(
    bom: tuple[BomLine, ...], routing: tuple[Operation, ...], units: dict[str, Units], at: str
) -> tuple[tuple[BomLine, ...], list[Fault]]:
    """A component list in order, in base units, every line at an operation; and what kept it from being so."""
    first = min((operation.seq for operation in routing), default=0)
    kept: list[BomLine] = []
    faults: list[Fault] = []
    for index, line in enumerate(bom):
        base, fault = in_base(units, line.item, line.quantity_per, line.unit, f"{at}/{index}")
        if fault:
            faults.append(fault)
        else:
            unit = units[line.item].base
            kept.append(replace(line, quantity_per=base, unit=unit, operation_seq=line.operation_seq or first))
        faults += [
            Fault(f"{at}/{index}/substitutes/{n}", "unknown", f"there is no item {code}")
            for n, code in enumerate(line.substitutes)
            if code not in units
        ]
    return tuple(sorted(kept, key=lambda line: line.line_no)), faults


def in_base(units: dict[str, Units], item: str, quantity: Decimal, unit: str, at: str) -> tuple[Decimal, Fault | None]:
    """A quantity of an item in its base unit, or the fault: no such item, no such unit, too small to keep."""
    table = units.get(item)
    if table is None:
        return quantity, Fault(f"{at}/item", "unknown", f"there is no item {item}")
    base = table.in_base(quantity, unit)
    if base is None:
        known = ", ".join((table.base, *sorted(table.per_base)))
        return quantity, Fault(f"{at}/unit", "unit", f"{item} is not kept in {unit!r}; its units are {known}")
    if quantity and not base:
        return quantity, Fault(f"{at}/unit", "too_small", f"{quantity} {unit} is less than can be kept of {table.base}")
    return base, None
