"""A collector in a process of its own, as `mes collect` starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


class CollectorProcess:
    """Started at once; `end` asks it to go, `kill` does not ask."""

    def __init__(
        self, database_url: str, home: Path, *, surroundings: Mapping[str, str] | None = None, **settings: object
    ) -> None:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("MES_")}
        variables |= {"MES_DATABASE_URL": database_url, "MES_HOME": str(home)}
        variables |= surroundings or {}
        variables |= {f"MES_{name.upper()}": str(value) for name, value in settings.items()}
        argv = [sys.executable, "-m", "mes", "collect"]
        self._process = subprocess.Popen(argv, env=variables, stderr=subprocess.DEVNULL)

    @property
    def rss_mb(self) -> float:
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(30)

    def end(self) -> int:
        self._process.terminate()
        return self._process.wait(30)
