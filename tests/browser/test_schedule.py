"""The planner's desk: a drag is a question with an answer, by mouse and by keys; what-ifs stand side by side."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import board_scene
from tests.browser.stage import Stage, scene

Look = Callable[..., Page]
TV = (1920, 1080)
SUMMARY = {
    "lots_moved": 2, "lots_compared": 30, "lots_new": 0, "lots_gone": 0, "newly_late": [], "newly_on_time": [],
    "late_minutes": [0, 45], "setup_minutes": [90, 120], "unplanned_quantity": [0, 0],
}  # fmt: skip
KPIS = {"orders_late": 1, "late_minutes": 90, "setup_minutes": 60, "unplanned_quantity": 0, "lots": 30}


def run(**result: Any) -> dict[str, Any]:
    """A run that ended with proposal 9."""
    return {"id": 1, "state": "done", "plan_id": 9, "error": None, "result": {"summary": SUMMARY, **result}}


def answering(path: str) -> Any:
    """As the scene; every run pushes one order, every scenario makes one order on time."""
    if path.startswith("/plan-runs/"):
        return run(pushed=[{"order": "erp/MO26-1100", "minutes": 75}], breaks=[])
    if "/diff/" in path:
        order = {
            "order": "erp/MO26-1100", "completed_before": None, "completed_after": None, "late_minutes_before": 90,
            "late_minutes_after": 0,
        }  # fmt: skip
        day = {"line": "L01", "shift_day": "2026-01-06", "quantity_before": 100, "quantity_after": 160}
        return {"before": KPIS, "after": KPIS | {"orders_late": 0, "late_minutes": 0}, "orders": [order], "days": [day]}
    return scene(path)


@pytest.fixture
def stage() -> Stage:
    """A plant whose clock hardly moves, so that no minute passes while a lot is in the hand."""
    return Stage(answering, speed=0.001)


def asked(stage: Stage, page: Page, path: str = "plan-runs") -> dict[str, Any]:
    """The last thing asked there, once it is."""
    return stage.heard(page, path)[-1]


def free_bar(page: Page) -> str:
    """The number of a lot on the first line that stands outside the frozen window, in view."""
    found: str = page.wait_for_function(
        """() => [...document.querySelectorAll('.lane')].slice(0, 1)
            .flatMap((lane) => [...lane.querySelectorAll('.bar:not(.frozen)')])
            .find((bar) => bar.getBoundingClientRect().left > 700)?.dataset.lot"""
    ).json_value()
    return found


def drag(page: Page, lot: str, dx: float, rows: int) -> None:
    """Take a lot by the mouse and put it down elsewhere."""
    box = page.locator(f'[data-lot="{lot}"]').bounding_box()
    lane = page.locator(".lane").first.bounding_box()
    assert box is not None
    assert lane is not None
    x, y = box["x"] + min(10, box["width"] / 2), box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx / 2, y + rows * lane["height"] / 2)
    page.mouse.move(x + dx, y + rows * lane["height"])
    page.mouse.up()


def test_a_drag_is_asked_and_answered(look: Look, stage: Stage) -> None:
    """The lot goes to the line and time where it was let go; the verdict says who is pushed, and by how much."""
    page = look("/schedule", "en", size=TV)
    page.get_by_role("button", name="Published").first.click()
    lot = free_bar(page)
    drag(page, lot, 60, 1)
    body = asked(stage, page)["body"]
    (change,) = body["changes"]
    assert (body["kind"], body["base_plan_id"]) == ("edit", 7)
    assert (change["op"], change["lot_no"], change["line"]) == ("move", int(lot), "L02")
    assert change["start_at"].endswith("Z")
    page.wait_for_selector(".verdict.pushes")
    for word in ("pushes 1", "MO26-1100 +", "2 of 30"):
        expect(page.locator(".verdict")).to_contain_text(word)


def test_a_click_is_no_drag(look: Look, stage: Stage) -> None:
    """A bar that is clicked opens its order and moves nothing."""
    page = look("/schedule", "en", size=TV)
    page.locator(f'[data-lot="{free_bar(page)}"]').click()
    page.wait_for_selector(".panel h2")
    assert stage.said == []


def test_a_late_order_says_why_and_what_would_help(look: Look) -> None:
    """Each cause has its minutes; each fix says where, when, and what it was found to do."""
    page = look("/schedule", "en", size=TV)
    page.locator(".bar.late").first.click()
    expect(page.locator(".why li").first).to_contain_text("Waiting for material")
    fixes = page.locator(".fixes li")
    expect(fixes.nth(0)).to_contain_text("on time · orders on time: +3")
    expect(fixes.nth(1)).to_contain_text("Overtime L01 20:00 – 22:00 → still")


def test_keys_move_a_lot(look: Look, stage: Stage) -> None:
    """Enter takes it up, arrows move it by a quarter of an hour and by line, Enter asks; Escape lets it be."""
    page = look("/schedule", "en", size=TV)
    lot = free_bar(page)
    page.locator(f'[data-lot="{lot}"]').focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(page.locator(".hand")).to_be_hidden()
    assert stage.said == []
    for key in ("Enter", "ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    (change,) = asked(stage, page)["body"]["changes"]
    plan = board_scene.board().proposal
    assert plan is not None
    assert change["line"] == "L02"
    assert change["start_at"] == _iso(plan.lots[lot].start + 15 * 60_000)


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_p_pins_a_lot(look: Look, stage: Stage) -> None:
    """A pinned lot stays where it is in every plan from then on."""
    page = look("/schedule", "en", size=TV)
    lot = free_bar(page)
    page.locator(f'[data-lot="{lot}"]').focus()
    page.keyboard.press("p")
    (change,) = asked(stage, page)["body"]["changes"]
    assert (change["op"], change["lot_no"]) == ("pin", int(lot))


def test_the_frozen_window_takes_nothing_in(look: Look, stage: Stage) -> None:
    """A lot that is let go inside it is refused at once, without asking anybody."""
    page = look("/schedule", "en", size=TV)
    page.locator(f'[data-lot="{free_bar(page)}"]').focus()
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_selector(".said.bad")
    assert stage.said == []


def test_a_drag_is_taken_back(look: Look, stage: Stage) -> None:
    """Undo lays the proposal aside, by its button or by Ctrl+Z."""
    page = look("/schedule", "zh", size=TV)
    drag(page, free_bar(page), 90, 0)
    page.wait_for_selector(".verdict.pushes")
    expect(page.locator(".verdict")).to_contain_text("推迟 1 张订单")
    page.keyboard.press("Control+z")
    page.wait_for_selector(".said:not(.bad):not(.proposal)")
    assert asked(stage, page, "discard")["path"] == "/api/v1/plans/9/discard"


def test_what_ifs_stand_side_by_side(look: Look, stage: Stage) -> None:
    """Each scenario is a column beside the published plan, by figure, order, line and day; one click publishes."""
    page = look("/schedule", "en", size=TV)
    page.get_by_role("button", name="What if").click()
    for kind in ("overtime", "down"):
        page.locator("form.wish select").first.select_option(kind)
        page.get_by_role("button", name="Try").click()
        page.wait_for_selector(f"table.figures th:has-text('{'Overtime' if kind == 'overtime' else 'Line down'}')")
    table = page.locator("table.figures")
    expect(table).to_contain_text("MO26-1100")
    expect(table).to_contain_text("+60")
    body = stage.heard(page, "plan-runs", 2)[0]["body"]
    assert (body["kind"], body["changes"][0]["op"], body["changes"][0]["is_open"]) == ("scenario", "calendar", True)
    page.locator("table.figures button").first.click()
    page.wait_for_selector(".panel .same")
    assert stage.said[-1]["path"] == "/api/v1/plans/9/publish"


def plan_of(number: int, *, start: int, tentative: bool = False) -> dict[str, Any]:
    """A stored plan of one lot on the first line, beginning at a minute after now; with a new order, of two."""
    now = board_scene.NOW_MS
    lots = [("erp/MO26-1100", "L01", start)] + ([("what-if/1", "L02", 60)] if tentative else [])
    return {
        "head": {"id": number, "state": "proposed", "created_at": _iso(now)},
        "body": {
            "now_at": _iso(now), "horizon_end_at": _iso(now + 86_400_000),
            "lots": [
                {"lot_no": n, "order": order, "operation_seq": 10, "line": line, "quantity": 50, "setup_minutes": 0,
                 "start_at": _iso(now + begin * 60_000), "end_at": _iso(now + (begin + 90) * 60_000)}
                for n, (order, line, begin) in enumerate(lots, 1)
            ],
            "orders": [
                {"order": order, "completed_at": _iso(now + (begin + 90) * 60_000), "late_minutes": 0}
                for order, _, begin in lots
            ],
            "tentative": [{"order": "what-if/1", "item": "P-NEW", "quantity": "50"}] if tentative else [],
        },
    }  # fmt: skip


def with_boards(path: str) -> Any:
    """As `answering`; the published plan and the scenario can be read, and the scenario has a new order."""
    now = board_scene.NOW_MS
    if path in ("/plans/7", "/plans/9"):
        return plan_of(7, start=60) if path == "/plans/7" else plan_of(9, start=240, tentative=True)
    if path == "/plans/7/diff/9":
        moved = {
            "order": "erp/MO26-1100", "operation_seq": 10, "quantity": 50, "from_line": "L01",
            "from_start_at": _iso(now + 60 * 60_000), "to_line": "L01", "to_start_at": _iso(now + 240 * 60_000),
        }  # fmt: skip
        return answering(path) | {"moves": [moved], "compared": 1}
    if path.startswith("/plan-runs/"):
        promise = {"order": "what-if/1", "completed_at": _iso(now + 150 * 60_000), "late_minutes": 0}
        return run(pushed=[], breaks=[], promises=[promise])
    return answering(path)


def test_two_boards_stand_side_by_side(look: Look, stage: Stage) -> None:
    """The scenario's board beside the published one shows what moved and where it stood; a new order has its date, its
    lot, and no button that would publish it."""
    stage.scene = with_boards
    page = look("/schedule", "en", size=TV)
    page.get_by_role("button", name="What if").click()
    page.locator("form.wish select").first.select_option("order")
    page.get_by_role("button", name="Try").click()
    page.get_by_label("side by side").check()
    expect(page.locator(".both section")).to_have_count(2)
    before, after = page.locator(".both section").first, page.locator(".both section").last
    expect(before.locator(".bar.moved")).to_have_count(0)
    expect(after.locator(".bar.moved")).to_have_count(1)
    expect(after.locator(".ghost")).to_have_count(1)
    expect(after.locator(".bar")).to_have_count(2)
    expect(after.locator("h2")).to_contain_text("Lots that move, come or go: 1")
    expect(page.locator("table.figures")).to_contain_text("New order done")
    expect(page.locator(".note")).to_contain_text("once the ERP has placed it")
    expect(page.locator("table.figures button")).to_be_disabled()
    page.get_by_label("side by side").uncheck()
    expect(page.locator(".both")).to_have_count(0)


def test_a_move_draws_one_element_on_sixty_lines(look: Look, stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """With 60 lines and 30 days a pointer move changes the lot in the hand and nothing else; its cost is printed."""
    stage.scene = lambda path: board_scene.board(60, days=30) if path == "board" else answering(path)
    page = look("/schedule", "en", size=TV)
    page.get_by_role("button", name="14 d").click()
    lot = free_bar(page)
    box = page.locator(f'[data-lot="{lot}"]').bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 30)
    found = page.evaluate(
        """async ([lot, x, y]) => {
            const bar = document.querySelector(`[data-lot="${lot}"]`);
            const hand = document.querySelector('.hand');
            let elsewhere = 0;
            const seen = new MutationObserver((all) => {
                elsewhere += all.filter((one) => !hand.contains(one.target)).length;
            });
            seen.observe(document.querySelector('.board'), { subtree: true, childList: true, attributes: true });
            const took = [];
            for (let n = 0; n < 200; n++) {
                const from = performance.now();
                const at = { bubbles: true, pointerId: 1, clientX: x + (n % 50) * 7, clientY: y + (n % 20) * 20 };
                bar.dispatchEvent(new PointerEvent('pointermove', at));
                hand.getBoundingClientRect();
                took.push(performance.now() - from);
                if (n % 10 === 0) await new Promise(requestAnimationFrame);
            }
            took.sort((a, b) => a - b);
            return { bars: document.querySelectorAll('.bar').length, elsewhere, p50: took[100], p95: took[190] };
        }""",
        [lot, x, y],
    )
    page.mouse.up()
    with capsys.disabled():
        print(f"\n{found['bars']} lots: {found['p50']:.2f} ms a move, p95 {found['p95']:.2f} ms of main thread")
    assert found["bars"] > 1000
    assert found["elsewhere"] == 0
