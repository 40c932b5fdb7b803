"""What stands against what should stand: the rows to take away and the rows to put.

Booking never adds to rows; it works out what should stand and writes the difference. Where nothing differs nothing is
written, and `mes replay --verify` prints the same difference instead of writing it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")


@dataclass(slots=True)
class Difference(Generic[Row]):
    """Rows that stand and should not, and rows that should stand (new or changed)."""

    gone: list[Row] = field(default_factory=list)
    put: list[Row] = field(default_factory=list)
    was: list[Row | None] = field(default_factory=list)
    """What stands in place of each row of `put`."""

    def __bool__(self) -> bool:
        return bool(self.gone or self.put)

    @property
    def rows(self) -> list[Row]:
        """Every row concerned."""
        return [*self.gone, *self.put]


def difference(stored: Iterable[Row], wanted: Iterable[Row], key: Callable[[Row], Hashable]) -> Difference[Row]:
    """What has to be written so that `wanted` stands instead of `stored`."""
    found: Difference[Row] = Difference()
    standing = {key(row): row for row in stored}
    for row in wanted:
        was = standing.pop(key(row), None)
        if was != row:
            found.put.append(row)
            found.was.append(was)
    found.gone.extend(standing.values())
    return found


@dataclass(frozen=True, slots=True)
class Deviation:
    """A row that stands otherwise than it should; either side None: not there."""

    table: str
    stands: Any
    should: Any


def deviations(table: str, found: Difference[Any]) -> list[Deviation]:
    """A difference as what `mes replay --verify` prints."""
    return [
        *(Deviation(table, was, row) for was, row in zip(found.was, found.put, strict=True)),
        *(Deviation(table, row, None) for row in found.gone),
    ]
