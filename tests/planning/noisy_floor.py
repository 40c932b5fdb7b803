"""A plant of three automatic lines whose machines run as noisily as real ones, booked and planned by the real parts.

Every ten minutes each machine counts what it made: its job's pace, shaken; short stops and now and then a fault of up
to an hour and a half. People start the next job when one is done. The tracker books, wishes for plans and has them
answered at a real desk, over a real database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

from mes.actions import plant as plants
from mes.actions.floor import enter
from mes.actions.record import Deed
from mes.clock import Clock, wall
from mes.domain.calendar import Calendar, micros
from mes.domain.floor import EntryDocument
from mes.domain.plan import PlanBody, RunReason
from mes.domain.plan_diff import counterparts
from mes.domain.plant import (
    Line,
    Location,
    Machine,
    Name,
    Plant,
    ReplanLimits,
    Setup,
    Shift,
    Site,
    Source,
    Station,
    Tag,
)
from mes.store.house import save_clock
from mes.store.plan import PlanRun, load_run
from mes.store.planned import load_body
from mes.store.plant import tag_numbers
from mes.store.sample import Rows, row, store_batch
from mes.tracker.tracker import Tracker
from tests.planning.small_plant import NOW, PLANNER, at

CODES = ("L01", "L02", "L03")
TICK = timedelta(minutes=10)
FROZEN_MINUTES = 240
DAY_AHEAD = timedelta(hours=24)
HARDLY = 0.001
"""The plant's clock stands all but still between two ticks, however long this machine takes over one."""
TAKT = Deed("takt", NOW)


def automatic_plant() -> Plant:
    """One machine a line, one shift, every line planned automatically inside the limits a plant has by default."""
    lines = tuple(
        Line(
            code=code, name=Name(code, code), shifts=("D",), counts_at=f"{code}-S2", location=f"{code}-side",
            groups=("assembly",), planning="automatic", frozen_minutes=FROZEN_MINUTES, replan=ReplanLimits(),
        )
        for code in CODES
    )  # fmt: skip
    states = {"run": "running", "idle": "idle", "flt": "fault"}
    tags = [
        tag
        for code in CODES
        for tag in (
            Tag(f"{code}-M", "state", "plc", node=f"{code}.state", states=states),
            Tag(f"{code}-M", "good_total", "plc", node=f"{code}.good"),
        )
    ]
    return Plant(
        site=Site("SZ1", Name("一号工厂", "Plant 1"), "Asia/Shanghai"),
        shift=(Shift("D", "08:00", "20:00", breaks=(("12:00", "13:00"),)),),
        line=lines,
        location=(Location("WH1", "store"), *(Location(f"{code}-side", "line") for code in CODES)),
        machine=tuple(Machine(f"{code}-M", code, 1, seconds_per_piece=60) for code in CODES),
        station=tuple(Station(f"{code}-S2", code, machine=f"{code}-M", position=1) for code in CODES),
        setup=(Setup(to="F2", minutes=30, from_="F1"), Setup(to="F1", minutes=20, from_="F2")),
        source=(Source("plc", "opcua", "opc.tcp://127.0.0.1:4840"),),
        tag=tuple(tags),
    )


@dataclass(slots=True)
class Press:
    """One machine: its counter, what it works on, how long its fault lasts, parts of a piece carried over."""

    total: int = 0
    job: int = 0
    left: int = 0
    down_until: datetime = NOW
    rest: float = 0.0


@dataclass(slots=True)
class Moves:
    """What one automatic publication moved of the plan before it, and why it was made."""

    at: datetime
    reasons: list[str]
    lines: tuple[str, ...]
    near: int
    near_moved: int
    frozen_moved: list[tuple[str, str, str]]


