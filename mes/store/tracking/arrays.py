"""Many rows as one statement's arrays.

psycopg turns a list into an array element by element in Python, which a tick that writes hundreds of rows feels. These
write PostgreSQL's array literals directly; a statement casts them (`%(codes)s::text[]`). Instants travel as
microseconds (`int8[]`) and become timestamps by the SQL function `instant`.
"""

from __future__ import annotations

from collections.abc import Iterable


def texts(values: Iterable[str | None]) -> str:
    """A `text[]` literal (`date[]` and `numeric[]` read it too)."""
    return "{" + ",".join(map(_quoted, values)) + "}"


def _quoted(value: str | None) -> str:
    if value is None:
        return "NULL"
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


def wholes(values: Iterable[int | None]) -> str:
    """An `int8[]` or `int4[]` literal."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def truths(values: Iterable[bool]) -> str:
    """A `boolean[]` literal."""
    return "{" + ",".join(["t" if value else "f" for value in values]) + "}"


LAST_US = 253_370_764_800_000_000
"""The last instant (9999-12-31) that PostgreSQL and Python both can hold."""


def instants(values: Iterable[int | None]) -> str:
    """An `int8[]` literal of instants in µs, none later than the last there is."""
    return "{" + ",".join(["NULL" if us is None else str(min(LAST_US, us)) for us in values]) + "}"
