"""A terminal at work: few taps, a reader without a field, and everything said exactly once, network or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.stage import Stage

HANG_MS = 60_000
Look = Callable[..., Page]


def heard(stage: Stage, page: Page, path: str = "/api/v1/entries", count: int = 1) -> list[dict[str, Any]]:
    """What the server heard on a path, each once by its key, as soon as `count` of it has come and nothing waits."""
    said = stage.heard(page, path, count)
    sent(page)
    return [one["body"] for one in said]


def sent(page: Page) -> None:
    """Wait until nothing waits any more."""
    page.wait_for_selector("text=/All sent|已全部上传/", timeout=HANG_MS)


def scan(page: Page, code: str) -> None:
    """What a barcode reader types, as fast as one does."""
    page.evaluate(
        """(code) => { for (const key of [...code, 'Enter'])
        document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })); }""",
        code,
    )


def test_a_good_piece_is_one_tap(look: Look, stage: Stage) -> None:
    """One tap counts, at once on the screen, with the plant's time and an id of its own."""
    page = look("/station/L05-S1", "en")
    before = int(page.inner_text(".made b"))
    page.click(".good")
    expect(page.locator(".made b")).to_have_text(str(before + 1))
    (entry,) = heard(stage, page)
    assert (entry["kind"], entry["quantity"], entry["station"]) == ("count", "1", "L05-S1")
    assert entry["effective_at"].startswith("2026-01-05T06:1")
    assert stage.said[0]["key"] == entry["client_id"]


def test_a_reject_with_its_reason_is_two_taps(look: Look, stage: Stage) -> None:
    """Reject, reason, done."""
    page = look("/station/L05-S1", "zh")
    page.click(".reject")
    page.click("text=线序错误")
    assert [(e["kind"], e["reason"], e["quantity"]) for e in heard(stage, page)] == [("reject", "Q02", "1")]


def test_what_was_just_said_is_taken_back_in_one_tap(look: Look, stage: Stage) -> None:
    """An entry that was sent is reversed by a further one; nothing is changed."""
    page = look("/station/L05-S1", "en")
    page.click(".good")
    heard(stage, page)
    page.click("text=Undo")
    count, note = heard(stage, page, count=2)
    assert (count["kind"], note["kind"], note["reverses"]) == ("count", "note", 1)


def test_a_job_is_paused_and_finished_at_this_station(look: Look, stage: Stage) -> None:
    """Marks name the station, so that two orders may be on one line during a changeover."""
    page = look("/station/L05-S1", "en")
    page.click("text=Pause")
    page.click("text=Finish")
    assert [said["path"] for said in stage.heard(page, count=2)] == ["/api/v1/jobs/41/pause", "/api/v1/jobs/41/finish"]
    assert all(said["body"]["station"] == "L05-S1" for said in stage.said)


def test_a_job_is_chosen_and_started_in_three_taps(look: Look, stage: Stage) -> None:
    """Choose, start: production begins with its phase."""
    page = look("/station/L05-S2", "en")
    page.click("text=Choose a job")
    page.click("[role=dialog] >> text=Start >> nth=0")
    (said,) = stage.heard(page)
    assert (said["path"], said["body"]["phase"]) == ("/api/v1/jobs/41/start", "production")


def test_hourly_entry_names_its_hour(look: Look, stage: Stage) -> None:
    """An hourly count says from when, and typing needs no keyboard."""
    page = look("/station/L05-S4", "en")
    for key in "42":
        page.click(f".digits >> text={key}")
    page.click("text=Enter")
    (entry,) = heard(stage, page)
    assert (entry["quantity"], entry["from_at"]) == ("42", "2026-01-05T05:00:40.000Z")


def test_a_scan_counts_without_any_field(look: Look, stage: Stage) -> None:
    """A reader's keys count a piece with its serial, wherever the focus is; a person's typing does not."""
    page = look("/station/L05-S1", "en")
    page.focus(".queue")
    scan(page, "SN-000042")
    page.keyboard.type("SN-000043", delay=120)
    assert [entry["serial"] for entry in heard(stage, page)] == ["SN-000042"]


def test_a_wrong_part_stops_the_eye_and_counts_nothing(look: Look, stage: Stage) -> None:
    """A component this job does not use fills the screen; one it uses is confirmed."""
    page = look("/station/L05-S1", "en")
    scan(page, "C-COMP-35|LOT7")
    page.wait_for_selector("[role=dialog] >> text=Wrong part")
    page.click("[role=dialog] >> [aria-label=Close]")
    scan(page, "C-PLUG-4")
    page.wait_for_selector(".toast >> text=Four-pin plug")
    assert stage.said == []


def test_a_shift_without_network_is_sent_once_and_in_order(look: Look, stage: Stage) -> None:
    """Counts are kept with their time, shown, survive a reload, and arrive once when the network is back."""
    page = look("/station/L05-S1", "en")
    page.wait_for_selector(".good")
    page.context.set_offline(True)
    for k in range(5):
        page.click(".good")
        page.wait_for_selector(f"text={k + 1} waiting")
    page.route("**/api/v1/entries", lambda route: route.abort())
    page.context.set_offline(False)
    page.reload()
    page.wait_for_selector("text=5 waiting", timeout=HANG_MS)
    expect(page.locator(".made b")).to_have_text("176")
    page.unroute("**/api/v1/entries")
    entries = heard(stage, page, count=5)
    assert [entry["kind"] for entry in entries] == ["count"] * 5
    assert sorted(entry["effective_at"] for entry in entries) == [entry["effective_at"] for entry in entries]


def test_a_reply_that_is_cut_does_not_count_twice(look: Look, stage: Stage) -> None:
    """The server heard it, the answer was lost: it is said again under the same key."""
    page = look("/station/L05-S1", "en")
    cut: list[str] = []

    def lose(route: Any) -> None:
        if cut:
            route.continue_()
        else:
            cut.append("once")
            route.fetch()
            route.abort()

    page.route("**/api/v1/entries", lose)
    page.click(".good")
    heard(stage, page)
    assert (len(stage.said), len(heard(stage, page))) == (2, 1)


def test_help_is_called_in_two_taps(look: Look, stage: Stage) -> None:
    """Call, kind: the call names the station and its time."""
    page = look("/station/L05-S1", "zh")
    page.click("text=安灯呼叫")
    page.click(".kinds >> text=维修")
    (call,) = heard(stage, page, "/api/v1/andon-calls")
    assert (call["kind"], call["station"]) == ("maintenance", "L05-S1")


def test_one_reason_is_given_for_many_stops(look: Look, stage: Stage) -> None:
    """A power cut stopped everything: tick all, tap once."""
    page = look("/station/L05-S1", "en")
    page.click("text=Stop reasons")
    page.click(".stops .key >> nth=1")
    page.click(".tiles >> text=Power cut")
    said = [(entry["kind"], entry["reason"], entry["station"]) for entry in heard(stage, page, count=2)]
    assert said == [("reason", "S2", "L05-S1"), ("reason", "S2", "L05-S1")]
