"""Where the search begins: dispatch rules, family campaigns, the previous plan.

A dispatch rule builds a plan lot by lot: the line that could start earliest picks the most urgent of its candidates,
and that lot goes to the line that would finish it first. Campaign starts first dedicate families to few lines, so that
changeovers stay few however urgent the lots are. What is best differs from plant to plant by an order of magnitude;
that is why there are many.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from scheduler.decode import Sequences
from scheduler.shop import FAR, Shop

CANDIDATES_MAX = 80  # looked at for one decision, by due date
LOOK_AHEAD_MINUTES = 30  # a lot released this soon may be picked already


@dataclass(frozen=True, slots=True)
class Rule:
    """How urgent a candidate is: `edd` by due date, `day` by due day then changeover, `atcs` by the formula of
    Lee, Bhaskaran and Pinedo (1997): w/p exp(-slack / k1 p̄) exp(-setup / k2 s̄).

    `share` and `width` make it a campaign: families keep to the lines they are dedicated to (None: any line).
    """

    name: str
    k1: float = 0.0
    k2: float = 0.0
    share: float | None = None
    width: int = 1

    def __str__(self) -> str:
        campaign = "" if self.share is None else f" campaign {self.share:g} {self.width}"
        return f"{self.name} {self.k1:g} {self.k2:g}{campaign}" if self.name == "atcs" else f"{self.name}{campaign}"


DISPATCH_RULES = (
    Rule("atcs", 4, 0.5),
    Rule("edd"),
    Rule("day"),
    *(Rule("atcs", k1, k2) for k1 in (1, 2, 4, 8) for k2 in (0.2, 0.5, 1.5) if (k1, k2) != (4, 0.5)),
)
CAMPAIGN_RULES = tuple(
    Rule("atcs", k1, k2, share, width)
    for share in (1.0, 0.5, 2.0)
    for width in (1, 2, 3)
    for k1, k2 in ((8, 0.2), (4, 0.5), (2, 0.2), (8, 1.5))
)


class Urgency:
    """What the rules share: due minutes of lots, mean times, where families go."""

    def __init__(self, shop: Shop, release: Sequence[int]) -> None:
        self.shop = shop
        self.release = release
        self.placeable = [lot for lot in range(len(shop.lots)) if shop.lines_of[lot]]
        self.due = self._dues()

    def shortest(self, lot: int) -> int:
        """Working minutes on the lot's fastest line."""
        return min(self.shop.minutes[line][lot] for line in self.shop.lines_of[lot])

    def _dues(self) -> list[int]:
        """Due minute of each lot: its delivery's, less the work that still follows."""
        shop, due = self.shop, [0] * len(self.shop.lots)
        for order, stages in enumerate(shop.stage_lots):
            for number, lots in enumerate(stages):
                done = shop.flows[order][number].entered
                for lot in lots:
                    done += shop.lots[lot].qty
                    due[lot] = next((d.at for d in shop.dues[order] if d.qty >= done), shop.dues[order][-1].at)
        tail = [0] * len(due)
        for lot in reversed(self.placeable):
            follow = [tail[s] + self.shortest(s) + shop.lag[s] for s in shop.succs[lot] if shop.lines_of[s]]
            tail[lot] = max(follow, default=0)
        return [shop.lots[k].at if shop.lots[k].hold == "pinned" else due[k] - tail[k] for k in range(len(due))]

    @cached_property
    def mean_minutes(self) -> float:
        """Mean working minutes of a lot."""
        return max(1.0, sum(map(self.shortest, self.placeable)) / max(1, len(self.placeable)))

    @cached_property
    def mean_setups(self) -> list[float]:
        """Mean changeover minutes by line, between different classes."""
        made: dict[int, float] = {}
        for rows in self.shop.setup:
            pairs = max(1, len(rows) * (len(rows) - 1))
            made.setdefault(id(rows), max(1.0, sum(map(sum, rows)) / pairs))
        return [made[id(rows)] for rows in self.shop.setup]

    def dedicated(self, share: float, width: int) -> list[tuple[int, ...]]:
        """Lines each lot may use when its family keeps to `width` lines or the fewest that cover it.

        Families choose in the order of their work; `share` says how much a full line counts against covering more.
        """
        load = [0.0] * len(self.shop.axes)
        allowed = list(self.shop.lines_of)
        for members in self._families():
            chosen = self._choose(members, load, share, width)
            for lot in members:
                kept = tuple(line for line in self.shop.lines_of[lot] if line in chosen)
                allowed[lot] = kept or self.shop.lines_of[lot]
        return allowed

    def _families(self) -> list[list[int]]:
        """Lots by stage and family, those with the most work first."""
        groups: dict[tuple[int, int], list[int]] = {}
        for lot in self.placeable:
            groups.setdefault((self.shop.lots[lot].stage, self.shop.family[lot]), []).append(lot)
        return sorted(groups.values(), key=lambda lots: -sum(map(self.shortest, lots)))

    def _choose(self, members: list[int], load: list[float], share: float, width: int) -> set[int]:
        shop, chosen, left = self.shop, set[int](), members
        while left:
            cover: dict[int, int] = {}
            for lot in left:
                for line in shop.lines_of[lot]:
                    if line not in chosen:
                        cover[line] = cover.get(line, 0) + shop.minutes[line][lot]
            if not cover:
                break
            line = max(cover, key=lambda line: (self._worth(line, cover[line], load[line], share), -line))
            chosen.add(line)
            load[line] += cover[line]
            uncovered = [lot for lot in left if chosen.isdisjoint(shop.lines_of[lot])]
            left = uncovered if uncovered or len(chosen) >= width else left
            if not uncovered and len(chosen) >= width:
                break
        return chosen

    def _worth(self, line: int, cover: int, load: float, share: float) -> float:
        room = max(1, self.shop.axes[line].total) / 2
        return cover * (1 - share * max(0.0, (load + cover) / room - 1)) - 0.3 * share * cover * load / room


