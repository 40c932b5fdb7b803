"""Each table is written by one file of the store, and docs/architecture.md says which."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
STORE = ROOT / "mes" / "store"
WRITE = re.compile(
    r"\b(?:insert\s+into|update|delete\s+from|copy|truncate(?:\s+table)?)\s+(?:only\s+)?([a-z_]+)", re.IGNORECASE
)
NOT_TABLES = {"set", "skip", "of", "temp", "for", "the"}


def owners() -> dict[str, str]:
    """table -> store file, as the documentation has it."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8").split("## Tables", 1)[1]
    rows = re.findall(r"^\| ([a-z_, ]+) \| ([a-z_/]+) \|", text, re.MULTILINE)
    return {table.strip(): file for tables, file in rows if file != "written" for table in tables.split(",")}


def statements(path: Path) -> list[str]:
    """Every string of a module that looks like SQL that writes."""
    tree = ast.parse(path.read_text("utf-8"))
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation
    ]


def written() -> dict[str, set[str]]:
    """table -> store files that write it, as the SQL has it."""
    found: dict[str, set[str]] = {}
    for path in STORE.rglob("*.py"):
        name = str(path.relative_to(STORE).with_suffix(""))
        for sql in statements(path):
            for table in WRITE.findall(sql):
                if table.lower() not in NOT_TABLES and not table.startswith("staged"):
                    found.setdefault(table.lower(), set()).add(name)
    return found


def tables() -> set[str]:
    """Every table the migrations create."""
    text = "\n".join(p.read_text("utf-8") for p in sorted((STORE / "migrations").glob("*.sql")))
    return set(re.findall(r"^create table (?:if not exists )?([a-z_]+)", text, re.MULTILINE))


def test_every_table_has_one_documented_owner() -> None:
    """The tables of the schema are exactly the tables of the documentation."""
    assert tables() == set(owners())


def test_only_the_owner_writes_a_table() -> None:
    """No store file writes a table that belongs to another."""
    wrong = {
        table: sorted(files - {owners()[table]})
        for table, files in written().items()
        if table in owners() and files - {owners()[table]}
    }
    assert wrong == {}


def test_every_table_has_a_writer() -> None:
    """A table without a writer waits until it has one."""
    assert set(owners()) - set(written()) == set()


def test_screens_hold_no_write() -> None:
    """What screens read, they only read."""
    assert [name for files in written().values() for name in files if name.startswith("screens")] == []


def test_sql_stands_only_in_the_store() -> None:
    """No SQL outside mes/store (and the migrations); the collectors' spool is SQLite, a file of its own."""
    query = re.compile(
        r"^\s*(select\s.+\sfrom|select\s+(?:\d|\w+\s*\()|insert\s+into|update\s+\w+\s+set|delete\s+from|with\s+\w+\s+as)\s",
        re.IGNORECASE | re.DOTALL,
    )
    rooms = [ROOT / room for room in ("mes", "collectors", "scheduler", "api", "dashboards")]
    found = [
        f"{path.relative_to(ROOT)}: {sql.strip().splitlines()[0]}"
        for room in rooms
        for path in room.rglob("*.py")
        if STORE not in path.parents and not {"node_modules", "bench", "spool.py"} & set(path.parts)
        for sql in statements(path)
        if query.match(sql)
    ]
    assert found == []
