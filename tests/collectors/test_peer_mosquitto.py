"""A mosquitto we did not set up, through every way it can be lost (`make peers`; the short form is in `test_link`)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.collectors.broker import KEEPING, Broker
from tests.collectors.conftest import Plant, Proxy, Start, counts, eventually, say
from tests.collectors.test_link import connected, parted

pytestmark = pytest.mark.peers


@pytest.fixture
def broker(servers_home: Path) -> Iterator[Broker]:
    broker = Broker(servers_home / f"peer-{secrets.token_hex(4)}", *KEEPING)
    yield broker
    broker.kill()


@pytest.mark.parametrize("end", ["restart", "kill"])
def test_it_is_found_again_after_its_end(plant: Plant, collect: Start, broker: Broker, end: str) -> None:
    """Stopped or kill -9: one gap, which ends when it is back; what is said then is stored."""
    plant.apply(counts(broker.url, f"t/{end}"))
    collect()
    assert eventually(lambda: plant.state("b1") == "running")
    broker.stop() if end == "restart" else broker.kill()
    assert eventually(lambda: plant.rows("select why from gap where to_at is null"))
    broker.start()
    assert eventually(lambda: plant.state("b1") == "running")
    device = connected(broker.url)
    say(device, f"t/{end}", {"good": 5, "ts": time.time()})
    assert eventually(lambda: plant.values("M1/good_total") == [5])
    assert eventually(lambda: not plant.rows("select from gap where to_at is null"))
    parted(device)


@pytest.mark.parametrize("mode", ["cut", "black_hole", "half_open"])
def test_what_it_kept_while_the_line_failed_is_stored(
    plant: Plant, collect: Start, broker: Broker, *, proxied: Callable[[str, int], Proxy],
    monkeypatch: pytest.MonkeyPatch, mode: str,
) -> None:  # fmt: skip
    """Cut, silent, or closed at one end: it is noticed, and a hundred messages said meanwhile all come, in order."""
    monkeypatch.setattr("collectors.mqtt.link.KEEPALIVE_S", 1)
    line = proxied("127.0.0.1", broker.port)
    plant.apply(counts(f"mqtt://127.0.0.1:{line.port}", f"t/{mode}"))
    collect()
    assert eventually(lambda: plant.state("b1") == "running")
    line.set(mode)
    assert eventually(lambda: plant.state("b1") == "lost")
    device, now = connected(broker.url), time.time()
    for n in range(100):
        say(device, f"t/{mode}", {"good": n, "ts": now + n / 1000})
    line.set("pass")
    assert eventually(lambda: plant.values("M1/good_total") == list(range(100)))
    assert eventually(lambda: plant.state("b1") == "running")
    parted(device)
