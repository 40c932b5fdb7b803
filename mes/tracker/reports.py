"""Production reports: what may be reported against what was; and orders that began or are complete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from mes.actions.record import Deed, record
from mes.domain.calendar import instant
from mes.domain.exchange import Event, EventType
from mes.domain.material.consumption import stage_of, stages
from mes.domain.order import Through, late_minutes, report_through
from mes.domain.plant import Plant
from mes.store import told
from mes.store.outlook import OrderHead, load_order_heads
from mes.store.pool import Connection
from mes.store.recipes import load_recipes
from mes.store.told import Made, Milestone, Report, Standing, Used
from mes.store.tracking.counts import ShiftKey
from mes.tracker.plants import Plants
from mes.tracker.shifts import stretches_of

ShiftOfJob = tuple[int, date, str]


def react_reports(conn: Connection, deed: Deed, plants: Plants, order_ids: Sequence[int]) -> None:
    """Report what is due of orders, and reverse what no longer holds."""
    standing: dict[ShiftOfJob, list[Standing]] = {}
    for report in told.load_standing(conn, order_ids):
        standing.setdefault((report.job_id, report.shift_day, report.shift), []).append(report)
    made = told.load_made(conn, order_ids)
    throughs = {(m.job_id, m.shift_day, m.shift): _through(plants, m, deed.at) for m in made}
    if not standing and not any(throughs.values()):
        return
    used = told.load_used(conn, sorted({one.job_id for one in made}))
    desk = _Desk(conn, deed, plants.reigns[-1].plant, load_order_heads(conn, order_ids))
    for one in made:
        key = (one.job_id, one.shift_day, one.shift)
        through = throughs[key]
        output = _output(conn, one, through, used.get(key, [])) if through else None
        desk.settle(one, output, standing.pop(key, []))
    for reports in standing.values():
        for report in reports:
            desk.reverse(report)


def _through(plants: Plants, made: Made, now: datetime) -> Through | None:
    line = plants.reigns[-1].plant.lines.get(made.line)
    if made.first_at is None or made.last_at is None:
        return None
    calendar = stretches_of(plants, made.line, ShiftKey("", made.shift_day.isoformat(), made.shift))
    return report_through(
        line.report if line else "confirmation",
        first_at=made.first_at,
        last_at=made.last_at,
        confirmed_at=made.confirmed_at,
        ran_on=made.ran_on,
        finished_at=made.finished_at,
        shift_ends_at=instant(calendar[-1].to_us) if calendar else made.last_at,
        now=now,
    )


@dataclass(frozen=True, slots=True)
class _Output:
    """What is true of a job and shift, as far as it may be reported."""

    good: int
    reject: int
    rework: int
    scrap: int
    through_at: datetime | None
    used: tuple[Used, ...]

    def is_as(self, report: Standing) -> bool:
        """Whether a report says just this."""
        figures = (report.good, report.reject, report.rework, report.scrap)
        said = {(one.item, one.location): one.quantity for one in report.used}
        true = {(one.item, one.location): one.quantity for one in self.used}
        return figures == (self.good, self.reject, self.rework, self.scrap) and said == true

    @property
    def is_empty(self) -> bool:
        return not (self.good or self.reject or self.rework or self.scrap or self.used)


def _output(conn: Connection, made: Made, through: Through, used: Sequence[Used]) -> _Output:
    if through.at is None:
        return _Output(made.good, made.reject, made.rework, made.scrap, None, tuple(used))
    part, partly = told.load_part(conn, made, through.at)
    return _Output(*part, through.at, tuple(partly))


class _Desk:
    """Writes reports and tells them."""

    def __init__(self, conn: Connection, deed: Deed, plant: Plant, heads: Mapping[int, OrderHead]) -> None:
        self.conn, self.deed, self.plant, self.heads = conn, deed, plant, heads
        recipes = load_recipes(conn, heads)
        self.last_seq = {
            number: found[-1].seq for number, recipe in recipes.items() if (found := stages(plant, recipe))
        }

    def settle(self, made: Made, output: _Output | None, standing: Iterable[Standing]) -> None:
        """Make what stands say what is true of a job and shift."""
        stands = False
        for report in standing:
            if output and output.is_as(report):
                stands = True
            else:
                self.reverse(report)
        if output and not stands and not output.is_empty:
            self._report(made, output)

    def reverse(self, report: Standing) -> None:
        """Take a report back by one with its figures, negative."""
        used = tuple(Used(one.item, one.location, one.unit, -one.quantity) for one in report.used)
        self._write(
            Report(
                order_id=report.order_id,
                job_id=report.job_id,
                operation_seq=report.operation_seq,
                is_final=report.is_final,
                line=report.line,
                shift_day=report.shift_day,
                shift=report.shift,
                good=-report.good,
                reject=-report.reject,
                rework=-report.rework,
                scrap=-report.scrap,
                started_at=report.started_at,
                ended_at=report.ended_at,
                through_at=report.through_at,
                posting_on=report.posting_on,
                consumption=used,
                reported_by=self.deed.by,
                reverses=report.id,
            )
        )

    def _report(self, made: Made, output: _Output) -> None:
        self._write(
            Report(
                order_id=made.order_id,
                job_id=made.job_id,
                operation_seq=made.operation_seq,
                is_final=made.operation_seq >= self.last_seq.get(made.order_id, made.operation_seq),
                line=made.line,
                shift_day=made.shift_day,
                shift=made.shift,
                good=output.good,
                reject=output.reject,
                rework=output.rework,
                scrap=output.scrap,
                started_at=made.first_at,
                ended_at=made.last_at,
                through_at=output.through_at,
                posting_on=made.shift_day,
                consumption=output.used,
                reported_by=made.confirmed_by or self.deed.by,
            )
        )

    def _write(self, report: Report) -> None:
        cumulative = told.reported_so_far(self.conn, report)
        number, no = told.insert_report(self.conn, report, cumulative=cumulative, at=self.deed.at)
        head = self.heads[report.order_id]
        body = {
            "report_id": number,
            "system": head.system,
            "number": head.number,
            "order_report_no": no,
            "job_id": report.job_id,
            "operation_seq": report.operation_seq,
            "is_final": report.is_final,
            "line": report.line,
            "shift_day": report.shift_day,
            "shift": report.shift,
            "good": Decimal(report.good),
            "reject": Decimal(report.reject),
            "rework": Decimal(report.rework),
            "scrap": Decimal(report.scrap),
            "unit": head.unit,
            "started_at": report.started_at,
            "ended_at": report.ended_at,
            "posting_on": report.posting_on,
            "consumption": [
                {"item": one.item, "location": one.location, "quantity": one.quantity, "unit": one.unit}
                for one in report.consumption
            ],
            "cumulative": {name: Decimal(pieces) for name, pieces in cumulative.items()},
            "reverses": report.reverses,
            "reported_by": report.reported_by,
        }
        kind: EventType = "mes.production.reversed" if report.reverses else "mes.production.reported"
        ids = _tell(self.conn, self.deed, kind, head.subject, body)
        told.number_report(self.conn, number, event_id=ids[0], consumption=report.consumption)


def _tell(conn: Connection, deed: Deed, kind: EventType, subject: str, body: dict[str, Any]) -> list[int]:
    event = Event(kind, subject, body)
    action = kind.removeprefix("mes.")
    return record(conn, deed, action=action, subject=subject, detail=body, events=[event], rooms=("order", "material"))


def react_milestones(conn: Connection, deed: Deed, plants: Plants, order_ids: Sequence[int]) -> None:
    """Say which orders began and which are complete, once each."""
    reached = told.load_milestones(conn, order_ids)
    if not reached:
        return
    heads = load_order_heads(conn, list(reached))
    subjects = [head.subject for head in heads.values()]
    was_told = told.told_types(conn, subjects, ["mes.order.started", "mes.order.completed"])
    recipes = load_recipes(conn, reached)
    plant = plants.reigns[-1].plant
    for number, found in reached.items():
        head, done = heads[number], stages(plant, recipes[number])
        if (head.subject, "mes.order.started") not in was_told:
            first = min(found, key=lambda one: one.started_at)
            body = {
                "system": head.system, "number": head.number, "started_at": first.started_at, "line": first.line,
                "operation_seq": first.operation_seq,
            }  # fmt: skip
            _tell(conn, deed, "mes.order.started", head.subject, body)
        last = [one for one in found if done and stage_of(done, one.operation_seq) == done[-1]]
        if sum(one.good for one in last) >= head.quantity and (head.subject, "mes.order.completed") not in was_told:
            _tell(conn, deed, "mes.order.completed", head.subject, _completed(head, found, last))


def _completed(head: OrderHead, found: Iterable[Milestone], last: Sequence[Milestone]) -> dict[str, Any]:
    completed_at = max((one.last_at for one in last if one.last_at), default=None)
    return {
        "system": head.system,
        "number": head.number,
        "completed_at": completed_at,
        "quantity": head.quantity,
        "unit": head.unit,
        "good": Decimal(sum(one.good for one in last)),
        "reject": Decimal(sum(one.reject for one in found)),
        "scrap": Decimal(sum(one.scrap for one in found)),
        "due_at": head.due_at,
        "late_minutes": late_minutes(completed_at, head.due_at),
    }
