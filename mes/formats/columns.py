"""A list as people read it in a spreadsheet: headings in their language, instants on the plant's clock, reasons named.

`people_rows(rows, lang, zone, reasons)` takes documents as routes answer them; what has no word here stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from mes.formats.sheets import flat

Lang = Literal["zh", "en"]
UNREAD = frozenset({"client_id"})
"""Columns that say nothing to people."""
HEADINGS: dict[str, tuple[str, str]] = {
    "adet_us": ("停机微秒", "Down, µs"),
    "adot_us": ("故障微秒", "Delays, µs"),
    "apt_us": ("生产微秒", "Production, µs"),
    "at_line": ("线边库存", "At line"),
    "calendar_us": ("日历微秒", "Calendar, µs"),
    "cause": ("起因", "Cause"),
    "changed_at": ("变更时间", "Changed"),
    "closed_at": ("关闭时间", "Closed"),
    "confirmed_at": ("报工确认时间", "Confirmed"),
    "customer": ("客户", "Customer"),
    "due": ("交期", "Due"),
    "effective_at": ("发生时间", "Happened"),
    "entered": ("投入", "Entered"),
    "entered_at": ("录入时间", "Entered at"),
    "entered_by": ("录入人", "Entered by"),
    "escalated_at": ("升级时间", "Escalated"),
    "forecast": ("预计完工", "Forecast"),
    "from_at": ("开始", "From"),
    "good": ("良品", "Good"),
    "id": ("编号", "No."),
    "is_open": ("未关闭", "Open"),
    "item": ("物料", "Item"),
    "job_after": ("后一任务", "Job after"),
    "job_before": ("前一任务", "Job before"),
    "job_id": ("任务", "Job"),
    "kind": ("类型", "Kind"),
    "kit_rate": ("齐套率", "Kit rate"),
    "kpis": ("指标", "KPI"),
    "late_minutes": ("延误分钟", "Late, min"),
    "level": ("升级级别", "Level"),
    "line": ("产线", "Line"),
    "lines": ("产线", "Lines"),
    "location": ("库位", "Location"),
    "loss_s": ("损失秒数", "Lost, s"),
    "machine": ("设备", "Machine"),
    "micro": ("微停", "Micro stop"),
    "name": ("名称", "Name"),
    "needed_at": ("需要时间", "Needed"),
    "needed_by": ("需要时间", "Needed by"),
    "note": ("备注", "Note"),
    "number": ("单号", "Order"),
    "oee": ("OEE", "OEE"),
    "on_hand": ("现有", "On hand"),
    "on_order": ("在途", "On order"),
    "opened_at": ("发现时间", "Opened"),
    "operation_seq": ("工序", "Operation"),
    "person": ("人员", "Person"),
    "phase": ("阶段", "Phase"),
    "planned": ("计划", "Plan"),
    "planned_end_at": ("计划结束", "Planned end"),
    "planned_start_at": ("计划开始", "Planned start"),
    "priority": ("优先级", "Priority"),
    "quality_ratio": ("质量率", "Quality"),
    "quantity": ("数量", "Quantity"),
    "raised_at": ("呼叫时间", "Raised"),
    "raised_by": ("呼叫人", "Raised by"),
    "reason": ("原因", "Reason"),
    "reason_by": ("原因来自", "Reason by"),
    "reject": ("不良", "Reject"),
    "resolved_at": ("解除时间", "Resolved"),
    "resolved_by": ("解除人", "Resolved by"),
    "revision": ("版本", "Revision"),
    "rework": ("返工", "Rework"),
    "roles": ("通知对象", "For"),
    "root_machine": ("根源设备", "Root machine"),
    "root_state": ("根源状态", "State at root"),
    "scope": ("对象", "Of"),
    "scrap": ("报废", "Scrap"),
    "seconds": ("秒", "Seconds"),
    "sequence": ("顺序", "Sequence"),
    "share": ("分摊比例", "Share"),
    "shift": ("班次", "Shift"),
    "shift_day": ("班次日期", "Shift day"),
    "short_of": ("缺料", "Short of"),
    "short_quantity": ("短缺数量", "Short"),
    "since": ("自", "Since"),
    "state": ("状态", "State"),
    "station": ("工位", "Station"),
    "status": ("状态", "Status"),
    "stop_code": ("停机代码", "Stop code"),
    "store": ("仓库", "Store"),
    "system": ("系统", "System"),
    "taken_at": ("响应时间", "Taken"),
    "taken_by": ("响应人", "Taken by"),
    "to_at": ("结束", "To"),
    "unit": ("单位", "Unit"),
    "wip": ("在制", "WIP"),
    "availability": ("时间开动率", "Availability"),
    "effectiveness": ("性能开动率", "Effectiveness"),
    "elements": ("要素", "Elements"),
}


def people_rows(
    rows: Iterable[Mapping[str, Any]], lang: Lang, zone: ZoneInfo, reasons: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Documents with headings people read. `reasons`: each reason's code with its name in both languages."""
    return [
        {heading(column, lang): _cell(column, cell, lang, zone, reasons) for column, cell in _columns(row, lang)}
        for row in rows
    ]


def heading(column: str, lang: Lang) -> str:
    """A column's path in words: `kpis/oee/value` is KPI/OEE/value."""
    parts = column.split("/")
    return "/".join(HEADINGS[part][lang == "en"] if part in HEADINGS else part for part in parts)


def _columns(row: Mapping[str, Any], lang: Lang) -> Iterable[tuple[str, Any]]:
    """The columns of a document people read; a name that is there in both languages only in theirs."""
    other = "/en" if lang == "zh" else "/zh"
    for column, cell in flat(row):
        if column not in UNREAD and not column.endswith(other):
            yield column.removesuffix(f"/{lang}"), cell


def _cell(column: str, cell: Any, lang: Lang, zone: ZoneInfo, reasons: Mapping[str, Any]) -> Any:
    if not isinstance(cell, str) or not cell:
        return cell
    if column == "reason" and cell in reasons:
        return getattr(reasons[cell].name, lang)
    if column == "since" or column.endswith(("_at", "_by")) or column in {"due", "forecast"}:
        return _local(cell, zone)
    return cell


def _local(text: str, zone: ZoneInfo) -> str:
    """An instant on the plant's clock to the second, as a spreadsheet takes it; anything else as it is."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if at.tzinfo is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
