"""The doctor: says what is well, and for what is not, what to do."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from mes.actions import plant
from mes.actions.record import Deed
from mes.clock import wall
from mes.errors import SetupError
from mes.formats.plant_file import read_plant
from mes.host import doctor, processes, timescale
from mes.host.doctor import Check, Finding, all_well, examine
from mes.settings import Settings
from mes.store.pool import connect
from mes.store.source import Beat, renew_sources, take_source

PLANT = Path(__file__).parents[2] / "simulators" / "demo" / "plant.toml"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, http_port=processes.free_port())


def _only(name: str, settings: Settings) -> Finding:
    return examine(settings, [check for check in doctor.CHECKS if check.name == name])[0]


def test_a_machine_without_anything_is_told_what_to_do(settings: Settings) -> None:
    """Where nothing was set up, database and broker each name their remedy, and Python is well."""
    found = {finding.name: finding for finding in examine(settings)}
    assert found["python"].ok
    assert "mes db start" in found["database"].remedy
    assert "MES_MQTT_URL" in found["broker"].remedy
    assert not all_well(list(found.values()))


def test_a_migrated_database_is_well_except_that_tests_run_it_fast(settings: Settings, database_url: str) -> None:
    """The doctor connects, finds TimescaleDB and the newest schema, and objects to the tests' careless profile."""
    here = settings.model_copy(update={"database_url": database_url})
    assert _only("schema", here) == Finding("schema", ok=True, says="up to date")
    assert _only("clock", here).ok
    finding = _only("database", here)
    assert "may lose committed data" in finding.says
    assert "fsync" in finding.remedy


def test_an_empty_database_is_told_to_upgrade(settings: Settings, server_url: str) -> None:
    """A database without schema gets the command that brings it."""
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute("create database takt_empty")
    here = settings.model_copy(update={"database_url": timescale.with_database(server_url, "takt_empty")})
    try:
        assert _only("schema", here).remedy == "Run `mes db upgrade`."
        assert _only("database", here).remedy == "Run `mes db upgrade`."
    finally:
        with psycopg.connect(server_url, autocommit=True) as conn:
            conn.execute("drop database takt_empty with (force)")


def test_why_the_database_cannot_be_asked_is_said_once(settings: Settings, server_url: str) -> None:
    """Away, refused or missing are three sentences; the checks that need the database refer to its own."""
    refused = settings.model_copy(update={"database_url": timescale.with_database(server_url, "takt_nowhere")})
    assert 'refuses the connection: database "takt_nowhere" does not exist' in _only("database", refused).says
    assert "MES_DATABASE_URL" in _only("database", refused).remedy
    away = settings.model_copy(update={"database_url": f"postgresql://mes@127.0.0.1:{processes.free_port()}/mes"})
    assert "does not answer" in _only("database", away).says
    for name in ("schema", "clock"):
        assert _only(name, away).says == "The database cannot be asked"


def test_what_does_not_run_is_named_with_its_command(settings: Settings, database_url: str) -> None:
    """A process is known by its connection, on whatever machine it runs."""
    here = settings.model_copy(update={"database_url": database_url})
    assert _only("processes", here).says == "Takt does not run"
    with ExitStack() as running:
        for word in ("serve", "track", "plan serve", "work"):
            running.enter_context(connect(database_url, name=doctor.PROCESSES[word]))
        assert _only("processes", here).says == "Of Takt's processes do not run: `mes collect`"
        running.enter_context(connect(database_url, name="collector keeper"))
        assert _only("processes", here).ok


def test_a_source_that_is_not_heard_is_named_with_its_reason(settings: Settings, database_url: str) -> None:
    """Without a plant, without a collector, and with a source that was lost: three sentences, each with its command."""
    here = settings.model_copy(update={"database_url": database_url})
    assert "mes plant apply" in _only("sources", here).remedy
    with connect(database_url, name="test") as conn:
        plant.apply(conn, Deed("cli", wall()), read_plant(PLANT.read_text("utf-8")))
    assert "mes collect" in _only("sources", here).remedy
    with connect(database_url, name="test") as conn:
        wanted = [source.code for source in read_plant(PLANT.read_text("utf-8")).source]
        for code in wanted:
            lease = take_source(conn, code, "me", lease_s=600)
            assert lease is not None
            state = "lost" if code == "plc-1" else "running"
            beat = Beat(code, lease.epoch, state, wall(), wall(), {"detail": "network: gone"})
            renew_sources(conn, "me", [beat], lease_s=600)
    assert _only("sources", here).says == "plc-1 is lost (network: gone)"
    assert "mes source test plc-1" in _only("sources", here).remedy


def test_a_broker_that_answers_is_well(settings: Settings, mqtt_url: str) -> None:
    """Whether a broker accepts connections is tried."""
    assert _only("broker", settings.model_copy(update={"mqtt_url": mqtt_url})).ok
    away = settings.model_copy(update={"mqtt_url": f"mqtt://127.0.0.1:{processes.free_port()}"})
    assert "does not answer" in _only("broker", away).says


def test_a_stranger_on_the_port_is_named_with_another_port(settings: Settings) -> None:
    """A port taken by another program is wrong; the remedy names a variable."""
    assert _only("port", settings).ok
    with socket.create_server(("127.0.0.1", settings.http_port)) as server:
        server.settimeout(0)
        assert "MES_HTTP_PORT" in _only("port", settings).remedy


def test_misspelt_variables_are_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that means nothing is shown."""
    monkeypatch.setenv("MES_HTP_PORT", "1")
    assert "MES_HTP_PORT" in _only("settings", settings).says


def test_a_full_disk_is_wrong(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little room is said before it hurts."""
    monkeypatch.setattr(doctor, "FREE_MB_MIN", 10**9)
    assert "are free" in _only("disk", settings).says


def test_a_check_that_fails_itself_does_not_stop_the_others(settings: Settings) -> None:
    """A fault in one check is a finding like any other."""

    def broken(_: Settings) -> str:
        raise ZeroDivisionError("oops")

    findings = examine(settings, [Check("broken", broken), Check("fine", lambda _: "well")])
    assert [finding.ok for finding in findings] == [False, True]
    assert "ZeroDivisionError: oops" in findings[0].says


def test_what_only_tests_need_does_not_make_the_product_wrong(settings: Settings) -> None:
    """Without a browser the product runs all the same."""

    def lacking(_: Settings) -> str:
        raise SetupError("no browser", remedy="get one")

    assert all_well(examine(settings, [Check("browser", lacking, needed=False)]))
    assert not all_well(examine(settings, [Check("database", lacking)]))
