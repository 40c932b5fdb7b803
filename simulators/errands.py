"""What other people of the plant do: the planner's first plan, parts brought to the lines, help called and given."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID, uuid5

from simulators.floor import Door, Seen
from simulators.instants import MINUTE_MS, from_iso, to_iso
from simulators.plantfile import Plant
from simulators.rest import Api, Body, Refused

RUNS_MAX = 50
BRING_MINUTES = (10.0, 22.0)
CALL_AFTER_MINUTES = 4.0
COME_MINUTES = (2.0, 6.0)
WAITING_REASON = "S21"


class Planner:
    """Publishes the first plan: asks for one once there are orders, publishes what comes of it, leaves the rest."""

    def __init__(self, api: Api, seed: int) -> None:
        self.api = api
        self.done = False
        self._identity = UUID(int=seed)
        self._tries = 0
        self._run = 0
        self._orders = 0

    def tick(self) -> None:
        """Plan and publish, if nothing is published and the orders have come in."""
        if self.done or self._tries >= RUNS_MAX:
            return
        if self._run:
            self._look()
        elif self._published():
            self.done = True
        elif self._settled():
            self._tries += 1
            body = {"kind": "replan", "client_id": self._once()}
            self._run = self.api.post("/plan-runs", body, once=self._once())["id"]

    def _settled(self) -> bool:
        """Whether there are orders, and as many as last time."""
        before, self._orders = self._orders, len(self.api.get("/production-orders", limit=200)["items"])
        return 0 < before == self._orders

    def _once(self) -> str:
        return str(uuid5(self._identity, f"first-plan/{self._tries}"))

    def _published(self) -> bool:
        try:
            self.api.get("/plans/current")
        except Refused as refused:
            if refused.status == 404:
                return False
            raise
        return True

    def _look(self) -> None:
        """See how the run stands; publish its plan."""
        run = self.api.get(f"/plan-runs/{self._run}")
        if run["state"] in {"waiting", "running"}:
            return
        self._run = 0
        if not run.get("plan_id"):
            print(f"plan run {run['id']} is {run['state']}: {run.get('error')}", flush=True)
            return
        try:
            self.api.post(f"/plans/{run['plan_id']}/publish", {}, once=f"publish-{self._once()}")
        except Refused as refused:
            print(f"publishing plan {run['plan_id']} was refused: {refused}", flush=True)
            return
        print(f"the planner published plan {run['plan_id']}", flush=True)
        self.done = True


@dataclass(slots=True)
class _Errand:
    """A call-off somebody is on the way with."""

    row: Body
    at: int
    put_down: bool = False


class Handler:
    """The material handler: brings what lines call off from wherever in the stores it lies, after some minutes."""

    def __init__(self, api: Api, door: Door | None, stores: list[str], seed: int) -> None:
        self.api = api
        self.door = door
        self.stores = stores
        self._rng = random.Random(f"{seed}/handler")
        self._identity = UUID(int=seed)
        self._errands: dict[int, _Errand] = {}

    def tick(self, now: int) -> None:
        """Take new call-offs, bring those that are due."""
        rows = {row["id"]: row for row in self.api.get("/call-offs", open="true")["items"]}
        for number, row in rows.items():
            if number not in self._errands:
                minutes = self._rng.uniform(*BRING_MINUTES)
                self._errands[number] = _Errand(row, max(now, from_iso(row["called_at"])) + round(minutes * MINUTE_MS))
        for number in list(self._errands):
            if number not in rows:
                del self._errands[number]
            elif self._errands[number].at <= now:
                self._bring(self._errands[number], now)

    def _bring(self, errand: _Errand, now: int) -> None:
        """Bring as much as there is; when there is nothing the line waits, and it is looked for again later."""
        row = errand.row
        store, there = self._find(row["item"])
        quantity = min(Decimal(row["quantity"]), there)
        errand.at = now + round(BRING_MINUTES[1] * MINUTE_MS)
        if quantity <= 0:
            return
        if self.door is not None and not errand.put_down:
            self.door.deliver(row["location"], row["item"], float(quantity))
            errand.put_down = True
        once = str(uuid5(self._identity, f"deliver/{row['id']}"))
        body = {"quantity": str(quantity), "from_location": store, "at": to_iso(now), "client_id": once}
        try:
            self.api.post(f"/call-offs/{row['id']}/deliver", body, once=once)
        except Refused as refused:
            print(f"delivering call-off {row['id']} was refused: {refused}", flush=True)
            return
        print(
            f"{to_iso(now)} {quantity.normalize():f} of {row['item']} brought from {store} to {row['location']}",
            flush=True,
        )

    def _find(self, item: str) -> tuple[str, Decimal]:
        """The store that holds most of an item, and how much."""
        found = [
            (Decimal(row["on_hand"]), row["location"])
            for row in self.api.get("/balances", item=item)["items"]
            if row["location"] in self.stores
        ]
        there, store = max(found, default=(Decimal(0), ""))
        return store, there


class Helper:
    """Operators at a machine that stands: they call for help with a fault and say when they wait for a component.

    Maintenance comes after some minutes; the call is over when the machine runs.
    """

    def __init__(self, api: Api, plant: Plant, seed: int) -> None:
        self.api = api
        self._stations = {s.machine: s.code for s in plant.stations if s.machine}
        self._rng = random.Random(f"{seed}/helper")
        self._identity = UUID(int=seed)
        self._reasons = plant.reasons
        self._since: dict[str, int] = {}
        self._waits: dict[str, int] = {}
        self._calls: dict[str, tuple[int, int]] = {}

    def tick(self, now: int, seen: list[Seen]) -> None:
        """Look at all machines: call, come, say that it is over; explain."""
        for machine in seen:
            self._explain(machine, now)
            if machine.state != "fault":
                self._since.pop(machine.code, None)
                if machine.code in self._calls:
                    self._answer(self._calls.pop(machine.code)[0], "resolve")
                continue
            since = self._since.setdefault(machine.code, now)
            call = self._calls.get(machine.code)
            if call is None and now - since >= CALL_AFTER_MINUTES * MINUTE_MS:
                self._call(machine, now)
            elif call is not None and 0 < call[1] <= now:
                self._calls[machine.code] = call[0], 0
                self._answer(call[0], "take")

    def _explain(self, machine: Seen, now: int) -> None:
        """Say once of each long wait for a component that it is one."""
        if not machine.missing or machine.state != "starved":
            self._waits.pop(machine.code, None)
            return
        since = self._waits.setdefault(machine.code, now)
        if since < 0 or now - since < CALL_AFTER_MINUTES * MINUTE_MS or WAITING_REASON not in self._reasons:
            return
        self._waits[machine.code] = -1
        once = str(uuid5(self._identity, f"reason/{machine.code}/{now}"))
        body = {"kind": "reason", "machine": machine.code, "effective_at": to_iso(now), "reason": WAITING_REASON}
        try:
            self.api.post("/entries", {**body, "note": machine.missing, "client_id": once}, once=once)
        except Refused as refused:
            print(f"the reason of {machine.code} was refused: {refused}", flush=True)

    def _call(self, machine: Seen, now: int) -> None:
        once = str(uuid5(self._identity, f"andon/{machine.code}/{now}"))
        body = {"kind": "maintenance", "machine": machine.code, "note": machine.stop_code, "at": to_iso(now)}
        try:
            heard = self.api.post("/andon-calls", {**body, "client_id": once}, once=once)
        except Refused as refused:
            print(f"calling for {machine.code} was refused: {refused}", flush=True)
            return
        comes = now + round(self._rng.uniform(*COME_MINUTES) * MINUTE_MS)
        self._calls[machine.code] = heard["id"], comes

    def _answer(self, call: int, verb: str) -> None:
        try:
            self.api.post(f"/andon-calls/{call}/{verb}", {}, once=str(uuid5(self._identity, f"{verb}/{call}")))
        except Refused as refused:
            print(f"{verb} of call {call} was refused: {refused}", flush=True)
