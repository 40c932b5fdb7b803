"""Scenes of the desk pages: shortages with and without an answer, orders in every state."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

from mes.domain.plant import Name
from mes.store.screens.hours import HourImage
from mes.store.screens.line import LineImage, MachineImage
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
from tests.browser import scenes
from tests.browser.scenes import HOUR_MS, MINUTE_MS, NOW_MS, SHIFT_FROM_MS, SITE

SESSION = {
    "by": "person:demo", "name": "demo", "roles": ["planner", "line_lead"], "lines": None, "demo": False, "lang": "",
    "permissions": ["tracking:read", "plans:read", "material:read", "orders:read", "jobs:run", "jobs:confirm",
                    "entries:write", "sources:read", "andon:raise", "andon:answer", "plant:read"],
}  # fmt: skip
PLANT = {
    "machine": [{"code": "L01-M2", "line": "L01", "position": 2}],
    "station": [
        {"code": "L01-S1", "line": "L01", "machine": "L01-M1", "name": {"zh": "内机预装", "en": "Pre-assembly"}},
        {"code": "L05-S1", "line": "L05", "counts_by": "scan", "name": {"zh": "压接装配", "en": "Crimp and assemble"}},
        {"code": "L05-S4", "line": "L05", "counts_by": "entry", "name": {"zh": "检验包装", "en": "Inspect and pack"}},
    ],
    "reason": [
        {"code": "S1", "kind": "stop", "name": {"zh": "缺料", "en": "Waiting for material"}},
        {"code": "S2", "kind": "stop", "name": {"zh": "机械故障", "en": "Mechanical breakdown"}},
        {"code": "Q1", "kind": "reject", "name": {"zh": "端子压接不良", "en": "Bad crimp"}},
    ],
    "source": [{"code": "plc-1", "kind": "opcua", "url": "opc.tcp://127.0.0.1:4840"}],
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
            kit, ("L01",), ("material",) if late else (),
            short_of=("C-COMP-35",) if late else (), customer="美的 Midea",
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


# ------------------------------------------------------------------ what pages ask for and nobody tells them
def _at(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


_ELEMENTS = {
    "calendar_us": 22_320_000_000, "planned_stop_us": 3_600_000_000, "apt_us": 14_900_000_000, "aust_us": 900_000_000,
    "adet_us": 1_720_000_000, "adot_us": 1_200_000_000, "no_data_us": 0, "ideal_us": 13_860_000_000, "good": 211,
    "reject": 20, "failures": 2, "failure_us": 1_200_000_000,
}  # fmt: skip
_KPIS = {
    "oee": {"value": 0.6762, "undefined": ""}, "availability": {"value": 0.7959, "undefined": ""},
    "effectiveness": {"value": 0.9302, "undefined": ""}, "quality_ratio": {"value": 0.9134, "undefined": ""},
    "mtbf": {"value": 124.2, "undefined": ""}, "mttr": {"value": None, "undefined": "no failure"},
    "throughput": {"value": 41.3, "undefined": ""}, "nee": {"value": 0.71, "undefined": ""},
}  # fmt: skip


def _stop(scope: str, from_ms: int, minutes: int, state: str, reason: str) -> dict[str, Any]:
    return {
        "scope": scope, "from_at": _at(from_ms), "to_at": _at(from_ms + minutes * MINUTE_MS), "line": "L01",
        "machine": "", "root_machine": "L01-M2", "root_state": "fault", "state": state, "cause": "upstream",
        "stop_code": "E7", "reason": reason, "reason_by": "device", "micro": False, "loss_s": minutes * 60.0,
        "job_id": 1, "shift_day": "2026-01-05", "shift": "D",
    }  # fmt: skip


def _source(code: str, state: str, **health: Any) -> dict[str, Any]:
    said = {"detail": "", "last_at": _at(NOW_MS - 4000), "skew_s": 0.12, "counts": {"heard": 5397}, "bad_tags": {}}
    return {
        "source": code, "owner": "one", "epoch": 1, "is_owned": True, "state": state,
        "since_at": _at(NOW_MS - 6 * HOUR_MS), "heard_at": _at(NOW_MS - 2000), "health": {**said, **health},
        "gap_since": _at(NOW_MS - 9 * MINUTE_MS) if state == "lost" else None, "quarantined": 0,
    }  # fmt: skip


SOURCES = [
    _source("broker-1", "running", queue_rows=3),
    _source("plc-1", "lost", detail="network: the server does not answer", spool_rows=240),
    _source("plc-2", "degraded", bad_tags={"L02-M1/state": "BadNodeIdUnknown"}),
]
_WHY_AVAILABILITY = {
    "kpi": "availability", "formula": "APT / PBT", "unit": "1", "result": _KPIS["availability"],
    "inputs": [{"name": "APT", "value": 248.3, "unit": "min"}, {"name": "PBT", "value": 312.0, "unit": "min"}],
}  # fmt: skip
ANSWERS: dict[str, Any] = {
    "/kpis": [
        {"from_at": None, "shift_day": "2026-01-05", "shift": "D", "elements": _ELEMENTS, "kpis": _KPIS},
    ],
    "/why/kpi/oee": {
        "why": {
            "kpi": "oee", "formula": "availability x effectiveness x quality_ratio", "unit": "1",
            "result": _KPIS["oee"], "factors": [_WHY_AVAILABILITY],
        },
        "rows": [{"scope": "L01", "shift_day": "2026-01-05", "shift": "D", "elements": _ELEMENTS}],
    },
    "/stops": {
        "items": [
            _stop("L01", NOW_MS - 5 * HOUR_MS, 21, "starved", "S1"),
            _stop("L01", NOW_MS - 3 * HOUR_MS, 7, "stopped", ""),
            _stop("L01", NOW_MS - 2 * HOUR_MS, 12, "fault", "S2"),
        ],
        "next_cursor": None,
    },
    "/jobs": {
        "items": [
            {
                "id": 41, "system": "erp", "number": "MO26-1100", "item": "KFR-35GW", "operation_seq": 30,
                "line": "L01", "shift_day": "2026-01-05", "shift": "D", "sequence": 1, "quantity": 500,
                "planned_start_at": _at(NOW_MS - 6 * HOUR_MS), "planned_end_at": _at(NOW_MS + 3 * HOUR_MS),
                "plan_id": 7, "state": "running", "running_since": None, "started_at": None, "marked_at": None,
                "confirmed_at": None, "good": 211, "reject": 20, "entered": 231,
            },
        ],
        "next_cursor": None,
    },
    "/entries": {
        "items": [
            {"id": 1, "kind": "reject", "reason": "Q1", "quantity": "3", "reversed_by": None},
            {"id": 2, "kind": "reason", "reason": "S1", "line": "L01", "machine": "L01-M2", "station": None,
             "effective_at": _at(NOW_MS - 3 * HOUR_MS + 7 * MINUTE_MS), "from_at": _at(NOW_MS - 3 * HOUR_MS),
             "quantity": None, "reversed_by": 3, "entered_at": _at(NOW_MS - 2 * HOUR_MS), "entered_by": "person:wu",
             "detail": {"note": "焊枪 / torch"}, "taken_back_at": _at(NOW_MS - HOUR_MS),
             "taken_back_by": "person:zhao"},
            {"id": 4, "kind": "reason", "reason": "S2", "line": "L01", "machine": "L01-M2", "station": None,
             "effective_at": _at(NOW_MS - 3 * HOUR_MS + 5 * MINUTE_MS), "from_at": _at(NOW_MS - 3 * HOUR_MS),
             "quantity": None, "reversed_by": None, "entered_at": _at(NOW_MS - HOUR_MS), "entered_by": "person:zhao",
             "detail": {}, "taken_back_at": None, "taken_back_by": None},
        ],
        "next_cursor": None,
    },
    "/sources": SOURCES,
    "/sources/plc-1": {
        "source": SOURCES[1],
        "last": [
            {
                "address": "L01-M1/good_total", "at": _at(NOW_MS - 5000), "value": 65431, "quality": 0,
                "source_at": None, "server_at": None, "received_at": _at(NOW_MS - 4000), "h": 7,
            },
        ],
    },
    "/gaps": {
        "items": [
            {"id": 3, "source": "plc-1", "address": None, "from_at": _at(NOW_MS - 9 * MINUTE_MS), "to_at": None,
             "why": "network", "detail": "the server does not answer"},
        ],
        "next_cursor": None,
    },
    "/quarantine": {"items": [], "next_cursor": None},
}  # fmt: skip
"""The answers of the addresses pages ask again and again."""

ANSWERS |= {
    "/unassigned-counts": [
        {"line": "L01", "station": "L01-S3", "from_at": _at(NOW_MS - 4 * HOUR_MS), "to_at": _at(NOW_MS - 3 * HOUR_MS),
         "good": 12, "reject": 1, "rework": 0, "scrap": 0, "job_before": 41, "job_after": None},
    ],
    "/presence": [
        {"person": "wu", "name": "吴 Wu", "line": "L01", "station": "L01-S3", "since": _at(NOW_MS - 6 * HOUR_MS),
         "share": "0.4"},
    ],
    "/labor": [
        {"person": "wu", "line": "L01", "station": "L01-S3", "system": "erp", "number": "MO26-1100", "job_id": 41,
         "operation_seq": 30, "phase": "production", "from_at": _at(NOW_MS - 6 * HOUR_MS), "to_at": _at(NOW_MS),
         "share": "0.4", "seconds": 21600.0},
    ],
    "/andon-calls": {
        "items": [
            {"id": 8, "client_id": "6f1b1a0e-0000-4000-8000-000000000008", "line": "L01", "station": "L01-S3",
             "machine": None, "kind": "maintenance", "note": "", "raised_at": _at(NOW_MS - 50 * MINUTE_MS),
             "raised_by": "person:wu", "level": 1, "escalated_at": _at(NOW_MS - 40 * MINUTE_MS),
             "taken_at": _at(NOW_MS - 38 * MINUTE_MS), "taken_by": "person:zhao",
             "resolved_at": _at(NOW_MS - 20 * MINUTE_MS), "resolved_by": "person:zhao", "roles": ["maintenance"]},
        ],
        "next_cursor": None,
    },
    "/handovers": {
        "items": [
            {"id": 3, "line": "L01", "shift_day": "2026-01-04", "shift": "N", "at": _at(NOW_MS - 7 * HOUR_MS),
             "by": "person:zhao", "note": "M2 的焊枪要换 / new torch for M2", "from_at": _at(NOW_MS - 19 * HOUR_MS),
             "through_at": _at(NOW_MS - 7 * HOUR_MS),
             "figures": {"elements": {"good": 402, "reject": 9}, "unassigned": 0}},
        ],
        "next_cursor": None,
    },
}  # fmt: skip
ANSWERS["/stops"]["items"].append({**_stop("L01-M2", NOW_MS - 3 * HOUR_MS, 7, "stopped", ""), "machine": "L01-M2"})


def line(code: str) -> LineImage:
    """A line's page: hours with and without rejects, three machines."""
    tile = scenes.wall(5).tiles[code]
    rnd = random.Random(5)
    return LineImage(
        site=SITE,
        code=code,
        tile=tile,
        hours={
            str((SHIFT_FROM_MS + k * HOUR_MS) // 1000): HourImage(good, k % 3)
            for k, good in enumerate((41, 62, 55, 38, 0, 44))
        },
        machines={
            f"{code}-M{k + 1}": MachineImage(
                Name("性能测试包装", "Indoor unit pre-assembly"), status, NOW_MS - 20 * MINUTE_MS,
                scenes.strip(rnd, status, NOW_MS - 20 * MINUTE_MS),
            )
            for k, status in enumerate(("running", "fault", "planned_stop"))
        },
        order=tuple(f"{code}-M{k + 1}" for k in range(3)),
    )  # fmt: skip