class Dispatch:
    """One run of one rule."""

    def __init__(self, urgency: Urgency, rule: Rule) -> None:
        shop = urgency.shop
        self.shop, self.urgency, self.rule = shop, urgency, rule
        self.allowed = shop.lines_of if rule.share is None else urgency.dedicated(rule.share, rule.width)
        self.ready = list(urgency.release)
        self.free = [0] * len(shop.axes)  # axis minute each line is free
        self.row = list(shop.first_setup)  # changeovers from what each line has set up
        self.sequences: Sequences = [[] for _ in shop.axes]
        self.waiting: list[list[tuple[int, int]]] = [[] for _ in shop.axes]  # by line: (due, lot), by due
        self.pending = [sum(bool(shop.lines_of[j]) for j in needed) for needed in shop.preds]
        self.earliest: list[int] = [FAR] * len(shop.axes)
        self.parked: list[int] = []
        self.stale: set[int] = set(range(len(shop.axes)))

    def run(self) -> Sequences:
        """The sequences the rule builds; lots that can never start stand last."""
        for lot in self.urgency.placeable:
            if not self.pending[lot] and self._is_free(lot):
                self._offer(lot)
        for line, held in enumerate(self.shop.prefix):
            for lot in held:
                self._place(lot, line)
        while True:
            self._refresh()
            line = min(range(len(self.earliest)), key=self.earliest.__getitem__, default=-1)
            if line < 0 or self.earliest[line] == FAR:
                break
            lot = self._most_urgent(line)
            self._withdraw(lot)
            self._place(lot, self._soonest_line(lot))
        return self._with_parked()

    def _offer(self, lot: int) -> None:
        if self.ready[lot] >= self.shop.horizon:
            self.parked.append(lot)
            return
        for line in self.allowed[lot]:
            insort(self.waiting[line], (self.urgency.due[lot], lot))
            self.stale.add(line)

    def _withdraw(self, lot: int) -> None:
        for line in self.allowed[lot]:
            self.waiting[line].remove((self.urgency.due[lot], lot))
            self.stale.add(line)

    def _refresh(self) -> None:
        """The plant minute at which each line whose state changed could start something."""
        for line in self.stale:
            self.earliest[line] = self._earliest(line)
        self.stale.clear()

    def _earliest(self, line: int) -> int:
        waiting, axis, ready = self.waiting[line], self.shop.axes[line], self.ready
        if not waiting or self.free[line] >= axis.total:
            return FAR
        now = axis.starts[self.free[line]]
        soonest = FAR
        for _, lot in waiting:
            if ready[lot] <= now:
                return now
            soonest = min(soonest, ready[lot])
        return soonest

    def _most_urgent(self, line: int) -> int:
        at = self.earliest[line] + LOOK_AHEAD_MINUTES
        looked, best, chosen = 0, None, -1
        for due, lot in self.waiting[line]:
            if self.ready[lot] > at:
                continue
            looked += 1
            if looked > CANDIDATES_MAX:
                break
            score = self._score(line, lot, due, at - LOOK_AHEAD_MINUTES)
            if best is None or score > best:
                best, chosen = score, lot
        return chosen

    def _score(self, line: int, lot: int, due: int, at: int) -> tuple[float, ...]:
        shop, rule = self.shop, self.rule
        change = self.row[line][shop.setup_class[lot]]
        if rule.name == "edd":
            return (-due,)
        if rule.name == "day":
            return (-(due // 1440), -change, -due)
        work = shop.minutes[line][lot]
        weight = max(1e-6, shop.problem.orders[shop.lots[lot].order].weight)
        slack = max(0, due - work - at) / (rule.k1 * self.urgency.mean_minutes)
        return (math.log(weight / work) - slack - change / (rule.k2 * self.urgency.mean_setups[line]),)

    def _soonest_line(self, lot: int) -> int:
        """The line that would finish the lot first; half its changeover counts against it."""
        return min(self.allowed[lot], key=lambda line: (self._finish(lot, line), line))

    def _finish(self, lot: int, line: int) -> float:
        ends = self._begin(lot, line) + self.shop.minutes[line][lot]
        axis = self.shop.axes[line]
        if ends > axis.total:
            return FAR + ends
        return axis.end(ends) + 0.5 * self.row[line][self.shop.setup_class[lot]]

    def _begin(self, lot: int, line: int) -> int:
        after = self.free[line] + self.row[line][self.shop.setup_class[lot]]
        return max(after, self.shop.axes[line].before[min(self.ready[lot], self.shop.horizon)])

    def _place(self, lot: int, line: int) -> None:
        shop = self.shop
        ends = self._begin(lot, line) + shop.minutes[line][lot]
        self.sequences[line].append(lot)
        self.stale.add(line)
        over = FAR
        if ends <= shop.axes[line].total:
            self.free[line], self.row[line] = ends, shop.setup[line][shop.setup_class[lot]]
            over = shop.axes[line].end(ends)
        for other in shop.succs[lot]:
            self.ready[other] = max(self.ready[other], over + shop.lag[other])
            self.pending[other] -= 1
            if not self.pending[other] and shop.lines_of[other] and self._is_free(other):
                self._offer(other)

    def _is_free(self, lot: int) -> bool:
        return self.shop.lots[lot].hold not in {"under_way", "frozen"}

    def _with_parked(self) -> Sequences:
        """Lots that never became ready, and those no line has time for, at the end of a line that may make them."""
        placed = {lot for sequence in self.sequences for lot in sequence}
        for lot in self.urgency.placeable:
            if lot not in placed:
                self.sequences[self.shop.lines_of[lot][0]].append(lot)
        return self.sequences


def dispatched(shop: Shop, release: Sequence[int], rules: Sequence[Rule]) -> Iterator[tuple[Rule, Sequences]]:
    """The sequences of each rule, one after the other."""
    urgency = Urgency(shop, release)
    for rule in rules:
        yield rule, Dispatch(urgency, rule).run()
