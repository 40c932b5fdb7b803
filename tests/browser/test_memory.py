"""A wall that hangs for months: its memory does not grow with what it was told."""

from __future__ import annotations

import json

from playwright.sync_api import Browser

from api.live.patch import tree_of
from tests.browser import scenes

GROWTH_BYTES_MAX = 500_000
DELTAS = 10_000
FED = """
window.EventSource = class {
  static OPEN = 1; static CLOSED = 2; readyState = 1; heard = {};
  constructor() { window.feed = this; }
  addEventListener(name, handle) { (this.heard[name] = this.heard[name] || []).push(handle); }
  emit(name, data) { for (const handle of this.heard[name] || []) handle({ data, lastEventId: '' }); }
  close() {}
};
"""
TELL = """async ([from, to, now]) => {
  for (let seq = from; seq < to; seq++) {
    const good = (line) => ({ good: seq + line, reject: seq % 7 });
    const tiles = { L01: good(1), L02: good(2), L03: good(3), L04: good(4), L05: good(5) };
    const head = { topic: 'wall', epoch: 'e', seq: seq + 1, after: seq, now: now + seq * 500, speed: 1 };
    window.feed.emit('d', JSON.stringify({ ...head, patch: { tiles } }));
    if (seq % 100 === 0) await new Promise((done) => setTimeout(done, 60));
  }
}"""


def test_ten_thousand_deltas_leave_nothing_behind(browser: Browser, url: str) -> None:
    """After ten thousand changes the heap is hardly larger, and there are as many elements as before."""
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    context.add_init_script(FED)
    page = context.new_page()
    page.goto(f"{url}/wall")
    page.wait_for_selector(".opening")
    page.wait_for_timeout(300)
    head = {"topic": "wall", "epoch": "e", "seq": 0, "now": scenes.NOW_MS, "speed": 1}
    page.evaluate("(text) => window.feed.emit('snapshot', text)", json.dumps({**head, "data": tree_of(scenes.wall(5))}))
    page.wait_for_selector(".tile")
    session = context.new_cdp_session(page)
    session.send("HeapProfiler.enable")

    def settled() -> tuple[float, int]:
        page.wait_for_timeout(600)
        session.send("HeapProfiler.collectGarbage")
        used = session.send("Runtime.getHeapUsage")["usedSize"]
        return float(used), int(page.evaluate("document.querySelectorAll('*').length"))

    page.evaluate(TELL, [0, 2000, scenes.NOW_MS])
    used, elements = settled()
    page.evaluate(TELL, [2000, 2000 + DELTAS, scenes.NOW_MS])
    used_after, elements_after = settled()
    assert page.inner_text(".tile .made b >> nth=0") == f"{2000 + DELTAS:,}"
    assert used_after - used < GROWTH_BYTES_MAX
    assert elements_after <= elements + 10
    context.close()
