"""Fetching programs from Debian: what cannot work is said in one sentence, and nothing half-done is left."""

from __future__ import annotations

import platform
import shutil
import threading
from pathlib import Path

import pytest

from mes.errors import SetupError
from mes.host import debian, files
from mes.host.mosquitto import MOSQUITTO
from mes.settings import load_settings


def _refused(cache: Path) -> str:
    with pytest.raises(SetupError) as caught:
        debian.ensure([MOSQUITTO], cache)
    return str(caught.value)


def _is_clean(cache: Path) -> bool:
    return not cache.exists() or {path.name for path in cache.iterdir()} <= {"fetch.lock"}


def test_what_is_here_is_not_fetched_again(monkeypatch: pytest.MonkeyPatch, mqtt_url: str) -> None:
    """Once fetched, programs need neither apt nor the network."""
    monkeypatch.setattr(shutil, "which", lambda *_args, **_words: None)
    debian.ensure([MOSQUITTO], load_settings().cache)
    assert debian.version(MOSQUITTO, load_settings().cache).startswith("2.")


def test_a_system_without_apt_is_told_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without apt-get the sentence names Debian and the two addresses that make fetching needless."""
    monkeypatch.setattr(shutil, "which", lambda *_args, **_words: None)
    sentence = _refused(tmp_path / "cache")
    assert "has no apt-get" in sentence
    assert "Debian 12 or 13" in sentence
    assert "MES_DATABASE_URL" in sentence
    assert _is_clean(tmp_path / "cache")


def test_a_system_without_debians_keys_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages are never taken unchecked: without Debian's keys nothing is fetched."""
    monkeypatch.setattr(debian, "KEYRING", tmp_path / "none.gpg")
    assert "signing keys" in _refused(tmp_path / "cache")


def test_an_unknown_processor_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are programs for two kinds of processor."""
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert "riscv64" in _refused(tmp_path / "cache")


def test_without_network_the_reason_is_apts_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the mirror cannot be reached, apt's reason is in the sentence and nothing half-done stays."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    sentence = _refused(tmp_path / "a cache")
    assert "could not be fetched" in sentence
    assert "Check the network" in sentence
    assert _is_clean(tmp_path / "a cache")


def test_a_full_disk_is_noticed_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little room is said with the figures and the variable that moves the place."""
    monkeypatch.setattr(files, "free_mb", lambda _path: 7)
    sentence = _refused(tmp_path / "cache")
    assert "7 MB are free" in sentence
    assert "MES_CACHE" in sentence


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A cache that cannot be made is a sentence, not a trace."""
    (tmp_path / "file").write_text("in the way")
    assert "cannot be made" in _refused(tmp_path / "file" / "cache")


def test_two_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """While one process holds the lock another waits, and after its patience it says so."""
    lock = tmp_path / "fetch.lock"
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with files.locked(lock, busy="busy", wait_s=0):
            inside.set()
            leave.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert inside.wait(30)
    with pytest.raises(SetupError, match="fetched elsewhere"), files.locked(lock, busy="fetched elsewhere", wait_s=0.2):
        pass
    leave.set()
    with files.locked(lock, busy="busy", wait_s=30):
        holder.join()


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """Writing leaves the new text, the wanted mode, and no draft."""
    files.write_whole(tmp_path / "conf", "old")
    files.write_whole(tmp_path / "conf", "new", mode=0o600)
    assert (tmp_path / "conf").read_text() == "new"
    assert (tmp_path / "conf").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["conf"]