@dataclass
class Floor:
    """The plant as it runs. `slow`: how much longer a piece really takes than anybody wrote down."""

    planner: Any
    seed: int
    slow: float = 1.0
    fault_share: float = 0.012
    now: datetime = NOW
    told: list[Moves] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.conn = self.planner.site.conn
        self.random = Random(f"floor {self.seed}")
        self.plant = automatic_plant()
        self.planner.site.plant = self.plant
        plants.apply(self.conn, PLANNER, self.plant)
        self.tags = tag_numbers(self.conn)
        self.presses = {code: Press() for code in CODES}
        self.calendar = Calendar(self.plant)
        self.tracker = Tracker(ahead_s_min=0)
        self.ordered = 0

    # ---- what happens
    def order(self, count: int, *, days: float) -> None:
        """Orders of both families, due from tomorrow on over so many days."""
        for _ in range(count):
            self.ordered += 1
            due = self.now + timedelta(days=1 + self.random.random() * days)
            item = f"P{1 + self.ordered % 2}"
            self.planner.site.order(f"N{self.ordered}", item, self.random.randrange(200, 420, 20), due)

    def shifts(self, count: int, *, orders_each: int = 4, hours: float = 12) -> Iterator[int]:
        """Run so many shifts, or the first hours of each; after each its number."""
        for number in range(count):
            start = at(8, self._workday(number))
            self.now = start
            self.order(orders_each, days=4)
            while self.now < start + timedelta(hours=hours):
                self.tick()
            self._switch_off()
            yield number

    @staticmethod
    def _workday(number: int) -> int:
        """Days after Monday of the n-th shift: Sundays are free."""
        return number // 6 * 7 + number % 6

    def _switch_off(self) -> None:
        rows = Rows()
        for code in CODES:
            self._say(rows, code, "state", self.now, "idle")
        store_batch(self.conn, rows)
        self.track()

    def tick(self, *, plans: bool = True) -> None:
        """Ten minutes: machines count, people start what is next, the tracker books, due plans are made."""
        self.now += TICK
        open_now = bool(self.calendar.open_intervals("L01", self.now - TICK, self.now))
        rows = Rows()
        for code in CODES:
            self._run(code, rows, open_now)
        store_batch(self.conn, rows)
        self.track()
        if plans:
            self.plan()

    def track(self) -> None:
        """The tracker's pass at this instant."""
        save_clock(self.conn, Clock(self.now, wall(), HARDLY))
        self.tracker.work(self.conn, self.now)
        self.conn.commit()

    def plan(self) -> None:
        """Answer what is due: the debounce of two seconds has passed long before the next ten minutes have."""
        save_clock(self.conn, Clock(self.now + timedelta(seconds=30), wall(), HARDLY))
        self.conn.commit()
        before = self._published()
        while self.planner.desk.work_once():
            self.conn.rollback()
            after = self._published()
            if before is not None and after is not None and after[0] != before[0]:
                self.told.append(self._moves(before[1], *after))
            before = after

    def replan(self) -> PlanRun:
        """Ask as the tracker would, for no reason at all, and have it answered."""
        self.planner.ask(TAKT, kind="replan", automatic=True, reasons=[RunReason("asked", "test")])
        run_id = self.conn.execute("select max(id) from plan_run").fetchone()[0]
        self.plan()
        return load_run(self.conn, run_id)

    # ---- machines and people
    def _run(self, code: str, rows: Rows, open_now: bool) -> None:
        press, begin = self.presses[code], self.now - TICK
        press.left = self._left(press.job) if press.job else 0
        if open_now and press.down_until <= begin and self.random.random() < self.fault_share:
            press.down_until = begin + timedelta(minutes=self.random.choice((10, 20, 20, 40, 90)))
        down = press.down_until > begin
        if press.job and not press.left:
            self._mark(code, "finish", press.job)
            press.job = 0
        if open_now and not down and not press.job:
            self._next_job(code, press)
        runs = open_now and not down and press.left > 0
        self._say(rows, code, "state", begin, "flt" if open_now and down else "run" if runs else "idle")
        if not runs:
            return
        short_stop = 0.5 if self.random.random() < 0.1 else 1.0
        made = TICK.total_seconds() / 60 / self.slow * short_stop * self.random.uniform(0.95, 1.05) + press.rest
        pieces = min(press.left, int(made))
        press.rest, press.left = made - int(made), press.left - pieces
        press.total += pieces
        self._say(rows, code, "good_total", self.now - timedelta(seconds=1), press.total)

    def _left(self, job: int) -> int:
        """Pieces of a job still to be made; a plan may have changed how many it has."""
        query = "select greatest(quantity - good - reject, 0) from job_state where job_id = %s"
        return int(self.conn.execute(query, (job,)).fetchone()[0])

    def _say(self, rows: Rows, code: str, signal: str, when: datetime, value: str | int) -> None:
        us = micros(when)
        rows.signals.append(row(self.tags[f"{code}-M/{signal}"], us, value, 0, None, us, None, us))

    def _next_job(self, code: str, press: Press) -> None:
        found = self.conn.execute(
            """
            select s.job_id, s.quantity - s.good - s.reject from job_state s join job j on j.id = s.job_id
            where s.line = %s and s.state in ('ready', 'paused') and s.withdrawn_at is null
              and s.quantity > s.good + s.reject and j.planned_start_at < %s
            order by j.planned_start_at limit 1
            """,
            (code, self.now + timedelta(minutes=30)),
        ).fetchone()
        if found is not None:
            press.job, press.left, press.rest = int(found[0]), int(found[1]), 0.0
            self._mark(code, "start", press.job)

    def _mark(self, code: str, mark: str, job: int) -> None:
        when = self.now - TICK
        entry = EntryDocument(kind="mark", mark=mark, line=code, job_id=job, effective_at=when)
        enter(self.conn, Deed("person:lin", self.now), entry, self.plant, client_id=uuid4())

    # ---- what was published
    def _published(self) -> tuple[int, PlanBody] | None:
        row = self.conn.execute("select id from plan where state = 'published'").fetchone()
        body = None if row is None else load_body(self.conn, row[0])
        return None if body is None else (row[0], body)

    def _moves(self, before: PlanBody, plan_id: int, after: PlanBody) -> Moves:
        reasons, moved, by = self.conn.execute(
            "select r.reasons, p.moved_lines, p.published_by from plan p join plan_run r on r.id = p.run_id"
            " where p.id = %s",
            (plan_id,),
        ).fetchone()
        assert by == "takt"
        near = near_moved = 0
        frozen = []
        for old, new in counterparts(before, after):
            if old is None or not self.now <= old.start_at < self.now + DAY_AHEAD:
                continue
            near += 1
            elsewhere = new is None or new.line != old.line or new.shift_day != old.shift_day
            near_moved += elsewhere
            other_line = new is not None and new.line != old.line
            if other_line and old.start_at < self.now + timedelta(minutes=FROZEN_MINUTES):
                frozen.append((old.order, old.line, new.line))
        return Moves(self.now, [r["kind"] for r in reasons], tuple(moved), near, near_moved, frozen)

    def causes(self) -> Counter[str]:
        """How often each reason made a plan."""
        return Counter(kind for one in self.told for kind in one.reasons)
