"""How figures stand on the way to a screen: instants as whole epoch milliseconds, quantities as decimal text.

A page's image is a tree of frozen dataclasses. What is absent (`None`) is left out, because deltas are JSON merge
patches (RFC 7386), where null means "gone".
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from mes.domain.exchange import quantity_text
from mes.domain.plant import Name


def ms(at: datetime) -> int:
    """An instant as whole epoch milliseconds, rounded down."""
    return int(at.timestamp() * 1000)


def ms_or_none(at: datetime | None) -> int | None:
    """`ms`, where there is an instant."""
    return None if at is None else ms(at)


def quantity(value: Decimal | int | None) -> str:
    """A quantity as decimal text; nothing is `"0"`."""
    return "0" if value is None else quantity_text(Decimal(value))


def name_of(words: dict[str, Any] | None, code: str) -> Name:
    """A stored name in both languages; its code where a language is missing."""
    words = words or {}
    return Name(zh=str(words.get("zh") or words.get("en") or code), en=str(words.get("en") or words.get("zh") or code))
