"""`mes demo`: everything of `mes up`, with a simulated plant, on a fresh database, on Monday at 08:00.

    Demo(speed=60, seed=1).run(load_settings(), say=print)

The demo never touches a real plant's data: its database is called `<name>_demo` and thrown away at each start, its
spool, keys and broker sessions lie in `<MES_HOME>/demo`. Simulators are programs like those of a stranger: they get
the published plant file, addresses, a key, and the anchor of plant time.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from mes import clock
from mes.clock import Clock
from mes.domain.access import GRANTS
from mes.errors import SetupError
from mes.host import mosquitto, processes, timescale
from mes.host.files import make_folder, write_whole
from mes.host.mishaps import Kill, mishap_door
from mes.host.processes import Say
from mes.host.supervisor import Program, Supervisor
from mes.host.up import Prepared, run
from mes.settings import Settings

MONDAY = datetime(2026, 1, 5, 0, 0, tzinfo=UTC)
"""08:00 in Shanghai, when the demo plant's first shift begins."""
LEAD_S = 15.0
"""What starting everything and a first plan take, in machine time: nothing of the shift goes unheard."""
SOURCES = Path(__file__).parents[2] / "simulators" / "demo"
DOORS = ("machines", "erp", "host")
"""Whoever lets something be done to it: the simulators, and this process."""
ERP_FILE = SOURCES / "erp.json"
WORLD_FILE = SOURCES / "world.toml"


@dataclass(frozen=True, slots=True)
class Demo:
    """How the demonstration runs: seconds of plant time in a second, and the seed of what happens.

    `planning` is how every line is planned; empty: as the plant file says, assisted, so that re-plans are proposals
    that wait for the visitor and nobody else publishes them. `lead_s` is how long before the first shift the plant's
    day begins, in machine time.
    """

    speed: float = 20.0
    seed: int = 1
    planning: Literal["", "manual", "assisted", "automatic"] = ""
    lead_s: float = LEAD_S

    def run(self, settings: Settings, say: Say) -> None:
        """Until told to stop."""
        run(settings, say, prepare=self.prepare, home=settings.home / "demo")

    def prepare(self, here: Settings, say: Say) -> Prepared:
        """A fresh database with the demo plant, keys for the simulators, and how to start them."""
        say("Preparing a fresh demo database")
        here = here.model_copy(update={"database_url": fresh_database(here.database_url), "demo": True})
        plant = moved_plant(here.mqtt_url, make_folder(here.home) / "plant.toml", self.planning)
        lead = timedelta(seconds=round(self.lead_s * self.speed))
        anchor = Clock(plant_at=MONDAY - lead, wall_at=clock.wall(), speed=self.speed)
        keys = furnish(here.database_url, plant, anchor)
        ports = {name: processes.free_port() for name in DOORS}
        addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        write_whole(here.doors_file, json.dumps(addresses), mode=0o600)
        return Prepared(
            here,
            self.simulators(here, plant, anchor, keys, ports),
            beside=lambda supervisor: mishap_door(ports["host"], _kills(here, supervisor)),
        )

    def simulators(
        self, here: Settings, plant: Path, anchor: Clock, keys: Mapping[str, str], ports: Mapping[str, int]
    ) -> list[Program]:
        """The simulated machines, ERP and people as programs; the only place that knows their command line."""
        time = (
            "--plant-at", anchor.plant_at.isoformat(), "--wall-at", anchor.wall_at.isoformat(),
            "--speed", str(anchor.speed), "--plant", str(plant),
        )  # fmt: skip
        world = ("--world", str(WORLD_FILE), "--seed", str(self.seed))
        machines = (
            "machines", "--truth", str(here.home / "truth-machines.jsonl"), "--control-port", str(ports["machines"]),
        )  # fmt: skip
        people = (
            "people", "--truth", str(here.home / "truth-people.jsonl"),
            "--machines", f"http://127.0.0.1:{ports['machines']}",
            "--publish" if self.planning == "automatic" else "--no-publish",
        )  # fmt: skip
        erp = (
            "erp", "--documents", str(ERP_FILE), "--log", str(here.home / "erp-heard.jsonl"),
            "--control-port", str(ports["erp"]),
        )  # fmt: skip
        api = ("--api", here.http_url)
        return [
            _simulator((*machines, *world, *time)),
            _simulator((*erp, *api, *time), SIM_ERP_KEY=keys["erp"]),
            _simulator((*people, *api, *world, *time), SIM_PEOPLE_KEY=keys["people"]),
        ]


