"""Problems for tests: small plants with everything a plant may have, from a stream of random numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from scheduler.plan import Plan, PlanLot
from scheduler.problem import (
    Component,
    Crew,
    Delivery,
    External,
    Line,
    Order,
    Problem,
    Product,
    Receipt,
    Resource,
    Setup,
    Stage,
    StageLine,
    Stock,
    Substitute,
    UnderWay,
    Weights,
)

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def at(hours: float) -> datetime:
    """An instant, hours after now."""
    return NOW + timedelta(minutes=round(hours * 60))


def line(code: str, *spans: tuple[float, float], family_now: str | None = None) -> Line:
    """A line open in spans of hours after now; without spans, always."""
    return Line(code, tuple((at(a), at(b)) for a, b in spans or ((0, 2000),)), family_now)


def stage(seq: int = 10, minutes: float = 1, lines: str = "L1", **more: object) -> Stage:
    """A stage of so many minutes a piece on lines (space between)."""
    made_on = tuple(StageLine(code, Decimal(str(minutes * 60))) for code in lines.split())
    return Stage(seq, made_on, **more)  # type: ignore[arg-type]


def product(code: str = "P", *stages: Stage, family: str | None = None, bom: tuple[Component, ...] = ()) -> Product:
    """A product; without stages, one minute a piece on L1."""
    return Product(code, stages or (stage(),), "A", family, bom)


def order(code: str, qty: int, due: float, product: str = "P", **more: object) -> Order:
    """An order due in hours after now."""
    return Order(code, product, qty, at(due), **more)  # type: ignore[arg-type]


def problem(lines: list[Line], products: list[Product], orders: list[Order], **more: object) -> Problem:
    """A problem of a thousand hours."""
    rest = {"weights": Weights(move=0), **more}
    return Problem("test", NOW, at(1000), tuple(lines), tuple(products), tuple(orders), **rest)  # type: ignore[arg-type]


# ---- anything goes


def any_problem(random: Random, *, small: bool = False) -> Problem:
    """A plant of a few lines and orders, each feature there or not."""
    lines = [_any_line(random, f"L{k}") for k in range(1, random.randint(1, 2 if small else 4) + 1)]
    codes = [each.code for each in lines]
    resources = [_any_resource(random, f"M{k}") for k in range(random.choice((0, 0, 1, 2)))]
    mounted = [each.code for each in resources]
    products = [_any_product(random, f"P{k}", codes, mounted) for k in range(1, 3 if small else 5)]
    orders = [_any_order(random, f"MO{k}", products) for k in range(1, random.randint(1, 3 if small else 9) + 1)]
    made = Problem(
        "any",
        NOW,
        at(random.choice((60, 400, 1000))),
        tuple(lines),
        tuple(products),
        tuple(orders),
        frozen_until=None,
        setups=tuple(_any_setups(random, codes)),
        stock=tuple(Stock(f"C{k}", Decimal(random.randint(0, 60))) for k in range(3)),
        receipts=tuple(_any_receipt(random, k) for k in range(random.randint(0, 4))),
        crews=tuple(_any_crew(random, codes) for _ in range(random.choice((0, 0, 0, 1)))),
        resources=tuple(resources),
        weights=Weights(earliness_minute=random.choice((0, 0, 1)), move=random.choice((0, 300))),
    )
    return _with_under_way(random, made) if random.random() < 0.3 else made


def _any_line(random: Random, code: str) -> Line:
    family = random.choice((None, "F0", "F1"))
    if random.random() < 0.3:
        return line(code, (0, 2000), family_now=family)
    length = random.choice((4, 8, 16))
    spans = [(24 * day + random.choice((0, 0, 0.5)), 24 * day + length) for day in range(41)]
    days = tuple(("D", (NOW + day * DAY).date(), at(24 * day), at(24 * day + length)) for day in range(41))
    made = line(code, *spans, family_now=family)
    return replace(made, shifts=days) if random.random() < 0.5 else made


def _any_resource(random: Random, code: str) -> Resource:
    away = ((at(30), at(random.choice((33, 60)))),) if random.random() < 0.3 else ()
    return Resource(code, random.choice((1, 1, 2)), random.choice((0, 20)), away)


def _any_product(random: Random, code: str, lines: list[str], resources: list[str]) -> Product:
    count = random.choice((1, 1, 2, 3))
    stages = tuple(_any_stage(random, 10 * (k + 1), lines, resources, k < count - 1) for k in range(count))
    components = tuple(_any_component(random, stages) for _ in range(random.choice((0, 1, 1, 2))))
    items = [each.item for each in components]
    if len(set(items)) < len(items):
        components = components[:1]
    return Product(code, stages, "A", random.choice(("F0", "F1", "F2", None)), components)


def _any_component(random: Random, stages: tuple[Stage, ...]) -> Component:
    item, other = random.sample(("C0", "C1", "C2"), 2)
    instead = (Substitute(other, random.choice((None, Decimal(3)))),) if random.random() < 0.3 else ()
    return Component(item, Decimal(random.choice(("1", "0.5", "2"))), random.choice((None, stages[-1].seq)), instead)


def _any_stage(random: Random, seq: int, lines: list[str], resources: list[str], inner: bool) -> Stage:
    if inner and random.random() < 0.15:
        return Stage(seq, external=External(random.choice((60, 1500))))
    made_on = random.sample(lines, random.randint(1, len(lines)))
    least = random.choice((1, 1, 5))
    return Stage(
        seq,
        tuple(StageLine(code, Decimal(random.choice((20, 60, 90, 600)))) for code in made_on),
        yield_rate=Decimal(random.choice(("1", "1", "0.9", "0.85"))),
        min_lot=least,
        max_lot=random.choice((None, least + 4, 2 * least + 8, 40)),
        transfer_minutes=random.choice((0, 0, 30)),
        uninterrupted=random.random() < 0.15,
        resources=(random.choice(resources),) if resources and random.random() < 0.4 else (),
    )


def _any_order(random: Random, code: str, products: list[Product]) -> Order:
    qty = random.choice((1, 7, 20, 60))
    parts = (Delivery(max(1, qty // 2), at(random.randint(2, 60))),) if random.random() < 0.2 else ()
    return Order(
        code,
        random.choice(products).code,
        qty,
        at(random.randint(-10, 120)),
        weight=random.choice((1, 1, 2, 5)),
        earliest_start_at=at(random.randint(-5, 50)) if random.random() < 0.3 else None,
        deliveries=parts,
    )


def _any_setups(random: Random, lines: list[str]) -> list[Setup]:
    return [
        Setup(code, a, b, random.randint(0, 60))
        for code in (None, *lines)
        for a in ("F0", "F1", "F2")
        for b in ("F0", "F1", "F2")
        if random.random() < (0.8 if code is None else 0.2) and (a != b or random.random() < 0.1)
    ]


def _any_receipt(random: Random, number: int) -> Receipt:
    return Receipt(
        f"C{random.randint(0, 2)}", Decimal(random.randint(5, 80)), at(random.randint(-3, 90)), f"PO{number}"
    )


def _any_crew(random: Random, lines: list[str]) -> Crew:
    size = tuple((at(24 * day + hour), random.randint(2, 5)) for day in range(6) for hour in (0, 8))
    return Crew("K", {code: random.randint(1, 3) for code in lines}, size)


def _with_under_way(random: Random, made: Problem) -> Problem:
    """One order's first stage runs on a line that makes it."""
    order = random.choice(made.orders)
    first = next(each for each in made.products if each.code == order.product).stages[0]
    if not first.lines:
        return made
    on = random.choice(first.lines).line
    work = UnderWay(order.code, first.seq, on, at(random.choice((-2, 0, 1))), order.qty, random.randint(0, order.qty))
    return replace(made, under_way=(work,))


