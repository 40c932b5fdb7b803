"""`mes bench loop`: from a count at a device to what the ERP reads, step by step; and how fast a drag is answered
and an order promised.

    run(Site(database_url, http_url, machines_url), rounds=20)     a demo at speed 1 with automatic lines

Each round, rejects at the first station of a running line prove that a component will not do for its order; the steps
are looked for in the database and in the event feed, and a receipt then makes the component sufficient again. All
times are from the instant of the count as the device states it; everything runs on one clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, LiteralString

import httpx
from psycopg.types.json import Jsonb

from mes.actions import access, plant
from mes.actions.record import Deed
from mes.bench.result import Result, of_times
from mes.clock import Clock, mono
from mes.domain.access import GRANTS
from mes.domain.plant import ReplanLimits
from mes.errors import SetupError
from mes.formats.plant_file import plant_from
from mes.store.house import load_clock
from mes.store.plant import version_at
from mes.store.pool import Connection, connect

MACHINE, STATION, LINE = "L01-M1", "L01-S1", "L01"
ORDER, ITEM, PLACE = "ERP1/MO-1001", "PCB-35", "L01-side"
FIRST_PIECES, SPARE_PIECES = 12, 3
FROZEN, DRAG = timedelta(hours=4), timedelta(minutes=30)
LOOK_EVERY_S = 0.004
FEED_EVERY_S = 0.05
STEP_S_MAX = 60.0
RUNNING_S_MAX = 300.0
QUIET_S = 2.0
FREE_LIMITS = ReplanLimits(moved_max=1.0, newly_late_max=1000, every_minutes=0)
"""Each round's re-plan is published: what is measured is how fast, not whether it may."""
STEPS = ("stored", "booked", "shortage_opened", "plan_published", "event_shortage", "event_plan")


@dataclass(frozen=True, slots=True)
class Site:
    """A running demonstration at speed 1: its database, its api, the door of its machines."""

    database_url: str
    http_url: str
    machines_url: str


@dataclass(slots=True)
class _Feed:
    """What the ERP reads: the newest events, each with the plant time at which it was read."""

    clock: Clock
    seen: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def follow(self, client: httpx.Client) -> None:
        """Read until told to end, as an ERP would that asks often."""
        cursor = 0
        while not self.ended.wait(FEED_EVERY_S):
            page = client.get("/events", params={"after": cursor}).raise_for_status().json()
            at, cursor = self.clock.now(), page["next_cursor"]
            self.seen.extend((at, event) for event in page["items"])

    def first(self, kind: str, since: datetime) -> datetime | None:
        """When the first event of a type that happened since then was read."""
        for read_at, event in self.seen:
            if event["type"] == kind and datetime.fromisoformat(event["at"]) >= since:
                return read_at
        return None


@dataclass(frozen=True, slots=True)
class _Callers:
    """The ERP with its key, a planner, and whoever stands at the machines."""

    erp: httpx.Client
    planner: httpx.Client
    machines: httpx.Client


def run(site: Site, *, rounds: int = 20, say: Callable[[str], None] = lambda _: None) -> Result:
    """Measure. Raises SetupError when a step does not come within a minute."""
    began = mono()
    result = Result("loop", 0.0)
    with connect(site.database_url, name="takt bench") as conn, _callers(conn, site) as callers:
        conn.autocommit = True
        clock = load_clock(conn)
        _free_limits(conn, clock)
        say("Waiting until the order runs")
        _wait_running(conn)
        times = _rounds(conn, clock, callers, rounds, say)
        verdicts = _edits(conn, clock, callers.planner, rounds, say)
        promised = _promises(conn, callers.planner, rounds)
    result.measures = {f"count_to_{step}_ms": of_times(times[step]) for step in STEPS}
    result.measures["edit_verdict_ms"] = of_times(verdicts)
    result.measures["promise_ms"] = of_times(promised)
    result.notes.append("targets from the count: shortage 2 s, plan 10 s, event 15 s; edit verdict 1 s; promise 1 s")
    result.seconds = mono() - began
    return result


