"""Every list as a file: CSV and XLSX, whole, harmless, and no more than the caller may read."""

from __future__ import annotations

import csv
import io

import httpx
from openpyxl import load_workbook

from mes.domain.access import Grant
from tests.api.callers import Site, pointers


def rows_of(reply: httpx.Response) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    assert reply.headers["content-type"].startswith("text/csv")
    assert reply.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(reply.content.decode("utf-8-sig"))))


def entered(site: Site, notes: list[str]) -> httpx.Client:
    """A line lead who left these notes."""
    lead = site.signed_in("wang", Grant("line_lead"))
    for note in notes:
        assert lead.post("/entries", json={"kind": "note", "line": "L01", "note": note}).status_code == 201
    return lead


def test_a_list_comes_whole_over_its_pages(site: Site) -> None:
    """A file holds all pages, columns by name, nested ones with a path; JSON stays what it was."""
    lead = entered(site, ["一", "二", "三"])
    reply = lead.get("/entries", params={"format": "csv", "limit": "2"})
    assert [row["detail/note"] for row in rows_of(reply)] == ["一", "二", "三"]
    assert reply.headers["content-disposition"] == "attachment; filename*=utf-8''entries.csv"
    assert len(rows_of(lead.get("/entries", headers={"accept": "text/csv"}))) == 3
    assert len(lead.get("/entries").json()["items"]) == 3


def test_what_looks_like_a_formula_is_text(site: Site) -> None:
    """In CSV it is quoted, in XLSX it is a string; a negative number is left alone."""
    lead = entered(site, ["=1+1", "@x", "-5"])
    assert [row["detail/note"] for row in rows_of(lead.get("/entries?format=csv"))] == ["'=1+1", "'@x", "-5"]
    sheet = load_workbook(io.BytesIO(lead.get("/entries?format=xlsx").content)).active
    assert sheet is not None
    header, *rows = sheet.iter_rows()
    column = [cell.value for cell in header].index("detail/note")
    assert [(row[column].value, row[column].data_type) for row in rows] == [("=1+1", "s"), ("@x", "s"), ("-5", "s")]
    assert sheet.freeze_panes == "A2"


def test_a_file_shows_no_more_than_a_page(site: Site) -> None:
    """Another line's rows are left out, a refusal is a refusal, and there are only two formats."""
    entered(site, ["一"])
    other = site.signed_in("lin", Grant("line_lead", frozenset({"L02"})))
    assert rows_of(other.get("/entries?format=csv")) == []
    assert site.caller().get("/entries?format=csv").status_code == 401
    assert other.get("/people?format=xlsx").status_code == 403
    assert pointers(other.get("/entries?format=pdf")) == ["query/format"]
    assert pointers(other.get("/state-spans?format=csv")) == ["query/from", "query/to"]
