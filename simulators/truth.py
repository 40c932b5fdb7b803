"""What really happens in a plant: machines in series with buffers, as a pure discrete-event world.

    truth = Truth(plant, world, seed=1, begin_ms=...)
    truth.initial                       what the machines say at the beginning
    truth.advance(to_ms)                everything up to and including an instant
    truth.command(at_ms, command)       something done from outside, at the first free instant from `at_ms` on

Whole milliseconds of plant time; no clock, no I/O. The same seed, world and commands at the same instants give the same
changes. A machine never says two states in one millisecond and never counts and resets in one.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from typing import Any

from simulators.changes import Change, Power, Told, Value
from simulators.instants import resolve
from simulators.machine import NEVER, Counters, Machine, Run, Shared
from simulators.plantfile import COUNTERS, Line, Plant
from simulators.shifts import open_intervals
from simulators.signals import sayable, state_tag
from simulators.world import Command, Pace, Stop, World

_COMMAND, _EDGE, _WAKE = range(3)


class Truth:
    """The machines of a plant's automatic lines, or with `manual` the people of its manual ones, from `begin_ms` on."""

    def __init__(self, plant: Plant, world: World, seed: int, begin_ms: int, *, manual: bool = False) -> None:
        self.plant = plant
        self.world = world
        self.begin = begin_ms
        self.at = begin_ms - 1
        self.shared = Shared(stock={(location, item): quantity for location, item, quantity in world.stock})
        self.machines: dict[str, Machine] = {}
        self.runs: dict[str, Run] = {}
        self._heap: list[tuple[int, int, int, Any]] = []
        self._serial = 0
        self._due: dict[str, int] = {}
        self._starts = random.Random(f"{seed}/starts")
        self._analogs = [(analog, random.Random(f"{seed}/{analog.machine}/{analog.name}")) for analog in world.analogs]
        self._calendars = {line.code: open_intervals(plant, line, begin_ms) for line in self._lines(manual)}
        for line in self._lines(manual):
            self._build(line, seed, manual)
        for written, command in world.events:
            if self._concerns(command) and (at := resolve(written, begin_ms, plant.zone)) >= begin_ms:
                self._push(at, _COMMAND, command)
        if not manual:
            for index in range(len(self._analogs)):
                self._push(begin_ms, _EDGE, index)
        self._push(begin_ms, _EDGE, "begin")
        self.initial = self.advance(begin_ms)

    def _lines(self, manual: bool) -> list[Line]:
        return [
            line
            for line in self.plant.lines
            if bool(self.plant.manual(line)) == manual and line.code in self.world.flows
        ]

    def _build(self, line: Line, seed: int, manual: bool) -> None:
        """Put a line's machines in a row, and open it when its calendar says so."""
        flow = self.world.flows[line.code]
        run = self.runs[line.code] = Run(flow, line.location, feeding=not flow.waits_for_job)
        before: Machine | None = None
        codes = [station.code for station in self.plant.manual(line)] if manual else line.machines
        for code in codes:
            machine = Machine(
                self.world.paces[code],
                run,
                _counters(self.plant, self.world.paces[code]),
                uses=tuple(use for use in self.world.uses if use.machine == code),
                says=sayable(state_tag(self.plant, code)),
                shared=self.shared,
                seed=seed,
            )
            if before is not None:
                machine.up, before.down = before, machine
            before = self.machines[code] = machine
        self._next_interval(line.code)

    def _concerns(self, command: Command) -> bool:
        """Whether something of ours is named: a manual line's people do not feel a PLC reboot."""
        if command.do == "reboot":
            return any(tag.machine in self.machines for tag in self.plant.tags if tag.source == command.source)
        return command.do == "deliver" or command.machine in self.machines or command.line in self.runs

    # Driving it

    def next_at(self) -> int:
        """The next instant at which something may happen by itself."""
        return self._heap[0][0] if self._heap else NEVER

    def advance(self, to_ms: int) -> list[Change]:
        """Everything that happens after the last instant looked at, up to and including `to_ms`, in order."""
        while self._heap and self._heap[0][0] <= to_ms:
            self._instant(self._heap[0][0])
        self.at = max(self.at, to_ms)
        return self._taken()

    def command(self, at_ms: int, command: Command) -> list[Change]:
        """Do something at `at_ms`, or just after the last instant looked at; all changes up to and with that instant.

        KeyError when it names a machine, line or device server that is not here.
        """
        self._check(command)
        at = max(at_ms, self.at + 1)
        self._push(at, _COMMAND, command)
        return self.advance(at)

    def wip(self, line: str) -> int:
        """Pieces between the first machine's counter and the last one's."""
        machines = list(self._of_run(line))
        return sum(m.held + len(m.inbox) + m.in_work for m in machines[1:]) + machines[0].held

    def _check(self, command: Command) -> None:
        known: dict[str, Any] = {
            "machine": self.machines,
            "line": self.runs,
            "source": {s.code for s in self.plant.sources},
        }
        for kind, names in known.items():
            name = getattr(command, kind)
            if name and name not in names:
                raise KeyError(f"no {kind} {name!r} here")

    def _taken(self) -> list[Change]:
        taken = self.shared.out[:]
        self.shared.out.clear()
        return taken

    def _push(self, at: int, rank: int, what: Any) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (at, rank, self._serial, what))

    def _instant(self, t: int) -> None:
        """One instant: commands, calendar, machines until none has anything left to do; then what they say."""
        touched: dict[str, Machine] = {}
        while self._heap and self._heap[0][0] == t:
            _, rank, _, what = heapq.heappop(self._heap)
            if rank == _COMMAND:
                self._obey(t, what)
            elif rank == _EDGE:
                self._edge(t, what)
            elif self._due.get(what) == t:
                self.shared.woken.append(self.machines[what])
            self._settle(t, touched)
        for code, machine in touched.items():
            machine.show(t)
            self._plan(code, machine, t)

    def _settle(self, t: int, touched: dict[str, Machine]) -> None:
        woken = self.shared.woken
        while woken:
            machine = woken.pop(0)
            machine.settle(t)
            touched[machine.pace.code] = machine

    def _plan(self, code: str, machine: Machine, t: int) -> None:
        due = machine.wake_at(t)
        if due != self._due.get(code) and due != NEVER:
            self._push(due, _WAKE, code)
        self._due[code] = due

    # The calendar and process values

    def _next_interval(self, line: str, closes_at: int = -1) -> bool:
        """Look ahead to the next time a line is open; whether that begins just where the last one ends."""
        start, end = next(self._calendars[line], (NEVER, NEVER))
        if start == NEVER:
            return False
        if start != closes_at:
            self._push(max(start, self.begin), _EDGE, (line, True))
        self._push(end, _EDGE, (line, False))
        return start == closes_at

    def _edge(self, t: int, what: Any) -> None:
        if isinstance(what, int):
            self._measure(t, what)
            return
        if what == "begin":
            self.shared.woken.extend(self.machines.values())
            return
        line, opens = what
        if not opens and self._next_interval(line, t):
            return
        for machine in self._of_run(line):
            if opens:
                machine.opens(t + round(self._starts.random() * self.world.flows[line].start_up_s * 1000))
            else:
                machine.closes(t)
            self.shared.woken.append(machine)

    def _of_run(self, line: str) -> Iterator[Machine]:
        run = self.runs[line]
        return (machine for machine in self.machines.values() if machine.run is run)

    def _measure(self, t: int, index: int) -> None:
        """A process value wanders about its mean and comes back to it."""
        analog, rng = self._analogs[index]
        value = round(analog.mean + analog.swing * rng.triangular(-1, 1), 2)
        self.shared.out.append(Value(t, analog.machine, analog.name, value))
        self._push(t + round(analog.every_s * 1000), _EDGE, index)

    # What is done from outside

    def _obey(self, t: int, command: Command | tuple[str, bool]) -> None:
        if isinstance(command, tuple):
            self._power(t, command[0], on=True, kept=command[1])
            return
        self.shared.out.append(Told(t, command.said()))
        until = t + max(1, round(command.minutes * 60_000))
        match command.do:
            case "job":
                self.runs[command.line].take_job(command)
                self.shared.woken.extend(self._of_run(command.line))
            case "deliver":
                where = (command.location, command.item)
                self.shared.stock[where] = self.shared.stock.get(where, 0.0) + command.quantity
                self.shared.woken.extend(m for m in self.machines.values() if m.run.location == command.location)
            case "reboot":
                self._power(t, command.source, on=False, kept=command.kept)
                self._push(until, _COMMAND, (command.source, command.kept))
            case _:
                self._handle(t, self.machines[command.machine], command, until)

    def _handle(self, t: int, machine: Machine, command: Command, until: int) -> None:
        match command.do:
            case "stop":
                machine.stop(t, Stop(command.code, command.state, 1.0, (1.0, 1.0)), until)
            case "clear":
                machine.clear(t)
            case "count":
                machine.count(t, command.n, command.reject)
            case "reset":
                machine.zero(t)
            case "slow":
                machine.slow(command.factor, until)
        self.shared.woken.append(machine)

    def _power(self, t: int, source: str, *, on: bool, kept: bool) -> None:
        """A device server goes or comes back, and all machines that publish through it."""
        for code in dict.fromkeys(tag.machine for tag in self.plant.tags if tag.source == source):
            machine = self.machines[code]
            machine.power(t, on)
            if on and not kept:
                machine.zero(t)
            self.shared.woken.append(machine)
        self.shared.out.append(Power(t, source, on, kept))


def _counters(plant: Plant, pace: Pace) -> Counters:
    """A machine's counters, each starting where the world says."""
    tags = {tag.signal: tag for tag in plant.tags_of(pace.code) if tag.signal in COUNTERS}
    return Counters(
        shown={signal: pace.counters.get(signal, 0) for signal in tags},
        modulus={signal: tag.modulus for signal, tag in tags.items()},
        pieces={signal: tag.pieces_per_count for signal, tag in tags.items()},
    )
