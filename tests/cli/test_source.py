"""`mes source`: what a stranger types to connect a server, against servers that really run."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import psycopg
import pytest
from typer.testing import CliRunner

from mes.actions.plant import apply
from mes.actions.record import Deed
from mes.cli.source import group
from mes.clock import real_clock
from mes.errors import InputError, MesError, NotFoundError, UnavailableError
from mes.formats.plant_file import plant_from
from mes.host.processes import free_port
from tests.collectors.conftest import plant_document, say
from tests.collectors.edge import bd_seq, payload
from tests.collectors.test_opcua import Server


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that wants encryption and a password."""
    server = Server(free_port(), "--password", "--secure", str(tmp_path_factory.mktemp("server")))
    yield server
    server.kill()


@pytest.fixture
def device(mqtt_url: str) -> Iterator[paho.Client]:
    """A device connected to the broker."""
    from tests.collectors.test_link import connected, parted

    client = connected(mqtt_url)
    yield client
    parted(client)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MES_HOME", str(tmp_path))


def typed(*words: str) -> str:
    """What `mes source WORDS` prints."""
    done = CliRunner().invoke(group, words, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def offered(text: str) -> list[dict[str, Any]]:
    """The [[tag]] lines that were printed."""
    tags: list[dict[str, Any]] = tomllib.loads(text)["tag"]
    return tags


def test_a_server_is_met_trusted_browsed_and_tried(
    secure: Server, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused at first sight, accepted by its thumbprint, its nodes printed as tags, and each tag's word of now."""
    monkeypatch.setenv("PLC_PASSWORD", "secret")
    monkeypatch.setenv("MES_DATABASE_URL", database_url)
    url = f"opc.tcp://127.0.0.1:{secure.port}/test"
    words = ("--security", "Basic256Sha256/SignAndEncrypt", "--user", "mes", "--password-env", "PLC_PASSWORD")
    with pytest.raises(UnavailableError, match="nobody has accepted the server's certificate") as refused:
        typed("browse", url, *words)
    thumb = typed("trust").split()[0]
    assert thumb[:12] in str(refused.value)
    assert typed("trust", thumb[:12]).startswith("Trusted: ")
    (tag,) = offered(typed("browse", url, *words, "--glob", "Good", "--source", "plc"))
    assert tag == {**tag, "signal": "good_total", "source": "plc", "node": "nsu=urn:takt:test;s=Good"}
    source = {"code": "plc", "kind": "opcua", "url": url, "security": words[1], "user": "mes", "password_env": words[5]}
    bad = {"machine": "M1", "signal": "state", "node": "nsu=urn:takt:test;s=Nowhere"}
    document = plant_document(source, [{**tag, "machine": "M1"}, bad])
    with psycopg.connect(database_url) as conn:
        apply(conn, Deed("test", real_clock().now()), plant_from(document))
    done = CliRunner().invoke(group, ["test", "plc", "--seconds", "3"])
    assert isinstance(done.exception, MesError)
    assert str(done.exception) == "1 tags of plc say nothing."
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines() if line.startswith("M1/")]
    assert lines == [["M1/good_total", "0"], ["M1/state", "-- BadNodeIdUnknown"]]


def test_what_a_broker_says_is_offered(mqtt_url: str, device: paho.Client) -> None:
    """JSON topics with their times, and Sparkplug births by their metrics, as tags that can be pasted."""
    at = int(time.time() * 1000)
    say(device, "hall/press-7/counts", json.dumps({"good": 5, "ts": at}).encode(), retain=True)
    birth = payload(0, bd_seq(0), {"name": "parts/Good Count", "value": 3}, at_ms=at)
    say(device, "spBv1.0/hall/NBIRTH/edge-9", birth, retain=True)
    tags = {tag["machine"]: tag for tag in offered(typed("browse", mqtt_url, "--seconds", "2"))}
    press = tags["press-7"]
    assert (press["signal"], press["path"], press["time_path"]) == ("good_total", "good", "ts")
    edge = tags["edge-9"]
    assert (edge["signal"], edge["group"], edge["edge"], edge["metric"]) == (
        "good_total", "hall", "edge-9", "parts/Good Count",
    )  # fmt: skip
    say(device, "hall/press-7/counts", b"", retain=True)
    say(device, "spBv1.0/hall/NBIRTH/edge-9", b"", retain=True)


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (("browse", "opc.tcp://127.0.0.1:1"), UnavailableError, "network"),
        (("browse", "ftp://127.0.0.1"), InputError, "neither"),
        (("trust", "abc"), NotFoundError, "abc"),
    ],
)
def test_nothing_there_is_said_in_one_sentence(words: tuple[str, ...], error: type[MesError], says: str) -> None:
    """A server that is not there, an address that is none, a thumbprint nobody met."""
    with pytest.raises(error, match=says):
        typed(*words)
