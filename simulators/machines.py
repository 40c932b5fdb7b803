"""The program that is a plant's machines: the truth runs, device servers say it, a door lets things be done to it.

    Machines(plant, world, Options(...)).run()      until SIGTERM or SIGINT

The truth always begins at the anchor's plant time, however late the program starts, so a seed and the commands give the
same plant. Everything said is first written to the truth log.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulators.changes import Change, Power, record
from simulators.control import Control
from simulators.instants import MINUTE_MS, Anchor, from_iso, to_iso
from simulators.journal import Journal, Tally
from simulators.mqtt import MqttGateway
from simulators.opcua import OpcuaServer
from simulators.plantfile import Plant, Source
from simulators.signals import Published, Translator
from simulators.sparkplug import SparkplugEdges
from simulators.truth import Truth
from simulators.wire import Wire
from simulators.world import Command, World, command

SLEEP_S_MIN = 0.004
SLEEP_S_MAX = 0.5
COMMAND_WAIT_S = 10

# What each path of the door does to the machines; the body names machine, minutes, n, ... as in `world.Command`.
DEEDS = {
    "/fault": "stop", "/clear": "clear", "/count": "count", "/reset": "reset", "/slow": "slow", "/job": "job",
    "/deliver": "deliver", "/reboot": "reboot",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """How the program was started. `opcua_port_base` and `mqtt_url` replace the plant file's addresses where given."""

    anchor: Anchor
    seed: int = 1
    truth: Path | None = None
    mqtt_url: str = ""
    opcua_port_base: int = 0
    control_port: int = 0


def moved(plant: Plant, mqtt_url: str, opcua_port_base: int) -> Plant:
    """The plant with its brokers at another address and its OPC UA servers on consecutive ports."""
    sources: list[Source] = []
    servers = 0
    for source in plant.sources:
        if source.kind == "opcua" and opcua_port_base:
            source = replace(source, url=f"opc.tcp://127.0.0.1:{opcua_port_base + servers}")  # noqa: PLW2901
            servers += 1
        elif source.kind in {"mqtt", "sparkplug"} and mqtt_url:
            source = replace(source, url=mqtt_url)  # noqa: PLW2901
        sources.append(source)
    return replace(plant, sources=tuple(sources))


def wires_of(plant: Plant, now: Callable[[], int]) -> dict[str, Wire]:
    """A device server for each source of the plant that has tags and speaks by itself."""
    wires: dict[str, Wire] = {}
    for source in plant.sources:
        if not any(tag.source == source.code for tag in plant.tags):
            continue
        if source.kind == "opcua":
            wires[source.code] = OpcuaServer(source, plant.tags)
        elif source.kind == "mqtt":
            wires[source.code] = MqttGateway(source, plant.tags)
        elif source.kind == "sparkplug":
            wires[source.code] = SparkplugEdges(source, plant.tags, now)
    return wires


