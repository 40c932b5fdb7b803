"""Choosing a job at a terminal, signing on, and how few taps a shift takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.browser.stage import Stage
from tests.browser.test_station import scan

Look = Callable[..., Page]
DIALOG = "[role=dialog]"


def job(page: Page, number: str) -> Any:
    """A job's row on the open sheet."""
    return page.locator(f"{DIALOG} li", has_text=number)


def counted_taps(page: Page) -> Callable[[], int]:
    """Counts every tap from now on."""
    page.evaluate(
        "if (window.taps === undefined) addEventListener('click', () => window.taps++, true); window.taps = 0"
    )
    return lambda: int(page.evaluate("window.taps"))


def test_a_job_that_cannot_run_says_why(look: Look) -> None:
    """Missing material is warned of and may be started; an order on hold is not; the reason stands beside each."""
    page = look("/station/L05-S1", "en")
    page.click(".foot >> text=Jobs")
    expect(job(page, "MO26-1108")).to_contain_text("Missing: Four-pin plug (the warehouse has it: call off)")
    expect(job(page, "MO26-1108").locator("button", has_text="Start")).to_be_visible()
    expect(job(page, "MO26-1109")).to_contain_text("The order is on hold")
    expect(job(page, "MO26-1109").locator("button", has_text="Start")).to_have_count(0)


def test_a_first_article_comes_before_production(look: Look, stage: Stage) -> None:
    """Starting a job whose first article is not made asks for it, and begins with it."""
    page = look("/station/L05-S1", "zh")
    page.click("text=换任务")
    job(page, "MO26-1108").locator("button", has_text="开工").click()
    page.click(f"{DIALOG} >> text=做首检")
    (said,) = stage.heard(page)
    assert (said["path"], said["body"]["phase"]) == ("/api/v1/jobs/42/switch", "first_article")


def test_a_line_lead_lets_a_job_start_by_badge(look: Look, stage: Stage) -> None:
    """At a terminal that is nobody's the line lead's badge lets production begin; a wrong one is told at once."""
    seen = stage.scene
    stage.scene = lambda topic: seen(topic) | {"permissions": ["jobs:run"]} if topic == "/session" else seen(topic)
    page = look("/station/L05-S1", "en")
    page.route("**/jobs/42/switch", refuse_once("Nobody has that badge"))
    page.click("text=Other job")
    job(page, "MO26-1108").locator("button", has_text="Start").click()
    scan(page, "9999")
    expect(page.locator("[role=alert]")).to_have_text("Nobody has that badge")
    scan(page, "C-PLUG-4")
    expect(page.locator(DIALOG)).to_have_count(0)
    (said,) = stage.heard(page)
    assert said["body"]["let_through"] == {"badge": "C-PLUG-4"}
    assert (said["path"], said["body"]["phase"]) == ("/api/v1/jobs/42/switch", "production")


def refuse_once(why: str) -> Callable[[Route], None]:
    """A server that will not have it the first time."""
    refused: list[bool] = []

    def answer(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(True)
            route.fulfill(status=422, json={"title": "refused", "status": 422, "detail": why})

    return answer


def test_a_badge_signs_on_without_any_field(look: Look, stage: Stage) -> None:
    """A badge read anywhere signs its owner on here and says who; a code and its PIN do the same."""
    page = look("/station/L05-S2", "en")
    expect(page.locator(".who")).to_contain_text("Badge in")
    scan(page, "GP00231")
    expect(page.locator("[role=status]", has_text="is on")).to_contain_text("吴 Wu is on")
    page.fill(f"{DIALOG} input >> nth=0", "wu")
    page.fill(f"{DIALOG} input >> nth=1", "407193")
    page.click(f"{DIALOG} >> button[type=submit]")
    by_badge, by_pin = (one["body"] for one in stage.heard(page, "/sign-ons", 2))
    assert (by_badge["badge"], by_badge["station"]) == ("GP00231", "L05-S2")
    assert (by_pin["person"], by_pin["pin"]) == ("wu", "407193")
    assert by_badge["at"].startswith("2026-01-05T06:1")


def test_who_is_on_leaves_in_two_taps(look: Look, stage: Stage) -> None:
    """The head names who is on; leaving is said of this station."""
    page = look("/station/L05-S1", "en")
    expect(page.locator(".who")).to_contain_text("吴 Wu +1")
    page.click(".who")
    page.click(f"{DIALOG} >> text=Sign off")
    (said,) = stage.heard(page, "/entries")
    assert {key: said["body"][key] for key in ("kind", "person", "station", "leaves")} == {
        "kind": "who", "person": "wu", "station": "L05-S1", "leaves": True,
    }  # fmt: skip


def test_a_job_card_is_read_as_its_job(look: Look, stage: Stage) -> None:
    """The card's code opens that job alone, to be started with one tap; another line's card says so."""
    page = look("/station/L05-S2", "en")
    scan(page, "TAKT/JOB/41")
    expect(page.locator(f"{DIALOG} li")).to_have_count(1)
    page.click(f"{DIALOG} >> button:has-text('Start')")
    assert [said["path"] for said in stage.heard(page)] == ["/api/v1/jobs/41/start"]
    scan(page, "TAKT/JOB/999")
    expect(page.locator(DIALOG)).to_contain_text("not one of this line's jobs")


def test_starting_rejecting_and_finishing_take_three_taps_at_most(look: Look, stage: Stage) -> None:
    """Each from the terminal as it stands, its reason included."""
    page = look("/station/L05-S2", "en")
    taps = counted_taps(page)
    page.click("text=Choose a job")
    job(page, "MO26-1104").locator("button", has_text="Start").click()
    assert [said["path"] for said in stage.heard(page, "/start")] == ["/api/v1/jobs/41/start"]
    assert 0 < taps() <= 3
    page = look("/station/L05-S1", "en")
    taps = counted_taps(page)
    page.click(".reject")
    page.click("text=Wrong wire order")
    assert stage.heard(page, "/entries")[0]["body"]["reason"] == "Q02"
    assert 0 < taps() <= 3
    taps = counted_taps(page)
    page.click("text=Finish")
    assert [said["path"] for said in stage.heard(page, "/finish")] == ["/api/v1/jobs/41/finish"]
    assert 0 < taps() <= 3
