"""Files of documents: orders, items, releases, stock, receipts as CSV, XLSX or JSON.

`read_documents("orders", "orders.xlsx", data, zone)` gives every document with the rows it came from, or what is wrong
with it. Instants without offset are local to the plant. A JSON file holds a list of documents as the api takes them,
keys included. In tables one row is one document, except: stock rows of one location and as_of are one statement; a
release has a row for each BOM line (`component`) and each operation (`seq`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import PurePath
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from mes.domain.material.documents import ExpectedReceipt, StockStatement
from mes.domain.order_document import ProductionOrder
from mes.domain.product import Item, Release
from mes.errors import Fault, InputError
from mes.formats.faults import faults_of
from mes.formats.tables import Row, read_csv, read_xlsx

Kind = Literal["orders", "items", "releases", "stock", "receipts"]
Document = ProductionOrder | Item | Release | StockStatement | ExpectedReceipt
Shaped = tuple[list[int], dict[str, Any]]

_SHAPES: dict[Kind, TypeAdapter[Any]] = {
    "orders": TypeAdapter(ProductionOrder),
    "items": TypeAdapter(Item),
    "releases": TypeAdapter(Release),
    "stock": TypeAdapter(StockStatement),
    "receipts": TypeAdapter(ExpectedReceipt),
}
_KEYS: dict[Kind, tuple[str, ...]] = {
    "orders": ("number",),
    "items": ("code",),
    "releases": ("item", "revision"),
    "stock": ("location",),
    "receipts": ("number",),
}
_INSTANTS = ("due_at", "earliest_start_at", "expected_at", "as_of", "effective_from", "effective_until")


@dataclass(frozen=True, slots=True)
class Read:
    """A document of a file, or the faults that keep it from being one; and the rows it stands in."""

    rows: tuple[int, ...]
    document: Document | None
    faults: tuple[Fault, ...] = ()


def read_documents(kind: Kind, filename: str, data: bytes, zone: ZoneInfo) -> list[Read]:
    """Every document of a file. Raises InputError when it cannot be read at all."""
    ending = PurePath(filename).suffix.lower()
    if ending == ".json":
        shaped: Iterable[Shaped] = _from_json(data)
    elif ending in (".csv", ".xlsx"):
        rows = read_csv(data) if ending == ".csv" else read_xlsx(data)
        shaped = _FROM_TABLE[kind]([Row(row.number, _localized(row.values, zone)) for row in rows])
    else:
        raise InputError(f"{filename} is not CSV, XLSX or JSON", remedy="Save it as one of these.")
    return [_read(kind, rows, document) for rows, document in shaped]


def _read(kind: Kind, rows: list[int], document: dict[str, Any]) -> Read:
    missing = [Fault(f"/{key}", "missing", f"{key}: is missing") for key in _KEYS[kind] if not document.get(key)]
    try:
        read = _SHAPES[kind].validate_python(document)
    except ValidationError as error:
        return Read(tuple(rows), None, (*missing, *faults_of(error.errors(include_url=False), document=document)))
    return Read(tuple(rows), None if missing else read, tuple(missing))


def _from_json(data: bytes) -> list[Shaped]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"The file is not JSON: {error}") from None
    listed = found.get("items") if isinstance(found, dict) else found
    if not isinstance(listed, list) or not all(isinstance(document, dict) for document in listed):
        raise InputError("A JSON file holds a list of documents")
    return [([number], document) for number, document in enumerate(listed, 1)]


def _localized(values: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """A row with its instants as instants: what a spreadsheet says of a time is local to the plant."""
    return {name: _instant(cell, zone) if name in _INSTANTS else cell for name, cell in values.items()}


def _instant(cell: Any, zone: ZoneInfo) -> Any:
    if isinstance(cell, str):
        try:
            cell = datetime.fromisoformat(cell.replace("/", "-"))
        except ValueError:
            return cell
    if isinstance(cell, date) and not isinstance(cell, datetime):
        cell = datetime.combine(cell, time())
    if isinstance(cell, datetime) and cell.tzinfo is None:
        cell = cell.replace(tzinfo=zone)
    return cell


# ------------------------------------------------------------------ tables
def _items(rows: list[Row]) -> Iterator[Shaped]:
    for row in rows:
        values = dict(row.values)
        zh, en = values.pop("name_zh", None), values.pop("name_en", None)
        if zh or en:
            values["name"] = {"zh": str(zh or en), "en": str(en or zh)}
        if "units" in values:
            values["units"] = [
                dict(zip(("unit", "per_base"), part.split("=", 1), strict=False))
                for part in str(values["units"]).replace("；", ";").split(";")
            ]
        if "lot_tracked" in values:
            values["lot_tracked"] = {"是": True, "否": False}.get(values["lot_tracked"], values["lot_tracked"])
        yield [row.number], _texts(values, "code", "unit", "family")


def _orders(rows: list[Row]) -> Iterator[Shaped]:
    for row in rows:
        values = dict(row.values)
        customer, number = values.pop("customer", None), values.pop("customer_order", None)
        if customer or number:
            values["customer_order"] = {"number": str(number or customer), "customer": str(customer or "")}
        yield [row.number], _texts(values, "system", "number", "item", "revision", "unit", "system_version")


def _receipts(rows: list[Row]) -> Iterator[Shaped]:
    for row in rows:
        yield [row.number], {"line_no": 1} | _texts(dict(row.values), "system", "number", "item", "unit")


def _stock(rows: list[Row]) -> Iterator[Shaped]:
    found: dict[tuple[str, str], tuple[list[int], dict[str, Any]]] = {}
    for row in rows:
        values = _texts(dict(row.values), "location", "item", "lot", "unit")
        head = {key: values.pop(key) for key in ("location", "as_of", "applied_through") if key in values}
        key = (str(head.get("location")), str(head.get("as_of")))
        numbers, document = found.setdefault(key, ([], head | {"lines": []}))
        numbers.append(row.number)
        document["lines"].append(values)
    yield from found.values()


_LIFE = ("item", "revision", "status", "effective_from", "effective_until")


def _releases(rows: list[Row]) -> Iterator[Shaped]:
    found: dict[tuple[str, str], tuple[list[int], dict[str, Any]]] = {}
    for row in rows:
        values = _texts(dict(row.values), "item", "revision", "component", "unit", "line_group", "code")
        head = {key: values.pop(key) for key in _LIFE if key in values}
        key = (str(head.get("item")), str(head.get("revision")))
        numbers, document = found.setdefault(key, ([], head | {"bom": [], "routing": []}))
        numbers.append(row.number)
        if "component" in values:
            values["item"] = values.pop("component")
            document["bom"].append({"line_no": len(document["bom"]) + 1} | values)
        elif values:
            document["routing"].append(_operation(values))
    yield from found.values()


def _operation(values: dict[str, Any]) -> dict[str, Any]:
    for key in ("lines", "resources"):
        if key in values:
            values[key] = [part.strip() for part in str(values[key]).replace("，", ",").split(",")]
    return values


def _texts(values: dict[str, Any], *keys: str) -> dict[str, Any]:
    """A row in which codes are text: a spreadsheet makes numbers of those that look like numbers."""
    for key in keys:
        cell = values.get(key)
        if isinstance(cell, int | float) and not isinstance(cell, bool):
            values[key] = str(int(cell)) if float(cell).is_integer() else str(cell)
    return values


_FROM_TABLE: dict[Kind, Callable[[list[Row]], Iterator[Shaped]]] = {
    "items": _items,
    "orders": _orders,
    "receipts": _receipts,
    "stock": _stock,
    "releases": _releases,
}
