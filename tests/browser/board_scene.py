"""A schedule to draw: a published plan of some days, a proposal that waits for compressors, and their difference."""

from __future__ import annotations

import random
from dataclasses import replace

from mes.domain.plant import Name
from mes.store.screens.schedule import (
    BoardImage,
    BoardOrderImage,
    ChangeImage,
    DiffImage,
    LotImage,
    MoveImage,
    PlanImage,
    PlanLackImage,
    PlannedOrderImage,
    RowImage,
    RunImage,
    RunReasonImage,
    WhyImage,
)
from tests.browser.scenes import HOUR_MS, LINES, MINUTE_MS, NOW_MS, SHIFT_FROM_MS, SITE

DAY_MS = 24 * HOUR_MS
Open = tuple[tuple[int, int], ...]


def _open(days: int) -> Open:
    """Day shifts with lunch, so many days of them."""
    starts = [SHIFT_FROM_MS + day * DAY_MS for day in range(-1, days)]
    return tuple(part for d in starts for part in ((d, d + 4 * HOUR_MS), (d + 5 * HOUR_MS, d + 12 * HOUR_MS)))


def _after(open_: Open, at: int, work_ms: int) -> tuple[int, int]:
    """When work that could start at `at` starts and ends on open time."""
    start = None
    for a, b in open_:
        if b <= at:
            continue
        begin = max(a, at)
        start = begin if start is None else start
        if b - begin >= work_ms:
            return start, begin + work_ms
        work_ms -= b - begin
    raise ValueError("the scene's week is too short")


def _lots(rnd: random.Random, codes: tuple[str, ...], days: int) -> dict[str, LotImage]:
    lots: dict[str, LotImage] = {}
    for place, code in enumerate(codes):
        at = SHIFT_FROM_MS
        for k in range(6 if days == 7 else 4 * days):
            quantity = rnd.choice((60, 120, 180, 240))
            setup = rnd.choice((0, 0, 25, 40)) if k else 0
            start, end = _after(_open(days), at + setup * MINUTE_MS, quantity * rnd.choice((55, 90)) * 1000)
            order = f"erp/MO26-{1100 + (place + (k // 2) * len(codes)) % 24}"
            lots[str(len(lots) + 1)] = LotImage(order, 30, code, quantity, start, end, setup, rnd.random() < 0.08)
            at = end
            if at > SHIFT_FROM_MS + (days - 3) * DAY_MS:
                break
    return lots


def _fix(kind: str, saved: int, target: str, late: int, **instants: str) -> WhyImage:
    """A fix as a plan keeps it."""
    tried = {"kind": kind, "target": target, "minutes": "120", "tardy_minutes": str(late), "short_qty": "0"}
    return WhyImage(kind, saved, {**tried, "on_time_orders": "3" if not late else "0", "total": "-9000", **instants})


def _plan(ident: str, lots: dict[str, LotImage], late: dict[str, int], lacks: tuple[PlanLackImage, ...]) -> PlanImage:
    causes = (
        WhyImage("material", 1310, {"component": "C-COMP-35", "receipt": "PO-88"}),
        WhyImage("line_busy", 190, {"order": "MO26-1105"}),
        WhyImage("setup", 25, {"from": "AC26", "to": "AC35"}),
    )
    fixes = (
        _fix("receipt_earlier", 1310, "PO-88", 0, from_at="2026-01-07T08:00:00Z", to_at="2026-01-06T02:00:00Z"),
        _fix("overtime", 240, "L01", 1070, from_at="2026-01-05T12:00:00Z", to_at="2026-01-05T14:00:00Z"),
    )
    ends = {
        order: max(lot.end for lot in lots.values() if lot.order == order) for order in {x.order for x in lots.values()}
    }
    return PlanImage(
        id=ident, state="published" if ident == "7" else "proposed", now=NOW_MS, horizon_end=NOW_MS + 7 * DAY_MS,
        setup_minutes=sum(lot.setup_minutes for lot in lots.values()), late_orders=len(late),
        late_minutes=sum(late.values()), lots=lots,
        orders={
            order: PlannedOrderImage(late.get(order, 0), 0, *((causes, fixes) if order in late else ((), ())), end)
            for order, end in ends.items()
        },
        lacks=lacks, unplanned={}, created_at=NOW_MS - HOUR_MS, version=3 if ident == "7" else None,
        published_at=NOW_MS - 5 * HOUR_MS if ident == "7" else None,
        published_by="person:demo" if ident == "7" else None,
    )  # fmt: skip


def board(lines: int = 5, proposal: bool = True, days: int = 7) -> BoardImage:
    """The board of a plant with so many lines, planned for so many days."""
    rnd = random.Random(11)
    codes = tuple(f"L{place + 1:02d}" for place in range(lines))
    before = _lots(rnd, codes, days)
    first = next(lot.order for no, lot in before.items() if no == "3")
    after = {
        no: replace(lot, start=lot.start + DAY_MS, end=lot.end + DAY_MS) if lot.order == first else lot
        for no, lot in before.items()
    }
    moves = tuple(
        MoveImage(lot.order, lot.operation_seq, lot.quantity, lot.line, before[no].start, lot.line, lot.start)
        for no, lot in after.items()
        if lot.order == first
    )
    lack = PlanLackImage("C-COMP-35", Name("旋转压缩机 35", "Rotary compressor 35"), "180", NOW_MS + 112 * MINUTE_MS,
                         (first,), "PO-88", NOW_MS + 20 * HOUR_MS)  # fmt: skip
    published, proposed = _plan("7", before, {}, ()), _plan("9", after, {first: 1525}, (lack,))
    orders = {}
    for k, subject in enumerate(dict.fromkeys(lot.order for lot in before.values())):
        _code, _line, product = LINES[k % len(LINES)]
        orders[subject] = BoardOrderImage(
            subject.split("/")[1], "erp", "KFR-35GW", product, "AC35", 500, "pcs",
            (published.orders[subject].end or 0) + rnd.choice((2, 9, 30)) * HOUR_MS, 5, "released",
            rnd.choice((0, 0, 120)),
        )  # fmt: skip
    diff = DiffImage(
        len(moves), len(before), (0, 1), (0, 1525), (published.setup_minutes, proposed.setup_minutes),
        (ChangeImage(first, 0, 1525, published.orders[first].end, proposed.orders[first].end),), moves,
    )  # fmt: skip
    return BoardImage(
        site=SITE,
        lines=codes,
        rows={
            code: RowImage(LINES[k % len(LINES)][1], "assisted", NOW_MS + 4 * HOUR_MS, _open(days))
            for k, code in enumerate(codes)
        },
        orders=orders,
        published=published,
        proposal=proposed if proposal else None,
        diff=diff if proposal else None,
        run=RunImage(
            "12", "replan", "done", True, "takt", NOW_MS - HOUR_MS, (RunReasonImage("shortage", "C-COMP-35"),)
        ),
    )
