"""The list of Sparkplug assertions is complete: each has its row in the docs, and a test that names it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from itertools import chain, product
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "docs" / "connect-sparkplug.md"
BINDS_OTHERS = "they bind the"


@dataclass(frozen=True)
class Row:
    """A row of the table: assertions (`*` stands for anything), what Takt does, the files with the tests."""

    patterns: tuple[str, ...]
    does: str
    files: tuple[str, ...]

    def fits(self, assertion: str) -> bool:
        return any(fnmatchcase(assertion, pattern) for pattern in self.patterns)


@cache
def assertions() -> dict[str, bool]:
    """Every assertion of the specification, and whether the official kit's tests of hosts hold to it."""
    lines = (HERE / "sparkplug_assertions.txt").read_text().splitlines()
    words = [line.split() for line in lines if not line.startswith("#")]
    return {name: rest == ["host"] for name, *rest in words}


@cache
def rows() -> tuple[Row, ...]:
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    found = []
    for line in lines:
        names, does, files = (cell.strip() for cell in line.strip("|").split("|"))
        patterns = chain.from_iterable(spelt_out(name) for name in re.findall(r"`([^`]+)`", names))
        found.append(Row(tuple(patterns), does, tuple(re.findall(r"`([^`]+)`", files))))
    return tuple(found)


def row_of(assertion: str) -> Row:
    return next(row for row in rows() if row.fits(assertion))


def spelt_out(name: str) -> Iterator[str]:
    """`a-{b,c}` is `a-b` and `a-c`."""
    parts = [part.split(",") if n % 2 else [part] for n, part in enumerate(re.split(r"[{}]", name))]
    return ("".join(choice) for choice in product(*parts))


@cache
def named() -> dict[str, frozenset[str]]:
    """What the docstrings of this folder's tests name, by file: words that are made like assertions."""
    families = "|".join(sorted({name.partition("-")[0] for name in assertions()}))
    made_so = re.compile(rf"(?<![\w-])(?:{families})-(?:[\w-]|{{[\w,-]*}})+")
    found = {}
    for path in HERE.glob("test_*.py"):
        tests = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        texts = [ast.get_docstring(test) or "" for test in tests if test.name.startswith("test_")]
        names = chain.from_iterable(spelt_out(name) for text in texts for name in made_so.findall(text))
        found[f"tests/collectors/{path.name}"] = frozenset(
            name for name in names if name.count("-") > 1 or name in assertions()
        )
    return found


def test_every_assertion_has_a_row_and_every_row_assertions() -> None:
    """None of the specification's is left out, and none is made up."""
    assert [name for name in assertions() if not any(row.fits(name) for row in rows())] == []
    patterns = [pattern for row in rows() for pattern in row.patterns]
    assert [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in assertions())] == []


def test_what_binds_a_host_is_not_passed_on_to_others() -> None:
    """What the official kit asks of hosts has a test or a reason of its own."""
    asked = [name for name, of_hosts in assertions().items() if of_hosts]
    assert len(asked) > 80
    assert [name for name in asked if BINDS_OTHERS in row_of(name).does] == []
    assert [row.does for row in rows() if not row.files and not row.does.startswith("nothing: ")] == []


def test_every_assertion_that_is_shown_is_named_by_a_test() -> None:
    """A test of the files that its row names says its full name."""
    shown = {name: row_of(name).files for name in assertions() if row_of(name).files}
    assert [name for name, files in shown.items() if not any(name in named()[file] for file in files)] == []


def test_every_assertion_a_test_names_is_in_its_row() -> None:
    """A test names only assertions there are, and the row of each names the test's file."""
    said = [(name, file) for file, names in named().items() for name in sorted(names)]
    assert len(said) > 60
    assert [(name, file) for name, file in said if name not in assertions() or file not in row_of(name).files] == []
