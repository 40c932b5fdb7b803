"""How many unacknowledged messages a broker allows."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.mqtt.window import ASKED, window_of
from mes.domain.plant import Source
from mes.errors import SetupError, UnavailableError
from mes.host.doctor import windows
from mes.settings import Settings
from tests.collectors.broker import Broker


@pytest.fixture
def narrow(servers_home: Path) -> Iterator[Broker]:
    """A broker as it comes out of the box."""
    broker = Broker(servers_home / f"narrow-{secrets.token_hex(4)}", "allow_anonymous true")
    yield broker
    broker.kill()


@pytest.mark.parametrize("version", ["", "?version=3.1.1"])
def test_a_broker_out_of_the_box_allows_twenty(narrow: Broker, version: str) -> None:
    """Measured on a topic of our own, whichever protocol is spoken."""
    assert window_of(Source("b", "mqtt", narrow.url + version)) == 20


def test_our_own_broker_allows_whatever_is_asked(mqtt_url: str) -> None:
    """The one that comes with Takt is set up so."""
    assert window_of(Source("b", "mqtt", mqtt_url)) == ASKED


def test_the_doctor_names_a_narrow_broker(narrow: Broker, mqtt_url: str, tmp_path: Path) -> None:
    """With what to set; a wide one is well, one that is not there is said to be away."""
    with pytest.raises(SetupError, match="lets only 20 messages") as error:
        windows(Settings(home=tmp_path, mqtt_url=narrow.url))
    assert "max_inflight_messages 0" in error.value.remedy
    assert f"{ASKED} and more" in windows(Settings(home=tmp_path, mqtt_url=mqtt_url))
    with pytest.raises(UnavailableError, match="network"):
        windows(Settings(home=tmp_path, mqtt_url="mqtt://127.0.0.1:1"))
