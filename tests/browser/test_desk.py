"""Desks and phones: what is done on a page is said to the server, once and with what it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.stage import Stage
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
    page.click("text=Give 1 stops this reason")
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
