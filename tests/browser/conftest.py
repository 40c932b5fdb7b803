"""One headless Chromium for the tests of screens; a context of its own for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.stage import Stage, running, scene

CHROMIUM = shutil.which("chromium") or "chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-proxy-server",
]  # fmt: skip
TABLET = (1280, 800)
HANG_MS = 60_000
expect.set_options(timeout=HANG_MS)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium as the machine has it; gone with the last test of screens, since its event loop is everybody's."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=HANG_MS * 2)
        yield chromium
        chromium.close()


@pytest.fixture
def stage() -> Stage:
    """The demo's five lines, drawn from scenes."""
    return Stage(scene)


@pytest.fixture
def url(stage: Stage) -> Iterator[str]:
    """Where the stage is served."""
    with running(stage) as address:
        yield address


@pytest.fixture
def look(browser: Browser, url: str) -> Iterator[Callable[..., Page]]:
    """Opens a page of the stage and waits until its figures are there: look("/wall", "zh", size=(1920, 1080))."""
    contexts = []

    def open_page(
        path: str, lang: str = "zh", *, size: tuple[int, int] = TABLET, at: str = "", without: str = "", **more: Any
    ) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale={"zh": "zh-CN", "en": "en-GB"}[lang],
            timezone_id="America/New_York",
            **more,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(HANG_MS)
        if without:
            page.route(without, lambda route: route.abort())
        page.on("pageerror", lambda error: pytest.fail(f"{path}: {error}"))
        page.goto((at or url) + path)
        page.wait_for_selector(".live, .start, .stations, .login")
        page.evaluate("document.fonts.ready")
        return page

    yield open_page
    for context in contexts:
        context.close()
