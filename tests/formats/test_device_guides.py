"""The guides for connecting devices: what a stranger is told to write is a plant, and a message, as Takt takes them."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

import mes
from mes.domain.plant_faults import plant_faults
from mes.domain.sample import GatewayDocument
from mes.formats.plant_file import plant_from

DOCS = Path(mes.__file__).parents[1] / "docs"
GUIDES = ("connect-opcua", "connect-mqtt", "connect-sparkplug", "http-gateway")
NAME = {"zh": "厂", "en": "Plant"}


def blocks(guide: str, language: str) -> list[str]:
    """The code of a guide in one language."""
    text = (DOCS / f"{guide}.md").read_text("utf-8")
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return found


def with_house(part: dict[str, Any]) -> dict[str, Any]:
    """The lines and machines that the guide takes for granted."""
    machines = sorted({tag["machine"] for tag in part["tag"]})
    return {
        "site": {"code": "T", "name": NAME, "time_zone": "Asia/Shanghai"},
        "shift": [{"code": "D", "starts_at": "08:00", "ends_at": "20:00"}],
        "line": [{"code": "L1", "name": NAME, "shifts": ["D"], "counts_at": "S1"}],
        "machine": [{"code": code, "line": "L1", "position": n} for n, code in enumerate(machines, 1)],
        "station": [{"code": "S1", "line": "L1", "machine": machines[0]}],
        **part,
    }


@pytest.mark.parametrize("guide", GUIDES)
def test_what_a_guide_writes_into_the_plant_file_is_a_plant(guide: str) -> None:
    """Its sources and tags, put beside a line and its machines, are accepted without a fault."""
    (block,) = blocks(guide, "toml")
    plant = plant_from(with_house(tomllib.loads(block)))
    assert plant_faults(plant) == []
    assert {tag.source for tag in plant.tag} == set(plant.sources)


def test_the_message_of_the_gateway_guide_is_one() -> None:
    """What the guide sends with curl is a gateway's document."""
    (request,) = [block for block in blocks("http-gateway", "sh") if "curl" in block]
    body = json.loads(request[request.index("-d '") + 4 : request.rindex("'")])
    document = TypeAdapter(GatewayDocument).validate_python(body)
    assert document.samples[0].address == "L03-M1/good_total"
