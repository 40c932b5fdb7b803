"""The fast publisher and the larger plants."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import tomli_w
from asyncua import Client
from paho.mqtt.enums import CallbackAPIVersion

from mes.domain.plant_faults import plant_faults
from mes.formats.plant_file import read_plant
from mes.host.processes import free_port
from simulators import load, opcua_load, plantfile, plants, world
from simulators.instants import Anchor, from_iso
from simulators.truth import Truth
from simulators.wire import address


def test_every_message_is_acknowledged_and_numbered(mqtt_url: str) -> None:
    """So many messages as the rate says, each tag counted from 1 without a hole, no two of a tag at one instant."""
    heard: dict[str, list[tuple[int, int]]] = defaultdict(list)
    subscribed: list[bool] = []
    client = paho.Client(CallbackAPIVersion.VERSION2)

    def on_message(_client: object, _data: object, message: paho.MQTTMessage) -> None:
        body = json.loads(message.payload)
        assert body["v"] == body["seq"]
        heard[message.topic].append((body["seq"], body["ts"]))

    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.append(True)
    client.connect(*address(mqtt_url, 1883))
    client.loop_start()
    client.subscribe("loadtest/#", qos=1)
    until = time.monotonic() + 20
    while not subscribed and time.monotonic() < until:
        time.sleep(0.01)
    anchor = Anchor(from_iso("2026-01-05T00:00:00Z"), time.time(), 60)
    result = load.publish(mqtt_url, anchor, rate=2000, seconds=0.5, tags=3, prefix="loadtest")
    while sum(map(len, heard.values())) < result.sent and time.monotonic() < until:
        time.sleep(0.01)
    client.disconnect()
    client.loop_stop()
    assert result.acknowledged == result.sent > 0
    assert {topic: rows[-1][0] for topic, rows in heard.items()} == result.last
    for rows in heard.values():
        assert [number for number, _ in rows] == list(range(1, len(rows) + 1))
        assert len({ts for _, ts in rows}) == len(rows)


def test_the_load_plant_is_a_plant() -> None:
    """The product accepts the model whose tags the publisher feeds."""
    for signal in ("good_total", "value:load"):
        plant = read_plant(tomli_w.dumps(plants.load_plant("mqtt://127.0.0.1:1883", 20, signal=signal)))
        assert plant_faults(plant) == []
        assert [tag.topic for tag in plant.tag][:2] == ["load/0", "load/1"]


def test_nodes_that_count_miss_nothing() -> None:
    """Each node's values are consecutive up to the last one written, and the product accepts the tags' model."""
    port = free_port(None)
    heard: dict[str, list[int]] = defaultdict(list)

    class Ear:
        def datachange_notification(self, node: Any, value: Any, _data: Any) -> None:
            heard[node.nodeid.Identifier.removesuffix(".Good")].append(value)

    async def scene() -> dict[str, Any]:
        anchor = Anchor(from_iso("2026-01-05T00:00:00Z"), time.time(), 1)
        serving = asyncio.create_task(opcua_load.serve(port, anchor, nodes=20, rate=400, seconds=2.0))
        client = Client(f"opc.tcp://127.0.0.1:{port}/")
        async with asyncio.timeout(60):
            while True:
                try:
                    await client.connect()
                    break
                except OSError:
                    await asyncio.sleep(0.05)
        index = await client.get_namespace_index("urn:takt:sim")
        subscription = await client.create_subscription(50, Ear())
        nodes = [client.get_node(f"ns={index};s=LOAD-{k}.Good") for k in range(20)]
        await subscription.subscribe_data_change(nodes, queuesize=1000)
        await asyncio.sleep(0)
        result = await serving
        await client.disconnect()
        return result

    result = asyncio.run(scene())
    for machine, last in result["last"].items():
        values = heard[machine]
        assert values == list(range(values[0], last + 1))
    plant = read_plant(tomli_w.dumps(plants.opcua_load_plant(f"opc.tcp://127.0.0.1:{port}", 20)))
    assert plant_faults(plant) == []
    assert [tag.at["node"] for tag in opcua_load.tags(20)] == [tag.node for tag in plant.tag]


def test_a_generated_plant_is_a_plant_and_works(tmp_path: Path) -> None:
    """Any number of lines and machines, accepted by the product and alive in the simulator; the same for one seed."""
    size = plants.Size(lines=7, machines=2, seed=5)
    plants.write(plants.generate(size), tmp_path)
    assert plant_faults(read_plant((tmp_path / "plant.toml").read_text(encoding="utf-8"))) == []
    assert plants.generate(size) == plants.generate(size)
    truth = Truth(plantfile.read(tmp_path / "plant.toml"), world.read(tmp_path / "world.toml"), 1, 0)
    truth.advance(3_600_000)
    assert len(truth.machines) == 14
    assert all(machine.good for machine in truth.machines.values())
