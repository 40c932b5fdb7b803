"""`mes plan`: the solver on files, and plans on the database."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.planning.small_plant import NOW, at

PROBLEM = {
    "name": "two lines",
    "now": "2026-01-05T00:00:00Z",
    "horizon_end": "2026-01-20T00:00:00Z",
    "lines": [{"code": code, "open": [["2026-01-05T00:00:00Z", "2026-01-20T00:00:00Z"]]} for code in ("L1", "L2")],
    "setups": [
        {"line": None, "from": "F1", "to": "F2", "minutes": 30}, {"line": None, "from": "F2", "to": "F1", "minutes": 30}
    ],
    "products": [
        {"code": f"P{n}", "family": f"F{n}",
         "stages": [{"seq": 10, "lines": [{"line": line, "seconds_per_piece": 60} for line in ("L1", "L2")]}]}
        for n in (1, 2)
    ],
    "orders": [
        {"code": f"MO{n}", "product": f"P{n % 2 + 1}", "qty": 100 + n, "due_at": "2026-01-05T12:00:00Z"}
        for n in range(8)
    ],
}  # fmt: skip


@pytest.fixture
def mes(tmp_path):
    """Runs `mes plan ...` in a folder of its own."""

    def run(*words, database_url=None):
        environment = {**os.environ, "MES_HOME": str(tmp_path / "home")}
        environment.pop("MES_DATABASE_URL", None)
        if database_url:
            environment["MES_DATABASE_URL"] = database_url
        return subprocess.run(
            [sys.executable, "-m", "mes", "plan", *map(str, words)],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def problem(tmp_path):
    path = tmp_path / "problem.json"
    path.write_text(json.dumps(PROBLEM))
    return path


def test_a_problem_is_solved_checked_and_compared(mes, problem, tmp_path):
    """The plan goes to its file, the cost falls on stderr, the checker agrees, and a plan equals itself."""
    solved = mes("solve", problem, "--time-limit", "0.5", "-o", "plan.json")
    assert solved.returncode == 0, solved.stderr
    costs = [float(row.split("cost ")[1]) for row in solved.stderr.splitlines() if " s " in row and "cost " in row]
    assert costs
    told = [row.split(" s ")[1] for row in solved.stderr.splitlines() if " s " in row and "cost " in row]
    assert len(told) == len(set(told))
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert sum(lot["qty"] for lot in plan["lots"]) == sum(order["qty"] for order in PROBLEM["orders"])
    checked = mes("check", problem, "plan.json")
    assert (checked.returncode, checked.stdout) == (0, "The plan obeys every rule\n")
    compared = mes("diff", "plan.json", "plan.json")
    assert (compared.returncode, compared.stdout) == (0, "The plans are the same\n"), compared.stderr
    plan["lots"][0]["line"] = {"L1": "L2", "L2": "L1"}[plan["lots"][0]["line"]]
    (tmp_path / "other.json").write_text(json.dumps(plan))
    assert f"lot {plan['lots'][0]['order']}/10 line:" in mes("diff", "plan.json", "other.json").stdout


def test_the_same_work_gives_the_same_plan(mes, problem):
    """With --work the plan depends on nothing but seed and work."""
    first, second = (mes("solve", problem, "--work", "2000", "--seed", "7") for _ in range(2))
    lots = [json.loads(run.stdout)["lots"] for run in (first, second)]
    assert lots[0] == lots[1]


def test_a_broken_plan_is_found(mes, problem, tmp_path):
    """A plan that breaks a rule is named rule by rule, exit 1."""
    mes("solve", problem, "--work", "500", "-o", "plan.json")
    plan = json.loads((tmp_path / "plan.json").read_text())
    plan["lots"][0]["qty"] += 1000
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    checked = mes("check", problem, "plan.json")
    assert checked.returncode == 1
    assert "MO" in checked.stdout


def test_every_fault_of_a_file_is_named(mes, problem):
    """A bad problem file is refused with each fault's JSON pointer, exit 2; so is one that is none or not there."""
    wrong = json.loads(json.dumps(PROBLEM))
    wrong["orders"][0]["qty"] = -1
    wrong["orders"][1]["product"] = "P9"
    wrong["lines"][0]["colour"] = "red"
    problem.write_text(json.dumps(wrong))
    refused = mes("solve", problem)
    assert refused.returncode == 2
    for pointer in ("/orders/0/qty", "/orders/1/product", "/lines/0/colour"):
        assert f"\n  {pointer}: " in refused.stderr
    problem.write_text("{")
    assert mes("check", problem, problem).returncode == 2
    assert mes("solve", "nowhere.json").returncode == 2
    assert mes("solve", problem, "--work", "5", "--time-limit", "5").returncode == 2


def test_a_plan_is_made_shown_and_published(mes, site, database_url):
    """`run` makes a plan as of an instant, `show` prints it, `publish` takes a proposal, `diff` compares two."""
    site.order("1", "P1", 60, at(20))
    site.conn.commit()
    ran = mes("run", "--now", NOW.isoformat(), "--time-limit", "0.3", database_url=database_url)
    assert (ran.returncode, ran.stdout) == (0, "Plan 1 is published as version 1\n"), ran.stderr
    shown = mes("show", database_url=database_url)
    assert "ERP1/1" in shown.stdout
    site.order("2", "P1", 60, at(20))
    site.conn.commit()
    proposed = mes("run", "--now", NOW.isoformat(), "--time-limit", "0.3", database_url=database_url)
    assert "Plan 2 is proposed" in proposed.stdout
    assert "assisted" in proposed.stdout
    compared = mes("diff", 1, 2, database_url=database_url)
    assert "lots_new" in compared.stdout
    published = mes("publish", 2, database_url=database_url)
    assert published.stdout == "Plan 2 is published as version 2\n"
    again = mes("publish", 2, database_url=database_url)
    assert (again.returncode, again.stderr) == (1, "Plan 2 is published already.\n")


def test_what_is_not_there_is_said(mes, site, database_url):
    """No plan yet, no such plan, no instant: one sentence each."""
    site.conn.commit()
    assert "No plan is published" in mes("show", database_url=database_url).stderr
    assert "There is no plan 7" in mes("publish", 7, database_url=database_url).stderr
    assert mes("run", "--now", "monday", database_url=database_url).returncode == 2
    assert mes("run", "--now", "2026-01-05T08:00:00", database_url=database_url).returncode == 2