@contextmanager
def _callers(conn: Connection, site: Site) -> Iterator[_Callers]:
    deed = Deed("cli", load_clock(conn).now())
    scopes = {"bench": sorted(GRANTS["planner"] | GRANTS["line_lead"]), "bench-erp": ["events:read"]}
    keys = {system: access.add_key(conn, deed, system=system, scopes=granted) for system, granted in scopes.items()}
    conn.commit()

    def caller(system: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {keys[system]}"}
        return httpx.Client(base_url=f"{site.http_url}/api/v1", headers=headers, timeout=STEP_S_MAX, trust_env=False)

    with (
        caller("bench-erp") as erp,
        caller("bench") as planner,
        httpx.Client(base_url=site.machines_url, timeout=STEP_S_MAX, trust_env=False) as machines,
    ):
        yield _Callers(erp, planner, machines)


def _free_limits(conn: Connection, clock: Clock) -> None:
    current = version_at(conn, clock.now())
    if current is None:
        raise SetupError("There is no plant to measure on", remedy="Measure on a running demonstration.")
    model = plant_from(current.document)
    lines = tuple(replace(line, replan=FREE_LIMITS) for line in model.line)
    plant.apply(conn, Deed("cli", clock.now()), replace(model, line=lines))
    conn.commit()


def _wait_running(conn: Connection) -> None:
    query: LiteralString = """
        select 1 from job_state j join production_order o on o.id = j.order_id
        where j.state = 'running' and j.line = %s and o.system || '/' || o.number = %s
    """
    _until(lambda: conn.execute(query, [LINE, ORDER]).fetchone(), f"{ORDER} does not run at {LINE}", RUNNING_S_MAX)


def _rounds(
    conn: Connection,
    clock: Clock,
    callers: _Callers,
    rounds: int,
    say: Callable[[str], None],
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {step: [] for step in STEPS}
    with _followed(clock, callers.erp) as feed:
        _cover(conn, callers.planner)
        _round(conn, clock, feed, callers.machines, FIRST_PIECES)
        for number in range(rounds):
            _cover(conn, callers.planner)
            took = _round(conn, clock, feed, callers.machines, SPARE_PIECES + 2)
            for step, seconds in took.items():
                times[step].append(seconds)
            say(f"Round {number + 1} of {rounds}: " + ", ".join(f"{step} {s:.2f} s" for step, s in took.items()))
    return times


@contextmanager
def _followed(clock: Clock, erp: httpx.Client) -> Iterator[_Feed]:
    feed = _Feed(clock)
    follower = threading.Thread(target=feed.follow, args=(erp,), name="feed", daemon=True)
    follower.start()
    try:
        yield feed
    finally:
        feed.ended.set()
        follower.join(STEP_S_MAX)


def _round(conn: Connection, clock: Clock, feed: _Feed, machines: httpx.Client, pieces: int) -> dict[str, float]:
    """One count, followed through the house: seconds from it to each step."""
    booked = _rejects(conn)
    answer = machines.post("/count", json={"machine": MACHINE, "reject": pieces}).raise_for_status().json()
    at = datetime.fromisoformat(answer["at"])
    looks: dict[str, Callable[[], object]] = {
        "stored": lambda: _asked(conn, _STORED, at, f"{MACHINE}/%"),
        "booked": lambda: _rejects(conn) >= booked + pieces,
        "shortage_opened": lambda: _asked(conn, _OPEN, ITEM),
        "plan_published": lambda: _asked(conn, _PLANNED, at, Jsonb([{"kind": "shortage", "subject": ITEM}])),
        "event_shortage": lambda: feed.first("mes.shortage.opened", at),
        "event_plan": lambda: feed.first("mes.plan.published", at),
    }
    took: dict[str, float] = {}
    for step, look in looks.items():
        found = _until(look, f"After a count at {MACHINE} one step did not come: {step}")
        took[step] = ((found if isinstance(found, datetime) else clock.now()) - at).total_seconds()
    return took


_STORED: LiteralString = """
    select 1 from signal_sample where at = %s and tag_id in (select id from tag where address like %s)
"""
_OPEN: LiteralString = "select short_quantity from shortage where item = %s and closed_at is null"
_PLANNED: LiteralString = """
    select 1 from plan p join plan_run r on r.id = p.run_id
    where p.published_at >= %s and r.reasons @> %s
"""


def _asked(conn: Connection, query: LiteralString, *values: object) -> object:
    return conn.execute(query, values).fetchone()


def _rejects(conn: Connection) -> int:
    row = conn.execute(
        "select coalesce(sum(reject), 0)::int8 from shift_count where station = %s", [STATION]
    ).fetchone()
    assert row is not None
    return int(row[0])


def _cover(conn: Connection, planner: httpx.Client) -> None:
    """Receive what is short and a little more; then wait until the shortage is closed and no plan is being made."""
    row = conn.execute(_OPEN, [ITEM]).fetchone()
    quantity = str((int(row[0]) if row else 0) + SPARE_PIECES)
    body = {"kind": "receive", "item": ITEM, "quantity": quantity, "to_location": PLACE}
    planner.post("/movements", json=body).raise_for_status()
    _until(lambda: not _asked(conn, _OPEN, ITEM), f"The shortage of {ITEM} stays open")
    _wait_quiet(conn)


def _wait_quiet(conn: Connection) -> None:
    since = mono()
    busy: LiteralString = "select 1 from plan_run where state in ('waiting', 'running')"

    def is_quiet() -> bool:
        nonlocal since
        if _asked(conn, busy):
            since = mono()
        return mono() - since > QUIET_S

    _until(is_quiet, "The planner does not come to rest", RUNNING_S_MAX)


def _edits(
    conn: Connection, clock: Clock, planner: httpx.Client, rounds: int, say: Callable[[str], None]
) -> list[float]:
    """Seconds until the board knows what a drag does: each later lot in turn, put half an hour on."""
    _wait_quiet(conn)
    base = planner.get("/plans/current").raise_for_status().json()
    lots = [lot for lot in base["body"]["lots"] if datetime.fromisoformat(lot["start_at"]) > clock.now() + FROZEN]
    if not lots:
        raise SetupError("The plan has no lot that a drag could move", remedy="Measure on a fresh demonstration.")
    took = []
    for number in range(rounds):
        lot = lots[number % len(lots)]
        start_at = datetime.fromisoformat(lot["start_at"]) + DRAG
        change = {"op": "move", "lot_no": lot["lot_no"], "start_at": start_at.isoformat()}
        body = {"kind": "edit", "base_plan_id": base["head"]["id"], "changes": [change]}
        before = mono()
        run_id = planner.post("/plan-runs", json=body).raise_for_status().json()["id"]
        ended = planner.get(f"/plan-runs/{run_id}", params={"wait": 30}).raise_for_status().json()
        if ended["state"] == "done":
            took.append(mono() - before)
        else:
            say(f"The edit of lot {lot['lot_no']} was not answered with a verdict: {ended['error']}")
    return took


def _promises(conn: Connection, planner: httpx.Client, rounds: int) -> list[float]:
    """Seconds until an order nobody has placed has its date. Raises SetupError when that changed a plan."""
    _wait_quiet(conn)
    item = planner.get("/production-orders", params={"limit": 1}).raise_for_status().json()["items"][0]["item"]
    plans: LiteralString = "select count(*), max(id), max(version) from plan"
    before, took = _asked(conn, plans), []
    for number in range(rounds):
        change = {"op": "order", "order": f"?/{number}", "item": item, "quantity": str(20 + number)}
        began = mono()
        run_id = (
            planner.post("/plan-runs", json={"kind": "promise", "changes": [change]}).raise_for_status().json()["id"]
        )
        ended = planner.get(f"/plan-runs/{run_id}", params={"wait": 30}).raise_for_status().json()
        took.append(mono() - began)
        if ended["state"] != "done" or not ended["result"]["promises"]:
            raise SetupError(f"A promise was not answered: {ended['error']}", remedy="Read the planner's log.")
    if _asked(conn, plans) != before:
        raise SetupError("A plan changed while orders were only promised", remedy="Measure when nothing else happens.")
    return took


def _until(look: Callable[[], object], missed: str, within_s: float = STEP_S_MAX) -> object:
    """What `look` finds. Raises SetupError with `missed` when it finds nothing in time."""
    deadline = mono() + within_s
    while not (found := look()):
        if mono() > deadline:
            raise SetupError(missed, remedy="Read the logs of the demonstration.")
        time.sleep(LOOK_EVERY_S)
    return found
