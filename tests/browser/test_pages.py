"""Every page in both languages on the sizes it is meant for: nothing clipped, inaccessible or from afar."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dashboards.serve import DIST
from tests.browser.stage import Stage, scene

AXE = Path(__file__).with_name("axe.min.js")
SIZES = {"tv": (1920, 1080), "tablet": (1280, 800), "phone": (390, 844)}
ON_SIZES = {
    "/wall": ("tv", "tablet", "phone"),
    "/schedule": ("tv", "tablet"),
    "/shortages": ("tv", "tablet", "phone"),
    "/orders": ("tv", "tablet"),
    "/lines/L01": ("tv", "tablet", "phone"),
    "/shift": ("tv", "tablet", "phone"),
    "/oee": ("tv", "tablet", "phone"),
    "/devices": ("tv", "tablet"),
    "/material": ("tablet", "phone"),
    "/andon": ("tablet", "phone"),
    "/kiosk?pages=/lines/L02,/wall": ("tv",),
    "/": ("tablet", "phone"),
    "/station": ("tablet", "phone"),
    "/station/L05-S1": ("tablet",),
    "/station/L05-S4": ("tablet",),
    "/station/L05-S2": ("tablet",),
    "/station/L01-S3": ("tablet",),
    "/login": ("tablet", "phone"),
}
KIOSK_JS_BYTES_MAX = 60_000
TOUCH_PX_MIN = 64
CLIPPED = """() => [...document.querySelectorAll('body *')].filter((e) => {
  const style = getComputedStyle(e);
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  return own && style.display !== 'inline' && style.textOverflow !== 'ellipsis'
    && !['auto', 'scroll'].includes(style.overflowX) && !e.closest('.unseen, .bar')
    && e.scrollWidth > e.clientWidth + 1;
}).map((e) => `${e.className} ${e.textContent.trim()} ${e.scrollWidth}>${e.clientWidth}`)"""
SMALL = """(min) => [...document.querySelectorAll('button, a')].filter((e) => {
  const box = e.getBoundingClientRect();
  return box.width > 0 && (box.height < min || box.width < min);
}).map((e) => `${e.textContent.trim()} ${e.getBoundingClientRect().width}x${e.getBoundingClientRect().height}`)"""

Look = Callable[..., Page]


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("path", ON_SIZES)
def test_a_page_is_whole(look: Look, url: str, path: str, lang: str) -> None:
    """On every size no text is cut off and nothing scrolls sideways; axe finds nothing serious; all comes from here."""
    page = look(path, lang, size=SIZES[ON_SIZES[path][0]])
    page.wait_for_timeout(500)
    loaded = page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
    assert [name for name in loaded if not name.startswith(url)] == []
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    serious = [
        (rule["id"], rule["nodes"][0]["html"][:160]) for rule in found if rule["impact"] in ("serious", "critical")
    ]
    assert serious == []
    for size in ON_SIZES[path]:
        page.set_viewport_size({"width": SIZES[size][0], "height": SIZES[size][1]})
        page.wait_for_timeout(300)
        assert (size, page.evaluate(CLIPPED)) == (size, [])
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("lines", [1, 4, 5, 20, 40])
def test_a_wall_fills_a_television_without_scrolling(look: Look, stage: Stage, lines: int) -> None:
    """However many lines, every tile is inside the screen and none covers another."""
    stage.scene = lambda topic: scene(topic, lines)
    page = look("/wall", "en", size=SIZES["tv"])
    page.wait_for_selector(".tile")
    boxes = page.eval_on_selector_all(
        ".tile", "all => all.map((e) => { const b = e.getBoundingClientRect(); return [b.x, b.y, b.right, b.bottom]; })"
    )
    assert len(boxes) == min(lines, 24) or lines > 24
    assert all(min(x, y) >= 0 and x2 <= 1920 and y2 <= 1080 for x, y, x2, y2 in boxes)
    overlaps = [
        (a, b)
        for i, a in enumerate(boxes)
        for b in boxes[i + 1 :]
        if a[0] < b[2] - 1 and b[0] < a[2] - 1 and a[1] < b[3] - 1 and b[1] < a[3] - 1
    ]
    assert overlaps == []
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert page.evaluate(CLIPPED) == []


def test_figures_fit_without_their_font(look: Look, stage: Stage) -> None:
    """A television that draws with its own wide font, or has not loaded ours yet, cuts nothing off."""
    stage.scene = lambda topic: scene(topic, 40)
    page = look("/wall", "en", size=SIZES["tv"], without="**/*.woff2")
    page.wait_for_selector(".tile")
    assert page.evaluate(CLIPPED) == []


def test_a_wall_shows_the_clock_of_the_site(look: Look) -> None:
    """The server's plant time in the site's zone, whatever the television thinks."""
    page = look("/wall", "zh", size=SIZES["tv"])
    expect(page.locator(".clock")).to_contain_text("14:1")
    expect(page.locator(".clock")).to_contain_text("GMT+8")


@pytest.mark.parametrize(("lang", "word"), [("zh", "运行"), ("en", "Running")])
def test_a_page_speaks_the_browsers_language_and_the_other(look: Look, lang: str, word: str) -> None:
    """The browser's language first; one tap changes it and is remembered."""
    page = look("/wall", lang, size=SIZES["tv"])
    tile = page.locator(".tile").first
    expect(tile).to_contain_text(word)
    page.click(".lang")
    expect(tile).not_to_contain_text(word)
    page.reload()
    page.wait_for_selector(".tile")
    expect(tile).not_to_contain_text(word)


