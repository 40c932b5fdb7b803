"""Tables of spreadsheets: CSV and XLSX in, the same out.

Reading: the first row names the columns (ours, or the words a plant uses: 单号, 物料, 数量 ...), empty rows are passed
over, each row keeps its number in the file. CSV may be UTF-8 or GB18030, with commas, semicolons or tabs. Writing: a
text that a spreadsheet would take for a formula is written so that it stays text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zipfile import BadZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from mes.errors import Fault, InputError

ROWS_MAX = 100_000
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")

NAMES = {
    "单号": "number", "订单号": "number", "生产订单": "number", "采购单号": "number", "行号": "line_no",
    "物料": "item", "物料编码": "item", "料号": "item", "编码": "code", "版本": "revision", "子件": "component",
    "数量": "quantity", "用量": "quantity_per", "单位": "unit", "损耗率": "scrap_fraction", "工序": "operation_seq",
    "交期": "due_at", "交货日期": "due_at", "最早开工": "earliest_start_at", "优先级": "priority", "状态": "status",
    "客户": "customer", "客户订单": "customer_order", "中文名称": "name_zh", "英文名称": "name_en", "名称": "name_zh",
    "类别": "kind", "产品族": "family", "批次管理": "lot_tracked", "其他单位": "units",
    "仓库": "location", "库位": "location", "批次": "lot", "现存量": "on_hand", "占用量": "reserved",
    "时点": "as_of", "到货时间": "expected_at", "预计到货": "expected_at",
}  # fmt: skip
"""What plants call our columns."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its number in the file, and what stands under each column (empty cells left out)."""

    number: int
    values: dict[str, Any]


def read_csv(data: bytes) -> list[Row]:
    """The rows of a CSV file. Raises InputError."""
    text = _decoded(data)
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    try:
        return list(_rows(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)))
    except csv.Error as error:
        raise InputError(f"The file is not CSV: {error}") from None


def _decoded(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError("The file is neither UTF-8 nor GB18030")


def read_xlsx(data: bytes) -> list[Row]:
    """The rows of an XLSX file's first sheet; formulas count as the value they had. Raises InputError."""
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise InputError(f"The file is not XLSX: {error}") from None
    try:
        return list(_rows(book.worksheets[0].iter_rows(values_only=True)))
    finally:
        book.close()


def _rows(lines: Iterable[Sequence[Any]]) -> Iterator[Row]:
    columns: list[str] = []
    for number, cells in enumerate(lines, 1):
        if number > ROWS_MAX:
            raise InputError(f"The file has more than {ROWS_MAX} rows")
        kept = [cell.strip() if isinstance(cell, str) else cell for cell in cells]
        if all(cell in ("", None) for cell in kept):
            continue
        if not columns:
            columns = _columns(kept, number)
            continue
        values = {name: cell for name, cell in zip(columns, kept, strict=False) if name and cell not in ("", None)}
        if len(kept) > len(columns) and any(cell not in ("", None) for cell in kept[len(columns) :]):
            raise InputError("A row is longer than the first one", faults=(Fault(f"line {number}", "row", "too long"),))
        yield Row(number, values)


def _columns(cells: Sequence[Any], number: int) -> list[str]:
    names = [str(cell or "").strip() for cell in cells]
    ours = [NAMES.get(name, name.lower().replace(" ", "_")) for name in names]
    if twice := {name for name in ours if name and ours.count(name) > 1}:
        fault = Fault(f"line {number}", "duplicate", f"a column is there twice: {', '.join(sorted(twice))}")
        raise InputError("The first row does not name the columns", faults=(fault,))
    return ours


# ------------------------------------------------------------------ out
def harmless(value: Any) -> Any:
    """A cell as it may be opened: text that would be a formula keeps its words and loses its effect."""
    if isinstance(value, str) and value.startswith(FORMULA_BEGINS):
        return f"'{value}"
    return value


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A CSV file that spreadsheets open as UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([harmless(name) for name in columns])
    writer.writerows([_text(harmless(cell)) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def _text(cell: Any) -> Any:
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return "" if cell is None else cell


def write_xlsx(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "Takt") -> bytes:
    """An XLSX file with one sheet. Instants are written as text with their offset, which a cell cannot hold."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.append([harmless(name) for name in columns])
    for row in rows:
        sheet.append([cell.isoformat() if isinstance(cell, datetime) else harmless(cell) for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
