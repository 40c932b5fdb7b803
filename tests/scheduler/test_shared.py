"""Lines that share people and moulds."""

from __future__ import annotations

from scheduler.decode import Board
from scheduler.problem import Crew, Problem, Resource
from scheduler.shared import SharedBoard, board_for
from scheduler.shop import FAR, compile_shop
from tests.scheduler.problems import at, line, order, problem, product, stage
from tests.scheduler.test_decode import board, times

PRODUCTS = [product("P", stage(10, lines="L1")), product("Q", stage(10, lines="L2"))]
ORDERS = [order("A", 60, 9), order("B", 60, 9, "Q")]


def asked(**more: object) -> Problem:
    """Two lines, an hour of work on each."""
    return problem([line("L1"), line("L2")], PRODUCTS, ORDERS, **more)


def test_lines_that_share_nothing_take_the_fast_board() -> None:
    """A crew large enough for all its lines at once holds nobody up."""
    crew = Crew("K", {"L1": 2, "L2": 3}, ((at(0), 5),))
    assert type(board_for(compile_shop(asked(crews=(crew,))))) is Board
    small = Crew("K", {"L1": 2, "L2": 3}, ((at(0), 4),))
    assert type(board_for(compile_shop(asked(crews=(small,))))) is SharedBoard


def test_a_mould_of_one_line_holds_nobody_up() -> None:
    """The slow board is for moulds that more lines use than there are, or that are away for a while."""
    products = [product("P", stage(10, lines="L1", resources=("M",))), product("Q", stage(10, lines="L2"))]

    def kind(**more: object) -> type[Board]:
        return type(
            board_for(
                compile_shop(
                    problem([line("L1"), line("L2")], products, ORDERS, resources=(Resource("M", **more),))  # type: ignore[arg-type]
                )
            )
        )

    assert kind(change_minutes=20) is Board
    assert kind(unavailable=((at(1), at(2)),)) is SharedBoard
    assert type(board_for(compile_shop(mould()))) is SharedBoard
    assert type(board_for(compile_shop(mould(count=2)))) is Board


def test_a_mould_is_changed_in_on_the_fast_board_too() -> None:
    """Between two lots with another mould its change minutes are a changeover."""
    products = [
        product("P", stage(10, lines="L1", resources=("M",))),
        product("Q", stage(10, lines="L1", resources=("N",))),
    ]
    moulds = (Resource("M", 1, 20), Resource("N", 1, 30))
    made = board(problem([line("L1")], products, ORDERS, resources=moulds), [0, 1])
    assert type(made) is Board
    assert times(made) == [(0, 60), (90, 150)]


def test_a_crew_runs_one_line_after_the_other() -> None:
    """Where people do not suffice for both lines, the second waits for the first."""
    crew = Crew("K", {"L1": 3, "L2": 3}, ((at(0), 4),))
    assert times(board(asked(crews=(crew,)), [0], [1])) == [(0, 60), (60, 120)]


def test_a_lot_waits_for_the_shift_that_has_people() -> None:
    """A lot that would run into hours without people starts when they are back."""
    crew = Crew("K", {"L1": 3, "L2": 1}, ((at(0), 4), (at(0.5), 1), (at(8), 4)))
    assert times(board(asked(crews=(crew,)), [0], [1])) == [(480, 540), (0, 60)]


def test_people_are_free_while_their_line_is_closed() -> None:
    """A crew works elsewhere during the break of a line."""
    crew = Crew("K", {"L1": 3, "L2": 3}, ((at(0), 3),))
    lines = [line("L1", (0, 0.5), (2, 9)), line("L2", (0.5, 1.5), (5, 9))]
    shared = problem(lines, PRODUCTS, ORDERS, crews=(crew,))
    assert times(board(shared, [0], [1])) == [(0, 150), (30, 90)]


def mould(**more: object) -> Problem:
    """Two lines whose products need the one mould M."""
    products = [
        product("P", stage(10, lines="L1", resources=("M",))),
        product("Q", stage(10, lines="L2", resources=("M",))),
    ]
    return problem([line("L1"), line("L2")], products, ORDERS, resources=(Resource("M", **more),))  # type: ignore[arg-type]


def test_one_mould_is_on_one_line() -> None:
    """The second line changes the mould in when the first is done with it."""
    made = board(mould(change_minutes=20), [0], [1])
    assert times(made) == [(0, 60), (80, 140)]
    assert times(board(mould(count=2), [0], [1])) == [(0, 60), (0, 60)]


def test_nothing_runs_on_a_mould_that_is_away() -> None:
    """A lot waits until its mould is back."""
    assert times(board(mould(count=2, unavailable=((at(0.5), at(3)),)), [0], [1])) == [(180, 240), (180, 240)]


def test_a_mould_taken_by_another_line_is_changed_in_again() -> None:
    """A line whose next lot waits gives its mould away and pays the change when it comes back."""
    products = [
        product("P", stage(10, lines="L1", resources=("M",))),
        product("Q", stage(10, lines="L2", resources=("M",))),
    ]
    orders = [order("A", 60, 9), order("B", 60, 9, "Q"), order("C", 60, 9, earliest_start_at=at(4))]
    shared = problem([line("L1"), line("L2")], products, orders, resources=(Resource("M", 1, 20),))
    made = board(shared, [0, 2], [1])
    assert times(made) == [(0, 60), (80, 140), (240, 300)]
    assert made.setup == [0, 0, 20]


def test_what_never_finds_people_is_left_out() -> None:
    """A lot that no time before the horizon can staff ends nowhere and stops nobody."""
    crew = Crew("K", {"L1": 3}, ((at(0), 2),))
    made = board(asked(crews=(crew,)), [0], [1])
    assert made.end == [FAR, 60]
