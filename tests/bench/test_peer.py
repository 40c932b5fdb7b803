"""Programs of others: fetched once, exactly as pinned; what is missing is said with its remedy."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mes.bench import peer
from mes.errors import SetupError


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH but the shell's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    monkeypatch.setattr("shutil.which", lambda name: str(folder / name) if (folder / name).exists() else None)
    return folder


def program(folder: Path, name: str, does: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("missing", ["node", "npm"])
def test_what_is_not_here_is_said(tools: Path, tmp_path: Path, missing: str) -> None:
    """Without Node.js or npm: one sentence, and what to install."""
    program(tools, {"node": "npm", "npm": "node"}[missing], "exit 0")
    with pytest.raises(SetupError) as raised:
        peer.installed("node-red", tmp_path / "cache")
    assert f"needs {missing}" in str(raised.value)
    assert "Install Node.js" in str(raised.value)


def test_what_npm_cannot_fetch_is_said_and_tried_again(tools: Path, tmp_path: Path) -> None:
    """npm's last word is passed on; the next time it is asked again."""
    program(tools, "node", "exit 0")
    program(tools, "npm", "echo no such host >&2; exit 1")
    with pytest.raises(SetupError, match="no such host"):
        peer.installed("node-red", tmp_path / "cache")
    program(tools, "npm", "exit 0")
    assert (peer.installed("node-red", tmp_path / "cache") / "collect.js").exists()


def test_it_is_fetched_once_until_its_pins_change(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when two come at once; other pins are fetched anew, and its program is always the checkout's."""
    program(tools, "node", "exit 0")
    program(tools, "npm", f"echo fetched >> {tmp_path}/log; sleep 0.2")
    source = tmp_path / "peers" / "tool"
    source.mkdir(parents=True)
    for name in ("package.json", "package-lock.json", ".npmrc", "run.js"):
        (source / name).write_text("1")
    monkeypatch.setattr(peer, "PEERS", tmp_path / "peers")
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda _n: peer.installed("tool", tmp_path / "cache"), range(2)))
    assert (tmp_path / "log").read_text() == "fetched\n"
    (source / "run.js").write_text("2")
    assert (peer.installed("tool", tmp_path / "cache") / "run.js").read_text() == "2"
    (source / "package-lock.json").write_text("2")
    peer.installed("tool", tmp_path / "cache")
    assert (tmp_path / "log").read_text() == "fetched\n" * 2


@pytest.mark.parametrize("folder", sorted(path for path in peer.PEERS.iterdir() if (path / "package.json").exists()))
def test_every_peer_is_pinned_without_a_host(folder: Path) -> None:
    """Each package has its checksum, and none says from where: npm's own setting does."""
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    fetched = {name: facts for name, facts in packages.items() if name}
    assert fetched
    assert [name for name, facts in fetched.items() if "resolved" in facts or "integrity" not in facts] == []
    assert "omit-lockfile-registry-resolved=true" in (folder / ".npmrc").read_text().splitlines()
