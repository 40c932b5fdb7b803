"""The demo's guided tours: what each step really does, through the simulators' doors, and how Takt shows it was seen.

A step is `done` when Takt's own rows say so, never because its button was pressed. Doors are HTTP on 127.0.0.1; their
addresses stand in `settings.doors_file`, which `mes demo` writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from mes.domain.plant import Plant
from mes.errors import ConflictError, UnavailableError
from mes.settings import Settings
from mes.store.pool import Connection
from mes.store.screens import guide
from mes.store.screens.strip import load_slow

DOOR_S_MAX = 5.0
BOOKED_AFTER_S = 5.0
"""Real seconds after which what happened has been heard and booked."""
FAULTY, SLOWED = "L02-M2", "L04-M3"
SLOW_FACTOR, SLOW_SHARE_MAX = 2, 0.65
"""Half as fast; what a line that is still filling may lose by itself is above this share of its pace."""
SHORT, RECEIPT = "CMP-12", "PO-7001"
POSTPONE = "postpone-compressors"

Body = dict[str, Any]
Facts = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Doors:
    """Where things can be done to the simulated plant, and to the computer."""

    settings: Settings

    def post(self, door: str, path: str, body: Body) -> Body:
        """Do something. Raises ConflictError when the door says no, UnavailableError when it does not answer."""
        return self._ask(door, "POST", path, json=body)

    def get(self, door: str, path: str, **query: str) -> Body:
        """Ask something; errors as of `post`."""
        return self._ask(door, "GET", path, params=query)

    def _ask(self, door: str, method: str, path: str, **what: Any) -> Body:
        try:
            address = json.loads(self.settings.doors_file.read_text("utf-8"))[door]
            reply = httpx.request(method, f"{address}{path}", timeout=DOOR_S_MAX, trust_env=False, **what)
            answer: Body = reply.json()
        except (OSError, ValueError, KeyError, httpx.HTTPError) as error:
            raise UnavailableError(
                f"The demo's door to the {door} does not answer ({type(error).__name__})",
                remedy="Try again in a moment; `mes demo` starts what has fallen again.",
            ) from None
        if reply.status_code >= httpx.codes.BAD_REQUEST:
            raise ConflictError(
                f"The {door} would not: {answer.get('error', reply.status_code)}",
                remedy="Look at what stands in the plant now, or take another step.",
            )
        return answer


@dataclass(frozen=True, slots=True)
class Deed:
    """A step that was taken: when in plant time, and what stood then."""

    at: datetime
    version: int = 0
    epochs: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Eyes:
    """What a step is judged with: Takt's rows at one instant, and what was done before."""

    conn: Connection
    plant: Plant
    now: datetime
    speed: float
    doors: Doors
    deeds: Mapping[str, Deed]


