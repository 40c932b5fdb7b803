"""An OPC UA server of another make, node-opcua: plain, encrypted with a password, with the PackML nodeset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collectors.look import browse
from collectors.opcua.security import Pki
from mes.domain.plant import Source
from mes.host.processes import free_port
from mes.settings import Settings
from tests.collectors.conftest import Plant, Proxy, Start, eventually
from tests.collectors.peer import ENCRYPTED, PASSWORD_ENV, VALUES, OpcUaPeer, accept, opcua_document

ALL_HEARD = "select count(distinct tag_id) from value_sample"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpcUaPeer]:
    """One for all tests that leave it alive: with its nodesets it takes seconds to start."""
    server = OpcUaPeer(free_port(), tmp_path_factory.mktemp("peer") / "pki")
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_ENV, "secret")


def test_it_is_heard(plant: Plant, collect: Start, server: OpcUaPeer) -> None:
    """Without security: 252 items in calls of 100, and a change of one."""
    plant.apply(opcua_document(server.port))
    collect()
    assert eventually(lambda: plant.rows(ALL_HEARD) == [(VALUES,)])
    server.tell("set", "State", "RUN")
    assert eventually(lambda: plant.values("M1/state")[-1:] == ["RUN"])


def test_it_is_heard_encrypted_with_password(
    plant: Plant, collect: Start, server: OpcUaPeer, settings: Settings
) -> None:
    """Refused until its certificate is accepted; then SignAndEncrypt with user and password."""
    plant.apply(opcua_document(server.port, **ENCRYPTED))
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


def test_a_queue_that_ran_over_is_a_gap(
    plant: Plant, collect: Start, server: OpcUaPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that could keep only two values until it published says so, and what is missing is a gap of the tag."""
    monkeypatch.setattr("collectors.opcua.subscribe.queue_size", lambda _source: 2)
    plant.apply(opcua_document(server.port, publishing_ms=1_000))
    collect()
    assert eventually(lambda: plant.rows(ALL_HEARD) == [(VALUES,)])
    lost = "select distinct address from gap join tag on tag.id = gap.tag_id where why = 'overflow' and to_at > from_at"

    def ran_over() -> bool:
        server.tell("burst", "Good", 7)
        return plant.rows(lost) == [("M1/good_total",)]

    assert eventually(ran_over)
    assert eventually(lambda: plant.health("plc")["counts"].get("overflow", 0) >= 1)


def test_packml_is_recognised(server: OpcUaPeer, tmp_path: Path) -> None:
    """The PackML object of the companion nodeset is offered with its preset."""
    source = Source("plc", "opcua", f"opc.tcp://127.0.0.1:{server.port}/peer")
    offers = browse(source, Settings(home=tmp_path), glob="Filler1/*", seconds=1, say=lambda _count: None)
    assert ("Filler1", "packml") in {(offer.machine, offer.preset) for offer in offers}


# --- make peers


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed within seconds."""
    monkeypatch.setattr("collectors.opcua.session.REQUEST_S_MAX", 3.0)
    monkeypatch.setattr("collectors.opcua.source.PULSE_S", 1.0)


def security(name: str, port: int, settings: Settings) -> dict[str, str]:
    if name == "plain":
        return {}
    accept(port, Pki(settings.home / "pki"))
    return ENCRYPTED


@pytest.mark.peers
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("secured", ["plain", "encrypted"])
@pytest.mark.parametrize("end", ["restart", "kill"])
def test_it_comes_back_after_its_end(
    plant: Plant, collect: Start, settings: Settings, tmp_path: Path, *, end: str, secured: str
) -> None:
    """Stopped or kill -9: a gap; started again it is heard again, and the gap ends."""
    server = OpcUaPeer(free_port(), tmp_path / "pki")
    try:
        plant.apply(opcua_document(server.port, **security(secured, server.port, settings)))
        collect()
        assert eventually(lambda: plant.rows(ALL_HEARD) == [(VALUES,)])
        server.stop() if end == "restart" else server.kill()
        assert eventually(lambda: plant.rows("select why from gap where to_at is null"))
        server = OpcUaPeer(server.port, tmp_path / "pki")
        server.tell("set", "Good", 500)
        assert eventually(lambda: 500 in plant.values("M1/good_total"))
        assert eventually(lambda: not plant.rows("select from gap where to_at is null"))
    finally:
        server.kill()


@pytest.mark.peers
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("secured", ["plain", "encrypted"])
@pytest.mark.parametrize("mode", ["cut", "black_hole", "half_open"])
def test_it_is_heard_again_after_its_line_failed(
    plant: Plant, collect: Start, server: OpcUaPeer, settings: Settings, *,
    proxied: Callable[[str, int], Proxy], mode: str, secured: str,
) -> None:  # fmt: skip
    """Cut, silent, or closed at one end: it is noticed, and what was said meanwhile is stored afterwards, whole."""
    line = proxied("127.0.0.1", server.port)
    plant.apply(opcua_document(line.port, **security(secured, server.port, settings)))
    collect()
    assert eventually(lambda: plant.rows(ALL_HEARD) == [(VALUES,)])
    line.set(mode)
    assert eventually(lambda: plant.state("plc") == "lost")
    server.tell("burst", "Good", 20)
    line.set("pass")
    assert eventually(lambda: plant.values("M1/good_total")[-19:] == list(range(1, 20)))
    assert eventually(lambda: plant.state("plc") == "running")


@pytest.mark.peers
def test_it_rejects_us_and_we_say_so(plant: Plant, collect: Start, settings: Settings, tmp_path: Path) -> None:
    """A server that does not trust our certificate: said as a matter of certificates."""
    server = OpcUaPeer(free_port(), tmp_path / "pki", "strict")
    try:
        accept(server.port, Pki(settings.home / "pki"))
        plant.apply(opcua_document(server.port, security="Basic256Sha256/SignAndEncrypt"))
        collect()
        assert eventually(lambda: plant.state("plc") == "refused")
        assert plant.health("plc")["detail"].startswith("certificate:")
    finally:
        server.kill()
