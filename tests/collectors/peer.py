"""Programs of other makes for the tests: node-opcua as OPC UA server, sparkplug-client as Sparkplug edge node.

npm fetches them once, as pinned in `tests/peers`; the short form of their tests runs with all tests, `make peers` takes
them through restarts, kills, cuts and silences too.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from collectors.opcua.security import Pki
from collectors.opcua.session import Session
from collectors.source import SourceLostError
from mes.bench.peer import installed
from mes.domain.plant import Source
from mes.settings import load_settings
from tests.collectors.conftest import plant_document

PASSWORD_ENV = "PEER_PASSWORD"
ENCRYPTED = {"security": "Basic256Sha256/SignAndEncrypt", "user": "mes", "password_env": PASSWORD_ENV}
VALUES = 250


class Peer:
    """A program that answers each line with `ok`."""

    def __init__(self, name: str, *words: str) -> None:
        folder = installed(name, load_settings().cache)
        (program,) = folder.glob("*.js")
        argv = ["node", str(program), *words]
        self.process = subprocess.Popen(
            argv, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._wait_for("ready")

    def _wait_for(self, word: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == word:
                return
        self.kill()
        raise AssertionError("the peer ended")

    def tell(self, *words: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        self._wait_for("ok")

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As whoever restarts it does."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.communicate()


class OpcUaPeer(Peer):
    """A node-opcua server at a port, its certificate in a folder; `words`: "strict" trusts nobody it does not know."""

    def __init__(self, port: int, folder: Path, *words: str) -> None:
        self.port = port
        super().__init__("node-opcua", str(port), str(folder), *words)


def opcua_document(port: int, **more: Any) -> dict[str, Any]:
    """A plant that hears a node-opcua server: a counter, a state, many values."""
    source = {"code": "plc", "kind": "opcua", "url": f"opc.tcp://127.0.0.1:{port}/peer", "publishing_ms": 100, **more}
    names = {"good_total": "Good", "state": "State"} | {f"value:v{n}": f"v{n}" for n in range(VALUES)}
    tags = [{"machine": "M1", "signal": s, "node": f"nsu=urn:takt:peer;s={n}"} for s, n in names.items()]
    return plant_document(source, tags)


def edge_document(url: str, group: str) -> dict[str, Any]:
    """A plant that hears the counter of a sparkplug-client edge node."""
    tag = {"machine": "M1", "signal": "good_total", "group": group, "edge": "E", "device": "D", "metric": "good"}
    return plant_document({"code": "spb", "kind": "sparkplug", "url": url, "client_id": group}, [tag])


def accept(port: int, pki: Pki) -> None:
    """Be refused by a server nobody accepted yet, and accept its certificate."""

    async def refused() -> None:
        session = Session(Source("plc", "opcua", f"opc.tcp://127.0.0.1:{port}/peer", **ENCRYPTED), pki)  # type: ignore[arg-type]
        try:
            await session.open()
        finally:
            await session.close()

    with pytest.raises(SourceLostError, match="nobody has accepted"):
        asyncio.run(refused())
    (thumb,) = pki.rejected()
    pki.trust(thumb)
