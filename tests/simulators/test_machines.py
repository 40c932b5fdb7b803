"""The machines program as it is started by the demo: real servers, a truth log, a door."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as paho
import pytest
import tomli_w
from asyncua import Client
from paho.mqtt.enums import CallbackAPIVersion

from mes.host.processes import free_port
from simulators import journal
from simulators.instants import from_iso
from simulators.wire import address

SPEED = 240
DEMO = Path("simulators/demo/plant.toml")


class Program:
    """`python -m simulators machines` on the demo plant, at 240 times the speed, from just before the shift."""

    def __init__(self, folder: Path, mqtt_url: str, *, plcs: bool = False) -> None:
        plant = tomllib.loads(DEMO.read_text(encoding="utf-8"))
        if not plcs:  # they take two seconds each to come up
            plant["tag"] = [tag for tag in plant["tag"] if "node" not in tag]
        (folder / "plant.toml").write_text(tomli_w.dumps(plant), encoding="utf-8")
        self.log = folder / "truth.jsonl"
        self.port = free_port(None)
        arguments = {
            "--plant": str(folder / "plant.toml"),
            "--plant-at": "2026-01-04T23:40:00Z" if plcs else "2026-01-04T23:58:00Z",
            "--speed": str(SPEED),
            "--mqtt-url": mqtt_url,
            "--opcua-port-base": str(self.port),
            "--truth": str(self.log),
        }
        command = [sys.executable, "-W", "error", "-m", "simulators", "machines"]
        command += [part for pair in arguments.items() for part in pair]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.control = json.loads(self.process.stdout.readline())["control"]

    def now(self) -> dict[str, Any]:
        """What the door says of all machines."""
        return dict(httpx.get(f"{self.control}/now", trust_env=False).json())

    def do(self, path: str, **body: Any) -> httpx.Response:
        """Do something to the machines."""
        return httpx.post(f"{self.control}{path}", json=body, trust_env=False)

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def end(self) -> None:
        """Make sure that it is gone."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def records(self) -> list[dict[str, Any]]:
        """The truth log so far."""
        return list(journal.read([self.log]))


@pytest.fixture
def program(tmp_path: Path, mqtt_url: str) -> Iterator[Program]:
    """The program without its PLCs, ended at the end whatever happens."""
    running = Program(tmp_path, mqtt_url)
    yield running
    running.end()


@pytest.fixture
def plc_program(tmp_path: Path, mqtt_url: str) -> Iterator[Program]:
    """The program with all its servers."""
    running = Program(tmp_path, mqtt_url, plcs=True)
    yield running
    running.end()


def wait(true: Callable[[], bool]) -> None:
    """Wait until something holds; half a minute at most."""
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.05)


def test_what_is_on_the_wire_is_what_the_truth_says(plc_program: Program, mqtt_url: str) -> None:
    """Every count of two lines arrives over MQTT and OPC UA, each at its own instant."""
    program = plc_program
    mqtt: dict[str, list[dict[str, Any]]] = defaultdict(list)
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _c, _d, message: mqtt[message.topic].append(json.loads(message.payload))
    client.connect(*address(mqtt_url, 1883))
    client.subscribe("plant/L03/M3/counts", qos=1)
    client.loop_start()
    opcua: list[tuple[int, int]] = []

    class Ear:
        def datachange_notification(self, _node: Any, value: Any, data: Any) -> None:
            opcua.append((round(data.monitored_item.Value.SourceTimestamp.timestamp() * 1000), value))

    async def listen() -> None:
        async with Client(f"opc.tcp://127.0.0.1:{program.port}/") as plc:
            index = await plc.get_namespace_index("urn:takt:sim")
            subscription = await plc.create_subscription(50, Ear())
            await subscription.subscribe_data_change([plc.get_node(f"ns={index};s=L01-M2.Total")], queuesize=500)
            await asyncio.to_thread(wait, lambda: len(opcua) > 15)

    asyncio.run(listen())
    assert program.stop() == 0
    wait(lambda: bool(mqtt["plant/L03/M3/counts"]))
    client.loop_stop()
    counted = [record for record in program.records() if record["kind"] == "count"]
    truth = {from_iso(r["at"]): r["shown"]["total"] for r in counted if r["machine"] == "L01-M2"}
    heard = dict(opcua[1:])
    assert len(heard) >= 15
    assert heard == {at: total for at, total in truth.items() if opcua[0][0] < at <= max(heard)}
    begin = program.records()[0]["counters"]["L03-M3"]["good_total"]
    good = sum(record["good"] for record in counted if record["machine"] == "L03-M3")
    assert mqtt["plant/L03/M3/counts"][-1]["counts"]["good"] == begin + good


