"""The simulated ERP against the real API."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mes.host.processes import free_port
from simulators.erp import Erp
from simulators.instants import Anchor, from_iso
from simulators.rest import Api, Gone, Refused
from tests.simulators.real_site import DEMO, PLANT, Site, wait

DATA = json.loads((DEMO / "erp.json").read_text(encoding="utf-8"))


@pytest.fixture
def erp(site: Site, tmp_path: Path) -> Iterator[Erp]:
    """The demo's ERP, nothing sent yet."""
    at_work = Erp(DATA, Api(site.url, site.erp_key), site.anchor, PLANT.zone, tmp_path / "events.jsonl")
    yield at_work
    at_work.close()


def noted(tmp_path: Path, what: str) -> list[Any]:
    """What the ERP wrote down of a kind."""
    lines = (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [line[what] for line in map(json.loads, lines) if what in line]


def test_every_document_is_accepted_and_heard_of(erp: Erp, site: Site, tmp_path: Path) -> None:
    """Items, releases, stock, receipts and eight orders go in without a refusal; the feed tells of each order."""
    site.work()
    erp.load()

    def heard() -> list[str]:
        erp.tick(site.anchor.now())
        events = noted(tmp_path, "event") if (tmp_path / "events.jsonl").read_text(encoding="utf-8") else []
        return sorted(event["subject"] for event in events if event["type"] == "mes.order.accepted")

    wait(lambda: len(heard()) == 8)
    assert heard() == sorted(f"ERP1/{row['number']}" for row in DATA["production_orders"])
    assert noted(tmp_path, "refused") == []


def test_the_supplier_calls_when_the_script_says(erp: Erp, site: Site) -> None:
    """At 08:45 the compressors are announced for Thursday; what was due at 14:00 does not arrive."""
    erp.load()
    before = erp.receipts["PO-7001", 1]
    assert before.body["expected_at"] == "2026-01-05T06:00:00.000Z"
    erp.tick(from_iso("2026-01-05T00:45:00Z"))
    assert before.body["expected_at"] == "2026-01-08T06:00:00.000Z"
    erp.tick(from_iso("2026-01-05T07:00:00Z"))
    assert not before.done
    kept = site.query("select quantity, expected_at from expected_receipt where number = 'PO-7001'")
    assert [(int(row[0]), row[1].isoformat()) for row in kept] == [(200, "2026-01-08T06:00:00+00:00")]


def test_goods_arrive_at_the_dock(erp: Erp, site: Site) -> None:
    """A receipt that is due is stated at the dock and closed."""
    erp.load()
    erp.steps.clear()
    erp.tick(site.anchor.now())
    erp.tick(from_iso("2026-01-05T00:20:00Z"))
    erp.receipts["PO-7001", 1].body["expected_at"] = "2026-01-05T00:00:00Z"
    wait(lambda: site.anchor.now() > from_iso("2026-01-05T00:00:10Z"))
    erp.tick(site.anchor.now())
    rows = site.query("select on_hand from stock_statement where location = 'DOCK' and item = 'CMP-12'")
    assert [int(row[0]) for row in rows] == [200]
    kept = site.query("select quantity from expected_receipt where number = 'PO-7001'")
    assert [int(row[0]) for row in kept] == [0]


def test_the_door_lets_a_lorry_come(erp: Erp, site: Site, tmp_path: Path) -> None:
    """A receipt arrives when the tour says so, once; one that nobody announced is named with those there are."""
    erp.load()
    for _ in range(2):
        told = erp._receive({"number": "PO-7001", "line_no": 1})
        assert (told["item"], told["quantity"]) == ("CMP-12", "200")
    assert noted(tmp_path, "arrived") == ["PO-7001"]
    kept = site.query("select quantity::int from expected_receipt where number = 'PO-7001'")
    assert [row[0] for row in kept] == [0]
    with pytest.raises(KeyError, match=r"no receipt PO-1 1; there is PO-7001 1"):
        erp._receive({"number": "PO-1"})


@pytest.mark.parametrize("program", ["erp", "people"])
def test_an_unknown_key_ends_a_program_with_a_sentence(site: Site, program: str) -> None:
    """No traceback: what is wrong, and what to give instead."""
    ended = subprocess.run(
        [sys.executable, "-m", "simulators", program, "--api", site.url, "--key", "wrong"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("The API does not know this key (401")
    assert "Traceback" not in ended.stderr


def test_the_door_takes_a_step_at_once(site: Site, tmp_path: Path) -> None:
    """The guided tour may postpone the compressors before 08:45, once."""
    data = {**DATA, "items": [row for row in DATA["items"] if row["code"] == "CMP-12"]}
    small = {key: data[key] for key in ("system", "items", "script", "expected_receipts")}
    erp = Erp(small, Api(site.url, site.erp_key), site.anchor, PLANT.zone, tmp_path / "events.jsonl")
    port = free_port(None)
    thread = threading.Thread(target=erp.serve, args=(port,))
    thread.start()
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, trust_env=False) as door:
        steps = door.get("/steps").json()["steps"]
        assert (steps[0]["name"], steps[0]["done"]) == ("postpone-compressors", False)
        wait(lambda: bool(site.query("select 1 from expected_receipt")))
        for _ in range(2):
            assert door.post("/step", json={"name": "postpone-compressors"}).json()["done"]
        assert door.post("/step", json={"name": "x"}).status_code == 400
        put = {"path": "/items/NEW-1", "body": {"name": {"zh": "新", "en": "New"}, "unit": "pcs", "kind": "raw"}}
        assert door.post("/put", json=put).json()["status"] == 200
        assert door.post("/put", json={"path": "/items/NEW-1", "body": {}}).json()["status"] == 422
    erp.stop()
    thread.join(10)
    assert noted(tmp_path, "step") == ["postpone-compressors"]


def test_it_waits_for_the_api(site: Site) -> None:
    """Nobody there: it tries again until somebody is, or until it is told to stop."""
    port = free_port(None)
    api = Api(f"http://127.0.0.1:{port}", "nobody")
    threading.Timer(0.3, lambda: setattr(api, "stopping", True)).start()
    began = time.monotonic()
    with pytest.raises(Gone):
        api.get("/events")
    assert time.monotonic() - began >= 0.3
    refused = Api(site.url, "wrong")
    with pytest.raises(Refused) as caught:
        refused.get("/events")
    assert caught.value.status == 401
    for each in (api, refused):
        each.close()


def test_relative_instants() -> None:
    """A day and a time of the plant, counted from the first day of the run, whatever its hour."""
    from simulators.erp import resolved

    begin = Anchor(from_iso("2026-01-05T23:00:00Z"), 0, 1).plant_ms
    said = resolved({"at": "+0 00:30", "rows": ["+3 14:00", "start", "+x"]}, begin, PLANT.zone)
    assert said == {
        "at": "2026-01-05T16:30:00.000Z",
        "rows": ["2026-01-09T06:00:00.000Z", "2026-01-05T23:00:00.000Z", "+x"],
    }
