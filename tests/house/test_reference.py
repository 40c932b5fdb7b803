"""The reference pages say what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """deploy/reference.py, which stands outside the wheel."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "deploy" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_current(reference: ModuleType) -> None:
    """What `make docs` would write is what is committed; a field or event without words is named."""
    stale = [
        str(path.relative_to(ROOT))
        for path, text in reference.wanted().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    assert stale == [], "run make docs"


def test_a_word_for_nothing_is_named(reference: ModuleType) -> None:
    """Words must fit the code exactly, in both directions."""
    with pytest.raises(ValueError, match=r"no words for \['b'\], words for nothing \['c'\]"):
        reference._require_same("plant", {"a", "c"}, {"a", "b"})


def test_every_command_is_in_the_reference() -> None:
    """Each `mes` command has a heading of its own, and none that the contract promises for later."""
    headings = [
        line for line in (ROOT / "docs/reference/cli.md").read_text("utf-8").splitlines() if line.startswith("## ")
    ]
    assert "## `mes demo`" in headings
    assert "## `mes replay`" in headings
    assert len(headings) == len(set(headings)) > 30
