"""The demo's files: what the product accepts, and the story they tell."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from mes.domain.order_document import ProductionOrder
from mes.domain.plant_faults import plant_faults
from mes.domain.product import Item, Release
from mes.formats.plant_file import read_plant
from simulators import plantfile, world
from simulators.changes import Count
from simulators.erp import resolved
from simulators.instants import from_iso
from simulators.truth import Truth

DEMO = Path("simulators/demo")
MODEL = read_plant((DEMO / "plant.toml").read_text(encoding="utf-8"))
PLANT = plantfile.read(DEMO / "plant.toml")
WORLD = world.read(DEMO / "world.toml")
BEGIN = from_iso("2026-01-05T00:00:00Z")  # Monday 08:00 in the plant


@pytest.fixture(scope="module")
def erp() -> dict[str, Any]:
    """The ERP's documents with instants of a run that begins on a Monday at 08:00."""
    data = json.loads((DEMO / "erp.json").read_text(encoding="utf-8"))
    return dict(resolved(data, BEGIN, PLANT.zone))


def test_the_product_accepts_the_plant() -> None:
    """Five lines: two OPC UA servers, MQTT, Sparkplug B, and one by hand."""
    assert plant_faults(MODEL) == []
    kinds = {
        line.code: sorted({MODEL.sources[tag.source].kind for tag in MODEL.tag if tag.machine.startswith(line.code)})
        for line in MODEL.line
    }
    assert kinds == {"L01": ["opcua"], "L02": ["opcua"], "L03": ["mqtt"], "L04": ["sparkplug"], "L05": []}
    assert [station.counts_by for station in MODEL.stations_of("L05")] == ["entry", "scan", "scan", "scan"]


def test_the_product_accepts_the_documents(erp: dict[str, Any]) -> None:
    """Every item, release and order is valid, names lines that exist and components that are items."""
    items = {row["code"]: TypeAdapter(Item).validate_python(row) for row in erp["items"]}
    assert [fault for item in items.values() for fault in item.faults()] == []
    releases = [TypeAdapter(Release).validate_python(row) for row in erp["releases"]]
    assert [fault for release in releases for fault in release.faults()] == []
    assert {line.item for release in releases for line in release.bom} <= items.keys()
    groups = {step.line_group for release in releases for step in release.routing}
    assert all(MODEL.lines_in(group) for group in groups)
    orders = [TypeAdapter(ProductionOrder).validate_python(row) for row in erp["production_orders"]]
    assert len(orders) == 8
    assert {order.item for order in orders} <= items.keys()


def test_families_are_what_the_changeovers_name(erp: dict[str, Any]) -> None:
    """Each changeover of the plant is between families of items."""
    families = {row.get("family") for row in erp["items"]}
    assert {code for setup in MODEL.setup for code in (setup.from_, setup.to)} <= families


def supply(erp: dict[str, Any], item: str, places: str) -> Decimal:
    """What lies of an item at places with this ending."""
    rows = [line for stock in erp["stock"] if stock["location"].endswith(places) for line in stock["lines"]]
    return sum((Decimal(line["on_hand"]) for line in rows if line["item"] == item), Decimal(0))


def test_compressors_are_enough_until_the_supplier_calls(erp: dict[str, Any]) -> None:
    """280 at the line, 40 in the store and 200 today at 14:00 for 500; postponed to Thursday 180 are missing."""
    receipt = next(row for row in erp["expected_receipts"] if row["item"] == "CMP-12")
    step = erp["script"][0]
    on_hand = supply(erp, "CMP-12", "")
    assert (supply(erp, "CMP-12", "-side"), supply(erp, "CMP-12", "WH1")) == (280, 40)
    assert (receipt["quantity"], receipt["expected_at"]) == ("200", "2026-01-05T06:00:00.000Z")
    assert (step["at"], step["body"]["expected_at"]) == ("2026-01-05T00:45:00.000Z", "2026-01-08T06:00:00.000Z")
    order = erp["production_orders"][0]
    assert Decimal(order["quantity"]) - on_hand == 180
    assert order["due_at"] < step["body"]["expected_at"]


@pytest.mark.parametrize("seed", range(1, 6))
def test_the_story_unfolds_within_the_morning(erp: dict[str, Any], seed: int) -> None:
    """Rejects prove the board shortage before noon; no compressor is wasted, and none runs out before the call-off."""
    truth = Truth(PLANT, WORLD, seed, BEGIN)
    counts = [change for change in truth.advance(BEGIN + 4 * 3_600_000) if isinstance(change, Count)]
    rejects = [count for count in counts if count.machine == "L01-M1" and count.reject]
    spare = supply(erp, "PCB-35", "") - Decimal(erp["production_orders"][0]["quantity"])
    assert len(rejects) > spare
    assert truth.machines["L01-M2"].reject == truth.machines["L01-M3"].reject == 0
    assert 150 < truth.machines["L01-M2"].good < 250


def test_the_lines_side_is_what_the_erp_says(erp: dict[str, Any]) -> None:
    """The stock that can starve a machine agrees with what the ERP believes."""
    for location, item, quantity in WORLD.stock:
        assert Decimal(str(quantity)) == supply(erp, item, location)


def test_everything_else_is_ample(erp: dict[str, Any]) -> None:
    """Of every other component there is at least 5 % more than the orders need."""
    needed: dict[str, Decimal] = {}
    for order in erp["production_orders"]:
        release = next(row for row in erp["releases"] if row["item"] == order["item"])
        for line in release["bom"]:
            needed[line["item"]] = needed.get(line["item"], Decimal(0)) + Decimal(order["quantity"]) * Decimal(
                line["quantity_per"]
            )
    tight = {item for item, quantity in needed.items() if supply(erp, item, "-side") < quantity * Decimal("1.05")}
    assert tight == {"CMP-12", "PCB-35"}
