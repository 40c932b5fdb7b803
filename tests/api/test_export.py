"""Every list as a file: CSV and XLSX, whole, harmless, and no more than the caller may read."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from zoneinfo import ZoneInfo

import httpx
from openpyxl import load_workbook

from mes.clock import wall
from mes.domain.access import Grant
from tests.api.callers import Site, order, pointers


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


def test_a_file_for_people_speaks_their_language(site: Site) -> None:
    """With a language headings are words, instants stand on the plant's clock, a reason has its name; else nothing."""
    lead = site.signed_in("wang", Grant("line_lead"))
    at = (wall() - timedelta(hours=1)).replace(microsecond=0)
    said = {"kind": "reason", "line": "L01", "reason": "R1", "effective_at": at.isoformat()}
    assert lead.post("/entries", json=said).status_code == 201
    since = (at - timedelta(hours=1)).isoformat()
    reply = lead.get("/entries", params={"format": "csv", "lang": "zh", "line": "L01", "from": since})
    local = at.astimezone(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%d %H:%M:%S")
    (row,) = rows_of(reply)
    assert (row["发生时间"], row["原因"]) == (local, "缺料")
    assert reply.headers["content-disposition"] == f"attachment; filename*=utf-8''entries-L01-{since[:10]}.csv"
    (row,) = rows_of(lead.get("/entries?format=csv&lang=en"))
    assert (row["Happened"], row["Reason"]) == (local, "No material")
    (row,) = rows_of(lead.get("/entries?format=csv"))
    assert (row["effective_at"] != local, row["reason"]) == (True, "R1")
    assert pointers(lead.get("/entries?format=csv&lang=de")) == ["query/lang"]


def test_orders_come_as_the_page_filters_them(site: Site, known: httpx.Client) -> None:
    """What is sought and which filter is on decide the rows; the file has the page's columns."""
    known.put("/production-orders/erp/MO-1", json=order())
    planner = site.signed_in("chen", Grant("planner"))
    every = rows_of(planner.get("/order-progress?format=csv&lang=en"))
    assert [row["Order"] for row in every] == ["MO-1"]
    assert {"Good", "Reject", "WIP", "Due", "Kit rate"} <= set(every[0])
    assert rows_of(planner.get("/order-progress?format=csv&text=nothing")) == []
    assert planner.get("/order-progress?only=running").json() == []
