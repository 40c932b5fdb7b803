"""Settings: variables over file over defaults, and a sentence for what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mes.errors import InputError
from mes.settings import Settings, default_cache, default_home, load_settings, unknown_variables


@pytest.fixture(autouse=True)
def _nothing_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MES_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_variables_win_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """takt.toml gives values, MES_* variables replace them."""
    (tmp_path / "takt.toml").write_text('http_port = 9000\nlang = "zh"\n')
    monkeypatch.setenv("MES_HTTP_PORT", "9001")
    settings = load_settings()
    assert (settings.http_port, settings.lang) == (9001, "zh")


def test_an_empty_variable_counts_as_not_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`MES_CACHE=` does not mean the folder one happens to stand in."""
    monkeypatch.setenv("MES_CACHE", "")
    monkeypatch.setenv("MES_HTTP_PORT", "")
    settings = load_settings()
    assert (settings.cache, settings.http_port) == (default_cache(), 8000)


def test_without_anything_it_listens_on_this_machine_only() -> None:
    """The defaults open nothing to the network and use private servers."""
    settings = load_settings()
    assert settings.http_url == "http://127.0.0.1:8000"
    assert (settings.database_url, settings.mqtt_url) == ("", "")


def test_home_is_in_the_working_directory_except_for_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user's data lie beside the project; root's lie where the servers' user can reach them."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert default_home() == tmp_path / ".mes"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_home().parent == Path("/var/lib/takt")
    monkeypatch.chdir("/")
    assert default_home() != Path("/var/lib/takt") / tmp_path.name


def test_a_relative_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children run elsewhere and must mean the same folder."""
    monkeypatch.setenv("MES_HOME", "data here")
    assert load_settings().home == tmp_path / "data here"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("MES_HTTP_PORT", "80000", "less than or equal to 65535"),
        ("MES_DATABASE_URL", "mysql://x", "must look like postgresql://"),
        ("MES_MQTT_URL", "127.0.0.1", "must look like mqtt://"),
        ("MES_LANG", "fr", "'zh' or 'en'"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable and what it should look like."""
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError) as caught:
        load_settings()
    assert name in str(caught.value)
    assert sentence in str(caught.value)


def test_an_unknown_key_of_the_file_is_refused(tmp_path: Path) -> None:
    """A slip in takt.toml does not pass unseen."""
    (tmp_path / "takt.toml").write_text("http_prot = 9000\n")
    with pytest.raises(InputError, match="HTTP_PROT"):
        load_settings()


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    """The error says which file and where."""
    (tmp_path / "takt.toml").write_text("http_port = \n")
    with pytest.raises(InputError, match=r"takt\.toml is not valid TOML.*line 1"):
        load_settings()


def test_an_unknown_variable_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`mes doctor` can name a variable that means nothing."""
    monkeypatch.setenv("MES_HTP_PORT", "1")
    assert unknown_variables() == ["MES_HTP_PORT"]


def test_a_child_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a parent hands on as variables, its child reads back."""
    given = Settings(http_port=8123, database_url="postgresql://mes@127.0.0.1/mes", lang="zh", demo=True)
    for name, value in given.environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == given
