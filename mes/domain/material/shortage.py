"""What will be missing, how much, from when on, and for whom: the need of the plan against stock and receipts.

Need flows: a lot's remaining pieces are begun evenly over the working time it is planned for. `lack` follows need and
supply through time and answers the greatest deficit and the first moment of one. The need of lots is taken at
`wanted_at`, their start in a plan that ignores material, so that a re-plan that waits for material does not make the
shortage vanish that it waits for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal

from mes.domain.calendar import MINUTE_US

OVERDUE_US = 2 * 3600 * 1_000_000
"""A receipt whose time has passed is taken to come this long from now."""

QUANTITY_MOVED_SHARE_MIN = Decimal("0.02")
"""A shortage whose quantity moved by no more than this share of it stays as it was told."""

Opens = Sequence[tuple[int, int]]
"""Working time of a line, in order, µs."""


def is_as_told(told: Decimal, found: Decimal) -> bool:
    """Whether a quantity found later is so near the one that was told that this one goes on being said."""
    return abs(told - found) <= QUANTITY_MOVED_SHARE_MIN * told


def advance(opens: Opens, at: int, us: int) -> int:
    """The instant by which `us` of working time have passed from `at` on; after the known calendar all time counts."""
    left = us
    for start, end in opens:
        passes = end - max(start, at)
        if passes > 0 and left <= passes:
            return max(start, at) + left
        left -= max(0, passes)
    last = opens[-1][1] if opens else at
    return max(last, at) + left


def open_time(opens: Opens, from_us: int, to_us: int) -> int:
    """Working time within from..to."""
    return sum(max(0, min(end, to_us) - max(start, from_us)) for start, end in opens)


@dataclass(frozen=True, slots=True)
class Flow:
    """Pieces of an order that will be begun on a line, evenly over working time from..to."""

    order_id: int
    line: str
    pieces: int
    parts: tuple[tuple[int, int], ...]
    per_piece: Decimal = Decimal(1)
    _total: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_total", sum(end - start for start, end in self.parts))

    @property
    def from_us(self) -> int:
        return self.parts[0][0]

    @property
    def to_us(self) -> int:
        return self.parts[-1][1]

    def begun_by(self, at: int) -> int:
        """Pieces begun by an instant: what is begun has taken its components."""
        if at >= self.to_us:
            return self.pieces
        if at < self.from_us:
            return 0
        passed = sum(max(0, min(end, at) - start) for start, end in self.parts)
        return min(self.pieces, self.pieces * passed // self._total + 1)

    def needed_by(self, at: int) -> Decimal:
        """What was taken by an instant."""
        return self.begun_by(at) * self.per_piece


def flow(order_id: int, line: str, pieces: int, opens: Opens, *, from_us: int, us: int) -> Flow:
    """Pieces begun over `us` of a line's working time from an instant on."""
    end = advance(opens, from_us, max(us, 1))
    parts = tuple((max(a, from_us), min(b, end)) for a, b in opens if a < end and b > from_us)
    if not parts or parts[-1][1] < end:
        parts = (*parts, (max(from_us, parts[-1][1] if parts else from_us), end))
    return Flow(order_id, line, pieces, parts)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Goods announced; `ref` system/number/line_no."""

    ref: str
    quantity: Decimal
    at: int


@dataclass(frozen=True, slots=True)
class Lack:
    """More is needed than is there: the greatest deficit, the first moment of one, on which line, for which orders."""

    quantity: Decimal
    needed_by: int
    line: str
    orders: tuple[tuple[int, Decimal], ...]
    """(order, what it lacks), in the order in which they will need it."""


def lack(on_hand: Decimal, receipts: Iterable[Receipt], flows: Iterable[Flow], now: int) -> Lack | None:
    """What is missing of an item; None when stock and receipts cover every moment."""
    coming = sorted((max(r.at, now + OVERDUE_US) if r.at < now else r.at, r.quantity) for r in receipts)
    need = sorted(flows, key=lambda one: (one.from_us, one.to_us, one.order_id))
    supply = _Supply(on_hand, coming)
    moments = sorted({now, *(one.to_us for one in need), *(at - 1 for at, _ in coming if at > now)})
    worst, first = Decimal(0), None
    before = now
    for moment, needed in zip(moments, _needs(need, moments), strict=True):
        deficit = needed - supply.by(moment)
        if deficit > 0 and first is None:
            first = _first_lack(need, supply, before, moment)
        worst = max(worst, deficit)
        before = moment
    if first is None:
        return None
    lacking = _lacking(need, supply)
    at_first = next((one for one in need if one.from_us <= first < one.to_us), need[0])
    return Lack(worst, first, at_first.line, lacking)


class _Supply:
    def __init__(self, on_hand: Decimal, coming: Sequence[tuple[int, Decimal]]) -> None:
        self._at = [at for at, _ in coming]
        self._sums = [on_hand]
        for _, quantity in coming:
            self._sums.append(self._sums[-1] + quantity)

    def by(self, at: int) -> Decimal:
        return self._sums[bisect_right(self._at, at)]


def _needs(flows: Sequence[Flow], moments: Sequence[int]) -> Iterable[Decimal]:
    """What is needed by each moment; flows that are over are added up once."""
    over, begun, waiting = Decimal(0), [], list(flows)[::-1]
    for moment in moments:
        while waiting and waiting[-1].from_us <= moment:
            begun.append(waiting.pop())
        over += sum((one.needed_by(moment) for one in begun if one.to_us <= moment), Decimal(0))
        begun = [one for one in begun if one.to_us > moment]
        yield over + sum((one.needed_by(moment) for one in begun), Decimal(0))


def _first_lack(flows: Sequence[Flow], supply: _Supply, low: int, high: int) -> int:
    """The first minute within (low, high] by whose end more is needed than is there."""

    def lacks(at: int) -> bool:
        return sum((one.needed_by(at) for one in flows), Decimal(0)) > supply.by(at)

    if lacks(low):
        return low
    while high - low > MINUTE_US:
        middle = (low + high) // 2
        if lacks(middle):
            high = middle
        else:
            low = middle
    return high


def _lacking(flows: Sequence[Flow], supply: _Supply) -> tuple[tuple[int, Decimal], ...]:
    """What each order lacks when those that need it first take what is there."""
    total = Decimal(0)
    lacking: dict[int, Decimal] = {}
    for one in flows:
        need = one.pieces * one.per_piece
        total += need
        short = min(need, total - supply.by(one.to_us))
        if short > 0:
            lacking[one.order_id] = lacking.get(one.order_id, Decimal(0)) + short
    return tuple(lacking.items())


# --- how much of an order is still to be made


@dataclass(frozen=True, slots=True)
class StageCount:
    """What went through a stage so far, over all its lines: pieces that entered, left good, were rejected."""

    entered: int = 0
    good: int = 0
    reject: int = 0

    @property
    def within(self) -> int:
        """Pieces on the line, begun and not finished."""
        return max(0, self.entered - self.good - self.reject)


def still_to_enter(wanted: Decimal, yield_rates: Sequence[Decimal], counts: Sequence[StageCount]) -> list[int]:
    """Pieces that still have to enter each stage so that `wanted` good ones leave the last.

    What has left a stage and not entered the next, and what is on a line, is on its way; the rest has to be begun,
    and as many more as the expected yield loses.
    """
    left = [0] * len(counts)
    target = wanted
    for place in range(len(counts) - 1, -1, -1):
        done = counts[place]
        missing = max(Decimal(0), target - done.good - done.within)
        left[place] = int((missing / yield_rates[place]).to_integral_value(ROUND_CEILING))
        target = Decimal(done.entered + left[place])
    return left


def last_pieces(quantities: Sequence[int], left: int) -> list[int]:
    """Of lots in order, the pieces still to be begun when `left` are: those of the last lots; more goes to the last."""
    remaining = [0] * len(quantities)
    for place in range(len(quantities) - 1, -1, -1):
        remaining[place] = min(quantities[place], left)
        left -= remaining[place]
    if quantities and left > 0:
        remaining[-1] += left
    return remaining
