"""KPIs of ISO 22400-2 from the time ledger's elements: ratios of sums, never averages of ratios, never clipped.

    ratios(elements)["oee"]         its value, or why it has none
    why("oee", elements)            formula, inputs, and the KPIs it is made of

A ratio whose denominator is nothing is undefined and says why. Elements are sums over any machines, shifts or orders;
add them with `+` and take the ratio afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields

HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Elements:
    """Microseconds and pieces of a scope. `ideal_us`: the pieces' own time at their standard pace (PRI x PQ).

    `order_us`: time with an order on the machine (AOET). `failures`: faults that began. `unpaced`: pieces without a
    standard pace, which `ideal_us` cannot hold.
    """

    calendar_us: int = 0
    planned_stop_us: int = 0
    apt_us: int = 0
    aust_us: int = 0
    adet_us: int = 0
    adot_us: int = 0
    no_data_us: int = 0
    ideal_us: int = 0
    good: int = 0
    reject: int = 0
    rework: int = 0
    scrap: int = 0
    order_us: int = 0
    failures: int = 0
    failure_us: int = 0
    unpaced: int = 0

    def __add__(self, other: Elements) -> Elements:
        return Elements(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Elements)))

    @property
    def pbt_us(self) -> int:
        """负荷时间: the time planned to be worked."""
        return self.calendar_us - self.planned_stop_us

    @property
    def aubt_us(self) -> int:
        """占用时间: the time the machine was in use."""
        return self.apt_us + self.aust_us + self.adet_us

    @property
    def made(self) -> int:
        """产出 (PQ)."""
        return self.good + self.reject


def total(elements: Iterable[Elements]) -> Elements:
    """Elements added up."""
    return sum(elements, Elements())


@dataclass(frozen=True, slots=True)
class Ratio:
    """A KPI: its value, or why it has none."""

    value: float | None
    undefined: str = ""


NO_PLANNED_TIME = "no planned time"
NOT_RUN = "did not run"
NOTHING_MADE = "nothing was made"
NOT_USED = "was not in use"
NO_ORDER = "no order ran"
NO_FAILURE = "no failure"
NO_PACE = "pieces without a standard pace"

Figure = Callable[[Elements], float]

SYMBOLS: Mapping[str, tuple[Figure, str]] = {
    "calendar": (lambda e: e.calendar_us / MINUTE_US, "min"),
    "PBT": (lambda e: e.pbt_us / MINUTE_US, "min"),
    "APT": (lambda e: e.apt_us / MINUTE_US, "min"),
    "AUST": (lambda e: e.aust_us / MINUTE_US, "min"),
    "ADET": (lambda e: e.adet_us / MINUTE_US, "min"),
    "ADOT": (lambda e: e.adot_us / MINUTE_US, "min"),
    "AUBT": (lambda e: e.aubt_us / MINUTE_US, "min"),
    "AOET": (lambda e: e.order_us / MINUTE_US, "min"),
    "PRI x PQ": (lambda e: e.ideal_us / MINUTE_US, "min"),
    "PQ": (lambda e: e.made, "pcs"),
    "GQ": (lambda e: e.good, "pcs"),
    "SQ": (lambda e: e.scrap, "pcs"),
    "RQ": (lambda e: e.rework, "pcs"),
    "failures": (lambda e: e.failures, ""),
    "failure ADOT": (lambda e: e.failure_us / MINUTE_US, "min"),
}
"""What formulas are made of, in the units people read: name -> (figure, unit)."""


@dataclass(frozen=True, slots=True)
class Quotient:
    """A KPI as one figure by another; `nothing` is what it means when there is nothing below the line."""

    formula: str
    inputs: tuple[str, ...]
    above: Figure
    below: Figure
    nothing: str
    unit: str = "1"


@dataclass(frozen=True, slots=True)
class Product:
    """A KPI as the product of others."""

    formula: str
    factors: tuple[str, ...]
    unit: str = "1"


KPIS: Mapping[str, Quotient | Product] = {
    "availability": Quotient(
        "APT / PBT", ("APT", "PBT"), lambda e: e.apt_us, lambda e: e.pbt_us, NO_PLANNED_TIME
    ),
    "effectiveness": Quotient(
        "PRI x PQ / APT", ("PRI x PQ", "APT"), lambda e: e.ideal_us, lambda e: e.apt_us, NOT_RUN
    ),
    "quality_ratio": Quotient("GQ / PQ", ("GQ", "PQ"), lambda e: e.good, lambda e: e.made, NOTHING_MADE),
    "oee": Product("availability x effectiveness x quality_ratio", ("availability", "effectiveness", "quality_ratio")),
    "working_share": Quotient(
        "(APT + AUST) / PBT", ("APT", "AUST", "PBT"),
        lambda e: e.apt_us + e.aust_us, lambda e: e.pbt_us, NO_PLANNED_TIME,
    ),
    "nee": Product(
        "(APT + AUST) / PBT x effectiveness x quality_ratio", ("working_share", "effectiveness", "quality_ratio")
    ),
    "utilization": Quotient("APT / AUBT", ("APT", "AUBT"), lambda e: e.apt_us, lambda e: e.aubt_us, NOT_USED),
    "technical_efficiency": Quotient(
        "APT / (APT + ADET)", ("APT", "ADET"), lambda e: e.apt_us, lambda e: e.apt_us + e.adet_us, NOT_RUN
    ),
    "setup_ratio": Quotient(
        "AUST / (APT + AUST)", ("AUST", "APT"), lambda e: e.aust_us, lambda e: e.apt_us + e.aust_us, NOT_RUN
    ),
    "throughput": Quotient(
        "PQ / AOET", ("PQ", "AOET"), lambda e: e.made * HOUR_US, lambda e: e.order_us, NO_ORDER, "pcs/h"
    ),
    "scrap_ratio": Quotient("SQ / PQ", ("SQ", "PQ"), lambda e: e.scrap, lambda e: e.made, NOTHING_MADE),
    "rework_ratio": Quotient("RQ / PQ", ("RQ", "PQ"), lambda e: e.rework, lambda e: e.made, NOTHING_MADE),
    "uptime_rate": Quotient(
        "(PBT - ADOT) / PBT", ("PBT", "ADOT"), lambda e: e.pbt_us - e.adot_us, lambda e: e.pbt_us, NO_PLANNED_TIME
    ),
    "mtbf": Quotient(
        "APT / failures", ("APT", "failures"),
        lambda e: e.apt_us / MINUTE_US, lambda e: e.failures, NO_FAILURE, "min",
    ),
    "mttr": Quotient(
        "ADOT of failures / failures", ("failure ADOT", "failures"),
        lambda e: e.failure_us / MINUTE_US, lambda e: e.failures, NO_FAILURE, "min",
    ),
}  # fmt: skip
"""Every KPI by its name. Formulas: docs/glossary.md, *KPIs* (ISO 22400-2)."""


def ratio(name: str, elements: Elements) -> Ratio:
    """One KPI of some elements. Raises KeyError for a name that is none."""
    kpi = KPIS[name]
    if isinstance(kpi, Product):
        return _product(ratio(factor, elements) for factor in kpi.factors)
    if name == "effectiveness" and elements.unpaced:
        return Ratio(None, NO_PACE)
    below = kpi.below(elements)
    return Ratio(kpi.above(elements) / below) if below else Ratio(None, kpi.nothing)


def _product(factors: Iterable[Ratio]) -> Ratio:
    value = 1.0
    for factor in factors:
        if factor.value is None:
            return factor
        value *= factor.value
    return Ratio(value)


def ratios(elements: Elements) -> dict[str, Ratio]:
    """Every KPI of some elements by its name."""
    return {name: ratio(name, elements) for name in KPIS if name != "working_share"}


@dataclass(frozen=True, slots=True)
class Input:
    """A figure of a formula, in the unit people read."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Why:
    """Where a KPI comes from: its formula, the figures in it, and for a product the KPIs it multiplies."""

    kpi: str
    formula: str
    unit: str
    result: Ratio
    inputs: tuple[Input, ...] = ()
    factors: tuple[Why, ...] = ()


