"""What will be missing, and how much of an order is still to be made."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from mes.domain.material.shortage import (
    OVERDUE_US,
    Receipt,
    StageCount,
    advance,
    flow,
    lack,
    last_pieces,
    open_time,
    still_to_enter,
)

HOUR = 3_600_000_000
DAY = [(8 * HOUR, 12 * HOUR), (13 * HOUR, 20 * HOUR), (32 * HOUR, 36 * HOUR)]


def lot(pieces: int, start: int, hours: int, order: int = 1, per: str = "1"):
    """Pieces begun on L over working hours from an instant."""
    made = flow(order, "L", pieces, DAY, from_us=start * HOUR, us=hours * HOUR)
    return type(made)(made.order_id, made.line, made.pieces, made.parts, Decimal(per))


def test_working_time_passes_over_breaks_and_nights() -> None:
    """Six working hours from 10:00 end at 17:00; two from 19:00 end at 09:00 next day."""
    assert advance(DAY, 10 * HOUR, 6 * HOUR) == 17 * HOUR
    assert advance(DAY, 19 * HOUR, 2 * HOUR) == 33 * HOUR
    assert open_time(DAY, 10 * HOUR, 33 * HOUR) == 10 * HOUR
    assert advance(DAY, 35 * HOUR, 3 * HOUR) == 38 * HOUR


def test_what_is_short_and_when() -> None:
    """500 pieces over ten hours, 320 there: 180 short, from the piece begun at 15:24 on."""
    found = lack(Decimal(320), [], [lot(500, 8, 10)], 8 * HOUR)
    assert found is not None
    assert (found.quantity, found.line, found.orders) == (Decimal(180), "L", ((1, Decimal(180)),))
    assert abs(found.needed_by - (8 * HOUR + HOUR + 320 * HOUR // 50)) < HOUR // 30


def test_a_receipt_in_time_covers_and_a_late_one_does_not() -> None:
    """200 more at 14:00 cover all; at 17:00 they come after 130 are missing."""
    need = [lot(500, 8, 10)]
    assert lack(Decimal(320), [Receipt("r", Decimal(200), 14 * HOUR)], need, 8 * HOUR) is None
    late = lack(Decimal(320), [Receipt("r", Decimal(200), 17 * HOUR)], need, 8 * HOUR)
    assert late is not None
    assert late.quantity == Decimal(80)


def test_an_overdue_receipt_is_taken_to_come_a_while_from_now() -> None:
    """What should have come by now does not help the next two hours."""
    overdue = Receipt("r", Decimal(1000), 7 * HOUR)
    assert OVERDUE_US == 2 * HOUR
    assert lack(Decimal(120), [overdue], [lot(500, 8, 10)], 8 * HOUR) is None
    assert lack(Decimal(50), [overdue], [lot(500, 8, 10)], 8 * HOUR) is not None


def test_who_needs_it_first_takes_what_is_there() -> None:
    """Of two orders the later one goes short."""
    found = lack(Decimal(150), [], [lot(100, 13, 2, order=2), lot(100, 8, 2, order=1)], 8 * HOUR)
    assert found is not None
    assert found.orders == ((2, Decimal(50)),)


def test_quantities_per_piece_stay_exact() -> None:
    """0.85 kg a piece for 100 pieces from 80 kg: 5 kg short, not 5.000000001."""
    found = lack(Decimal(80), [], [lot(100, 8, 4, per="0.85")], 8 * HOUR)
    assert found is not None
    assert found.quantity == Decimal("5.00")


@given(
    on_hand=st.integers(0, 300),
    receipts=st.lists(st.tuples(st.integers(1, 100), st.integers(9, 40)), max_size=3),
    lots=st.lists(st.tuples(st.integers(1, 60), st.integers(8, 18), st.integers(1, 6)), min_size=1, max_size=5),
)
def test_the_deficit_is_what_a_minute_by_minute_walk_finds(on_hand, receipts, lots) -> None:
    """Looking at every minute, need less supply is never more than the lack, and reaches it to a piece a lot."""
    flows = [lot(pieces, start, hours, order=n) for n, (pieces, start, hours) in enumerate(lots)]
    coming = [Receipt(str(n), Decimal(quantity), at * HOUR) for n, (quantity, at) in enumerate(receipts)]
    found = lack(Decimal(on_hand), coming, flows, 8 * HOUR)
    worst = max(
        sum(one.begun_by(at) for one in flows) - on_hand - sum(r.quantity for r in coming if r.at <= at)
        for at in range(8 * HOUR, 45 * HOUR, HOUR // 60)
    )
    short = found.quantity if found else 0
    assert worst <= short <= max(0, worst + len(flows))


def test_what_is_on_its_way_need_not_be_begun_again() -> None:
    """100 wanted; 40 good, 3 on the line: 57 left at yield 1, 72 at yield 0.8 of the first stage before it."""
    assert still_to_enter(Decimal(100), [Decimal(1)], [StageCount(entered=45, good=40, reject=2)]) == [57]
    left = still_to_enter(
        Decimal(100), [Decimal("0.8"), Decimal(1)], [StageCount(entered=0), StageCount(entered=45, good=40, reject=2)]
    )
    assert left == [128, 57]
    done = still_to_enter(Decimal(100), [Decimal(1)], [StageCount(entered=120, good=110, reject=10)])
    assert done == [0]


def test_what_is_left_are_the_last_lots() -> None:
    """Of lots of 30, 30, 40 the last 55 are left; more than all goes to the last."""
    assert last_pieces([30, 30, 40], 55) == [0, 15, 40]
    assert last_pieces([30, 30, 40], 110) == [30, 30, 50]
    assert last_pieces([], 5) == []
