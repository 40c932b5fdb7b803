"""Rows as an XLSX file. Apart from `sheets` because its library takes long to load: import this where it is needed."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

from mes.formats.sheets import NUMBER, QUANTITY, Cell

CELL_CHARACTERS_MAX = 32_767
"""What a cell of XLSX holds."""


def xlsx_of(columns: Sequence[str], rows: Iterable[Sequence[Cell]], title: str) -> bytes:
    """A table as XLSX, its first row bold and standing still."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\[\]:*?/\\]", "-", title)[:31] or "table")
    sheet.freeze_panes = "A2"
    sheet.append([_bold(sheet, name) for name in columns])
    quantities = [bool(QUANTITY.search(name)) for name in columns]
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
    if is_quantity and NUMBER.match(value):
        return WriteOnlyCell(sheet, float(value))
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value)[:CELL_CHARACTERS_MAX])
    cell.data_type = "s"
    return cell