def why(name: str, elements: Elements) -> Why:
    """Why a KPI is what it is. Raises KeyError for a name that is none."""
    kpi = KPIS[name]
    result = ratio(name, elements)
    if isinstance(kpi, Product):
        return Why(name, kpi.formula, kpi.unit, result, factors=tuple(why(factor, elements) for factor in kpi.factors))
    inputs = tuple(Input(symbol, SYMBOLS[symbol][0](elements), SYMBOLS[symbol][1]) for symbol in kpi.inputs)
    return Why(name, kpi.formula, kpi.unit, result, inputs)


# --- ratios that are not of one ledger


def rolled_yield(stations: Iterable[Elements]) -> Ratio:
    """直通率: the product of each operation's share of pieces that pass it at first."""
    return _product(ratio("quality_ratio", elements) for elements in stations)


def attainment(lots: Iterable[tuple[int, int]]) -> Ratio:
    """计划达成率: what was made of what was planned, lot by lot: sum of min(good, planned) / sum of planned."""
    made = planned = 0
    for good, wanted in lots:
        made += min(max(good, 0), wanted)
        planned += wanted
    return Ratio(made / planned) if planned else Ratio(None, "nothing was planned")


def on_time(orders: Iterable[bool]) -> Ratio:
    """准时完工率: orders completed by due / orders due."""
    due = list(orders)
    return Ratio(sum(due) / len(due)) if due else Ratio(None, "no order was due")


def bottleneck(times: Mapping[str, Elements]) -> str | None:
    """Of a line's machines the one that sets the pace: it works or is down while the others wait (least ADET).

    None while nothing ran. Where two wait equally little, the one that worked longer.
    """
    ran = {machine: e for machine, e in times.items() if e.apt_us}
    if not ran:
        return None
    return min(ran, key=lambda machine: (ran[machine].adet_us / ran[machine].pbt_us, -ran[machine].apt_us, machine))
