"""`mes bench opcua`: what a notification costs us, how fast items are subscribed, and whether one is lost.

    run(port, seconds=10)

Our own source (session, subscription, decoder, translator: everything before the writer) runs in this process against
a server in another; CPU is this process's. Then asyncua's handler API hears the same server in a process of its own
(`tests/peers/asyncua`). Every node counts, so a value that was lost shows as a jump.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from collectors.look import Ear, running
from collectors.opcua.security import Pki
from collectors.opcua.source import OpcUaSource
from collectors.source import Assignment, GapNote, Heard, Numbered, SourceLostError, Thank, Unreadable
from mes.bench.result import Measure, Result
from mes.clock import mono
from mes.domain.plant import Source as SourceModel
from mes.domain.plant import Tag
from mes.errors import SetupError

NODES = 5_000
RATE = 2_000.0
PUBLISHING_MS = 500
WARM_S = 1.0
START_S = 120.0
SERVES_S = 3_600.0
CPU_US_MAX, ENCRYPTED_CPU_US_MAX, HANDLER_VS_OURS_MIN, SUBSCRIBED_S_MAX = 3.0, 4.0, 5.0, 5.0
"""What must be true of the collector; CPU is compared in the same run."""
PEERS = Path(__file__).parents[2] / "tests" / "peers" / "asyncua"


class Ledger(Ear):
    """Keeps every sample, and thanks at once."""

    def __init__(self) -> None:
        super().__init__()
        self.samples: list[Heard] = []
        self.connected_s: float | None = None

    def connected(self, *, kept_all: bool) -> None:
        self.connected_s = mono()

    def deliver(
        self,
        heard: Sequence[Heard],
        *,
        unreadable: Sequence[Unreadable] = (),
        gaps: Sequence[GapNote] = (),
        thank: Thank | None = None,
    ) -> None:
        self.samples += heard
        if thank is not None:
            thank()

    def missed(self) -> int:
        """How many values are missing between those that were heard."""
        last: dict[int, int] = {}
        missed = 0
        for sample in self.samples:
            value = int(sample.value or 0)
            missed += max(0, value - last.get(sample.tag_id, value - 1) - 1)
            last[sample.tag_id] = value
        return missed


@dataclass(frozen=True, slots=True)
class Listened:
    """One measurement of our own source."""

    notifications: int
    cpu_s: float
    subscribed_s: float
    missed: int

    @property
    def cpu_us(self) -> float:
        return self.cpu_s / max(1, self.notifications) * 1e6


def run(port: int, *, seconds: float = 10.0, nodes: int = NODES, rate: float = RATE) -> Result:
    """Measure. Raises SetupError outside a checkout, or when the server does not start."""
    if not (PEERS / "server.py").exists():
        raise SetupError("The bench's OPC UA server is not here", remedy="Run this from a checkout of Takt.")
    result = Result("opcua", seconds)
    words = (port, nodes, rate, SERVES_S)
    with TemporaryDirectory(prefix="takt-bench-") as folder:
        home = Path(folder)
        with _server(*words) as url:
            plain = _listen(url, home, nodes, seconds, security="None")
            _note(result, "", plain)
            _beside_handler(result, plain, url, nodes, seconds)
        with _server(*words, home) as url:
            _note(result, "encrypted_", _listen(url, home, nodes, seconds, security="Basic256Sha256/SignAndEncrypt"))
    _judge(result)
    return result


def _judge(result: Result) -> None:
    """Each bar and whether it was met."""
    for prefix, cpu_us_max in (("", CPU_US_MAX), ("encrypted_", ENCRYPTED_CPU_US_MAX)):
        for name, bound in (("cpu_us_per_notification", cpu_us_max), ("subscribed_s", SUBSCRIBED_S_MAX), ("lost", 0)):
            result.judge(prefix + name, result.measures[prefix + name].value, at_most=bound)
    name = "asyncua_handler_vs_ours_cpu"
    result.judge(name, round(result.ratios[name], 2), at_least=HANDLER_VS_OURS_MIN)


def _note(result: Result, prefix: str, listened: Listened) -> None:
    heard = listened.notifications
    result.measures |= {
        f"{prefix}cpu_us_per_notification": Measure(round(listened.cpu_us, 2), "µs", heard),
        f"{prefix}subscribed_s": Measure(round(listened.subscribed_s, 2), "s", 1),
        f"{prefix}lost": Measure(listened.missed, "values", heard),
    }


def _beside_handler(result: Result, ours: Listened, url: str, nodes: int, seconds: float) -> None:
    argv = [sys.executable, str(PEERS / "handler.py"), url, str(nodes), str(seconds)]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        said = ended.stderr.strip().splitlines()
        raise SetupError(f"asyncua's handler API gave up: {said[-1] if said else 'it said nothing'}")
    peer: dict[str, Any] = json.loads(ended.stdout)
    cpu_us = peer["cpu_s"] / max(1, peer["notifications"]) * 1e6
    result.peers["asyncua_handler"] = {**peer, "cpu_us_per_notification": round(cpu_us, 2)}
    result.ratios["asyncua_handler_vs_ours_cpu"] = cpu_us / ours.cpu_us


# --- the server


@contextmanager
def _server(*words: object) -> Iterator[str]:
    """A server that listens; its address."""
    argv = [sys.executable, str(PEERS / "server.py"), *map(str, words)]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert child.stdout is not None
    try:
        told = child.stdout.readline()
        if not told:
            raise SetupError("The OPC UA server of the bench does not start")
        yield json.loads(told)["url"]
    finally:
        child.kill()
        child.communicate()


# --- our own source


def _listen(url: str, home: Path, nodes: int, seconds: float, *, security: str) -> Listened:
    source = SourceModel("bench", "opcua", url, publishing_ms=PUBLISHING_MS, security=security)
    names = [f"LOAD-{k}" for k in range(nodes)]
    tags = [Tag(name, "good_total", "bench", node=f"nsu=urn:takt:sim;s={name}.Good") for name in names]
    numbered = tuple(Numbered(number, tag) for number, tag in enumerate(tags, 1))
    assignment = Assignment(source, numbered, "UTC")
    if security != "None":
        asyncio.run(_meet(assignment, home))
    return asyncio.run(_heard(assignment, home, seconds))


async def _meet(assignment: Assignment, home: Path) -> None:
    """Be refused once, and accept the server's certificate."""
    pki = Pki(home / "pki")
    stranger = OpcUaSource(replace(assignment, tags=()), Ledger(), home / "pki")
    try:
        await stranger.run()
    except SourceLostError:
        for thumbprint in pki.rejected():
            pki.trust(thumbprint)
    finally:
        await stranger.close()


async def _heard(assignment: Assignment, home: Path, seconds: float) -> Listened:
    ledger = Ledger()
    began = mono()
    async with running(OpcUaSource(assignment, ledger, home / "pki")) as task:
        while ledger.connected_s is None and not task.done() and mono() - began < START_S:
            await asyncio.wait({task}, timeout=0.05)
        if ledger.connected_s is None:
            why = task.exception() if task.done() else "no answer"
            raise SetupError(f"The server of the bench is not heard: {why}")
        await asyncio.sleep(WARM_S)
        before, cpu_s = len(ledger.samples), time.process_time()
        await asyncio.sleep(seconds)
        cpu_s, heard = time.process_time() - cpu_s, len(ledger.samples) - before
    return Listened(heard, cpu_s, ledger.connected_s - began, ledger.missed())
