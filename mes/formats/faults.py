"""What pydantic found wrong, as our faults: JSON pointers, our codes, a sentence that begins with the field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mes.errors import Fault

CODES = {
    "unexpected_keyword_argument": "unknown_field",
    "extra_forbidden": "unknown_field",
    "missing_argument": "missing",
    "missing_keyword_only_argument": "missing",
    "value_error": "invalid",
}


def faults_of(errors: Iterable[Any], *, within: str | None = None) -> tuple[Fault, ...]:
    """Faults of pydantic's `errors()`.

    `within` names what the documents stand in (`body`): its fields get JSON pointers, and what is found elsewhere
    `query/limit` and the like. None: every place is a field of the document.
    """
    return tuple(_fault(item, within) for item in errors)


def _fault(item: Any, within: str | None) -> Fault:
    path = [str(part) for part in item["loc"] if not str(part).startswith(("tuple[", "function-", "dataclass-"))]
    if within is not None:
        where, path = path[0], path[1:]
    pointer = "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path)
    if within is not None and where != within:
        pointer = where + pointer
    code = CODES.get(item["type"], item["type"])
    sentence = str(item["msg"]).removeprefix("Value error, ")
    return Fault(pointer, code, f"{path[-1] if path else within or 'document'}: {sentence}")
