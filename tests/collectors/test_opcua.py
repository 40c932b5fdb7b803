"""OPC UA from a real server to stored samples, through restarts and losses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mes.host.processes import free_port
from tests.collectors.conftest import Plant, Proxy, Start, eventually, plant_document

TAGS = {
    "good_total": "Good", "state": "State", "stop_code": "Number", "value:flag": "Flag", "value:temp": "Temp",
    "reject_total": "List", "value:label": "Label", "value:big": "Big",
}  # fmt: skip


class Server:
    """The test server's process."""

    def __init__(self, port: int, *options: str) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.collectors.opcua_server", str(port), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._answer() == "ready"

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, command: str, name: str, *words: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join([command, name, *map(str, words)]) + "\n")
        self.process.stdin.flush()
        assert self._answer() == "ok"

    def set(self, name: str, value: Any, at: str = "", status: int = 0) -> None:
        self.tell("set", name, json.dumps(value, separators=(",", ":")), at, status)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers; whatever still runs is killed at the end."""
    started: list[Server] = []

    def start(*options: str, port: int = 0) -> Server:
        started.append(Server(port or free_port(), *options))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    """A server for all tests that leave it alive: starting one takes seconds."""
    server = Server(free_port())
    yield server
    server.kill()


@pytest.fixture
def server(shared: Server) -> Server:
    """The shared server, everything as at its start."""
    for name, value in {"Good": 0, "State": "IDLE", "Temp": 20.0, "List": [1, 2], "Label": "ready"}.items():
        shared.set(name, value)
    return shared


def document(port: int, **more: Any) -> dict[str, Any]:
    source = {"code": "plc", "kind": "opcua", "url": f"opc.tcp://127.0.0.1:{port}/test", "publishing_ms": 50, **more}
    tags = [
        {"machine": "M1", "signal": signal_, "node": f"nsu=urn:takt:test;s={name}"} for signal_, name in TAGS.items()
    ]
    tags[5]["path"] = "1"
    return plant_document(source, tags)


def test_changes_become_samples(plant: Plant, collect: Start, server: Server) -> None:
    """Numbers, texts, truth values, lists, labels and numbers beyond int8 are stored with the device's time."""
    plant.apply(document(server.port))
    collect()
    assert eventually(lambda: len(plant.values("M1/value:temp", "value_sample")) == 1)
    server.set("Good", 5)
    server.set("Good", 6)
    server.set("State", "RUNNING")
    server.set("Temp", 21.5)
    server.set("List", [8, 9])
    server.set("Label", "busy")
    assert eventually(lambda: plant.values("M1/value:label", "value_sample") == ["ready", "busy"])
    assert plant.values("M1/good_total") == [0, 5, 6]
    assert plant.values("M1/state") == ["IDLE", "RUNNING"]
    assert plant.values("M1/reject_total") == [2, 9]
    assert plant.values("M1/value:temp", "value_sample") == [20.0, 21.5]
    assert plant.values("M1/value:flag", "value_sample") == [0]
    assert plant.values("M1/value:big", "value_sample") == [str(2**64 - 1)]
    assert plant.rows("select from signal_sample where source_at is null or server_at is null or at <> source_at") == []


def test_the_server_restarts_with_a_shifted_namespace(plant: Plant, collect: Start, serve: Serve) -> None:
    """After kill -9 and a restart with other namespace numbers values go on; gap and reboot are noted."""
    server = serve()
    plant.apply(document(server.port))
    collect()
    assert eventually(lambda: plant.values("M1/good_total") == [0])
    server.kill()
    assert eventually(lambda: plant.rows("select why from gap where to_at is null"))
    again = serve("--shift", port=server.port)
    again.set("Good", 41)
    assert eventually(lambda: 41 in plant.values("M1/good_total"))
    again.set("Good", 42)
    assert eventually(lambda: 42 in plant.values("M1/good_total"))
    assert eventually(lambda: not plant.rows("select from gap where to_at is null"))
    assert ("reboot",) in plant.rows("select why from gap")


