"""What a bench says: figures with their units, the machine, versions, seed; one JSON form for all of them."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

_VERSIONS = ("takt-mes", "psycopg", "paho-mqtt", "asyncua", "msgspec", "ortools", "fastapi")


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of `n` observations; percentiles where single ones were timed, the worst where it is their median."""

    value: float
    unit: str
    n: int
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    worst: float | None = None


@dataclass(slots=True)
class Result:
    """Measures and ratios keep their names (docs: contracts)."""

    bench: str
    seconds: float
    seed: int = 1
    measures: dict[str, Measure] = field(default_factory=dict)
    peers: dict[str, dict[str, Any]] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    def judge(self, name: str, figure: float, *, at_most: float | None = None, at_least: float | None = None) -> None:
        """Note a bar and whether it was met."""
        bounds = [(bound, sign) for bound, sign in ((at_most, "<="), (at_least, ">=")) if bound is not None]
        for bound, sign in bounds:
            met = figure <= bound if sign == "<=" else figure >= bound
            self.notes.append(f"bar: {name} {figure:g} {sign} {bound:g} {'met' if met else 'MISSED'}")

    def as_json(self) -> dict[str, Any]:
        """The contract's form."""
        return {
            "bench": self.bench,
            "machine": machine(),
            "versions": {name: version(name) for name in _VERSIONS}
            | {"python": platform.python_version()}
            | self.versions,
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "measures": {name: _without_none(asdict(measure)) for name, measure in self.measures.items()},
            "peers": self.peers,
            "ratios": {name: round(ratio, 3) for name, ratio in self.ratios.items()},
            "notes": self.notes,
        }


def machine() -> dict[str, Any]:
    """Cores, memory and kernel of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cores": os.cpu_count(), "memory": f"{memory / 2**30:.1f} GiB", "kernel": platform.release()}


def of_times(times_s: Sequence[float]) -> Measure:
    """Milliseconds: the mean and percentiles of single observations."""
    ordered = sorted(times_s)
    return Measure(
        value=round(sum(ordered) / len(ordered) * 1000, 2) if ordered else 0.0,
        unit="ms",
        n=len(ordered),
        p50=_at(ordered, 0.5),
        p95=_at(ordered, 0.95),
        p99=_at(ordered, 0.99),
    )


def _at(ordered: Sequence[float], share: float) -> float | None:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 2) if ordered else None


def cpu_s(pid: int) -> float:
    """CPU seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Memory a process has in RAM."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def peak_mb() -> float:
    """The most memory this process has had in RAM."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, 1)


def _without_none(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}