def changed(random: Random, asked: Problem, plan: Plan) -> Problem:
    """The question after a plan was published: some of it frozen, some pinned, an order gone, another late."""
    previous = tuple(replace(lot, pinned=lot.line is not None and random.random() < 0.15) for lot in plan.lots)
    orders = [replace(each, due_at=each.due_at - 5 * HOUR) for each in asked.orders]
    if len(orders) > 1 and random.random() < 0.3:
        orders.remove(random.choice(orders))
    known = {each.code for each in orders}
    works = tuple(work for work in asked.under_way if work.order in known)
    until = at(random.choice((0, 4, 30))) if random.random() < 0.7 else None
    return replace(asked, orders=tuple(orders), under_way=works, previous=previous, frozen_until=until)


# ---- few lots


def tiny_problem(random: Random) -> Problem:
    """A problem of few lots that trying everything can solve: each feature there or not."""
    spans = [(24 * day, 24 * day + random.choice((4, 9))) for day in range(15)]
    lines = [line(code, *spans, family_now=random.choice((None, "F0"))) for code in ("L1", "L2")]
    products = [_tiny_product(random, k) for k in range(2)]
    orders = [_tiny_order(random, f"MO{k}", products) for k in range(random.randint(1, 3))]
    made = problem(
        lines,
        products,
        orders,
        setups=tuple(Setup(None, a, b, random.randint(5, 60)) for a, b in (("F0", "F1"), ("F1", "F0"))),
        stock=tuple(Stock(f"C{k}", Decimal(random.randint(0, 60))) for k in range(2)),
        receipts=tuple(Receipt(f"C{k}", Decimal(200), at(random.randint(1, 40)), f"PO{k}") for k in range(2)),
        crews=(_tiny_crew(random),) if random.random() < 0.4 else (),
        resources=(random.choice((Resource("M", 1), Resource("M", 1, 0, ((at(3), at(30)),)), Resource("M", 2, 20))),),
    )
    return _staged(random, made) if random.random() < 0.4 else made


