"""Scenes of terminals: one that scans, one with hourly entry, one beside a machine, one without a job."""

from __future__ import annotations

from mes.domain.plant import Name
from mes.store.screens.hours import HourImage
from mes.store.screens.readiness import HindranceImage
from mes.store.screens.station import (
    DocumentImage,
    PartImage,
    PersonImage,
    ReasonImage,
    SaidImage,
    StationImage,
    StationJobImage,
    StopImage,
)
from mes.store.screens.wall import CallImage
from tests.browser.scenes import HOUR_MS, MINUTE_MS, NOW_MS, SHIFT, SHIFT_FROM_MS, SITE

REJECTS = (
    ReasonImage("Q01", Name("端子压接不良", "Bad crimp"), "process"),
    ReasonImage("Q02", Name("线序错误", "Wrong wire order"), "process"),
    ReasonImage("Q03", Name("插头破损", "Connector broken"), "material"),
    ReasonImage("Q04", Name("绝缘破损", "Insulation damaged"), "material"),
    ReasonImage("Q05", Name("长度超差", "Length out of tolerance"), "process"),
    ReasonImage("Q06", Name("通断测试不合格", "Continuity test failed"), "process"),
)
STOPS = tuple(ReasonImage(f"S{k}", name) for k, name in enumerate((
    Name("缺料", "Waiting for material"), Name("设备故障", "Breakdown"), Name("停电", "Power cut"),
    Name("换型", "Changeover"), Name("早会", "Morning meeting"), Name("缺人", "Nobody there"),
)))  # fmt: skip


MISSING = HindranceImage("material", "warned", "C-PLUG-4", Name("四芯插头", "Four-pin plug"), can_be_called=True)
FIRST_ARTICLE = HindranceImage("first_article", "override")
HELD = HindranceImage("held", "refused")


def _job(number: str, state: str, good: int, start_ms: int, *hindrances: HindranceImage) -> StationJobImage:
    return StationJobImage(
        order=number, item="HAR-35", name=Name("主线束 W-35", "Main harness W-35"), revision="C", operation_seq=20,
        operation=Name("压接装配", "Crimp and assemble"), quantity=240, good=good, reject=3 if good else 0, state=state,
        sequence=1, planned_start=start_ms, planned_end=start_ms + 3 * HOUR_MS,
        documents=(DocumentImage("drawing", "D-HAR-35", "C", "/docs/D-HAR-35.pdf"),),
        parts=(
            PartImage("C-WIRE-2", Name("电源线 2.5", "Power cable 2.5"), "m", "1.8", "62", NOW_MS + 34 * MINUTE_MS),
            PartImage("C-PLUG-4", Name("四芯插头", "Four-pin plug"), "pcs", "2", "800", NOW_MS + 7 * HOUR_MS),
            PartImage("C-TAPE", Name("绝缘胶带", "Insulating tape"), "m", "0.4"),
        ),
        hindrances=hindrances, can_make=0 if hindrances else 240 - good,
    )  # fmt: skip


def station(code: str) -> StationImage:
    """`L05-S1` scans, `L05-S4` enters by the hour, `L01-S3` counts by machine, `L05-S2` has no job."""
    counts_by = {"L05-S4": "entry", "L01-S3": "machine"}.get(code, "scan")
    idle = code == "L05-S2"
    return StationImage(
        site=SITE, code=code, name=Name("压接装配", "Crimp and assemble"), line=code[:3],
        line_name=Name("线束手工线", "Wire harness, by hand"), counts_by=counts_by, manual=counts_by != "machine",
        status="idle" if idle else "running", since=NOW_MS - 27 * MINUTE_MS, good=171, reject=3,
        unassigned=12 if idle else 0,
        jobs={
            "41": _job("MO26-1104", "ready" if idle else "running", 0 if idle else 171, NOW_MS - 2 * HOUR_MS),
            "42": _job("MO26-1108", "ready", 0, NOW_MS + 2 * HOUR_MS, FIRST_ARTICLE, MISSING),
            "43": _job("MO26-1109", "held", 0, NOW_MS + 5 * HOUR_MS, HELD),
            "40": _job("MO26-1101", "completed", 240, NOW_MS - 6 * HOUR_MS),
        },
        reject_reasons=REJECTS, stop_reasons=STOPS,
        stops=(
            StopImage("L05-S1", NOW_MS - 90 * MINUTE_MS, "idle", NOW_MS - 78 * MINUTE_MS),
            StopImage("L05-S1", NOW_MS - 200 * MINUTE_MS, "stopped", NOW_MS - 190 * MINUTE_MS),
        ),
        said=(SaidImage("7", "count", "1", NOW_MS - MINUTE_MS, "person:wu"),),
        calls={"1": CallImage("L05", "material", NOW_MS - 6 * MINUTE_MS, 0, station=code)},
        hours={
            str((SHIFT_FROM_MS + k * HOUR_MS) // 1000): HourImage(good, reject)
            for k, (good, reject) in enumerate(((31, 0), (36, 1), (29, 2), (38, 0), (37, 0)))
        },
        people=() if idle else (
            PersonImage("wu", "吴 Wu", NOW_MS - 6 * HOUR_MS, here=True),
            PersonImage("zhao", "赵 Zhao", NOW_MS - 5 * HOUR_MS, here=False),
        ),
        badge_prefix="GP",
        components=("C-WIRE-2", "C-PLUG-4", "C-TAPE", "C-COMP-35"), shift=SHIFT, job=None if idle else "41",
        phase=None if idle else "production", hour_from=NOW_MS - 72 * MINUTE_MS,
    )  # fmt: skip
