"""The handler and the helper against the real API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from simulators import errands
from simulators.erp import Erp
from simulators.errands import Handler, Helper
from simulators.floor import Seen
from simulators.instants import MINUTE_MS
from simulators.rest import Api
from tests.simulators.real_site import DEMO, PLANT, Site

DATA = json.loads((DEMO / "erp.json").read_text(encoding="utf-8"))


@pytest.fixture
def api(site: Site) -> Iterator[Api]:
    """The people's way in, with the ERP's items and stock known."""
    erp = Erp(
        {**DATA, "releases": [], "production_orders": []}, Api(site.url, site.erp_key), site.anchor, PLANT.zone, None
    )
    erp.load()
    erp.close()
    people = Api(site.url, site.people_key)
    yield people
    people.close()


def test_what_a_line_calls_off_is_brought_from_where_it_lies(
    api: Api, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line asks for 100 compressors, the store has 40: after some minutes 40 are brought, and later no more."""
    monkeypatch.setattr(errands, "BRING_MINUTES", (1.0, 2.0))
    handler = Handler(api, None, list(PLANT.stores), seed=1)
    asked = {"line": "L01", "item": "CMP-12", "quantity": "100", "client_id": str(uuid4())}
    api.post("/call-offs", asked, once=asked["client_id"])
    now = site.anchor.now()
    handler.tick(now)
    assert api.get("/call-offs", open="true")["items"] != []
    handler.tick(now + 3 * MINUTE_MS)
    closed = api.get("/call-offs", open="false")["items"]
    assert [(row["item"], float(row["delivered_quantity"])) for row in closed] == [("CMP-12", 40.0)]
    moved = site.query("select from_location, to_location, quantity from stock_movement")
    assert [(*row[:2], float(str(row[2]))) for row in moved] == [("WH1", "L01-side", 40.0)]


def test_what_is_nowhere_is_looked_for_again(api: Api, site: Site) -> None:
    """Nothing in any store: the call-off stays open."""
    handler = Handler(api, None, list(PLANT.stores), seed=1)
    asked = {"line": "L01", "item": "PCB-35", "quantity": "10", "client_id": str(uuid4())}
    api.post("/call-offs", asked, once=asked["client_id"])
    now = site.anchor.now()
    for minutes in (0, 30, 60):
        handler.tick(now + minutes * MINUTE_MS)
    assert len(api.get("/call-offs", open="true")["items"]) == 1


def seen(state: str, missing: str = "") -> list[Seen]:
    """One machine in a state."""
    return [Seen("L02-M2", state, "E201", order="", order_since=0, order_good=0, missing=missing)]


def test_a_standing_machine_gets_help(api: Api, site: Site) -> None:
    """After four minutes of fault maintenance is called, comes, and it is over when the machine runs."""
    helper = Helper(api, PLANT, seed=1)
    now = site.anchor.now()
    helper.tick(now, seen("fault"))
    helper.tick(now + 3 * MINUTE_MS, seen("fault"))
    assert api.get("/andon-calls")["items"] == []
    helper.tick(now + 4 * MINUTE_MS, seen("fault"))
    helper.tick(now + 4 * MINUTE_MS, seen("fault"))
    (call,) = api.get("/andon-calls")["items"]
    assert (call["line"], call["machine"], call["kind"], call["note"]) == ("L02", "L02-M2", "maintenance", "E201")
    assert call["taken_at"] is None
    helper.tick(now + 12 * MINUTE_MS, seen("fault"))
    assert api.get("/andon-calls")["items"][0]["taken_at"] is not None
    helper.tick(now + 15 * MINUTE_MS, seen("running"))
    assert api.get("/andon-calls")["items"][0]["resolved_at"] is not None


def test_waiting_for_a_component_is_explained_once(api: Api, site: Site) -> None:
    """A machine that starves for a component for long gets the reason, once per wait."""
    helper = Helper(api, PLANT, seed=1)
    now = site.anchor.now() - 60 * MINUTE_MS
    for minutes in range(12):
        helper.tick(now + minutes * MINUTE_MS, seen("starved", "CMP-12"))
    entries = [row for row in api.get("/entries")["items"] if row["kind"] == "reason"]
    assert [(row["machine"], row["reason"]) for row in entries] == [("L02-M2", "S21")]
