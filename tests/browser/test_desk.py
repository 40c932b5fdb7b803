"""Desks and phones: what is done on a page is said to the server, once and with what it is about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.stage import Stage
from tests.browser.test_pages import AXE
from tests.browser.test_station import scan

Look = Callable[..., Page]


def said(stage: Stage, page: Page, path: str) -> list[dict[str, Any]]:
    """What the server heard on a path, as soon as it has heard something."""
    return [one["body"] for one in stage.heard(page, f"/api/v1{path}")]


def test_a_figure_opens_why_it_is_so(look: Look) -> None:
    """OEE opens its formula, the figures in it and the shifts they are of; Escape closes, and the focus is back."""
    page = look("/lines/L01", "en", size=(1920, 1080))
    page.click(".oee button >> nth=0")
    panel = page.locator("[role=dialog]")
    expect(panel).to_contain_text("APT / PBT")
    expect(panel).to_contain_text("2026-01-05 D")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    assert page.evaluate("document.activeElement.closest('.oee') !== null")


def test_a_tile_opens_its_line_in_one_tap(look: Look) -> None:
    """Anywhere on the tile."""
    page = look("/wall", "en", size=(1920, 1080))
    page.locator(".tile").first.click(position={"x": 300, "y": 300})
    page.wait_for_selector("main.line .by-hour")
    assert page.url.endswith("/lines/L01")


def test_a_loss_opens_its_stops(look: Look) -> None:
    """A bar of the waterfall leads to the stops behind it."""
    page = look("/oee", "en", size=(1920, 1080))
    page.click(".fall button:not([disabled]) >> nth=0")
    expect(page.locator(".fall .pareto")).to_contain_text("Mechanical breakdown")


def test_a_source_opens_what_was_heard_last(look: Look) -> None:
    """The last values of a source, and the gap it is in."""
    page = look("/devices", "en", size=(1920, 1080))
    page.click("text=plc-1")
    expect(page.locator(".inside")).to_contain_text("65,431")
    expect(page.locator(".inside")).to_contain_text("the server does not answer")


def test_silent_stops_get_one_reason(look: Look, stage: Stage) -> None:
    """Tick all, choose, said of each machine for its own stretch."""
    page = look("/shift?line=L01", "en", size=(1920, 1080))
    page.click("text=Tick all")
    page.select_option("section:has(.stops) select", "S2")
    page.click("text=Give this reason (1)")
    expect(page.locator(".told")).to_contain_text("The reason is kept")
    (entry,) = said(stage, page, "/entries")
    assert (entry["kind"], entry["reason"]) == ("reason", "S2")
    assert {"from_at", "effective_at"} <= set(entry)


def test_loose_counts_get_a_job(look: Look, stage: Stage) -> None:
    """The job that ran before is proposed; one tap assigns the stretch."""
    page = look("/shift?line=L01", "en", size=(1920, 1080))
    page.click("text=Assign")
    expect(page.locator(".told")).to_contain_text("Assigned")
    (entry,) = said(stage, page, "/entries")
    assert (entry["kind"], entry["station"], entry["job_id"]) == ("assign", "L01-S3", 41)


def test_a_shift_is_handed_over_with_words(look: Look, stage: Stage) -> None:
    """The note goes with it."""
    page = look("/shift?line=L01", "en", size=(1920, 1080))
    page.fill("textarea", "watch the torch")
    page.click("button:has-text('Hand over')")
    expect(page.locator("textarea")).to_have_value("")
    (handed,) = said(stage, page, "/handovers")
    assert (handed["line"], handed["note"]) == ("L01", "watch the torch")


def test_a_scanned_part_is_delivered(look: Look, stage: Stage) -> None:
    """A label scanned anywhere on the page delivers what was called for; one nobody called for says so."""
    page = look("/material", "en", size=(390, 844))
    page.wait_for_selector("text=Condenser coil 35")
    scan(page, "C-NOBODY")
    page.wait_for_selector(".told.wrong")
    scan(page, "C-COIL-35|LOT9")
    page.wait_for_selector(".told:not(.wrong)")
    assert [one["path"] for one in stage.heard(page)] == ["/api/v1/call-offs/5/deliver"]


def test_a_call_is_taken_on_a_phone(look: Look, stage: Stage) -> None:
    """The untaken call stands first; one tap says that somebody comes."""
    page = look("/andon", "en", size=(390, 844))
    with page.expect_response("**/take"):
        page.click("text=I come >> nth=0")
    assert [one["path"] for one in stage.heard(page)] == ["/api/v1/andon-calls/1/take"]


@pytest.mark.parametrize(
    ("path", "lists"),
    [
        ("/orders", {"order-progress"}),
        ("/shortages", {"shortages"}),
        ("/shift?line=L01", {"unassigned-counts", "jobs", "presence", "kpis", "stops", "labor"}),
        ("/andon", {"andon-calls"}),
    ],
)
def test_a_table_comes_as_a_file(look: Look, path: str, lists: set[str]) -> None:
    """Beside each table its CSV and XLSX, in the page's language."""
    page = look(path, "zh", size=(1440, 900))
    for name in lists:
        for kind in ("csv", "xlsx"):
            expect(
                page.locator(f'a[download][href*="/api/v1/{name}"][href*="lang=zh&format={kind}"]').first
            ).to_be_visible()


def test_a_file_has_the_orders_that_are_shown(look: Look) -> None:
    """The filter and what is sought go into the file's address."""
    page = look("/orders", "en", size=(1440, 900))
    page.click(".filters button >> nth=2")
    page.fill("input[type=search]", "KFR")
    expect(page.locator('a[download][href*="text=KFR"][href*="only=late"]')).to_have_count(2)


