"""Devices of other makes, through faults: node-opcua as OPC UA server, sparkplug-client as Sparkplug edge node.

The short form runs with all tests (npm fetches the peers once, into the cache); `make peers` takes them through cuts,
silences, kills and restarts too. A mosquitto we did not set up is in `test_link`.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from collectors.look import browse
from collectors.opcua.security import Pki
from mes.domain.plant import Source
from mes.host.processes import free_port
from mes.settings import Settings, load_settings
from tests.collectors.conftest import Plant, Proxy, Start, eventually, plant_document

HERE = Path(__file__).parents[1] / "peers"


def installed(name: str) -> Path:
    """A folder with the peer's program and its packages, installed once."""
    folder = load_settings().cache / "peers" / name
    done = folder / "installed"
    folder.mkdir(parents=True, exist_ok=True)
    for file in (HERE / name).iterdir():
        shutil.copy(file, folder)
    if not done.exists():
        argv = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(argv, cwd=folder, check=True, capture_output=True, timeout=280)
        done.touch()
    return folder


class Peer:
    """A program that answers each line with `ok`."""

    def __init__(self, name: str, *words: str) -> None:
        folder = installed(name)
        (program,) = (HERE / name).glob("*.js")
        argv = ["node", str(folder / program.name), *words]
        self.process = subprocess.Popen(
            argv, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.wait_for("ready")

    def wait_for(self, word: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == word:
                return
        self.kill()
        raise AssertionError("the peer ended")

    def tell(self, *words: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        self.wait_for("ok")

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def peer() -> Iterator[Callable[..., Peer]]:
    """Start peers; killed at the end."""
    started: list[Peer] = []

    def start(name: str, *words: str) -> Peer:
        started.append(Peer(name, *words))
        return started[-1]

    yield start
    for program in started:
        program.kill()


class Running(NamedTuple):
    """A node-opcua server that runs."""

    peer: Peer
    port: int


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for all tests that leave it alive: with its nodesets it takes seconds to start."""
    port = free_port()
    server = Peer("node-opcua", str(port), str(tmp_path_factory.mktemp("peer") / "pki"))
    yield Running(server, port)
    server.kill()


@pytest.fixture
def shaky(running: Running, proxied: Callable[[str, int], Proxy], monkeypatch: pytest.MonkeyPatch) -> Proxy:
    """A line to it that can be made to misbehave; silence is noticed within seconds."""
    monkeypatch.setattr("collectors.opcua.session.REQUEST_S_MAX", 3.0)
    monkeypatch.setattr("collectors.opcua.source.PULSE_S", 1.0)
    return proxied("127.0.0.1", running.port)


def document(port: int, **more: Any) -> dict[str, Any]:
    source = {"code": "plc", "kind": "opcua", "url": f"opc.tcp://127.0.0.1:{port}/peer", "publishing_ms": 100, **more}
    names = {"good_total": "Good", "state": "State"} | {f"value:v{n}": f"v{n}" for n in range(250)}
    tags = [{"machine": "M1", "signal": s, "node": f"nsu=urn:takt:peer;s={n}"} for s, n in names.items()]
    return plant_document(source, tags)


@pytest.mark.peers
def test_node_opcua_through_limits_cut_and_kill(
    plant: Plant, collect: Start, peer: Callable[..., Peer], proxied: Callable[[str, int], Proxy], tmp_path: Path
) -> None:
    """252 items in calls of 100, a burst whole, a cut without loss, kill -9 and restart."""
    port = free_port()
    server = peer("node-opcua", str(port), str(tmp_path / "pki"))
    proxy = proxied("127.0.0.1", port)
    plant.apply(document(proxy.port))
    collect()
    assert eventually(lambda: plant.rows("select count(distinct tag_id) from value_sample") == [(250,)])
    server.tell("burst", "Good", 15)
    assert eventually(lambda: plant.values("M1/good_total")[-14:] == list(range(1, 15)))
    proxy.set("cut")
    assert eventually(lambda: plant.state("plc") == "lost")
    server.tell("burst", "Good", 20)
    proxy.set("pass")
    assert eventually(lambda: plant.values("M1/good_total")[-19:] == list(range(1, 20)))
    server.kill()
    assert eventually(lambda: plant.rows("select why from gap where to_at is null"))
    again = peer("node-opcua", str(port), str(tmp_path / "pki"))
    again.tell("set", "Good", 500)
    assert eventually(lambda: 500 in plant.values("M1/good_total"))
    assert eventually(lambda: not plant.rows("select from gap where to_at is null"))


@pytest.mark.peers
@pytest.mark.parametrize("mode", ["black_hole", "half_open"])
def test_node_opcua_behind_a_line_that_only_seems_to_live(
    plant: Plant, collect: Start, running: Running, shaky: Proxy, mode: str
) -> None:
    """Nothing arrives and nothing is closed: it is noticed, and afterwards values come again."""
    plant.apply(document(shaky.port))
    collect()
    assert eventually(lambda: plant.rows("select count(*) from value_sample") == [(250,)], within_s=60)
    shaky.set(mode)
    assert eventually(lambda: plant.state("plc") == "lost", within_s=60)
    running.peer.tell("set", "Good", 77)
    shaky.set("pass")
    assert eventually(lambda: 77 in plant.values("M1/good_total"), within_s=60)
    assert eventually(lambda: plant.state("plc") == "running")


def test_node_opcua_is_heard(plant: Plant, collect: Start, running: Running) -> None:
    """Without security: 252 items in calls of 100, and a change of one."""
    plant.apply(document(running.port))
    collect()
    assert eventually(lambda: plant.rows("select count(distinct tag_id) from value_sample") == [(250,)], within_s=60)
    running.peer.tell("set", "State", "RUN")
    assert eventually(lambda: plant.values("M1/state")[-1:] == ["RUN"])


def test_a_queue_that_ran_over_at_node_opcua_is_a_gap(
    plant: Plant, collect: Start, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that could keep only two values until it published says so, and what is missing is a gap of the tag."""
    monkeypatch.setattr("collectors.opcua.subscribe.queue_size", lambda _source: 2)
    plant.apply(document(running.port, publishing_ms=1_500))
    collect()
    assert eventually(lambda: plant.rows("select count(distinct tag_id) from value_sample") == [(250,)], within_s=60)
    lost = "select distinct address from gap join tag on tag.id = gap.tag_id where why = 'overflow' and to_at > from_at"

    def ran_over() -> bool:
        running.peer.tell("burst", "Good", 20)
        return plant.rows(lost) == [("M1/good_total",)]

    assert eventually(ran_over, within_s=60)
    assert eventually(lambda: plant.health("plc")["counts"].get("overflow", 0) >= 1, within_s=60)


def test_node_opcua_encrypted_with_password(
    plant: Plant, collect: Start, running: Running, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused until its certificate is accepted; then SignAndEncrypt with user and password."""
    monkeypatch.setenv("PEER_PASSWORD", "secret")
    server = running.peer
    secure = {"security": "Basic256Sha256/SignAndEncrypt", "user": "mes", "password_env": "PEER_PASSWORD"}
    plant.apply(document(running.port, **secure))
    first = collect()
    assert eventually(lambda: plant.state("plc") == "refused")
    first.stop()
    pki = Pki(settings.home / "pki")
    (thumb,) = pki.rejected()
    pki.trust(thumb)
    assert eventually(lambda: plant.state("plc") == "stopped")
    collect()
    server.tell("set", "Good", 7)
    assert eventually(lambda: 7 in plant.values("M1/good_total"))


@pytest.mark.peers
def test_node_opcua_rejects_us_and_we_say_so(
    plant: Plant, collect: Start, peer: Callable[..., Peer], settings: Settings, tmp_path: Path
) -> None:
    """A server that does not trust our certificate: said as a matter of certificates."""
    port = free_port()
    peer("node-opcua", str(port), str(tmp_path / "pki"), "strict")
    plant.apply(document(port, security="Basic256Sha256/SignAndEncrypt"))
    first = collect()
    assert eventually(lambda: plant.state("plc") == "refused")
    first.stop()
    pki = Pki(settings.home / "pki")
    (thumb,) = pki.rejected()
    pki.trust(thumb)
    assert eventually(lambda: plant.state("plc") == "stopped")
    collect()
    assert eventually(lambda: plant.state("plc") == "refused")
    assert plant.health("plc")["detail"].startswith("certificate:")


def test_packml_of_node_opcua_is_recognised(running: Running, tmp_path: Path) -> None:
    """The PackML object of the companion nodeset is offered with its preset."""
    source = Source("plc", "opcua", f"opc.tcp://127.0.0.1:{running.port}/peer")
    offers = browse(source, Settings(home=tmp_path), glob="Filler1/*", seconds=1, say=lambda _count: None)
    assert ("Filler1", "packml") in {(offer.machine, offer.preset) for offer in offers}


def test_sparkplug_client_is_heard(plant: Plant, collect: Start, peer: Callable[..., Peer], mqtt_url: str) -> None:
    """Birth, data, death and rebirth of an edge node we did not write."""
    tag = {"machine": "M1", "signal": "good_total", "group": "peer", "edge": "E", "device": "D", "metric": "good"}
    plant.apply(plant_document({"code": "spb", "kind": "sparkplug", "url": mqtt_url, "client_id": "peer"}, [tag]))
    edge = peer("sparkplug", mqtt_url, "peer")
    collect()
    assert eventually(lambda: plant.values("M1/good_total") == [0])
    edge.tell("count")
    edge.tell("count")
    assert eventually(lambda: plant.values("M1/good_total") == [0, 1, 2])
    edge.tell("stop")
    assert eventually(lambda: plant.rows("select why from gap where to_at is null") == [("death",)])


@pytest.mark.peers
def test_a_killed_sparkplug_client_is_dead_and_born_again(
    plant: Plant, collect: Start, peer: Callable[..., Peer], mqtt_url: str
) -> None:
    """kill -9: the broker says its death, a gap; started again its birth ends the gap, and counts go on."""
    tag = {"machine": "M1", "signal": "good_total", "group": "kill", "edge": "E", "device": "D", "metric": "good"}
    plant.apply(plant_document({"code": "spb", "kind": "sparkplug", "url": mqtt_url, "client_id": "kill"}, [tag]))
    edge = peer("sparkplug", mqtt_url, "kill")
    collect()
    assert eventually(lambda: plant.values("M1/good_total") == [0])
    edge.kill()
    assert eventually(lambda: plant.rows("select why from gap where to_at is null") == [("death",)], within_s=60)
    again = peer("sparkplug", mqtt_url, "kill")
    assert eventually(lambda: not plant.rows("select from gap where to_at is null"), within_s=60)
    again.tell("count")
    assert eventually(lambda: plant.values("M1/good_total")[-1:] == [1])


class Reached(NamedTuple):
    """A broker, and a line to it that can be made to misbehave."""

    url: str
    line: Proxy

    @property
    def shaky_url(self) -> str:
        return f"mqtt://127.0.0.1:{self.line.port}"


@pytest.fixture
def broker(mqtt_url: str, proxied: Callable[[str, int], Proxy], monkeypatch: pytest.MonkeyPatch) -> Reached:
    """The tests' broker; a silence of it is noticed within seconds."""
    monkeypatch.setattr("collectors.mqtt.link.KEEPALIVE_S", 3)
    parts = urlsplit(mqtt_url)
    return Reached(mqtt_url, proxied(str(parts.hostname), parts.port or 1883))


@pytest.mark.peers
@pytest.mark.parametrize("mode", ["cut", "black_hole", "half_open"])
def test_a_sparkplug_client_whose_line_fails_is_dead_and_born_again(
    plant: Plant, collect: Start, peer: Callable[..., Peer], broker: Reached, mode: str
) -> None:
    """The broker hears it no more and says its death: a gap, which its next birth ends, and counts go on from it."""
    group = f"line-{mode}"
    tag = {"machine": "M1", "signal": "good_total", "group": group, "edge": "E", "device": "D", "metric": "good"}
    plant.apply(plant_document({"code": "spb", "kind": "sparkplug", "url": broker.url, "client_id": group}, [tag]))
    edge = peer("sparkplug", broker.shaky_url, group, "3")
    collect()
    edge.tell("count")
    assert eventually(lambda: plant.values("M1/good_total")[-1:] == [1], within_s=60)
    broker.line.set(mode)
    assert eventually(lambda: plant.rows("select why from gap where to_at is null") == [("death",)], within_s=60)
    broker.line.set("pass")
    assert eventually(lambda: not plant.rows("select from gap where to_at is null"), within_s=60)
    edge.tell("count")
    assert eventually(lambda: plant.values("M1/good_total")[-1:] == [2], within_s=60)


@pytest.mark.peers
@pytest.mark.parametrize("mode", ["cut", "black_hole", "half_open"])
def test_a_sparkplug_client_is_heard_again_when_our_line_to_its_broker_fails(
    plant: Plant, collect: Start, peer: Callable[..., Peer], broker: Reached, mode: str
) -> None:
    """The edge node lives on while we are away: afterwards a rebirth says where its counter stands."""
    group = f"ours-{mode}"
    tag = {"machine": "M1", "signal": "good_total", "group": group, "edge": "E", "device": "D", "metric": "good"}
    source = {"code": "spb", "kind": "sparkplug", "url": broker.shaky_url, "client_id": group}
    plant.apply(plant_document(source, [tag]))
    edge = peer("sparkplug", broker.url, group)
    collect()
    assert eventually(lambda: plant.values("M1/good_total")[-1:] == [0], within_s=60)
    broker.line.set(mode)
    assert eventually(lambda: plant.state("spb") == "lost", within_s=60)
    edge.tell("count")
    broker.line.set("pass")
    assert eventually(lambda: plant.values("M1/good_total")[-1:] == [1], within_s=60)
    assert eventually(lambda: not plant.rows("select from gap where to_at is null"), within_s=60)
