"""One machine in a line: what it does at an instant, and when it has to be looked at again.

Pure: no clock, no I/O, one random stream per machine and purpose, so that what happens to one never changes the draws
of another. Driven by `truth.Truth`, which calls `settle(t)` whenever something around the machine changed or its own
`wake_at()` came, until nobody at `t` has anything left to do.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

from simulators.changes import Change, Code, Count, Loaded, Reset, State
from simulators.world import Command, Flow, Pace, Stop, Use

NEVER = 1 << 62


@dataclass(slots=True)
class Run:
    """What a line is making: the order of its next piece, and what is known of each order it has made."""

    flow: Flow
    location: str
    feeding: bool
    order: str = ""
    items: dict[str, str] = field(default_factory=dict)
    setups_ms: dict[str, int] = field(default_factory=dict)
    aside: set[str] = field(default_factory=set)

    def take_job(self, command: Command) -> None:
        """Feed another order from the next piece on; an empty one lets the line run dry."""
        self.feeding = bool(command.order)
        self.aside.discard(command.order)
        if command.aside:
            self.aside.add(command.aside)
        if self.feeding:
            self.order = command.order
            self.items[command.order] = command.item or self.flow.item
            self.setups_ms[command.order] = round(command.minutes * 60_000)

    def item(self, order: str) -> str:
        """What pieces of an order are."""
        return self.items.get(order, self.flow.item)


@dataclass(slots=True)
class Counters:
    """A machine's counters as its display shows them: whole counts, wrapped at their modulus."""

    shown: dict[str, int]
    modulus: dict[str, int]
    pieces: dict[str, int]

    def add(self, good: int, reject: int) -> dict[str, int]:
        """Count pieces; the counters that changed, with their new values."""
        counted = {"good_total": good, "reject_total": reject, "total": good + reject}
        changed: dict[str, int] = {}
        for signal, before in self.shown.items():
            counts = counted.get(signal, 0) // self.pieces[signal]
            if counts:
                after = before + counts
                changed[signal] = after % self.modulus[signal] if self.modulus[signal] else after
        self.shown.update(changed)
        return changed

    def zero(self) -> dict[str, int]:
        """All counters at 0."""
        self.shown = dict.fromkeys(self.shown, 0)
        return dict(self.shown)


@dataclass(slots=True)
class Shared:
    """What the machines of a plant have in common: the changes of this instant, who has to be looked at, stock."""

    out: list[Change] = field(default_factory=list)
    woken: list[Machine] = field(default_factory=list)
    stock: dict[tuple[str, str], float] = field(default_factory=dict)


