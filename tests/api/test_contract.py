"""The contract: what stands in `api/openapi.json`, and that no input whatever breaks what answers it.

`TAKT_UPDATE_EXPECTED=1 pytest tests/api/test_contract.py` writes the file anew; review it as a diff, then run
`python -m dashboards.types`.
"""

from __future__ import annotations

import json
import os
import random
import re
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from api import app as application
from mes.domain.access import GRANTABLE, Grant
from mes.settings import Settings
from tests.api.callers import Site

CONTRACT = Path(application.__file__).with_name("openapi.json")
ROUNDS = int(os.environ.get("TAKT_FUZZ_ROUNDS", "12"))
LEFT_OUT = (
    "/api/v1/stream", "/api/v1/login", "/api/v1/invitations", "/api/v1/kiosks/enrol", "/api/v1/session",
    "/api/v1/sign-ons",
)  # fmt: skip
PATHS = ("1", "1", "AC", "A", "erp", "WH", "%2F", "%00", "%FF", "9" * 40, "-1")
LIKELY: dict[str, tuple[Any, ...]] = {
    "string": ("AC", "SCR", "pcs", "A", "WH", "L01", "L01-S1", "L01-side", "3", "box", ""),
    "date-time": ("2026-11-20T00:00:00Z", "2026-12-05T00:00:00+08:00"),
    "uuid": ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"),
    "integer": (1, 2, 10),
    "number": (1.5, 3),
    "boolean": (True, False),
    "null": (None,),
}
NAMED: dict[str, tuple[Any, ...]] = {
    "item": ("AC", "SCR"),
    "unit": ("pcs", "box"),
    "line": ("L01", "L02"),
    "lines": (["L01"], ["assembly"]),
    "line_group": ("assembly",),
    "location": ("WH", "L01-side"),
    "from_location": ("WH", ""),
    "to_location": ("L01-side", ""),
    "station": ("L01-S1", "L02-S1", ""),
    "machine": ("",),
    "reason": ("S1", "R1", ""),
    "revision": ("A", "B"),
    "system": ("erp", ""),
    "number": ("1", "MO-1"),
    "code": ("", "AC"),
    "scopes": (["erp"],),
    "role": ("viewer", "operator"),
    "operation_seq": (10,),
    "seq": (10, 20),
}
"""Values that lead further in."""
HOSTILE: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 2**63, -(2**63), 10**30, "", " ", "x", "x" * 3000, "é/中文", "2026-01-05T00:00:00Z", "-5",
    "NaN", "1e400", "'; drop table item; --", "\x7f", "👩‍🏭", [], [[]], [None], {}, {"": {}}, {"a": [1, {"b": "c"}]},
)  # fmt: skip


def contract() -> dict[str, Any]:
    """The document as the application makes it."""
    app: FastAPI = application.create(Settings(database_url="postgresql://nobody@127.0.0.1:1/nothing"))
    return app.openapi()


def test_the_contract_is_what_was_reviewed() -> None:
    """A change of the api is a change of this file, seen as a diff."""
    text = json.dumps(contract(), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("TAKT_UPDATE_EXPECTED"):
        CONTRACT.write_text(text, "utf-8")
    assert text == CONTRACT.read_text("utf-8")


def test_every_operation_says_what_it_is() -> None:
    """Every operation has a name of its own, a sentence, a permission, and our form of failure."""
    operations = [op for methods in contract()["paths"].values() for op in methods.values()]
    assert len({op["operationId"] for op in operations}) == len(operations)
    assert [op["operationId"] for op in operations if not (op.get("description") and op.get("x-permission"))] == []
    assert {op["responses"]["4XX"]["content"]["application/json"]["schema"]["$ref"] for op in operations} == {
        "#/components/schemas/Problem"
    }


def test_nothing_sent_breaks_anything(site: Site, known: httpx.Client) -> None:
    """Hostile values in every field of every operation: never a 5xx, always an answer in our form."""
    everyday = site.with_key(*(GRANTABLE - {"access:manage", "plant:write"}), system="erp")
    admin = site.signed_in("root", Grant("admin"))
    document, chance = contract(), random.Random(20260105)
    for path, methods in document["paths"].items():
        if path.startswith(LEFT_OUT):
            continue
        for method, operation in methods.items():
            caller = admin if operation["x-permission"] == "access:manage" else everyday
            for _ in range(ROUNDS):
                reply = _send(caller, document["components"]["schemas"], (method, path, operation), chance)
                told = f"{method} {path}: {reply.status_code} {reply.text[:300]}"
                assert reply.status_code < 500, told
                assert reply.status_code != 429, told
                if reply.status_code >= 400:
                    assert reply.json()["status"] == reply.status_code, told


def _send(
    caller: httpx.Client, schemas: dict[str, Any], what: tuple[str, str, dict[str, Any]], chance: random.Random
) -> httpx.Response:
    method, path, operation = what
    kinds = {p["name"]: p["schema"].get("type") for p in operation.get("parameters", ()) if p["in"] == "path"}
    address = re.sub(r"\{([^}]+)\}", lambda found: _part(found[1], kinds[found[1]], chance), path)
    query = {
        parameter["name"]: str(chance.choice(HOSTILE))
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query" and chance.random() < 0.5
    }
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    sent = None if body is None else _hostile(schemas, body, chance)
    root = str(caller.base_url).rstrip("/").removesuffix("/api/v1")
    return caller.request(method.upper(), root + address, params=query, json=sent)


def _part(name: str, kind: str | None, chance: random.Random) -> str:
    if chance.random() < 0.2:
        return chance.choice(PATHS)
    return str(chance.choice((1, 2))) if kind == "integer" else chance.choice(NAMED.get(name, ("1",))) or "1"


def _hostile(
    schemas: dict[str, Any], schema: dict[str, Any], chance: random.Random, *, depth: int = 0, name: str = ""
) -> Any:
    """A value that looks like what is wanted, now and then with something wrong in it."""
    if chance.random() < 0.03 or depth > 6:
        return chance.choice(HOSTILE)
    if name in NAMED and chance.random() < 0.9:
        return chance.choice(NAMED[name])
    while "$ref" in schema or "anyOf" in schema or "oneOf" in schema:
        named = schema.get("$ref", "").rsplit("/", 1)[-1]
        schema = schemas[named] if named else chance.choice(schema.get("anyOf") or schema["oneOf"])
    if "enum" in schema or "const" in schema:
        return chance.choice(schema.get("enum") or [schema["const"]])
    if schema.get("type") == "object":
        fields = schema.get("properties", {})
        wanted = {*schema.get("required", ()), *(field for field in fields if chance.random() < 0.3)}
        return {
            field: _hostile(schemas, fields[field], chance, depth=depth + 1, name=field) for field in sorted(wanted)
        }
    if schema.get("type") == "array":
        items = schema.get("items", {})
        return [_hostile(schemas, items, chance, depth=depth + 1) for _ in range(chance.randint(0, 2))]
    return chance.choice(LIKELY.get(schema.get("format") or schema.get("type", ""), HOSTILE))
