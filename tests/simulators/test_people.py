"""The simulated people against the real product: API, worker, tracker and planner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators import journal
from simulators.erp import Erp
from simulators.instants import HOUR_MS, from_iso
from simulators.people import Options, People
from simulators.rest import Api
from tests.simulators.real_site import DEMO, PLANT, WORLD, Site, running, wait

DATA = json.loads((DEMO / "erp.json").read_text(encoding="utf-8"))
SPEED = 300


@pytest.fixture
def plant(database_url: str) -> Iterator[Site]:
    """The product with everything it needs to plan and book, and the ERP's orders in it."""
    with running(database_url, SPEED) as site:
        erp = Erp(DATA, Api(site.url, site.erp_key), site.anchor, PLANT.zone, None)
        erp.load()
        erp.close()
        site.work()
        site.track()
        site.plan()
        yield site


@pytest.fixture
def people(plant: Site, tmp_path: Path) -> Iterator[People]:
    """People without a way to the machines: the manual line and a planner."""
    options = Options(plant.anchor, plant.url, plant.people_key, truth=tmp_path / "truth.jsonl")
    crew = People(PLANT, WORLD, options)
    yield crew
    crew.close()


def entered(plant: Site) -> dict[tuple[str, str], int]:
    """Pieces the product was told of, by station and kind."""
    rows: list[tuple[Any, ...]] = plant.query(
        "select station, kind, sum(coalesce(quantity, 1)) from entry where kind in ('count', 'reject') group by 1, 2"
    )
    return {(station, kind): int(pieces) for station, kind, pieces in rows}


def test_hands_say_every_piece_once(people: People, plant: Site, tmp_path: Path) -> None:
    """The planner publishes, the lead starts the manual line's job, and each piece is an entry of its station."""

    def worked() -> bool:
        people.tick()
        made = people.handwork.truth.machines
        return made["L05-S4"].good >= 15 and people.handwork.truth.at > from_iso("2026-01-05T01:05:00Z")

    wait(worked, 120)
    wait(lambda: not any(terminal.waiting for terminal in people.terminals.values()))
    wait(lambda: entered(plant).get(("L05-S4", "count"), 0) == people.handwork.truth.machines["L05-S4"].good)
    told = entered(plant)
    for code in ("L05-S2", "L05-S3", "L05-S4"):
        machine = people.handwork.truth.machines[code]
        assert (told.get((code, "count"), 0), told.get((code, "reject"), 0)) == (machine.good, machine.reject)
    records = list(journal.read([tmp_path / "truth.jsonl"]))
    hourly = [record for record in records if record["kind"] == "entry"]
    assert told["L05-S1", "count"] == sum(record["good"] for record in hourly) > 0
    assert all(from_iso(record["at"]) % HOUR_MS == 0 for record in hourly)
    assert [terminal.refused for terminal in people.terminals.values()] == [0, 0, 0, 0]
    lead = next(lead for lead in people.leads if lead.line.code == "L05")
    assert lead.job is not None
    made = people.handwork.truth.machines["L05-S4"].good
    wait(lambda: people.api.get(f"/jobs/{lead.job['id']}")["good"] == made if lead.job else False)
