"""What can be wrong with a problem: each rule yields its faults with their JSON pointers.

A contradiction of the floor (no line can make a stage, a component never comes) is no fault: such pieces are planned as
`unplanned` with their reason. Faults are what makes the question itself unreadable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mes.errors import Fault
from scheduler.files import escape

if TYPE_CHECKING:
    from scheduler.problem import Component, Crew, Line, Order, Problem, Product, Resource, Stage

HORIZON_DAYS_MAX = 1100
QTY_MAX = 1_000_000_000
LOTS_PER_STAGE_MAX = 500


def faults_of(problem: Problem) -> Iterator[Fault]:
    """Every fault of `problem`."""
    yield from _times(problem)
    yield from _codes(problem)
    yield from _weights(problem)
    lines = {line.code for line in problem.lines}
    resources = {resource.code for resource in problem.resources}
    for index, line in enumerate(problem.lines):
        yield from _line(line, f"/lines/{index}")
    yield from _setups(problem, lines)
    for index, product in enumerate(problem.products):
        yield from _product(product, f"/products/{index}", lines, resources)
    yield from _orders(problem)
    yield from _supply(problem)
    for index, crew in enumerate(problem.crews):
        yield from _crew(crew, f"/crews/{index}", lines)
    for index, resource in enumerate(problem.resources):
        yield from _resource(resource, f"/resources/{index}")
    yield from _under_way(problem)
    yield from _previous(problem)


def _times(problem: Problem) -> Iterator[Fault]:
    for name in ("now", "horizon_end", "frozen_until"):
        at = getattr(problem, name)
        if at is not None and at.tzinfo is None:
            yield Fault(f"/{name}", "no_offset", "must carry its offset from UTC")
            return
    if problem.horizon_end <= problem.now:
        yield Fault("/horizon_end", "not_after_now", "must be later than now")
    elif problem.horizon_end - problem.now > timedelta(days=HORIZON_DAYS_MAX):
        yield Fault("/horizon_end", "too_far", f"must be at most {HORIZON_DAYS_MAX} days after now")


def _codes(problem: Problem) -> Iterator[Fault]:
    if not problem.name.strip():
        yield Fault("/name", "empty", "must not be empty")
    for name in ("lines", "products", "orders", "crews", "resources"):
        for index, row in enumerate(getattr(problem, name)):
            if not row.code.strip():
                yield Fault(f"/{name}/{index}/code", "empty", "must not be empty")
        yield from _unique((x.code for x in getattr(problem, name)), f"/{name}", "/code")


def _unique(values: Iterable[Any], pointer: str, end: str) -> Iterator[Fault]:
    seen: dict[Any, int] = {}
    for index, value in enumerate(values):
        if value in seen:
            yield Fault(f"{pointer}/{index}{end}", "duplicate", f"{value} is already at {pointer}/{seen[value]}")
        seen.setdefault(value, index)


def _weights(problem: Problem) -> Iterator[Fault]:
    for name in ("unplanned", "tardy_minute", "setup_minute", "move", "earliness_minute"):
        yield from _least(getattr(problem.weights, name), 0, f"/weights/{name}")


def _least(value: Any, least: int, pointer: str) -> Iterator[Fault]:
    if value < least:
        yield Fault(pointer, "too_small", f"must be at least {least}, not {value}")
    elif value > QTY_MAX:
        yield Fault(pointer, "too_large", f"must be at most {QTY_MAX}, not {value}")


def _known(name: str, among: Iterable[str], pointer: str, what: str) -> Iterator[Fault]:
    if name not in among:
        yield Fault(pointer, "unknown", f"there is no {what} {name}")


def _spans(spans: Sequence[tuple[datetime, datetime]], pointer: str) -> Iterator[Fault]:
    """Spans run forward, in order, and do not overlap."""
    last: datetime | None = None
    for index, (start, end) in enumerate(spans):
        if end <= start:
            yield Fault(f"{pointer}/{index}", "backwards", "must end after it begins")
        elif last is not None and start < last:
            yield Fault(f"{pointer}/{index}", "overlap", "must begin where the one before ends, or later")
        last = end if last is None else max(last, end)


def _line(line: Line, pointer: str) -> Iterator[Fault]:
    yield from _spans(line.open, f"{pointer}/open")
    yield from _spans([(start, end) for _, _, start, end in line.shifts], f"{pointer}/shifts")
    for index, (start, end, _) in enumerate(line.closures):
        if end <= start:
            yield Fault(f"{pointer}/closures/{index}", "backwards", "must end after it begins")


def _setups(problem: Problem, lines: set[str]) -> Iterator[Fault]:
    for index, setup in enumerate(problem.setups):
        if setup.line is not None:
            yield from _known(setup.line, lines, f"/setups/{index}/line", "line")
        yield from _least(setup.minutes, 0, f"/setups/{index}/minutes")
    yield from _unique(((s.line, s.from_family, s.to_family) for s in problem.setups), "/setups", "")


def _product(product: Product, pointer: str, lines: set[str], resources: set[str]) -> Iterator[Fault]:
    if not product.stages:
        yield Fault(f"{pointer}/stages", "empty", "must have at least one stage")
    for index, stage in enumerate(product.stages):
        if index and stage.seq <= product.stages[index - 1].seq:
            yield Fault(f"{pointer}/stages/{index}/seq", "not_rising", "must be larger than the stage before's")
        yield from _stage(stage, f"{pointer}/stages/{index}", lines, resources)
    yield from _components(product.bom, f"{pointer}/bom", product)


def _stage(stage: Stage, pointer: str, lines: set[str], resources: set[str]) -> Iterator[Fault]:
    for index, at in enumerate(stage.lines):
        yield from _known(at.line, lines, f"{pointer}/lines/{index}/line", "line")
        if at.seconds_per_piece <= 0:
            yield Fault(f"{pointer}/lines/{index}/seconds_per_piece", "too_small", "must be more than 0")
    yield from _unique((at.line for at in stage.lines), f"{pointer}/lines", "/line")
    if not 0 < stage.yield_rate <= 1:
        yield Fault(f"{pointer}/yield_rate", "out_of_range", f"must be over 0 and at most 1, not {stage.yield_rate}")
    yield from _least(stage.min_lot, 1, f"{pointer}/min_lot")
    if stage.max_lot is not None and stage.max_lot < stage.min_lot:
        yield Fault(f"{pointer}/max_lot", "too_small", f"must be at least min_lot {stage.min_lot}")
    yield from _least(stage.transfer_minutes, 0, f"{pointer}/transfer_minutes")
    for index, code in enumerate(stage.resources):
        yield from _known(code, resources, f"{pointer}/resources/{index}", "resource")
    yield from _unique(stage.resources, f"{pointer}/resources", "")
    if stage.external is not None:
        yield from _least(stage.external.lead_minutes, 0, f"{pointer}/external/lead_minutes")
        if stage.lines:
            yield Fault(f"{pointer}/lines", "external", "must be empty where the stage is external")


def _components(components: Sequence[Component], pointer: str, product: Product) -> Iterator[Fault]:
    first = product.stages[0].seq if product.stages else None
    places = [(component.item, component.stage or first) for component in components]
    for index, component in enumerate(components):
        at = f"{pointer}/{index}"
        if component.qty_per <= 0:
            yield Fault(f"{at}/qty_per", "too_small", "must be more than 0")
        if component.stage is not None:
            yield from _stage_of(component.stage, product, f"{at}/stage")
        for number, other in enumerate(component.substitutes):
            if other.qty_per is not None and other.qty_per <= 0:
                yield Fault(f"{at}/substitutes/{number}/qty_per", "too_small", "must be more than 0")
        if component.substitutes and places.count(places[index]) > 1:
            yield Fault(at, "duplicate", "an item with substitutes may stand only once at a stage")
        items = [component.item, *(other.item for other in component.substitutes)]
        if len(set(items)) < len(items):
            yield Fault(f"{at}/substitutes", "duplicate", "must name items once, and none that is the component itself")


def _stage_of(seq: int, product: Product, pointer: str) -> Iterator[Fault]:
    if all(stage.seq != seq for stage in product.stages):
        yield Fault(pointer, "unknown", f"product {product.code} has no stage {seq}")


def _orders(problem: Problem) -> Iterator[Fault]:
    products = {product.code: product for product in problem.products}
    for index, order in enumerate(problem.orders):
        pointer = f"/orders/{index}"
        yield from _known(order.product, products, f"{pointer}/product", "product")
        yield from _order(order, pointer)
        product = products.get(order.product)
        if product is not None:
            yield from _lot_count(order, product, f"{pointer}/qty")
            yield from _components(order.components or (), f"{pointer}/components", product)
            for number, done in enumerate(order.done):
                yield from _stage_of(done.stage, product, f"{pointer}/done/{number}/stage")


def _lot_count(order: Order, product: Product, pointer: str) -> Iterator[Fault]:
    most = min((stage.max_lot for stage in product.stages if stage.max_lot), default=QTY_MAX)
    if order.qty > most * LOTS_PER_STAGE_MAX:
        detail = f"makes more than {LOTS_PER_STAGE_MAX} lots of at most {most} pieces"
        yield Fault(pointer, "too_many_lots", detail)


def _order(order: Order, pointer: str) -> Iterator[Fault]:
    yield from _least(order.qty, 1, f"{pointer}/qty")
    yield from _least(order.weight, 0, f"{pointer}/weight")
    for index, delivery in enumerate(order.deliveries):
        yield from _least(delivery.qty, 1, f"{pointer}/deliveries/{index}/qty")
    delivered = sum(delivery.qty for delivery in order.deliveries)
    if delivered > order.qty:
        yield Fault(f"{pointer}/deliveries", "too_many", f"add up to {delivered}, more than the order's {order.qty}")
    for index, done in enumerate(order.done):
        yield from _least(done.qty, 0, f"{pointer}/done/{index}/qty")
        if done.good is not None and not 0 <= done.good <= done.qty:
            yield Fault(f"{pointer}/done/{index}/good", "out_of_range", f"must be 0 to {done.qty}, not {done.good}")
    yield from _unique((done.stage for done in order.done), f"{pointer}/done", "/stage")


def _supply(problem: Problem) -> Iterator[Fault]:
    for index, stock in enumerate(problem.stock):
        yield from _least(stock.qty, 0, f"/stock/{index}/qty")
    for index, receipt in enumerate(problem.receipts):
        if receipt.qty <= 0:
            yield Fault(f"/receipts/{index}/qty", "too_small", "must be more than 0")


def _crew(crew: Crew, pointer: str, lines: set[str]) -> Iterator[Fault]:
    for code, people in crew.lines.items():
        yield from _known(code, lines, f"{pointer}/lines/{escape(code)}", "line")
        yield from _least(people, 0, f"{pointer}/lines/{escape(code)}")
    for index, (at, people) in enumerate(crew.size):
        yield from _least(people, 0, f"{pointer}/size/{index}/1")
        if index and at <= crew.size[index - 1][0]:
            yield Fault(f"{pointer}/size/{index}/0", "not_rising", "must be later than the one before")


def _resource(resource: Resource, pointer: str) -> Iterator[Fault]:
    yield from _least(resource.count, 0, f"{pointer}/count")
    yield from _least(resource.change_minutes, 0, f"{pointer}/change_minutes")
    yield from _spans(resource.unavailable, f"{pointer}/unavailable")


def _under_way(problem: Problem) -> Iterator[Fault]:
    orders = {order.code: order for order in problem.orders}
    products = {product.code: product for product in problem.products}
    for index, work in enumerate(problem.under_way):
        pointer = f"/under_way/{index}"
        yield from _least(work.qty, 1, f"{pointer}/qty")
        if not 0 <= work.done_qty <= work.qty:
            yield Fault(f"{pointer}/done_qty", "out_of_range", f"must be 0 to {work.qty}, not {work.done_qty}")
        yield from _known(work.order, orders, f"{pointer}/order", "order")
        product = products.get(orders[work.order].product) if work.order in orders else None
        if product is not None:
            yield from _stage_of(work.stage, product, f"{pointer}/stage")
            yield from _made_on(product, work.stage, work.line, f"{pointer}/line")


def _made_on(product: Product, seq: int, line: str, pointer: str) -> Iterator[Fault]:
    for stage in product.stages:
        if stage.seq == seq and all(at.line != line for at in stage.lines):
            yield Fault(pointer, "cannot", f"line {line} does not make stage {seq} of product {product.code}")


def _previous(problem: Problem) -> Iterator[Fault]:
    """Lots of orders that are gone are forgotten; the others must be readable, pinned ones possible."""
    orders = {order.code: order for order in problem.orders}
    products = {product.code: product for product in problem.products}
    for index, lot in enumerate(problem.previous):
        pointer = f"/previous/{index}"
        yield from _least(lot.qty, 1, f"{pointer}/qty")
        product = products.get(orders[lot.order].product) if lot.order in orders else None
        if lot.pinned and product is not None and lot.line is not None:
            yield from _made_on(product, lot.stage, lot.line, f"{pointer}/line")