def _tiny_crew(random: Random) -> Crew:
    """Enough people for either line, not always for both."""
    size = ((0, random.choice((2, 4))), (random.choice((2, 5, 26)), random.choice((2, 3, 4))))
    return Crew("K", {"L1": 2, "L2": random.choice((1, 2))}, tuple((at(hours), people) for hours, people in size))


def _tiny_product(random: Random, number: int) -> Product:
    stages = [
        stage(
            10,
            random.choice((1, 3, 7)),
            " ".join(random.sample(("L1", "L2"), random.randint(1, 2))),
            yield_rate=Decimal(random.choice(("1", "0.9"))),
            transfer_minutes=random.choice((0, 20)),
            min_lot=random.choice((5, 9)),
            max_lot=random.choice((20, 60)),
            uninterrupted=random.random() < 0.2,
            resources=("M",) if random.random() < 0.3 else (),
        )
        for _ in range(random.choice((1, 1, 2)))
    ]
    if random.random() < 0.2:
        stages.insert(random.randint(0, 1), Stage(10, external=External(random.choice((30, 700)))))
    numbered = tuple(replace(each, seq=10 * (k + 1)) for k, each in enumerate(stages))
    instead = (Substitute("C1", Decimal(2)),) if random.random() < 0.5 else ()
    taken_at = random.choice((None, numbered[-1].seq))
    component = Component("C0", Decimal(random.choice(("1", "0.5"))), taken_at, instead)
    return Product(f"P{number}", numbered, "A", f"F{number}", (component,) if random.random() < 0.4 else ())


def _tiny_order(random: Random, code: str, products: list[Product]) -> Order:
    qty = random.choice((10, 25, 40))
    return order(
        code,
        qty,
        random.randint(-5, 60),
        random.choice(products).code,
        weight=random.choice((1, 3)),
        earliest_start_at=at(random.randint(0, 9)) if random.random() < 0.3 else None,
        deliveries=(Delivery(qty // 2, at(random.randint(1, 40))),) if random.random() < 0.3 else (),
    )


def _staged(random: Random, made: Problem) -> Problem:
    """An order's first pieces are under way or published in the frozen window; what is staged has its components."""
    chosen = random.choice(made.orders)
    first = next(each for each in made.products if each.code == chosen.product).stages[0]
    if not first.lines:
        return made
    on, qty = random.choice(first.lines).line, min(chosen.qty, first.max_lot or chosen.qty)
    supplied = replace(made, stock=tuple(Stock(each.item, Decimal(400)) for each in made.stock))
    if random.random() < 0.5:
        was = PlanLot(chosen.code, first.seq, on, at(1), at(2), qty)
        return replace(supplied, previous=(was,), frozen_until=at(random.choice((2, 6))))
    begun = at(random.choice((-2, 1)))
    return replace(supplied, under_way=(UnderWay(chosen.code, first.seq, on, begun, qty, random.randint(0, qty)),))
