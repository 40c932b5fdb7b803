"""A collector as a test needs it: in a thread of its own, on a database of its own, with a plant of the test's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from collectors.supervisor import Collector
from mes.actions.plant import apply
from mes.actions.record import Deed
from mes.clock import mono, real_clock
from mes.formats.plant_file import plant_from
from mes.settings import Settings

HANG_S = 30.0
NAME = {"zh": "厂", "en": "Plant"}


def plant_document(source: dict[str, Any], tags: list[dict[str, Any]], *more: dict[str, Any]) -> dict[str, Any]:
    """A plant of one line with the machines the tags name, and these sources."""
    machines = sorted({tag["machine"] for tag in tags} | {"M1"})
    return {
        "site": {"code": "T", "name": NAME, "time_zone": "Asia/Shanghai"},
        "shift": [{"code": "D", "starts_at": "08:00", "ends_at": "20:00"}],
        "line": [{"code": "L1", "name": NAME, "shifts": ["D"], "counts_at": "S1"}],
        "machine": [{"code": code, "line": "L1", "position": n} for n, code in enumerate(machines, 1)],
        "station": [{"code": "S1", "line": "L1", "machine": "M1"}],
        "source": [source, *more],
        "tag": [{"source": source["code"], **tag} for tag in tags],
    }


class Plant:
    """The database of a plant, as a test sees and changes it."""

    def __init__(self, database_url: str) -> None:
        self.url = database_url
        self.conn = psycopg.connect(database_url, autocommit=True)

    def apply(self, document: dict[str, Any]) -> None:
        """Put a plant model in force now."""
        with self.conn.transaction():
            apply(self.conn, Deed("test", real_clock().now()), plant_from(document))

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.conn.execute(query, parameters).fetchall()

    def values(self, address: str, table: str = "signal_sample") -> list[Any]:
        """What is stored of a tag, in order."""
        query = f"select num, int, txt from {table} join tag on tag.id = tag_id where address = %s order by at, h"
        return [next((v for v in row if v is not None), None) for row in self.rows(query, address)]

    def state(self, source: str) -> str:
        found = self.rows("select state from source_lease where source = %s", source)
        return found[0][0] if found else ""

    def health(self, source: str) -> dict[str, Any]:
        """What the collector last said of a source."""
        health: dict[str, Any] = self.rows("select health from source_lease where source = %s", source)[0][0]
        return {"detail": "", "bad_tags": {}, "counts": {}, **health}


def eventually(condition: Callable[[], Any], *, within_s: float = HANG_S) -> Any:
    """Wait until `condition` gives something true; what it gave last when it never did."""
    deadline = mono() + within_s
    while not (found := condition()) and mono() < deadline:
        time.sleep(0.02)
    return found


@pytest.fixture
def plant(database_url: str) -> Iterator[Plant]:
    plant = Plant(database_url)
    yield plant
    plant.conn.close()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", database_url=database_url)


Start = Callable[..., Collector]


@pytest.fixture
def collect(settings: Settings) -> Iterator[Start]:
    """Start a collector in a thread; each is stopped at the end and must have ended well."""
    running: list[tuple[Collector, threading.Thread, list[BaseException]]] = []

    def start(home: Path | None = None, shard: tuple[int, int] = (1, 1)) -> Collector:
        collector = Collector(settings.model_copy(update={"home": home or settings.home}), shard)
        errors: list[BaseException] = []

        def run() -> None:
            try:
                collector.run()
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        running.append((collector, thread, errors))
        return collector

    yield start
    for collector, thread, errors in running:
        collector.stop()
        thread.join(HANG_S)
        assert not thread.is_alive()
        assert errors == []