def test_the_door_does_things_to_machines(program: Program) -> None:
    """A fault, pieces out of nowhere, a reset and a job take effect at the plant's time now and stand in the log."""
    wait(lambda: program.now()["machines"]["L02-M1"]["state"] == "running")
    fault = program.do("/fault", machine="L02-M1", state="fault", code="E201", minutes=30).json()
    assert [change["kind"] for change in fault["changes"]] == ["told", "state", "code"]
    counted = program.do("/count", machine="L01-M3", n=5).json()
    assert counted["changes"][1]["good"] == 5
    program.do("/reset", machine="L04-M1")
    program.do("/job", line="L04", order="MO-1", item="MTR-30")
    program.do("/deliver", location="L01-side", item="CMP-12", quantity=40)
    now = program.now()
    assert now["machines"]["L02-M1"]["state"] == "fault"
    assert now["machines"]["L02-M1"]["code"] == "E201"
    assert now["lines"]["L04"] == {"order": "MO-1", "feeding": True, "wip": now["lines"]["L04"]["wip"]}
    program.do("/clear", machine="L02-M1")
    assert program.now()["machines"]["L02-M1"]["state"] == "running"
    assert program.stop() == 0
    told = Counter(record["command"]["do"] for record in program.records() if record["kind"] == "told")
    assert told["count"] == told["reset"] == told["job"] == told["deliver"] == told["clear"] == 1
    assert program.records()[-1]["kind"] == "end"


@pytest.mark.parametrize(
    ("path", "body", "status", "what"),
    [
        ("/fault", {"machine": "L09-M1"}, 400, "no machine 'L09-M1' here"),
        ("/fault", {"machine": "L01-M1", "state": "asleep"}, 400, "state is one of"),
        ("/count", {"n": 3}, 400, "count needs machine"),
        ("/explode", {}, 404, "no POST /explode here"),
    ],
)
def test_the_door_says_what_is_wrong(
    shared_program: Program, path: str, body: dict[str, Any], status: int, what: str
) -> None:
    """A wrong request is refused in one sentence and nothing happens."""
    reply = shared_program.do(path, **body)
    assert reply.status_code == status
    assert what in reply.json()["error"]


@pytest.fixture(scope="module")
def shared_program(tmp_path_factory: pytest.TempPathFactory, mqtt_url: str) -> Iterator[Program]:
    """One program for tests that change nothing."""
    running = Program(tmp_path_factory.mktemp("machines"), mqtt_url)
    yield running
    running.end()


def test_the_door_tells_the_truth(program: Program) -> None:
    """What it says was made until a minute is what the truth log adds up to."""
    program.do("/count", machine="L03-M1", n=7)
    said = httpx.get(f"{program.control}/truth", trust_env=False).json()
    told = journal.Summary.of(journal.read([program.log]), until=from_iso(said["until"])).stations
    made = {code: [one.good.total(), one.reject.total()] for code, one in told.items()}
    assert said["until"].endswith(":00.000Z")
    assert {code: made.get(code, [0, 0]) for code in said["machines"]} == said["machines"]


def test_a_killed_program_has_told_all_it_did(program: Program) -> None:
    """After kill -9 the truth log holds everything that was said on the wire."""
    wait(lambda: program.now()["machines"]["L04-M3"]["good"] >= 5)
    good = program.now()["machines"]["L04-M3"]["good"]
    program.process.kill()
    program.process.wait(10)
    summary = journal.Summary.of(program.records())
    assert summary.stations["L04-M3"].good.total() >= good
