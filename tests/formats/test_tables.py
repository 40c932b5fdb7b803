"""Spreadsheets in and out."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook

from mes.domain.material.documents import StockStatement
from mes.domain.product import Release
from mes.errors import InputError
from mes.formats.documents import read_documents
from mes.formats.tables import read_csv, read_xlsx, write_csv, write_xlsx

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_is_read_as_plants_write_it(separator: str, encoding: str) -> None:
    """Any usual separator and encoding; the plant's own words for columns; rows keep their numbers."""
    text = "\r\n".join(separator.join(cells) for cells in (("单号", "数量", "备注"), ("", "", ""), ("工单1", "5", "")))
    (row,) = read_csv(text.encode(encoding))
    assert (row.number, row.values) == (3, {"number": "工单1", "quantity": "5"})


def test_what_would_be_a_formula_stays_text() -> None:
    """Text that a spreadsheet would run is written so that it is only text; numbers stay numbers."""
    evil = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\tx"]
    written = write_csv(["a"], [[text] for text in evil]).decode("utf-8-sig")
    assert all(line.lstrip('"').startswith("'") for line in written.splitlines()[1:])
    sheet = load_workbook(BytesIO(write_xlsx(["a", "b"], [[text, -5] for text in evil]))).worksheets[0]
    cells = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    assert all(str(text).startswith("'") and number == -5 for text, number in cells)
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def test_a_table_goes_out_and_comes_back() -> None:
    """What was written is read again, instants with their offset."""
    rows = [["MO-1", 5, datetime(2026, 1, 5, 8, tzinfo=UTC)], ["工单/2", 7.5, None]]
    for read, written in (
        (read_csv, write_csv(["number", "quantity", "due_at"], rows)),
        (read_xlsx, write_xlsx(["number", "quantity", "due_at"], rows)),
    ):
        first, second = read(written)
        assert str(first.values["due_at"]) == "2026-01-05T08:00:00+00:00"
        assert (second.values["number"], float(second.values["quantity"])) == ("工单/2", 7.5)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04nonsense", b"\x00\x01\x02", b"number,quantity\n"])
def test_what_is_no_workbook_says_so(data: bytes) -> None:
    """A file that is not XLSX is refused in a sentence."""
    with pytest.raises(InputError, match="not XLSX"):
        read_xlsx(data)


def test_columns_named_twice_are_refused() -> None:
    """Two columns that mean the same would hide one another."""
    with pytest.raises(InputError) as refused:
        read_csv("单号,订单号\n1,2\n".encode())
    assert "number" in refused.value.faults[0].detail


def test_rows_of_one_statement_are_joined() -> None:
    """Stock rows of one place and instant are one statement, local times the plant's."""
    rows = ("WH,2026-01-05 08:00,A,5,pcs", "WH,2026-01-05 08:00,B,6,pcs", "WX,2026-01-05,A,1,pcs")
    text = "\n".join(("location,as_of,item,on_hand,unit", *rows))
    both, other = read_documents("stock", "stock.csv", text.encode(), SHANGHAI)
    assert isinstance(both.document, StockStatement)
    assert (both.rows, [line.item for line in both.document.lines]) == ((2, 3), ["A", "B"])
    assert both.document.as_of == datetime(2026, 1, 5, tzinfo=UTC)
    assert other.rows == (4,)


def test_a_release_is_read_row_by_row() -> None:
    """Components and operations of a revision stand in rows of their own."""
    text = (
        "item,revision,component,quantity_per,unit,seq,lines,seconds_per_piece\n"
        'AC,A,SCR,24,pcs,,,\nAC,A,PCB,1,pcs,,,\nAC,A,,,,10,"L01,L02",50\n'
    )
    (read,) = read_documents("releases", "r.csv", text.encode(), SHANGHAI)
    assert isinstance(read.document, Release)
    assert [(line.line_no, line.item) for line in read.document.bom] == [(1, "SCR"), (2, "PCB")]
    assert read.document.routing[0].lines == ("L01", "L02")


def test_each_row_names_its_faults() -> None:
    """A wrong row says which fields are wrong, and the others are read."""
    text = "number,item,quantity,unit,due_at\nMO-1,AC,5,pcs,2026-02-01\n,AC,-5,pcs,soon\n"
    good, bad = read_documents("orders", "o.csv", text.encode(), SHANGHAI)
    assert (good.faults, bad.document, bad.rows) == ((), None, (3,))
    assert {fault.pointer for fault in bad.faults} == {"/number", "/quantity", "/due_at"}


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.json", b"{"), ("a.json", b'{"a": 1}'), ("a.json", b"[1]"), ("a.pdf", b""), ("a.json", b"[" * 100_000)],
)
def test_what_is_no_list_of_documents_says_so(name: str, data: bytes) -> None:
    """A file of another kind or shape is refused in a sentence."""
    with pytest.raises(InputError):
        read_documents("orders", name, data, SHANGHAI)