class Machines:
    """All machines of a plant, running."""

    def __init__(self, plant: Plant, world: World, options: Options) -> None:
        self.options = options
        self.anchor = options.anchor
        self.plant = moved(plant, options.mqtt_url, options.opcua_port_base)
        self.truth = Truth(self.plant, world, options.seed, options.anchor.plant_ms)
        self.wires = wires_of(self.plant, options.anchor.now)
        self.journal = Journal(options.truth)
        self.tally = Tally(self.truth.machines)
        self._translator = Translator(self.plant)
        self._source_of = {(tag.machine, tag.signal): tag.source for tag in self.plant.tags}
        self._current: dict[tuple[str, str], Published] = {}
        self._busy = asyncio.Lock()
        self._nudge = asyncio.Event()
        self._stopping = False

    # Running

    async def run(self, ready: Callable[[str], None]) -> None:
        """Start everything, say where the door is, run until told to stop, stop everything."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.stop)
        self._begin()
        for code, wire in self.wires.items():  # one after the other: the first OPC UA server builds what others copy
            await wire.start(self._values_of(code))
        control = Control(self.options.control_port, self._routes(loop))
        ready(control.url)
        try:
            await self._loop()
        finally:
            control.close()
            await asyncio.gather(*(wire.stop() for wire in self.wires.values()), return_exceptions=True)
            self.journal.close(self.truth.at)

    def stop(self) -> None:
        """End the program soon."""
        self._stopping = True
        self._nudge.set()

    def _begin(self) -> None:
        """Write what is true at the beginning, and know the first value of every signal."""
        at = self.truth.begin
        counters = {code: dict(machine.counters.shown) for code, machine in self.truth.machines.items()}
        begin = {
            "kind": "begin",
            "at": to_iso(at),
            "seed": self.options.seed,
            "zone": self.plant.zone.key,
            "counters": counters,
        }
        self.journal.write([begin])
        self.journal.tell(self.truth.initial)
        self.tally.add(self.truth.initial)
        for code, shown in counters.items():
            self._remember(Published(at, code, signal_, value) for signal_, value in shown.items())
            self._remember(Published(at, code, name, "") for name in ("stop_code", "order"))
        for change in self.truth.initial:
            self._remember(self._translator.published(change))

    async def _loop(self) -> None:
        while not self._stopping:
            async with self._busy:
                await self._tell(self.truth.advance(self.anchor.now()))
            wait_s = min(max(self.anchor.real_s(self.truth.next_at()), SLEEP_S_MIN), SLEEP_S_MAX)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nudge.wait(), wait_s)
            self._nudge.clear()

    async def _tell(self, changes: list[Change]) -> None:
        """Log changes, then say them, each device server what is its own, in order."""
        self.journal.tell(changes)
        self.tally.add(changes)
        batches: dict[str, list[Published]] = {}
        for change in changes:
            if isinstance(change, Power):
                await self._send(batches)
                await self.wires[change.source].power(change.on, self._values_of(change.source))
                continue
            values = list(self._translator.published(change))
            self._remember(values)
            for value in values:
                batches.setdefault(self._source_of[value.machine, value.signal], []).append(value)
        await self._send(batches)

    async def _send(self, batches: dict[str, list[Published]]) -> None:
        for source, values in batches.items():
            if source in self.wires:
                await self.wires[source].send(values)
        batches.clear()

    def _remember(self, values: Iterable[Published]) -> None:
        for value in values:
            self._current[value.machine, value.signal] = value

    def _values_of(self, source: str) -> list[Published]:
        """The current value of everything a source publishes."""
        return [value for key, value in self._current.items() if self._source_of.get(key) == source]

    # The door

    def _routes(
        self, loop: asyncio.AbstractEventLoop
    ) -> dict[tuple[str, str], Callable[[dict[str, Any]], dict[str, Any]]]:
        def door(do: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
            def handle(body: dict[str, Any]) -> dict[str, Any]:
                deed = command({**body, "do": do})
                future: Future[dict[str, Any]] = asyncio.run_coroutine_threadsafe(self._do(deed), loop)
                return future.result(COMMAND_WAIT_S)

            return handle

        def count(body: dict[str, Any]) -> dict[str, Any]:
            return asyncio.run_coroutine_threadsafe(self._count(body), loop).result(COMMAND_WAIT_S)

        return {
            ("GET", "/now"): lambda _: self.now(),
            ("GET", "/truth"): count,
            **{("POST", path): door(do) for path, do in DEEDS.items()},
        }

    async def _do(self, deed: Command) -> dict[str, Any]:
        """Do something to the machines at the plant's time now; what happened at that instant."""
        async with self._busy:
            changes = self.truth.command(self.anchor.now(), deed)
            at = self.truth.at
            await self._tell(changes)
        self._nudge.set()
        return {"at": to_iso(at), "changes": [record(change) for change in changes if change.at == at]}

    async def _count(self, body: dict[str, Any]) -> dict[str, Any]:
        """Good and reject of each machine in the whole minutes before `until`, which is not in the future."""
        now = self.anchor.now()
        until = min(from_iso(body["until"]), now) if "until" in body else now
        async with self._busy:
            await self._tell(self.truth.advance(now))
        self._nudge.set()
        return {"until": to_iso(until // MINUTE_MS * MINUTE_MS), "machines": self.tally.totals(until)}

    def now(self) -> dict[str, Any]:
        """Plant time; of each machine its state, code, order, pieces made and counters shown; stock at the lines."""
        machines = {
            code: {
                "line": machine.run.flow.code,
                "state": machine.state,
                "code": machine.code,
                "order": machine.order,
                "order_since": to_iso(machine.order_since),
                "order_good": machine.order_good,
                "missing": machine.missing,
                "good": machine.good,
                "reject": machine.reject,
                "shown": dict(machine.counters.shown),
            }
            for code, machine in self.truth.machines.items()
        }
        stock = [
            {"location": location, "item": item, "quantity": quantity}
            for (location, item), quantity in self.truth.shared.stock.items()
        ]
        lines = {
            code: {"order": run.order, "feeding": run.feeding, "wip": self.truth.wip(code)}
            for code, run in self.truth.runs.items()
        }
        return {
            "now": to_iso(self.anchor.now()),
            "speed": self.anchor.speed,
            "seed": self.options.seed,
            "sources": {source.code: source.url for source in self.plant.sources if source.code in self.wires},
            "lines": lines,
            "machines": machines,
            "stock": stock,
        }


def run(plant: Plant, world: World, options: Options) -> None:
    """Run the machines in this process until it is told to stop; prints one JSON line when all servers listen."""

    def ready(url: str) -> None:
        print(json.dumps({"ready": "machines", "control": url}), flush=True)

    async def main() -> None:
        await Machines(plant, world, options).run(ready)

    asyncio.run(main())
