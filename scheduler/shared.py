"""A board whose lines share people or moulds; which plants need it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from scheduler.axis import minute_down, minute_up
from scheduler.decode import Board, Change
from scheduler.files import Number
from scheduler.placing import Free, Placing
from scheduler.problem import Crew, Problem, Resource
from scheduler.shop import Shop


def board_for(shop: Shop, release: Sequence[int] | None = None) -> Board:
    """A board for `shop`: the fast one where lines share nothing."""
    return SharedBoard(shop, release) if shares_anything(shop.problem) else Board(shop, release)


def shares_anything(problem: Problem) -> bool:
    """Is there a crew that may be too small, or a resource that may be in use elsewhere or away?"""
    return any(_crew_binds(crew) for crew in problem.crews) or any(_binds(problem, r) for r in problem.resources)


def _crew_binds(crew: Crew) -> bool:
    least = min((people for _, people in crew.size), default=0)
    return bool(crew.lines) and sum(crew.lines.values()) > least


def _binds(problem: Problem, resource: Resource) -> bool:
    """May a lot wait for the resource? Not where each line that may use it can have one of its own all the time."""
    ordered = {order.product for order in problem.orders}
    users = [
        stage
        for product in problem.products
        if product.code in ordered
        for stage in product.stages
        if resource.code in stage.resources
    ]
    lines = {at.line for stage in users for at in stage.lines}
    return bool(users) and (bool(resource.unavailable) or len(lines) > resource.count)


class SharedBoard(Board):
    """A board whose lines share crews and moulds."""

    def __init__(self, shop: Shop, release: Sequence[int] | None = None) -> None:
        super().__init__(shop, release)
        problem = shop.problem
        crews = [crew for crew in problem.crews if _crew_binds(crew)]
        moulds = [resource for resource in problem.resources if _binds(problem, resource)]
        numbers = {resource.code: number for number, resource in enumerate(moulds)}
        self.people = [_people(problem, crew, shop.horizon) for crew in crews]
        self.moulds = [_moulds(problem, resource, shop.horizon) for resource in moulds]
        self.change = [resource.change_minutes for resource in moulds]
        self.staff = [_staff(crews, line.code) for line in problem.lines]
        self.staff += [()] * (len(shop.axes) - len(problem.lines))
        self.uses = [
            tuple(numbers[code] for code in shop.stage(lot).resources if code in numbers)
            for lot in range(len(shop.lots))
        ]
        self.circle = False  # did lots wait for each other when last timed?

    @cached_property
    def placing(self) -> Placing:
        """Where everything stands."""
        return Placing(self)

    def attempt(self, changes: Iterable[Change], releases: Iterable[tuple[int, int]] = ()) -> Number | None:
        """As a board's; what may differ is placed anew, what does differ goes to the trail."""
        before = self.axis_end.copy(), self.end.copy(), self.setup.copy()
        touched = {line: first for line, (first, _) in self._adopt(changes).items()}
        new = [lot for lot, was in self._moved if was < 0]
        awaited = [other for lot in new for other in self.shop.succs[lot]]
        for lot in [*self._set_releases(releases), *awaited]:
            line = self.line_of[lot]
            if line >= 0:
                at = self.sequences[line].index(lot)
                touched[line] = min(at, touched.get(line, at))
        for lot in self.placing.again(touched, awaited):
            old = before[0][lot], before[1][lot], before[2][lot]
            if old != (self.axis_end[lot], self.end[lot], self.setup[lot]):
                self._trail.append((lot, *old))
        if self.circle:
            return None
        return self.costs.attempt(self._trail, self._moved)

    def keep(self) -> None:
        """The attempted change stands."""
        self.placing.keep()
        super().keep()

    def undo(self) -> None:
        """The attempted change never was."""
        super().undo()
        self.placing.undo()

    def _time_all(self) -> None:
        self.__dict__.pop("placing", None)
        self.placing.run(range(len(self.sequences)))


def _staff(crews: Sequence[Crew], line: str) -> tuple[tuple[int, int], ...]:
    """The crews a line takes people from, and how many."""
    return tuple((number, crew.lines[line]) for number, crew in enumerate(crews) if crew.lines.get(line))


def _people(problem: Problem, crew: Crew, horizon: int) -> Free:
    """How many of a crew there are: none before the first change, then as many as the latest said."""
    free = np.zeros(horizon, dtype=np.int32)
    for at, people in crew.size:
        free[max(0, minute_up(problem.now, at)) :] = people
    return free


def _moulds(problem: Problem, resource: Resource, horizon: int) -> Free:
    free = np.full(horizon, resource.count, dtype=np.int32)
    for low, high in resource.unavailable:
        free[max(0, minute_down(problem.now, low)) : max(0, minute_up(problem.now, high))] = 0
    return free
