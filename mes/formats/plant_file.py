"""`plant.toml` <-> `Plant`, with every error at its line.

`read_plant(text)` reads a file whole: syntax, unknown fields, wrong values, and what only the whole model can know.
It either returns a `Plant` that may be applied or raises one `InputError` with all its faults.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import tomli_w
from pydantic import TypeAdapter, ValidationError

from mes.domain.plant import Plant
from mes.domain.plant_faults import plant_faults
from mes.errors import Fault, InputError

_PLANT: TypeAdapter[Plant] = TypeAdapter(Plant)
_KEYWORDS = {"from": "from_"}
_HEADER = re.compile(r"^\s*\[\[?\s*([A-Za-z_]+)\s*\]?\]")


def read_plant(text: str) -> Plant:
    """The plant a TOML text describes. Raises InputError; each fault's pointer is `line N`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError("The plant file is not TOML", faults=(Fault("", "syntax", str(error)),)) from error
    try:
        plant = plant_from(document)
    except InputError as error:
        raise InputError(str(error.detail), faults=tuple(_at_line(text, error.faults))) from error
    return plant


def plant_from(document: dict[str, Any]) -> Plant:
    """The plant a document describes. Raises InputError; each fault's pointer is a JSON pointer."""
    try:
        plant = _PLANT.validate_python(_renamed(document))
    except ValidationError as error:
        raise InputError("The plant model is not valid", faults=tuple(_faults(error))) from error
    if faults := plant_faults(plant):
        raise InputError("The plant model is not valid", faults=tuple(faults))
    return plant


def document_of(plant: Plant) -> dict[str, Any]:
    """The document of a plant, without what is default; `plant_from` reads it back to an equal plant."""
    document: dict[str, Any] = _PLANT.dump_python(plant, mode="json", exclude_defaults=True)
    for change in document.get("setup", []):
        if "from_" in change:
            change["from"] = change.pop("from_")
    return document


def write_plant(plant: Plant) -> str:
    """The plant as TOML, in the form `read_plant` reads."""
    return tomli_w.dumps(document_of(plant))


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    setups = document.get("setup")
    if not isinstance(setups, list):
        return document
    renamed = [{_KEYWORDS.get(k, k): v for k, v in s.items()} if isinstance(s, dict) else s for s in setups]
    return {**document, "setup": renamed}


def _faults(error: ValidationError) -> Iterable[Fault]:
    for item in error.errors(include_url=False):
        where = [str(part) for part in item["loc"] if not str(part).startswith(("tuple", "dict", "constrained"))]
        pointer = "".join(f"/{part}".replace("from_", "from") for part in where)
        message = str(item["msg"]).removeprefix("Value error, ")
        yield Fault(pointer, str(item["type"]), f"{message} ({pointer.lstrip('/') or 'file'})")


def _at_line(text: str, faults: Iterable[Fault]) -> Iterable[Fault]:
    lines = text.splitlines()
    return (replace(fault, pointer=f"line {_line_of(lines, fault.pointer)}") for fault in faults)


def _line_of(lines: list[str], pointer: str) -> int:
    """The line of a JSON pointer: its key inside its table, else the table's header, else the first line."""
    kind, index, key = (*pointer.lstrip("/").split("/"), "", "", "")[:3]
    if not index.isdigit():
        index, key = "0", index
    headers = [n for n, line in enumerate(lines) if (m := _HEADER.match(line)) and m.group(1) == kind]
    if int(index) >= len(headers):
        return next((n + 1 for n, line in enumerate(lines) if line.strip().startswith(kind)), 1)
    start = headers[int(index)]
    for n in range(start + 1, len(lines)):
        if _HEADER.match(lines[n]):
            break
        if key and re.match(rf"^\s*{re.escape(key)}\s*[=.]", lines[n]):
            return n + 1
    return start + 1
