"""`mes plant`, `mes import`, `mes user` and `mes key` as people run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from openpyxl import Workbook

Mes = Callable[..., "subprocess.CompletedProcess[str]"]
PLANT = """
[site]
code = "T1"
name = { zh = "试验厂", en = "Test plant" }
time_zone = "Asia/Shanghai"

[[shift]]
code = "D"
starts_at = "08:00"
ends_at = "20:00"

[[line]]
code = "L01"
name = { zh = "一线", en = "Line 1" }
shifts = ["D"]
counts_at = "L01-S1"

[[station]]
code = "L01-S1"
line = "L01"
counts_by = "scan"

[[location]]
code = "WH"
kind = "store"
"""
ITEMS = "编码,名称,单位,类别\nAC,空调,pcs,product\nSCR,螺钉,pcs,raw\n"
RELEASES = """item,revision,component,quantity_per,unit,seq,lines,seconds_per_piece
AC,A,SCR,24,pcs,,,
AC,A,,,,10,L01,50
"""
ORDERS = "单号,物料,版本,数量,单位,交期\nMO-1,AC,A,500,pcs,2026/02/01 18:00\nMO-2,AC,A,20,pcs,2026/02/02 18:00\n"


@pytest.fixture
def mes(tmp_path: Path, database_url: str) -> Mes:
    """Runs `mes` on a database of its own, in a folder of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MES_")}
    environment |= {"MES_HOME": str(tmp_path / "home"), "MES_DATABASE_URL": database_url}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "mes", *words],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    return run


@pytest.fixture
def plant(mes: Mes, tmp_path: Path) -> None:
    """The plant is in force and the folder holds the files."""
    (tmp_path / "plant.toml").write_text(PLANT, "utf-8")
    (tmp_path / "items.csv").write_text(ITEMS, "utf-8")
    (tmp_path / "releases.csv").write_text(RELEASES, "utf-8")
    (tmp_path / "orders.csv").write_text(ORDERS, "gb18030")
    done = mes("plant", "apply", "plant.toml", "--from", "2026-01-01T00:00:00+08:00")
    assert done.returncode == 0, done.stderr


def test_a_plant_is_checked_applied_and_shown(mes: Mes, tmp_path: Path) -> None:
    """Applying twice is once; what is shown can be applied again; each error is named with its line, nothing stored."""
    (tmp_path / "plant.toml").write_text(PLANT, "utf-8")
    assert "1 lines" in mes("plant", "check", "plant.toml").stdout
    (tmp_path / "bad.toml").write_text(PLANT.replace('counts_at = "L01-S1"', 'counts_at = "X"\ncolour = 1'), "utf-8")
    bad = mes("plant", "apply", "bad.toml")
    assert (bad.returncode, "line 17" in bad.stderr) == (2, True)
    assert mes("plant", "show").returncode == 1
    first, again = (mes("plant", "apply", "plant.toml").stdout for _ in range(2))
    assert first.startswith("Version 1 is in force")
    assert again.startswith("Nothing changed")
    (tmp_path / "shown.toml").write_text(mes("plant", "show").stdout, "utf-8")
    assert mes("plant", "apply", "shown.toml").stdout.startswith("Nothing changed")


@pytest.mark.usefixtures("plant")
def test_files_are_taken_in(mes: Mes, database_url: str) -> None:
    """Spreadsheets in the plant's words, UTF-8 or GB18030, become documents; once."""
    for kind in ("items", "releases", "orders"):
        done = mes("import", kind, f"{kind}.csv")
        assert done.returncode == 0, done.stdout + done.stderr
    assert mes("import", "orders", "orders.csv").stdout == "0 new, 0 changed, 2 known already, 0 refused\n"
    with psycopg.connect(database_url) as conn:
        rows = conn.execute("select system, number, quantity::int, due_at from production_order order by 2").fetchall()
        bom = conn.execute("select component, operation_seq from bom_line").fetchall()
    assert [row[:3] for row in rows] == [("file", "MO-1", 500), ("file", "MO-2", 20)]
    assert rows[0][3].isoformat().startswith("2026-02-01T10:00")
    assert bom == [("SCR", 10)]


