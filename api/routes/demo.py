"""The guide of `mes demo`: its tours, and the steps that do something real. Mounted in the demo alone, no contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.deps import Calling, Door, House, Visiting
from api.guide import STEPS, TOURS, Deed, Doors, Eyes, Facts, Seen, Step
from api.security.guard import needs
from mes.errors import ConflictError, NotFoundError, UnavailableError
from mes.store.screens.guide import ears, plan_in_force


@dataclass(frozen=True, slots=True)
class StepDocument:
    """A step as it stands.

    `acts`: it has a button, offered once the step `after` was seen; `asked_at`: when it was pressed last; `trouble`:
    why it cannot be judged just now.
    """

    code: str
    page: str
    acts: bool
    after: str
    again: bool
    asked_at: datetime | None
    done: bool
    facts: Facts
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class TourDocument:
    """A tour's steps in their order, and the zone in which their instants are shown."""

    tour: str
    time_zone: str
    tours: list[str]
    steps: list[StepDocument]


@dataclass(slots=True)
class _Memory:
    """What was done to the plant in this demo, by step. One for all who look."""

    deeds: dict[str, Deed] = field(default_factory=dict)


def routes_of_demo() -> APIRouter:
    """The guide's routes, with a memory of their own."""
    router = APIRouter(prefix="/api/v1/demo", route_class=Door, include_in_schema=False)
    memory = _Memory()

    @router.get("", **needs("tracking:read"))
    def get_demo(
        call: Calling, tour: Annotated[str, Query(description="manager, planner or it")] = "manager"
    ) -> TourDocument:
        """A tour, each step with what Takt itself shows of it now."""
        if tour not in TOURS:
            raise NotFoundError(f"There is no tour {tour}", remedy=f"There is {', '.join(TOURS)}.")
        doors = Doors(call.house.settings)
        plant = call.plant()
        eyes = Eyes(call.conn, plant, call.at, call.house.clock.speed, doors, memory.deeds)
        return TourDocument(tour, plant.site.time_zone, list(TOURS), [_document(step, eyes) for step in TOURS[tour]])

    @router.post("/{step}", status_code=202, **needs("plans:publish", holds="nothing", keeps="nothing"))
    def post_step(step: Annotated[str, Path()], visit: Visiting) -> dict[str, str]:
        """Do what a step's button says to the simulated plant, or to the computer."""
        taken = STEPS.get(step)
        if taken is None or taken.act is None:
            raise NotFoundError(f"There is no button for step {step}")
        if step in memory.deeds and not taken.again:
            raise ConflictError("This was done already, and happens once in a demo")
        before = _standing(visit.house, visit.at)
        at = taken.act(Doors(visit.house.settings))
        happened = before.at if at is None else datetime.fromisoformat(at)
        memory.deeds[step] = Deed(happened, before.version, before.epochs)
        return {"at": happened.isoformat()}

    return router


def _standing(house: House, at: datetime) -> Deed:
    """What stands before a step."""
    with house.snapshot() as conn:
        plan = plan_in_force(conn)
        return Deed(at, plan.version if plan else 0, {ear.source: ear.epoch for ear in ears(conn)})


def _document(step: Step, eyes: Eyes) -> StepDocument:
    deed, trouble = eyes.deeds.get(step.code), ""
    try:
        seen = step.see(eyes)
    except (UnavailableError, ConflictError) as error:
        seen, trouble = Seen(), str(error)
    return StepDocument(
        code=step.code,
        page=step.page,
        acts=step.act is not None,
        after=step.after,
        again=step.again,
        asked_at=None if deed is None else deed.at,
        done=seen.done,
        facts=seen.facts,
        trouble=trouble,
    )
