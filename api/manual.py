"""The api's manual as one plain page of HTML: no script, no style from elsewhere, made from the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

Document = dict[str, Any]


def page(contract: Document) -> str:
    """The whole manual."""
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Takt API</title>',
        f"<h1>{escape(contract['info']['title'])} API</h1><p>{escape(contract['info'].get('description', ''))}</p>",
        '<p>As a document for programs: <a href="/openapi.json">/openapi.json</a>. ',
        "Failures are <code>application/problem+json</code>; lists are pages <code>{items, next_cursor}</code>; ",
        "an <code>Idempotency-Key</code> makes a POST happen once.</p>",
    ]
    for tag, operations in _by_tag(contract).items():
        parts.append(f"<h2>{escape(tag)}</h2>")
        parts += [_operation(*operation) for operation in operations]
    parts.append("<h2>Documents</h2>")
    parts += [_schema(name, schema) for name, schema in sorted(contract["components"]["schemas"].items())]
    return "".join([*parts, "</html>"])


def _by_tag(contract: Document) -> dict[str, list[tuple[str, str, Document]]]:
    found: dict[str, list[tuple[str, str, Document]]] = {}
    for path, methods in contract["paths"].items():
        for method, operation in methods.items():
            found.setdefault(operation.get("tags", ["other"])[0], []).append((method, path, operation))
    return found


def _operation(method: str, path: str, operation: Document) -> str:
    permission = operation.get("x-permission", "")
    sections = [
        f"<h3><code>{method.upper()} {escape(path)}</code></h3>",
        f"<p>{escape(operation.get('description', ''))} <em>Needs {escape(permission)}.</em></p>",
    ]
    if parameters := operation.get("parameters"):
        rows = (
            f"<tr><td><code>{escape(p['name'])}</code><td>{p['in']}<td>{_kind(p['schema'])}"
            f"<td>{'required' if p.get('required') else ''} {escape(p.get('description', ''))}"
            for p in parameters
        )
        sections.append(f"<table border=1>{''.join(rows)}</table>")
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        sections.append(f"<p>Takes {_kind(body)}.</p>")
    sections.append(f"<p>Answers {', '.join(_answers(operation))}.</p>")
    return "".join(sections)


def _answers(operation: Document) -> Iterable[str]:
    for status, response in operation.get("responses", {}).items():
        if status != "4XX":
            contents: list[Document] = list(response.get("content", {}).values())
            schema = contents[0].get("schema") if contents else None
            yield f"{status} {_kind(schema) if schema else ''}".strip()


def _schema(name: str, schema: Document) -> str:
    required = set(schema.get("required", ()))
    rows = (
        f"<tr><td><code>{escape(field)}</code><td>{_kind(kind)}<td>{'required' if field in required else ''}"
        for field, kind in schema.get("properties", {}).items()
    )
    title = f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{escape(schema.get("description", ""))}</p>'
    return f"{title}<table border=1>{''.join(rows)}</table>"


def _kind(schema: Document) -> str:
    """A schema in a few words, with a link where it has a name."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#{name}">{name}</a>'
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(_kind(option) for option in options))
    if "enum" in schema or "const" in schema:
        return " | ".join(escape(str(value)) for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return escape(" ".join(str(schema[key]) for key in ("type", "format") if key in schema) or "anything")
