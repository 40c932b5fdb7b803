"""A new plant version changes what it changes: devices that are the same keep their sessions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest

from collectors.supervisor import Collector
from mes.errors import InputError
from mes.host.processes import free_port
from tests.collectors.conftest import Plant, Start, eventually, plant_document, say
from tests.collectors.test_opcua import Server

Document = dict[str, Any]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server(free_port())
    yield server
    server.kill()


@pytest.fixture
def document(server: Server, mqtt_url: str) -> Document:
    """An OPC UA server `plc` and a broker's source `b1`, a tag each."""
    plc = {"code": "plc", "kind": "opcua", "url": f"opc.tcp://127.0.0.1:{server.port}/test", "publishing_ms": 50}
    told = plant_document(plc, [{"machine": "M1", "signal": "good_total", "node": "nsu=urn:takt:test;s=Good"}])
    told["source"].append({"code": "b1", "kind": "mqtt", "url": mqtt_url, "client_id": "takt-reload-1"})
    told["machine"].append({**told["machine"][0], "code": "M2", "position": 2})
    told["tag"].append(_tag("M2", "b1", "reload/one"))
    return told


def _tag(machine: str, source: str, topic: str) -> Document:
    return {
        "machine": machine, "signal": "good_total", "source": source, "topic": topic, "path": "good", "time_path": "ts"
    }  # fmt: skip


def _with_another(document: Document) -> Document:
    other = {"code": "b2", "kind": "mqtt", "url": document["source"][1]["url"], "client_id": "takt-reload-2"}
    machine = {**document["machine"][0], "code": "M3", "position": 3}
    return {
        **document,
        "source": [*document["source"], other],
        "machine": [*document["machine"], machine],
        "tag": [*document["tag"], _tag("M3", "b2", "reload/two")],
    }


def _changed(document: Document) -> Document:
    """The broker's source hears under another name."""
    plc, broker, *rest = document["source"]
    return {**document, "source": [plc, {**broker, "client_id": "takt-reload-other"}, *rest]}


def _without(document: Document, code: str) -> Document:
    return {
        **document,
        "source": [one for one in document["source"] if one["code"] != code],
        "tag": [one for one in document["tag"] if one["source"] != code],
    }


class Wires:
    """What connects a collector with its devices: the number of the OPC UA session, and each connection's own port."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def seen(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for code, charge in list(self._collector._charges.items()):
            source: Any = charge.source
            if code == "plc":
                client = source._session.client
                port = client.uaclient.protocol.transport.get_extra_info("sockname")[1]
                found[code] = (port, str(client.uaclient.session.authentication_token))
            elif (link := source._link) is not None and (line := link._client.socket()) is not None:
                found[code] = line.getsockname()[1]
        return found


@pytest.fixture
def wires(plant: Plant, collect: Start, document: Document, device: paho.Client) -> Wires:
    """Both devices are heard."""
    plant.apply(document)
    collector = collect()
    assert eventually(lambda: [plant.state(code) for code in ("plc", "b1")] == ["running"] * 2)
    return Wires(collector)


def _heard(plant: Plant, server: Server, device: paho.Client, number: int) -> None:
    """What the devices say now is stored."""
    server.set("Good", number)
    say(device, "reload/one", {"good": number, "ts": time.time()})
    assert eventually(lambda: number in plant.values("M1/good_total"))
    assert eventually(lambda: number in plant.values("M2/good_total"))


def test_a_device_that_comes_and_goes_leaves_the_others_alone(
    plant: Plant, wires: Wires, server: Server, device: paho.Client, document: Document
) -> None:
    """One is added, then removed: the OPC UA session and the broker's connection of the others are the same ones."""
    before = wires.seen()
    plant.apply(_with_another(document))
    assert eventually(lambda: plant.state("b2") == "running")
    _heard(plant, server, device, 11)
    assert {code: wires.seen()[code] for code in before} == before
    plant.apply(document)
    assert eventually(lambda: plant.state("b2") == "stopped")
    _heard(plant, server, device, 12)
    assert eventually(lambda: wires.seen() == before)
    assert plant.rows("select from gap where source in ('plc', 'b1')") == []


def test_a_changed_device_begins_anew_and_the_others_go_on(
    plant: Plant, wires: Wires, server: Server, device: paho.Client, document: Document
) -> None:
    """Only the source whose settings are others is connected again."""
    before = wires.seen()
    plant.apply(_changed(document))
    assert eventually(lambda: wires.seen().get("b1") not in {None, before["b1"]})
    assert eventually(lambda: plant.state("b1") == "running")
    _heard(plant, server, device, 21)
    assert wires.seen()["plc"] == before["plc"]


def test_a_bad_file_is_refused_whole(
    plant: Plant, wires: Wires, server: Server, device: paho.Client, document: Document
) -> None:
    """One fault among good changes: nothing of it is taken, the reason names the place, and all go on as they are."""
    before, versions = wires.seen(), plant.rows("select count(*) from plant_version")
    bad = _without(_with_another(document), "plc")
    bad["tag"] = [*bad["tag"], _tag("M9", "b2", "reload/none")]
    with pytest.raises(InputError) as refused:
        plant.apply(bad)
    assert any("M9" in fault.detail for fault in refused.value.faults)
    assert plant.rows("select count(*) from plant_version") == versions
    _heard(plant, server, device, 31)
    assert wires.seen() == before
    assert plant.state("b2") == ""