def test_a_stop_is_split_with_its_why(look: Look, stage: Stage) -> None:
    """Change, a shorter stretch, a reason, why: one entry for that stretch of that machine; a wrong stretch says so."""
    page = look("/shift?line=L01", "en", size=(1440, 900))
    page.click("section:has(h2:text('Stops of the shift')) button:text('Change')")
    sheet = page.locator("[role=dialog]")
    ends = sheet.locator("input[type=time]").nth(1)
    began = sheet.locator("input[type=time]").nth(0).input_value()
    ends.fill(began)
    ends.dispatch_event("change")
    sheet.locator("select").select_option("S2")
    sheet.locator("button:text('Save')").click()
    expect(sheet.locator("[role=alert]")).to_contain_text("choose a later end")
    hour, minute, second = (int(part) for part in began.split(":"))
    ends.fill(f"{hour:02}:{minute + 2:02}:{second:02}")
    ends.dispatch_event("change")
    sheet.locator(".why input").fill("jam, then no parts")
    sheet.locator("button:text('Save')").click()
    expect(sheet.locator("[role=status]")).to_contain_text("Kept")
    (body,) = said(stage, page, "/entries")
    length = datetime.fromisoformat(body["effective_at"]) - datetime.fromisoformat(body["from_at"])
    assert (body["kind"], body["machine"], body["reason"], body["note"], length.total_seconds()) == (
        "reason", "L01-M2", "S2", "jam, then no parts", 120,
    )  # fmt: skip


def test_a_stop_shows_who_said_what_and_undoes_it(look: Look, stage: Stage) -> None:
    """Its history names who, when, why and what was taken back; what stands is taken back in one tap."""
    page = look("/shift?line=L01", "en", size=(1440, 900))
    page.click("section:has(h2:text('Stops of the shift')) button:text('Change')")
    sheet = page.locator("[role=dialog]")
    expect(sheet.locator("li.gone")).to_contain_text("taken back by zhao")
    expect(sheet.locator("li.gone")).to_contain_text("torch")
    sheet.locator("li button").click()
    expect(sheet.locator("[role=status]")).to_contain_text("Taken back")
    (body,) = said(stage, page, "/entries")
    assert (body["kind"], body["reverses"], body["line"]) == ("note", 4, "L01")
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_an_open_stop_is_whole_and_accessible(look: Look, lang: str) -> None:
    """With the dialog open axe finds nothing serious, on a phone too; nothing scrolls sideways."""
    page = look("/shift?line=L01", lang, size=(390, 844))
    page.locator("td.act button").first.click()
    page.wait_for_selector("[role=dialog] ol li")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = page.locator("[role=dialog] .close").bounding_box()
    assert box is not None
    assert box["width"] >= 44


@pytest.mark.parametrize("sheet", ["Jobs", "Call off", "Call for help", "Stop reasons"])
def test_an_open_sheet_of_a_terminal_is_accessible(look: Look, sheet: str) -> None:
    """With a sheet of the terminal open axe finds nothing serious."""
    page = look("/station/L01-S3", "en", size=(1280, 800))
    page.locator("button.key", has_text=sheet).last.click()
    page.wait_for_selector("[role=dialog]")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []


def test_a_call_keeps_when_it_was_taken_escalated_and_resolved(look: Look) -> None:
    """The calls of the last day stand with each step's time and who did it."""
    page = look("/andon", "en", size=(1440, 900))
    row = page.locator("table tbody tr").first
    expect(row).to_contain_text("zhao")
    expect(row.locator("td")).to_have_count(6)
    expect(row.locator("td").nth(4)).to_contain_text("· 1")


def test_a_stop_of_a_line_is_changed_where_it_began(look: Look) -> None:
    """A line's standstill opens, and leads to the stop of the machine at its root, ready to be changed."""
    page = look("/lines/L01", "en", size=(1440, 900))
    page.locator(".pareto button", has_text="No reason").click()
    page.locator(".pareto a", has_text="Change").first.click()
    expect(page.locator("[role=dialog]")).to_contain_text("L01-M2: stop")


def test_an_open_call_says_when_it_climbed_and_who_comes(look: Look) -> None:
    """On the wall's foot and on the phone: since when, escalated when, taken by whom and when."""
    page = look("/wall", "en", size=(1920, 1080))
    expect(page.locator(".foot")).to_contain_text("zhao is on it 14:11")
    expect(page.locator(".foot")).to_contain_text("escalated, level 1 14:08")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_shifts_report_prints_whole(look: Look, lang: str) -> None:
    """On A4 the report is titled, has its tables uncut from edge to edge, and nothing to press."""
    page = look("/shift?line=L01", lang, size=(718, 1047))
    expect(page.locator("td.act button")).to_have_count(1)
    expect(page.locator("table")).to_have_count(2)
    page.emulate_media(media="print")
    expect(page.locator(".on-paper")).to_contain_text("L01")
    for gone in ("main select", "main button.paper", ".files", "td.act", "main form"):
        for one in page.locator(gone).all():
            expect(one).to_be_hidden()
    cut = """() => [...document.querySelectorAll('table, .frame, main, .grid > *')].filter((e) => {
      const box = e.getBoundingClientRect();
      return box.right > innerWidth || e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1;
    }).map((e) => `${e.tagName} ${e.className}`)"""
    assert page.evaluate(cut) == []
    assert page.pdf(format="A4").startswith(b"%PDF")
