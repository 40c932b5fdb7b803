"""Device times in every common form -> microseconds since 1970 UTC (pure).

Numbers are epoch seconds, milliseconds, microseconds or nanoseconds, told apart by their size (each form names years
1973 to 5138 without overlap). Texts are numbers, ISO 8601 (basic and extended, `T` or a space, comma or point, any
number of decimals), `2026/01/05 08:00:00`, or `/Date(1767571200000)/`. A text without zone is the plant's local time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

S_BELOW = 10**11
MS_BELOW = 10**14
US_BELOW = 10**17
NS_BELOW = 10**20
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_MS_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_COMPACT_ISO_LENGTHS = {8, 14}


def micros_of(word: object, zone: tzinfo) -> int | None:
    """The instant a device means; None when it is no time at all."""
    kind = type(word)
    if kind is int or kind is float:
        return _of_number(word)  # type: ignore[arg-type]
    return _of_text(word.strip(), zone) if isinstance(word, str) else None


def _of_number(number: float) -> int | None:
    size = abs(number)
    if MS_BELOW <= size < US_BELOW:
        return int(number)
    if S_BELOW <= size < MS_BELOW:
        return round(number * 1_000)
    if size < S_BELOW:
        return round(number * 1_000_000)
    return int(number) // 1_000 if size < NS_BELOW else None  # neither NaN nor infinity is below


def _of_text(text: str, zone: tzinfo) -> int | None:
    if _NUMBER.fullmatch(text) and not (text.isdigit() and len(text) in _COMPACT_ISO_LENGTHS):
        return _of_number(float(text) if "." in text else int(text))
    if matched := _MS_DATE.fullmatch(text):
        return int(matched.group(1)) * 1_000
    try:
        at = _parsed(text)
    except ValueError:
        return None
    at = at.replace(tzinfo=zone) if at.tzinfo is None else at
    return round(at.astimezone(UTC).timestamp() * 1_000_000)


def _parsed(text: str) -> datetime:
    if len(text) == 14 and text.isdigit():
        return datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007  the zone is the plant's
    return datetime.fromisoformat(text.replace("/", "-"))
