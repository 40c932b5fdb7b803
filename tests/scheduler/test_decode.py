"""Sequences into times, whole and change by change."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.decode import Board
from scheduler.moves import Moves
from scheduler.problem import Problem, Setup
from scheduler.shared import SharedBoard, board_for
from scheduler.shop import FAR, Shop, compile_shop
from scheduler.starts import DISPATCH_RULES, dispatched
from scheduler.state import Desk, State
from scheduler.supply import supply_of
from tests.scheduler.problems import any_problem, line, order, problem, product, stage


def board(asked: Problem, *sequences: list[int]) -> Board:
    """A board with these sequences on it."""
    made = board_for(compile_shop(asked))
    made.load(list(sequences))
    return made


def times(made: Board) -> list[tuple[int, int]]:
    """Start and end minute by lot."""
    return [(made.start(lot), end) for lot, end in enumerate(made.end)]


def test_a_lot_stretches_over_a_closed_time() -> None:
    """Work stops when the line closes and goes on where it stood when it opens."""
    asked = problem([line("L1", (0, 1), (3, 5))], [product()], [order("MO1", 100, 9)])
    assert times(board(asked, [0])) == [(0, 220)]


def test_a_lot_that_may_not_be_interrupted_waits_for_room() -> None:
    """An uninterrupted lot starts in the first open time that holds it whole."""
    whole = product("P", stage(10, uninterrupted=True))
    asked = problem([line("L1", (0, 1), (3, 5))], [whole], [order("MO1", 100, 9)])
    assert times(board(asked, [0])) == [(180, 280)]


def test_a_lot_that_fits_no_open_time_is_left_out() -> None:
    """Where no break-free time is long enough the lot has no line; others go on."""
    whole = product("P", stage(10, uninterrupted=True, min_lot=100, max_lot=100))
    asked = problem([line("L1", (0, 1), (3, 4))], [whole, product("Q")], [order("A", 100, 9), order("B", 9, 9, "Q")])
    shop = compile_shop(asked)
    assert shop.lines_of[0] == ()
    assert Board(shop).load([[1]]) == 1_000_000 * 100


def test_changeovers_stand_between_families() -> None:
    """A changeover takes open minutes before the lot; the line's own entry wins over the general one."""
    products = [product("P", family="F0"), product("Q", family="F1")]
    setups = (Setup(None, "F0", "F1", 30), Setup("L1", "F0", "F1", 20), Setup(None, "F9", "F0", 7))
    asked = problem(
        [line("L1", (0, 1), (3, 5), family_now="F9")],
        products,
        [order("A", 43, 9), order("B", 10, 9, "Q")],
        setups=setups,
    )
    made = board(asked, [0, 1])
    assert times(made) == [(7, 50), (190, 200)]
    assert made.setup == [7, 20]


def test_pieces_move_on_when_their_lot_is_done_and_transferred() -> None:
    """The next stage waits for the end of the lots it takes pieces from, and for their transfer."""
    two = product("P", stage(10, lines="L1", max_lot=30, transfer_minutes=15), stage(20, lines="L2", max_lot=30))
    asked = problem([line("L1"), line("L2")], [two], [order("A", 60, 9)])
    assert times(board(asked, [0, 1], [2, 3])) == [(0, 30), (30, 60), (45, 75), (75, 105)]


def test_what_does_not_fit_before_the_horizon_is_left_out_and_costs() -> None:
    """A lot beyond the last open minute ends nowhere; the next, shorter one may still fit."""
    asked = problem([line("L1", (0, 1))], [product()], [order("A", 50, 9), order("B", 20, 9), order("C", 10, 9)])
    made = board(asked, [0, 1, 2])
    assert [end == FAR for end in made.end] == [False, True, False]
    assert made.costs.total == 20 * 1_000_000


def test_lots_that_wait_for_each_other_are_found() -> None:
    """A change that makes lots wait in a circle has no cost and can be undone."""
    two = product("P", stage(10, lines="L1"), stage(20, lines="L1"))
    made = board(problem([line("L1")], [two], [order("A", 10, 9)]), [0, 1])
    before = times(made)
    assert made.attempt([(0, [1, 0], 0, 2)]) is None
    made.undo()
    assert times(made) == before


def start_of(shop: Shop) -> State:
    """A first state by the first rule."""
    _, sequences = next(dispatched(shop, shop.release, DISPATCH_RULES))
    return State(sequences)


@settings(deadline=None, max_examples=30)
@given(st.randoms(use_true_random=False), st.integers(0, 1_000))
def test_changing_step_by_step_is_timing_afresh(random: Random, seed: int) -> None:
    """After any accepted or refused changes, times and cost are those of the same sequences timed from nothing."""
    shop = compile_shop(any_problem(random))
    desk, fresh, chance = Desk(shop, supply_of(shop)), Desk(shop, supply_of(shop)), Random(seed)
    desk.load(start_of(shop))
    moves = Moves(desk.board, chance)
    for _ in range(40):
        _one_change(desk, moves, chance)
        assert fresh.load(as_it_is(desk)) == desk.board.costs.total
        assert fresh.board.end == desk.board.end
        assert fresh.board.setup == desk.board.setup


def as_it_is(desk: Desk) -> State:
    """What is on a desk; where lines share something, lots that are left out hold others up where they stand."""
    return State(desk.board.sequences, desk.draws) if isinstance(desk.board, SharedBoard) else desk.state()


def _one_change(desk: Desk, moves: Moves, chance: Random) -> None:
    draws = desk.propose_draws(chance.random) if chance.random() < 0.2 else None
    changes = moves.propose() if moves.lots and draws is None else None
    cost = desk.attempt_draws(draws) if draws else desk.attempt(changes) if changes else None
    if cost is None or chance.random() < 0.4:
        desk.undo()
    else:
        desk.keep()
