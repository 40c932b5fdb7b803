"""The demo's guided bar: there in the demo alone, truthful, small, and where the visitor left it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from dashboards.serve import DIST
from tests.browser import page_scenes
from tests.browser.stage import Stage, scene
from tests.browser.test_pages import AXE, CLIPPED, KIOSK_JS_BYTES_MAX, SIZES

Look = Callable[..., Page]
BROKEN_AT = 1_767_571_598_475


def step(code: str, page: str, **more: Any) -> dict[str, Any]:
    """A step as the server tells it, nothing done yet."""
    bare = {"acts": True, "after": "", "again": True, "asked_at": None, "done": False, "facts": {}, "trouble": ""}
    return {"code": code, "page": page, **bare, **more}


class Tours:
    """The stage of a demo; what the server says of a tour can be changed."""

    def __init__(self) -> None:
        self.steps = [
            step("fault", "/wall"),
            step("mend", "/lines/L02", after="fault"),
            step("slow", "/wall"),
            step("hands", "/lines/L05", acts=False, done=True, facts={"pieces": 19}),
        ]

    def __call__(self, topic: str) -> Any:
        if topic == "/session":
            return {**page_scenes.SESSION, "demo": True}
        if topic == "/demo":
            tours = ["manager", "planner", "it"]
            return {"tour": "manager", "time_zone": "Asia/Shanghai", "tours": tours, "steps": self.steps}
        return scene(topic)


@pytest.fixture
def tours(stage: Stage) -> Tours:
    """The stage as a demo's visitor gets it."""
    stage.scene = made = Tours()
    return made


@pytest.mark.parametrize("path", ["/wall", "/schedule", "/station/L05-S1"])
def test_a_real_plant_knows_no_guide(look: Look, path: str) -> None:
    """Outside the demo there is no bar, and nothing of it is loaded."""
    page = look(path)
    page.wait_for_load_state("networkidle")
    expect(page.locator(".guide")).to_have_count(0)
    names = page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
    assert [name for name in names if "Guide" in name] == []


def test_a_step_is_ticked_when_takt_shows_it_and_not_before(look: Look, stage: Stage, tours: Tours) -> None:
    """The button does it once; the tick waits for the server's figures, told in the plant's time."""
    page = look("/wall", "en")
    page.click("text=Break it")
    assert [said["path"] for said in stage.heard(page, "/demo/")] == ["/api/v1/demo/fault"]
    tours.steps[0] = step("fault", "/wall", asked_at="2026-01-05T00:06:38Z")
    expect(page.locator(".guide .seen")).to_contain_text("Waiting until Takt shows it")
    expect(page.locator(".guide .act")).to_be_disabled()
    expect(page.locator(".guide .dot.done")).to_have_count(1)
    facts = {"machine": "L02-M2", "since_at": BROKEN_AT}
    tours.steps[0] = step("fault", "/wall", asked_at="2026-01-05T00:06:38Z", done=True, facts=facts)
    expect(page.locator(".guide .seen")).to_contain_text("L02-M2 in fault since 08:06")
    expect(page.locator(".guide .dot.done")).to_have_count(2)


def test_a_step_waits_for_the_one_before(look: Look, tours: Tours) -> None:
    """What makes no sense yet cannot be pressed, and leads to the page where it is seen."""
    page = look("/wall", "en")
    page.click(".guide .dot >> nth=1")
    expect(page.locator(".guide .act")).to_be_disabled()
    tours.steps[0] = step("fault", "/wall", done=True, facts={"machine": "L02-M2", "since_at": BROKEN_AT})
    expect(page.locator(".guide .act")).to_be_enabled()
    page.click(".guide .look")
    page.wait_for_url("**/lines/L02")
    expect(page.locator(".guide .say")).to_contain_text("Mend it again")


def test_the_bar_stays_as_it_was_left(look: Look, tours: Tours) -> None:
    """Folded, it is one line, and stays so on other pages and after a reload."""
    page = look("/wall", "zh")
    expect(page.locator(".guide .say")).to_contain_text("焊接机")
    page.click(".guide .fold")
    expect(page.locator(".guide .say")).to_have_count(0)
    page.reload()
    expect(page.locator(".guide .fold")).to_be_visible()
    expect(page.locator(".guide .say")).to_have_count(0)
    assert page.locator(".guide").evaluate("(e) => e.getBoundingClientRect().height") <= 40


@pytest.mark.parametrize("path", ["/wall", "/lines/L01", "/shift", "/oee", "/orders", "/"])
def test_the_bar_is_always_in_sight(look: Look, tours: Tours, path: str) -> None:
    """However tall a page is, it scrolls above the bar."""
    page = look(path, "en")
    expect(page.locator(".guide .say")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_kiosks_and_paper_show_no_guide(look: Look, tours: Tours) -> None:
    """A television's playlist, a terminal and a printed page are without it."""
    for path in ("/kiosk?pages=/wall", "/station/L05-S1"):
        page = look(path, size=SIZES["tv"])
        page.wait_for_load_state("networkidle")
        expect(page.locator(".guide")).to_have_count(0)
    page = look("/shift")
    expect(page.locator(".guide")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator(".guide")).to_be_hidden()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_bar_is_whole_on_every_size(look: Look, tours: Tours, lang: str) -> None:
    """Nothing is cut off, the page does not scroll sideways, axe finds nothing serious in it."""
    for path in ("/wall", "/schedule"):
        page = look(path, lang, size=SIZES["tv"])
        expect(page.locator(".guide .say")).to_be_visible()
        page.evaluate(AXE.read_text("utf-8"))
        found = page.evaluate("axe.run('.guide', { resultTypes: ['violations'] })")["violations"]
        assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
        for width, height in SIZES.values() if path == "/wall" else (SIZES["tv"], SIZES["tablet"]):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(300)
            assert page.evaluate(CLIPPED) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_guide_is_loaded_beside_what_a_kiosk_loads(look: Look) -> None:
    """What a wall of a real plant loads stays within its budget, the guide built."""
    assert list(DIST.glob("assets/Guide-*.js"))
    page = look("/wall")
    page.wait_for_load_state("networkidle")
    names = page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
    scripts = {name.rsplit("/", 1)[1] for name in names if name.endswith(".js")} - {"sw.js"}
    assert sum(len(gzip.compress((DIST / "assets" / name).read_bytes(), 9)) for name in scripts) <= KIOSK_JS_BYTES_MAX
