"""Scenes of the desk pages: shortages with and without an answer, orders in every state."""

from __future__ import annotations

from mes.domain.plant import Name
from mes.store.screens.orders import MessageImage, OrderImage, OrdersImage, StepImage, UseImage
from mes.store.screens.shortages import (
    AnswerImage,
    CallOffImage,
    ClosedImage,
    ReceiptImage,
    ShortageImage,
    ShortagesImage,
    ShortOrderImage,
)
from tests.browser.scenes import HOUR_MS, MINUTE_MS, NOW_MS, SITE

SESSION = {
    "by": "person:demo", "name": "demo", "roles": ["planner", "line_lead"], "lines": None, "demo": True, "lang": "",
    "permissions": ["tracking:read", "plans:read", "material:read", "orders:read", "jobs:run", "jobs:confirm"],
}  # fmt: skip
PLANT = {
    "station": [
        {"code": "L01-S1", "line": "L01", "machine": "L01-M1", "name": {"zh": "内机预装", "en": "Pre-assembly"}},
        {"code": "L05-S1", "line": "L05", "counts_by": "scan", "name": {"zh": "压接装配", "en": "Crimp and assemble"}},
        {"code": "L05-S4", "line": "L05", "counts_by": "entry", "name": {"zh": "检验包装", "en": "Inspect and pack"}},
    ]
}


def shortages() -> ShortagesImage:
    """One that is near, one that is covered, one whose line stands; two call-offs and one that was false."""
    return ShortagesImage(
        site=SITE,
        shortages={
            "1": ShortageImage(
                "C-COMP-35", Name("旋转压缩机 35", "Rotary compressor 35"), "pcs", "projected", "demand", "180", "140",
                "180", "500", NOW_MS + 112 * MINUTE_MS, NOW_MS - 47 * MINUTE_MS,
                (ShortOrderImage("MO26-1101", "120"), ShortOrderImage("MO26-1104", "60")),
                (ReceiptImage("PO-88/1", "180", NOW_MS + 20 * HOUR_MS),), "L01", NOW_MS - 46 * MINUTE_MS,
                counted_at=NOW_MS - 95 * MINUTE_MS,
            ),
            "2": ShortageImage(
                "C-PCB-7", Name("主控电路板", "Main control board"), "pcs", "covered", "demand", "40", "310", "150",
                "500", NOW_MS + 29 * HOUR_MS, NOW_MS - 3 * HOUR_MS, (ShortOrderImage("MO26-1107", "40"),), (), "L01",
                NOW_MS - 3 * HOUR_MS, AnswerImage(NOW_MS - HOUR_MS, "key:erp", "purchase_order", "PO-97", "60",
                                                  NOW_MS + 22 * HOUR_MS), "PO-97",
            ),
            "3": ShortageImage(
                "R-ABS", Name("ABS 塑料粒子", "ABS granulate"), "kg", "confirmed", "demand", "82.5", "0", "0", "82.5",
                NOW_MS - 14 * MINUTE_MS, NOW_MS - 5 * HOUR_MS, (ShortOrderImage("MO26-1109", "82.5"),), (), "L03",
            ),
        },
        call_offs={
            "5": CallOffImage("L01", "L01-side", "C-COIL-35", Name("冷凝器 35", "Condenser coil 35"), "pcs", "120",
                              NOW_MS + 41 * MINUTE_MS, NOW_MS - 15 * MINUTE_MS, "takt", "37", "640", "WH1"),
            "6": CallOffImage("L05", "L05-side", "C-WIRE-2", Name("电源线 2.5", "Power cable 2.5"), "m", "300",
                              NOW_MS - 2 * MINUTE_MS, NOW_MS - 50 * MINUTE_MS, "person:wu", "0", "2200", "WH1"),
        },
        closed={
            "9": ClosedImage("C-FAN-9", Name("轴流风叶 400", "Axial fan blade 400"), NOW_MS - 4 * HOUR_MS,
                             NOW_MS - 2 * HOUR_MS, "delivered"),
        },
    )  # fmt: skip


def orders() -> OrdersImage:
    """A late and short order, one in time, one done, one that waits."""
    steps = (
        StepImage(10, Name("内机预装", "Indoor unit pre-assembly"), ("L01",), 240, 2, 1, 9),
        StepImage(30, Name("性能测试包装", "Test and pack"), ("L01",), 231, 4, 0, 0),
    )
    uses = (
        UseImage("C-COMP-35", Name("旋转压缩机 35", "Rotary compressor 35"), "pcs", "1", "246", "246", "265", "85"),
        UseImage("C-SCREW-4", Name("螺钉 M4", "Screw M4"), "pcs", "12", "2964", "2952", "3180", "3180"),
    )
    messages = (
        MessageImage("mes.order.started", NOW_MS - 5 * HOUR_MS),
        MessageImage("mes.shortage.opened", NOW_MS - 47 * MINUTE_MS),
        MessageImage("mes.eta.changed", NOW_MS - 40 * MINUTE_MS),
    )

    def order(number: str, product: Name, status: str, good: int, *, late: int, kit: float | None) -> OrderImage:
        return OrderImage(
            number, "erp", "KFR-35GW", product, "B", "pcs", 500, good, good // 50, good // 120, 9 if good else 0,
            status, 5, NOW_MS + 9 * HOUR_MS, late, steps, uses, messages, NOW_MS + 9 * HOUR_MS + late * MINUTE_MS,
            kit, ("L01",), ("material",) if late else (), "美的 Midea",
        )  # fmt: skip

    split, cabinet = Name("KFR-35GW 分体空调", "KFR-35GW split unit"), Name("室外机柜体 72", "Outdoor cabinet 72")
    return OrdersImage(
        SITE,
        {
            "erp/MO26-1100": order("MO26-1100", split, "running", 231, late=1525, kit=0.83),
            "erp/MO26-1101": order("MO26-1101", cabinet, "running", 470, late=0, kit=1.0),
            "erp/MO26-1102": order("MO26-1102", cabinet, "completed", 500, late=0, kit=1.0),
            "erp/MO26-1103": order("MO26-1103", split, "released", 0, late=0, kit=None),
        },
    )
