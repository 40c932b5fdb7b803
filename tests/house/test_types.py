"""The screens' types are those of the server."""

from __future__ import annotations

from dashboards.types import ROOT, http_types, wanted


def test_the_screens_types_are_current() -> None:
    """What `python -m dashboards.types` would write is what is committed."""
    stale = [str(path.relative_to(ROOT)) for path, text in wanted().items() if path.read_text("utf-8") != text]
    assert stale == [], "run python -m dashboards.types"


def test_a_schema_becomes_a_type() -> None:
    """Required and optional fields, references, what may be null, fixed words, pairs and records."""
    document = {
        "components": {
            "schemas": {
                "Lot": {
                    "type": "object",
                    "required": ["state", "span"],
                    "properties": {
                        "state": {"enum": ["open", "done"]},
                        "span": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "number"}]},
                        "order": {"anyOf": [{"$ref": "#/components/schemas/Order"}, {"type": "null"}]},
                        "ext": {"type": "object", "additionalProperties": {"type": "string"}},
                    },
                },
                "Order": {"type": "string"},
            }
        }
    }
    text = http_types(document)
    assert '  state: "open" | "done";' in text
    assert "  span: [number, number];" in text
    assert "  order?: Order | null;" in text
    assert "  ext?: Record<string, string>;" in text
    assert "export type Order = string;" in text
