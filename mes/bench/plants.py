"""Plants made by code from a seed: what the planner is measured on, so that anybody can measure it on the same.

    plant("sme", 1)             a plant of the size `sme`; its best plan is unknown
    planted("sme", 1, slack=1)  a plant around a hidden plan that is proved to be best, and what that plan costs

Times are minutes. Days of 16 hours are laid end to end, so that lines are open day and night; some have one shift a
day, some a maintenance. Routes have one or two stages, changeovers depend on the families and obey the triangle
inequality, and the bottleneck is loaded to nine tenths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

from mes.bench.kernels import path_cover
from scheduler.axis import axis_of
from scheduler.problem import Line, Order, Problem, Product, Setup, Stage, StageLine, Weights

NOW = datetime(2026, 1, 5, tzinfo=UTC)
DAY_MINUTES = 960
SHIFT_MINUTES = 480
HORIZON_FACTOR = 3
PIECES = 60  # of a lot: a lot of m minutes takes m seconds a piece
LOT_MINUTES_MAX = 480
LOAD = 0.90
TWO_STAGES = 0.35
FIRST_SHARE = 0.7  # of an order's work: what its first of two stages takes
WEIGHTS = (1, 1, 1, 2, 2, 5)
SETUP_PRICE = 10

Matrix = list[list[int]]
Spans = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Size:
    """Lines, working days, orders, families; of a planted one: lots a line instead of orders."""

    lines: int
    days: int
    orders: int
    families: int

    @property
    def minutes(self) -> int:
        """The days laid end to end."""
        return self.days * DAY_MINUTES


SIZES = {
    "sme": Size(5, 12, 60, 8),
    "drag": Size(8, 12, 90, 10),
    "mid": Size(20, 26, 500, 12),
    "big": Size(100, 52, 5000, 20),
}
PLANTED = {"sme": Size(5, 12, 18, 10), "mid": Size(20, 26, 50, 40)}


@dataclass(frozen=True, slots=True)
class _Make:
    """What a product is made of: its family, and the pace factor of each line for its stages."""

    family: int
    last: dict[int, float]
    first: dict[int, float]


@dataclass(frozen=True, slots=True)
class _Job:
    """An order: its family, lots a stage, the minutes of a lot by stage and line, release, due minute and weight."""

    family: int
    lots: int
    stages: tuple[dict[int, int], ...]
    release: int
    due: int
    weight: int


def plant(size: str, seed: int) -> Problem:
    """A plant of a size; the same seed, the same plant."""
    asked, random = SIZES[size], Random(seed)
    setups = _matrices(random, asked)
    closed = [_closed(random, asked) for _ in range(asked.lines)]
    makes = _makes(random, asked)
    work = [(random.randrange(len(makes)), _work(random)) for _ in range(asked.orders)]
    scale = _scale(asked, closed, makes, work)
    jobs = [_job(random, asked, makes[make], max(30, int(minutes * scale))) for make, minutes in work]
    return _problem(f"{size}-{seed}", asked, closed, setups, jobs)


def _matrices(random: Random, size: Size) -> list[Matrix]:
    """Changeover minutes by line: families are points in a square, and going back takes a little longer."""
    points = [(random.random(), random.random()) for _ in range(size.families)]
    made = []
    for _ in range(size.lines):
        pace = random.choice([0.7, 1.0, 1.4])
        made.append(
            _closure(
                [
                    [
                        0
                        if a == b
                        else int(pace * (8 + 70 * math.dist(points[a], points[b]) + 15 * (a > b) * random.random()))
                        for b in range(size.families)
                    ]
                    for a in range(size.families)
                ]
            )
        )
    return made


def _closure(matrix: Matrix) -> Matrix:
    """The same, so that no change is longer than one by way of a third family."""
    count = range(len(matrix))
    for via in count:
        for a in count:
            for b in count:
                if a != b:
                    matrix[a][b] = min(matrix[a][b], matrix[a][via] + matrix[via][b])
    return matrix


def _closed(random: Random, size: Size) -> Spans:
    """When a line is closed: every second shift, for one maintenance, or never."""
    if random.random() < 0.35:
        return _second_shifts(2 * size.days)
    if random.random() < 0.5:
        begins = random.randrange(1, size.days) * DAY_MINUTES + random.choice([0, 240, 480])
        return [(begins, begins + 240)]
    return []


def _second_shifts(days: int) -> Spans:
    return [(day * DAY_MINUTES + SHIFT_MINUTES, (day + 1) * DAY_MINUTES) for day in range(days)]


def _makes(random: Random, size: Size) -> list[_Make]:
    first_lines = list(range(max(1, round(size.lines * 0.3))))
    last_lines = list(range(len(first_lines), size.lines))
    few = [1, 2, 2, 3, 3] if size.lines <= 8 else [2, 3, 4, 5]
    found = []
    for _ in range(max(8, size.orders // 5)):
        family = random.randrange(size.families)
        last = random.sample(last_lines, min(len(last_lines), random.choice(few)))
        first = []
        if random.random() < TWO_STAGES:
            first = random.sample(first_lines, min(len(first_lines), random.choice([1, 2, 2])))
        paces = [{line: random.uniform(0.85, 1.2) for line in lines} for lines in (last, first)]
        found.append(_Make(family, paces[0], paces[1]))
    return found


def _work(random: Random) -> int:
    """Minutes an order takes before all is scaled to the load."""
    return min(2400, int(math.exp(random.gauss(5.9, 0.7))))


def _scale(size: Size, closed: list[Spans], makes: list[_Make], work: list[tuple[int, int]]) -> float:
    room = [size.minutes - sum(max(0, min(b, size.minutes) - a) for a, b in spans) for spans in closed]
    scale = 1.0
    for _ in range(12):
        scale *= LOAD / _bottleneck(room, makes, work, scale)
    return scale


def _bottleneck(room: list[int], makes: list[_Make], work: list[tuple[int, int]], scale: float) -> float:
    """The load of the fullest line when pieces of four hours go, the largest orders first, where there is most room."""
    load = [0.0] * len(room)
    for number, minutes in sorted(work, key=lambda pair: -pair[1]):
        for paces, share in ((makes[number].last, 1.0), (makes[number].first, FIRST_SHARE)):
            count = max(1, int(minutes * scale / 240))
            for _ in range(count if paces else 0):
                part = {line: minutes * scale * share * pace / count for line, pace in paces.items()}
                line = min(paces, key=lambda line: (load[line] + part[line]) / room[line])
                load[line] += part[line]
    return max(used / there for used, there in zip(load, room, strict=True))


def _job(random: Random, size: Size, make: _Make, minutes: int) -> _Job:
    lots = math.ceil(minutes / LOT_MINUTES_MAX)
    release = 0
    if random.random() < 0.35:
        release = int(random.uniform(0, 0.55) * size.minutes) // 60 * 60
    lead = minutes * (1 + FIRST_SHARE * bool(make.first)) * 1.3 / max(1, min(lots, len(make.last))) + SHIFT_MINUTES
    soonest = release + lead * random.uniform(0.8, 1.6)
    due = int(min(max(soonest, random.uniform(0.12, 0.97) * size.minutes), size.minutes))
    weight = random.choice(WEIGHTS)
    first = {line: max(15, int(minutes * FIRST_SHARE / lots * pace)) for line, pace in make.first.items()}
    last = {line: max(15, int(minutes / lots * pace)) for line, pace in make.last.items()}
    return _Job(make.family, lots, (first, last) if first else (last,), release, due, weight)


# ---- plants around a hidden plan


def planted(size: str, seed: int, slack: float = 0.0) -> tuple[Problem, int]:
    """A plant and the cost of its best plan. `slack`: days by which orders may be due after the hidden plan's end.

    Changeovers are the same on every line, which begin set up for nothing. Whatever the plan, every family is set up
    somewhere, so changeovers cost at least the cheapest cover of all families by one path a line; the hidden plan has
    exactly that and nothing late.
    """
    asked, random = PLANTED[size], Random(seed)
    points = [(random.random(), random.random()) for _ in range(asked.families)]
    matrix = [
        [
            0 if a == b else int(10 + 80 * math.dist(points[a], points[b]) + (10 * random.random() if a > b else 0))
            for b in range(asked.families)
        ]
        for a in range(asked.families)
    ]
    cover, paths = path_cover(_closure(matrix), asked.lines)
    closed = [_second_shifts(3 * asked.days) if random.random() < 0.3 else [] for _ in paths]
    planter = _Planter(random, asked, matrix, slack)
    jobs = [job for line, path in enumerate(paths) for job in planter.hidden(line, path, closed[line])]
    random.shuffle(jobs)
    problem = _problem(f"planted-{size}-{seed}-slack{slack:g}", asked, closed, [matrix], jobs)
    return problem, SETUP_PRICE * cover


@dataclass(frozen=True, slots=True)
class _Planter:
    """Makes orders around the sequences of a hidden plan."""

    random: Random
    size: Size
    matrix: Matrix
    slack: float

    def hidden(self, line: int, path: list[int], closed: Spans) -> list[_Job]:
        """The orders of one line of the hidden plan, which fill it from the first minute to the last."""
        horizon = HORIZON_FACTOR * self.size.minutes
        axis = axis_of(_open(closed, horizon), horizon)
        work = axis.before[self.size.minutes] - sum(self.matrix[a][b] for a, b in pairwise(path))
        count = max(len(path), self.size.orders // 2 if closed else self.size.orders)
        families = sorted((path[k % len(path)] for k in range(count)), key=path.index)
        begins, found = 0, []
        for k, (family, minutes) in enumerate(zip(families, _parts(self.random, work, count), strict=True)):
            begins += self.matrix[families[k - 1]][family] if k else 0
            found.append(self._job(line, family, minutes, (axis.starts[begins], axis.end(begins + minutes))))
            begins += minutes
        return found

    def _job(self, line: int, family: int, minutes: int, span: tuple[int, int]) -> _Job:
        """An order that is made in `span` on its line, and might be on two others."""
        random, (start, end) = self.random, span
        others = random.sample(
            [other for other in range(self.size.lines) if other != line], min(self.size.lines - 1, 2)
        )
        release = max(0, int(start - random.uniform(0, 3) * DAY_MINUTES)) if random.random() < 0.4 else 0
        due = int(end + self.slack * DAY_MINUTES * random.random())
        paces = dict.fromkeys((line, *others), minutes)
        return _Job(family, 1, (paces,), min(release, start), due, random.choice(WEIGHTS))


def _parts(random: Random, work: int, count: int) -> list[int]:
    """`work` minutes in random parts, none very short."""
    cuts = sorted(random.random() for _ in range(count - 1))
    parts = [max(20, int(work * (b - a))) for a, b in zip([0, *cuts], [*cuts, 1], strict=True)]
    return [max(15, int(part * work / sum(parts) * 0.995)) for part in parts]


# ---- as a problem


def _problem(name: str, size: Size, closed: list[Spans], setups: list[Matrix], jobs: list[_Job]) -> Problem:
    horizon = HORIZON_FACTOR * size.minutes
    known = int(1.6 * size.minutes)  # how far ahead closures are known
    lines = [
        Line(_line(k), tuple((_at(a), _at(b)) for a, b in _open([s for s in spans if s[0] < known], horizon)))
        for k, spans in enumerate(closed)
    ]
    return Problem(
        name,
        NOW,
        _at(horizon),
        tuple(lines),
        tuple(_product(k, job) for k, job in enumerate(jobs)),
        tuple(_order(k, job) for k, job in enumerate(jobs)),
        setups=tuple(_rows(setups)),
        weights=Weights(setup_minute=SETUP_PRICE, move=0),
    )


def _rows(setups: list[Matrix]) -> list[Setup]:
    """One matrix for all lines, or one a line."""
    return [
        Setup(None if len(setups) == 1 else _line(k), f"F{a}", f"F{b}", minutes)
        for k, matrix in enumerate(setups)
        for a, row in enumerate(matrix)
        for b, minutes in enumerate(row)
        if a != b
    ]


def _open(closed: Spans, horizon: int) -> Spans:
    """What is left between the closures, up to the horizon."""
    edges = [0, *(edge for span in closed for edge in span), horizon]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < min(b, horizon)]


def _product(number: int, job: _Job) -> Product:
    stages = tuple(
        Stage(
            10 * k,
            tuple(StageLine(_line(line), Decimal(minutes)) for line, minutes in sorted(paces.items())),
            min_lot=PIECES,
            max_lot=PIECES,
        )
        for k, paces in enumerate(job.stages, 1)
    )
    return Product(f"P{number:04}", stages, "A", f"F{job.family}")


def _order(number: int, job: _Job) -> Order:
    release = _at(job.release) if job.release else None
    return Order(f"MO{number:04}", f"P{number:04}", job.lots * PIECES, _at(job.due), job.weight, release)


def _line(number: int) -> str:
    return f"L{number + 1:03}"


def _at(minute: int) -> datetime:
    return NOW + timedelta(minutes=minute)
