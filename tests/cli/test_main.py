"""The command line: one sentence for an error, and the exit code that tells which kind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path


def _mes(home: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MES_")}
    return subprocess.run(
        [sys.executable, "-m", "mes", *words],
        env={**environment, "MES_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_help_lists_the_commands(tmp_path: Path) -> None:
    """`mes --help` names what there is and is quick because it loads no room."""
    done = _mes(tmp_path, "--help")
    assert done.returncode == 0
    assert {"demo", "up", "collect", "track", "work", "serve", "db", "doctor"} <= set(done.stdout.split())


def test_an_error_is_one_sentence_with_its_remedy(tmp_path: Path) -> None:
    """Without a database, status says how to get one and exits 1."""
    done = _mes(tmp_path, "db", "status")
    assert done.returncode == 1
    assert done.stderr == (
        f"There is no database at {tmp_path}/db yet. "
        "Start one with `mes db start` (or `mes up`), or point MES_DATABASE_URL at a TimescaleDB.\n"
    )


def test_wrong_input_exits_2(tmp_path: Path) -> None:
    """A wrong setting and a wrong option are the user's to correct."""
    assert _mes(tmp_path, "db", "status", MES_HTTP_PORT="none").returncode == 2
    assert _mes(tmp_path, "collect", "--shard", "4/3").returncode == 2
    assert _mes(tmp_path, "nothing").returncode == 2


def test_a_foreign_database_is_not_ours_to_stop(tmp_path: Path) -> None:
    """`mes db stop` leaves alone what MES_DATABASE_URL names."""
    done = _mes(tmp_path, "db", "stop", MES_DATABASE_URL="postgresql://mes@127.0.0.1:1/mes")
    assert done.returncode == 1
    assert "not ours" in done.stderr


def test_upgrade_and_status_of_a_given_database(tmp_path: Path, database_url: str) -> None:
    """MES_DATABASE_URL points the commands at an existing TimescaleDB; its password is not shown."""
    done = _mes(tmp_path, "db", "upgrade", MES_DATABASE_URL=database_url)
    assert done.stdout == "The schema is up to date\n"
    done = _mes(tmp_path, "db", "status", MES_DATABASE_URL=database_url)
    assert done.returncode == 0
    assert "TimescaleDB" in done.stdout
    assert "@" not in done.stdout


def test_a_forgotten_upgrade_is_one_sentence(tmp_path: Path, server_url: str) -> None:
    """On a database without our schema, commands and processes name the command that brings it."""
    for words in (("plant", "show"), ("track",)):
        done = _mes(tmp_path, *words, MES_DATABASE_URL=server_url)
        assert done.returncode == 1
        assert re.fullmatch(r"The database.*schema.*\. Run `mes db upgrade`\.\n", done.stderr), done.stderr


def test_doctor_answers_in_json(tmp_path: Path) -> None:
    """A machine-readable list of findings; exit 1 while something is wrong."""
    done = _mes(tmp_path, "doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 1
    assert findings["python"]["ok"] is True
    assert findings["database"]["remedy"]
