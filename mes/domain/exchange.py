"""Facts for other systems: the envelope of an event, and the hash that says what a document or request contained."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

EventType = Literal[
    "mes.order.accepted",
    "mes.order.rejected",
    "mes.order.started",
    "mes.order.completed",
    "mes.order.cancelled",
    "mes.plan.published",
    "mes.production.reported",
    "mes.production.reversed",
    "mes.shortage.opened",
    "mes.shortage.changed",
    "mes.shortage.closed",
    "mes.eta.changed",
    "mes.andon.raised",
    "mes.andon.resolved",
]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for others. `subject` is what order is kept by: `system/number` of an order, an item."""

    type: EventType
    subject: str
    body: dict[str, Any]


def plain(value: Any) -> Any:
    """A value as JSON has it: instants RFC 3339 UTC, dates ISO, quantities as decimal strings without padding."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return quantity_text(value)
    return value


def quantity_text(quantity: Decimal) -> str:
    """`Decimal("117.000000")` -> `"117"`; at most six decimals, rounded half to even."""
    text = format(quantity.quantize(Decimal("0.000001")), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def content_sha256(content: Any) -> str:
    """The hash of what something says, independent of key order and number padding."""
    text = json.dumps(plain(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