@pytest.mark.usefixtures("plant")
def test_one_bad_row_keeps_all_out(mes: Mes, tmp_path: Path, database_url: str) -> None:
    """Nothing of a file is stored while a row of it is wrong, unless asked for; each wrong row is named."""
    mes("import", "items", "items.csv")
    mes("import", "releases", "releases.csv")
    (tmp_path / "orders.csv").write_text(ORDERS + "MO-3,NONE,A,5,pcs,2026-02-01\nMO-4,AC,A,-5,pcs,soon\n", "utf-8")
    refused = mes("import", "orders", "orders.csv")
    assert refused.returncode == 2
    assert "row 4: " in refused.stdout
    assert "NONE" in refused.stdout
    assert "row 5: " in refused.stdout
    assert "quantity" in refused.stdout
    assert "due_at" in refused.stdout
    with psycopg.connect(database_url) as conn:
        assert conn.execute("select count(*) from production_order").fetchone() == (0,)
    partly = mes("import", "orders", "orders.csv", "--partial")
    assert (partly.returncode, partly.stdout.splitlines()[-1]) == (1, "2 new, 0 changed, 0 known already, 2 refused")


@pytest.mark.usefixtures("plant")
def test_workbooks_and_json_are_taken_in(mes: Mes, tmp_path: Path, database_url: str) -> None:
    """XLSX cells with numbers and times, and JSON as the api takes it, are documents too."""
    mes("import", "items", "items.csv")
    book = Workbook()
    assert book.active is not None
    for row in (("location", "as_of", "item", "on_hand", "unit"), ("WH", "2026-01-05 08:00", "SCR", 12.5, "pcs")):
        book.active.append(row)
    book.save(tmp_path / "stock.xlsx")
    assert mes("import", "stock", "stock.xlsx").stdout == "1 new, 0 changed, 0 known already, 0 refused\n"
    (tmp_path / "receipts.json").write_text(
        '[{"number": "PO-1", "line_no": 1, "item": "SCR", "quantity": "9", "unit": "pcs",'
        ' "expected_at": "2026-01-06T00:00:00Z"}]'
    )
    assert mes("import", "receipts", "receipts.json", "--system", "erp").returncode == 0
    with psycopg.connect(database_url) as conn:
        assert conn.execute("select as_of, on_hand::text from stock_statement").fetchone() is not None
        assert conn.execute("select system, number from expected_receipt").fetchone() == ("erp", "PO-1")


def test_people_and_keys_are_added(mes: Mes, database_url: str) -> None:
    """A person gets a one-time link, a system its key; both are shown once and kept hashed."""
    link = mes("user", "add", "wang", "--name", "王", "--role", "planner", "--role", "operator:L01,L02").stdout.strip()
    assert link.startswith("http://127.0.0.1:8000/first#")
    key = mes("key", "add", "--system", "erp", "--scope", "erp").stdout.strip()
    prefix = key.split("_")[1]
    assert f"{prefix}  erp  in force  never used" in mes("key", "list").stdout
    assert mes("key", "revoke", prefix).returncode == 0
    assert mes("key", "revoke", prefix).returncode == 1
    assert mes("user", "add", "x", "--role", "king").returncode == 2
    assert mes("audit", "verify").stdout.startswith("0 rows hold together, 3 not chained yet")
    assert mes("audit", "verify", "--head", "none").returncode == 1
    assert mes("key", "add", "--system", "erp", "--scope", "everything").returncode == 2
    with psycopg.connect(database_url) as conn:
        text = str(conn.execute("select p::text from person p union all select k::text from api_key k").fetchall())
    assert link.split("#")[1] not in text
    assert key not in text
