"""A line lead at a line of the machines' own world; the product is a notebook that keeps what it is told."""

from __future__ import annotations

from collections import Counter
from typing import Any

from simulators.changes import Change, Count
from simulators.floor import Seen
from simulators.instants import HOUR_MS, MINUTE_MS, from_iso, to_iso
from simulators.lead import Habits, Lead
from simulators.rest import Api, Body, Refused
from simulators.truth import Truth
from simulators.world import Command
from tests.simulators.real_site import PLANT, WORLD

BEGIN = from_iso("2026-01-04T23:50:00Z")
OPEN = BEGIN + 10 * MINUTE_MS
FAMILIES = {"CAB-72": "CAB72", "CAB-51": "CAB51", "AC-35": "AC35", "AC-26": "AC26"}


class Notebook(Api):
    """Keeps marks, and knows by them whose each counted piece is, as the product would."""

    def __init__(self, jobs: list[Body]) -> None:
        super().__init__("http://127.0.0.1:1", "")
        self.rows = {job["id"]: {"state": "ready", "good": 0, **job} for job in jobs}
        self.marks: list[tuple[int, str, int, str, str]] = []
        self.withdrawn: set[int] = set()
        self.counts: list[Count] = []
        self._stations = {s.machine: s.code for s in PLANT.stations}
        self._marks_known = 0

    def get(self, path: str, **_query: Any) -> Body:
        return {"family": FAMILIES[path.removeprefix("/items/")]}

    def post(self, path: str, body: Body, *, once: str) -> Body:
        _, _, number, verb = path.split("/")
        if int(number) in self.withdrawn and verb in {"start", "switch"}:
            raise Refused(409, {"detail": "no longer planned"})
        at = from_iso(body["effective_at"])
        self.marks.append((at, body.get("station", ""), int(number), verb, body.get("phase", "")))
        row = self.rows[int(number)]
        row["state"] = {"start": "running", "switch": "running", "finish": "completed"}.get(verb, row["state"])
        return {"id": len(self.marks)}

    def job_of(self, count: Count) -> int:
        """Whose piece it is: the last start or switch of its station before it."""
        station = self._stations[count.machine]
        told = [m for m in self.marks if m[3] in {"start", "switch"} and m[1] in {"", station} and m[0] < count.at]
        return max(enumerate(told), key=lambda pair: (pair[1][0], pair[0]))[1][2] if told else 0

    def hear(self, changes: list[Change], last: str) -> None:
        """Count pieces, and what each job has made at the last machine; all anew after a further mark."""
        new = [change for change in changes if isinstance(change, Count)]
        self.counts += new
        if len(self.marks) != self._marks_known:
            self._marks_known, new = len(self.marks), self.counts
            for row in self.rows.values():
                row["good"] = 0
        for count in new:
            if count.machine == last and (job := self.job_of(count)):
                self.rows[job]["good"] += count.good

    def open(self) -> list[Body]:
        """The open jobs in the order of the plan."""
        return [dict(row) for row in self.rows.values() if row["state"] in {"ready", "running", "paused"}]


class Hall:
    """The floor of the machine lines, without a door between."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.waiting: list[Change] = []

    def load(self, line: str, order: str, item: str, *, minutes: float = 0, aside: str = "") -> int:
        command = Command("job", line=line, order=order, item=item, minutes=minutes, aside=aside)
        self.waiting += self.truth.command(self.truth.at + 1, command)
        return self.truth.at

    def machines(self, line: str) -> list[Seen]:
        own = [self.truth.machines[code] for code in PLANT.line(line).machines]
        return [
            Seen(m.pace.code, m.state, m.code, m.order, m.order_since, order_good=m.order_good, missing=m.missing)
            for m in own
        ]

    def wip(self, line: str) -> int:
        return self.truth.wip(line)


class Scene:
    """A line, its lead and its notebook, driven step by step."""

    def __init__(self, line: str, jobs: list[Body]) -> None:
        self.truth = Truth(PLANT, WORLD, 1, BEGIN)
        self.hall = Hall(self.truth)
        self.notebook = Notebook([{"line": line, "planned_start_at": to_iso(OPEN), **job} for job in jobs])
        habits = Habits(waits=False, seed=1, begin=BEGIN, clock=lambda: self.truth.at)
        self.lead = Lead(PLANT.line(line), PLANT, self.notebook, self.hall, habits)
        self.last = PLANT.line(line).machines[-1]

    def run(self, until: int) -> Scene:
        """Half a minute at a time."""
        while self.truth.at < until:
            changes = self.truth.advance(self.truth.at + 30_000)
            self.notebook.hear(self.hall.waiting + changes, self.last)
            self.hall.waiting = []
            self.lead.tick(self.truth.at, self.notebook.open())
        return self

    def verbs(self, job: int) -> list[str]:
        """What was said of a job, in order."""
        return [verb + phase for _, _, number, verb, phase in self.notebook.marks if number == job]


def job(number: int, order: str, item: str, quantity: int, **more: Any) -> Body:
    """A job as the product lists it."""
    return {"id": number, "number": order, "item": item, "quantity": quantity, **more}


def test_the_first_job_counts_from_the_beginning_of_the_shift() -> None:
    """Whenever the plan comes, what was made since the shift began is the first job's."""
    scene = Scene("L02", [job(1, "A", "CAB-72", 900)])
    scene.notebook.rows[1]["state"] = "waiting"
    scene.run(OPEN + HOUR_MS)
    assert scene.notebook.marks == []
    scene.notebook.rows[1]["state"] = "ready"
    scene.run(OPEN + HOUR_MS + MINUTE_MS)
    assert scene.notebook.marks == [(OPEN, "", 1, "start", "")]
    assert {scene.notebook.job_of(count) for count in scene.notebook.counts} == {1}


