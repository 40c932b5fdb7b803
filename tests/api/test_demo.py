"""The demo's guide: its buttons really reach the doors, and its ticks are what is booked, never what was pressed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from mes.actions import plant
from mes.formats.plant_file import read_plant
from mes.host.mishaps import mishap_door
from mes.host.processes import free_port, wait_gone
from mes.host.supervisor import Program, Supervisor
from simulators.control import Control
from tests.api.callers import AT, PLANT, Site

HAPPENED = datetime.fromisoformat("2026-01-05T00:06:38.475Z")
MACHINE = """
[[source]]
code = "plc"
kind = "opcua"
url = "opc.tcp://127.0.0.1:4840"

[[machine]]
code = "L02-M2"
line = "L02"
name = { zh = "焊", en = "Welder" }
position = 2

[[station]]
code = "L02-S2"
line = "L02"
machine = "L02-M2"
"""


class Machines:
    """The machines' door, and what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.made = {"L02-M2": [5, 1]}
        self.control = Control(
            0,
            {
                ("POST", "/fault"): self._do,
                ("POST", "/clear"): self._do,
                ("POST", "/slow"): self._refuse,
                ("GET", "/truth"): lambda query: {"until": query["until"], "machines": self.made},
            },
        )

    def _do(self, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(body)
        return {"at": HAPPENED.isoformat(), "changes": []}

    def _refuse(self, _: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("no machine 'L04-M3' here")


@pytest.fixture
def machines() -> Iterator[Machines]:
    """An open door."""
    made = Machines()
    yield made
    made.control.close()


@pytest.fixture
def demo(serve: Callable[..., Site], database_url: str, tmp_path: Path, machines: Machines) -> Site:
    """A demo's site, whose doors are open but for the ERP's."""
    with psycopg.connect(database_url) as conn:
        plant.apply(conn, AT, read_plant(PLANT + MACHINE))
    doors = {"machines": machines.control.url, "erp": f"http://127.0.0.1:{free_port()}"}
    (tmp_path / "doors.json").write_text(json.dumps(doors))
    return serve(demo=True, home=tmp_path)


def seen(site: Site, code: str, tour: str = "manager") -> dict[str, Any]:
    """A step as the guide shows it."""
    reply = site.caller().get("/demo", params={"tour": tour})
    assert reply.status_code == 200, reply.text
    return next(step for step in reply.json()["steps"] if step["code"] == code)


def test_a_real_plant_has_no_guide(site: Site) -> None:
    """Its routes are not even there, and no contract names them."""
    assert site.caller().get("/demo").status_code == 404
    assert site.caller().post("/demo/fault", json={}).status_code == 404
    assert [
        path for path in httpx.get(f"{site.url}/openapi.json", trust_env=False).json()["paths"] if "demo" in path
    ] == []


@pytest.mark.parametrize("began_at", [HAPPENED, HAPPENED + timedelta(minutes=2)])
def test_a_press_is_no_tick(demo: Site, machines: Machines, database_url: str, began_at: datetime) -> None:
    """The button breaks the machine; the step is done once the fault is booked, of that very instant or, where the
    machine was not switched on yet, of when it was."""
    assert demo.caller().post("/demo/fault", json={}).status_code == 202
    assert [(one["machine"], one["state"]) for one in machines.asked] == [("L02-M2", "fault")]
    step = seen(demo, "fault")
    assert (step["done"], step["facts"], step["asked_at"] is None) == (False, {}, False)
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "insert into state_span (machine, from_at, state, cause, stop_code, job_id, order_id, phase, shift)"
            " values ('L02-M2', %s, 'fault', '', 'E201', 0, 0, '', '')",
            [began_at],
        )
    step = seen(demo, "fault")
    assert step["done"]
    assert step["facts"] == {"machine": "L02-M2", "since_at": round(began_at.timestamp() * 1000)}


def test_totals_are_compared_with_the_truth(demo: Site, machines: Machines, database_url: str) -> None:
    """Equal is equal to the last piece, good and reject; one off is not."""
    step = seen(demo, "totals", "it")
    assert (step["done"], step["facts"]["equal"], step["facts"]["stations"]) == (False, 0, 1)
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "insert into minute_count (station, minute, job_id, order_id, operation_seq, phase, good, reject, rework,"
            " scrap, entered) values ('L02-S2', %s, 0, 0, 0, '', 5, 1, 0, 0, 6)",
            [HAPPENED - timedelta(days=1)],
        )
    step = seen(demo, "totals", "it")
    assert (step["done"], step["facts"]["equal"], step["facts"]["pieces"]) == (True, 1, 6)
    machines.made = {"L02-M2": [5, 2]}
    assert not seen(demo, "totals", "it")["done"]


def test_a_closed_door_is_said_in_one_sentence(demo: Site, machines: Machines) -> None:
    """A door that does not answer is 503 with what to do, one that says no is 409; neither counts as done."""
    reply = demo.caller().post("/demo/shortage", json={})
    assert (reply.status_code, reply.json()["retryable"]) == (503, True)
    assert reply.json()["detail"].startswith("The demo's door to the erp does not answer (ConnectError). Try again")
    reply = demo.caller().post("/demo/slow", json={})
    assert reply.status_code == 409
    assert reply.json()["detail"].startswith("The machines would not: no machine 'L04-M3' here. Look at")
    assert demo.caller().post("/demo/hands", json={}).status_code == 404
    assert seen(demo, "slow")["asked_at"] is None
    machines.control.close()
    assert "does not answer" in seen(demo, "totals", "it")["trouble"]
    machines.control = Control(0, {})


def test_the_collector_is_really_killed(demo: Site, tmp_path: Path, database_url: str) -> None:
    """The process is gone; the step is done when another owner hears every source."""
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "insert into source_lease (source, owner, epoch, expires_at, state, since_at)"
            " values ('plc', 'a', 1, now(), 'running', now())"
        )
    port = free_port()
    doors = json.loads((tmp_path / "doors.json").read_text())
    (tmp_path / "doors.json").write_text(json.dumps({**doors, "host": f"http://127.0.0.1:{port}"}))
    program = Program("collect", (sys.executable, "-c", "import time; time.sleep(600)"))
    with (
        Supervisor(tmp_path / "log", os.environ) as children,
        mishap_door(port, {"collect": lambda: children.kill("collect")}),
    ):
        pid = children.start(program)
        assert demo.caller().post("/demo/collector", json={}).status_code == 202
        assert wait_gone(pid, 60)
    step = seen(demo, "collector", "it")
    assert (step["done"], step["facts"]) == (False, {"back": 0, "sources": 1})
    with psycopg.connect(database_url) as conn:
        conn.execute("update source_lease set owner = 'b', epoch = 2")
    assert seen(demo, "collector", "it")["done"]


def test_only_the_visitor_on_this_machine_may(demo: Site, machines: Machines) -> None:
    """Through a proxy nobody is the demo's visitor, and a page of another site is not heard."""
    through_a_proxy = demo.caller(**{"X-Forwarded-For": "10.0.0.9"})
    assert through_a_proxy.post("/demo/fault", json={}).status_code == 401
    from_elsewhere = demo.caller(Origin="http://evil.example")
    assert from_elsewhere.post("/demo/fault", json={}).status_code == 403
    assert machines.asked == []
