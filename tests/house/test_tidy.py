"""The house is tidy: every module says what it is, nothing is too long, nothing is left lying about."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
NO_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
ROOMS = ("mes", "collectors", "scheduler", "api", "dashboards", "simulators")


def tracked(*suffixes: str) -> list[Path]:
    """The files git knows or would take, with one of these endings; built and generated files left out."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    paths = [ROOT / line for line in listed if line.endswith(suffixes)]
    generated = re.compile(r"_pb2\.py$|/dist/|/types\.ts$|constraints\.txt$|package-lock\.json$|openapi\.json$")
    return [path for path in paths if path.exists() and not generated.search(str(path))]


def python() -> list[Path]:
    return [path for path in tracked(".py") if path.relative_to(ROOT).parts[0] in ROOMS]


def test_every_module_says_what_it_is() -> None:
    """A module opens with a docstring, tests included."""
    bare = [
        str(path.relative_to(ROOT)) for path in tracked(".py") if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert bare == []


def test_files_are_short() -> None:
    """No source file is longer than the limit."""
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked(".py", ".ts", ".vue")
        if (lines := len(path.read_text("utf-8").splitlines())) > FILE_LINES_MAX
    }
    assert long == {}


def test_functions_are_short() -> None:
    """No function is longer than the limit, its docstring not counted."""
    long = []
    for path in python():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                docs = len((ast.get_docstring(node, clean=False) or "").splitlines())
                lines = (node.end_lineno or node.lineno) - node.lineno + 1 - docs
                if lines > FUNCTION_LINES_MAX:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name} {lines}")
    assert long == []


def test_files_are_nouns_of_the_plant() -> None:
    """No file is called utils, helpers, common, base or manager."""
    assert [str(path.relative_to(ROOT)) for path in python() if path.stem in NO_NAMES] == []


def test_nothing_is_left_undone() -> None:
    """No note to oneself is left in the source."""
    left = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked(".py", ".ts", ".vue", ".sql")
        if path != Path(__file__)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if left.search(line)
    ]
    assert found == []


def test_tests_are_not_skipped() -> None:
    """No test is skipped or expected to fail: a skip hides a missing install."""
    skips = re.compile(r"pytest\.skip|mark\.skip|mark\.xfail|importorskip")
    found = [
        str(p.relative_to(ROOT)) for p in tracked(".py") if p != Path(__file__) and skips.search(p.read_text("utf-8"))
    ]
    assert found == []


def test_every_test_says_what_it_shows() -> None:
    """A test's docstring is one sentence of behaviour."""
    bare = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in tracked(".py")
        if path.name.startswith("test_")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert bare == []


def test_lock_files_name_no_host() -> None:
    """Whoever installs decides from where."""
    locks = [
        p for p in [*tracked(".txt", ".json"), ROOT / "constraints.txt"] if "lock" in p.name or "constraints" in p.name
    ]
    locks += list((ROOT / "dashboards").glob("web/package-lock.json"))
    assert [str(path.relative_to(ROOT)) for path in locks if re.search(r"https?://", path.read_text("utf-8"))] == []
