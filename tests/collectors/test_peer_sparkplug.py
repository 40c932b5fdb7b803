"""A Sparkplug edge node of another make, sparkplug-client: its births, data, deaths, and every way it can be lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.collectors.conftest import Plant, Proxy, Start, eventually
from tests.collectors.peer import Peer, edge_document

Run = Callable[..., Peer]
OPEN_GAPS = "select why from gap where to_at is null"


@pytest.fixture
def run() -> Iterator[Run]:
    """Start edge nodes; killed at the end."""
    started: list[Peer] = []

    def start(*words: str) -> Peer:
        started.append(Peer("sparkplug", *words))
        return started[-1]

    yield start
    for edge in started:
        edge.kill()


def test_it_is_heard(plant: Plant, collect: Start, run: Run, mqtt_url: str) -> None:
    """Birth, data and death."""
    plant.apply(edge_document(mqtt_url, "peer"))
    edge = run(mqtt_url, "peer")
    collect()
    assert eventually(lambda: plant.values("M1/good_total") == [0])
    edge.tell("count")
    edge.tell("count")
    assert eventually(lambda: plant.values("M1/good_total") == [0, 1, 2])
    edge.tell("stop")
    assert eventually(lambda: plant.rows(OPEN_GAPS) == [("death",)])


# --- make peers


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
@pytest.mark.parametrize("end", ["restart", "kill"])
def test_it_is_dead_and_born_again(plant: Plant, collect: Start, run: Run, mqtt_url: str, end: str) -> None:
    """Stopped or kill -9: the broker says its death, a gap; its next birth ends the gap, and counts go on."""
    plant.apply(edge_document(mqtt_url, end))
    edge = run(mqtt_url, end)
    collect()
    assert eventually(lambda: plant.values("M1/good_total") == [0])
    edge.stop() if end == "restart" else edge.kill()
    assert eventually(lambda: plant.rows(OPEN_GAPS) == [("death",)])
    again = run(mqtt_url, end)
    assert eventually(lambda: not plant.rows(OPEN_GAPS))
    again.tell("count")
    assert eventually(lambda: plant.values("M1/good_total")[-1:] == [1])


@pytest.mark.peers
@pytest.mark.parametrize("mode", ["cut", "black_hole", "half_open"])
def test_it_is_dead_when_its_line_fails_and_born_again(
    plant: Plant, collect: Start, run: Run, broker: Reached, mode: str
) -> None:
    """The broker hears it no more and says its death: a gap, which its next birth ends, and counts go on from it."""
    group = f"line-{mode}"
    plant.apply(edge_document(broker.url, group))
    edge = run(broker.shaky_url, group, "3")
    collect()
    edge.tell("count")
    assert eventually(lambda: plant.values("M1/good_total")[-1:] == [1])
    broker.line.set(mode)
    assert eventually(lambda: plant.rows(OPEN_GAPS) == [("death",)])
    broker.line.set("pass")
    assert eventually(lambda: not plant.rows(OPEN_GAPS))
    edge.tell("count")
    assert eventually(lambda: plant.values("M1/good_total")[-1:] == [2])


@pytest.mark.peers
@pytest.mark.parametrize("mode", ["cut", "black_hole", "half_open"])
def test_it_is_heard_again_when_our_line_failed(
    plant: Plant, collect: Start, run: Run, broker: Reached, mode: str
) -> None:
    """The edge node lives on while we are away: afterwards a rebirth says where its counter stands."""
    group = f"ours-{mode}"
    plant.apply(edge_document(broker.shaky_url, group))
    edge = run(broker.url, group)
    collect()
    assert eventually(lambda: plant.values("M1/good_total")[-1:] == [0])
    broker.line.set(mode)
    assert eventually(lambda: plant.state("spb") == "lost")
    edge.tell("count")
    broker.line.set("pass")
    assert eventually(lambda: plant.values("M1/good_total")[-1:] == [1])
    assert eventually(lambda: not plant.rows(OPEN_GAPS))