def test_the_schedule_opens_why_an_order_is_late(look: Look) -> None:
    """A late bar opens its causes in minutes and what would mend it."""
    page = look("/schedule", "en", size=SIZES["tv"])
    page.click(".bar.late >> nth=0")
    for word in ("Waiting for material", "21 h 50", "Receipt earlier"):
        expect(page.locator(".panel")).to_contain_text(word)


def test_the_schedule_publishes_against_the_plan_it_shows(look: Look, stage: Stage) -> None:
    """Publishing names the plan that was compared, so that another one published meanwhile is noticed."""
    page = look("/schedule", "en", size=SIZES["tv"])
    with page.expect_request("**/plans/9/publish") as asked:
        page.click("text=Publish plan")
    assert asked.value.headers["if-match"] == '"7"'
    assert asked.value.headers["idempotency-key"]
    page.wait_for_selector("text=The plan is published")
    assert [said["path"] for said in stage.said] == ["/api/v1/plans/9/publish"]


def test_bars_are_walked_with_the_arrow_keys(look: Look) -> None:
    """The board is used without a mouse: along a line and from line to line."""
    page = look("/schedule", "en", size=SIZES["tv"])
    page.focus('[data-lot="2"]')
    place = "(() => { const b = document.activeElement.getBoundingClientRect(); return [b.left, b.top]; })()"
    first = page.evaluate(place)
    page.keyboard.press("ArrowRight")
    second = page.evaluate(place)
    page.keyboard.press("ArrowDown")
    third = page.evaluate(place)
    assert second[0] > first[0]
    assert second[1] == first[1]
    assert third[1] > second[1]


@pytest.mark.parametrize("path", ["/station/L05-S1", "/station/L05-S4"])
def test_a_terminal_is_made_for_gloves(look: Look, path: str) -> None:
    """What is tapped is large; what is tapped most is 20 mm on a ten-inch tablet."""
    page = look(path, "zh")
    page.wait_for_selector(".key")
    assert [text for text in page.evaluate(SMALL, TOUCH_PX_MIN) if not text.startswith(("English", "已全部上传"))] == []
    for selector in (".keys .key", ".foot .key", "button.good, .digits .key"):
        sizes = page.eval_on_selector_all(selector, "all => all.map((e) => e.getBoundingClientRect().height)")
        assert min(sizes) >= 98


def test_a_kiosk_loads_little(look: Look) -> None:
    """The scripts a wall or a terminal needs stay small on the wire."""
    for path in ("/wall", "/station/L05-S1"):
        page = look(path)
        page.wait_for_timeout(500)
        names = page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
        scripts = {name.rsplit("/", 1)[1] for name in names if name.endswith(".js")}
        size = sum(len(gzip.compress((DIST / "assets" / name).read_bytes(), 9)) for name in scripts if name != "sw.js")
        assert 0 < size <= KIOSK_JS_BYTES_MAX