@dataclass(frozen=True, slots=True)
class Seen:
    """Whether Takt shows that a step happened, and its figures; instants (`..._at`) are epoch ms of plant time."""

    done: bool = False
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: the page where it is seen, what Takt shows of it, and what its button does.

    `act` returns the plant instant at which it happened, None where only Takt's clock knows; a step without `act`
    happens by itself or on its page. `after`: the step that must have been seen before; `again`: may be done once more.
    """

    code: str
    page: str
    see: Callable[[Eyes], Seen]
    act: Callable[[Doors], str | None] | None = None
    after: str = ""
    again: bool = True


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


# ------------------------------------------------------------------ the plant manager


def _break(doors: Doors) -> str:
    body = {"machine": FAULTY, "code": "E201", "state": "fault", "minutes": 40}
    return str(doors.post("machines", "/fault", body)["at"])


def _see_fault(eyes: Eyes) -> Seen:
    deed = eyes.deeds.get("fault")
    # Broken before its shift begins, a machine shows it once it is switched on.
    began_at = guide.first_fault(eyes.conn, FAULTY, deed.at) if deed else None
    return Seen(True, {"machine": FAULTY, "since_at": _ms(began_at)}) if began_at else Seen()


def _mend(doors: Doors) -> str:
    return str(doors.post("machines", "/clear", {"machine": FAULTY})["at"])


def _see_mended(eyes: Eyes) -> Seen:
    broken, mended = eyes.deeds.get("fault"), eyes.deeds.get("mend")
    if broken is None or mended is None or mended.at < broken.at:
        return Seen()
    if guide.state_at(eyes.conn, FAULTY, mended.at) in (None, "fault", "offline"):
        return Seen()
    minutes = round((mended.at - broken.at) / timedelta(minutes=1))
    return Seen(True, {"machine": FAULTY, "minutes": minutes, "to_at": _ms(mended.at)})


def _slow(doors: Doors) -> str:
    return str(doors.post("machines", "/slow", {"machine": SLOWED, "factor": SLOW_FACTOR, "minutes": 30})["at"])


def _see_slow(eyes: Eyes) -> Seen:
    station = next((s for s in eyes.plant.station if s.machine == SLOWED), None)
    slow = load_slow(eyes.conn, eyes.plant, eyes.now, [station.code]) if station else {}
    shares = [round(100 * share) for share in slow.values() if share <= SLOW_SHARE_MAX]
    return Seen(True, {"machine": SLOWED, "percent": shares[0]}) if shares and "slow" in eyes.deeds else Seen()


def _see_hands(eyes: Eyes) -> Seen:
    hands = [s.code for s in eyes.plant.station if not s.machine]
    pieces = guide.pieces_since(eyes.conn, hands, eyes.now - timedelta(hours=12))
    return Seen(pieces > 0, {"pieces": pieces})


# ------------------------------------------------------------------ the planner


def _see_call_off(eyes: Eyes) -> Seen:
    called = guide.first_call_off(eyes.conn, SHORT)
    if called is None:
        return Seen()
    return Seen(
        True, {"item": SHORT, "quantity": f"{called.quantity.normalize():f}", "called_at": _ms(called.called_at)}
    )


def _postpone(doors: Doors) -> None:
    doors.post("erp", "/step", {"name": POSTPONE})


def _see_shortage(eyes: Eyes) -> Seen:
    lack = guide.last_shortage(eyes.conn, SHORT)
    if lack is None:
        return Seen()
    short = f"{lack.short_quantity.normalize():f}"
    return Seen(
        True, {"item": SHORT, "quantity": short, "opened_at": _ms(lack.opened_at), "stop_at": _ms(lack.needed_by)}
    )


def _see_published(eyes: Eyes) -> Seen:
    lack, plan = guide.last_shortage(eyes.conn, SHORT), guide.plan_in_force(eyes.conn)
    if lack is None or plan is None or plan.published_at <= lack.opened_at:
        return Seen()
    return Seen(True, {"version": plan.version, "published_at": _ms(plan.published_at)})


def _deliver(doors: Doors) -> str:
    return str(doors.post("erp", "/receive", {"number": RECEIPT, "line_no": 1})["at"])


def _see_delivered(eyes: Eyes) -> Seen:
    deed, lack = eyes.deeds.get("deliver"), guide.last_shortage(eyes.conn, SHORT)
    if deed is None or lack is None or lack.closed_at is None or lack.closed_at < deed.at:
        return Seen()
    plan = guide.plan_in_force(eyes.conn)
    facts: Facts = {"item": SHORT, "closed_at": _ms(lack.closed_at)}
    if plan is not None and plan.version == deed.version:
        facts |= {"version": plan.version}
    return Seen(True, facts)


# ------------------------------------------------------------------ the IT department


def _kill(program: str) -> Callable[[Doors], None]:
    def act(doors: Doors) -> None:
        doors.post("host", "/kill", {"program": program})

    return act


def _see_collector(eyes: Eyes) -> Seen:
    """Every source has a new owner, who hears it."""
    deed, ears = eyes.deeds.get("collector"), guide.ears(eyes.conn)
    if deed is None:
        return Seen()
    back = [ear for ear in ears if ear.epoch > deed.epochs.get(ear.source, 0) and ear.state == "running"]
    return Seen(len(back) == len(ears) > 0, {"back": len(back), "sources": len(ears)})


def _see_broker(eyes: Eyes) -> Seen:
    """Every source behind the broker was lost after it was killed, and is heard again."""
    deed = eyes.deeds.get("broker")
    if deed is None:
        return Seen()
    behind = {s.code for s in eyes.plant.source if s.kind in ("mqtt", "sparkplug")}
    ears = [ear for ear in guide.ears(eyes.conn) if ear.source in behind]
    back = [ear for ear in ears if ear.state == "running" and ear.since_at is not None and ear.since_at > deed.at]
    return Seen(len(back) == len(ears) > 0, {"back": len(back), "sources": len(ears)})


def _see_totals(eyes: Eyes) -> Seen:
    """Good and reject of every machine's station are what the machines themselves say they made, until a minute ago."""
    until = eyes.now - timedelta(seconds=max(60.0, BOOKED_AFTER_S * eyes.speed))
    truth = eyes.doors.get("machines", "/truth", until=until.isoformat())
    stations = {s.code: s.machine for s in eyes.plant.station if s.machine in truth["machines"]}
    upto = datetime.fromisoformat(truth["until"])
    booked = guide.totals(eyes.conn, list(stations), upto)
    right = [code for code, machine in stations.items() if list(booked[code]) == truth["machines"][machine]]
    pieces = sum(sum(counts) for counts in truth["machines"].values())
    facts: Facts = {"equal": len(right), "stations": len(stations), "pieces": pieces, "until_at": _ms(upto)}
    return Seen(pieces > 0 and len(right) == len(stations), facts)


def _see_erp(eyes: Eyes) -> Seen:
    heard = guide.feed_heard(eyes.conn)
    return Seen(0 < heard.told <= heard.read, {"told": heard.told, "read": min(heard.read, heard.told)})


TOURS: dict[str, tuple[Step, ...]] = {
    "manager": (
        Step("fault", "/wall", _see_fault, _break),
        Step("mend", f"/lines/{FAULTY[:3]}", _see_mended, _mend, after="fault"),
        Step("slow", "/wall", _see_slow, _slow),
        Step("hands", "/lines/L05", _see_hands),
    ),
    "planner": (
        Step("call_off", "/shortages", _see_call_off),
        Step("shortage", "/shortages", _see_shortage, _postpone, again=False),
        Step("publish", "/schedule", _see_published),
        Step("deliver", "/shortages", _see_delivered, _deliver, after="shortage", again=False),
    ),
    "it": (
        Step("collector", "/devices", _see_collector, _kill("collect")),
        Step("broker", "/devices", _see_broker, _kill("broker")),
        Step("totals", "/oee", _see_totals),
        Step("erp", "/orders", _see_erp),
    ),
}
STEPS = {step.code: step for steps in TOURS.values() for step in steps}
