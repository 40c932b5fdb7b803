"""What the documents name is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/**/*.md"))]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
FILE = re.compile(r"`((?:tests|mes|api|collectors|scheduler|dashboards|simulators|deploy|docs)/[\w/.-]+)`")
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


def test_every_test_a_document_names_exists() -> None:
    """A promise names a test that is there, by its file and name."""
    missing = [
        f"{document.name}: {file}::{name}"
        for document in DOCUMENTS
        for file, name in TEST.findall(document.read_text("utf-8"))
        if not (ROOT / file).is_file() or f"def {name}(" not in (ROOT / file).read_text("utf-8")
    ]
    assert missing == []


def test_every_file_a_document_names_exists() -> None:
    """A path in a document leads somewhere: a file, a folder, or a module without its ending."""
    missing = [
        f"{document.name}: {path}"
        for document in DOCUMENTS
        for path in FILE.findall(document.read_text("utf-8"))
        if not (ROOT / path).exists() and not (ROOT / f"{path}.py").exists()
    ]
    assert missing == []


def test_every_link_of_a_document_leads_somewhere() -> None:
    """A link to a page or picture of this project finds it."""
    broken = [
        f"{document.name}: {target}"
        for document in DOCUMENTS
        for target in LINK.findall(document.read_text("utf-8"))
        if not (document.parent / target).exists()
    ]
    assert broken == []