def test_each_station_switches_when_it_really_does() -> None:
    """By the marks every piece belongs to the order that it physically is, and no order is made short."""
    scene = Scene("L02", [job(1, "A", "CAB-72", 200), job(2, "B", "CAB-51", 150)])
    scene.run(OPEN + 3 * HOUR_MS)
    switched = {m[1]: m[0] for m in scene.notebook.marks if m[2] == 2 and m[3] == "switch"}
    assert switched == {f"L02-S{n}": scene.truth.machines[f"L02-M{n}"].order_since for n in (1, 2, 3)}
    assert scene.verbs(1) == ["start", "finish", "confirm"]
    assert Counter(scene.verbs(2)) == {"switchsetup": 3, "start": 3}
    physical = {"": 1, "A": 1, "B": 2}
    own = [count for count in scene.notebook.counts if count.machine.startswith("L02")]
    assert {(scene.notebook.job_of(count), physical[count.order]) for count in own} == {(1, 1), (2, 2)}
    made = Counter[int]()
    for count in own:
        if count.machine == "L02-M3":
            made[scene.notebook.job_of(count)] += count.good
    assert 200 <= made[1] <= 210


def test_the_next_job_of_the_same_order_needs_no_changeover() -> None:
    """The line goes on; what is counted is the next job's from the mark on."""
    scene = Scene("L02", [job(1, "A", "CAB-72", 60), job(2, "A", "CAB-72", 300)])
    scene.run(OPEN + HOUR_MS)
    assert scene.verbs(1) == ["start", "finish", "confirm"]
    assert scene.verbs(2) == ["switch"]
    assert 60 <= scene.notebook.rows[1]["good"] <= 63
    assert "setup" not in {machine.state for machine in scene.hall.machines("L02")}


def test_the_last_job_lets_the_line_run_dry() -> None:
    """Enough is on the line: nothing more is fed, the last pieces are the job's, then it is finished and confirmed."""
    scene = Scene("L02", [job(1, "A", "CAB-72", 60)]).run(OPEN + 2 * HOUR_MS)
    assert scene.verbs(1) == ["start", "finish", "confirm"]
    assert scene.hall.wip("L02") == 0
    assert not scene.truth.runs["L02"].feeding
    assert scene.lead.job is None
    assert 60 <= scene.notebook.rows[1]["good"] <= 70


def test_a_line_that_lacks_a_component_goes_on_with_another_order() -> None:
    """After a while without compressors the stranded pieces are put aside; the order stays open."""
    scene = Scene("L01", [job(1, "A", "AC-35", 500), job(2, "B", "AC-26", 200)]).run(OPEN + 9 * HOUR_MS)
    assert scene.truth.machines["L01-M2"].good > 280
    assert scene.truth.machines["L01-M2"].order == "B"
    assert scene.truth.machines["L01-M2"].aside > 0
    assert scene.verbs(1) == ["start"]
    assert scene.lead.job is not None
    assert scene.lead.job["id"] == 2


def test_a_refused_job_is_left_alone() -> None:
    """A job that is no longer planned is not tried again; the next one is started."""
    scene = Scene("L02", [job(1, "A", "CAB-72", 100), job(2, "B", "CAB-51", 100)])
    scene.notebook.withdrawn.add(1)
    scene.run(OPEN + 10 * MINUTE_MS)
    assert scene.verbs(1) == []
    assert scene.verbs(2) == ["start"]


def test_the_end_of_a_shift_is_confirmed() -> None:
    """What was counted in the shift is confirmed at its end, and the job goes on next morning."""
    scene = Scene("L04", [job(1, "A", "MTR-30", 9000)]).run(OPEN + 25 * HOUR_MS)
    assert scene.notebook.marks == [(OPEN, "", 1, "start", ""), (OPEN + 12 * HOUR_MS, "", 1, "confirm", "")]


def test_a_job_planned_for_later_waits() -> None:
    """Nobody starts what is planned more than an hour ahead."""
    scene = Scene("L02", [job(1, "A", "CAB-72", 100, planned_start_at=to_iso(OPEN + 3 * HOUR_MS))])
    scene.run(OPEN + HOUR_MS)
    assert scene.notebook.marks == []
    scene.run(OPEN + 2 * HOUR_MS + 5 * MINUTE_MS)
    assert scene.verbs(1) == ["start"]
