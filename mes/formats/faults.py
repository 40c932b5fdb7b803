"""What pydantic found wrong, as our faults: JSON pointers, our codes, a sentence that begins with the field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mes.errors import Fault, pointed

CODES = {
    "unexpected_keyword_argument": "unknown_field",
    "extra_forbidden": "unknown_field",
    "missing_argument": "missing",
    "missing_keyword_only_argument": "missing",
    "value_error": "invalid",
}


def faults_of(errors: Iterable[Any], *, within: str | None = None, document: Any = None) -> tuple[Fault, ...]:
    """Faults of pydantic's `errors()`; `document` is what was read.

    `within` names what the document stands in (`body`): its fields get JSON pointers, and what is found elsewhere
    `query/limit` and the like. None: every place is a field of the document.
    """
    return tuple(_fault(item, within, document) for item in errors)


def _fault(item: Any, within: str | None, document: Any) -> Fault:
    where, path = ("", list(item["loc"])) if within is None else (str(item["loc"][0]), list(item["loc"][1:]))
    inside = within is None or where == within
    if inside:
        path = list(_fields(path, document, missing=str(item["type"]).startswith("missing")))
    pointer = "".join(f"/{pointed(part)}" for part in path)
    code = CODES.get(item["type"], item["type"])
    sentence = str(item["msg"]).removeprefix("Value error, ")
    name = path[-1] if path else within or "document"
    return Fault(pointer if inside else where + pointer, code, f"{name}: {sentence}")


def _fields(path: list[Any], document: Any, *, missing: bool) -> Iterator[Any]:
    """The parts of a place that are in the document; pydantic also names the alternatives it tried."""
    for n, part in enumerate(path):
        here = document[part] if _has(document, part) else None
        if _has(document, part) or (missing and n == len(path) - 1):
            yield part
            document = here


def _has(document: Any, part: Any) -> bool:
    if isinstance(document, dict):
        return part in document
    return isinstance(document, list | tuple) and isinstance(part, int) and part < len(document)
