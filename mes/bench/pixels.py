"""The wall in a headless browser: how soon it is useful, how busy it keeps the browser, when a piece can be seen.

    seen = await look_at_wall(http_url, machines, "L01-M3")

The browser is Chromium through Playwright, which tests need and the product does not.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from mes.clock import mono, wall
from mes.errors import SetupError

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--no-proxy-server")
OPENED, PIECES, ROUNDS = 5, 20, 20
BUSY_S = 10.0
SHOWN_S_MAX = 30.0
LOOK_EVERY_MS = 50
_WATCH = """
(() => {
  window.shown = [];
  const look = () => {
    const made = document.querySelector('.tile .made b');
    if (!made) return;
    if (window.useful === undefined) {
      window.useful = 0;
      requestAnimationFrame(() => { window.useful = performance.now(); });
    }
    const figure = Number(made.textContent.replace(/[^0-9]/g, ''));
    const last = window.shown.at(-1);
    if (!last || last[0] !== figure) window.shown.push([figure, Date.now()]);
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
})();
"""


@dataclass(slots=True)
class Seen:
    """Seconds until the wall was useful and until pieces were seen; the main thread's work a second."""

    useful_s: list[float] = field(default_factory=list)
    pixel_s: list[float] = field(default_factory=list)
    busy_ms_per_s: float = 0.0


async def look_at_wall(http_url: str, machines: httpx.AsyncClient, machine: str) -> Seen:
    """Open the wall some times, then count pieces at a machine of its first tile. Raises SetupError: no browser."""
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        raise SetupError("No pixel was measured: Playwright is not there", remedy="pip install playwright") from None
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SetupError("No pixel was measured: there is no chromium", remedy="apt-get install chromium")
    seen = Seen()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for _ in range(OPENED):
            page = await _open(browser, http_url)
            seen.useful_s.append(await page.evaluate("window.useful") / 1000)
            await page.context.close()
        page = await _open(browser, http_url)
        for _ in range(ROUNDS):
            seen.pixel_s.append(await _piece(page, machines, machine))
        seen.busy_ms_per_s = await _busy(page, machines, machine)
        await browser.close()
    return seen


async def _open(browser: Browser, http_url: str) -> Page:
    context = await browser.new_context(viewport={"width": 1920, "height": 1080})
    page = await context.new_page()
    await page.add_init_script(_WATCH)
    await page.goto(f"{http_url}/wall")
    await page.wait_for_selector(".tile .made b", timeout=SHOWN_S_MAX * 1000)
    while not await page.evaluate("window.useful > 0"):
        await page.wait_for_timeout(LOOK_EVERY_MS)
    return page


async def _piece(page: Page, machines: httpx.AsyncClient, machine: str) -> float:
    """Seconds from pieces at the machine's counter to the figure on the wall, both by this machine's clock."""
    wanted = await page.evaluate("window.shown.at(-1)[0]") + PIECES
    began = wall().timestamp()
    await _count(machines, machine, PIECES)
    deadline = mono() + SHOWN_S_MAX
    while mono() < deadline:
        at = await page.evaluate("(wanted) => window.shown.find(([figure]) => figure >= wanted)?.[1]", wanted)
        if at is not None:
            return float(at) / 1000 - began
        await page.wait_for_timeout(LOOK_EVERY_MS)
    raise SetupError(f"Pieces of {machine} did not appear on the wall", remedy="Read the logs of the demonstration.")


async def _busy(page: Page, machines: httpx.AsyncClient, machine: str) -> float:
    """Milliseconds of tasks on the page's main thread in each second, while its figures change twice a second."""
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    before, since = _task_s(await session.send("Performance.getMetrics")), mono()
    while mono() < since + BUSY_S:
        await _count(machines, machine, 1)
        await page.wait_for_timeout(500)
    after = _task_s(await session.send("Performance.getMetrics"))
    return (after - before) * 1000 / (mono() - since)


async def _count(machines: httpx.AsyncClient, machine: str, pieces: int) -> None:
    (await machines.post("/count", json={"machine": machine, "n": pieces})).raise_for_status()


def _task_s(answer: dict[str, Any]) -> float:
    return next(float(metric["value"]) for metric in answer["metrics"] if metric["name"] == "TaskDuration")
