"""Who gets which component, and when."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.problem import Component, Problem, Receipt, Stock, Substitute
from scheduler.shop import FAR, compile_shop
from scheduler.state import Desk, State
from scheduler.supply import Supply, supply_of
from tests.scheduler.problems import at, line, order, problem, product, stage

D = Decimal


def asked(*bom: Component, stock: dict[str, str], receipts: tuple[Receipt, ...] = (), orders: int = 2) -> Problem:
    """Orders of ten pieces each, one lot each."""
    return problem(
        [line("L1")],
        [product("P", stage(10, min_lot=10), bom=bom)],
        [order(f"MO{k}", 10, 24) for k in range(orders)],
        stock=tuple(Stock(item, D(qty)) for item, qty in stock.items()),
        receipts=receipts,
    )


def ready(problem: Problem, *draws: int) -> list[int]:
    """The minutes lots have their components when they draw in this order."""
    found, _ = supply_of(compile_shop(problem)).ready(draws)
    return [found[lot] for lot in sorted(found)]


def test_ample_components_hold_nothing_up() -> None:
    """A component whose stock covers all orders is not tracked at all."""
    assert supply_of(compile_shop(asked(Component("C", D(2)), stock={"C": "40"}))).needs == {}


def test_who_draws_first_has_the_stock() -> None:
    """The second waits for the receipt that covers it, whichever is second."""
    short = asked(Component("C", D(2)), stock={"C": "25"}, receipts=(Receipt("C", D(100), at(5)),))
    assert ready(short, 0, 1) == [0, 300]
    assert ready(short, 1, 0) == [300, 0]


def test_what_never_comes_is_never_ready_and_takes_nothing() -> None:
    """A lot that cannot be covered leaves the stock to others."""
    three = asked(Component("C", D(1)), stock={"C": "10"}, orders=2)
    assert ready(three, 0, 1) == [0, FAR]


def test_fractions_of_a_unit_are_exact() -> None:
    """Ten pieces of 0.1 are one unit."""
    assert ready(asked(Component("C", D("0.1")), stock={"C": "1"}), 0, 1) == [0, FAR]


def test_substitutes_step_in_when_the_component_is_gone() -> None:
    """The primary component goes as far as it lasts, then the substitute at its own rate."""
    other = Component("C", D(1), None, (Substitute("S", D(2)),))
    short = asked(other, stock={"C": "13", "S": "14"})
    supply = supply_of(compile_shop(short))
    found, draws = supply.ready((0, 1))
    assert found == {0: 0, 1: 0}
    taken = [(draw.lot, supply.items[draw.item], draw.units) for draw in draws]
    assert taken == [(0, "C", 10), (1, "C", 3), (1, "S", 14)]


def test_early_stock_is_left_for_others() -> None:
    """A lot that waits for one component takes what comes meanwhile of another, not the stock."""
    bom = (Component("C", D(1)), Component("B", D(1)))
    receipts = (Receipt("C", D(20), at(5)), Receipt("B", D(10), at(4)))
    short = asked(*bom, stock={"C": "0", "B": "10"}, receipts=receipts)
    supply = supply_of(compile_shop(short))
    _, draws = supply.ready((0, 1))
    assert [supply.arrivals[d.item][d.arrival][0] for d in draws if supply.items[d.item] == "B"] == [240, 0]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=4), st.permutations(range(4)), st.integers(0, 30))
def test_drawing_as_lots_start_delays_none(arrivals: list[int], draws: list[int], stock: int) -> None:
    """When lots draw in the order they start, each still has its components by its start."""
    receipts = tuple(Receipt("C", D(qty + 1), at(k + 1)) for k, qty in enumerate(arrivals))
    shop = compile_shop(asked(Component("C", D(1)), stock={"C": str(stock)}, receipts=receipts, orders=4))
    supply: Supply = supply_of(shop)
    if not supply.needs:
        return
    desk = Desk(shop, supply)
    cost = desk.load(State([list(draws)], list(draws)))
    desk.settle_draws()
    assert desk.board.costs.total <= cost
