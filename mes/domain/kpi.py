"""KPIs of ISO 22400-2 from the time ledger's elements: ratios of sums, never averages of ratios, never clipped.

A ratio whose denominator is nothing is undefined and says why. Elements are sums over any machines and shifts.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Elements:
    """Microseconds and pieces of a scope. `ideal_us`: the pieces' own time at their standard pace (PRI x PQ)."""

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


@dataclass(frozen=True, slots=True)
class Ratio:
    """A KPI: its value, or why it has none."""

    value: float | None
    undefined: str = ""


def _ratio(above: float, below: float, nothing: str) -> Ratio:
    return Ratio(above / below) if below else Ratio(None, nothing)


def _product(*ratios: Ratio) -> Ratio:
    value = 1.0
    for ratio in ratios:
        if ratio.value is None:
            return ratio
        value *= ratio.value
    return Ratio(value)


NO_PLANNED_TIME = "no planned time"
NOT_RUN = "did not run"
NOTHING_MADE = "nothing was made"
NOT_USED = "was not in use"


def ratios(e: Elements) -> dict[str, Ratio]:
    """Every KPI by its name. Formulas: docs/glossary.md, *KPIs* (ISO 22400-2)."""
    availability = _ratio(e.apt_us, e.pbt_us, NO_PLANNED_TIME)
    effectiveness = _ratio(e.ideal_us, e.apt_us, NOT_RUN)
    quality = _ratio(e.good, e.made, NOTHING_MADE)
    working = e.apt_us + e.aust_us
    return {
        "availability": availability,
        "effectiveness": effectiveness,
        "quality_ratio": quality,
        "oee": _product(availability, effectiveness, quality),
        "nee": _product(_ratio(working, e.pbt_us, NO_PLANNED_TIME), effectiveness, quality),
        "utilization": _ratio(e.apt_us, e.aubt_us, NOT_USED),
        "technical_efficiency": _ratio(e.apt_us, e.apt_us + e.adet_us, NOT_RUN),
        "setup_ratio": _ratio(e.aust_us, working, NOT_RUN),
        "uptime_rate": _ratio(e.pbt_us - e.adot_us, e.pbt_us, NO_PLANNED_TIME),
    }