class Machine:
    """A machine: open or closed, down or able, being set up, working, holding a piece, or waiting for one.

    `says` maps each of our states to the one this machine's device has a word for.
    """

    def __init__(
        self,
        pace: Pace,
        run: Run,
        counters: Counters,
        *,
        uses: tuple[Use, ...],
        says: dict[str, str],
        shared: Shared,
        seed: int,
    ) -> None:
        self.pace = pace
        self.run = run
        self.counters = counters
        self.uses = uses
        self.says = says
        self.shared = shared
        self.up: Machine | None = None
        self.down: Machine | None = None
        self.inbox: deque[str] = deque()
        self.good = 0
        self.reject = 0
        self.aside = 0
        self.missing = ""
        self.order = ""
        self.order_since = 0
        self.order_good = 0
        self._open = False
        self._open_at = NEVER
        self._down_until = NEVER
        self._down: Stop | None = None
        self._off = False
        self._setup_left = 0
        self._work_left = 0
        self._working = False
        self._holding = 0
        self._piece = ""
        self._since = NEVER
        self._waiting_since = NEVER
        self._slow_until = 0
        self._slow = 1.0
        self._counted_at = -1
        self._shown_state = ""
        self._shown_code = ""
        self._cycles = random.Random(f"{seed}/{pace.code}/cycles")
        self._quality = random.Random(f"{seed}/{pace.code}/quality")
        self._breaks = [random.Random(f"{seed}/{pace.code}/{stop.code}") for stop in pace.stops]
        self._budgets = [self._until_break(index) for index in range(len(pace.stops))]

    # What is done to it

    def opens(self, at: int) -> None:
        """People come at `at`."""
        self._open_at = at

    def closes(self, t: int) -> None:
        """People leave: it stops where it is and goes on from there."""
        self._account(t)
        self._open, self._open_at = False, NEVER

    def stop(self, t: int, stop: Stop, until: int) -> None:
        """Stop from now until an instant, whatever it was doing; a stop already running is replaced."""
        self._account(t)
        self._down, self._down_until = stop, until

    def clear(self, t: int) -> None:
        """End the stop that is running."""
        self._account(t)
        self._down, self._down_until = None, NEVER

    def slow(self, factor: float, until: int) -> None:
        """Take `factor` times as long for each cycle begun before an instant."""
        self._slow, self._slow_until = factor, until

    def power(self, t: int, on: bool) -> None:
        """Lose its controller, or get it back."""
        self._account(t)
        self._off = not on

    def count(self, t: int, good: int, reject: int) -> None:
        """Count pieces that did not come along the line."""
        self._count(t, good, reject, self.order)

    def zero(self, t: int) -> None:
        """Set all counters to 0."""
        self._counted_at = t
        self.shared.out.append(Reset(t, self.pace.code, self.counters.zero()))

    # What it does

    def settle(self, t: int) -> None:
        """Do everything that is due at `t`; twice at the same instant does nothing more."""
        self._account(t)
        self._expire(t)
        if self._able and self._working and self._work_left <= 0:
            self._finish(t)
        self._break_down(t)
        if self._able and self._setup_left <= 0:
            self._proceed(t)
        self._since = t if self._able and (self._setup_left > 0 or self._working) else NEVER

    def wake_at(self, t: int) -> int:
        """The next instant at which it has to be looked at if nothing around it changes."""
        due = min(self._open_at, self._down_until)
        if self._since != NEVER:
            left = self._setup_left if self._setup_left > 0 else min(self._work_left, *self._budgets, NEVER)
            due = min(due, t + max(1, left))
        elif self._patient(t):
            due = min(due, self._waiting_since + self._patience_ms)
        return due

    def show(self, t: int) -> None:
        """Say what changed since it was last asked: its state, its stop code."""
        really = self._state(t)
        state = self.says.get(really, really)
        if state != self._shown_state:
            self.shared.out.append(State(t, self.pace.code, state, really if really != state else ""))
        self._shown_state = state
        code = self._down.code if self._down and not self._off else ""
        if code != self._shown_code:
            self.shared.out.append(Code(t, self.pace.code, code))
            self._shown_code = code

    @property
    def state(self) -> str:
        """The state it says."""
        return self._shown_state

    @property
    def code(self) -> str:
        """The stop code it shows."""
        return self._shown_code

    @property
    def held(self) -> int:
        """Pieces finished here that have not found a place downstream."""
        return self._holding

    @property
    def in_work(self) -> int:
        """Pieces taken from upstream and not yet counted."""
        return int(self._working)

    # How

    @property
    def _able(self) -> bool:
        return self._open and self._down is None and not self._off

    @property
    def _patience_ms(self) -> int:
        return round(self.pace.patience_s * 1000)

    def _patient(self, t: int) -> bool:
        """Waiting, but not yet long enough for it to say so."""
        return self._waiting_since != NEVER and t - self._waiting_since < self._patience_ms

    def _account(self, t: int) -> None:
        """Take the time since it was last looked at off what it was doing."""
        if self._since == NEVER:
            return
        elapsed, self._since = t - self._since, NEVER
        if self._setup_left > 0:
            self._setup_left -= elapsed
            return
        self._work_left -= elapsed
        self._budgets = [left - elapsed for left in self._budgets]

    def _expire(self, t: int) -> None:
        if self._open_at <= t:
            self._open, self._open_at = True, NEVER
        if self._down_until <= t:
            self._down, self._down_until = None, NEVER

    def _finish(self, t: int) -> None:
        if self._counted_at == t:
            self._work_left = 1
            return
        self._working = False
        pieces = self.pace.pieces_per_cycle
        if self._quality.random() < self.pace.reject_rate:
            self._count(t, 0, pieces, self._piece)
        else:
            self._count(t, pieces, 0, self._piece)
            self._holding = pieces

    def _count(self, t: int, good: int, reject: int, order: str) -> None:
        self._counted_at = t
        self.good += good
        self.order_good += good
        self.reject += reject
        self.shared.out.append(Count(t, self.pace.code, good, reject, order, self.counters.add(good, reject)))

    def _break_down(self, t: int) -> None:
        for index, left in enumerate(self._budgets):
            if left <= 0 and self._able:
                stop = self.pace.stops[index]
                low, high = stop.seconds
                seconds = self._breaks[index].triangular(low, high, low + (high - low) * 0.3)
                self._down, self._down_until = stop, t + max(1, round(seconds * 1000))
                self._budgets[index] = self._until_break(index)

    def _until_break(self, index: int) -> int:
        """Milliseconds of work until the next stop of a kind (exponential: a machine has no memory)."""
        return max(1, round(self._breaks[index].expovariate(1 / self.pace.stops[index].every_min) * 60_000))

    def _proceed(self, t: int) -> None:
        """Pass on what is finished, then take the next piece, or be set up for it, or wait."""
        if self._holding and not self._pass_on():
            self._wait(t)
            return
        if self._working:
            return
        order = self._next_order()
        while order is not None and self._strands(order):
            self._put_aside()
            order = self._next_order()
        if order is None:
            self._wait(t)
        elif order != self.order:
            self._load(t, order)
        elif self._take(order):
            self._waiting_since = NEVER
            self._working, self._piece, self._work_left = True, order, self._cycle_ms(t)
        else:
            self._wait(t)

    def _wait(self, t: int) -> None:
        if self._waiting_since == NEVER:
            self._waiting_since = t if self._shown_state == "running" else t - self._patience_ms

    def _strands(self, order: str) -> bool:
        """Whether the next piece lacks a component and its order is not waited for."""
        return order in self.run.aside and self.up is not None and bool(self._lacking(order))

    def _put_aside(self) -> None:
        self.aside += 1
        self._pop()

    def _load(self, t: int, order: str) -> None:
        self.order, self.order_since, self.order_good = order, t, 0
        self.shared.out.append(Loaded(t, self.pace.code, order))
        self._setup_left = self.run.setups_ms.get(order, 0)
        self._waiting_since = NEVER
        if self._setup_left <= 0:
            self._proceed(t)

    def _pass_on(self) -> bool:
        if self.down is not None:
            if len(self.down.inbox) + self._holding > self.run.flow.buffer:
                return False
            self.down.inbox.extend([self._piece] * self._holding)
            self.shared.woken.append(self.down)
        self._holding = 0
        return True

    def _next_order(self) -> str | None:
        if self.up is not None:
            return self.inbox[0] if self.inbox else None
        return self.run.order if self.run.feeding else None

    def _take(self, order: str) -> bool:
        """Take a piece and what is built into it; False when a component is missing."""
        self.missing = self._lacking(order)
        if self.missing:
            return False
        for where, quantity in self._needs(order):
            self.shared.stock[where] -= quantity
        if self.up is not None:
            self._pop()
        return True

    def _pop(self) -> None:
        self.inbox.popleft()
        if self.up is not None and self.up.held:
            self.shared.woken.append(self.up)

    def _needs(self, order: str) -> list[tuple[tuple[str, str], float]]:
        """What a cycle takes from the side of the line: (location, item) and how much."""
        item, pieces = self.run.item(order), self.pace.pieces_per_cycle
        return [((self.run.location, use.item), use.per_piece * pieces) for use in self.uses if use.of == item]

    def _lacking(self, order: str) -> str:
        """The first component of which there is not enough for a cycle; empty when nothing is missing."""
        lacking = (
            where for where, quantity in self._needs(order) if self.shared.stock.get(where, 0.0) + 1e-9 < quantity
        )
        return next(lacking, ("", ""))[1]

    def _cycle_ms(self, t: int) -> int:
        factor = self._slow if t < self._slow_until else 1.0
        wobble = 1 + self.pace.jitter * self._cycles.triangular(-1, 1)
        return max(1, round(self.pace.cycle_s * 1000 * factor * wobble))

    def _state(self, t: int) -> str:
        if self._off:
            return "offline"
        if not self._open:
            return "stopped"
        return self._down.state if self._down is not None else self._flow_state(t)

    def _flow_state(self, t: int) -> str:
        """Its state when nothing but setting up, pieces and places can hold it up."""
        if self._setup_left > 0:
            return "setup"
        if self._working or self._patient(t):
            return "running"
        if self._holding:
            return "blocked"
        return "idle" if self.up is None and not self.run.feeding else "starved"