def test_a_bad_node_does_not_stop_the_others(plant: Plant, collect: Start, server: Server) -> None:
    """A node that is not there is named in the health; a new plant version that mends it keeps the session."""
    broken = document(server.port)
    broken["tag"][0]["node"] = "nsu=urn:takt:test;s=Nowhere"
    broken["tag"][1]["node"] = "nsu=urn:takt:none;s=State"
    plant.apply(broken)
    collect()
    assert eventually(lambda: plant.values("M1/value:temp", "value_sample") == [20.0])
    assert eventually(lambda: set(plant.health("plc")["bad_tags"]) == {"M1/good_total", "M1/state"})
    since = plant.rows("select since_at from source_lease")
    plant.apply(document(server.port))
    assert eventually(lambda: plant.values("M1/good_total") == [0] and plant.values("M1/state") == ["IDLE"])
    assert eventually(lambda: plant.health("plc")["bad_tags"] == {})
    assert plant.rows("select since_at from source_lease") == since


def test_bad_quality_is_kept(plant: Plant, collect: Start, server: Server) -> None:
    """A status of uncertain or bad becomes the sample's quality."""
    plant.apply(document(server.port))
    collect()
    assert eventually(lambda: plant.values("M1/value:temp", "value_sample") == [20.0])
    server.set("Temp", 22.0, status=0x40000000)
    server.set("Temp", 23.0, status=0x80000000)
    query = "select quality from value_sample join tag on tag.id = tag_id where address = 'M1/value:temp' order by at"
    assert eventually(lambda: plant.rows(query) == [(0,), (1,), (2,)])


def test_a_wrong_password_is_said_and_not_hammered(
    plant: Plant, collect: Start, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused password is named as such; the right one is let in."""
    server = serve("--password")
    monkeypatch.setenv("PLC_PASSWORD", "wrong")
    plant.apply(document(server.port, user="mes", password_env="PLC_PASSWORD"))
    first = collect()
    assert eventually(lambda: plant.state("plc") == "refused")
    assert plant.health("plc")["detail"].startswith("password:")
    first.stop()
    assert eventually(lambda: plant.state("plc") == "stopped")
    monkeypatch.setenv("PLC_PASSWORD", "secret")
    collect()
    assert eventually(lambda: plant.values("M1/good_total") == [0])


def test_a_burst_is_stored_whole(plant: Plant, collect: Start, server: Server) -> None:
    """Many changes within one publishing interval are all stored, in order."""
    plant.apply(document(server.port, publishing_ms=500))
    collect()
    assert eventually(lambda: plant.values("M1/good_total") == [0])
    server.tell("burst", "Good", 400)
    assert eventually(lambda: len(plant.values("M1/good_total")) >= 400)
    assert plant.values("M1/good_total")[-399:] == list(range(1, 400))


def test_a_cut_connection_loses_nothing(
    plant: Plant, collect: Start, server: Server, proxied: Callable[[str, int], Proxy]
) -> None:
    """What changes while the connection is cut is delivered afterwards, and no gap is left."""
    proxy = proxied("127.0.0.1", server.port)
    plant.apply(document(proxy.port))
    collect()
    assert eventually(lambda: plant.values("M1/good_total") == [0])
    proxy.set("cut")
    assert eventually(lambda: plant.state("plc") == "lost")
    server.tell("burst", "Good", 30)
    proxy.set("pass")
    assert eventually(lambda: plant.values("M1/good_total")[-29:] == list(range(1, 30)))
    assert eventually(lambda: plant.state("plc") == "running")
    assert plant.rows("select from gap where from_at <> to_at or to_at is null") == []


def test_a_black_hole_is_noticed(
    plant: Plant, collect: Start, server: Server, proxied: Callable[[str, int], Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nothing arrives and nothing is closed, the silence is noticed, said as a gap, and mended."""
    monkeypatch.setattr("collectors.opcua.session.REQUEST_S_MAX", 1.0)
    monkeypatch.setattr("collectors.opcua.source.PULSE_S", 1.0)
    proxy = proxied("127.0.0.1", server.port)
    plant.apply(document(proxy.port))
    collect()
    assert eventually(lambda: plant.values("M1/good_total") == [0])
    proxy.set("black_hole")
    assert eventually(lambda: plant.state("plc") == "lost")
    server.set("Good", 77)
    proxy.set("pass")
    assert eventually(lambda: 77 in plant.values("M1/good_total"))
