"""A server without subscriptions is read again and again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mes.host.processes import free_port
from tests.collectors.conftest import Plant, Start, eventually
from tests.collectors.test_opcua import Server, document


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(free_port(), "--no-subscriptions")
    yield server
    if server.process.poll() is None:
        server.kill()


def test_a_server_without_subscriptions_is_read_instead(plant: Plant, collect: Start, server: Server) -> None:
    """Changes become samples as with subscriptions, once each; a node that is not there stops no other and is named."""
    model = document(server.port)
    model["tag"][4]["node"] = "nsu=urn:takt:test;s=Nowhere"
    model["tag"][6]["node"] = "nsu=urn:takt:none;s=Label"
    plant.apply(model)
    collect()
    assert eventually(lambda: plant.values("M1/good_total") == [0])
    for count in (5, 6, 7):
        server.set("Good", count)
        assert eventually(lambda expected=count: expected in plant.values("M1/good_total"))
    assert plant.values("M1/good_total") == [0, 5, 6, 7]
    assert plant.values("M1/state") == ["IDLE"]
    assert eventually(lambda: set(plant.health("plc")["bad_tags"]) == {"M1/value:temp", "M1/value:label"})


def test_polling_goes_on_after_a_restart(plant: Plant, collect: Start, server: Server) -> None:
    """Killed and started again, the server is read again; the silence is a gap that has ended."""
    plant.apply(document(server.port))
    collect()
    assert eventually(lambda: plant.values("M1/good_total") == [0])
    server.kill()
    assert eventually(lambda: plant.rows("select from gap where to_at is null"))
    again = Server(server.port, "--no-subscriptions")
    try:
        again.set("Good", 12)
        assert eventually(lambda: 12 in plant.values("M1/good_total"))
        assert eventually(lambda: not plant.rows("select from gap where to_at is null"))
    finally:
        again.kill()
