"""Rows as files people open in a spreadsheet: CSV (UTF-8 with its mark, for Excel); XLSX is in `workbook`.

What begins like a formula is text, and stays text: a name typed by somebody is never run by whoever opens the file.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

_FORMULA = re.compile(r"^[=+\-@\t\r]")
NUMBER = re.compile(r"^-?\d{1,15}(\.\d+)?$")
"""Text that is a number."""
QUANTITY = re.compile(r"(^|_|/)(quantity|on_hand|reserved|share|cumulative|per_piece|per_base)$")
"""Columns whose decimal text is a number."""

Cell = str | int | float | bool | None


def flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Cell]]:
    """A document as (column, cell): what is nested has a column of its own, a list is JSON in one cell."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}/")
        elif isinstance(value, list):
            yield f"{prefix}{name}", json.dumps(value, ensure_ascii=False) if value else ""
        else:
            yield f"{prefix}{name}", value


def table_of(rows: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[list[Cell]]]:
    """Documents as a table: the columns of all of them in the order in which they first come."""
    flattened = [dict(flat(row)) for row in rows]
    columns = list(dict.fromkeys(name for row in flattened for name in row))
    return columns, [[row.get(name) for name in columns] for row in flattened]


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """A table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_harmless(name) for name in columns])
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _harmless(cell: Cell) -> Cell:
    if isinstance(cell, str) and _FORMULA.match(cell) and not NUMBER.match(cell):
        return f"'{cell}"
    return cell
