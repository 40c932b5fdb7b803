"""Field rules: the annotated types that documents and forms are made of.

The edges (HTTP, files, command line) read them through pydantic, so that an error keeps the name of its field; inside
the house they are plain `str`, `Decimal` and `datetime`. Quantities are written as decimal strings, read as strings or
numbers, and rounded half to even to six decimals once, here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from mes.domain.exchange import quantity_text

CODE_CHARACTERS_MAX = 80
TEXT_CHARACTERS_MAX = 2000
INT4_MAX = 2**31 - 1
QUANTITY_MAX = Decimal(10) ** 12
FIRST_YEAR, LAST_YEAR = 2000, 2199
NO_CHARACTER = "\ufffd"
"""What decoding puts in the place of bytes that are no text."""
STEP = Decimal("0.000001")
_INSTANT = re.compile(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")


def _clean(text: str) -> str:
    if text != text.strip() or not text.isprintable() or NO_CHARACTER in text:
        raise ValueError("has no control characters, no broken ones, and no spaces at its ends")
    return text


def _without_slash(text: str) -> str:
    if "/" in text:
        raise ValueError("has no slash")
    return _clean(text)


def _stored(text: str) -> str:
    if "\0" in text:
        raise ValueError("has no NUL character")
    return text


def rounded(quantity: Decimal) -> Decimal:
    """To six decimals, half to even."""
    return quantity.quantize(STEP)


def _rounded_positive(quantity: Decimal) -> Decimal:
    if not (kept := rounded(quantity)):
        raise ValueError("is less than the smallest quantity kept, 0.000001")
    return kept


def _written_instant(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _INSTANT.match(value)):
        return value
    raise ValueError("is an instant like 2026-01-05T08:00:00Z")


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("needs its offset from UTC, like 2026-01-05T08:00:00Z or 2026-01-05T16:00:00+08:00")
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError(f"lies between the years {FIRST_YEAR} and {LAST_YEAR}")
    return at.astimezone(UTC)


_AS_TEXT = PlainSerializer(quantity_text, return_type=str, when_used="json")

Code = Annotated[str, MinLen(1), MaxLen(CODE_CHARACTERS_MAX), AfterValidator(_clean)]
"""A business key: any letters (`/` and 中文 too), 1 to 80 characters."""

CodeOrNone = Annotated[str, MaxLen(CODE_CHARACTERS_MAX), AfterValidator(_clean)]
"""A business key, or empty."""

SystemCode = Annotated[str, MaxLen(CODE_CHARACTERS_MAX), AfterValidator(_without_slash)]
"""The code of an outside system, or empty; without `/`, because it begins `system/number`."""

Text = Annotated[str, MaxLen(TEXT_CHARACTERS_MAX), AfterValidator(_stored)]
"""Words of people, up to 2000 characters."""

Quantity = Annotated[Decimal, Ge(0), Lt(QUANTITY_MAX), AfterValidator(rounded), _AS_TEXT]
Positive = Annotated[Decimal, Gt(0), Lt(QUANTITY_MAX), AfterValidator(_rounded_positive), _AS_TEXT]
Signed = Annotated[Decimal, Gt(-QUANTITY_MAX), Lt(QUANTITY_MAX), AfterValidator(rounded), _AS_TEXT]
Fraction = Annotated[Decimal, Ge(0), Lt(1), AfterValidator(rounded), _AS_TEXT]
Yield = Annotated[Decimal, Gt(0), Le(1), AfterValidator(_rounded_positive), _AS_TEXT]

Instant = Annotated[datetime, BeforeValidator(_written_instant), AfterValidator(_utc)]
"""An instant with its offset, kept in UTC."""

Number = Annotated[int, Ge(0), Le(INT4_MAX)]
"""A line number, sequence or count of minutes."""

Count = Annotated[int, Ge(1), Le(INT4_MAX)]

ClientId = UUID
"""Given by whoever sends, so that sending twice is doing once."""
