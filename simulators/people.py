"""The program that is a plant's people: line leads, the hands of the manual lines, the handler, the helper, a planner.

They use the REST API with a key of their own, and the machines' door for what hands do: load a recipe, put parts down.
Without a door the machine lines are left alone and only the manual lines work.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from simulators.control import Control
from simulators.errands import Handler, Helper, Planner
from simulators.floor import Door, Floor
from simulators.handwork import Handwork, Terminal
from simulators.instants import Anchor, to_iso
from simulators.lead import OPEN_STATES, Habits, Lead
from simulators.plantfile import Plant
from simulators.rest import Api, Body, Gone, Locked, Refused, ends_when_locked
from simulators.world import World

TICK_S = 0.1
LEADS_EVERY_S = 0.5
ERRANDS_EVERY_S = 1.0
DRAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """How the program was started; `door` is the machines' control URL, `publish` whether a planner is among them."""

    anchor: Anchor
    api: str
    key: str
    door: str = ""
    seed: int = 1
    truth: Path | None = None
    publish: bool = True
    control_port: int = 0


class People:
    """Everybody at work."""

    def __init__(self, plant: Plant, world: World, options: Options) -> None:
        self.options = options
        self.anchor = options.anchor
        self.plant = plant
        self.api = Api(options.api, options.key)
        self.door = Door(options.door) if options.door else None
        hands = [station.code for line in plant.lines for station in plant.manual(line) if line.code in world.flows]
        self.terminals = {code: Terminal(Api(options.api, options.key), code) for code in hands}
        begin = options.anchor.plant_ms
        self.handwork = Handwork(plant, world, options.seed, begin, terminals=self.terminals, log=options.truth)
        self.leads = list(self._leads(world, begin))
        self.handler = Handler(self.api, self.door, list(plant.stores), options.seed)
        self.helper = Helper(self.api, plant, options.seed)
        self.planner = Planner(self.api, options.seed) if options.publish else None
        self._stop = threading.Event()
        self._next: dict[str, float] = {}
        self._said_last = "the machines can be reached"

    def _leads(self, world: World, begin: int) -> list[Lead]:
        leads: list[Lead] = []
        for line in self.plant.lines:
            floor: Floor | None = self.handwork if self.plant.manual(line) else self.door
            if floor is not None and line.code in world.flows:
                waits = world.flows[line.code].waits_for_job
                habits = Habits(waits, self.options.seed, begin, self.anchor.now)
                leads.append(Lead(line, self.plant, self.api, floor, habits))
        return leads

    def tick(self) -> None:
        """Let hands work up to now; now and then let leads look around and errands be run."""
        self.handwork.advance(self.anchor.now())
        self._every("leads", LEADS_EVERY_S, self._lead)
        self._every("errands", ERRANDS_EVERY_S, self._errands)

    def _lead(self) -> None:
        if not self._look():
            return
        jobs = list(self.api.pages("/jobs", state=OPEN_STATES))
        for lead in self.leads:
            lead.tick(self.anchor.now(), jobs)

    def _look(self) -> bool:
        """Take in the floor; whether there is anything to see."""
        try:
            if self.door is not None:
                self.door.look()
        except httpx.HTTPError:
            self._say("the machines cannot be reached")
            return False
        self._say("the machines can be reached")
        return True

    def _errands(self) -> None:
        if self.planner is not None:
            self.planner.tick()
        self.handler.tick(self.anchor.now())
        if self.door is not None:
            machines = [seen for line in self.plant.lines for seen in self.door.machines(line.code)]
            self.helper.tick(self.anchor.now(), machines)

    def _every(self, name: str, seconds: float, deed: Callable[[], None]) -> None:
        """Do something now and then; whatever refuses or is away, the others go on."""
        now = time.monotonic()
        if now < self._next.get(name, 0.0):
            return
        self._next[name] = now + seconds
        try:
            deed()
        except Locked:
            raise
        except Refused as refused:
            print(f"{name}: refused: {refused}", flush=True)
        except httpx.HTTPError as error:
            print(f"{name}: the machines cannot be reached ({error})", flush=True)

    def _say(self, what: str) -> None:
        """Say it once when they go, once when they are back."""
        if what != self._said_last:
            self._said_last = what
            print(what, flush=True)

    def run(self) -> None:
        """Live until told to stop; then let the terminals send what they hold."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self.stop())
        ends_when_locked(self._live)

    def _live(self) -> None:
        control = Control(self.options.control_port, {("GET", "/now"): self._said})
        print(json.dumps({"ready": "people", "control": control.url}), flush=True)
        try:
            self._require_key()
            while not self._stop.wait(TICK_S):
                self.tick()
        except Gone:
            pass
        finally:
            control.close()
            self.close()

    def _require_key(self) -> None:
        """Ask something harmless: a key that is not known is better heard of at once than at each scan."""
        self.api.get("/jobs", limit=1)

    def close(self) -> None:
        """End the log, let the terminals send what they hold, close the connections."""
        self.handwork.close()
        for terminal in self.terminals.values():
            terminal.close(DRAIN_S)
        if self.door is not None:
            self.door.close()
        self.api.close()

    def stop(self) -> None:
        """End the program soon."""
        self.api.stopping = True
        self._stop.set()

    def _said(self, _: Body) -> Body:
        """Plant time, what each lead is making, what the terminals still hold, what was made by hand."""
        return {
            "now": to_iso(self.anchor.now()),
            "lines": {
                lead.line.code: lead.job and {"job": lead.job["id"], "order": lead.job["number"]} for lead in self.leads
            },
            "waiting": {code: terminal.waiting for code, terminal in self.terminals.items()},
            "refused": sum(terminal.refused for terminal in self.terminals.values()),
            "made": {code: [m.good, m.reject] for code, m in self.handwork.truth.machines.items()},
        }
