"""Logging: JSON where nobody looks, one form for our own lines and the libraries'."""

from __future__ import annotations

import json
import subprocess
import sys

CODE = """
import logging, structlog
from mes.log import configure
configure()
structlog.get_logger("takt").info("order accepted", number="MO-1", name="压缩机")
logging.getLogger("library").warning("slow %s", "link")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("takt").exception("failed")
"""


def test_lines_are_json_where_stderr_is_no_terminal() -> None:
    """Facts stay facts, Chinese stays readable, libraries speak the same form, exceptions keep their trace."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    ours, theirs, failed = (json.loads(line) for line in done.stderr.splitlines())
    assert ours["event"] == "order accepted"
    assert (ours["number"], ours["name"], ours["level"]) == ("MO-1", "压缩机", "info")
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("slow link", "library", "warning")
    assert "ZeroDivisionError" in failed["exception"]
    assert "压缩机" in done.stderr
