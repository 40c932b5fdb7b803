"""The value of a Sparkplug metric by its datatype (pure; Sparkplug 3.0, 6.4.16)."""

from __future__ import annotations

from typing import Any

_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
_UNSIGNED, _TEXTS, _DATE_TIME, _BYTES = {5, 6, 7, 8}, {12, 14, 15}, 13, 17
_FIELD_OF = {9: "float_value", 10: "double_value", 11: "boolean_value", 17: "bytes_value"}


def value_of(metric: Any, datatype: int) -> Any:
    """The value of a metric by its datatype. Raises ValueError for data sets, templates and files."""
    if datatype in _BITS:
        raw = metric.long_value if metric.HasField("long_value") else metric.int_value
        return _signed(raw, 64 if metric.HasField("long_value") else 32, _BITS[datatype])
    if datatype in _UNSIGNED:
        return metric.long_value if metric.HasField("long_value") else metric.int_value
    if datatype in _FIELD_OF:
        value = getattr(metric, _FIELD_OF[datatype])
        return value.hex() if datatype == _BYTES else value
    if datatype in _TEXTS:
        return metric.string_value
    if datatype == _DATE_TIME:
        return int(metric.long_value)
    raise ValueError(f"Sparkplug datatype {datatype} is no single value")


def _signed(raw: int, width: int, bits: int) -> int:
    """Negative numbers travel as two's complement, of the field's width or of the type's own."""
    for size in (width, bits):
        if raw >= 1 << size - 1 and raw < 1 << size:
            return raw - (1 << size)
    return raw
