"""Sparkplug payloads and an edge node for tests."""

from __future__ import annotations

from typing import Any

from collectors.sparkplug.payload_pb2 import Payload

TYPES = {bool: (11, "boolean_value"), int: (4, "long_value"), float: (10, "double_value"), str: (12, "string_value")}


def payload(seq: int | None, *metrics: dict[str, Any], at_ms: int = 1_767_571_200_000) -> bytes:
    """A payload; each metric is name, alias, value, at_ms, historical, datatype."""
    message = Payload(timestamp=at_ms)
    if seq is not None:
        message.seq = seq
    for metric in metrics:
        _add(message, **metric)
    return bytes(message.SerializeToString())


def _add(
    message: Any,
    *,
    value: Any = None,
    name: str = "",
    alias: int | None = None,
    at_ms: int = 0,
    historical: bool = False,
    datatype: int = 0,
) -> None:
    metric = message.metrics.add()
    if name:
        metric.name = name
    if alias is not None:
        metric.alias = alias
    if at_ms:
        metric.timestamp = at_ms
    metric.is_historical = historical
    if value is None:
        metric.is_null = True
        metric.datatype = datatype
        return
    usual, field = TYPES[type(value)]
    metric.datatype = datatype or usual
    setattr(metric, field, value % (1 << 64) if field == "long_value" else value)


def bd_seq(number: int) -> dict[str, Any]:
    """The metric of that name."""
    return {"name": "bdSeq", "value": number}
