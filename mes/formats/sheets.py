"""Rows as files people open in a spreadsheet: CSV (UTF-8 with its mark, for Excel) and XLSX.

What begins like a formula is text, and stays text: a name typed by somebody is never run by whoever opens the file.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

CELL_CHARACTERS_MAX = 32_767
"""What a cell of XLSX holds."""
_FORMULA = re.compile(r"^[=+\-@\t\r]")
_NUMBER = re.compile(r"^-?\d{1,15}(\.\d+)?$")
_QUANTITY = re.compile(r"(^|_|/)(quantity|on_hand|reserved|share|cumulative|per_piece|per_base)$")
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
    if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.match(cell):
        return f"'{cell}"
    return cell


def xlsx_of(columns: Sequence[str], rows: Iterable[Sequence[Cell]], title: str) -> bytes:
    """A table as XLSX, its first row bold and standing still."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\[\]:*?/\\]", "-", title)[:31] or "table")
    sheet.freeze_panes = "A2"
    sheet.append([_bold(sheet, name) for name in columns])
    quantities = [bool(_QUANTITY.search(name)) for name in columns]
    for row in rows:
        sheet.append([_typed(sheet, cell, is_quantity=q) for cell, q in zip(row, quantities, strict=True)])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _bold(sheet: Any, name: str) -> WriteOnlyCell:
    cell = _typed(sheet, name, is_quantity=False)
    cell.font = Font(bold=True)
    return cell


def _typed(sheet: Any, value: Cell, *, is_quantity: bool) -> WriteOnlyCell:
    if not isinstance(value, str):
        return WriteOnlyCell(sheet, value)
    if is_quantity and _NUMBER.match(value):
        return WriteOnlyCell(sheet, float(value))
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value)[:CELL_CHARACTERS_MAX])
    cell.data_type = "s"
    return cell