def _kills(here: Settings, supervisor: Supervisor) -> dict[str, Kill]:
    """What the guide may end, to show that nothing is lost by it."""
    broker = mosquitto.broker_of(here)
    return {"collect": lambda: supervisor.kill("collect"), "broker": lambda: mosquitto.kill(broker)}


def _simulator(words: Sequence[str], **environment: str) -> Program:
    argv = (sys.executable, "-m", "simulators", *words)
    return Program(f"sim-{words[0]}", argv, guest=True, environment=environment)


def erp_system() -> str:
    """What the simulated ERP calls itself in its documents."""
    system: str = json.loads(ERP_FILE.read_text("utf-8"))["system"]
    return system


def fresh_database(server_url: str) -> str:
    """Drop and create the demo's database on the server of `server_url`; its address."""
    from mes.store import migrate
    from mes.store.pool import away

    name = _name(server_url)
    try:
        drop_database(server_url)
        with psycopg.connect(_maintenance(server_url), autocommit=True) as conn:
            conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    except psycopg.OperationalError as error:
        raise away(str(error)) from None
    except psycopg.Error as error:
        raise SetupError(
            f"The demo's database {name} cannot be made ({str(error).strip().splitlines()[0]})",
            remedy="Give the user of MES_DATABASE_URL the right CREATEDB, or unset it to use a private database.",
        ) from None
    url = timescale.with_database(server_url, name)
    migrate.upgrade(url)
    return url


def drop_database(server_url: str) -> None:
    """Throw the demo's database away, if there is one."""
    with psycopg.connect(_maintenance(server_url), autocommit=True) as conn:
        conn.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(_name(server_url))))


def _name(server_url: str) -> str:
    return f"{urlsplit(server_url).path.lstrip('/') or 'mes'}_demo"


def _maintenance(server_url: str) -> str:
    return timescale.with_database(server_url, "postgres")


def moved_plant(mqtt_url: str, target: Path, planning: str = "") -> Path:
    """The published plant file with addresses that are free on this machine, written to `target`."""
    text = (SOURCES / "plant.toml").read_text("utf-8")
    if planning:
        text = re.sub(r'^planning = "\w+"', f'planning = "{planning}"', text, flags=re.MULTILINE)
    text = re.sub(r'"opc\.tcp://127\.0\.0\.1:\d+"', lambda _: f'"opc.tcp://127.0.0.1:{processes.free_port()}"', text)
    target.write_text(re.sub(r'"mqtt://127\.0\.0\.1:\d+"', f'"{mqtt_url}"', text), "utf-8")
    return target


def furnish(database_url: str, plant_file: Path, anchor: Clock) -> dict[str, str]:
    """Anchor plant time, apply the plant, make a key for the ERP and one for the people: key by name."""
    from mes.actions import access, plant
    from mes.actions.record import Deed
    from mes.formats.plant_file import read_plant
    from mes.store.house import save_clock
    from mes.store.pool import connect

    deed = Deed("cli", anchor.plant_at)
    with connect(database_url, name="takt demo") as conn:
        save_clock(conn, anchor)
        plant.apply(conn, deed, read_plant(plant_file.read_text("utf-8")))
        return {
            "erp": access.add_key(conn, deed, system=erp_system(), scopes=["erp"]),
            "people": access.add_key(
                conn, deed, system="people", scopes=sorted(GRANTS["line_lead"] | GRANTS["planner"])
            ),
        }
